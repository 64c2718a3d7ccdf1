//! Normalisation: by the rows' own mean and spread, or by those that training has left.

use super::lanes::{LANES, Lanes, reduce};
use super::simd::Work;
use super::sums::Registers;
use crate::model::params::{Params, Visit};

/// `LayerNormalization` over rows.
#[derive(Debug)]
pub(super) struct LayerNorm {
    /// One a column.
    pub(super) scale: Params<f32>,
    /// One a column.
    pub(super) bias: Params<f32>,
    pub(super) epsilon: f32,
}

/// One run over rows.
pub(super) struct Normalize<'a> {
    pub(super) norm: &'a LayerNorm,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for Normalize<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        self.norm.apply(self.from, self.to);
    }
}

impl LayerNorm {
    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.scale);
        visit(&mut self.bias);
    }

    /// Mean and spread in f64 by the canonical lanes, each value rounded once.
    #[inline(always)]
    fn apply(&self, from: &[f32], to: &mut [f32]) {
        let columns = self.scale.len();
        for (from, to) in from.chunks_exact(columns).zip(to.chunks_exact_mut(columns)) {
            let mean = sum(from, |x| x) / columns as f64;
            let variance = sum(from, |x| (x - mean) * (x - mean)) / columns as f64;
            let factor = 1.0 / (variance + f64::from(self.epsilon)).sqrt();
            for ((to, from), (scale, bias)) in to.iter_mut().zip(from).zip(self.scale.iter().zip(&self.bias)) {
                *to = ((f64::from(*from) - mean) * factor * f64::from(*scale) + f64::from(*bias)) as f32;
            }
        }
    }
}

#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes: Lanes = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for values in blocks {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += of(f64::from(*value));
        }
    }
    for values in rest.chunks(LANES) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += of(f64::from(*value));
        }
    }
    reduce(lanes, |a, b| a + b)
}

/// `BatchNormalization` with the statistics of the training: a factor and a term for each column.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) factor: Params<f32>,
    pub(super) term: Params<f32>,
}

impl Affine {
    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.factor);
        visit(&mut self.term);
    }

    pub(super) fn apply(&self, from: &[f32], to: &mut [f32]) {
        let columns = self.factor.len();
        for (from, to) in from.chunks_exact(columns).zip(to.chunks_exact_mut(columns)) {
            for ((to, from), (factor, term)) in to.iter_mut().zip(from).zip(self.factor.iter().zip(&self.term)) {
                *to = (f64::from(*factor) * f64::from(*from) + f64::from(*term)) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_centred_and_scaled() {
        let norm = LayerNorm { scale: vec![1.0, 2.0, 1.0, 1.0].into(), bias: vec![0.0, 0.0, 0.5, 0.0].into(), epsilon: 0.0 };
        let mut to = [f32::NAN; 8];
        norm.apply(&[1.0, 3.0, 1.0, 3.0, 3.0e38, -3.0e38, 3.0e38, -3.0e38], &mut to);
        assert_eq!(to, [-1.0, 2.0, -0.5, 1.0, 1.0, -2.0, 1.5, -1.0]);
        norm.apply(&[f32::NAN, 0.0, 1.0, 2.0, 1.0, 3.0, 1.0, 3.0], &mut to);
        assert!(to[..4].iter().all(|value| value.is_nan()) && to[4] == -1.0);
    }
}

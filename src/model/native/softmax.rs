//! Softmax over rows of a network's values.

use super::block::{WIDTH, exp};
use super::simd::Work;
use super::sums::Registers;

/// One run over rows.
pub(super) struct Softmax<'a> {
    pub(super) columns: usize,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for Softmax<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        for (from, to) in self.from.chunks_exact(self.columns).zip(self.to.chunks_exact_mut(self.columns)) {
            row(from, to);
        }
    }
}

/// exp(x - greatest) / sum. The greatest value and the sum go through 16 lanes and a fixed reduction, so that every instruction set gives
/// the same bits. A row of nothing but minus infinities, or with a NaN, gives NaN.
#[inline(always)]
fn row(from: &[f32], to: &mut [f32]) {
    let greatest = lanes(from, f32::NEG_INFINITY, |most, x| if x > most { x } else { most });
    for (to, from) in to.iter_mut().zip(from) {
        *to = exp(*from - greatest);
    }
    let sum = lanes(to, 0.0, |sum, x| sum + x);
    to.iter_mut().for_each(|to| *to /= sum);
}

/// Lane i takes the values i, i + 16, ...; then lane i + lane i + 8, and so on.
#[inline(always)]
fn lanes(values: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; WIDTH];
    let (blocks, rest) = values.as_chunks::<WIDTH>();
    for block in blocks {
        for (lane, x) in lanes.iter_mut().zip(block) {
            *lane = join(*lane, *x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane = join(*lane, *x);
    }
    for half in [8, 4, 2, 1] {
        for at in 0..half {
            lanes[at] = join(lanes[at], lanes[at + half]);
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;

    fn softmax(from: &[f32]) -> Vec<f32> {
        let mut to = vec![0.0; from.len()];
        Level::best().run(Softmax { columns: from.len(), from, to: &mut to });
        to
    }

    #[test]
    fn shares_are_those_of_the_formula_and_add_up() {
        for len in [1, 2, 15, 16, 17, 60] {
            let from: Vec<f32> = (0..len).map(|i| (i as f32 * 1.7).sin() * 9.0).collect();
            let exact: Vec<f64> = from.iter().map(|x| f64::from(*x).exp()).collect();
            let sum: f64 = exact.iter().sum();
            let found = softmax(&from);
            assert!(found.iter().zip(&exact).all(|(found, exact)| (f64::from(*found) - exact / sum).abs() < 2e-7), "{len}");
            assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn masked_values_have_no_share_and_nan_stays() {
        assert_eq!(softmax(&[f32::NEG_INFINITY, 3.0e38, f32::NEG_INFINITY]), [0.0, 1.0, 0.0]);
        assert!(softmax(&[0.0, f32::NAN, 1.0]).iter().all(|share| share.is_nan()));
        assert!(softmax(&[f32::NEG_INFINITY; 3]).iter().all(|share| share.is_nan()));
    }
}

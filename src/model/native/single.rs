//! One row times stored weights, as the head of a network has it: it has too few outputs to hide that an addition waits for the last.
//!
//! So every output is four chains of fused multiply-adds in f32: chain c takes the inputs c, c + 4, c + 8, ... in their order, the first
//! one from the bias on and the others from 0; then chain 0 + 1, 2 + 3, and both. Layers over several rows have one chain an output
//! (`matrix.rs`). Which of both a layer has follows from the graph alone.

use super::activation::{Activation, InPlace};
use super::block::{Block, WIDTH, Weights, both};
use super::matrix::Matrix;
use super::simd::Work;
use super::sums::{PANEL, Registers, add};

const CHAINS: usize = 4;

/// A row times a matrix, and a function of each output.
pub(super) struct Single<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) then: Option<Activation>,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for Single<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Single { matrix, then, from, to } = self;
        let (panels, rest) = (matrix.panels() * PANEL * WIDTH, matrix.rest());
        let (whole, behind) = to.split_at_mut(panels.min(to.len()));
        for (panel, to) in whole.chunks_mut(PANEL * WIDTH).enumerate() {
            some::<R, PANEL>(matrix.panel(panel, 0, from.len()), matrix.biases(panel * PANEL), from, to);
        }
        let first = matrix.panels() * PANEL;
        match rest {
            1 => some::<R, 1>(matrix.rest_weights(), matrix.biases(first), from, behind),
            2 => some::<R, 2>(matrix.rest_weights(), matrix.biases(first), from, behind),
            3 => some::<R, 3>(matrix.rest_weights(), matrix.biases(first), from, behind),
            _ => (),
        }
        if let Some(activation) = then {
            activation.on(InPlace(to));
        }
    }
}

/// `M` blocks of outputs: at once, or one by one where registers hold no more.
#[inline(always)]
fn some<R: Registers, const M: usize>(weights: &[[Weights; M]], bias: [Block; M], from: &[f32], to: &mut [f32]) {
    if R::MANY {
        return put(&chains::<R, M, M>(weights, 0, bias, from), to);
    }
    for (block, (bias, to)) in bias.into_iter().zip(to.chunks_mut(WIDTH)).enumerate() {
        put(&chains::<R, 1, M>(weights, block, [bias], from), to);
    }
}

/// The sums of `N` blocks, from block `first` of each input's `M` on.
#[inline(always)]
fn chains<R: Registers, const N: usize, const M: usize>(weights: &[[Weights; M]], first: usize, bias: [Block; N], from: &[f32]) -> [Block; N] {
    let (mut a, mut b, mut c, mut d) = (bias, [[0.0; WIDTH]; N], [[0.0; WIDTH]; N], [[0.0; WIDTH]; N]);
    let ((fours, rest), (weights, weights_rest)) = (from.as_chunks::<CHAINS>(), weights.as_chunks::<CHAINS>());
    for (x, weights) in fours.iter().zip(weights) {
        add::<R, N>(&mut a, x[0], part(&weights[0], first));
        add::<R, N>(&mut b, x[1], part(&weights[1], first));
        add::<R, N>(&mut c, x[2], part(&weights[2], first));
        add::<R, N>(&mut d, x[3], part(&weights[3], first));
    }
    // One by one: what a loop over the chains refers to is kept in memory, not in registers.
    if let ([x, ..], [weights, ..]) = (rest, weights_rest) {
        add::<R, N>(&mut a, *x, part(weights, first));
    }
    if let ([_, x, ..], [_, weights, ..]) = (rest, weights_rest) {
        add::<R, N>(&mut b, *x, part(weights, first));
    }
    if let ([_, _, x, ..], [_, _, weights, ..]) = (rest, weights_rest) {
        add::<R, N>(&mut c, *x, part(weights, first));
    }
    sum(&sum(&a, &b), &sum(&c, &d))
}

/// `N` of an input's blocks.
#[inline(always)]
fn part<const N: usize, const M: usize>(weights: &[Weights; M], first: usize) -> &[Weights; N] {
    const NONE: Weights = Weights([0.0; WIDTH]);
    weights[first..].first_chunk().unwrap_or(&[NONE; N])
}

#[inline(always)]
fn sum<const N: usize>(a: &[Block; N], b: &[Block; N]) -> [Block; N] {
    let mut to = [[0.0; WIDTH]; N];
    for (to, (a, b)) in to.iter_mut().zip(a.iter().zip(b)) {
        *to = both(a, b, |a, b| a + b);
    }
    to
}

/// Writes outputs without the zeros that fill the last block.
#[inline(always)]
fn put(sums: &[Block], to: &mut [f32]) {
    match to.as_chunks_mut() {
        (to, []) if to.len() == sums.len() => to.copy_from_slice(sums),
        _ => to.copy_from_slice(&sums.as_flattened()[..to.len()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;

    fn value(seed: usize) -> f32 {
        let mixed = (seed as u32).wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x85eb_ca6b);
        (mixed as f32 / u32::MAX as f32 - 0.5) * 4.0
    }

    #[test]
    fn every_level_follows_the_four_chains() {
        let (weight, bias) = (|input: usize, output: usize| value(input * 977 + output), |output: usize| value(output + 31));
        for inputs in [1, 2, 3, 4, 7, 25, 64] {
            for outputs in [1, 3, 16, 17, 40, 48, 64, 65, 150, 256] {
                let matrix = Matrix::new((inputs, outputs), weight, bias, "x").unwrap();
                let from: Vec<f32> = (0..inputs).map(|i| value(i + 7_777)).collect();
                let expected = |output: usize| {
                    let mut chains = [bias(output), 0.0, 0.0, 0.0];
                    from.iter().enumerate().for_each(|(input, x)| chains[input % 4] = weight(input, output).mul_add(*x, chains[input % 4]));
                    (chains[0] + chains[1]) + (chains[2] + chains[3])
                };
                for level in Level::available() {
                    let mut to = vec![f32::NAN; outputs];
                    level.run(Single { matrix: &matrix, then: None, from: &from, to: &mut to });
                    for (output, ours) in to.iter().enumerate() {
                        assert_eq!(ours.to_bits(), expected(output).to_bits(), "{level:?} {inputs} {outputs} {output}");
                    }
                }
            }
        }
    }
}

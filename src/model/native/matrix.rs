//! Products of rows with stored weights.
//!
//! Every output is one chain: from its bias over the inputs in their order, each step a fused multiply-add in f32. Outputs stand side
//! by side in blocks, so a chain is never split, and how many chains run at once changes no bit.

use super::block::{Block, WIDTH, Weights, blocks};
use super::faulty;
use super::simd::Work;
use crate::error::Result;

/// Weights by input: for each input the blocks of all outputs, the last one filled with zeros.
#[derive(Debug)]
pub(super) struct Matrix {
    inputs: usize,
    outputs: usize,
    weights: Vec<Weights>,
    bias: Vec<Weights>,
}

impl Matrix {
    /// From the weight of an input and an output and the bias of an output; `what` names the operator.
    pub(super) fn new((inputs, outputs): (usize, usize), weight: impl Fn(usize, usize) -> f32, bias: impl Fn(usize) -> f32, what: &str) -> Result<Matrix> {
        let packed = |of: &dyn Fn(usize) -> f32| {
            let mut row = vec![Weights::default(); blocks(outputs)];
            (0..outputs).for_each(|output| row[output / WIDTH].0[output % WIDTH] = of(output));
            row
        };
        let weights: Vec<Weights> = (0..inputs).flat_map(|input| packed(&|output| weight(input, output))).collect();
        let bias = packed(&bias);
        if !weights.iter().chain(&bias).flat_map(|block| block.0).all(f32::is_finite) {
            return Err(faulty(format!("{what} has a weight that is not finite")));
        }
        Ok(Matrix { inputs, outputs, weights, bias })
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Blocks of outputs.
    pub(super) fn blocks(&self) -> usize {
        self.bias.len()
    }

    /// `N` blocks of biases from block `first` on.
    #[inline(always)]
    pub(super) fn biases<const N: usize>(&self, first: usize) -> [Block; N] {
        let mut sums = [[0.0; WIDTH]; N];
        for (sum, bias) in sums.iter_mut().zip(&self.bias[first..]) {
            *sum = bias.0;
        }
        sums
    }

    /// The chains of `N` blocks of outputs from block `first` on, from `sums` over `from`, whose first value is input 0.
    #[inline(always)]
    pub(super) fn chain<const N: usize>(&self, sums: [Block; N], from: &[f32], first: usize) -> [Block; N] {
        let [sums] = chains([sums], [from], &self.weights, self.blocks(), first);
        sums
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.weights.as_slice()) + size_of_val(self.bias.as_slice())
    }
}

/// `ROWS` rows by `N` blocks of chains at once.
#[inline(always)]
fn chains<const ROWS: usize, const N: usize>(
    mut sums: [[Block; N]; ROWS],
    rows: [&[f32]; ROWS],
    weights: &[Weights],
    blocks: usize,
    first: usize,
) -> [[Block; N]; ROWS] {
    let count = rows.iter().map(|row| row.len()).min().unwrap_or(0);
    let rows = rows.map(|row| &row[..count]);
    for (input, weights) in weights.chunks_exact(blocks).enumerate().take(count) {
        let Some(weights) = weights[first..].first_chunk::<N>() else { break };
        for row in 0..ROWS {
            let x = rows[row][input];
            for block in 0..N {
                for (sum, weight) in sums[row][block].iter_mut().zip(&weights[block].0) {
                    *sum = weight.mul_add(x, *sum);
                }
            }
        }
    }
    sums
}

/// Which values each row of a product reads: `taps` stretches of one length, which may overlap those of other rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// How many rows.
    pub(super) rows: usize,
    /// From one row's first value to the next row's.
    pub(super) stride: usize,
    /// How many stretches a row has.
    pub(super) taps: usize,
    /// From one stretch to the next.
    pub(super) tap_stride: usize,
    /// The first value of the first row.
    pub(super) start: usize,
}

impl Walk {
    /// Rows behind one another.
    pub(super) fn plain(rows: usize, width: usize) -> Walk {
        Walk { rows, stride: width, taps: 1, tap_stride: 0, start: 0 }
    }
}

/// Where the outputs of each row go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lay {
    /// From one row's outputs to the next row's.
    pub(super) stride: usize,
    /// The first output of the first row.
    pub(super) start: usize,
}

/// All rows of a walk times a matrix.
pub(super) struct Product<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) from: &'a [f32],
    pub(super) walk: Walk,
    pub(super) to: &'a mut [f32],
    pub(super) lay: Lay,
}

impl Work for Product<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const BLOCKS: usize, const ALONE: usize>(mut self) {
        let mut first = 0;
        if self.walk.rows >= ROWS {
            first = self.columns::<ROWS, BLOCKS>(first);
            first = self.columns::<ROWS, 1>(first);
        } else {
            first = self.columns::<1, ALONE>(first);
            first = self.columns::<1, 4>(first);
            first = self.columns::<1, 1>(first);
        }
        debug_assert_eq!(first, self.matrix.blocks());
    }
}

impl Product<'_> {
    /// All rows for as many times `N` blocks of outputs as there are from block `first` on; the block behind them.
    #[inline(always)]
    fn columns<const ROWS: usize, const N: usize>(&mut self, mut first: usize) -> usize {
        while first + N <= self.matrix.blocks() {
            let mut row = 0;
            while row + ROWS <= self.walk.rows {
                self.tile::<ROWS, N>(row, first);
                row += ROWS;
            }
            while row < self.walk.rows {
                self.tile::<1, N>(row, first);
                row += 1;
            }
            first += N;
        }
        first
    }

    #[inline(always)]
    fn tile<const ROWS: usize, const N: usize>(&mut self, row: usize, first: usize) {
        let Walk { stride, taps, tap_stride, start, .. } = self.walk;
        let (len, blocks) = (self.matrix.inputs / taps, self.matrix.blocks());
        let mut sums = [self.matrix.biases::<N>(first); ROWS];
        for (tap, weights) in self.matrix.weights.chunks_exact((len * blocks).max(1)).enumerate() {
            let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
            for (index, stretch) in rows.iter_mut().enumerate() {
                let at = start + (row + index) * stride + tap * tap_stride;
                *stretch = &self.from[at..at + len];
            }
            sums = chains(sums, rows, weights, blocks, first);
        }
        for (index, sums) in sums.iter().enumerate() {
            self.store(row + index, first, sums);
        }
    }

    /// Writes blocks of outputs of one row, without the zeros that fill the last one.
    #[inline(always)]
    fn store<const N: usize>(&mut self, row: usize, first: usize, sums: &[Block; N]) {
        let at = self.lay.start + row * self.lay.stride + first * WIDTH;
        let len = (self.matrix.outputs - first * WIDTH).min(N * WIDTH);
        let to = &mut self.to[at..at + len];
        if len == N * WIDTH {
            to.copy_from_slice(sums.as_flattened());
        } else {
            to.copy_from_slice(&sums.as_flattened()[..len]);
        }
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

    /// The canonical order, spelt out.
    fn expected(matrix: &Matrix, from: &[f32], walk: Walk, row: usize, output: usize) -> f32 {
        let len = matrix.inputs / walk.taps;
        let mut sum = matrix.bias[output / WIDTH].0[output % WIDTH];
        for tap in 0..walk.taps {
            for i in 0..len {
                let x = from[walk.start + row * walk.stride + tap * walk.tap_stride + i];
                let weight = matrix.weights[(tap * len + i) * matrix.blocks() + output / WIDTH].0[output % WIDTH];
                sum = weight.mul_add(x, sum);
            }
        }
        sum
    }

    #[test]
    fn every_level_follows_the_chain() {
        let walks = [(1, 1), (2, 1), (3, 2), (4, 3), (9, 1), (7, 5)];
        for (rows, taps) in walks {
            for (len, outputs) in [(1, 1), (3, 16), (5, 17), (8, 64), (2, 70), (3, 256), (2, 400)] {
                let walk = Walk { rows, stride: len + 1, taps, tap_stride: 2 * len, start: 3 };
                let matrix = Matrix::new((len * taps, outputs), |i, o| value(i * 977 + o), |o| value(o + 31), "x").unwrap();
                let from: Vec<f32> = (0..3 + rows * (len + 1) + taps * 2 * len).map(|i| value(i + 7_777)).collect();
                let lay = Lay { stride: outputs + 2, start: 1 };
                for level in Level::available() {
                    let mut to = vec![-1.0; 1 + rows * lay.stride];
                    level.run(Product { matrix: &matrix, from: &from, walk, to: &mut to, lay });
                    for row in 0..rows {
                        for output in 0..outputs {
                            let ours = to[lay.start + row * lay.stride + output];
                            assert_eq!(ours.to_bits(), expected(&matrix, &from, walk, row, output).to_bits(), "{level:?} {rows} {taps} {len} {outputs}");
                        }
                        assert_eq!(to[lay.start + row * lay.stride + outputs..][..2], [-1.0, -1.0], "nothing is written behind a row");
                    }
                }
            }
        }
    }
}

//! Products of rows with stored weights.
//!
//! Every output is one chain: from its bias over the inputs in their order, each step a fused multiply-add in f32. Outputs stand side
//! by side in blocks, so a chain is never split, and how many chains run at once changes no bit.

use super::block::{Block, WIDTH, Weights, blocks, filled};
use super::simd::Work;
use super::sums::{Four, MOST, MOST_ROWS, PANEL, Panel, Registers, Sums, Tile, ZEROS, add};
use super::{faulty, unable};
use crate::error::Result;
use crate::model::params::{Params, Visit};

/// Weights in the order in which they are read: panel by panel of 64 outputs, and in a panel input by input. The outputs behind the
/// last whole panel are the rest, the last block of which is filled with zeros.
#[derive(Debug)]
pub(super) struct Matrix {
    inputs: usize,
    outputs: usize,
    panels: Params<Panel>,
    rest: Params<Weights>,
    bias: Params<Weights>,
}

/// Most blocks of weights of one layer: 1 GiB.
const MOST_BLOCKS: usize = 1 << 24;

impl Matrix {
    /// From the weight of an input and an output and the bias of an output; `what` names the operator.
    pub(super) fn new((inputs, outputs): (usize, usize), weight: impl Fn(usize, usize) -> f32, bias: impl Fn(usize) -> f32, what: &str) -> Result<Matrix> {
        if blocks(outputs).checked_mul(inputs).is_none_or(|count| count > MOST_BLOCKS) {
            return Err(unable(format!("{what} has weights of {inputs} inputs and {outputs} outputs, too many for one layer")));
        }
        let filled = |block: usize, of: &dyn Fn(usize) -> f32| {
            let mut weights = Weights::default();
            weights.0.iter_mut().zip(block * WIDTH..outputs).for_each(|(weight, output)| *weight = of(output));
            weights
        };
        let of_input = |block: usize, input: usize| filled(block, &|output| weight(input, output));
        let whole = blocks(outputs) / PANEL;
        let panel = |panel: usize, input: usize| -> Panel { std::array::from_fn(|block| of_input(panel * PANEL + block, input)) };
        let matrix = Matrix {
            inputs,
            outputs,
            panels: (0..whole).flat_map(|at| (0..inputs).map(move |input| panel(at, input))).collect(),
            rest: (0..inputs).flat_map(|input| (whole * PANEL..blocks(outputs)).map(move |block| of_input(block, input))).collect(),
            bias: (0..blocks(outputs)).map(|block| filled(block, &bias)).collect(),
        };
        let all = matrix.panels.as_flattened().iter().chain(&*matrix.rest).chain(&*matrix.bias);
        if !all.flat_map(|block| block.0).all(f32::is_finite) {
            return Err(faulty(format!("{what} has a weight that is not finite")));
        }
        Ok(matrix)
    }

    /// Takes terms, one an output or one for all, as the biases of a matrix that has none; whether they are such, and finite.
    pub(super) fn take_bias(&mut self, terms: &[f32]) -> bool {
        let fits = [1, self.outputs].contains(&terms.len()) && terms.iter().all(|term| term.is_finite());
        let has_none = self.bias.iter().flat_map(|block| block.0).all(|bias| bias == 0.0);
        if fits && has_none {
            let biases = self.bias.iter_mut().flat_map(|block| &mut block.0).take(self.outputs);
            biases.zip(terms.iter().cycle()).for_each(|(bias, term)| *bias = *term);
        }
        fits && has_none
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Whole panels of outputs.
    pub(super) fn panels(&self) -> usize {
        self.bias.len() / PANEL
    }

    /// Blocks of outputs behind the last whole panel.
    pub(super) fn rest(&self) -> usize {
        self.bias.len() % PANEL
    }

    /// The biases of `N` blocks of outputs from block `first` on.
    #[inline(always)]
    pub(super) fn biases<const N: usize>(&self, first: usize) -> [Block; N] {
        let mut sums = [[0.0; WIDTH]; N];
        for (sum, bias) in sums.iter_mut().zip(&self.bias[first..first + N]) {
            *sum = bias.0;
        }
        sums
    }

    /// The weights of the rest, of which there are `N` blocks.
    #[inline(always)]
    pub(super) fn rest_weights<const N: usize>(&self) -> &[[Weights; N]] {
        self.rest.as_chunks().0
    }

    /// The weights of a panel from one input on.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize, input: usize, len: usize) -> &[Panel] {
        &self.panels[panel * self.inputs + input..][..len]
    }

    /// The chains of the panels from `first` on, from `sums` over `from`, whose first value is input 0.
    #[inline(always)]
    pub(super) fn chain<R: Registers, S: Sums>(&self, mut sums: S, from: &[f32], first: usize) -> S {
        let mut panels: [&[Panel]; MOST / PANEL] = [&[]; MOST / PANEL];
        for (index, panel) in panels[..S::PANELS].iter_mut().enumerate() {
            *panel = self.panel(first + index, 0, from.len());
        }
        for (input, x) in from.iter().enumerate() {
            sums.add::<R>(*x, &panels[..S::PANELS], input);
        }
        sums
    }

    /// The chains of `N` blocks of the rest from its block `first` on, from `sums` over `from`, whose first value is `input`.
    #[inline(always)]
    pub(super) fn chain_rest<R: Registers, const N: usize>(&self, mut sums: [Block; N], from: &[f32], input: usize, first: usize) -> [Block; N] {
        let weights = self.rest[input * self.rest()..].chunks_exact(self.rest());
        for (x, weights) in from.iter().zip(weights) {
            if let Some(weights) = weights[first..].first_chunk() {
                add::<R, N>(&mut sums, *x, weights);
            }
        }
        sums
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.panels);
        visit(&mut self.rest);
        visit(&mut self.bias);
    }
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
    fn run<R: Registers>(mut self) {
        let panels = self.matrix.panels();
        if self.walk.rows >= R::Tile::ROWS && self.walk.rows > 1 {
            for panel in 0..panels {
                self.rows::<R, R::Tile>(panel);
            }
        } else {
            for row in 0..self.walk.rows {
                self.alone::<R, R::Alone>(row);
            }
        }
        match self.matrix.rest() {
            1 => self.narrow::<R, 1>(),
            2 => self.narrow::<R, 2>(),
            3 => self.narrow::<R, 3>(),
            _ => (),
        }
    }
}

impl Product<'_> {
    /// A stretch of a row, and the input that its first value is.
    #[inline(always)]
    fn stretch(&self, row: usize, tap: usize) -> (&[f32], usize) {
        let Walk { stride, taps, tap_stride, start, .. } = self.walk;
        let (len, at) = (self.matrix.inputs / taps, start + row * stride + tap * tap_stride);
        (&self.from[at..at + len], tap * len)
    }

    /// One panel for all rows.
    #[inline(always)]
    fn rows<R: Registers, T: Tile>(&mut self, panel: usize) {
        let mut row = 0;
        while row + T::ROWS <= self.walk.rows {
            self.tile::<R, T>(row, panel);
            row += T::ROWS;
        }
        while row < self.walk.rows {
            self.tile::<R, Four>(row, panel);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<R: Registers, T: Tile>(&mut self, row: usize, panel: usize) {
        let mut sums = T::load(&self.matrix.biases(panel * PANEL));
        for tap in 0..self.walk.taps {
            let mut rows: [&[f32]; MOST_ROWS] = [&[]; MOST_ROWS];
            let mut first = 0;
            for (index, stretch) in rows[..T::ROWS].iter_mut().enumerate() {
                (*stretch, first) = self.stretch(row + index, tap);
            }
            let weights = self.matrix.panel(panel, first, rows[0].len());
            for (input, weights) in weights.iter().enumerate() {
                sums.add::<R>(&rows[..T::ROWS], input, weights);
            }
        }
        self.store_tile(row, panel, sums);
    }

    /// All panels for one row.
    #[inline(always)]
    fn alone<R: Registers, S: Sums>(&mut self, row: usize) {
        let mut panel = 0;
        while self.walk.taps == 1 && panel + S::PANELS <= self.matrix.panels() {
            let sums = self.matrix.chain::<R, S>(S::begin(&self.matrix.bias[panel * PANEL..]), self.stretch(row, 0).0, panel);
            self.store_alone(row, panel, sums);
            panel += S::PANELS;
        }
        for panel in panel..self.matrix.panels() {
            self.tile::<R, Four>(row, panel);
        }
    }

    /// The `N` blocks of the rest for all rows: four rows of one block at once, then all blocks of one row.
    #[inline(always)]
    fn narrow<R: Registers, const N: usize>(&mut self) {
        let mut row = 0;
        while row + MOST_ROWS <= self.walk.rows {
            for block in 0..N {
                self.tall::<R>(row, block);
            }
            row += MOST_ROWS;
        }
        let first = self.matrix.panels() * PANEL;
        while row < self.walk.rows {
            let mut sums = self.matrix.biases::<N>(first);
            for tap in 0..self.walk.taps {
                let (stretch, input) = self.stretch(row, tap);
                sums = self.matrix.chain_rest::<R, N>(sums, stretch, input, 0);
            }
            self.store(row, first, &sums);
            row += 1;
        }
    }

    #[inline(always)]
    fn tall<R: Registers>(&mut self, row: usize, block: usize) {
        let first = self.matrix.panels() * PANEL + block;
        let [bias] = self.matrix.biases::<1>(first);
        let mut sums = [bias; MOST_ROWS];
        for tap in 0..self.walk.taps {
            let (len, input) = (self.matrix.inputs / self.walk.taps, self.stretch(row, tap).1);
            let rows: [&[f32]; MOST_ROWS] = filled(&[], |index| &self.stretch(row + index, tap).0[..len]);
            let weights = self.matrix.rest[input * self.matrix.rest()..].chunks_exact(self.matrix.rest());
            for (input, weights) in weights.enumerate().take(len) {
                let weights = &weights[block].0;
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    R::add(sums, row[input], weights);
                }
            }
        }
        for (index, sums) in sums.iter().enumerate() {
            self.store(row + index, first, &[*sums]);
        }
    }

    /// Writes a panel of outputs of each row of a tile; the last panel of all may be filled with zeros, which are left out.
    #[inline(always)]
    fn store_tile<T: Tile>(&mut self, row: usize, panel: usize, sums: T) {
        let (start, width) = (self.lay.start + row * self.lay.stride + panel * PANEL * WIDTH, PANEL * WIDTH);
        if (panel + 1) * width <= self.matrix.outputs {
            return sums.store(&mut self.to[start..], self.lay.stride);
        }
        let mut made = [0.0; MOST_ROWS * PANEL * WIDTH];
        sums.store(&mut made, width);
        let len = self.matrix.outputs - panel * width;
        for (index, made) in made.chunks_exact(width).take(T::ROWS).enumerate() {
            self.to[start + index * self.lay.stride..][..len].copy_from_slice(&made[..len]);
        }
    }

    /// Writes panels of outputs of one row; the last panel of all may be filled with zeros, which are left out.
    #[inline(always)]
    fn store_alone<S: Sums>(&mut self, row: usize, panel: usize, sums: S) {
        let blocks = S::PANELS * PANEL;
        let at = self.lay.start + row * self.lay.stride + panel * PANEL * WIDTH;
        if (panel * PANEL + blocks) * WIDTH <= self.matrix.outputs {
            return sums.store(self.to[at..][..blocks * WIDTH].as_chunks_mut().0);
        }
        let mut made = ZEROS;
        sums.store(&mut made[..blocks]);
        self.store(row, panel * PANEL, &made[..blocks]);
    }

    /// Writes blocks of outputs of one row, without the zeros that fill the last one.
    #[inline(always)]
    fn store(&mut self, row: usize, first: usize, sums: &[Block]) {
        let at = self.lay.start + row * self.lay.stride + first * WIDTH;
        let len = (self.matrix.outputs - first * WIDTH).min(sums.len() * WIDTH);
        let to = &mut self.to[at..at + len];
        match to.as_chunks_mut() {
            (to, []) => to.copy_from_slice(sums),
            _ => to.copy_from_slice(&sums.as_flattened()[..len]),
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
                let (input, block) = (tap * len + i, output / WIDTH);
                let panelled = block / PANEL < matrix.panels();
                let weights = if panelled {
                    matrix.panels[block / PANEL * matrix.inputs + input][block % PANEL]
                } else {
                    matrix.rest[input * matrix.rest() + block % PANEL]
                };
                let weight = weights.0[output % WIDTH];
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

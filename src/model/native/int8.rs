//! Products in whole numbers: weights as bytes with a scale for each output, rows as bytes with a scale for each row.
//!
//! A row's values are divided by the ranges of their inputs, then by the greatest of them, and rounded to -127..127; so nothing is ever
//! out of range, and a value far beyond its range makes the others of its row coarser. Values that come from outside, which may lie far
//! apart, are rounded to two bytes, -32,512..32,512. Weights are times the ranges of their inputs. An output is its bias and, rounded
//! once, the sum of the products times both scales. The sums are whole numbers, exact in any order, so every instruction set gives the
//! same bits. A row that holds NaN or infinity gives NaN.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni;

use super::block::{Block, WIDTH, blocks, filled};
use super::factor::{Reads, Rows, Stored};
#[cfg(target_arch = "x86_64")]
use super::simd::Vnni;
use super::simd::{Level, Work};
use super::sums::{MOST_ROWS, PANEL, Registers};
use super::unable;
use crate::cpu::apart;
use crate::error::Result;
use crate::model::params::{Params, Visit};

/// Inputs whose products are added at once.
pub(super) const QUAD: usize = 4;
/// Four bytes of a row.
pub(super) type Quad = [u8; QUAD];
/// The weights of four inputs for 16 outputs.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Quads(pub(super) [[i8; QUAD]; WIDTH]);
/// The same for a panel of outputs.
pub(super) type Panel = [Quads; PANEL];
/// Sums of 16 outputs.
pub(super) type Ints = [i32; WIDTH];
/// Sums of a panel.
pub(super) type Sums = [Ints; PANEL];

/// The largest weight, and the largest value of a row.
const MOST: f32 = 127.0;
/// What is added to the higher bytes of a row, so that they are at least 1.
const OFFSET: i32 = 128;
/// What the higher of two bytes stands for.
const STEP: f32 = 256.0;
/// Most inputs: their products fit 32 bits together.
const MOST_INPUTS: usize = 1 << 16;
/// Rows of which no value is greater count as zeros; 127 over it is finite.
const LEAST: f32 = 1e-30;
/// Adding it rounds to a whole number, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// Weights in the order in which they are read: panel by panel of 64 outputs, and in a panel four inputs at a time. What is missing of
/// the last panel and of the last four inputs is zeros.
#[derive(Debug)]
pub(super) struct Int8 {
    inputs: usize,
    outputs: usize,
    panels: Params<Panel>,
    /// What takes the offset of a row's bytes back.
    starts: Params<Ints>,
    /// Of each output.
    scales: Params<Block>,
    bias: Params<Block>,
    /// One over the range of each input; zeros fill the last block.
    factors: Params<Block>,
    /// Rows are rounded to two bytes a value.
    fine: bool,
    #[cfg(target_arch = "x86_64")]
    vnni: Option<Vnni>,
}

/// Sums of products of bytes.
pub(super) trait Dots: Copy {
    /// The sums of a panel of outputs for each row of bytes.
    fn dots<const ROWS: usize>(self, rows: &[&[Quad]; ROWS], weights: &[Panel]) -> [Sums; ROWS];
}

/// On every processor.
#[derive(Clone, Copy)]
struct Plain;

impl Dots for Plain {
    #[inline(always)]
    fn dots<const ROWS: usize>(self, rows: &[&[Quad]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
        let mut sums = [[[0; WIDTH]; PANEL]; ROWS];
        for (input, weights) in weights.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let values = row[input].map(i32::from);
                for (sums, weights) in sums.iter_mut().zip(weights) {
                    for (sum, weights) in sums.iter_mut().zip(&weights.0) {
                        let products: [i32; QUAD] = filled(0, |at| values[at] * i32::from(weights[at]));
                        *sum += (products[0] + products[1]) + (products[2] + products[3]);
                    }
                }
            }
        }
        sums
    }
}

/// One run by [`Plain`].
struct PlainRun<'a> {
    matrix: &'a Int8,
    rows: Rows<'a>,
}

impl Work for PlainRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        self.matrix.run(Plain, self.rows);
    }
}

impl Int8 {
    /// Rounds stored weights, whose outputs come in whole blocks.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "other processors have one level"))]
    pub(super) fn new(stored: &Stored<'_>, reads: Reads<'_>, level: Level) -> Result<Int8> {
        let Stored { inputs, outputs, what, .. } = *stored;
        if inputs > MOST_INPUTS {
            return Err(unable(format!("{what} has {inputs} inputs, at most {MOST_INPUTS} can be summed in int8; take precision = \"f32\" or \"fp16\"")));
        }
        let (fine, ranges) = match reads {
            Reads::States => (false, Vec::new()),
            Reads::Rows(ranges) => (true, ranges.to_vec()),
        };
        let ranges = if ranges.is_empty() { vec![1.0; inputs] } else { ranges };
        let padded = outputs.next_multiple_of(PANEL * WIDTH);
        let columns: Vec<Column> = (0..padded).map(|output| Column::new(stored, &ranges, output)).collect();
        let column = |panel: usize, block: usize, lane: usize| &columns[(panel * PANEL + block) * WIDTH + lane];
        let quads = |panel: usize, block: usize, quad: usize| Quads(std::array::from_fn(|lane| column(panel, block, lane).quad(quad)));
        let (panels, quad_count) = (padded / (PANEL * WIDTH), inputs.div_ceil(QUAD));
        let block = |at: usize, of: &dyn Fn(usize) -> f32| -> Block { std::array::from_fn(|lane| of(at * WIDTH + lane)) };
        Ok(Int8 {
            inputs,
            outputs,
            panels: (0..panels)
                .flat_map(|panel| (0..quad_count).map(move |quad| (panel, quad)))
                .map(|(panel, quad)| std::array::from_fn(|block| quads(panel, block, quad)))
                .collect(),
            starts: (0..blocks(outputs)).map(|at| std::array::from_fn(|lane| columns[at * WIDTH + lane].start())).collect(),
            scales: (0..blocks(outputs)).map(|at| block(at, &|output| columns[output].scale)).collect(),
            bias: (0..blocks(outputs)).map(|at| block(at, stored.bias)).collect(),
            factors: (0..blocks(inputs)).map(|at| block(at, &|input| ranges.get(input).map_or(0.0, |range| 1.0 / range))).collect(),
            fine,
            #[cfg(target_arch = "x86_64")]
            vnni: level.vnni(),
        })
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Values of scratch memory for the bytes of a tile's rows.
    pub(super) fn room_len(&self) -> usize {
        MOST_ROWS * self.line()
    }

    fn quads(&self) -> usize {
        self.inputs.div_ceil(QUAD)
    }

    /// Quads from one row of bytes to the next: whole blocks.
    fn line(&self) -> usize {
        self.factors.len() * (WIDTH / QUAD)
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.factors);
        visit(&mut self.panels);
        visit(&mut self.starts);
        visit(&mut self.scales);
        visit(&mut self.bias);
    }

    /// All rows times the weights.
    #[inline(always)]
    pub(super) fn product<R: Registers>(&self, rows: Rows<'_>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(vnni) = self.vnni {
            return vnni.product(self, rows);
        }
        R::part(PlainRun { matrix: self, rows });
    }

    #[inline(always)]
    fn run(&self, dots: impl Dots, mut rows: Rows<'_>) {
        if self.fine { self.run_in::<2>(dots, &mut rows) } else { self.run_in::<1>(dots, &mut rows) }
    }

    /// With so many bytes a value: the sums of a tile are those of `MOST_ROWS` rows of bytes.
    #[inline(always)]
    fn run_in<const BYTES: usize>(&self, dots: impl Dots, rows: &mut Rows<'_>) {
        let mut row = 0;
        while row + MOST_ROWS / BYTES <= rows.count {
            self.tile::<BYTES, MOST_ROWS>(dots, rows, row);
            row += MOST_ROWS / BYTES;
        }
        while row < rows.count {
            self.tile::<BYTES, BYTES>(dots, rows, row);
            row += 1;
        }
    }

    /// The rows from `first` on that `LINES` rows of bytes hold.
    #[inline(always)]
    fn tile<const BYTES: usize, const LINES: usize>(&self, dots: impl Dots, rows: &mut Rows<'_>, first: usize) {
        let (quads, line) = (self.quads(), self.line());
        let room = bytemuck::cast_slice_mut::<f32, Quad>(&mut rows.room[..LINES * line]);
        let mut scales = [0.0; LINES];
        for (index, (scale, lines)) in scales.iter_mut().zip(room.chunks_exact_mut(BYTES * line)).enumerate() {
            let row = &rows.from[(first + index) * rows.stride..][..self.inputs];
            let (high, low) = lines.as_flattened_mut().as_chunks_mut().0.split_at_mut(self.factors.len());
            *scale = round::<BYTES>(row, &self.factors, high, low);
        }
        let lines: [&[Quad]; LINES] = filled(&[], |index| &room[index * line..][..quads]);
        for (panel, weights) in self.panels.chunks_exact(quads).enumerate() {
            let sums = dots.dots(&lines, weights);
            for (index, (sums, scale)) in sums.as_chunks::<BYTES>().0.iter().zip(scales).enumerate() {
                let to = &mut rows.to[rows.lay.start + (first + index) * rows.lay.stride..];
                self.store(panel * PANEL, sums, scale, to);
            }
        }
    }

    /// Writes the blocks of outputs from `first` on that are there.
    #[inline(always)]
    fn store<const BYTES: usize>(&self, first: usize, sums: &[Sums; BYTES], scale: f32, to: &mut [f32]) {
        let places = to.as_chunks_mut::<WIDTH>().0[first..self.scales.len()].iter_mut().zip(0..PANEL);
        for (((to, block), scales), (bias, starts)) in places.zip(&self.scales[first..]).zip(self.bias[first..].iter().zip(&self.starts[first..])) {
            // Apart from where it goes, or it would be made value by value.
            let mut made = [0.0; WIDTH];
            for lane in 0..WIDTH {
                let high = (sums[0][block][lane] + starts[lane]) as f32;
                let sum = if BYTES == 2 { high.mul_add(STEP, sums[1][block][lane] as f32) } else { high };
                made[lane] = sum.mul_add(scale * scales[lane], bias[lane]);
            }
            *to = made;
        }
    }
}

/// Bytes of a block.
type Bytes = [u8; WIDTH];

/// A row in bytes, the higher ones 128 more than they are; what a difference of 1 in the lowest stands for.
#[inline(always)]
fn round<const BYTES: usize>(row: &[f32], factors: &[Block], high: &mut [Bytes], low: &mut [Bytes]) -> f32 {
    let greatest = if BYTES == 2 { MOST * STEP } else { MOST };
    let (whole, rest) = row.as_chunks::<WIDTH>();
    let mut last = [0.0; WIDTH];
    last[..rest.len()].copy_from_slice(rest);
    let mut sizes = [0; WIDTH];
    for (at, factors) in factors.iter().enumerate() {
        grow(&mut sizes, whole.get(at).unwrap_or(&last), factors);
        apart();
    }
    let most = f32::from_bits(sizes.into_iter().fold(0, u32::max));
    let inverse = if most < LEAST { 0.0 } else { greatest / most };
    for (at, factors) in factors.iter().enumerate() {
        let rounded = rounded(whole.get(at).unwrap_or(&last), factors, inverse);
        if BYTES == 2 {
            high[at] = filled(0, |lane| (rounded[lane] >> 8) as u8 ^ OFFSET as u8);
            low[at] = filled(0, |lane| rounded[lane] as u8);
        } else {
            high[at] = filled(0, |lane| rounded[lane] as u8 ^ OFFSET as u8);
        }
        apart();
    }
    match most {
        _ if most < LEAST => 0.0,
        _ if most.is_finite() => most / greatest,
        _ => f32::NAN,
    }
}

/// The greatest sizes of products so far: bits of floats without their sign are in the order of the floats, NaN last.
#[inline(always)]
fn grow(sizes: &mut [u32; WIDTH], x: &Block, factors: &Block) {
    const SIZE: u32 = !(1 << 31);
    for lane in 0..WIDTH {
        sizes[lane] = sizes[lane].max((x[lane] * factors[lane]).to_bits() & SIZE);
    }
}

/// Whole numbers in the lowest bits.
#[inline(always)]
fn rounded(x: &Block, factors: &Block, inverse: f32) -> [u32; WIDTH] {
    filled(0, |lane| (x[lane] * factors[lane] * inverse + ROUND).to_bits())
}

/// The weights of an output in bytes.
struct Column {
    weights: Vec<i8>,
    scale: f32,
}

impl Column {
    /// Zeros behind the last output.
    fn new(stored: &Stored<'_>, ranges: &[f32], output: usize) -> Column {
        if output >= stored.outputs {
            return Column { weights: Vec::new(), scale: 0.0 };
        }
        let weights: Vec<f64> = ranges.iter().enumerate().map(|(input, range)| f64::from((stored.weight)(input, output)) * f64::from(*range)).collect();
        let most = weights.iter().fold(0.0, |most: f64, weight| most.max(weight.abs()));
        let scale = most / f64::from(MOST);
        let rounded = |weight: &f64| if scale > 0.0 { (weight / scale).round_ties_even() as i8 } else { 0 };
        Column { weights: weights.iter().map(rounded).collect(), scale: scale as f32 }
    }

    fn quad(&self, quad: usize) -> [i8; QUAD] {
        std::array::from_fn(|at| self.weights.get(quad * QUAD + at).copied().unwrap_or(0))
    }

    fn start(&self) -> i32 {
        -OFFSET * self.weights.iter().map(|weight| i32::from(*weight)).sum::<i32>()
    }
}

//! Products of rows with weights in half precision: what is stored is rounded once, sums are the chains in f32 of `native/matrix.rs`.
//!
//! Widening a weight is exact, so a product has the bits of one with the rounded weights in f32, on every instruction set.

#[cfg(target_arch = "x86_64")]
mod wide;

use super::block::{Block, WIDTH, blocks, filled};
use super::factor::{Rows, Stored};
#[cfg(target_arch = "x86_64")]
use super::simd::Wide;
use super::simd::{Level, Work};
use super::sums::{MOST_ROWS, PANEL, Registers};
use super::unable;
use crate::error::Result;
use crate::model::params::{Params, Visit};

/// Weights of one input for 16 outputs, as bits.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Halves([u16; WIDTH]);
/// The same for a panel of outputs.
type Panel = [Halves; PANEL];
/// Sums of a panel.
type Sums = [Block; PANEL];

/// Weights in the order in which they are read: panel by panel of 64 outputs, and in a panel input by input. What is missing of the last
/// panel is zeros.
#[derive(Debug)]
pub(super) struct Half {
    inputs: usize,
    outputs: usize,
    panels: Params<Panel>,
    bias: Params<Block>,
    #[cfg(target_arch = "x86_64")]
    wide: Option<Wide>,
}

/// Chains of fused multiply-adds.
trait Chains: Copy {
    /// For each row the chains of a panel's outputs, from `sums` over the row's values.
    fn chains<const ROWS: usize>(self, sums: &Sums, rows: &[&[f32]; ROWS], weights: &[Panel]) -> [Sums; ROWS];
}

/// On every processor.
#[derive(Clone, Copy)]
struct Plain;

impl Chains for Plain {
    #[inline(always)]
    fn chains<const ROWS: usize>(self, sums: &Sums, rows: &[&[f32]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
        let mut all = [*sums; ROWS];
        for (sums, row) in all.iter_mut().zip(rows) {
            let mut chains = *sums;
            for (x, weights) in row.iter().zip(weights) {
                for (sums, weights) in chains.iter_mut().zip(weights) {
                    for (sum, weight) in sums.iter_mut().zip(&weights.0) {
                        *sum = widened(*weight).mul_add(*x, *sum);
                    }
                }
            }
            *sums = chains;
        }
        all
    }
}

/// One run by [`Plain`].
struct PlainRun<'a> {
    matrix: &'a Half,
    rows: Rows<'a>,
}

impl Work for PlainRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        self.matrix.run(Plain, self.rows);
    }
}

impl Half {
    /// Rounds stored weights, whose outputs come in whole blocks.
    #[cfg_attr(not(target_arch = "x86_64"), allow(unused_variables, reason = "other processors have one level"))]
    pub(super) fn new(stored: &Stored<'_>, level: Level) -> Result<Half> {
        let Stored { inputs, outputs, what, .. } = *stored;
        let count = blocks(outputs).div_ceil(PANEL);
        let mut panels = vec![[Halves([0; WIDTH]); PANEL]; count * inputs];
        for (output, input) in (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input))) {
            let weight = (stored.weight)(input, output);
            let half = rounded(weight).ok_or_else(|| unable(format!("{what} has the weight {weight}, which fp16 does not hold")))?;
            let (block, lane) = (output / WIDTH, output % WIDTH);
            panels[block / PANEL * inputs + input][block % PANEL].0[lane] = half;
        }
        let bias = |at: usize| std::array::from_fn(|lane| if at < blocks(outputs) { (stored.bias)(at * WIDTH + lane) } else { 0.0 });
        Ok(Half {
            inputs,
            outputs,
            panels: panels.into(),
            bias: (0..count * PANEL).map(bias).collect(),
            #[cfg(target_arch = "x86_64")]
            wide: level.wide(),
        })
    }

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.panels);
        visit(&mut self.bias);
    }

    /// All rows times the weights.
    #[inline(always)]
    pub(super) fn product<R: Registers>(&self, rows: Rows<'_>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = self.wide {
            return wide.halves(self, rows);
        }
        R::part(PlainRun { matrix: self, rows });
    }

    #[inline(always)]
    fn run(&self, chains: impl Chains, mut rows: Rows<'_>) {
        let mut row = 0;
        while row + MOST_ROWS <= rows.count {
            self.tile::<MOST_ROWS>(chains, &mut rows, row);
            row += MOST_ROWS;
        }
        while row < rows.count {
            self.tile::<1>(chains, &mut rows, row);
            row += 1;
        }
    }

    #[inline(always)]
    fn tile<const ROWS: usize>(&self, chains: impl Chains, rows: &mut Rows<'_>, first: usize) {
        let values: [&[f32]; ROWS] = filled(&[], |row| &rows.from[(first + row) * rows.stride..][..self.inputs]);
        for (panel, (weights, bias)) in self.panels.chunks_exact(self.inputs).zip(self.bias.as_chunks::<PANEL>().0).enumerate() {
            let sums = chains.chains(bias, &values, weights);
            for (row, sums) in sums.iter().enumerate() {
                let to = &mut rows.to[rows.lay.start + (first + row) * rows.lay.stride..];
                let places = to.as_chunks_mut::<WIDTH>().0[panel * PANEL..blocks(self.outputs)].iter_mut();
                places.zip(sums).for_each(|(to, sums)| *to = *sums);
            }
        }
    }
}

/// Bits of the exponent in half precision.
const EXPONENT: u16 = 0x7c00;
/// Bits of the fraction that f32 has more.
const MORE_FRACTION: u32 = 13;
/// What an exponent of f32 has more.
const MORE_EXPONENT: u32 = 112;
/// What the last place of the smallest numbers stands for: 2^-24.
const LEAST: f32 = 1.0 / 16_777_216.0;

/// The value of half precision's bits, not of infinity or NaN. No operation on the way sees a denormal.
#[inline(always)]
fn widened(half: u16) -> f32 {
    let size = u32::from(half & !(1 << 15));
    let normal = f32::from_bits((size << MORE_FRACTION) + (MORE_EXPONENT << 23));
    let small = size as f32 * LEAST;
    let size = if half & EXPONENT == 0 { small } else { normal };
    f32::from_bits(size.to_bits() | u32::from(half & 1 << 15) << 16)
}

/// The nearest in half precision, ties to even; `None` beyond its largest number.
fn rounded(x: f32) -> Option<u16> {
    let sign = (x.to_bits() >> 16) as u16 & 1 << 15;
    let size = x.abs();
    if size < LEAST * 1024.0 {
        return Some(sign | (f64::from(size) / f64::from(LEAST)).round_ties_even() as u16);
    }
    let bits = size.to_bits();
    let even = (bits + 0xfff + (bits >> MORE_FRACTION & 1)) >> MORE_FRACTION;
    let half = even - (MORE_EXPONENT << 10);
    (half < u32::from(EXPONENT)).then_some(sign | half as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::denormals;
    use crate::model::native::matrix::Lay;

    #[test]
    fn every_half_is_itself_and_its_neighbours_round_to_it() {
        for half in (0..EXPONENT).chain(1 << 15..EXPONENT | 1 << 15) {
            let x = denormals::flushed(|| std::hint::black_box(widened(half)));
            let exact = f64::from(half & 0x3ff | if half & EXPONENT == 0 { 0 } else { 0x400 }) * 2f64.powi(i32::from((half & EXPONENT) >> 10).max(1) - 25);
            assert_eq!(f64::from(x.abs()), exact);
            assert_eq!((x.is_sign_negative(), rounded(x)), (half >> 15 == 1, Some(half)));
            if half & !(1 << 15) != 0 {
                assert_eq!([x.next_up(), x.next_down()].map(rounded), [Some(half); 2]);
            }
        }
        // Ties go to the even one.
        let tie = |a: u16| f32::midpoint(widened(a), widened(a + 1));
        for half in [0, 1, 0x3ff, 0x400, 0x3c00, 0x3c01, 0x7bfe] {
            assert_eq!(rounded(tie(half)), Some(half + (half & 1)), "{half:x}");
        }
        assert_eq!([65_519.0, 65_520.0, -1e30].map(rounded), [Some(0x7bff), None, None]);
    }

    struct Products<'a>(&'a Half, Rows<'a>);

    impl Work for Products<'_> {
        #[inline(always)]
        fn run<R: Registers>(self) {
            self.0.product::<R>(self.1);
        }
    }

    #[test]
    fn every_level_follows_the_chain_of_the_rounded_weights() {
        let value = |seed: usize| ((seed * seed) as f32 * 0.37).sin() * [1.0, 3e-5, 1e-7, 50.0][seed % 4];
        for (inputs, outputs, count) in [(1, 16, 1), (7, 48, 3), (100, 448, 5), (33, 64, 9), (2, 192, 4)] {
            let (weight, bias) = (|input: usize, output: usize| value(input * 977 + output), |output: usize| value(output + 31));
            let stored = Stored { inputs, outputs, weight: &weight, bias: &bias, what: "x" };
            let (stride, lay) = (inputs + 1, Lay { stride: outputs + 16, start: 1 });
            let from: Vec<f32> = (0..count * stride).map(|at| if at % 11 == 5 { 1e-40 } else { value(at + 7_777) }).collect();
            for level in Level::available() {
                let half = Half::new(&stored, level).unwrap();
                let mut to = vec![-7.0; 1 + count * lay.stride];
                denormals::flushed(|| level.run(Products(&half, Rows { count, stride, from: &from, to: &mut to, lay, room: &mut [] })));
                for (row, made) in to[1..].chunks(lay.stride).enumerate() {
                    for (output, made) in made[..outputs].iter().enumerate() {
                        let chain = |sum: f32, input: usize| widened(rounded(weight(input, output)).unwrap()).mul_add(from[row * stride + input], sum);
                        let expected = denormals::flushed(|| (0..inputs).fold(std::hint::black_box(bias(output)), chain));
                        assert_eq!(made.to_bits(), expected.to_bits(), "{} {inputs} {outputs} {row} {output}", level.name());
                    }
                    assert_eq!(made[outputs..], [-7.0; 16], "nothing is written behind a row");
                }
            }
        }
        let error = Half::new(&Stored { inputs: 1, outputs: 16, weight: &|_, _| 7e4, bias: &|_| 0.0, what: "a layer" }, Level::best()).unwrap_err();
        assert!(error.text().contains("a layer has the weight 70000, which fp16 does not hold"), "{error}");
    }
}

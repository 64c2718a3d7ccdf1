//! Which part of a step's result can be made alone, and what it is made from.
//!
//! A result is a row of *units*: rows of a convolution or a dense layer, single values of a function of one value, all of it at once
//! where nothing smaller makes sense. From that follow what the outputs never ask for and what a new row of a window changes.

use std::ops::Range;

use super::activation::Activate;
use super::conv::ConvRun;
use super::mask::MaskRun;
use super::matrix::{Lay, Product, Walk};
use super::norm::Normalize;
use super::pairs::PairRun;
use super::plan::{Kernel, Place, Step, read};
use super::simd::Level;
use super::single::Single;
use super::softmax::Softmax;

/// Units of a result, as stretches of neighbours.
pub(super) type Units = Box<[Range<usize>]>;

/// The units that are chosen; `None` for all of them.
pub(super) fn chosen(count: usize, is_chosen: impl Fn(usize) -> bool) -> Option<Units> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for unit in (0..count).filter(|unit| is_chosen(*unit)) {
        match ranges.last_mut() {
            Some(range) if range.end == unit => range.end += 1,
            _ => ranges.push(unit..unit + 1),
        }
    }
    (ranges.as_slice() != std::slice::from_ref(&(0..count))).then(|| ranges.into())
}

/// How many units there are.
pub(super) fn count(units: &[Range<usize>]) -> usize {
    units.iter().map(Range::len).sum()
}

/// Values of a unit of what a kernel makes of so many values.
pub(super) fn unit(kernel: &Kernel, from_width: usize, width: usize) -> usize {
    match kernel {
        Kernel::Conv(conv) => conv.filters(),
        Kernel::Pool(pool) if pool.rows * pool.columns == from_width => pool.columns,
        Kernel::Dense { matrix, .. } => matrix.outputs(),
        Kernel::Affine(affine) => affine.factor.len(),
        Kernel::LayerNorm(norm) => norm.scale.len(),
        Kernel::Softmax { columns } => *columns,
        Kernel::Pairs { pairs, .. } => pairs.columns,
        Kernel::Activation(_) | Kernel::Copy | Kernel::Masked(_) | Kernel::Pick { .. } => 1,
        Kernel::Binary { other_width, .. } if *other_width == width && from_width == width => 1,
        Kernel::Constant { constant, .. } if constant.len() == width && from_width == width => 1,
        Kernel::Constant { constant, .. } if constant.len() <= width && from_width == width => constant.len(),
        _ => width,
    }
}

impl Step {
    pub(super) fn units(&self) -> usize {
        if self.unit == self.width { 1 } else { self.width / self.unit }
    }

    /// Visits the values that a stretch of units is made from; some perhaps twice.
    pub(super) fn reads_of(&self, units: Range<usize>, visit: &mut dyn FnMut(Place, Range<usize>)) {
        let columns = self.unit;
        let mut row = |columns: usize, row: usize| visit(self.from, row * columns..(row + 1) * columns);
        match &self.kernel {
            Kernel::Conv(conv) => units.flat_map(|unit| conv.reads(unit)).for_each(|at| row(conv.channels, at)),
            Kernel::Pool(pool) if columns < self.width => units.flat_map(|unit| pool.reads(unit)).for_each(|at| row(pool.columns, at)),
            Kernel::Pick { index, .. } => index[units].iter().map(|at| *at as usize).filter(|at| *at < self.from_width).for_each(|at| row(1, at)),
            Kernel::Dense { matrix, .. } => visit(self.from, units.start * matrix.inputs()..units.end * matrix.inputs()),
            Kernel::Affine(_) | Kernel::LayerNorm(_) | Kernel::Softmax { .. } | Kernel::Activation(_) | Kernel::Copy => {
                visit(self.from, units.start * columns..units.end * columns);
            }
            Kernel::Masked(mask) => mask.reads(units, |values| visit(self.from, values)),
            Kernel::Constant { .. } if columns < self.width => visit(self.from, units.start * columns..units.end * columns),
            Kernel::Binary { other, .. } if columns < self.width => {
                visit(self.from, units.clone());
                visit(*other, units);
            }
            Kernel::Pairs { pairs, other, .. } => {
                pairs.reads(units, &mut |is_first, values| visit(if is_first { self.from } else { *other }, values));
            }
            Kernel::Binary { other, other_width, .. } => {
                visit(self.from, 0..self.from_width);
                visit(*other, 0..*other_width);
            }
            Kernel::Select { yes, no } => [self.from, *yes, *no].into_iter().for_each(|place| visit(place, 0..self.from_width)),
            Kernel::Stored(_) => (),
            Kernel::Lstm(_) | Kernel::Gru(_) => {
                visit(self.from, 0..self.from_width);
                let (first, hidden) = self.kernel.first_states();
                first.into_iter().flatten().for_each(|place| visit(place, 0..hidden));
            }
            _ => visit(self.from, 0..self.from_width),
        }
    }

    /// Makes the units of a stretch from what was `made` before, with scratch memory apart; `to` is the whole result.
    pub(super) fn make(&self, units: Range<usize>, level: Level, row: &[f32], made: &[f32], to: &mut [f32], extra: &mut [f32]) {
        let from = read(row, made, self.from, self.from_width);
        let (values, in_parts) = (units.start * self.unit..units.end * self.unit, self.unit < self.width);
        let whole = to;
        let to = &mut whole[values.clone()];
        match &self.kernel {
            Kernel::Conv(conv) => level.run(ConvRun { conv, windows: units, from, scratch: extra, to }),
            Kernel::Pool(pool) if in_parts => to.chunks_exact_mut(pool.columns).zip(units).for_each(|(to, window)| pool.window(window, from, to)),
            Kernel::Dense { matrix, rows: 1, then } => level.run(Single { matrix, then: *then, from, to }),
            Kernel::Dense { matrix, .. } => {
                let from = &from[units.start * matrix.inputs()..units.end * matrix.inputs()];
                let (walk, lay) = (Walk::plain(units.len(), matrix.inputs()), Lay { stride: matrix.outputs(), start: 0 });
                level.run(Product { matrix, from, walk, to, lay });
            }
            Kernel::Pairs { pairs, other, other_width } => {
                level.run(PairRun { pairs, units, a: from, b: read(row, made, *other, *other_width), scratch: extra, to });
            }
            Kernel::Affine(affine) => affine.apply(&from[values], to),
            Kernel::LayerNorm(norm) => level.run(Normalize { norm, from: &from[values], to }),
            Kernel::Softmax { columns } => level.run(Softmax { columns: *columns, from: &from[values], to }),
            Kernel::Activation(activation) => level.run(Activate { activation: *activation, from: &from[values], to }),
            Kernel::Masked(mask) => level.run(MaskRun { mask, first: units.start, from: &from[values], to }),
            Kernel::Pick { index, fill } => to.iter_mut().zip(&index[units]).for_each(|(to, index)| *to = from.get(*index as usize).copied().unwrap_or(*fill)),
            Kernel::Constant { op, constant, first } if in_parts => {
                // One value for each, or a row of values for each row.
                let (from, constant) = (&from[values.clone()], if constant.len() == self.width { &constant[values] } else { constant });
                if *first { op.apply(constant, from, to) } else { op.apply(from, constant, to) }
            }
            Kernel::Binary { op, other, other_width } if in_parts => op.apply(&from[values.clone()], &read(row, made, *other, *other_width)[values], to),
            Kernel::Copy => to.copy_from_slice(&from[values]),
            _ => self.whole(level, row, made, whole, extra),
        }
    }
}

//! What the newest row changes of each step's result.

use std::ops::Range;

use super::super::activation::Activate;
use super::super::conv::ConvRun;
use super::super::matrix::{Lay, Product, Walk};
use super::super::plan::{Kernel, Place, Plan, Step, read};

/// A step of which some of the result is to be made again.
#[derive(Debug)]
pub(super) struct Part {
    /// Number of the step.
    pub(super) step: usize,
    /// Which units of the result; `None` for all of it.
    units: Option<Range<usize>>,
}

/// The parts of all steps that the newest row changes; `None` where they are most of the work.
pub(super) fn parts(plan: &Plan, width: usize) -> Option<Box<[Part]>> {
    let mut changed = Changed { newest: plan.input_width - width, scratch: vec![false; plan.scratch_len] };
    let (mut parts, mut work, mut all) = (Vec::new(), 0, 0);
    for (number, step) in plan.steps.iter().enumerate() {
        let cost = step.kernel.cost() + step.width as u64;
        all += cost;
        let count = step.width / unit(step);
        let mut units = (0..count).filter(|unit| changed.reaches(step, *unit));
        let Some(first) = units.next() else { continue };
        let units = first..units.next_back().unwrap_or(first) + 1;
        work += cost * units.len() as u64 / count as u64;
        changed.scratch[step.at..step.at + step.width][units.start * unit(step)..units.end * unit(step)].fill(true);
        parts.push(Part { step: number, units: (units.len() < count).then_some(units) });
    }
    (work * 2 <= all).then_some(parts.into())
}

/// Which values depend on the newest row.
struct Changed {
    /// Where that row begins.
    newest: usize,
    scratch: Vec<bool>,
}

impl Changed {
    fn any(&self, place: Place, values: Range<usize>) -> bool {
        match place {
            Place::Row(at) => at + values.end > self.newest && !values.is_empty(),
            Place::Scratch(at) => self.scratch[at + values.start..at + values.end].contains(&true),
        }
    }

    /// Whether a unit of a step's result depends on the newest row.
    fn reaches(&self, step: &Step, unit: usize) -> bool {
        let row = |columns: usize, row: usize| self.any(step.from, row * columns..(row + 1) * columns);
        match &step.kernel {
            Kernel::Conv(conv) => conv.reads(unit).any(|at| row(conv.channels, at)),
            Kernel::Pool(pool) if one_sequence(step) => pool.reads(unit).any(|at| row(pool.columns, at)),
            Kernel::Dense { matrix, .. } => row(matrix.inputs(), unit),
            Kernel::Affine(affine) => row(affine.factor.len(), unit),
            Kernel::LayerNorm(norm) => row(norm.scale.len(), unit),
            Kernel::Activation(_) | Kernel::Copy => row(1, unit),
            Kernel::Pick { index, .. } => usize::try_from(index[unit]).is_ok_and(|at| at < step.from_width && row(1, at)),
            Kernel::Binary { other, other_width, .. } if alike(step) => row(1, unit) || *other_width == step.width && self.any(*other, unit..unit + 1),
            Kernel::Binary { other, other_width, .. } => self.any(step.from, 0..step.from_width) || self.any(*other, 0..*other_width),
            Kernel::Select { yes, no } => [step.from, *yes, *no].into_iter().any(|place| self.any(place, 0..step.from_width)),
            Kernel::Stored(_) => false,
            _ => self.any(step.from, 0..step.from_width),
        }
    }
}

/// Values of what of a step's result can be made alone.
fn unit(step: &Step) -> usize {
    match &step.kernel {
        Kernel::Conv(conv) => conv.filters(),
        Kernel::Pool(pool) if one_sequence(step) => pool.columns,
        Kernel::Dense { matrix, .. } => matrix.outputs(),
        Kernel::Affine(affine) => affine.factor.len(),
        Kernel::LayerNorm(norm) => norm.scale.len(),
        Kernel::Activation(_) | Kernel::Copy | Kernel::Pick { .. } => 1,
        Kernel::Binary { .. } if alike(step) => 1,
        _ => step.width,
    }
}

fn one_sequence(step: &Step) -> bool {
    matches!(&step.kernel, Kernel::Pool(pool) if pool.rows * pool.columns == step.from_width)
}

/// Both sides of a binary operator are of the result's size.
fn alike(step: &Step) -> bool {
    matches!(&step.kernel, Kernel::Binary { other_width, .. } if *other_width == step.width && step.from_width == step.width)
}

impl Part {
    /// Makes it again over what is there, the newest row included.
    pub(super) fn run(&self, plan: &Plan, window: &[f32], scratch: &mut [f32], extra: &mut [f32]) {
        let step = &plan.steps[self.step];
        let (made, rest) = scratch.split_at_mut(step.at);
        let to = &mut rest[..step.width];
        let Some(units) = self.units.clone() else { return step.apply(plan.level, window, made, to, extra) };
        let from = read(window, made, step.from, step.from_width);
        let values = units.start * unit(step)..units.end * unit(step);
        let to = &mut to[values.clone()];
        match &step.kernel {
            Kernel::Conv(conv) => plan.level.run(ConvRun { conv, windows: units, from, scratch: extra, to }),
            Kernel::Pool(pool) => to.chunks_exact_mut(pool.columns).zip(units).for_each(|(to, window)| pool.window(window, from, to)),
            Kernel::Dense { matrix, .. } => {
                let from = &from[units.start * matrix.inputs()..units.end * matrix.inputs()];
                let (walk, lay) = (Walk::plain(units.len(), matrix.inputs()), Lay { stride: matrix.outputs(), start: 0 });
                plan.level.run(Product { matrix, from, walk, to, lay });
            }
            Kernel::Affine(affine) => affine.apply(&from[values], to),
            Kernel::LayerNorm(norm) => norm.apply(&from[values], to),
            Kernel::Activation(activation) => plan.level.run(Activate { activation: *activation, from: &from[values], to }),
            Kernel::Pick { index, fill } => to.iter_mut().zip(&index[units]).for_each(|(to, index)| *to = from.get(*index as usize).copied().unwrap_or(*fill)),
            Kernel::Binary { op, other, other_width } => op.apply(&from[values.clone()], &read(window, made, *other, *other_width)[values], to),
            // Copies; the others are made whole.
            _ => to.copy_from_slice(&from[values]),
        }
    }
}

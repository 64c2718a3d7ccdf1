//! What the newest row changes of each step's result.

use super::super::plan::{Place, Plan, Step};
use super::super::units::{Units, chosen, count};

/// A step of which some of the result is to be made again.
#[derive(Debug)]
pub(super) struct Part {
    /// Number of the step.
    pub(super) step: usize,
    pub(super) units: Units,
}

/// The parts of all steps that the newest row changes; `None` where they are most of the work.
pub(super) fn parts(plan: &Plan, width: usize) -> Option<Box<[Part]>> {
    let mut changed = Changed { newest: plan.input_width - width, before: vec![0; plan.scratch_len + 1], end: 0 };
    let (mut parts, mut work, mut all) = (Vec::new(), 0, 0);
    for (number, step) in plan.steps.iter().enumerate() {
        let whole: Units = std::iter::once(0..step.units()).collect();
        let wanted = step.wanted.as_ref().unwrap_or(&whole);
        let mut is_wanted = vec![false; step.units()];
        wanted.iter().for_each(|units| is_wanted[units.clone()].fill(true));
        let units = chosen(step.units(), |unit| is_wanted[unit] && changed.reaches(step, unit)).unwrap_or_else(|| whole.clone());
        let cost = (step.kernel.cost() + step.width as u64) as usize / step.units();
        (all, work) = (all + cost * count(wanted), work + cost * count(&units));
        changed.add(step, &units);
        parts.extend((!units.is_empty()).then_some(Part { step: number, units }));
    }
    (work * 2 <= all).then_some(parts.into())
}

/// Which values depend on the newest row.
struct Changed {
    /// Where that row begins.
    newest: usize,
    /// How many of the scratch values before each one do; steps lie in it in their order.
    before: Vec<u32>,
    /// The end of the last step.
    end: usize,
}

impl Changed {
    fn reaches(&self, step: &Step, unit: usize) -> bool {
        let mut any = false;
        step.reads_of(unit..unit + 1, &mut |place, values| {
            any |= match place {
                Place::Row(at) => at + values.end > self.newest && !values.is_empty(),
                Place::Scratch(at) => self.before[at + values.start] != self.before[at + values.end],
            };
        });
        any
    }

    fn add(&mut self, step: &Step, units: &Units) {
        let end = step.at + step.width;
        let mut is_changed = vec![false; end - self.end];
        for units in units {
            is_changed[step.at - self.end..][units.start * step.unit..units.end * step.unit].fill(true);
        }
        for (at, changed) in (self.end..end).zip(is_changed) {
            self.before[at + 1] = self.before[at] + u32::from(changed);
        }
        self.end = end;
    }
}

impl Part {
    /// Makes it again over what is there, the newest row included.
    pub(super) fn run(&self, plan: &Plan, window: &[f32], scratch: &mut [f32], extra: &mut [f32]) {
        let step = &plan.steps[self.step];
        let (made, rest) = scratch.split_at_mut(step.at);
        self.units.iter().for_each(|units| step.make(units.clone(), plan.level, window, made, &mut rest[..step.width], extra));
    }
}

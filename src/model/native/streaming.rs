//! Convolutions and what goes along a sequence, ahead of its newest row: all that does not depend on that row is made before.
//!
//! When a window was answered, the next one is run with zeros in the place of its newest row. What each step then makes of the rows that
//! are there is final; what depends on the newest row is known from the plan alone (`streaming/parts.rs`) and is made again when the row
//! comes. Of a convolution that is the last few rows of its result.

#[cfg(test)]
mod encoder;
mod parts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::plan::{Plan, Step};
use super::sliding::same;
use crate::model::backend::Ahead;
use crate::model::denormals;
use parts::{Part, parts};

/// One track's next window, run as far as it is known.
#[derive(Debug)]
pub(super) struct Streaming {
    plan: Arc<Plan>,
    /// What every step has made.
    scratch: Box<[f32]>,
    /// Scratch memory of steps, apart from what others have made.
    extra: Box<[f32]>,
    /// The next window, its newest row zeros until it is there.
    window: Box<[f32]>,
    /// Values of a row.
    width: usize,
    ready: bool,
    /// What the newest row changes, in the order of the steps.
    parts: Box<[Part]>,
}

impl Streaming {
    /// `None` when the plan reads no window, or nothing of note can be made before the newest row is there.
    pub(super) fn of(plan: Arc<Plan>) -> Option<Streaming> {
        let width = row_width(&plan)?;
        let parts = parts(&plan, width)?;
        let extra = plan.steps.iter().map(Step::extra).max().unwrap_or(0);
        let zeros = |len: usize| vec![0.0; len].into_boxed_slice();
        Some(Streaming { scratch: zeros(plan.scratch_len), extra: zeros(extra), window: zeros(plan.input_width), width, ready: false, parts, plan })
    }

    /// All rows but the newest.
    fn known(&self) -> usize {
        self.window.len() - self.width
    }
}

/// Values of a row, where the plan reads several.
fn row_width(plan: &Plan) -> Option<usize> {
    let [input] = plan.inputs.as_slice() else { return None };
    match input.dims[..] {
        [1, rows, width] | [rows, 1, width] if rows > 1 => Some(width),
        _ => None,
    }
}

impl Ahead for Streaming {
    fn prepare(&mut self, window: &[f32]) {
        if window.len() != self.window.len() {
            return;
        }
        let known = self.known();
        if !(self.ready && same(&self.window[..known], &window[self.width..])) {
            self.window[..known].copy_from_slice(&window[self.width..]);
            self.window[known..].fill(0.0);
            self.plan.run_from(0, &self.window, &mut self.scratch);
            self.ready = true;
        }
    }

    fn newest<'w>(&self, window: &'w [f32]) -> Option<&'w [f32]> {
        let (known, row) = window.split_at_checked(self.known())?;
        (self.ready && row.len() == self.width && same(&self.window[..known.len()], known)).then_some(row)
    }

    fn next(&mut self, row: &[f32], out: &mut [f32]) -> bool {
        if !(self.ready && row.len() == self.width && out.len() == self.plan.output_width) {
            return false;
        }
        let known = self.known();
        self.window[known..].copy_from_slice(row);
        let Streaming { plan, scratch, extra, parts, window, .. } = self;
        for parts in parts.chunk_by(|a, b| plan.steps[a.step].flushed == plan.steps[b.step].flushed) {
            let mut run = || parts.iter().for_each(|part| part.run(plan, window, scratch, extra));
            if plan.steps[parts[0].step].flushed { denormals::flushed(run) } else { run() }
        }
        plan.copy_out(window, scratch, out);
        true
    }

    fn memory_bytes(&self) -> usize {
        let values = self.scratch.len() + self.extra.len() + self.window.len();
        size_of::<Streaming>() + values * 4 + size_of_val(&*self.parts)
    }
}

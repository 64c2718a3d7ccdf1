//! A layer of gated recurrent units over a whole window.

use std::mem::swap;

use super::block::{Block, WIDTH, both, each, sigmoid, tanh};
use super::matrix::Matrix;
use super::recurrent::{Size, begin, project};
use super::simd::Work;

/// Gates of a unit in the projection, in the order of the weights: update, reset, candidate.
pub(super) const GATES: usize = 3;
/// Gates that are known before the candidate: update, reset.
pub(super) const EARLY: usize = 2;

/// One layer, forward.
#[derive(Debug)]
pub(super) struct Gru {
    pub(super) size: Size,
    /// Of the inputs, with the biases that are added to them; columns as `recurrent::column` has them.
    pub(super) input: Matrix,
    /// Of the state, for update and reset.
    pub(super) early: Matrix,
    /// Of the state, for the candidate; its bias is that of the state when `linear_before_reset`.
    pub(super) candidate: Matrix,
    /// The reset gate scales the state's product instead of the state.
    pub(super) linear_before_reset: bool,
    /// The initial state; empty for zeros.
    pub(super) hidden: Vec<f32>,
}

impl Gru {
    /// The states of all steps.
    pub(super) fn width(&self) -> usize {
        self.size.steps * self.size.hidden
    }

    /// Projections, two states, both early gates.
    pub(super) fn scratch_len(&self) -> usize {
        self.size.steps * self.input.outputs() + 4 * self.size.blocks() * WIDTH
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.input.memory_bytes() + self.early.memory_bytes() + self.candidate.memory_bytes() + 4 * self.hidden.len()
    }
}

/// One run of a layer.
pub(super) struct GruRun<'a> {
    pub(super) layer: &'a Gru,
    pub(super) from: &'a [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for GruRun<'_> {
    #[inline(always)]
    fn run<const ROWS: usize, const BLOCKS: usize, const ALONE: usize>(self) {
        let Gru { size, input, hidden, .. } = self.layer;
        let (projected, states) = self.scratch.split_at_mut(size.steps * input.outputs());
        project::<ROWS, BLOCKS, ALONE>(input, *size, self.from, projected);
        let (states, _) = states.as_chunks_mut::<WIDTH>();
        let (gates, states) = states.split_at_mut(2 * size.blocks());
        let (update, reset) = gates.split_at_mut(size.blocks());
        let (mut before, mut after) = states[..2 * size.blocks()].split_at_mut(size.blocks());
        begin(before, hidden);
        let rows = projected.chunks_exact(input.outputs()).zip(self.to.chunks_exact_mut(size.hidden));
        for (projected, output) in rows {
            let projected = projected.as_chunks().0;
            self.layer.step::<ALONE>(Step { projected, before, update, reset, after });
            output.copy_from_slice(&after.as_flattened()[..size.hidden]);
            swap(&mut before, &mut after);
        }
    }
}

/// What one step reads and writes.
struct Step<'a> {
    projected: &'a [Block],
    before: &'a [Block],
    update: &'a mut [Block],
    /// The reset gate, or the state that it has scaled.
    reset: &'a mut [Block],
    after: &'a mut [Block],
}

impl Gru {
    #[inline(always)]
    fn step<const ALONE: usize>(&self, mut step: Step<'_>) {
        let mut first = 0;
        if ALONE == 16 {
            while first + 4 <= step.before.len() {
                self.gates::<4, 8>(first, &mut step);
                first += 4;
            }
        }
        while first < step.before.len() {
            self.gates::<1, EARLY>(first, &mut step);
            first += 1;
        }
        first = 0;
        while first + 4 <= step.before.len() {
            self.states::<4>(first, &mut step);
            first += 4;
        }
        while first < step.before.len() {
            self.states::<1>(first, &mut step);
            first += 1;
        }
    }

    /// Update and reset of `UNITS` blocks of units with `GATED` blocks of gates, two for each.
    #[inline(always)]
    fn gates<const UNITS: usize, const GATED: usize>(&self, first: usize, step: &mut Step<'_>) {
        let mut sums = [[0.0; WIDTH]; GATED];
        for (gates, projected) in sums.as_chunks_mut::<EARLY>().0.iter_mut().zip(step.projected[first * GATES..].chunks_exact(GATES)) {
            gates.copy_from_slice(&projected[..EARLY]);
        }
        let sums = self.early.chain(sums, &step.before.as_flattened()[..self.size.hidden], first * EARLY);
        for (unit, [update, reset]) in sums.as_chunks::<EARLY>().0.iter().enumerate() {
            let at = first + unit;
            step.update[at] = each(update, sigmoid);
            step.reset[at] = each(reset, sigmoid);
            if !self.linear_before_reset {
                step.reset[at] = both(&step.reset[at], &step.before[at], |reset, before| reset * before);
            }
        }
    }

    /// Candidate and new state of `N` blocks of units.
    #[inline(always)]
    fn states<const N: usize>(&self, first: usize, step: &mut Step<'_>) {
        let hidden = self.size.hidden;
        let sums = if self.linear_before_reset {
            self.candidate.chain::<N>(self.candidate.biases(first), &step.before.as_flattened()[..hidden], first)
        } else {
            let mut sums = [[0.0; WIDTH]; N];
            for (sum, projected) in sums.iter_mut().zip(step.projected[first * GATES..].chunks_exact(GATES)) {
                *sum = projected[EARLY];
            }
            self.candidate.chain::<N>(sums, &step.reset.as_flattened()[..hidden], first)
        };
        for (unit, sum) in sums.iter().enumerate() {
            let at = first + unit;
            let mut sum = *sum;
            if self.linear_before_reset {
                let scaled = both(&step.reset[at], &sum, |reset, sum| reset * sum);
                sum = both(&scaled, &step.projected[at * GATES + EARLY], |scaled, projected| scaled + projected);
            }
            let candidate = each(&sum, tanh);
            let moved = both(&step.before[at], &candidate, |before, candidate| before - candidate);
            let kept = both(&step.update[at], &moved, |update, moved| update * moved);
            step.after[at] = both(&kept, &candidate, |kept, candidate| kept + candidate);
        }
    }
}

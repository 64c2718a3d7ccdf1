//! A layer of gated recurrent units over a whole window.

use std::mem::swap;

use super::block::{Block, WIDTH, both, each, sigmoid, tanh};
use super::matrix::Matrix;
use super::recurrent::{Size, begin, project};
use super::simd::Work;
use super::sums::{Four, MOST, PANEL, Registers, Sums, ZEROS};

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
    fn run<R: Registers>(self) {
        let Gru { size, input, hidden, .. } = self.layer;
        let (projected, states) = self.scratch.split_at_mut(size.steps * input.outputs());
        project::<R>(input, *size, self.from, projected);
        let (states, _) = states.as_chunks_mut::<WIDTH>();
        let (gates, states) = states.split_at_mut(2 * size.blocks());
        let (update, reset) = gates.split_at_mut(size.blocks());
        let (mut before, mut after) = states[..2 * size.blocks()].split_at_mut(size.blocks());
        begin(before, hidden);
        let rows = projected.chunks_exact(input.outputs()).zip(self.to.chunks_exact_mut(size.hidden));
        for (projected, output) in rows {
            let projected = projected.as_chunks().0;
            self.layer.step::<R>(Step { projected, before, update, reset, after });
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
    fn step<R: Registers>(&self, mut step: Step<'_>) {
        self.gates::<R::Alone>(&mut step);
        self.states(&mut step);
    }

    /// Update and reset.
    #[inline(always)]
    fn gates<S: Sums>(&self, step: &mut Step<'_>) {
        let before = &step.before.as_flattened()[..self.size.hidden];
        let mut panel = 0;
        while panel + S::PANELS <= self.early.panels() {
            let mut gates = self.early_inputs(panel * PANEL / EARLY, step);
            self.early.chain(S::load(&gates), before, panel).store(&mut gates);
            self.open(&gates[..S::PANELS * PANEL], panel * PANEL / EARLY, step);
            panel += S::PANELS;
        }
        while panel < self.early.panels() {
            let mut gates = self.early_inputs(panel * PANEL / EARLY, step);
            self.early.chain(Four::load(&gates), before, panel).store(&mut gates);
            self.open(&gates[..PANEL], panel * PANEL / EARLY, step);
            panel += 1;
        }
        // An odd block of units has half a panel of gates.
        if self.size.blocks() % EARLY == 1 {
            let [update, reset, ..] = self.early_inputs(panel * PANEL / EARLY, step);
            let gates = self.early.chain_rest([update, reset], before, 0, 0);
            self.open(&gates, panel * PANEL / EARLY, step);
        }
    }

    /// The projections of the early gates from a block of units on.
    #[inline(always)]
    fn early_inputs(&self, first: usize, step: &Step<'_>) -> [Block; MOST] {
        let mut gates = ZEROS;
        for (gates, projected) in gates.as_chunks_mut::<EARLY>().0.iter_mut().zip(step.projected[first * GATES..].chunks_exact(GATES)) {
            gates.copy_from_slice(&projected[..EARLY]);
        }
        gates
    }

    /// Opens the gates of the blocks of units from `first` on.
    #[inline(always)]
    fn open(&self, gates: &[Block], first: usize, step: &mut Step<'_>) {
        for (unit, [update, reset]) in gates.as_chunks::<EARLY>().0.iter().enumerate() {
            let at = first + unit;
            step.update[at] = each(update, sigmoid);
            step.reset[at] = each(reset, sigmoid);
            if !self.linear_before_reset {
                step.reset[at] = both(&step.reset[at], &step.before[at], |reset, before| reset * before);
            }
        }
    }

    /// Candidates and new states.
    #[inline(always)]
    fn states(&self, step: &mut Step<'_>) {
        let hidden = self.size.hidden;
        let from = if self.linear_before_reset { &step.before.as_flattened()[..hidden] } else { &step.reset.as_flattened()[..hidden] };
        let panels = self.candidate.panels();
        for panel in 0..panels {
            let sums = self.candidate.chain(self.begun::<PANEL>(panel * PANEL, step), from, panel);
            for (unit, sum) in sums.iter().enumerate() {
                step.after[panel * PANEL + unit] = self.moved_on(panel * PANEL + unit, sum, step);
            }
        }
        for unit in panels * PANEL..self.size.blocks() {
            let [sum] = self.candidate.chain_rest(self.begun::<1>(unit, step), from, 0, unit - panels * PANEL);
            step.after[unit] = self.moved_on(unit, &sum, step);
        }
    }

    /// What the sums of `N` blocks of candidates begin with.
    #[inline(always)]
    fn begun<const N: usize>(&self, first: usize, step: &Step<'_>) -> [Block; N] {
        if self.linear_before_reset {
            return self.candidate.biases(first);
        }
        let mut sums = [[0.0; WIDTH]; N];
        for (sum, projected) in sums.iter_mut().zip(step.projected[first * GATES..].chunks_exact(GATES)) {
            *sum = projected[EARLY];
        }
        sums
    }

    /// The new state of a block of units from its candidates' sums.
    #[inline(always)]
    fn moved_on(&self, at: usize, sum: &Block, step: &Step<'_>) -> Block {
        let mut sum = *sum;
        if self.linear_before_reset {
            let scaled = both(&step.reset[at], &sum, |reset, sum| reset * sum);
            sum = both(&scaled, &step.projected[at * GATES + EARLY], |scaled, projected| scaled + projected);
        }
        let candidate = each(&sum, tanh);
        let moved = both(&step.before[at], &candidate, |before, candidate| before - candidate);
        let kept = both(&step.update[at], &moved, |update, moved| update * moved);
        both(&kept, &candidate, |kept, candidate| kept + candidate)
    }
}

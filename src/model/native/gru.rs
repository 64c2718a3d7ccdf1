//! A layer of gated recurrent units over a whole window.

use std::mem::swap;

use super::block::{Block, WIDTH, both, each, sigmoid, tanh};
use super::factor::Factor;
use super::matrix::{Lay, Matrix};
use super::recurrent::{Initial, Size, begin, know, project};
use super::simd::Work;
use super::sums::{Four, PANEL, Registers, Sums, ZEROS};
use crate::model::params::Visit;

/// Gates of a unit in the projection, in the order of the weights: update, reset, candidate.
pub(super) const GATES: usize = 3;
/// Gates that are known before the candidate: update, reset.
pub(super) const EARLY: usize = 2;

/// One layer, forward.
#[derive(Debug)]
pub(super) struct Gru {
    pub(super) size: Size,
    /// Of the inputs, with the biases that are added to them; columns as `recurrent::column` has them.
    pub(super) input: Factor,
    /// Of the state, for update and reset.
    pub(super) early: Factor,
    /// Of the state, for the candidate; its bias is that of the state when `linear_before_reset`.
    pub(super) candidate: Factor,
    /// The reset gate scales the state's product instead of the state.
    pub(super) linear_before_reset: bool,
    /// The state that the first step begins with.
    pub(super) hidden: Initial,
}

impl Gru {
    /// The states of all steps.
    pub(super) fn width(&self) -> usize {
        self.size.steps * self.size.hidden
    }

    /// Projections, two states, both early gates; the state's part of all gates where it is made apart from them.
    pub(super) fn scratch_len(&self) -> usize {
        self.size.steps * self.input.outputs() + 4 * self.size.blocks() * WIDTH + self.apart() + self.room_len()
    }

    /// Values of the state's part of the gates where it is made apart from them.
    fn apart(&self) -> usize {
        if matches!(self.early, Factor::F32(_)) { 0 } else { self.known_width() }
    }

    /// Values of scratch memory that the products take.
    pub(super) fn room_len(&self) -> usize {
        self.input.room_len().max(self.early.room_len()).max(self.candidate.room_len())
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.input.params(visit);
        self.early.params(visit);
        self.candidate.params(visit);
        self.hidden.params(visit);
    }
}

/// One run of a layer.
pub(super) struct GruRun<'a> {
    pub(super) layer: &'a Gru,
    pub(super) from: &'a [f32],
    /// The state that it begins with.
    pub(super) first: &'a [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for GruRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Gru { size, input, .. } = self.layer;
        let (projected, rest) = self.scratch.split_at_mut(size.steps * input.outputs());
        let (states, rest) = rest.split_at_mut(4 * size.blocks() * WIDTH);
        let (known, room) = rest.split_at_mut(self.layer.apart());
        project::<R>(input, *size, self.from, projected, room);
        let (states, _) = states.as_chunks_mut::<WIDTH>();
        let (gates, states) = states.split_at_mut(2 * size.blocks());
        let (update, reset) = gates.split_at_mut(size.blocks());
        let (mut before, mut after) = states[..2 * size.blocks()].split_at_mut(size.blocks());
        begin(before, self.first);
        let rows = projected.chunks_exact(input.outputs()).zip(self.to.chunks_exact_mut(size.hidden));
        for (projected, output) in rows {
            let projected = projected.as_chunks().0;
            let step = Step { projected, before, update, reset, after };
            match (&self.layer.early, &self.layer.candidate) {
                (Factor::F32(early), Factor::F32(candidate)) => self.layer.step::<R>(early, candidate, step),
                _ => self.layer.step_apart::<R>(step, known, room),
            }
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
    fn step<R: Registers>(&self, early: &Matrix, candidate: &Matrix, mut step: Step<'_>) {
        self.gates::<R, R::Alone>(early, &mut step);
        self.states::<R>(candidate, &mut step);
    }

    /// The state's part of all gates first.
    #[inline(always)]
    fn step_apart<R: Registers>(&self, step: Step<'_>, known: &mut [f32], room: &mut [f32]) {
        self.know::<R>(1, step.before.as_flattened(), known, room);
        step.after.copy_from_slice(step.before);
        self.move_on::<R>(step.projected, known.as_chunks().0, step.after);
    }

    /// Update and reset.
    #[inline(always)]
    fn gates<R: Registers, S: Sums>(&self, early: &Matrix, step: &mut Step<'_>) {
        let before = &step.before.as_flattened()[..self.size.hidden];
        let mut panel = 0;
        while panel + S::PANELS <= early.panels() {
            let mut gates = ZEROS;
            early.chain::<R, S>(S::load(&ZEROS), before, panel).store(&mut gates);
            self.open::<R>(&gates[..S::PANELS * PANEL], panel * PANEL / EARLY, step);
            panel += S::PANELS;
        }
        while panel < early.panels() {
            let mut gates = ZEROS;
            early.chain::<R, Four>(Four::load(&ZEROS), before, panel).store(&mut gates);
            self.open::<R>(&gates[..PANEL], panel * PANEL / EARLY, step);
            panel += 1;
        }
        // An odd block of units has half a panel of gates.
        if self.size.blocks() % EARLY == 1 {
            let gates = early.chain_rest::<R, EARLY>([ZEROS[0]; EARLY], before, 0, 0);
            self.open::<R>(&gates, panel * PANEL / EARLY, step);
        }
    }

    /// Opens the gates of the blocks of units from `first` on, from the state's part of them.
    #[inline(always)]
    fn open<R: Registers>(&self, known: &[Block], first: usize, step: &mut Step<'_>) {
        for (unit, [update, reset]) in known.as_chunks::<EARLY>().0.iter().enumerate() {
            let at = first + unit;
            step.update[at] = gate::<R>(&step.projected[at * GATES], update);
            step.reset[at] = gate::<R>(&step.projected[at * GATES + 1], reset);
            if !self.linear_before_reset {
                step.reset[at] = both(&step.reset[at], &step.before[at], |reset, before| reset * before);
            }
        }
    }

    /// Candidates and new states.
    #[inline(always)]
    fn states<R: Registers>(&self, candidate: &Matrix, step: &mut Step<'_>) {
        let hidden = self.size.hidden;
        let from = if self.linear_before_reset { &step.before.as_flattened()[..hidden] } else { &step.reset.as_flattened()[..hidden] };
        let panels = candidate.panels();
        for panel in 0..panels {
            let sums = candidate.chain::<R, Four>(self.begun::<PANEL>(candidate, panel * PANEL, step), from, panel);
            for (unit, sum) in sums.iter().enumerate() {
                step.after[panel * PANEL + unit] = self.moved_on::<R>(panel * PANEL + unit, sum, step);
            }
        }
        for unit in panels * PANEL..self.size.blocks() {
            let [sum] = candidate.chain_rest::<R, 1>(self.begun::<1>(candidate, unit, step), from, 0, unit - panels * PANEL);
            step.after[unit] = self.moved_on::<R>(unit, &sum, step);
        }
    }

    /// What the sums of `N` blocks of candidates begin with.
    #[inline(always)]
    fn begun<const N: usize>(&self, candidate: &Matrix, first: usize, step: &Step<'_>) -> [Block; N] {
        if self.linear_before_reset {
            return candidate.biases(first);
        }
        let mut sums = [[0.0; WIDTH]; N];
        for (sum, projected) in sums.iter_mut().zip(step.projected[first * GATES..].chunks_exact(GATES)) {
            *sum = projected[EARLY];
        }
        sums
    }

    /// The new state of a block of units from its candidates' sums.
    #[inline(always)]
    fn moved_on<R: Registers>(&self, at: usize, sum: &Block, step: &Step<'_>) -> Block {
        let sum = if self.linear_before_reset { scaled(&step.reset[at], sum, &step.projected[at * GATES + EARLY]) } else { *sum };
        next::<R>(&step.before[at], &step.update[at], &sum)
    }
}

/// A gate from the inputs' part and the state's.
#[inline(always)]
fn gate<R: Registers>(projected: &Block, known: &Block) -> Block {
    let mut to = [0.0; WIDTH];
    R::part(Gate { projected, known, to: &mut to });
    to
}

struct Gate<'a> {
    projected: &'a Block,
    known: &'a Block,
    to: &'a mut Block,
}

impl Work for Gate<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        *self.to = both(self.projected, self.known, |projected, known| sigmoid(projected + known));
    }
}

/// A candidate's sum where the reset gate scales the state's part.
#[inline(always)]
fn scaled(reset: &Block, known: &Block, projected: &Block) -> Block {
    let scaled = both(reset, known, |reset, known| reset * known);
    both(&scaled, projected, |scaled, projected| scaled + projected)
}

/// The next state of a block of units.
#[inline(always)]
fn next<R: Registers>(before: &Block, update: &Block, sum: &Block) -> Block {
    let mut to = [0.0; WIDTH];
    R::part(Next { before, update, sum, to: &mut to });
    to
}

struct Next<'a> {
    before: &'a Block,
    update: &'a Block,
    sum: &'a Block,
    to: &'a mut Block,
}

impl Work for Next<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let candidate = each(self.sum, tanh);
        let moved = both(self.before, &candidate, |before, candidate| before - candidate);
        let kept = both(self.update, &moved, |update, moved| update * moved);
        *self.to = both(&kept, &candidate, |kept, candidate| kept + candidate);
    }
}

/// For layers that are `linear_before_reset`: where the reset gate scales the state itself, the candidate's part waits for the inputs.
impl Gru {
    /// Values of the state's part of the gates.
    pub(super) fn known_width(&self) -> usize {
        self.early.outputs() + self.candidate.outputs()
    }

    /// The state's part of the gates of so many states, which lie in whole blocks, to rows of `known_width`.
    #[inline(always)]
    pub(super) fn know<R: Registers>(&self, states: usize, from: &[f32], to: &mut [f32], room: &mut [f32]) {
        let stride = self.known_width();
        know::<R>(&self.early, self.size, states, from, to, Lay { stride, start: 0 }, room);
        know::<R>(&self.candidate, self.size, states, from, to, Lay { stride, start: self.early.outputs() }, room);
    }

    /// The state of a window that begins.
    #[inline(always)]
    pub(super) fn begin(&self, state: &mut [Block]) {
        begin(state, self.hidden.stored().unwrap_or_default());
    }

    /// The next state, from both parts of the gates.
    #[inline(always)]
    pub(super) fn move_on<R: Registers>(&self, projected: &[Block], known: &[Block], state: &mut [Block]) {
        let (early, candidates) = known.split_at(EARLY * self.size.blocks());
        let gates = projected.as_chunks::<GATES>().0.iter().zip(early.as_chunks::<EARLY>().0).zip(candidates);
        for ((([update, reset, fresh], [known_update, known_reset]), candidate), state) in gates.zip(state) {
            let sum = scaled(&gate::<R>(reset, known_reset), candidate, fresh);
            *state = next::<R>(state, &gate::<R>(update, known_update), &sum);
        }
    }
}

//! A layer of long short-term memory over a whole window.

use std::mem::swap;

use super::block::{Block, WIDTH, both, each, sigmoid, tanh};
use super::factor::Factor;
use super::matrix::{Lay, Matrix};
use super::recurrent::{Initial, Size, begin, know, project};
use super::simd::Work;
use super::sums::{Four, PANEL, Registers, Sums};
use crate::model::params::Visit;

/// Gates of a unit, in the order of the weights: input, output, forget, cell. They make a panel.
pub(super) const GATES: usize = PANEL;

/// One layer, forward.
#[derive(Debug)]
pub(super) struct Lstm {
    pub(super) size: Size,
    /// Of the inputs, with both biases; columns as `recurrent::column` has them.
    pub(super) input: Factor,
    /// Of the state.
    pub(super) state: Factor,
    /// The state and the cell that the first step begins with.
    pub(super) hidden: Initial,
    pub(super) cell: Initial,
}

impl Lstm {
    /// The states of all steps, then the last cell.
    pub(super) fn width(&self) -> usize {
        (self.size.steps + 1) * self.size.hidden
    }

    /// Projections, two states and the cell; the state's part of the gates where it is not made in registers.
    pub(super) fn scratch_len(&self) -> usize {
        self.size.steps * self.input.outputs() + 3 * self.size.blocks() * WIDTH + self.apart() + self.room_len()
    }

    /// Values of the state's part of the gates where it is made apart from them.
    fn apart(&self) -> usize {
        if matches!(self.state, Factor::F32(_)) { 0 } else { self.known_width() }
    }

    /// Values of scratch memory that the products take.
    pub(super) fn room_len(&self) -> usize {
        self.input.room_len().max(self.state.room_len())
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.input.params(visit);
        self.state.params(visit);
        self.hidden.params(visit);
        self.cell.params(visit);
    }
}

/// One run of a layer.
pub(super) struct LstmRun<'a> {
    pub(super) layer: &'a Lstm,
    pub(super) from: &'a [f32],
    /// The state and the cell that it begins with.
    pub(super) first: [&'a [f32]; 2],
    pub(super) scratch: &'a mut [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for LstmRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let (Lstm { size, input, .. }, [hidden, first_cell]) = (self.layer, self.first);
        let (projected, rest) = self.scratch.split_at_mut(size.steps * input.outputs());
        let (states, rest) = rest.split_at_mut(3 * size.blocks() * WIDTH);
        let (known, room) = rest.split_at_mut(self.layer.apart());
        project::<R>(input, *size, self.from, projected, room);
        let (states, _) = states.as_chunks_mut::<WIDTH>();
        let (cell, states) = states.split_at_mut(size.blocks());
        let (mut before, mut after) = states[..2 * size.blocks()].split_at_mut(size.blocks());
        begin(cell, first_cell);
        begin(before, hidden);
        let (outputs, last_cell) = self.to.split_at_mut(size.steps * size.hidden);
        let rows = projected.chunks_exact(input.outputs()).zip(outputs.chunks_exact_mut(size.hidden));
        for (number, (projected, output)) in rows.enumerate() {
            let step = Step { projected: projected.as_chunks().0, before: before.as_flattened(), cell, after };
            match &self.layer.state {
                Factor::F32(state) => self.layer.step::<R>(state, step, number % 2 == 1),
                _ => self.layer.step_apart::<R>(step, known, room),
            }
            output.copy_from_slice(&after.as_flattened()[..size.hidden]);
            swap(&mut before, &mut after);
        }
        last_cell.copy_from_slice(&cell.as_flattened()[..size.hidden]);
    }
}

/// What one step reads and writes.
struct Step<'a> {
    projected: &'a [Block],
    before: &'a [f32],
    cell: &'a mut [Block],
    after: &'a mut [Block],
}

impl Lstm {
    /// Block of units by block; every second step backwards, so that it begins with the weights that the nearest cache still holds.
    #[inline(always)]
    fn step<R: Registers>(&self, state: &Matrix, mut step: Step<'_>, backwards: bool) {
        let blocks = step.cell.len();
        for at in 0..blocks {
            self.units::<R>(state, if backwards { blocks - 1 - at } else { at }, &mut step);
        }
    }

    /// The state's part of all gates first.
    #[inline(always)]
    fn step_apart<R: Registers>(&self, step: Step<'_>, known: &mut [f32], room: &mut [f32]) {
        self.know::<R>(1, step.before, known, room);
        self.move_on::<R>(step.projected, known.as_chunks().0, step.after, step.cell);
    }

    /// One block of units, whose gates are a panel.
    #[inline(always)]
    fn units<R: Registers>(&self, state: &Matrix, at: usize, step: &mut Step<'_>) {
        let mut gates = Four::default();
        let known = state.chain::<R, Four>(Four::default(), &step.before[..self.size.hidden], at);
        known.behind(&step.projected[at * GATES..]).store(&mut gates);
        R::part(MoveOn { gates: &gates, cell: &mut step.cell[at], after: &mut step.after[at] });
    }
}

impl Lstm {
    /// Values of the state's part of the gates.
    pub(super) fn known_width(&self) -> usize {
        self.state.outputs()
    }

    /// The state's part of the gates of so many states, which lie in whole blocks, to rows of `known_width`.
    #[inline(always)]
    pub(super) fn know<R: Registers>(&self, states: usize, from: &[f32], to: &mut [f32], room: &mut [f32]) {
        know::<R>(&self.state, self.size, states, from, to, Lay { stride: self.state.outputs(), start: 0 }, room);
    }

    /// The state and cell of a window that begins.
    #[inline(always)]
    pub(super) fn begin(&self, state: &mut [Block], cell: &mut [Block]) {
        begin(state, self.hidden.stored().unwrap_or_default());
        begin(cell, self.cell.stored().unwrap_or_default());
    }

    /// The next state and cell, from both parts of the gates.
    #[inline(always)]
    pub(super) fn move_on<R: Registers>(&self, projected: &[Block], known: &[Block], state: &mut [Block], cell: &mut [Block]) {
        let gates = projected.as_chunks::<GATES>().0.iter().zip(known.as_chunks::<GATES>().0);
        for ((projected, known), (cell, state)) in gates.zip(cell.iter_mut().zip(state)) {
            let mut gates = *projected;
            for (gate, known) in gates.iter_mut().zip(known) {
                *gate = both(gate, known, |projected, known| projected + known);
            }
            R::part(MoveOn { gates: &gates, cell, after: state });
        }
    }
}

/// The new cell and state of a block of units.
struct MoveOn<'a> {
    gates: &'a [Block; GATES],
    cell: &'a mut Block,
    after: &'a mut Block,
}

impl Work for MoveOn<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let MoveOn { gates: [input, output, forget, fresh], cell, after } = self;
        let added = both(input, fresh, |input, fresh| sigmoid(input) * tanh(fresh));
        let kept = both(forget, cell, |forget, cell| sigmoid(forget) * cell);
        *cell = both(&kept, &added, |kept, added| kept + added);
        let shown = each(cell, tanh);
        *after = both(output, &shown, |output, shown| sigmoid(output) * shown);
    }
}

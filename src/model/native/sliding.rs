//! Recurrent layers over a sliding window, exactly: the next window shares all of its rows but the newest with this one.
//!
//! Each window that has begun and is not complete is a *lane*: the states of every layer after the rows that it has seen. A window of
//! W rows has W - 1 of them. A new row moves all lanes on at once, so that what would be W - 1 rows times a matrix, one by one, is one
//! product; the lane that has then seen W - 1 rows is the next to be complete. The state's part of its gates is made at once as well.
//! What is left for the newest row is one step of each layer without the state's products, and the steps behind the layers.
//!
//! The lanes answer only for a window that begins with the very rows that they have seen, and give the bits of the whole window.

mod lanes;
mod layer;

use std::sync::Arc;

use super::block::WIDTH;
use super::plan::{Place, Plan, Step};
use crate::model::backend::Ahead;
use crate::model::denormals;
use lanes::{Complete, Gates, Lanes, LayerStates, MoveOn, blocks};
use layer::Layer;

/// What is known of one track's windows.
#[derive(Debug)]
pub(super) struct SlidingWindow {
    plan: Arc<Plan>,
    /// The plan's.
    scratch: Box<[f32]>,
    /// The rows that the lane which completes next has seen, oldest first.
    rows: Box<[f32]>,
    lanes: Lanes,
    /// One a layer.
    states: Box<[LayerStates]>,
    gates: Gates,
}

impl SlidingWindow {
    /// `None` when the plan is no stack of recurrent layers of whose last one the rest reads the end alone.
    pub(super) fn of(plan: Arc<Plan>) -> Option<SlidingWindow> {
        let layers = layers(&plan.steps[..stack(&plan)?]);
        let rows = layers.clone().next()?.size().steps;
        let most = rows - 1;
        let widest = |width: fn(Layer<'_>) -> usize| blocks(most * layers.clone().map(width).max().unwrap_or(0) / WIDTH);
        Some(SlidingWindow {
            scratch: vec![0.0; plan.scratch_len].into(),
            rows: vec![0.0; plan.input_width / rows * most].into(),
            lanes: Lanes { most, begun: 0, oldest: 0 },
            gates: Gates {
                projected: widest(|layer| layer.input().outputs()),
                known: widest(|layer| layer.known_width()),
                room: vec![0.0; layers.clone().map(Layer::room_len).max().unwrap_or(0)].into(),
            },
            states: layers.map(|layer| LayerStates::new(layer, most)).collect(),
            plan,
        })
    }

    /// Values of a row.
    fn width(&self) -> usize {
        self.rows.len() / self.lanes.most
    }

    /// How many of the window's newest rows the lanes have not seen.
    fn behind(&self, window: &[f32]) -> usize {
        let (width, most) = (self.width(), self.lanes.most);
        let seen = |behind: &usize| same(&self.rows[behind * width..], &window[width..window.len() - behind * width]);
        let first = if self.lanes.all_begun() { 0 } else { most };
        (first..most).find(seen).unwrap_or(most)
    }

    fn move_on(&mut self, row: &[f32]) {
        self.rows.copy_within(row.len().., 0);
        let newest = self.rows.len() - row.len();
        self.rows[newest..].copy_from_slice(row);
        let (lane, steps) = (self.lanes.next(), &self.plan.steps[..self.states.len()]);
        self.plan.level.run(MoveOn { steps, states: &mut self.states, gates: &mut self.gates, lanes: self.lanes, lane, row });
    }

    /// The last states of the window that this row completes; the lanes stay as they are. So a stand-in for a row that is not there yet
    /// changes nothing, and leaves what the row's answer will read in the nearest cache that holds it.
    fn complete(&mut self, row: &[f32]) {
        let steps = &self.plan.steps[..self.states.len()];
        self.plan.level.run(Complete { steps, states: &mut self.states, gates: &mut self.gates, oldest: self.lanes.oldest, row });
    }

    /// Puts the end of the last layer where the plan's other steps look for it.
    fn lay_end(&mut self) {
        let last = self.states.len() - 1;
        let step = &self.plan.steps[last];
        let Some(layer) = Layer::of(&step.kernel) else { return };
        let ((start, cell), hidden, [state, last_cell]) = (layer.end(), layer.size().hidden, self.states[last].last());
        let to = &mut self.scratch[step.at + start..];
        to[..hidden].copy_from_slice(&state[..hidden]);
        to[hidden..hidden + cell].copy_from_slice(&last_cell[..cell]);
    }
}

impl Ahead for SlidingWindow {
    fn prepare(&mut self, window: &[f32]) {
        if window.len() != self.plan.input_width {
            return;
        }
        let (width, behind) = (self.width(), self.behind(window));
        let news = &window[window.len() - behind * width..];
        let newest = &window[window.len() - width..];
        denormals::flushed(|| {
            news.chunks_exact(width).for_each(|row| self.move_on(row));
            if behind > 0 && self.lanes.all_begun() {
                self.complete(newest);
            }
        });
    }

    fn newest<'w>(&self, window: &'w [f32]) -> Option<&'w [f32]> {
        let (known, row) = window.split_at_checked(self.rows.len())?;
        (self.lanes.all_begun() && row.len() == self.width() && same(&self.rows, known)).then_some(row)
    }

    fn next(&mut self, row: &[f32], out: &mut [f32]) -> bool {
        if !(self.lanes.all_begun() && row.len() == self.width() && out.len() == self.plan.output_width) {
            return false;
        }
        denormals::flushed(|| self.complete(row));
        self.lay_end();
        // Nothing behind the layers reads the window.
        self.plan.run_from(self.states.len(), &[], &mut self.scratch);
        self.plan.copy_out(&[], &self.scratch, out);
        true
    }

    fn memory_bytes(&self) -> usize {
        let states: usize = self.states.iter().map(LayerStates::memory_bytes).sum();
        let values = size_of_val(&*self.scratch) + size_of_val(&*self.rows) + size_of_val(&*self.gates.room);
        size_of::<SlidingWindow>() + values + states + size_of_val(&*self.gates.projected) + size_of_val(&*self.gates.known)
    }
}

/// The layers of steps that are all recurrent.
fn layers(steps: &[Step]) -> impl Iterator<Item = Layer<'_>> + Clone {
    steps.iter().filter_map(|step| Layer::of(&step.kernel))
}

/// How many layers the plan begins with, each of which reads all states of the one before, when nothing else reads more of them than
/// the end of the last one.
fn stack(plan: &Plan) -> Option<usize> {
    let rows = layers(&plan.steps).next()?.size().steps;
    let (mut from, mut width) = (Place::Row(0), plan.input_width);
    let (mut count, mut end) = (0, 0);
    for step in &plan.steps {
        let Some(layer) = Layer::of(&step.kernel) else { break };
        if (step.from, step.from_width) != (from, width) || layer.size().steps != rows || !step.flushed {
            break;
        }
        (from, width) = (Place::Scratch(step.at), rows * layer.size().hidden);
        (count, end) = (count + 1, step.at + layer.end().0);
    }
    let rest = plan.steps[count..].iter().flat_map(Step::reads).flatten().chain(plan.places.iter().copied());
    let reads_the_end = |place: Place| matches!(place, Place::Scratch(at) if at >= end);
    (count > 0 && rows > 1 && rest.into_iter().all(reads_the_end)).then_some(count)
}

/// To the bit, so that a window that holds NaN is the same as itself.
pub(super) fn same(a: &[f32], b: &[f32]) -> bool {
    bytemuck::cast_slice::<f32, u32>(a) == bytemuck::cast_slice::<f32, u32>(b)
}

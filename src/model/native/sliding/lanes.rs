//! The states of all lanes in one layer, and the two things that a new row does to them.

use super::super::block::{Block, WIDTH};
use super::super::factor::Rows;
use super::super::matrix::Lay;
use super::super::plan::Step;
use super::super::simd::Work;
use super::super::sums::Registers;
use super::layer::Layer;
use super::layers;

/// Which lanes there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    /// Rows of a window less one.
    pub(super) most: usize,
    pub(super) begun: usize,
    /// The lane that completes next, once all have begun.
    pub(super) oldest: usize,
}

impl Lanes {
    /// The lane that begins with the next row, in the place of the one that is complete.
    pub(super) fn next(&mut self) -> usize {
        if self.begun < self.most {
            self.begun += 1;
            return self.begun - 1;
        }
        let lane = self.oldest;
        self.oldest = (lane + 1) % self.most;
        lane
    }

    pub(super) fn all_begun(self) -> bool {
        self.begun == self.most
    }
}

/// What a layer knows of every lane.
#[derive(Debug)]
pub(super) struct LayerStates {
    /// Whole blocks a lane.
    states: Box<[Block]>,
    cells: Box<[Block]>,
    /// The state's part of the gates of the lane that completes next.
    known: Box<[Block]>,
    /// State and cell of that lane after the newest row.
    state: Box<[Block]>,
    cell: Box<[Block]>,
}

impl LayerStates {
    pub(super) fn new(layer: Layer<'_>, lanes: usize) -> LayerStates {
        let units = layer.size().blocks();
        LayerStates {
            states: blocks(lanes * units),
            cells: blocks(lanes * units),
            known: blocks(layer.known_width() / WIDTH),
            state: blocks(units),
            cell: blocks(units),
        }
    }

    /// State and cell of the window that was completed last.
    pub(super) fn last(&self) -> [&[f32]; 2] {
        [self.state.as_flattened(), self.cell.as_flattened()]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        [&self.states, &self.cells, &self.known, &self.state, &self.cell].into_iter().map(|blocks| size_of_val(&**blocks)).sum()
    }
}

/// So many blocks of zeros.
pub(super) fn blocks(count: usize) -> Box<[Block]> {
    vec![[0.0; WIDTH]; count].into()
}

/// Both parts of the gates while lanes are moved on.
#[derive(Debug)]
pub(super) struct Gates {
    pub(super) projected: Box<[Block]>,
    pub(super) known: Box<[Block]>,
    /// Scratch memory of the products.
    pub(super) room: Box<[f32]>,
}

/// A row goes through all lanes, of which `lane` begins with it.
pub(super) struct MoveOn<'a> {
    /// Recurrent layers alone.
    pub(super) steps: &'a [Step],
    pub(super) states: &'a mut [LayerStates],
    pub(super) gates: &'a mut Gates,
    pub(super) lanes: Lanes,
    pub(super) lane: usize,
    pub(super) row: &'a [f32],
}

impl Work for MoveOn<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let MoveOn { steps, states, gates, lanes, lane, row } = self;
        for (at, layer) in layers(steps).enumerate() {
            let (below, own) = states.split_at_mut(at);
            // The first layer has the same inputs in every lane.
            let from = below.last().map(|below| &*below.states);
            own[0].move_on::<R>(layer, from, row, gates, lanes.begun, lane);
        }
        for (layer, own) in layers(steps).zip(states).filter(|_| lanes.all_begun()) {
            let units = layer.size().blocks();
            let oldest = own.states[lanes.oldest * units..][..units].as_flattened();
            layer.know::<R>(1, oldest, own.known.as_flattened_mut(), &mut gates.room);
        }
    }
}

impl LayerStates {
    #[inline(always)]
    fn move_on<R: Registers>(&mut self, layer: Layer<'_>, from: Option<&[Block]>, row: &[f32], gates: &mut Gates, lanes: usize, lane: usize) {
        let units = layer.size().blocks();
        layer.begin(&mut self.states[lane * units..][..units], &mut self.cells[lane * units..][..units]);
        layer.know::<R>(lanes, self.states.as_flattened(), gates.known.as_flattened_mut(), &mut gates.room);
        let (inputs, rows) = from.map_or((row, 1), |from| (from.as_flattened(), lanes));
        project::<R>(layer, inputs, rows, gates);
        let projected = gates.projected.chunks_exact(layer.input().outputs() / WIDTH).take(rows).cycle();
        let known = gates.known.chunks_exact(layer.known_width() / WIDTH);
        let places = self.states.chunks_exact_mut(units).zip(self.cells.chunks_exact_mut(units)).take(lanes);
        for ((state, cell), (projected, known)) in places.zip(projected.zip(known)) {
            layer.move_on::<R>(projected, known, state, cell);
        }
    }
}

/// The newest row completes a window; the lanes stay as they are.
pub(super) struct Complete<'a> {
    /// Recurrent layers alone.
    pub(super) steps: &'a [Step],
    pub(super) states: &'a mut [LayerStates],
    pub(super) gates: &'a mut Gates,
    pub(super) oldest: usize,
    pub(super) row: &'a [f32],
}

impl Work for Complete<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Complete { steps, states, gates, oldest, row } = self;
        for (at, layer) in layers(steps).enumerate() {
            let (below, own) = states.split_at_mut(at);
            let inputs = below.last().map_or(row, |below| below.state.as_flattened());
            project::<R>(layer, inputs, 1, gates);
            let own = &mut own[0];
            let units = layer.size().blocks();
            own.state.copy_from_slice(&own.states[oldest * units..][..units]);
            own.cell.copy_from_slice(&own.cells[oldest * units..][..units]);
            layer.move_on::<R>(&gates.projected, &own.known, &mut own.state, &mut own.cell);
        }
    }
}

/// The inputs' part of the gates of so many rows; those that come from a layer lie in whole blocks.
#[inline(always)]
fn project<R: Registers>(layer: Layer<'_>, from: &[f32], count: usize, gates: &mut Gates) {
    let (input, to) = (layer.input(), gates.projected.as_flattened_mut());
    let stride = if count == 1 { input.inputs() } else { input.inputs().next_multiple_of(WIDTH) };
    input.product::<R>(Rows { count, stride, from, to, lay: Lay { stride: input.outputs(), start: 0 }, room: &mut gates.room });
}

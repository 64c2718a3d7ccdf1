//! What recurrent layers share: the inputs of every step projected at once, and the state from step to step.
//!
//! A gate is the sum of two chains: one over the step's inputs, from the bias, and one over the state, from zero. So each can be made
//! before the other is known, for many windows at once, and no bit depends on when.

use super::block::{Block, WIDTH, blocks};
use super::factor::{Factor, Rows};
use super::matrix::Lay;
use super::plan::{Place, read};
use super::sums::Registers;
use crate::model::params::{Params, Visit};

/// The size of a layer over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Rows of the window.
    pub(super) steps: usize,
    /// Values of each row.
    pub(super) features: usize,
    /// Units of the layer.
    pub(super) hidden: usize,
}

impl Size {
    /// Blocks of units, the last one filled.
    pub(super) fn blocks(&self) -> usize {
        blocks(self.hidden)
    }
}

/// What a layer's state is before its first step.
#[derive(Debug)]
pub(super) enum Initial {
    /// These numbers; empty for zeros.
    Stored(Params<f32>),
    /// What lies here when the layer runs.
    At(Place),
}

impl Initial {
    /// The numbers that are known beforehand; `None` where a run brings them.
    pub(super) fn stored(&self) -> Option<&[f32]> {
        match self {
            Initial::Stored(values) => Some(values),
            Initial::At(_) => None,
        }
    }

    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Initial::Stored(_) => None,
            Initial::At(place) => Some(*place),
        }
    }

    /// The numbers of a run of a layer with so many units.
    pub(super) fn of<'a>(&'a self, row: &'a [f32], made: &'a [f32], hidden: usize) -> &'a [f32] {
        match self {
            Initial::Stored(values) => values,
            Initial::At(place) => read(row, made, *place, hidden),
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        if let Initial::Stored(values) = self {
            visit(values);
        }
    }
}

/// So many states, which lie in whole blocks, times weights.
#[inline(always)]
pub(super) fn know<R: Registers>(factor: &Factor, size: Size, states: usize, from: &[f32], to: &mut [f32], lay: Lay, room: &mut [f32]) {
    factor.product::<R>(Rows { count: states, stride: size.blocks() * WIDTH, from, to, lay, room });
}

/// The column of a unit's gate where the gates of 16 units stand beside one another, block by block.
pub(super) fn column(unit: usize, gate: usize, gates: usize) -> usize {
    (unit / WIDTH * gates + gate) * WIDTH + unit % WIDTH
}

/// The unit and gate of a column; `None` where the column fills a block.
pub(super) fn unit(column: usize, gates: usize, hidden: usize) -> Option<(usize, usize)> {
    let (block, within) = (column / WIDTH, column % WIDTH);
    let unit = block / gates * WIDTH + within;
    (unit < hidden).then_some((unit, block % gates))
}

/// Every row of the window times the input weights.
#[inline(always)]
pub(super) fn project<R: Registers>(factor: &Factor, size: Size, from: &[f32], to: &mut [f32], room: &mut [f32]) {
    let lay = Lay { stride: factor.outputs(), start: 0 };
    factor.product::<R>(Rows { count: size.steps, stride: size.features, from, to, lay, room });
}

/// Copies an initial state, or zeros, to whole blocks.
pub(super) fn begin(state: &mut [Block], initial: &[f32]) {
    let state = state.as_flattened_mut();
    state.fill(0.0);
    state[..initial.len()].copy_from_slice(initial);
}

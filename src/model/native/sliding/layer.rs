//! A recurrent layer of a plan, whichever it is.

use super::super::block::Block;
use super::super::factor::Factor;
use super::super::gru::Gru;
use super::super::lstm::Lstm;
use super::super::plan::Kernel;
use super::super::recurrent::Size;
use super::super::sums::Registers;

/// A layer whose state's part of every gate can be made before the inputs are there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer<'a> {
    Lstm(&'a Lstm),
    Gru(&'a Gru),
}

impl<'a> Layer<'a> {
    pub(super) fn of(kernel: &'a Kernel) -> Option<Layer<'a>> {
        match kernel {
            // A window that begins with what the run brings has no lanes that have begun before.
            kernel if kernel.first_states().0 != [None; 2] => None,
            Kernel::Lstm(layer) => Some(Layer::Lstm(layer)),
            Kernel::Gru(layer) if layer.linear_before_reset => Some(Layer::Gru(layer)),
            _ => None,
        }
    }

    pub(super) fn size(self) -> Size {
        match self {
            Layer::Lstm(layer) => layer.size,
            Layer::Gru(layer) => layer.size,
        }
    }

    /// The inputs' part of the gates.
    pub(super) fn input(self) -> &'a Factor {
        match self {
            Layer::Lstm(layer) => &layer.input,
            Layer::Gru(layer) => &layer.input,
        }
    }

    pub(super) fn known_width(self) -> usize {
        match self {
            Layer::Lstm(layer) => layer.known_width(),
            Layer::Gru(layer) => layer.known_width(),
        }
    }

    /// Values of scratch memory that its products take.
    pub(super) fn room_len(self) -> usize {
        match self {
            Layer::Lstm(layer) => layer.room_len(),
            Layer::Gru(layer) => layer.room_len(),
        }
    }

    /// Where the last state lies in what the layer gives, and how many values of it the last cell has.
    pub(super) fn end(self) -> (usize, usize) {
        let Size { steps, hidden, .. } = self.size();
        ((steps - 1) * hidden, if matches!(self, Layer::Lstm(_)) { hidden } else { 0 })
    }

    #[inline(always)]
    pub(super) fn know<R: Registers>(self, states: usize, from: &[f32], to: &mut [f32], room: &mut [f32]) {
        match self {
            Layer::Lstm(layer) => layer.know::<R>(states, from, to, room),
            Layer::Gru(layer) => layer.know::<R>(states, from, to, room),
        }
    }

    #[inline(always)]
    pub(super) fn begin(self, state: &mut [Block], cell: &mut [Block]) {
        match self {
            Layer::Lstm(layer) => layer.begin(state, cell),
            Layer::Gru(layer) => layer.begin(state),
        }
    }

    #[inline(always)]
    pub(super) fn move_on<R: Registers>(self, projected: &[Block], known: &[Block], state: &mut [Block], cell: &mut [Block]) {
        match self {
            Layer::Lstm(layer) => layer.move_on::<R>(projected, known, state, cell),
            Layer::Gru(layer) => layer.move_on::<R>(projected, known, state),
        }
    }
}

//! Constant masks: which values of a result come from the row at all.
//!
//! A causal network adds minus infinity to the scores of later steps. What such a cell becomes does not depend on the score, and is not
//! computed from it here: the cell is written, and nobody asks for the score (`demand.rs`). So later steps cannot reach earlier ones, not
//! even by a score that overflows, which plain arithmetic would make NaN.

use std::ops::Range;

use super::simd::Work;
use super::sums::Registers;
use crate::model::params::{Params, Visit};

/// What becomes of one value: itself plus a term, or another value in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    Seen { term: f32 },
    Hidden { fill: f32 },
}

impl Cell {
    /// A term that is added. Minus infinity hides.
    pub(super) fn added(term: f32) -> Cell {
        if term == f32::NEG_INFINITY { Cell::Hidden { fill: term } } else { Cell::Seen { term } }
    }

    /// A value that stays as it is, its sign too if it is 0.
    pub(super) const KEPT: Cell = Cell::Seen { term: -0.0 };

    fn value(self) -> f32 {
        match self {
            Cell::Seen { term } => term,
            Cell::Hidden { fill } => fill,
        }
    }

    pub(super) fn same(self, other: Cell) -> bool {
        self.is_seen() == other.is_seen() && self.value().to_bits() == other.value().to_bits()
    }

    fn is_seen(self) -> bool {
        matches!(self, Cell::Seen { .. })
    }
}

/// One period of cells, which is repeated along the values.
#[derive(Debug)]
pub(super) struct Mask {
    /// All bits where a cell is seen, else none: a choice by a jump would cost more than all else.
    seen: Params<u32>,
    /// Terms of cells that are seen, what the others become.
    values: Params<f32>,
}

impl Mask {
    pub(super) fn new(cells: &[Cell]) -> Mask {
        Mask { seen: cells.iter().map(|cell| if cell.is_seen() { u32::MAX } else { 0 }).collect(), values: cells.iter().map(|cell| cell.value()).collect() }
    }

    /// The cell of a value.
    pub(super) fn cell(&self, at: usize) -> Cell {
        let at = at % self.values.len();
        if self.is_seen(at) { Cell::Seen { term: self.values[at] } } else { Cell::Hidden { fill: self.values[at] } }
    }

    fn is_seen(&self, at: usize) -> bool {
        self.seen[at % self.seen.len()] != 0
    }

    /// The stretches of these values that are read.
    pub(super) fn reads(&self, values: Range<usize>, mut visit: impl FnMut(Range<usize>)) {
        let mut first = None;
        for at in values.clone() {
            match (first, self.is_seen(at)) {
                (None, true) => first = Some(at),
                (Some(start), false) => {
                    visit(start..at);
                    first = None;
                }
                _ => {}
            }
        }
        if let Some(start) = first {
            visit(start..values.end);
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.seen);
        visit(&mut self.values);
    }
}

/// One run over values from `first` on.
pub(super) struct MaskRun<'a> {
    pub(super) mask: &'a Mask,
    pub(super) first: usize,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for MaskRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let MaskRun { mask, first, mut from, mut to } = self;
        let mut at = first % mask.seen.len();
        while !to.is_empty() {
            let count = (mask.seen.len() - at).min(to.len());
            let (to_here, to_rest) = to.split_at_mut(count);
            let (from_here, from_rest) = from.split_at(count);
            let cells = mask.seen[at..].iter().zip(&mask.values[at..]);
            for ((to, from), (seen, value)) in to_here.iter_mut().zip(from_here).zip(cells) {
                // Minus 0, which changes no value that it is added to, where a cell is hidden.
                *to = f32::from_bits((from.to_bits() & seen) | (!seen & (-0.0_f32).to_bits())) + *value;
            }
            (from, to, at) = (from_rest, to_rest, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;

    #[test]
    fn hidden_values_are_written_and_never_read() {
        let cells = [Cell::added(0.5), Cell::added(f32::NEG_INFINITY), Cell::KEPT, Cell::Hidden { fill: 7.0 }, Cell::Hidden { fill: -0.0 }];
        let mask = Mask::new(&cells);
        let from = [f32::NAN, f32::INFINITY, -0.0, f32::NAN, 3.0, 1.0, f32::NAN, f32::INFINITY, 1.0];
        for level in Level::available() {
            let mut to = [9.0; 8];
            level.run(MaskRun { mask: &mask, first: 1, from: &from[1..], to: &mut to });
            let expected = [f32::NEG_INFINITY, -0.0, 7.0, -0.0, 1.5, f32::NEG_INFINITY, f32::INFINITY, 7.0];
            assert_eq!(to.map(f32::to_bits), expected.map(f32::to_bits));
        }
    }

    #[test]
    fn only_seen_values_are_asked_for() {
        let mask = Mask::new(&[Cell::KEPT, Cell::KEPT, Cell::added(f32::NEG_INFINITY)]);
        let mut found = Vec::new();
        mask.reads(1..8, |values| found.push(values));
        assert_eq!(found, [1..2, 3..5, 6..8]);
    }
}

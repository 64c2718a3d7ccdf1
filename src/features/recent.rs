//! The newest steps with all columns of a step side by side: what short windows are computed over, all columns at once.

use crate::features::history::Column;
use crate::types::state::{Pass, State};
use crate::types::step::Step;

/// One value of each column, on a cache line of their own.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub struct Row(pub [f64; Row::WIDTH]);

impl Row {
    /// Columns of a step.
    pub const WIDTH: usize = Column::ALL.len();

    /// The same value everywhere.
    #[must_use]
    pub const fn all(value: f64) -> Row {
        Row([value; Row::WIDTH])
    }

    /// The value that a function gives for each place.
    #[inline(always)]
    #[must_use]
    pub fn of(value: impl Fn(usize) -> f64) -> Row {
        let mut row = Row::default();
        for (place, to) in row.0.iter_mut().enumerate() {
            *to = value(place);
        }
        row
    }
}

/// A mirrored ring of steps.
#[derive(Clone, Debug)]
pub struct Recent {
    ring: Box<[Row]>,
    /// Steps that it holds: half the ring.
    steps: usize,
    next: usize,
}

impl Recent {
    /// An empty ring of so many steps.
    #[must_use]
    pub fn new(steps: usize) -> Recent {
        Recent { ring: vec![Row::default(); 2 * steps].into(), steps, next: 0 }
    }

    /// Appends a step.
    pub fn push(&mut self, step: &Step) {
        if self.steps == 0 {
            return;
        }
        let row = Row(Column::ALL.map(|column| column.of(step)));
        self.ring[self.next] = row;
        self.ring[self.next + self.steps] = row;
        self.next = if self.next + 1 == self.steps { 0 } else { self.next + 1 };
    }

    /// The last `n` steps, oldest first, as far as the ring reaches.
    #[inline(always)]
    #[must_use]
    pub fn last(&self, n: usize) -> &[Row] {
        let end = self.next + self.steps;
        &self.ring[end - n.min(self.steps)..end]
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.ring.fill(Row::default());
        self.next = 0;
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.ring)
    }
}

impl State for Row {
    fn state(&mut self, pass: &mut Pass<'_>) {
        self.0.state(pass);
    }
}

/// The first copy of each step; the second is made from it.
impl State for Recent {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Recent { ring, steps, next } = self;
        pass.place(next, *steps + usize::from(*steps == 0));
        let (first, second) = ring.split_at_mut(*steps);
        first.state(pass);
        second.copy_from_slice(first);
    }
}

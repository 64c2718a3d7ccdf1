//! The last steps as one slice a column: what operators look back at.

use crate::types::state::{Pass, State};
use crate::types::step::Step;

/// A column of steps that operators may read; those that windows mostly look at come first, see [`Column::is_upper`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// Last price.
    Close,
    /// Volume.
    Volume,
    /// Highest price.
    High,
    /// Lowest price.
    Low,
    /// First price.
    Open,
    /// (high + low + close) / 3.
    Typical,
    /// Volume that takers bought.
    TakerBuy,
    /// Volume that takers sold.
    TakerSell,
}

impl Column {
    const COUNT: usize = Column::ALL.len();

    /// Every column, in the order of their numbers.
    pub const ALL: [Column; 8] = {
        use Column::{Close, High, Low, Open, TakerBuy, TakerSell, Typical, Volume};
        [Close, Volume, High, Low, Open, Typical, TakerBuy, TakerSell]
    };

    /// It stands in the second half: what asks for none of these is computed over half a row.
    #[must_use]
    pub const fn is_upper(self) -> bool {
        self as usize >= Column::COUNT / 2
    }

    /// The columns that a schema's `field` may name.
    pub const FIELDS: [(&'static str, Column); 5] =
        [("open", Column::Open), ("high", Column::High), ("low", Column::Low), ("close", Column::Close), ("volume", Column::Volume)];

    /// The column's value of one step.
    #[must_use]
    pub fn of(self, step: &Step) -> f64 {
        match self {
            Column::Open => step.open,
            Column::High => step.high,
            Column::Low => step.low,
            Column::Close => step.close,
            Column::Volume => step.volume,
            Column::Typical => (step.high + step.low + step.close) / 3.0,
            Column::TakerBuy => step.taker_buy,
            Column::TakerSell => step.taker_sell,
        }
    }
}

/// How many steps of each column a schema needs.
#[derive(Clone, Debug, Default)]
pub struct Needs([usize; Column::COUNT]);

impl Needs {
    /// At least the last `steps` of a column.
    pub fn column(&mut self, column: Column, steps: usize) {
        let slot = &mut self.0[column as usize];
        *slot = (*slot).max(steps);
    }
}

/// One mirrored ring in the block.
#[derive(Clone, Copy, Debug)]
struct Ring {
    column: Column,
    start: usize,
    rows: usize,
    next: usize,
}

/// Mirrored rings of the columns that a schema needs, in one block.
#[derive(Clone, Debug)]
pub struct History {
    rings: Box<[Ring]>,
    place: [u8; Column::COUNT],
    values: Box<[f64]>,
    taker_unknown: Option<u64>,
}

impl History {
    /// Empty rings.
    #[must_use]
    pub fn new(needs: &Needs) -> History {
        let (mut rings, mut place, mut start) = (Vec::new(), [u8::MAX; Column::COUNT], 0);
        for column in Column::ALL {
            let rows = needs.0[column as usize];
            if rows > 0 {
                place[column as usize] = rings.len() as u8;
                rings.push(Ring { column, start, rows, next: 0 });
                start += 2 * rows;
            }
        }
        History { rings: rings.into(), place, values: vec![0.0; start].into(), taker_unknown: None }
    }

    /// Appends a step; `since` counts steps from the last restart.
    pub fn push(&mut self, step: &Step, since: u64) {
        for ring in &mut self.rings {
            let value = ring.column.of(step);
            self.values[ring.start + ring.next] = value;
            self.values[ring.start + ring.next + ring.rows] = value;
            ring.next = if ring.next + 1 == ring.rows { 0 } else { ring.next + 1 };
        }
        if !step.taker_known {
            self.taker_unknown = Some(since);
        }
    }

    /// The last `n` values of a column, oldest first; the operator's `first` makes sure that they exist.
    #[must_use]
    pub fn last(&self, column: Column, n: usize) -> &[f64] {
        let Some(ring) = self.rings.get(usize::from(self.place[column as usize])) else { return &[] };
        let end = ring.start + ring.next + ring.rows;
        &self.values[end - n.min(ring.rows)..end]
    }

    /// The value of a column `back` steps before the newest, as far as its ring reaches.
    #[inline]
    #[must_use]
    pub fn back(&self, column: Column, back: usize) -> Option<f64> {
        self.last(column, back + 1).first().copied()
    }

    /// The last step whose taker side is not known, counted as in [`History::push`].
    #[must_use]
    pub fn taker_unknown(&self) -> Option<u64> {
        self.taker_unknown
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.values.fill(0.0);
        self.rings.iter_mut().for_each(|ring| ring.next = 0);
        self.taker_unknown = None;
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.rings)
    }
}

/// The first copy of each value; the second is made from it.
impl State for History {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let History { rings, place: _, values, taker_unknown } = self;
        for ring in rings {
            let Ring { column: _, start, rows, next } = ring;
            pass.place(next, *rows);
            values[*start..*start + *rows].state(pass);
            values.copy_within(*start..*start + *rows, *start + *rows);
        }
        taker_unknown.state(pass);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_values_are_one_slice() {
        let mut needs = Needs::default();
        needs.column(Column::Close, 3);
        needs.column(Column::Volume, 2);
        needs.column(Column::Close, 2);
        let mut history = History::new(&needs);
        for i in 0..10u64 {
            let step = Step { close: i as f64, volume: 10.0 * i as f64, taker_known: i != 4, ..Step::default() };
            history.push(&step, i);
            if i >= 2 {
                assert_eq!(history.last(Column::Close, 3), [i as f64 - 2.0, i as f64 - 1.0, i as f64]);
                assert_eq!(history.last(Column::Volume, 1), [10.0 * i as f64]);
            }
        }
        assert_eq!(history.taker_unknown(), Some(4));
        assert!(history.last(Column::High, 3).is_empty());
    }
}

//! What several features are computed from, once a step: statistics of windows and depths of the book.
//!
//! While a schema's features are built they ask a [`Plan`] for what they need; asking twice for the same gives the same place.
//! [`Shared`] then computes everything that was asked for in one pass, several windows or columns side by side. Every value is the
//! one that its window alone would give, to the bit: sums run from the oldest value to the newest.

mod extremes;
mod long;
mod short;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cpu::{Instructions, Level, Loops};
use crate::features::history::{Column, History, Needs};
use crate::features::recent::{Recent, Row};
use crate::ingest::book::RoleBook;
use crate::types::state::{Pass, State};
use crate::types::step::{Depth, Step};
use extremes::Extremes;
use long::Long;
use short::Short;

/// Longest window that is computed over its values at each step; longer ones keep compensated sums.
pub const SHORT_MOST: usize = 64;

/// What is computed over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Arithmetic mean: the oldest value plus the mean deviation from it, so that equal values give exactly that value.
    Mean,
    /// Sum.
    Sum,
    /// Population standard deviation, from deviations about the oldest value.
    Deviation,
    /// Mean absolute deviation from the mean.
    Spread,
    /// Highest value.
    Highest,
    /// Lowest value.
    Lowest,
}

impl Statistic {
    /// Over so many steps it is not computed over its values.
    fn keeps_sums(self, n: usize) -> bool {
        n > SHORT_MOST && matches!(self, Statistic::Mean | Statistic::Sum | Statistic::Deviation)
    }
}

/// Where a statistic that was asked for will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// Where the depth of so many levels will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthPlace(usize);

/// What the features of a schema ask for.
#[derive(Debug, Default)]
pub struct Plan {
    /// Steps of each column that operators look back at.
    pub needs: Needs,
    wanted: Vec<Wanted>,
    known: HashMap<Wanted, Place>,
    levels: Vec<usize>,
}

type Wanted = (Statistic, Column, usize);

impl Plan {
    /// A statistic of the last `n` steps of a column.
    pub fn want(&mut self, statistic: Statistic, column: Column, n: usize) -> Place {
        let wanted = (statistic, column, n);
        *self.known.entry(wanted).or_insert_with(|| {
            self.wanted.push(wanted);
            Place(self.wanted.len() - 1)
        })
    }

    /// The depth of the book of role self over so many levels.
    pub fn depth(&mut self, levels: usize) -> DepthPlace {
        let known = self.levels.iter().position(|known| *known == levels);
        DepthPlace(known.unwrap_or_else(|| {
            self.levels.push(levels);
            self.levels.len() - 1
        }))
    }
}

/// The statistics and depths of the newest step.
#[derive(Clone, Debug)]
pub struct Shared {
    level: Level,
    recent: Recent,
    shorts: Box<[Short]>,
    extremes: Box<[Extremes]>,
    longs: Box<[Long]>,
    table: Box<[Row]>,
    /// By place: where in the table.
    cells: Box<[Cell]>,
    /// By place: levels, and their depth where there is a book.
    depths: Box<[(usize, Option<Depth>)]>,
}

/// Where a value stands in the table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    row: u32,
    lane: u32,
}

impl Shared {
    /// Computes what the plan asks for with a level's instructions; the plan's needs then hold what it reads of the history.
    #[must_use]
    pub fn new(plan: &mut Plan, level: Level) -> Shared {
        let layout = Layout::of(&plan.wanted);
        layout.longs.iter().for_each(|long| long.needs(&mut plan.needs));
        let cells = plan.wanted.iter().map(|wanted| layout.cell(*wanted)).collect();
        let Layout { shorts, extremes, longs, rows } = layout;
        let steps = shorts.keys().chain(extremes.keys()).max().copied().unwrap_or(0);
        Shared {
            level,
            recent: Recent::new(steps),
            shorts: shorts.into_values().collect(),
            extremes: extremes.into_values().collect(),
            longs: longs.into(),
            table: vec![Row::default(); rows].into(),
            cells,
            depths: plan.levels.iter().map(|levels| (*levels, None)).collect(),
        }
    }

    /// Takes a closed step, `since` steps after the first, which the history holds already; `book` is that of role self.
    pub fn update(&mut self, step: &Step, since: u64, history: &History, book: Option<&RoleBook>, max_book_age_ns: Option<i64>) {
        self.recent.push(step);
        for (levels, depth) in &mut self.depths {
            *depth = book.and_then(|book| book.depth(*levels, step.close_ns, max_book_age_ns));
        }
        self.level.run_loops(Update { shared: self, history, since });
    }

    /// A statistic of the newest step.
    #[inline]
    #[must_use]
    pub fn value(&self, place: Place) -> f64 {
        self.at(self.cells[place.0])
    }

    /// The depth at the newest step, where there is a book.
    #[inline]
    #[must_use]
    pub fn depth(&self, place: DepthPlace) -> Option<Depth> {
        self.depths[place.0].1
    }

    /// Where a statistic stands.
    #[must_use]
    pub fn cell(&self, place: Place) -> Cell {
        self.cells[place.0]
    }

    /// The value that stands there.
    #[inline]
    #[must_use]
    pub fn at(&self, cell: Cell) -> f64 {
        self.table[cell.row as usize].0[cell.lane as usize]
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.recent.clear();
        self.longs.iter_mut().for_each(Long::clear);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let plans = size_of_val(&*self.shorts) + size_of_val(&*self.extremes) + size_of_val(&*self.cells) + size_of_val(&*self.depths);
        let longs: usize = self.longs.iter().map(Long::memory_bytes).sum();
        self.recent.memory_bytes() + size_of_val(&*self.table) + size_of_val(&*self.longs) + longs + plans
    }
}

/// What the table holds is computed of these at each step.
impl State for Shared {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Shared { level: _, recent, shorts: _, extremes: _, longs, table: _, cells: _, depths: _ } = self;
        pass.each([recent, longs]);
    }
}

struct Update<'s> {
    shared: &'s mut Shared,
    history: &'s History,
    since: u64,
}

impl Loops for Update<'_> {
    #[inline(always)]
    fn run<I: Instructions>(self) {
        let Shared { recent, shorts, extremes, longs, table, .. } = self.shared;
        shorts.iter().for_each(|short| short.update(recent, table));
        extremes::update(extremes, recent, table);
        longs.iter_mut().for_each(|long| long.update(self.history, self.since, table));
    }
}

/// Which rows of the table hold what.
#[derive(Debug, Default)]
struct Layout {
    shorts: BTreeMap<usize, Short>,
    extremes: BTreeMap<usize, Extremes>,
    longs: Vec<Long>,
    rows: usize,
}

impl Layout {
    fn of(wanted: &[Wanted]) -> Layout {
        let (mut layout, mut longs) = (Layout::default(), BTreeMap::<Column, BTreeSet<usize>>::new());
        for &(statistic, column, n) in wanted {
            match statistic.keeps_sums(n) {
                true => _ = longs.entry(column).or_default().insert(n),
                false => layout.add(statistic, column, n),
            }
        }
        for (column, windows) in longs {
            let long = Long::new(column, windows.into_iter().collect(), layout.rows);
            layout.rows += long.rows();
            layout.longs.push(long);
        }
        layout
    }

    fn add(&mut self, statistic: Statistic, column: Column, n: usize) {
        let rows = &mut self.rows;
        let mut next = || {
            *rows += 1;
            *rows - 1
        };
        match statistic {
            Statistic::Highest | Statistic::Lowest => {
                self.extremes.entry(n).or_insert_with(|| Extremes { n, highest: next(), lowest: next() });
            }
            _ => self.shorts.entry(n).or_insert_with(|| Short::new(n)).add(statistic, column, next),
        }
    }

    fn cell(&self, (statistic, column, n): Wanted) -> Cell {
        if statistic.keeps_sums(n) {
            return self.longs.iter().find_map(|long| long.cell(statistic, column, n)).unwrap_or_default();
        }
        let row = match statistic {
            Statistic::Highest => self.extremes.get(&n).map(|extremes| extremes.highest),
            Statistic::Lowest => self.extremes.get(&n).map(|extremes| extremes.lowest),
            _ => self.shorts.get(&n).and_then(|short| short.row(statistic)),
        };
        Cell { row: row.unwrap_or_default() as u32, lane: column as u32 }
    }
}

#[cfg(test)]
mod tests;

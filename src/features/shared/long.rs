//! Windows of more than 64 steps: compensated sums that a value enters and one leaves at each step, of eight windows side by side.

use super::{Cell, Statistic};
use crate::features::history::{Column, History, Needs};
use crate::features::recent::Row;
use crate::features::sums::{Compensated, Sums};
use crate::types::state::{Pass, State};

/// Windows side by side.
const LANES: usize = Row::WIDTH;

/// Rows of the table that eight windows write: means, deviations, sums.
const ROWS: usize = 3;

/// All long windows over one column, each as [`LongWindow`](crate::features::scale::LongWindow) would compute it.
#[derive(Clone, Debug)]
pub struct Long {
    column: Column,
    /// n of each window, from the shortest to the longest.
    steps: Box<[usize]>,
    /// How many steps have been seen since its sums were last made anew.
    since_anchor: Box<[usize]>,
    blocks: Box<[Block]>,
    last: f64,
    /// Equal values in a row, so that a constant window has deviation exactly 0.
    equal: usize,
    /// The first row of the table that it writes.
    to: usize,
}

/// The sums of eight windows.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// n; infinite where there is no window.
    n: Row,
    anchor: Row,
    sum: Row,
    sum_lost: Row,
    squares: Row,
    squares_lost: Row,
    peak: Row,
}

impl Long {
    /// Windows of a column by their steps, from the shortest to the longest; they write to the table's rows from `to` on.
    #[must_use]
    pub fn new(column: Column, steps: Vec<usize>, to: usize) -> Long {
        let block = |steps: &[usize]| Block::new(Row::of(|lane| steps.get(lane).map_or(f64::INFINITY, |n| *n as f64)));
        let blocks = steps.chunks(LANES).map(block).collect();
        Long { column, since_anchor: vec![0; steps.len()].into(), steps: steps.into(), blocks, last: f64::NAN, equal: 0, to }
    }

    /// Rows of the table that it writes.
    #[must_use]
    pub fn rows(&self) -> usize {
        ROWS * self.blocks.len()
    }

    /// What it reads of the history: its windows, and the value that has just left the longest.
    pub fn needs(&self, needs: &mut Needs) {
        needs.column(self.column, self.longest() + 1);
    }

    fn longest(&self) -> usize {
        self.steps.last().copied().unwrap_or(0)
    }

    /// Where a statistic of one of its windows stands.
    #[must_use]
    pub fn cell(&self, statistic: Statistic, column: Column, n: usize) -> Option<Cell> {
        let row = match statistic {
            Statistic::Mean => 0,
            Statistic::Deviation => 1,
            Statistic::Sum => 2,
            Statistic::Spread | Statistic::Highest | Statistic::Lowest => return None,
        };
        let at = self.steps.binary_search(&n).ok().filter(|_| self.column == column)?;
        Some(Cell { row: (self.to + ROWS * (at / LANES) + row) as u32, lane: (at % LANES) as u32 })
    }

    /// Takes the newest step, `since` steps after the first, and writes the rows of the table.
    #[inline(always)]
    pub fn update(&mut self, history: &History, since: u64, table: &mut [Row]) {
        let longest = self.longest();
        let values = history.last(self.column, longest + 1);
        let Some(value) = values.last().copied() else { return };
        self.equal = if self.last == value { self.equal + 1 } else { 1 };
        self.last = value;
        for (at, block) in self.blocks.iter_mut().enumerate() {
            let lanes = at * LANES..self.steps.len().min((at + 1) * LANES);
            let steps = &self.steps[lanes.clone()];
            let mut leaving = Row::default();
            for (to, n) in leaving.0.iter_mut().zip(steps) {
                *to = values[longest - n];
            }
            let far = block.slide(&leaving, value, since);
            for (lane, (n, passed)) in steps.iter().zip(&mut self.since_anchor[lanes]).enumerate() {
                *passed += 1;
                let window = &values[longest + 1 - n..];
                if *passed == *n {
                    *passed = 0;
                    block.put(lane, Sums::about(window[0], window.iter().copied()));
                } else if far & 1 << lane != 0 {
                    block.put(lane, anew(value, window, *passed));
                }
            }
            let to = self.to + ROWS * at;
            block.tell(value, self.equal as f64, &mut table[to..to + ROWS]);
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.since_anchor.fill(0);
        self.blocks.iter_mut().for_each(|block| *block = Block::new(block.n));
        (self.last, self.equal) = (f64::NAN, 0);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.steps) + size_of_val(&*self.since_anchor) + size_of_val(&*self.blocks)
    }
}

/// Sums about the newest value, in the order of a ring whose next place is `next`: the newest values come first.
fn anew(anchor: f64, window: &[f64], next: usize) -> Sums {
    let (older, newer) = window.split_at(window.len() - next);
    Sums::about(anchor, newer.iter().chain(older).copied())
}

impl Block {
    fn new(n: Row) -> Block {
        let zero = Row::default();
        Block { n, anchor: zero, sum: zero, sum_lost: zero, squares: zero, squares_lost: zero, peak: zero }
    }

    #[inline(always)]
    fn get(&self, lane: usize) -> Sums {
        let sum = Compensated { sum: self.sum.0[lane], lost: self.sum_lost.0[lane] };
        let squares = Compensated { sum: self.squares.0[lane], lost: self.squares_lost.0[lane] };
        Sums { anchor: self.anchor.0[lane], sum, squares, peak: self.peak.0[lane] }
    }

    #[inline(always)]
    fn put(&mut self, lane: usize, sums: Sums) {
        (self.anchor.0[lane], self.peak.0[lane]) = (sums.anchor, sums.peak);
        (self.sum.0[lane], self.sum_lost.0[lane]) = (sums.sum.sum, sums.sum.lost);
        (self.squares.0[lane], self.squares_lost.0[lane]) = (sums.squares.sum, sums.squares.lost);
    }

    /// The newest value enters, and the oldest one leaves windows that are full; a bit for each whose sums must be made anew.
    #[inline(always)]
    fn slide(&mut self, leaving: &Row, value: f64, since: u64) -> u64 {
        if since == 0 {
            self.anchor = Row::all(value);
        }
        let (since, mut far) = (since as f64, [0u64; LANES]);
        for (lane, far) in far.iter_mut().enumerate() {
            let (n, mut sums) = (self.n.0[lane], self.get(lane));
            let full = since >= n;
            sums.remove(if full { leaving.0[lane] - sums.anchor } else { 0.0 });
            sums.add(value - sums.anchor);
            *far = u64::from(sums.lie_far(n) & full);
            self.put(lane, sums);
        }
        let mut bits = 0;
        for (lane, far) in far.iter().enumerate() {
            bits |= far << lane;
        }
        bits
    }

    /// Means, deviations and sums of the windows; a constant one has exactly its value and no deviation.
    #[inline(always)]
    fn tell(&self, value: f64, equal: f64, to: &mut [Row]) {
        let [means, deviations, sums] = to else { return };
        for lane in 0..LANES {
            let n = self.n.0[lane];
            let (mean, deviation) = self.get(lane).mean_and_deviation(n);
            let (mean, deviation) = if equal >= n { (value, 0.0) } else { (mean, deviation) };
            (means.0[lane], deviations.0[lane], sums.0[lane]) = (mean, deviation, mean * n);
        }
    }
}

/// The windows that there are; how many steps each has comes from the schema.
impl State for Long {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Long { column: _, steps, since_anchor, blocks, last, equal, to: _ } = self;
        pass.each([last, equal]);
        for (at, (n, passed)) in steps.iter().zip(since_anchor).enumerate() {
            pass.place(passed, *n);
            let (block, lane) = (&mut blocks[at / LANES], at % LANES);
            let mut sums = block.get(lane);
            sums.state(pass);
            block.put(lane, sums);
        }
    }
}

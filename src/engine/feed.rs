//! The part of a track that models do not touch: streams in roles become steps and rows.

use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::features::catalog::Input;
use crate::features::row::RowEngine;
use crate::features::spec::Schema;
use crate::ingest::book::RoleBook;
use crate::monitor::metrics::LaneCounters;
use crate::types::event::{Bar, EventHead};
use crate::types::state::{Pass, State};
use crate::types::step::Step;
use crate::types::{EventRef, Kind, reason};
use crate::window::rolling::Rolling;
use crate::window::sampler::{Closed, Sampler};

/// The newest closed row of a track.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// F unscaled values; 0 where the bit is off.
    pub raw: &'a [f64],
    /// Bits of `raw`, 64 a word.
    pub raw_valid: &'a [u64],
    /// F scaled values as models see them; 0 where the bit is off.
    pub scaled: &'a [f32],
    /// Bits of `scaled`.
    pub scaled_valid: &'a [u64],
    /// The step.
    pub step: &'a Step,
    /// Number of the step.
    pub number: u64,
}

/// Sampler, books, features and window of one set of streams.
#[derive(Debug)]
pub struct Feed {
    pub schema: Arc<Schema>,
    sampler: Sampler,
    books: Box<[RoleBook]>,
    pub rows: RowEngine,
    pub window: Rolling,
    /// The newest closed step.
    pub step: Option<Step>,
    /// Steps closed so far; the newest has this number - 1.
    pub steps: u64,
    pub newest_ns: i64,
    /// Newest event that the newest step could use: an event past the close closes the step before it
    /// is applied.
    pub used_ns: i64,
    pub self_newest_ns: i64,
    /// Reason bits for the next prediction.
    pub pending: u64,
    needs_book: bool,
}

impl Feed {
    /// One stream a role; role 0 is self.
    pub fn new(schema: Arc<Schema>) -> Feed {
        Feed {
            sampler: Sampler::new(schema.sampler, schema.window),
            books: vec![RoleBook::default(); schema.roles.len()].into(),
            rows: RowEngine::new(schema.clone()),
            window: Rolling::new(schema.window, schema.width()),
            step: None,
            steps: 0,
            newest_ns: i64::MIN,
            used_ns: 0,
            self_newest_ns: i64::MIN,
            pending: 0,
            needs_book: schema.features.iter().any(|feature| feature.op.input == Input::Book),
            schema,
        }
    }

    /// Why a bar of role self must not be applied.
    pub fn refuses_bar(&self, bar: &Bar) -> Option<&'static str> {
        self.sampler.refuses_bar(bar)
    }

    /// Applies an event of one role; `on_step` is called after each step that closed, with the feed as
    /// it then stands. Answers the reason bit of an event that was not applied after all, else 0.
    #[inline]
    pub fn apply(&mut self, event: &EventRef<'_>, head: &EventHead, role: usize, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) -> u64 {
        if let (EventRef::Bar(bar), 0) = (event, role)
            && let Some(reason) = self.sampler.refuses_bar(bar).map(|_| 0).or_else(|| self.sampler.skips_bar(bar))
        {
            // Another track's time frame, or nothing new: it does not make this track's data fresh.
            self.pass(head.known_ns, reason, counters, on_step);
            return reason;
        }
        self.close_before(head.known_ns, counters, on_step);
        if self.step.is_some_and(|step| head.known_ns <= step.close_ns) && head.known_ns < self.newest_ns {
            self.pending |= reason::LATE_EVENT;
            counters.late.add(1);
        }
        self.newest_ns = self.newest_ns.max(head.known_ns);
        self.update_book(event, role);
        if role != 0 {
            return 0;
        }
        self.self_newest_ns = self.self_newest_ns.max(head.known_ns);
        if let EventRef::Bar(bar) = event {
            self.apply_bar(bar, counters, on_step);
            return 0;
        }
        let kind = Kind::from_number(head.kind).unwrap_or(Kind::Mark);
        if let Some(step) = self.sampler.apply(event, kind, head.known_ns, &self.books[0]) {
            self.close(&step, counters, on_step);
        }
        0
    }

    fn update_book(&mut self, event: &EventRef<'_>, role: usize) {
        let book = &mut self.books[role];
        match event {
            EventRef::Quote(quote) => book.set_quote(quote),
            EventRef::Book(head, rows) => book.set_book(head, rows),
            _ => return,
        }
        if role == 0 && book.top(self.newest_ns, None).is_some_and(|top| top.crossed()) {
            self.pending |= reason::CROSSED_BOOK;
        }
    }

    fn apply_bar(&mut self, bar: &Bar, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        let mut bar = self.sampler.bar(bar, &self.books[0]);
        if bar.missing > 0 {
            counters.gaps.add(bar.missing);
            self.pending |= reason::GAP;
        }
        if bar.restart {
            self.restart_features(counters);
            bar.step.top = None;
        }
        self.close(&bar.step, counters, on_step);
    }

    /// An event that is not applied: its time still closes the steps before it.
    pub fn pass(&mut self, known_ns: i64, reason: u64, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        self.close_before(known_ns, counters, on_step);
        self.pending |= reason;
    }

    /// Closes the steps that end at `until_ns` or before.
    pub fn advance(&mut self, until_ns: i64, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        while let Some(next) = self.sampler.close_until(until_ns, &self.books[0]) {
            self.take(next, counters, on_step);
        }
    }

    #[inline]
    fn close_before(&mut self, known_ns: i64, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        while let Some(next) = self.sampler.close_before(known_ns, &self.books[0]) {
            self.take(next, counters, on_step);
        }
    }

    fn take(&mut self, closed: Closed, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        match closed {
            Closed::Step(step) => self.close(&step, counters, on_step),
            Closed::Restart => self.restart_features(counters),
        }
    }

    fn close(&mut self, step: &Step, counters: &LaneCounters, on_step: &mut impl FnMut(&Feed)) {
        self.rows.step(step, &self.books, &mut self.window);
        if self.needs_book && step.top.is_none() {
            self.pending |= reason::NO_BOOK;
        }
        self.step = Some(*step);
        self.used_ns = self.newest_ns.max(0);
        self.steps += 1;
        counters.steps.add(1);
        on_step(self);
    }

    /// History follows: what an advance has told of the time does not hold for it.
    pub fn forget_time(&mut self) {
        self.sampler.reset();
    }

    /// All state starts anew, times included; the number of steps goes on.
    pub fn restart(&mut self, counters: &LaneCounters) {
        self.sampler.reset();
        (self.newest_ns, self.self_newest_ns) = (i64::MIN, i64::MIN);
        self.restart_features(counters);
    }

    fn restart_features(&mut self, counters: &LaneCounters) {
        self.rows.restart();
        self.window.clear();
        self.books.fill(RoleBook::default());
        self.pending |= reason::GAP;
        counters.restarts.add(1);
    }

    /// The newest closed row.
    pub fn row(&self) -> Result<Row<'_>> {
        let newest = self.window.newest().zip(self.step.as_ref());
        let Some(((scaled, scaled_valid), step)) = newest else {
            return Err(Error::new(Status::NoPrediction, "no step has closed on this track yet"));
        };
        let (raw, raw_valid) = self.rows.raw();
        Ok(Row { raw, raw_valid, scaled, scaled_valid, step, number: self.steps.saturating_sub(1) })
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        self.window.memory_bytes() + self.rows.memory_bytes() + size_of_val(&*self.books)
    }
}

impl State for Feed {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Feed { schema: _, sampler, books, rows, window, step, steps, newest_ns, used_ns, self_newest_ns, pending, needs_book: _ } = self;
        pass.counter(steps);
        pass.each([sampler, books, rows, window, step, newest_ns, used_ns, self_newest_ns, pending]);
    }
}

//! One pair on one venue: its trades, quotes and books of a step.

use super::batch::{Batch, STEP_MICROS, known_ns};
use super::ladder::{Inside, Ladder};
use super::random::Draw;
use super::regime::Climate;
use super::spec::PairSpec;
use crate::types::event::{Book, EventHead, Quote, SIDE_BUY, SIDE_SELL, Trade};

/// Most trades of a step.
const MOST_TRADES: u32 = 60;
/// Most quotes and books of a step.
const MOST_UPDATES: u32 = 20;
/// Trades of an ordinary step before bursts.
const TRADES: f64 = 0.7;
/// Quotes and books of an ordinary step beyond the last.
const UPDATES: f64 = 1.5;

/// What the last quote or book of a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// A book.
    Book,
    /// A quote; the newest book may be older and elsewhere.
    Quote,
    /// A book, then a quote of the same prices.
    BookAndQuote,
}

/// What a venue does in a step.
pub(super) struct Plan<'a> {
    /// The close of the step before, ns.
    pub(super) open_ns: i64,
    /// Where best bid and ask stand at the close.
    pub(super) to: Inside,
    /// Wanted imbalance of the last book of an ending with one; other books draw their own.
    pub(super) imbalance: f64,
    /// The last update.
    pub(super) ending: Ending,
    /// Nothing is sent but trades.
    pub(super) silent: bool,
    /// The regime.
    pub(super) climate: &'a Climate,
}

/// A pair on a venue.
pub(super) struct Venue {
    /// Id written into the records.
    pub(super) id: u32,
    /// Best bid and ask now.
    pub(super) inside: Inside,
    stream: usize,
    spec: &'static PairSpec,
    latency_ns: f64,
    draw: Draw,
    event_ns: i64,
    book_seq: u64,
    quote_seq: u64,
    trade_seq: u64,
    excitement: f64,
    imbalance: f64,
    micros: Vec<u32>,
}

impl Venue {
    /// A venue before its first event.
    pub(super) fn new(stream: usize, spec: &'static PairSpec, inside: Inside, latency_ns: f64, draw: Draw) -> Venue {
        Venue {
            id: stream as u32 + 1,
            inside,
            stream,
            spec,
            latency_ns,
            draw,
            event_ns: 0,
            book_seq: 0,
            quote_seq: 0,
            trade_seq: 0,
            excitement: 0.0,
            imbalance: 0.0,
            micros: Vec::new(),
        }
    }

    /// A spread in ticks, as the regime has it.
    pub(super) fn spread(&mut self, climate: &Climate) -> i64 {
        1 + (self.draw.exponential() * climate.spread) as i64
    }

    /// Writes the step's events. Answers the imbalance of the newest book.
    pub(super) fn step(&mut self, plan: &Plan<'_>, batch: &mut Batch) -> f64 {
        let trades = self.trade_count(plan.climate);
        let updates = self.update_count(plan);
        self.draw_micros(trades + updates);
        let (from, buys) = (self.inside, self.buy_share(plan));
        let mut done = 0;
        for at in 0..trades + updates {
            let known = known_ns(plan.open_ns, self.micros[at as usize], self.stream);
            if self.draw.below(trades + updates - at) < updates - done {
                done += 1;
                self.update(plan, from, done, updates, known, batch);
            } else {
                self.trade(buys, known, batch);
            }
        }
        self.imbalance
    }

    /// Trades come in bursts: each excites more for a few steps.
    fn trade_count(&mut self, climate: &Climate) -> u32 {
        let count = self.draw.poisson(TRADES * climate.activity + self.excitement, MOST_TRADES);
        self.excitement = 0.6 * self.excitement + 0.28 * f64::from(count) * climate.activity.min(1.0);
        count
    }

    /// Quotes and books of the step, the last ones included.
    fn update_count(&mut self, plan: &Plan<'_>) -> u32 {
        match plan.ending {
            _ if plan.silent => 0,
            Ending::BookAndQuote => 2 + self.draw.poisson(UPDATES * plan.climate.activity, MOST_UPDATES),
            _ => 1 + self.draw.poisson(UPDATES * plan.climate.activity, MOST_UPDATES),
        }
    }

    /// Draws so many different microseconds of the step, rising. Now and then the last is the close itself.
    fn draw_micros(&mut self, count: u32) {
        self.micros.clear();
        // The first 200 us stay free, so that pushing ties apart never reaches the open.
        self.micros.extend((0..count).map(|_| 201 + self.draw.below(STEP_MICROS - 200)));
        self.micros.sort_unstable();
        let mut next = STEP_MICROS + 1;
        for micros in self.micros.iter_mut().rev() {
            *micros = (*micros).min(next - 1);
            next = *micros;
        }
        if let Some(last) = self.micros.last_mut().filter(|_| self.draw.chance(0.03)) {
            *last = STEP_MICROS;
        }
    }

    /// The share of takers that buy leans to where the price goes in this step.
    fn buy_share(&self, plan: &Plan<'_>) -> f64 {
        0.5 + 0.2 * (plan.to.mid2() - self.inside.mid2()).signum() as f64
    }

    /// Update `done` of `updates`: on the way, at the goal, or repeating it.
    fn update(&mut self, plan: &Plan<'_>, from: Inside, done: u32, updates: u32, known: i64, batch: &mut Batch) {
        let goal = if plan.ending == Ending::BookAndQuote { updates - 1 } else { updates };
        if done < goal {
            self.inside = self.on_the_way(plan, from, f64::from(done) / f64::from(goal));
            let imbalance = self.draw.normal() * 0.35;
            if self.draw.chance(0.7) {
                self.quote(plan, known, batch)
            } else {
                self.book(plan, imbalance, known, batch)
            }
            return;
        }
        self.inside = plan.to;
        let quote = done > goal || plan.ending == Ending::Quote;
        if quote { self.quote(plan, known, batch) } else { self.book(plan, plan.imbalance, known, batch) }
    }

    /// A price between both ends, with some noise.
    fn on_the_way(&mut self, plan: &Plan<'_>, from: Inside, share: f64) -> Inside {
        let way = (plan.to.mid2() - from.mid2()) as f64;
        let mid2 = from.mid2() as f64 + way * share + self.draw.normal() * (1.0 + 0.2 * way.abs());
        let spread = self.spread(plan.climate);
        Inside::around(mid2.round() as i64, spread)
    }

    fn quote(&mut self, plan: &Plan<'_>, known: i64, batch: &mut Batch) {
        let lots = self.spec.depth_lots * plan.climate.depth / 20.0;
        let mut quote = Quote::of(self.id, known);
        self.quote_seq += 1 + u64::from(self.draw.below(9));
        self.head(&mut quote.head, self.quote_seq);
        (quote.bid_px, quote.ask_px) = (self.spec.price_of(self.inside.bid), self.spec.price_of(self.inside.ask()));
        (quote.bid_qty, quote.ask_qty) = (self.size(lots), self.size(lots));
        batch.push(known, &quote);
    }

    fn book(&mut self, plan: &Plan<'_>, imbalance: f64, known: i64, batch: &mut Batch) {
        let lots = self.spec.depth_lots * plan.climate.depth * libm::exp(0.3 * self.draw.normal());
        let ladder = Ladder::draw(&mut self.draw, self.spec, self.inside, lots, imbalance.clamp(-0.95, 0.95));
        self.imbalance = ladder.imbalance();
        let mut book = Book::of(self.id, known, &ladder.bids, &ladder.asks);
        book.book.prev_seq = self.book_seq;
        self.book_seq += 1 + u64::from(self.draw.below(40));
        self.head(&mut book.book.head, self.book_seq);
        batch.push(known, &book);
    }

    fn trade(&mut self, buys: f64, known: i64, batch: &mut Batch) {
        let buy = self.draw.chance(buys);
        let mut trade = Trade::of(self.id, known);
        self.trade_seq += 1;
        self.head(&mut trade.head, self.trade_seq);
        trade.price = self.spec.price_of(if buy { self.inside.ask() } else { self.inside.bid });
        trade.side = if buy { SIDE_BUY } else { SIDE_SELL };
        // A product of two exponentials: mostly small, now and then many times the mean.
        let lots = self.spec.trade_lots * self.draw.exponential();
        trade.size = self.size(lots);
        batch.push(known, &trade);
    }

    /// An exponential size with that mean in lots, at least one lot.
    fn size(&mut self, lots: f64) -> f64 {
        self.spec.size_of((lots * self.draw.exponential()).round().max(1.0))
    }

    /// Sets seq and the venue's own time: whole microseconds, before `known_ns`, never going back.
    fn head(&mut self, head: &mut EventHead, seq: u64) {
        let late = (self.latency_ns * (0.7 + 0.3 * self.draw.exponential())) as i64;
        self.event_ns = self.event_ns.max((head.known_ns - late) / 1_000 * 1_000);
        (head.event_ns, head.seq) = (self.event_ns, seq);
    }
}

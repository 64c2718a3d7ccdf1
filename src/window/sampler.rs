//! When a step closes, and what it holds.

use std::cmp::Ordering;

use crate::ingest::book::RoleBook;
use crate::types::event::{Bar, EventRef, Kind, SIDE_BUY, SIDE_SELL, Trade};
use crate::types::reason;
use crate::types::state::{Pass, State};
use crate::types::step::Step;

/// What closes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// A bar is a step.
    Bar,
    /// Each multiple of the interval since the Unix epoch closes one.
    Time,
    /// Events of the kinds whose bit is set close one.
    Event(u16),
}

/// What a step's price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// The trade's.
    Trade,
    /// (best bid + best ask) / 2.
    Mid,
    /// The mid weighted by the opposite sizes.
    Micro,
}

/// How a track samples; part of the schema and of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplerSpec {
    /// What closes a step.
    pub sampling: Sampling,
    /// Length of a bar or of a step by time, ns; 0 by event.
    pub interval_ns: i64,
    /// What the price is.
    pub price: Price,
    /// Missing bars after which all state starts anew; `None` never.
    pub reset_after: Option<u64>,
    /// Age above which a book counts as none, ns.
    pub max_book_age_ns: Option<i64>,
}

/// What closing gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Closed {
    /// A step.
    Step(Step),
    /// Too long a silence: all state of the track must be dropped; no step.
    Restart,
}

/// What a bar gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarStep {
    /// Bars missing before this one.
    pub missing: u64,
    /// So many that all state must be dropped before the step is used.
    pub restart: bool,
    /// The step.
    pub step: Step,
}

/// The open step's content.
#[derive(Clone, Copy, Debug, Default)]
struct OpenStep {
    prices: Option<[f64; 4]>,
    volume: f64,
    taker_buy: f64,
    taker_sell: f64,
    trades: u64,
    unknown_side: bool,
    /// An event of role self was applied.
    held: bool,
}

impl OpenStep {
    fn price(&mut self, price: f64) {
        let [open, high, low, _] = self.prices.unwrap_or([price; 4]);
        self.prices = Some([open, high.max(price), low.min(price), price]);
    }

    fn trade(&mut self, trade: &Trade) {
        self.volume += trade.size;
        self.trades += 1;
        match trade.side {
            SIDE_BUY => self.taker_buy += trade.size,
            SIDE_SELL => self.taker_sell += trade.size,
            _ => self.unknown_side = true,
        }
    }
}

impl State for OpenStep {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let OpenStep { prices, volume, taker_buy, taker_sell, trades, unknown_side, held } = self;
        pass.counter(trades);
        pass.each([prices, volume, taker_buy, taker_sell, unknown_side, held]);
    }
}

/// Turns the events of one track into steps.
#[derive(Clone, Debug)]
pub struct Sampler {
    spec: SamplerSpec,
    /// Silent steps in a row that are still emitted.
    silent_most: u64,
    silent: u64,
    /// Close of the open step, by time.
    close_ns: Option<i64>,
    open: OpenStep,
    last_price: Option<f64>,
    last_bar_ns: Option<i64>,
    newest_ns: i64,
}

impl Sampler {
    /// A sampler that emits up to `window` silent steps in a row.
    #[must_use]
    pub fn new(spec: SamplerSpec, window: usize) -> Sampler {
        Sampler {
            spec,
            silent_most: window as u64,
            silent: 0,
            close_ns: None,
            open: OpenStep::default(),
            last_price: None,
            last_bar_ns: None,
            newest_ns: i64::MIN,
        }
    }

    /// Forgets prices and the open step; times are kept.
    pub fn restart(&mut self) {
        *self = Sampler { newest_ns: self.newest_ns, ..Sampler::new(self.spec, self.silent_most as usize) };
    }

    /// Forgets times too: what was stamped wrongly far ahead no longer counts.
    pub fn reset(&mut self) {
        *self = Sampler::new(self.spec, self.silent_most as usize);
    }

    /// Closes one step that ends before `known_ns`; call until `None`, then apply the event.
    pub fn close_before(&mut self, known_ns: i64, book: &RoleBook) -> Option<Closed> {
        self.newest_ns = self.newest_ns.max(known_ns);
        loop {
            let close = self.close_ns.filter(|close| *close < known_ns)?;
            if let Some(closed) = self.close(close, book) {
                return Some(closed);
            }
        }
    }

    /// Closes one step that ends at `until_ns` or before; call until `None`.
    pub fn close_until(&mut self, until_ns: i64, book: &RoleBook) -> Option<Closed> {
        self.close_before(until_ns.saturating_add(1), book)
    }

    /// A step before the first price is dropped: `None`.
    fn close(&mut self, close_ns: i64, book: &RoleBook) -> Option<Closed> {
        if self.last_price.is_none() {
            (self.close_ns, self.open) = (None, OpenStep::default());
            return None;
        }
        self.silent = if self.open.held { 0 } else { self.silent + 1 };
        if self.silent > self.silent_most {
            self.restart();
            return Some(Closed::Restart);
        }
        self.close_ns = Some(close_ns + self.spec.interval_ns);
        self.take_step(close_ns, book).map(Closed::Step)
    }

    fn take_step(&mut self, close_ns: i64, book: &RoleBook) -> Option<Step> {
        let last = self.last_price?;
        let open = std::mem::take(&mut self.open);
        let [first, high, low, close] = open.prices.unwrap_or([last; 4]);
        Some(Step {
            time_ns: close_ns,
            close_ns,
            open: first,
            high,
            low,
            close,
            volume: open.volume,
            taker_buy: open.taker_buy,
            taker_sell: open.taker_sell,
            trades: open.trades,
            taker_known: !open.unknown_side,
            top: book.top(close_ns, self.spec.max_book_age_ns),
        })
    }

    /// Applies an event of role self, whose book has it already. By event it may close a step.
    pub fn apply(&mut self, event: &EventRef<'_>, kind: Kind, known_ns: i64, book: &RoleBook) -> Option<Step> {
        if self.spec.sampling == Sampling::Bar {
            return None;
        }
        self.open_at(known_ns);
        self.open.held = true;
        if let EventRef::Trade(trade) = event {
            self.open.trade(trade);
        }
        if let Some(price) = self.price_of(event, known_ns, book) {
            self.open.price(price);
            self.last_price = Some(price);
        }
        match self.spec.sampling {
            Sampling::Event(kinds) if kinds & 1 << kind as u16 != 0 => self.take_step(self.newest_ns.max(known_ns), book),
            _ => None,
        }
    }

    /// Opens the step that holds `known_ns`; an event that comes late opens none that has passed.
    fn open_at(&mut self, known_ns: i64) {
        if self.spec.sampling == Sampling::Time && self.close_ns.is_none() {
            let (at, interval) = (known_ns.max(self.newest_ns), self.spec.interval_ns);
            self.close_ns = Some(at + (interval - at % interval) % interval);
        }
    }

    fn price_of(&self, event: &EventRef<'_>, known_ns: i64, book: &RoleBook) -> Option<f64> {
        match (self.spec.price, event) {
            (Price::Trade, EventRef::Trade(trade)) => Some(trade.price),
            (Price::Mid, EventRef::Quote(_) | EventRef::Book(..)) => book.top(known_ns, self.spec.max_book_age_ns)?.mid(),
            (Price::Micro, EventRef::Quote(_) | EventRef::Book(..)) => book.top(known_ns, self.spec.max_book_age_ns)?.micro(),
            _ => None,
        }
    }

    /// Why a bar cannot be a step of this track; `None` when it can.
    #[must_use]
    pub fn refuses_bar(&self, bar: &Bar) -> Option<&'static str> {
        if self.spec.sampling != Sampling::Bar {
            return Some("the schema samples by time or event and refuses bars: use a bundle that samples by bar");
        }
        if bar.interval_ns != self.spec.interval_ns {
            return Some("the bar's interval is not the schema's");
        }
        let last = self.last_bar_ns?;
        ((bar.open_ns - last) % bar.interval_ns != 0).then_some("the bar's open time is not a whole number of intervals after the last bar's")
    }

    /// Why a bar is skipped: the same as the last one, or one before it.
    #[must_use]
    pub fn skips_bar(&self, bar: &Bar) -> Option<u64> {
        match self.last_bar_ns?.cmp(&bar.open_ns) {
            Ordering::Less => None,
            Ordering::Equal => Some(reason::DUPLICATE),
            Ordering::Greater => Some(reason::CLOCK_BACK),
        }
    }

    /// A bar as a step; [`Sampler::refuses_bar`] and [`Sampler::skips_bar`] have been asked.
    pub fn bar(&mut self, bar: &Bar, book: &RoleBook) -> BarStep {
        let missing = self.last_bar_ns.map_or(0, |last| ((bar.open_ns - last) / bar.interval_ns - 1).max(0) as u64);
        self.last_bar_ns = Some(bar.open_ns);
        self.newest_ns = self.newest_ns.max(bar.head.known_ns);
        let restart = self.spec.reset_after.is_some_and(|after| missing >= after);
        let step = Step {
            time_ns: bar.open_ns + bar.interval_ns,
            close_ns: bar.head.known_ns,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
            taker_buy: bar.taker_buy,
            taker_sell: bar.taker_sell,
            trades: bar.trades,
            taker_known: bar.known & crate::types::event::BAR_TAKER != 0,
            top: book.top(bar.head.known_ns, self.spec.max_book_age_ns),
        };
        BarStep { missing, restart, step }
    }
}

impl State for Sampler {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Sampler { spec: _, silent_most: _, silent, close_ns, open, last_price, last_bar_ns, newest_ns } = self;
        pass.counter(silent);
        pass.each([close_ns, open, last_price, last_bar_ns, newest_ns]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::event::Quote;

    const SPEC: SamplerSpec = SamplerSpec { sampling: Sampling::Time, interval_ns: 100, price: Price::Trade, reset_after: None, max_book_age_ns: None };

    struct Run {
        sampler: Sampler,
        book: RoleBook,
        closed: Vec<Closed>,
    }

    impl Run {
        fn new(spec: SamplerSpec, window: usize) -> Run {
            Run { sampler: Sampler::new(spec, window), book: RoleBook::default(), closed: Vec::new() }
        }

        fn before(&mut self, known_ns: i64) {
            while let Some(closed) = self.sampler.close_before(known_ns, &self.book) {
                if closed == Closed::Restart {
                    self.book = RoleBook::default();
                }
                self.closed.push(closed);
            }
        }

        fn trade(&mut self, known_ns: i64, price: f64, side: u8) {
            self.before(known_ns);
            let trade = Trade { price, size: 1.0, side, ..Trade::of(1, known_ns) };
            let step = self.sampler.apply(&EventRef::Trade(&trade), Kind::Trade, known_ns, &self.book);
            self.closed.extend(step.map(Closed::Step));
        }

        fn quote(&mut self, known_ns: i64, bid_px: f64) {
            self.before(known_ns);
            let quote = Quote { bid_px, bid_qty: 1.0, ask_px: bid_px + 2.0, ask_qty: 3.0, ..Quote::of(1, known_ns) };
            self.book.set_quote(&quote);
            let step = self.sampler.apply(&EventRef::Quote(&quote), Kind::Quote, known_ns, &self.book);
            self.closed.extend(step.map(Closed::Step));
        }

        fn advance(&mut self, until_ns: i64) {
            while let Some(closed) = self.sampler.close_until(until_ns, &self.book) {
                self.closed.push(closed);
            }
        }

        fn steps(&self) -> Vec<(i64, f64, f64)> {
            self.closed.iter().filter_map(|closed| if let Closed::Step(step) = closed { Some((step.time_ns, step.close, step.volume)) } else { None }).collect()
        }
    }

    #[test]
    fn a_step_is_closed_on_the_right() {
        let mut run = Run::new(SPEC, 60);
        run.trade(100, 1.0, 1);
        run.trade(101, 2.0, 1);
        run.trade(200, 3.0, 2);
        assert_eq!(run.steps(), [(100, 1.0, 1.0)]);
        run.advance(199);
        assert_eq!(run.steps().len(), 1);
        run.advance(200);
        assert_eq!(run.steps(), [(100, 1.0, 1.0), (200, 3.0, 2.0)]);
        let Closed::Step(step) = run.closed[1] else { panic!("a step") };
        assert_eq!((step.open, step.high, step.low, step.taker_buy, step.taker_sell, step.trades), (2.0, 3.0, 2.0, 1.0, 1.0, 2));
    }

    #[test]
    fn no_step_before_the_first_trade_and_silence_ends_in_a_restart() {
        let mut run = Run::new(SPEC, 3);
        run.quote(10, 5.0);
        run.quote(350, 5.0);
        assert!(run.closed.is_empty());
        run.trade(360, 7.0, 1);
        run.advance(10_000);
        assert_eq!(run.steps(), [(400, 7.0, 1.0), (500, 7.0, 0.0), (600, 7.0, 0.0), (700, 7.0, 0.0)]);
        assert_eq!(run.closed.len(), 5, "then a restart: {:?}", run.closed.last());
        run.quote(10_050, 5.0);
        run.advance(10_200);
        assert_eq!(run.closed.len(), 5);
        run.trade(10_201, 8.0, 0);
        run.advance(10_300);
        assert_eq!(run.steps().last(), Some(&(10_300, 8.0, 1.0)));
    }

    #[test]
    fn book_changes_are_no_silence() {
        let mut run = Run::new(SPEC, 2);
        run.trade(50, 7.0, 1);
        for k in 1..20 {
            run.quote(50 + 100 * k, 5.0);
        }
        run.advance(2_000);
        assert_eq!(run.steps().len(), 20);
        assert!(run.closed.iter().all(|closed| *closed != Closed::Restart));
    }

    #[test]
    fn mid_and_micro_are_prices() {
        let mut run = Run::new(SamplerSpec { price: Price::Mid, ..SPEC }, 60);
        run.trade(10, 99.0, 1);
        run.quote(20, 5.0);
        run.advance(100);
        assert_eq!(run.steps(), [(100, 6.0, 1.0)], "a trade before the first book of the step counts");
        let mut run = Run::new(SamplerSpec { price: Price::Micro, ..SPEC }, 60);
        run.quote(20, 5.0);
        run.advance(100);
        assert_eq!(run.steps(), [(100, (5.0 * 3.0 + 7.0) / 4.0, 0.0)]);
    }

    #[test]
    fn by_event_the_kinds_named_close_steps() {
        let mut run = Run::new(SamplerSpec { sampling: Sampling::Event(1 << Kind::Trade as u16), interval_ns: 0, ..SPEC }, 60);
        run.quote(5, 1.0);
        run.trade(10, 2.0, 1);
        run.trade(10, 3.0, 0);
        assert_eq!(run.steps(), [(10, 2.0, 1.0), (10, 3.0, 1.0)]);
        let Closed::Step(step) = run.closed[1] else { panic!("a step") };
        assert!(!step.taker_known);
    }

    #[test]
    fn a_late_event_opens_no_step_that_has_passed() {
        let mut run = Run::new(SPEC, 60);
        run.before(205);
        let trade = Trade { price: 1.0, size: 1.0, ..Trade::of(1, 95) };
        run.sampler.apply(&EventRef::Trade(&trade), Kind::Trade, 95, &run.book);
        run.advance(300);
        assert_eq!(run.steps(), [(300, 1.0, 1.0)]);
    }

    #[test]
    fn bars_are_steps_with_their_gaps_counted() {
        let spec = SamplerSpec { sampling: Sampling::Bar, interval_ns: 60, reset_after: Some(3), ..SPEC };
        let mut sampler = Sampler::new(spec, 60);
        let bar = |open_ns| Bar { open_ns, interval_ns: 60, open: 1.0, high: 2.0, low: 1.0, close: 2.0, ..Bar::of(1, open_ns + 61) };
        let book = RoleBook::default();
        let first = sampler.bar(&bar(60), &book);
        assert_eq!((first.missing, first.restart, first.step.time_ns, first.step.close_ns), (0, false, 120, 121));
        assert_eq!(sampler.bar(&bar(240), &book).missing, 2);
        assert!(sampler.bar(&bar(480), &book).restart);
        assert!(sampler.refuses_bar(&bar(541)).is_some() && sampler.refuses_bar(&bar(540)).is_none());
        assert_eq!([540, 480, 420].map(|open_ns| sampler.skips_bar(&bar(open_ns))), [None, Some(reason::DUPLICATE), Some(reason::CLOCK_BACK)]);
        assert!(sampler.refuses_bar(&Bar { interval_ns: 30, ..bar(540) }).is_some());
        assert!(Sampler::new(SPEC, 60).refuses_bar(&bar(60)).is_some());
    }
}

//! RSI, ATR and the line of two exponential averages against the same recursions in pairs of doubles.

use foretick::cpu::Level;
use foretick::features::history::{Column, History, Needs};
use foretick::features::ops::{At, Op, atr::Atr, macd::Macd, rsi::Rsi};
use foretick::features::shared::{Plan, Shared};
use foretick::types::step::Step;

use super::pair::Pair;
use super::prices::SCALE;
use crate::Worst;

const PERIOD: u32 = 14;
const FAST: usize = 12;
const SLOW: usize = 26;

/// Below this an average is about to be set to 0, and its relative error is no longer told.
const FORGOTTEN: f64 = 1e-270;

/// Wilder's average in pairs.
#[derive(Default)]
struct Wilder {
    seen: u32,
    average: Pair,
}

impl Wilder {
    fn update(&mut self, value: Pair) {
        self.seen += 1;
        let count = f64::from(PERIOD);
        self.average = if self.seen <= PERIOD { self.average.add(value) } else { self.average.times(count - 1.0).add(value).over(count) };
        if self.seen == PERIOD {
            self.average = self.average.over(count);
        }
        if self.seen >= PERIOD && self.average.high < 1e-280 {
            self.average = Pair::default();
        }
    }

    fn forgotten(&self) -> bool {
        self.average.high > 0.0 && self.average.high < FORGOTTEN
    }
}

/// An exponential average in pairs, seeded with the mean of what it was given first.
#[derive(Default)]
struct Ema {
    value: Pair,
}

impl Ema {
    fn update(&mut self, at: usize, close: f64, n: usize) {
        if at < SLOW {
            // The mean of the last n of the first SLOW closes.
            self.value = if at + n >= SLOW { self.value.add(Pair::of(close)) } else { self.value };
            self.value = if at + 1 == SLOW { self.value.over(n as f64) } else { self.value };
        } else {
            self.value = self.value.add(Pair::of(close).add(self.value.minus()).times(2.0).over(n as f64 + 1.0));
        }
    }
}

/// The operators, their oracles, and the worst of each.
pub struct Recursions {
    rsi: Rsi,
    atr: Atr,
    macd: Macd,
    history: History,
    /// These operators ask for nothing that is shared.
    shared: Shared,
    gain: Wilder,
    loss: Wilder,
    range: Wilder,
    averages: [Ema; 2],
    last: Option<f64>,
    /// The largest close, forgotten half as fast as the slow average forgets.
    recent: f64,
    worst: [Worst; 3],
}

impl Default for Recursions {
    fn default() -> Recursions {
        let mut needs = Needs::default();
        needs.column(Column::Close, SLOW);
        Recursions {
            rsi: Rsi::new(PERIOD as usize),
            atr: Atr::new(PERIOD as usize),
            macd: Macd::new(FAST, SLOW),
            history: History::new(&needs),
            shared: Shared::new(&mut Plan::default(), Level::best()),
            gain: Wilder::default(),
            loss: Wilder::default(),
            range: Wilder::default(),
            averages: Default::default(),
            last: None,
            recent: 0.0,
            worst: [
                Worst::new("rsi 14", "32 n 2^-53 of 100, while both averages are above 1e-270"),
                Worst::new("atr 14", "32 n 2^-53 of itself, while above 1e-270"),
                Worst::new("macd 12, 26", "(fast + slow) 2^-52 of the largest close that is not forgotten"),
            ],
        }
    }
}

impl Recursions {
    pub fn step(&mut self, step: u64, units: u64) {
        let close = units as f64 / SCALE;
        let (high, low) = (close + (units % 7) as f64 / SCALE, close);
        let now = Step { open: close, high, low, close, ..Step::default() };
        if step < SLOW as u64 {
            self.history.push(&now, step);
        }
        let at = At { step: &now, since: step, history: &self.history, shared: &self.shared, books: &[], max_book_age_ns: None };
        let ours = [self.rsi.update(&at), self.atr.update(&at), self.macd.update(&at)];
        self.oracles(step, &now);
        self.compare(step, ours);
    }

    fn oracles(&mut self, step: u64, now: &Step) {
        let place = step.min(SLOW as u64) as usize;
        self.averages[0].update(place, now.close, FAST);
        self.averages[1].update(place, now.close, SLOW);
        self.recent = now.close.max(self.recent * (1.0 - 1.0 / (SLOW as f64 + 1.0)));
        let Some(last) = self.last.replace(now.close) else { return };
        let change = Pair::difference(now.close, last);
        let (rise, fall) = if change.high > 0.0 { (change, Pair::default()) } else { (Pair::default(), change.minus()) };
        self.gain.update(rise);
        self.loss.update(fall);
        let ranges = [Pair::difference(now.high, now.low), Pair::difference(now.high, last), Pair::difference(last, now.low)];
        self.range.update(ranges.into_iter().fold(Pair::default(), |most, range| if range.high > most.high { range } else { most }));
    }

    fn compare(&mut self, step: u64, [rsi, atr, macd]: [Option<f64>; 3]) {
        let share = 32.0 * f64::from(PERIOD) * 2f64.powi(-53);
        let [rsi_worst, atr_worst, macd_worst] = &mut self.worst;
        if let Some(rsi) = rsi.filter(|_| !self.gain.forgotten() && !self.loss.forgotten()) {
            let both = self.gain.average.add(self.loss.average);
            let exact = if both.high == 0.0 { 50.0 } else { 100.0 * self.gain.average.ratio(both) };
            rsi_worst.look(step, rsi, exact, 100.0 * share);
        }
        if let Some(atr) = atr.filter(|_| !self.range.forgotten()) {
            let exact = self.range.average.high;
            atr_worst.look(step, atr, exact, exact * share);
        }
        if let Some(macd) = macd {
            let [fast, slow] = &self.averages;
            let exact = fast.value.add(slow.value.minus()).high;
            macd_worst.look(step, macd, exact, (FAST + SLOW) as f64 * 2f64.powi(-52) * self.recent);
        }
    }

    pub fn worst(self) -> [Worst; 3] {
        self.worst
    }
}

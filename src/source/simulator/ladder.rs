//! A book of ten levels with a wanted imbalance.

use super::random::Draw;
use super::spec::PairSpec;

/// Levels of a side.
pub(super) const LEVELS: usize = 10;

/// Best bid and spread, in ticks.
#[derive(Clone, Copy)]
pub(super) struct Inside {
    /// Best bid.
    pub(super) bid: i64,
    /// Ask less bid, at least 1.
    pub(super) spread: i64,
}

impl Inside {
    /// The prices whose mid is `mid2` half ticks, or half a tick lower where the spread's parity wants it.
    pub(super) fn around(mid2: i64, spread: i64) -> Inside {
        Inside { bid: (mid2 - spread).div_euclid(2), spread }
    }

    /// Best ask.
    pub(super) fn ask(self) -> i64 {
        self.bid + self.spread
    }

    /// The mid in half ticks.
    pub(super) fn mid2(self) -> i64 {
        2 * self.bid + self.spread
    }

    /// The mid as `Top::mid` gives it.
    pub(super) fn mid(self, spec: &PairSpec) -> f64 {
        (spec.price_of(self.bid) + spec.price_of(self.ask())) / 2.0
    }
}

/// Price and size of every level, best first.
pub(super) struct Ladder {
    /// Bids, falling.
    pub(super) bids: [(f64, f64); LEVELS],
    /// Asks, rising.
    pub(super) asks: [(f64, f64); LEVELS],
}

impl Ladder {
    /// Levels around the inside, `lots` a side on average, with an imbalance near `imbalance`.
    pub(super) fn draw(draw: &mut Draw, spec: &PairSpec, inside: Inside, lots: f64, imbalance: f64) -> Ladder {
        let bids = side(draw, spec, inside.bid, -1, lots * (1.0 + imbalance));
        let asks = side(draw, spec, inside.ask(), 1, lots * (1.0 - imbalance));
        Ladder { bids, asks }
    }

    /// (B - A) / (B + A) as feature `book_imbalance` computes it: sizes summed best first.
    pub(super) fn imbalance(&self) -> f64 {
        let sum = |side: &[(f64, f64)]| side.iter().fold(0.0, |sum, level| sum + level.1);
        let (bid, ask) = (sum(&self.bids), sum(&self.asks));
        (bid - ask) / (bid + ask)
    }
}

/// One side, from its best price outwards.
fn side(draw: &mut Draw, spec: &PairSpec, best: i64, away: i64, lots: f64) -> [(f64, f64); LEVELS] {
    let weights: [f64; LEVELS] = std::array::from_fn(|level| (1.0 + 0.2 * level as f64) * (0.3 + draw.exponential()));
    let scale = lots / weights.iter().sum::<f64>();
    let mut ticks = best;
    weights.map(|weight| {
        let level = (spec.price_of(ticks), spec.size_of((weight * scale).round().max(1.0)));
        ticks += away * i64::from(1 + draw.below(3));
        level
    })
}

//! The price that leads: a random walk in log price whose character is the regime's.

use super::random::Draw;
use super::regime::Climate;
use super::spec::PairSpec;

/// Share of the variance that the pairs have in common, as a correlation.
const CORRELATION: f64 = 0.6;
/// Largest move of a step, in typical returns.
const LARGEST: f64 = 8.0;
/// Pull to the price of the start: keeps a run of months near its level, and is nothing beside a step's noise.
const HOME_PULL: f64 = 1e-7;
/// How fast the anchor of a future range follows the price.
const ANCHOR_SPEED: f64 = 0.02;

/// What moves all pairs alike in a step.
pub(super) struct Common {
    noise: f64,
    jump: f64,
}

impl Common {
    /// Draws the common part of a step.
    pub(super) fn draw(draw: &mut Draw, climate: &Climate) -> Common {
        let noise = draw.normal();
        let jump = if draw.chance(climate.jump) { draw.sign() * (2.5 + draw.exponential()) } else { 0.0 };
        Common { noise, jump }
    }
}

/// Log price of the leading venue, before ticks.
pub(super) struct LeaderPrice {
    log: f64,
    home: f64,
    anchor: f64,
    typical: f64,
    per_tick: f64,
}

impl LeaderPrice {
    /// At the pair's first price.
    pub(super) fn new(spec: &PairSpec) -> LeaderPrice {
        let log = libm::log(spec.price);
        LeaderPrice { log, home: log, anchor: log, typical: spec.typical_return, per_tick: spec.per_tick }
    }

    /// Moves one step on.
    pub(super) fn advance(&mut self, climate: &Climate, common: &Common, draw: &mut Draw) {
        let noise = CORRELATION * common.noise + (1.0 - CORRELATION * CORRELATION).sqrt() * draw.normal();
        let back = climate.pull * (self.anchor - self.log) / self.typical;
        let units = climate.volatility * noise + climate.drift + common.jump + back;
        self.log += self.typical * units.clamp(-LARGEST, LARGEST) + HOME_PULL * (self.home - self.log);
        if climate.pull == 0.0 {
            self.anchor += ANCHOR_SPEED * (self.log - self.anchor);
        }
    }

    /// The price in half ticks.
    pub(super) fn mid2(&self) -> i64 {
        (2.0 * self.per_tick * libm::exp(self.log)).round() as i64
    }
}

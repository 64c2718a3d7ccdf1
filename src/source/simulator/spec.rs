//! The market's fixed facts: pairs, streams, ticks and lots.

use super::echo::ECHO_WEIGHT;
use crate::types::Kind;

/// Facts of a pair, the same on both venues.
pub(super) struct PairSpec {
    /// Name of the pair.
    pub(super) name: &'static str,
    /// Price at the start.
    pub(super) price: f64,
    /// Ticks in a unit of price, a power of ten: price = ticks / `per_tick` is the nearest f64.
    pub(super) per_tick: f64,
    /// Lots in a unit of size, a power of ten.
    pub(super) per_lot: f64,
    /// Typical leader return over a step (a log return); the s of the planted edge.
    pub(super) typical_return: f64,
    /// Weight of the leader's earlier return in the logit of the next move; 0 without an echo.
    pub(super) echo_weight: f64,
    /// Typical size of ten levels of a side, in lots.
    pub(super) depth_lots: f64,
    /// Mean size of a trade, in lots.
    pub(super) trade_lots: f64,
}

impl PairSpec {
    /// Price of a count of ticks.
    pub(super) fn price_of(&self, ticks: i64) -> f64 {
        ticks as f64 / self.per_tick
    }

    /// Size of a count of lots.
    pub(super) fn size_of(&self, lots: f64) -> f64 {
        lots / self.per_lot
    }

    /// Log return in half ticks at a mid of `mid2` half ticks.
    pub(super) fn half_ticks(log_return: f64, mid2: i64) -> f64 {
        log_return * mid2 as f64
    }
}

/// Pairs, in the order of their streams.
pub(super) const PAIRS: [PairSpec; 3] = [
    PairSpec {
        name: "BTCUSD",
        price: 42_000.0,
        per_tick: 10.0,
        per_lot: 1_000.0,
        typical_return: 2.8e-5,
        echo_weight: 0.0,
        depth_lots: 15_000.0,
        trade_lots: 60.0,
    },
    PairSpec {
        name: "ETHUSD",
        price: 2_300.0,
        per_tick: 100.0,
        per_lot: 100.0,
        typical_return: 3.4e-5,
        echo_weight: 0.0,
        depth_lots: 20_000.0,
        trade_lots: 80.0,
    },
    PairSpec {
        name: "SOLUSD",
        price: 100.0,
        per_tick: 1_000.0,
        per_lot: 10.0,
        typical_return: 4.5e-5,
        echo_weight: ECHO_WEIGHT,
        depth_lots: 50_000.0,
        trade_lots: 150.0,
    },
];

/// Which pair the pool trades.
pub(super) const POOL_PAIR: usize = 1;
/// Stream of the first pair on the traded venue.
pub(super) const OWN: usize = 0;
/// Stream of the first pair on the leading venue.
pub(super) const LEADER: usize = 3;
/// Stream of the chain.
pub(super) const CHAIN: usize = 6;
/// Stream of the pool.
pub(super) const POOL: usize = 7;

const VENUE: &[Kind] = &[Kind::Trade, Kind::Quote, Kind::Book];

/// Names and kinds of the streams, sorted by name as plain files are.
pub(super) const STREAMS: [(&str, &[Kind]); 8] = [
    ("sim_a:BTCUSD", VENUE),
    ("sim_a:ETHUSD", VENUE),
    ("sim_a:SOLUSD", VENUE),
    ("sim_b:BTCUSD", VENUE),
    ("sim_b:ETHUSD", VENUE),
    ("sim_b:SOLUSD", VENUE),
    ("sim_chain:gas", &[Kind::Block, Kind::Gas]),
    ("sim_pool:ETHUSD", &[Kind::Pool]),
];

//! A seeded, deterministic market with a planted edge, to try a whole bot against a known truth.
//!
//! Three pairs trade on two venues: `sim_a`, the one to trade on, and `sim_b`, which leads. A pool and a chain
//! follow. At each close t the next move of a pair on `sim_a` is up with probability
//! sigmoid([`IMBALANCE_WEIGHT`] x\[t\] + [`RETURN_WEIGHT`] r\[t\] / s + e r\[t - [`ECHO_STEPS`]\] / s), where x is the
//! feature `book_imbalance` of `sim_a` (ten levels), r the feature `role_return_1` of `sim_b`, and s the pair's typical
//! return. The first two terms stand in the newest row. The third, the *echo*, lies in the sequence of rows: its weight e is
//! [`ECHO_WEIGHT`] for SOLUSD, which follows the leader twice, and 0 for the other pairs. Nothing else knows the direction, so
//! [`Truth`] carries the best probability that any model can give, and no model can beat [`BAYES_AUC`] over a long run. The
//! first two terms alone are worth [`ROW_AUC`].
//!
//! What is not real: the mid moves in every step, the book is drawn anew each time, the edge never decays, and
//! nobody reacts to the trader.

mod auc;
mod batch;
mod chain;
mod echo;
mod ladder;
mod leader;
mod pair;
mod pool;
mod random;
mod regime;
mod spec;
mod venue;

#[cfg(test)]
mod tests;

pub use auc::auc;
pub use echo::{ECHO_STEPS, ECHO_WEIGHT};
pub use pair::{IMBALANCE_WEIGHT, PairTruth, RETURN_WEIGHT};
pub use regime::Regime;

use crate::error::{Error, Result, Status};
use crate::types::{Kind, Slot};
use batch::Batch;
use chain::Chain;
use leader::Common;
use pair::Pair;
use pool::Pool;
use random::Draw;
use regime::Weather;

/// Length of a step, ns. Closes are multiples of it since the Unix epoch.
pub const STEP_NS: i64 = 100_000_000;
/// Start of [`Simulator::new`], ns: 2024-01-01T00:00:00Z.
pub const START_NS: i64 = 1_704_067_200_000_000_000;
/// Pairs of the market.
pub const PAIR_COUNT: usize = spec::PAIRS.len();
/// Streams of the market.
pub const STREAM_COUNT: usize = spec::STREAMS.len();
/// AUC of the true probability against the outcome over a long run, all pairs together: what no model can beat. Measured over
/// four seeds of a million steps each, which differ by 0.0008. It is 0.7497 for the pairs without an echo and 0.8022 for the one with it.
pub const BAYES_AUC: f64 = 0.7682;
/// The same for a probability that leaves out the echo: what the planted terms of the newest row alone are worth. 0.7211 for the
/// pair with an echo.
pub const ROW_AUC: f64 = 0.7401;

/// A stream of the market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StreamInfo {
    /// Name, such as `sim_a:BTCUSD`.
    pub name: &'static str,
    /// Id that its records carry.
    pub id: u32,
    /// Kinds of its events.
    pub kinds: &'static [Kind],
}

/// A pair and the streams that a track of it binds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairInfo {
    /// Name, such as `BTCUSD`.
    pub name: &'static str,
    /// Index into [`Simulator::streams`] of role self.
    pub own: usize,
    /// Index into [`Simulator::streams`] of role leader.
    pub leader: usize,
    /// Typical leader return of a step, a log return: the s of the planted edge.
    pub typical_return: f64,
    /// Weight of the echo in the logit of the next move: [`ECHO_WEIGHT`], or 0 for a pair without one.
    pub echo_weight: f64,
    /// Smallest difference of prices.
    pub tick: f64,
    /// Smallest difference of sizes.
    pub lot: f64,
}

/// What is true at the close of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// Number of the step, from 0.
    pub step: u64,
    /// The close, ns; the step held the events with `known_ns` in (`close_ns` - [`STEP_NS`], `close_ns`].
    pub close_ns: i64,
    /// The regime that held in the step.
    pub regime: Regime,
    /// Price of the pool after the step, token 1 for a token 0.
    pub pool_price: f64,
    /// The pairs, in the order of [`Simulator::pairs`].
    pub pairs: [PairTruth; PAIR_COUNT],
}

/// The market. The same seed and start give the same bytes.
pub struct Simulator {
    close_ns: i64,
    steps: u64,
    weather: Weather,
    draw: Draw,
    pairs: [Pair; PAIR_COUNT],
    chain: Chain,
    pool: Pool,
    batch: Batch,
}

impl Simulator {
    /// A market that starts at [`START_NS`].
    #[must_use]
    pub fn new(seed: u64) -> Simulator {
        Simulator::with_start(seed, START_NS)
    }

    /// A market that starts at `start_ns`, rounded down to a multiple of [`STEP_NS`] and kept within 0..2^62.
    #[must_use]
    pub fn with_start(seed: u64, start_ns: i64) -> Simulator {
        let start_ns = start_ns.clamp(0, 1 << 62) / STEP_NS * STEP_NS;
        Simulator {
            close_ns: start_ns,
            steps: 0,
            weather: Weather::new(Draw::new(seed, 1)),
            draw: Draw::new(seed, 2),
            pairs: std::array::from_fn(|number| Pair::new(number, seed)),
            chain: Chain::new(start_ns, Draw::new(seed, 3)),
            pool: Pool::new(spec::PAIRS[spec::POOL_PAIR].price, Draw::new(seed, 4)),
            batch: Batch::default(),
        }
    }

    /// The streams, sorted by name. Ids are index + 1 until [`Simulator::set_streams`].
    #[must_use]
    pub fn streams(&self) -> Vec<StreamInfo> {
        let ids = self.pairs.iter().map(|pair| pair.own.id).chain(self.pairs.iter().map(|pair| pair.leader.id));
        let ids = ids.chain([self.chain.id, self.pool.id]);
        spec::STREAMS.iter().zip(ids).map(|(&(name, kinds), id)| StreamInfo { name, id, kinds }).collect()
    }

    /// The pairs and the streams that they bind.
    #[must_use]
    pub fn pairs(&self) -> [PairInfo; PAIR_COUNT] {
        std::array::from_fn(|number| {
            let spec = &spec::PAIRS[number];
            PairInfo {
                name: spec.name,
                own: spec::OWN + number,
                leader: spec::LEADER + number,
                typical_return: spec.typical_return,
                echo_weight: spec.echo_weight,
                tick: 1.0 / spec.per_tick,
                lot: 1.0 / spec.per_lot,
            }
        })
    }

    /// Sets the ids that records carry from now on, in the order of [`Simulator::streams`].
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` when there are not [`STREAM_COUNT`] of them, or one is 0 or comes twice; nothing is set then.
    pub fn set_streams(&mut self, ids: &[u32]) -> Result<()> {
        let twice = |at: usize| ids[..at].contains(&ids[at]);
        if ids.len() != STREAM_COUNT || ids.contains(&0) || (0..ids.len()).any(twice) {
            let text = format!("the simulator needs {STREAM_COUNT} different stream ids above 0, in the order of its streams, and got {ids:?}");
            return Err(Error::new(Status::InvalidArgument, text));
        }
        for (number, pair) in self.pairs.iter_mut().enumerate() {
            (pair.own.id, pair.leader.id) = (ids[spec::OWN + number], ids[spec::LEADER + number]);
        }
        (self.chain.id, self.pool.id) = (ids[spec::CHAIN], ids[spec::POOL]);
        Ok(())
    }

    /// Appends all events of the next step to `out`, `known_ns` strictly rising, and says what is true at its close.
    pub fn step(&mut self, out: &mut Vec<Slot>) -> Truth {
        let (open_ns, regime) = (self.close_ns, self.weather.advance());
        let climate = regime.climate();
        self.close_ns += STEP_NS;
        let common = Common::draw(&mut self.draw, climate);
        let batch = &mut self.batch;
        let pairs = self.pairs.each_mut().map(|pair| pair.step(open_ns, climate, &common, batch));
        if let Some(seen) = self.chain.step(open_ns, self.close_ns, climate, batch) {
            self.pool.block(&seen, open_ns, pairs[spec::POOL_PAIR].leader_mid, batch);
        }
        batch.flush(out);
        let step = self.steps;
        self.steps += 1;
        Truth { step, close_ns: self.close_ns, regime, pool_price: self.pool.price(), pairs }
    }
}

//! The pool: constant product, moved by passing swaps and by arbitrage against prices a block old.

use super::batch::{Batch, known_ns};
use super::chain::Seen;
use super::random::Draw;
use super::spec::POOL;
use crate::types::event::Pool as PoolRecord;

/// Fee in millionths.
const FEE: u32 = 500;
/// Raw units of token 0 (18 decimals) in one.
const UNIT0: f64 = 1e18;
/// Raw units of token 1 (6 decimals) in one.
const UNIT1: f64 = 1e6;
/// Token 0 in the pool at the start.
const DEPTH0: f64 = 5_000.0;
/// Blocks after which the state is written again though nothing changed.
const REPEAT_BLOCKS: u32 = 15;

/// Reserves of the pool, raw: token 0 is the pair's base, token 1 its quote.
pub(super) struct Pool {
    /// Id written into the records.
    pub(super) id: u32,
    draw: Draw,
    reserve0: u128,
    reserve1: u128,
    market: f64,
    seq: u64,
    still: u32,
}

impl Pool {
    /// A pool that agrees with the market.
    pub(super) fn new(price: f64, draw: Draw) -> Pool {
        let (reserve0, reserve1) = ((DEPTH0 * UNIT0) as u128, (DEPTH0 * price * UNIT1) as u128);
        Pool { id: POOL as u32 + 1, draw, reserve0, reserve1, market: price, seq: 0, still: REPEAT_BLOCKS }
    }

    /// A block is known: swaps happened in it, and whoever arbitrages saw the market at the block before.
    pub(super) fn block(&mut self, seen: &Seen, open_ns: i64, market: f64, batch: &mut Batch) {
        let before = (self.reserve0, self.reserve1);
        if self.draw.chance(0.4) {
            self.passing_swap();
        }
        self.arbitrage(self.market);
        self.market = market;
        self.still += 1;
        if before != (self.reserve0, self.reserve1) || self.still > REPEAT_BLOCKS {
            self.still = 0;
            let micros = seen.micros + 1_000 + self.draw.below(9_000);
            self.write(known_ns(open_ns, micros, POOL), seen.event_ns, batch);
        }
    }

    /// Price of token 0 in token 1, whole units.
    pub(super) fn price(&self) -> f64 {
        (self.reserve1 as f64 / UNIT1) / (self.reserve0 as f64 / UNIT0)
    }

    fn passing_swap(&mut self) {
        let size = 0.8 * self.draw.exponential();
        if self.draw.chance(0.5) { self.give0((size * UNIT0) as u128) } else { self.give1((size * self.price() * UNIT1) as u128) }
    }

    /// Trades the price back to the edge of the band in which the fee eats the gain.
    fn arbitrage(&mut self, market: f64) {
        let keep = 1.0 - f64::from(FEE) / 1e6;
        let product = self.reserve0 as f64 * self.reserve1 as f64;
        let raw = UNIT1 / UNIT0;
        if self.price() < market * keep {
            let goal = (product * market * keep * raw).sqrt();
            self.give1(((goal - self.reserve1 as f64) / keep).max(0.0) as u128);
        } else if self.price() * keep > market {
            let goal = (product / (market / keep * raw)).sqrt();
            self.give0(((goal - self.reserve0 as f64) / keep).max(0.0) as u128);
        }
    }

    /// Token 0 goes in, token 1 comes out; the fee stays in the pool.
    fn give0(&mut self, amount: u128) {
        self.reserve1 -= taken(amount, self.reserve0, self.reserve1);
        self.reserve0 += amount;
    }

    /// Token 1 goes in, token 0 comes out; the fee stays in the pool.
    fn give1(&mut self, amount: u128) {
        self.reserve0 -= taken(amount, self.reserve1, self.reserve0);
        self.reserve1 += amount;
    }

    fn write(&mut self, known: i64, event_ns: i64, batch: &mut Batch) {
        let mut pool = PoolRecord::of(self.id, known);
        self.seq += 1;
        (pool.head.event_ns, pool.head.seq) = (event_ns, self.seq);
        (pool.model, pool.decimals0, pool.decimals1, pool.fee) = (1, 18, 6, FEE);
        // Below 2^96 here, so a conversion by way of f64 costs the last bits only.
        let root = ((self.reserve1 as f64 / self.reserve0 as f64).sqrt() * 2f64.powi(96)) as u128;
        let [low, high] = limbs(root);
        pool.sqrt_price_x96 = [low, high, 0, 0];
        pool.liquidity = limbs((self.reserve0 * self.reserve1).isqrt());
        (pool.reserve0, pool.reserve1) = (limbs(self.reserve0), limbs(self.reserve1));
        batch.push(known, &pool);
    }
}

/// What comes out for `amount`, the product of the reserves kept.
fn taken(amount: u128, into: u128, from: u128) -> u128 {
    let counted = amount * u128::from(1_000_000 - FEE) / 1_000_000;
    from * counted / (into + counted)
}

/// 128 bits as two limbs, the least first.
fn limbs(value: u128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

//! The chain: blocks with a base fee after EIP-1559, and estimates of the gas price.

use super::batch::{Batch, known_ns};
use super::random::Draw;
use super::regime::Climate;
use super::spec::CHAIN;
use crate::types::event::{Block, Gas};

/// Time from block to block, ns.
const BLOCK_NS: i64 = 2_000_000_000;
/// Gas limit of a block; the target is half of it.
const GAS_LIMIT: u64 = 30_000_000;
/// Base fee at the start and where demand is ordinary, wei.
const USUAL_FEE: u64 = 20_000_000_000;
/// Smallest base fee, wei.
const LEAST_FEE: u64 = 7;
/// Mean gas of a transaction.
const TRANSACTION_GAS: u64 = 110_000;

/// A block that became known in a step.
pub(super) struct Seen {
    /// Its microsecond in the step.
    pub(super) micros: u32,
    /// Its timestamp, ns.
    pub(super) event_ns: i64,
}

/// The chain's head.
pub(super) struct Chain {
    /// Id written into the records.
    pub(super) id: u32,
    draw: Draw,
    number: u64,
    base_fee: u64,
    next_ns: i64,
    next_known_ns: i64,
    gas_seq: u64,
}

impl Chain {
    /// The chain at the start of the run; its first block has the first multiple of two seconds after it.
    pub(super) fn new(start_ns: i64, draw: Draw) -> Chain {
        let next_ns = (start_ns.div_euclid(BLOCK_NS) + 1) * BLOCK_NS;
        Chain { id: CHAIN as u32 + 1, draw, number: 19_000_000, base_fee: USUAL_FEE, next_ns, next_known_ns: next_ns + 300_000_000, gas_seq: 0 }
    }

    /// Writes the step's block and gas price, if it has them.
    pub(super) fn step(&mut self, open_ns: i64, close_ns: i64, climate: &Climate, batch: &mut Batch) -> Option<Seen> {
        if self.next_known_ns > close_ns {
            if self.draw.chance(0.1) {
                let micros = 1 + self.draw.below(99_999);
                self.gas(open_ns, micros, batch);
            }
            return None;
        }
        // The end of the step is left to those who react to the block.
        let micros = ((self.next_known_ns - open_ns) / 1_000).clamp(1, 90_000) as u32;
        let event_ns = self.block(open_ns, micros, climate, batch);
        let soon = 1 + self.draw.below(900);
        self.gas(open_ns, micros + soon, batch);
        Some(Seen { micros, event_ns })
    }

    /// Writes the next block and makes the fee of the one after. Answers its timestamp.
    fn block(&mut self, open_ns: i64, micros: u32, climate: &Climate, batch: &mut Batch) -> i64 {
        let known = known_ns(open_ns, micros, CHAIN);
        let mut block = Block::of(self.id, known);
        self.number += 1;
        (block.head.event_ns, block.head.seq) = (self.next_ns, self.number);
        (block.base_fee_wei, block.gas_limit, block.known) = (self.base_fee, GAS_LIMIT, 15);
        block.gas_used = self.gas_used(climate);
        block.transactions = (block.gas_used / TRANSACTION_GAS) as u32;
        batch.push(known, &block);
        self.base_fee = next_base_fee(self.base_fee, block.gas_used);
        self.next_ns += BLOCK_NS;
        self.next_known_ns = self.next_ns + 250_000_000 + (self.draw.exponential() * 100_000_000.0).min(1_200_000_000.0) as i64;
        block.head.event_ns
    }

    /// Demand rises with the market's activity and falls with the fee.
    fn gas_used(&mut self, climate: &Climate) -> u64 {
        let fee = libm::pow(USUAL_FEE as f64 / self.base_fee as f64, 0.6);
        let demand = 0.5 * (0.9 + 0.1 * climate.activity) * fee * libm::exp(0.4 * self.draw.normal());
        (GAS_LIMIT as f64 * demand.clamp(0.02, 1.0)) as u64
    }

    fn gas(&mut self, open_ns: i64, micros: u32, batch: &mut Batch) {
        let known = known_ns(open_ns, micros, CHAIN);
        let mut gas = Gas::of(self.id, known);
        self.gas_seq += 1;
        let late = 1_000_000 + i64::from(self.draw.below(4_000_000));
        (gas.head.event_ns, gas.head.seq) = ((known - late).max(0), self.gas_seq);
        gas.base_fee_wei = self.base_fee;
        gas.tip_wei = (1.5e9 * libm::exp(0.3 * self.draw.normal())) as u64;
        gas.price_wei = gas.base_fee_wei + gas.tip_wei;
        (gas.percentile, gas.known) = (5_000, 7);
        batch.push(known, &gas);
    }
}

/// The base fee after a block, by the rule of EIP-1559: at most an eighth up or down.
pub(super) fn next_base_fee(fee: u64, gas_used: u64) -> u64 {
    let target = GAS_LIMIT / 2;
    let change = u128::from(fee) * u128::from(gas_used.abs_diff(target)) / u128::from(target) / 8;
    let change = u64::try_from(change).unwrap_or(u64::MAX);
    if gas_used > target { fee.saturating_add(change.max(1)) } else { fee.saturating_sub(change).max(LEAST_FEE) }
}

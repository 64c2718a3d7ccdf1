//! An empty loop as long as a call: it computes and reads no memory, so its tail is what the machine adds to whatever runs that long.

use std::hint::black_box;
use std::time::Instant;

use foretick::Result;

/// Rounds that are timed to know how long one takes, and how often they are.
const ROUNDS: u64 = 20_000;
const TRIES: u32 = 5;
/// An odd number whose product with anything keeps all of its bits moving (Knuth's MMIX generator).
const FACTOR: u64 = 6_364_136_223_846_793_005;

/// A loop of some length.
pub struct Spin {
    rounds: u64,
}

impl Spin {
    /// One that takes about so many ns as the core runs now.
    pub fn new(ns: u64) -> Spin {
        let time = |_| {
            let start = Instant::now();
            spin(ROUNDS);
            start.elapsed().as_nanos() as f64
        };
        let fastest_ns = (0..TRIES).map(time).fold(f64::INFINITY, f64::min).max(1.0);
        Spin { rounds: (ns as f64 * ROUNDS as f64 / fastest_ns).round() as u64 }
    }

    /// The loop, as a call that never fails.
    pub fn run(&self) -> Result<()> {
        spin(self.rounds);
        Ok(())
    }
}

/// Each round waits for the one before.
fn spin(rounds: u64) {
    black_box((0..rounds).fold(black_box(1u64), |x, _| x.wrapping_mul(FACTOR).wrapping_add(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_one_has_more_rounds() {
        let rounds = |ns| Spin::new(ns).rounds;
        assert_eq!(rounds(0), 0);
        assert!((100..100_000_000).contains(&rounds(1_000_000)));
    }
}

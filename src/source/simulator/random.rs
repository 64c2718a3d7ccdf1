//! Random numbers of the simulator: seeded, the same on every run.

use rand::{RngExt, SeedableRng};
use rand_distr::{Exp1, StandardNormal};
use rand_pcg::Pcg64;

/// One stream of random numbers. Every part of the market has its own, so that parts do not disturb each other.
pub(super) struct Draw(Pcg64);

impl Draw {
    /// The stream `part` of a seed.
    pub(super) fn new(seed: u64, part: u64) -> Draw {
        // The odd factor spreads neighbouring seeds apart, so that seed 1 part 2 is not seed 2 part 1.
        Draw(Pcg64::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(part)))
    }

    /// Uniform in [0, 1).
    pub(super) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// Normal, mean 0, deviation 1.
    pub(super) fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    /// Exponential, mean 1.
    pub(super) fn exponential(&mut self) -> f64 {
        self.0.sample(Exp1)
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// -1 or 1.
    pub(super) fn sign(&mut self) -> f64 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Uniform in 0..n; 0 for n = 0.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// Poisson with that mean, at most `most`: how many exponential gaps fit into `mean`.
    pub(super) fn poisson(&mut self, mean: f64, most: u32) -> u32 {
        let mut count = 0;
        let mut at = self.exponential();
        while at < mean && count < most {
            count += 1;
            at += self.exponential();
        }
        count
    }
}

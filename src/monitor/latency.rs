//! Latency histograms with one writer and any readers: one add a record, no lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Four buckets an octave: every quantile is exact to 19 %.
const BUCKETS: usize = 4 * 33;

/// A histogram of nanoseconds. One thread records at a time; others may read.
#[derive(Debug)]
pub struct Histogram {
    counts: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: Box::new([const { AtomicU64::new(0) }; BUCKETS]), sum: AtomicU64::new(0) }
    }
}

/// A single writer may add with a load and a store: no locked instruction.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

fn bucket(ns: u32) -> usize {
    let ns = ns.max(4);
    let octave = 31 - ns.leading_zeros() as usize;
    4 * octave + (ns >> (octave - 2) & 3) as usize
}

/// Least value of a bucket; what is below 4 ns counts as 4.
fn floor(bucket: usize) -> u64 {
    (4 + bucket as u64 % 4) << (bucket / 4).saturating_sub(2)
}

impl Histogram {
    /// Records one duration.
    pub fn record(&self, ns: u32) {
        bump(&self.counts[bucket(ns)], 1);
        bump(&self.sum, u64::from(ns));
    }

    /// Records so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Sum of all records, ns.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// Records of at most `ns`, for a power of two.
    #[must_use]
    pub fn count_below(&self, ns: u64) -> u64 {
        self.counts.iter().enumerate().filter(|(index, _)| floor(*index) < ns).map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_ascend_and_hold_their_values() {
        let mut last = 0;
        for ns in (0..2_000u32).chain([1 << 20, u32::MAX - 1, u32::MAX]) {
            let at = bucket(ns);
            assert!(at >= last && at < BUCKETS, "{ns}");
            assert!(floor(at) <= u64::from(ns).max(4), "{ns}");
            assert!(at + 1 == BUCKETS || floor(at + 1) > u64::from(ns), "{ns} {}", floor(at + 1));
            last = at;
        }
    }

    #[test]
    fn counts_below_a_power_of_two_are_exact() {
        let histogram = Histogram::default();
        for ns in 1..=1_000 {
            histogram.record(ns);
        }
        assert_eq!((histogram.count(), histogram.sum(), histogram.count_below(512)), (1_000, 500_500, 511));
    }
}

//! Durations of one kind of call.

use foretick::{Error, Result, Status};
use hdrhistogram::Histogram;

/// Longest duration that is told apart, ns.
const LONGEST_NS: u64 = 10_000_000_000;
/// Fewest calls from which a p99.9 is told.
const CALLS_FOR_P999: u64 = 20_000;

/// Durations, the empty loop's taken off.
#[derive(Clone)]
pub struct Times {
    histogram: Histogram<u64>,
    empty_ns: u64,
}

impl Times {
    /// `empty_ns` is what a timed call of nothing takes.
    pub fn new(empty_ns: u64) -> Result<Times> {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, 3).map_err(|error| Error::new(Status::Internal, error.to_string()))?;
        Ok(Times { histogram, empty_ns })
    }

    pub fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns.saturating_sub(self.empty_ns));
    }

    pub fn quantile(&self, quantile: f64) -> u64 {
        self.histogram.value_at_quantile(quantile)
    }

    pub fn p50(&self) -> u64 {
        self.quantile(0.5)
    }

    pub fn p99(&self) -> u64 {
        self.quantile(0.99)
    }

    /// Nothing where too few calls were made to say.
    pub fn p999(&self) -> Option<u64> {
        (self.calls() >= CALLS_FOR_P999).then(|| self.quantile(0.999))
    }

    pub fn max(&self) -> u64 {
        self.histogram.max()
    }

    pub fn calls(&self) -> u64 {
        self.histogram.len()
    }

    /// By the mean duration, one after another.
    pub fn calls_a_second(&self) -> f64 {
        1e9 / self.histogram.mean().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_loop_is_taken_off() {
        let mut times = Times::new(30).unwrap();
        [10, 130, 130, 1_030].into_iter().for_each(|ns| times.record(ns));
        assert_eq!((times.p50(), times.max(), times.calls(), times.p999()), (100, 1_000, 4, None));
    }
}

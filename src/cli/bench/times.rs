//! Durations of one kind of call.

use foretick::{Error, Result, Status};
use hdrhistogram::Histogram;

/// Longest duration that is told apart, ns.
const LONGEST_NS: u64 = 10_000_000_000;
/// Fewest calls from which a p99.9 is told.
const CALLS_FOR_P999: u64 = 20_000;

/// Bins of a tenfold longer duration.
const BINS_A_DECADE: f64 = 20.0;

/// What is told of durations, ours or those that a peer's own program has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub p50_ns: u64,
    pub p99_ns: u64,
    /// Nothing where too few calls were made to say.
    pub p999_ns: Option<u64>,
    pub max_ns: u64,
    pub calls: u64,
    /// By the mean duration, one call after another.
    pub calls_a_second: f64,
    /// Durations, and the share of calls that took about so long.
    pub shares: Vec<(f64, f64)>,
}

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

    /// What is told of the durations.
    pub fn figures(&self) -> Figures {
        let (times, calls) = (&self.histogram, self.histogram.len());
        Figures {
            p50_ns: times.value_at_quantile(0.5),
            p99_ns: times.value_at_quantile(0.99),
            p999_ns: (calls >= CALLS_FOR_P999).then(|| times.value_at_quantile(0.999)),
            max_ns: times.max(),
            calls,
            calls_a_second: (1e9 / times.mean().max(1.0)).round(),
            shares: self.shares(),
        }
    }

    /// Durations and the share of calls that took about so long, in bins that are alike on a log scale.
    fn shares(&self) -> Vec<(f64, f64)> {
        let step = 10f64.powf(1.0 / BINS_A_DECADE);
        let mut shares: Vec<(f64, f64)> = Vec::new();
        for recorded in self.histogram.iter_recorded() {
            let bin = (recorded.value_iterated_to().max(1) as f64).log(step).floor();
            let share = recorded.count_since_last_iteration() as f64 / self.histogram.len() as f64;
            match shares.last_mut() {
                Some((last, sum)) if *last == bin => *sum += share,
                _ => shares.push((bin, share)),
            }
        }
        shares.into_iter().map(|(bin, share)| (step.powf(bin + 0.5).round(), share)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_loop_is_taken_off() {
        let mut times = Times::new(30).unwrap();
        [10, 130, 130, 1_030].into_iter().for_each(|ns| times.record(ns));
        let figures = times.figures();
        assert_eq!((figures.p50_ns, figures.max_ns, figures.calls, figures.p999_ns), (100, 1_000, 4, None));
    }

    #[test]
    fn shares_add_up_to_one() {
        let mut times = Times::new(0).unwrap();
        (1..=20_000).for_each(|ns| times.record(ns));
        let Figures { shares, p999_ns, .. } = times.figures();
        assert!((shares.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(shares.len() > 50 && shares.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(p999_ns.is_some_and(|ns| (19_900..20_100).contains(&ns)));
    }
}

//! Durations of single calls, and the keys of a run of `foretick bench --json`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;

const BINS_A_DECADE: f64 = 20.0;
/// Calls before the first that is timed.
const WARM_CALLS: usize = 20;

/// How many calls are made, or for how long.
pub struct Budget {
    calls: usize,
    time: Duration,
}

impl Budget {
    pub fn new(quick: bool) -> Budget {
        if quick { Budget { calls: 500, time: Duration::from_secs(1) } } else { Budget { calls: 20_000, time: Duration::from_secs(10) } }
    }

    /// Durations of calls with the numbers below `inputs` in turn, ns.
    pub fn taken(&self, inputs: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<Vec<u64>> {
        (0..WARM_CALLS).try_for_each(|number| call(number % inputs))?;
        let (mut taken, began) = (Vec::with_capacity(self.calls), Instant::now());
        while taken.len() < self.calls && began.elapsed() < self.time {
            let start = Instant::now();
            call(taken.len() % inputs)?;
            taken.push(start.elapsed().as_nanos() as u64);
        }
        Ok(taken)
    }
}

/// What a timed call of nothing takes.
pub fn empty_ns() -> u64 {
    let mut taken: Vec<u64> = (0..20_000).map(|_| Instant::now().elapsed().as_nanos() as u64).collect();
    taken.sort_unstable();
    taken[taken.len() / 2]
}

pub fn figures(taken: Vec<u64>, empty_ns: u64) -> Value {
    let mut taken: Vec<u64> = taken.into_iter().map(|ns| ns.saturating_sub(empty_ns).max(1)).collect();
    taken.sort_unstable();
    let at = |share: f64| taken[((taken.len() - 1) as f64 * share).ceil() as usize];
    let mean = taken.iter().sum::<u64>() as f64 / taken.len() as f64;
    let mut shares: Vec<(i64, usize)> = Vec::new();
    for ns in &taken {
        let bin = ((*ns as f64).log10() * BINS_A_DECADE).floor() as i64;
        match shares.last_mut() {
            Some((last, count)) if *last == bin => *count += 1,
            _ => shares.push((bin, 1)),
        }
    }
    let middle = |bin: i64| 10.0_f64.powf((bin as f64 + 0.5) / BINS_A_DECADE);
    let shares: Vec<(f64, f64)> = shares.into_iter().map(|(bin, count)| (middle(bin), count as f64 / taken.len() as f64)).collect();
    json!({
        "p50_ns": at(0.5), "p99_ns": at(0.99), "p999_ns": (taken.len() >= 20_000).then(|| at(0.999)), "max_ns": at(1.0),
        "calls": taken.len(), "calls_a_second": (1e9 / mean).round(), "shares": shares,
    })
}

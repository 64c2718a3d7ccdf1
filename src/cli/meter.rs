//! Latencies of the demo's calls, and its running display.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// p50, p99, p99.9 and the largest, ns, of one kind of call.
#[derive(Clone, Copy, Debug)]
pub struct Quantiles {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
    pub calls: u64,
}

/// Durations of one kind of call.
pub struct Meter(Histogram<u64>);

/// Longest duration that is told apart, ns.
const LONGEST_NS: u64 = 10_000_000_000;

impl Meter {
    pub fn new() -> Option<Meter> {
        Histogram::new_with_bounds(1, LONGEST_NS, 3).ok().map(Meter)
    }

    pub fn record(&mut self, since: Instant) {
        self.0.saturating_record(since.elapsed().as_nanos() as u64);
    }

    pub fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Quantiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: self.0.max(), calls: self.0.len() }
    }
}

/// A line that is written again a few times a second; nothing when the output is no terminal.
pub struct Display {
    shown: bool,
    next: Instant,
    start: Instant,
}

impl Display {
    pub fn new(quiet: bool) -> Display {
        Display { shown: !quiet && std::io::stderr().is_terminal(), next: Instant::now(), start: Instant::now() }
    }

    /// Shows a line when it is time for one.
    pub fn show(&mut self, line: impl FnOnce(Duration) -> String) {
        let now = Instant::now();
        if self.shown && now >= self.next {
            self.next = now + Duration::from_millis(100);
            let mut terminal = std::io::stderr().lock();
            // A display that cannot be written is no reason to end the run.
            let _ = write!(terminal, "\r\x1b[2K{}", line(self.start.elapsed())).and_then(|()| terminal.flush());
        }
    }

    pub fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

//! The only source of time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::config::ClockSource;

/// Nanoseconds since the Unix epoch, UTC, by the system's clock; a date before 1970 reads 0.
#[must_use]
pub fn system_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A moment of the monotonic clock, for waits and for the pace of housekeeping; no decision looks at it.
#[must_use]
pub fn moment() -> Instant {
    Instant::now()
}

/// An engine's clock: wall time for decisions, monotonic time for latencies.
#[derive(Clone, Copy, Debug)]
pub struct Clock(ClockSource);

impl Clock {
    /// The clock that the configuration names.
    #[must_use]
    pub fn new(source: ClockSource) -> Clock {
        Clock(source)
    }

    /// Which clock it is.
    #[must_use]
    pub fn source(&self) -> ClockSource {
        self.0
    }

    /// The decision time: the host's when it gave one, else the clock's; `None` when the clock is the
    /// host's and the host gave none.
    #[must_use]
    pub fn decision_ns(&self, host_ns: i64) -> Option<i64> {
        match (host_ns, self.0) {
            (0, ClockSource::System) => Some(system_ns()),
            (0, ClockSource::Host) => None,
            (given, _) => Some(given),
        }
    }

    /// Starts a measurement; a host's clock measures nothing, so that replay reads no clock.
    #[must_use]
    pub fn start(&self) -> Timer {
        Timer((self.0 == ClockSource::System).then(Instant::now))
    }
}

/// A running measurement by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Timer(Option<Instant>);

impl Timer {
    /// Nanoseconds since the start, saturating; 0 by a host's clock.
    #[must_use]
    pub fn elapsed_ns(&self) -> u32 {
        self.0.map_or(0, |start| u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_clock_is_never_read() {
        let clock = Clock::new(ClockSource::Host);
        assert_eq!(clock.decision_ns(0), None);
        assert_eq!(clock.decision_ns(5), Some(5));
        assert_eq!(clock.start().elapsed_ns(), 0);
        assert!(Clock::new(ClockSource::System).decision_ns(0) > Some(1_600_000_000_000_000_000));
    }
}

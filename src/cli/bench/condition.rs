//! What surrounds a call: nothing, cold caches, a pause, or another thread that publishes.

use std::hint::black_box;
use std::time::Duration;

/// The four conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Hot,
    Cold,
    Idle,
    Swap,
}

impl Condition {
    pub const ALL: [Condition; 4] = [Condition::Hot, Condition::Cold, Condition::Idle, Condition::Swap];

    pub fn name(self) -> &'static str {
        match self {
            Condition::Hot => "hot",
            Condition::Cold => "cold",
            Condition::Idle => "idle",
            Condition::Swap => "swap",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Condition::Hot => "hot",
            Condition::Cold => "cold (caches swept before each call)",
            Condition::Idle => "after 10 ms idle",
            Condition::Swap => "while another thread publishes 10 times a second",
        }
    }

    /// Calls that are made of a case of which every `share`th is.
    pub fn calls(self, quick: bool, share: u64) -> u64 {
        let all = match (self, quick) {
            (Condition::Hot | Condition::Swap, false) => 100_000,
            (Condition::Cold, false) => 20_000,
            (Condition::Idle, false) => 2_000,
            (Condition::Hot | Condition::Swap, true) => 4_000,
            (Condition::Cold, true) => 400,
            (Condition::Idle, true) => 50,
        };
        (all / share).max(FEWEST)
    }

    /// Shortest run, so that publishes fall into it.
    pub fn least(self, quick: bool) -> Duration {
        match (self, quick) {
            (Condition::Swap, false) => Duration::from_secs(3),
            (Condition::Swap, true) => Duration::from_millis(300),
            _ => Duration::ZERO,
        }
    }

    /// Makes the surroundings of the next call.
    pub fn set(self, sweep: &Sweep) {
        match self {
            Condition::Cold => sweep.run(),
            Condition::Idle => std::thread::sleep(IDLE),
            Condition::Hot | Condition::Swap => {}
        }
    }
}

/// Fewest calls, of however slow a case.
const FEWEST: u64 = 50;
/// Pause before a call.
const IDLE: Duration = Duration::from_millis(10);
/// Pause between two publishes.
pub const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// Memory that is read to sweep everything else out of the first two caches.
pub struct Sweep(Vec<u64>);

/// Three times a large second cache.
const SWEEP_BYTES: usize = 6 << 20;
/// Words of a cache line.
const LINE: usize = 8;

impl Sweep {
    pub fn new() -> Sweep {
        Sweep((0..(SWEEP_BYTES / size_of::<u64>()) as u64).collect())
    }

    fn run(&self) {
        black_box(self.0.iter().step_by(LINE).fold(0u64, |sum, word| sum.wrapping_add(*word)));
    }
}

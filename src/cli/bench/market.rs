//! The simulated market as events of the one stream that is traded.

use foretick::ingest::gate;
use foretick::source::simulator::{STEP_NS, Simulator};
use foretick::types::Slot;

/// Seed of the market.
const SEED: u64 = 1;
/// Number of the traded stream among the simulator's, and its id until somebody sets others.
const OWN: usize = 0;

/// Events in the order in which they are known, without end.
pub struct Events {
    simulator: Simulator,
    slots: Vec<Slot>,
    at: usize,
    step: i64,
}

/// One event.
pub struct Event<'e> {
    pub slots: &'e [Slot],
    /// The step that it falls into has begun with it: it closes the one before.
    pub closes: bool,
    pub known_ns: i64,
}

impl Events {
    pub fn new() -> Events {
        Events { simulator: Simulator::new(SEED), slots: Vec::new(), at: 0, step: 0 }
    }

    /// The next event of the traded stream.
    pub fn next_event(&mut self) -> Event<'_> {
        let (at, len, known_ns) = self.find();
        // A step holds what is known up to its close, the close included.
        let step = (known_ns - 1).div_euclid(STEP_NS);
        let closes = step != std::mem::replace(&mut self.step, step);
        Event { slots: &self.slots[at..at + len], closes, known_ns }
    }

    fn find(&mut self) -> (usize, usize, i64) {
        loop {
            let Some(head) = self.slots.get(self.at..).and_then(gate::head) else {
                (self.at, _) = (0, self.slots.clear());
                self.simulator.step(&mut self.slots);
                continue;
            };
            let (at, len) = (self.at, usize::from(head.slots).max(1));
            self.at += len;
            if head.stream as usize == OWN + 1 {
                return (at, len, head.known_ns);
            }
        }
    }
}

//! The events of one step, put into one order.

use crate::types::Slot;
use crate::types::event::Record;

/// Microseconds of a step; an event's place in the step is one of 1..=`STEP_MICROS`.
pub(super) const STEP_MICROS: u32 = 100_000;

/// The `known_ns` of an event: its microsecond less the number of its stream in ns.
///
/// Two streams thus never share a `known_ns`, and stream 0 alone can hit the close exactly.
pub(super) fn known_ns(open_ns: i64, micros: u32, stream: usize) -> i64 {
    open_ns + 1_000 * i64::from(micros) - stream as i64
}

/// Records of a step as slots, in the order of making.
#[derive(Default)]
pub(super) struct Batch {
    slots: Vec<Slot>,
    order: Vec<(i64, usize, usize)>,
}

impl Batch {
    /// Adds a record that is known at `known_ns`.
    pub(super) fn push(&mut self, known_ns: i64, record: &impl Record) {
        let slots = record.slots();
        self.order.push((known_ns, self.slots.len(), slots.len()));
        self.slots.extend_from_slice(slots);
    }

    /// Appends everything to `out` in the order of `known_ns` and starts anew.
    pub(super) fn flush(&mut self, out: &mut Vec<Slot>) {
        self.order.sort_unstable();
        out.reserve(self.slots.len());
        for &(_, at, len) in &self.order {
            out.extend_from_slice(&self.slots[at..at + len]);
        }
        self.order.clear();
        self.slots.clear();
    }
}

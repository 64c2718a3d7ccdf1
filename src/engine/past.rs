//! What a track has been fed: nothing, history, or what was pushed.

use crate::ingest::order::StreamOrder;
use crate::types::event::EventHead;
use crate::types::state::{Pass, State};

/// How far a track's life has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// No event since it was opened or reset.
    #[default]
    Nothing,
    /// History alone.
    History,
    /// A pushed event, or an advance after history: history no longer reaches it.
    Live,
}

/// What a track has seen, with the order of its history: live tracks of the same streams have seen other events.
#[derive(Debug)]
pub struct Past {
    pub seen: Seen,
    /// By role.
    orders: Box<[StreamOrder]>,
    pub promised_ns: i64,
}

impl Past {
    /// Of a track with so many roles.
    pub fn new(roles: usize) -> Past {
        Past { seen: Seen::Nothing, orders: vec![StreamOrder::default(); roles].into(), promised_ns: i64::MIN }
    }

    /// The track may be opened to history again.
    pub fn forget(&mut self) {
        self.seen = Seen::Nothing;
        self.forget_order();
    }

    /// As a RESET of the whole lane does.
    pub fn forget_order(&mut self) {
        self.orders.fill(StreamOrder::default());
        self.promised_ns = i64::MIN;
    }

    /// Order of the history of one role.
    pub fn order(&self, role: usize) -> &StreamOrder {
        &self.orders[role]
    }

    /// Takes note of an event of history; `Err` holds the reason bit why it must not be applied.
    pub fn admit(&mut self, head: &EventHead, role: usize) -> Result<(), u64> {
        self.orders[role].admit(head, self.promised_ns)
    }

    /// Bytes on the heap.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.orders)
    }

    /// An advance of the lane: what was warmed is live.
    pub fn advance(&mut self) {
        if self.seen == Seen::History {
            self.seen = Seen::Live;
        }
    }
}

impl State for Seen {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let all = [Seen::Nothing, Seen::History, Seen::Live];
        let passed = pass.below(*self as usize, all.len());
        pass.set(self, all[passed]);
    }
}

impl State for Past {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Past { seen, orders, promised_ns } = self;
        pass.each([seen, orders, promised_ns]);
    }
}

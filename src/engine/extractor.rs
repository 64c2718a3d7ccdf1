//! Features without a model: streams in roles become rows, by the same code as in a track.

use std::sync::Arc;

use super::feed::{Feed, Row};
use crate::error::Result;
use crate::features::spec::Schema;
use crate::ingest::gate::{self, Refusal};
use crate::ingest::order::StreamOrder;
use crate::monitor::metrics::LaneCounters;
use crate::types::Slot;
use crate::types::event::EventRef;

/// Rows of one set of streams.
#[derive(Debug)]
pub struct Extractor {
    feed: Feed,
    orders: Vec<StreamOrder>,
    counters: LaneCounters,
    promised_ns: i64,
}

impl Extractor {
    /// An extractor of a schema; streams are given by role.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> Extractor {
        let orders = vec![StreamOrder::default(); schema.roles.len()];
        Extractor { feed: Feed::new(schema), orders, counters: LaneCounters::default(), promised_ns: i64::MIN }
    }

    /// Applies one event of a role; answers the reason bit when it was taken but not applied.
    /// `on_row` sees every row that closed, oldest first.
    ///
    /// # Errors
    /// Why the event was refused; nothing changed.
    pub fn push(&mut self, role: usize, event: &[Slot], on_row: &mut impl FnMut(Row<'_>)) -> Result<u64, Refusal> {
        let checked = gate::check(event)?;
        let head = gate::head(event).unwrap_or_default();
        if let (EventRef::Bar(bar), 0) = (checked, role)
            && self.orders[role].refuses(&head, self.promised_ns).is_none()
            && let Some(rule) = self.feed.refuses_bar(bar)
        {
            return Err(Refusal { status: crate::Status::Range, rule });
        }
        let mut on_step = |feed: &Feed| show(feed, on_row);
        let reason = match self.orders[role].admit(&head, self.promised_ns) {
            Ok(()) => self.feed.apply(&checked, &head, role, &self.counters, &mut on_step),
            Err(reason) => {
                self.feed.pass(head.known_ns, reason, &self.counters, &mut on_step);
                reason
            }
        };
        let counter = if reason == 0 { &self.counters.events } else { &self.counters.skipped };
        counter.add(1);
        Ok(reason)
    }

    /// An event was refused before it came here, but its time is known: the steps before it close.
    pub fn pass(&mut self, known_ns: i64, on_row: &mut impl FnMut(Row<'_>)) {
        let mut on_step = |feed: &Feed| show(feed, on_row);
        self.feed.pass(known_ns, 0, &self.counters, &mut on_step);
    }

    /// Promises that nothing known at `until_ns` or before will follow, and closes the steps up to it.
    pub fn advance(&mut self, until_ns: i64, on_row: &mut impl FnMut(Row<'_>)) {
        let mut on_step = |feed: &Feed| show(feed, on_row);
        self.promised_ns = self.promised_ns.max(until_ns);
        self.feed.advance(until_ns, &self.counters, &mut on_step);
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &LaneCounters {
        &self.counters
    }
}

/// Shows the row that a step has just given.
fn show(feed: &Feed, on_row: &mut impl FnMut(Row<'_>)) {
    if let Ok(row) = feed.row() {
        on_row(row);
    }
}

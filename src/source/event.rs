//! An event that owns its record.

use crate::types::event::{Bar, Book, EventHead, Quote, Record, Slot, Trade};
use crate::types::{EventRef, Kind};

/// One event read from a file. Its stream id is 0 until [`Event::set_stream`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A trade.
    Trade(Trade),
    /// A best bid and ask.
    Quote(Quote),
    /// A book; boxed, since its record is five times as long as the next.
    Book(Box<Book>),
    /// A candle.
    Bar(Bar),
}

impl Event {
    /// The head of the record.
    #[must_use]
    pub fn head(&self) -> &EventHead {
        match self {
            Event::Trade(record) => &record.head,
            Event::Quote(record) => &record.head,
            Event::Book(record) => &record.book.head,
            Event::Bar(record) => &record.head,
        }
    }

    fn head_mut(&mut self) -> &mut EventHead {
        match self {
            Event::Trade(record) => &mut record.head,
            Event::Quote(record) => &mut record.head,
            Event::Book(record) => &mut record.book.head,
            Event::Bar(record) => &mut record.head,
        }
    }

    /// Puts the engine's stream id into the head.
    pub fn set_stream(&mut self, stream: u32) {
        self.head_mut().stream = stream;
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Event::Trade(_) => Kind::Trade,
            Event::Quote(_) => Kind::Quote,
            Event::Book(_) => Kind::Book,
            Event::Bar(_) => Kind::Bar,
        }
    }

    /// When it was known, ns.
    #[must_use]
    pub fn known_ns(&self) -> i64 {
        self.head().known_ns
    }

    /// The record as the slots that are handed over.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        match self {
            Event::Trade(record) => record.slots(),
            Event::Quote(record) => record.slots(),
            Event::Book(record) => record.slots(),
            Event::Bar(record) => record.slots(),
        }
    }

    /// The event as a borrowed record.
    #[must_use]
    pub fn as_ref(&self) -> EventRef<'_> {
        match self {
            Event::Trade(record) => EventRef::Trade(record),
            Event::Quote(record) => EventRef::Quote(record),
            Event::Book(record) => {
                let rows = usize::from(record.book.rows).min(record.rows.len());
                EventRef::Book(&record.book, &record.rows[..rows])
            }
            Event::Bar(record) => EventRef::Bar(record),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_goes_into_every_head() {
        let events = [
            Event::Trade(Trade::of(0, 7)),
            Event::Quote(Quote::of(0, 7)),
            Event::Book(Box::new(Book::of(0, 7, &[(1.0, 2.0); 10], &[]))),
            Event::Bar(Bar::of(0, 7)),
        ];
        for (mut event, slots) in events.into_iter().zip([1, 1, 6, 2]) {
            event.set_stream(9);
            assert_eq!((event.head().stream, event.known_ns(), event.head().kind), (9, 7, event.kind() as u8));
            assert_eq!(event.slots().len(), slots);
        }
    }
}

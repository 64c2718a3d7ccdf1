//! Files into one sequence, with one row of each in hand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{BadRow, Item, bad_row};
use crate::error::Result;
use crate::source::csv::{Reader, Row};

/// Whose turn it is. The order of the fields, and of the turns, is the order of the merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    known_ns: i64,
    turn: Turn,
    stream: usize,
    file: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Row,
    /// After every row that was known by then.
    End,
}

/// One file and its row in hand.
struct Source {
    reader: Reader,
    stream: usize,
    row: Option<Row>,
    /// The time of the row in hand, else of the row before: a row without a time stays in its place.
    known_ns: i64,
}

/// What is left of a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    files: usize,
    newest_ns: Option<i64>,
}

pub(super) struct Merge {
    sources: Vec<Source>,
    rests: Vec<Rest>,
    /// Files whose row was given and that have none in hand.
    hungry: Vec<usize>,
    heap: BinaryHeap<Reverse<Key>>,
    /// File of the row that was given last.
    given: usize,
    bytes_read: Vec<Arc<AtomicU64>>,
}

impl Merge {
    /// A merge of readers, each with its stream, in the order of their files.
    pub(super) fn new(readers: Vec<(usize, Reader)>, streams: usize) -> Merge {
        let mut rests = vec![Rest::default(); streams];
        readers.iter().for_each(|(stream, _)| rests[*stream].files += 1);
        let bytes_read = readers.iter().map(|(_, reader)| reader.bytes_read()).collect();
        let hungry = (0..readers.len()).rev().collect();
        let sources = readers.into_iter().map(|(stream, reader)| Source { reader, stream, row: None, known_ns: i64::MIN }).collect();
        Merge { sources, rests, hungry, heap: BinaryHeap::new(), given: 0, bytes_read }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }

    /// The row that was given last, as a bad one: its file has not been read on yet.
    pub(super) fn blame(&self, reason: String) -> Option<BadRow> {
        let reader = &self.sources.get(self.given)?.reader;
        Some(bad_row(reader.path(), reader.line(), reason))
    }

    /// The next item. A file is read on only when its last row has gone out, so that an error takes
    /// no row with it.
    pub(super) fn next(&mut self) -> Result<Option<Item>> {
        while let Some(file) = self.hungry.pop() {
            self.feed(file)?;
        }
        while let Some(Reverse(key)) = self.heap.pop() {
            let item = match key.turn {
                Turn::End => Some(Item::End { stream: key.stream, last_known_ns: key.known_ns }),
                Turn::Row => self.take(key.file),
            };
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    fn feed(&mut self, file: usize) -> Result<()> {
        let source = &mut self.sources[file];
        let read = source.reader.next();
        match read {
            Ok(Some(row)) => {
                let known_ns = source.hold(row);
                let key = Key { known_ns: source.known_ns, turn: Turn::Row, stream: source.stream, file };
                let newest_ns = &mut self.rests[key.stream].newest_ns;
                *newest_ns = (*newest_ns).max(known_ns);
                self.heap.push(Reverse(key));
                Ok(())
            }
            ended => {
                let stream = source.stream;
                self.finish(stream, file);
                ended.map(|_| ())
            }
        }
    }

    /// A file has ended, or broken off; with the last of its files the stream ends.
    fn finish(&mut self, stream: usize, file: usize) {
        let rest = &mut self.rests[stream];
        rest.files -= 1;
        if let (0, Some(known_ns)) = (rest.files, rest.newest_ns) {
            self.heap.push(Reverse(Key { known_ns, turn: Turn::End, stream, file }));
        }
    }

    fn take(&mut self, file: usize) -> Option<Item> {
        let source = &mut self.sources[file];
        let stream = source.stream;
        let row = source.row.take()?;
        self.hungry.push(file);
        self.given = file;
        Some(match row {
            Row::Event(event) => Item::Event { stream, event },
            Row::Refused { known_ns, line, reason } => Item::Refused { stream, known_ns, row: bad_row(source.reader.path(), line, reason) },
        })
    }
}

impl Source {
    /// Takes a row in hand and answers its time.
    fn hold(&mut self, row: Row) -> Option<i64> {
        let known_ns = match &row {
            Row::Event(event) => Some(event.known_ns()),
            Row::Refused { known_ns, .. } => *known_ns,
        };
        self.known_ns = known_ns.unwrap_or(self.known_ns);
        self.row = Some(row);
        known_ns
    }
}

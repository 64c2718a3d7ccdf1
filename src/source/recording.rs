//! Recorded files as one sequence of events, merged by (`known_ns`, stream, file, row).
//!
//! One row a file is held, never a whole file. Streams are numbered by sorted name, files by sorted
//! path. Rows within a file are taken as written: times that go back are the lane's to count.

mod files;
mod merge;
mod open;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::source::Event;
use crate::types::Kind;
use merge::Merge;

/// What is read, and as what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Length of a candle, ns; without it each file's is the smallest difference of its first rows.
    pub interval_ns: Option<i64>,
    /// Length of candles that a schema samples; a file of other candles is refused.
    pub expected_interval_ns: Option<i64>,
    /// Names of the streams to read; empty is all.
    pub only: Vec<String>,
    /// The stream name of a single file, or of all files whose names give none.
    pub stream: Option<String>,
}

/// One stream of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// `venue:SYMBOL`.
    pub name: String,
    /// Kinds of its events, ascending, each once.
    pub kinds: Vec<Kind>,
    /// Takers' volumes are known: all its bars have them; without bars, it has trades.
    pub taker_known: bool,
    /// Its files, in the order of their paths.
    pub files: Vec<PathBuf>,
    /// Length of its bars, ns; `None` without bars, or where their files have no row.
    pub interval_ns: Option<i64>,
}

impl StreamInfo {
    /// Whether it gives events of a kind.
    #[must_use]
    pub fn gives(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// A row that cannot be used. Shown as `file:line: reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1, the header and blank lines counted.
    pub line: u64,
    /// Why.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.reason)
    }
}

/// What a recording gives, one after the other.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// An event; the stream in its head is 0.
    Event {
        /// Index in [`Recording::streams`].
        stream: usize,
        /// The event.
        event: Event,
    },
    /// A row that was not applied. Its time, where it could be read, still passed.
    Refused {
        /// Index in [`Recording::streams`].
        stream: usize,
        /// When it was known, ns.
        known_ns: Option<i64>,
        /// Where and why.
        row: BadRow,
    },
    /// Nothing of this stream follows. Comes once, after every item of any stream that was known by
    /// then and before any later one. A stream without a readable time has none.
    End {
        /// Index in [`Recording::streams`].
        stream: usize,
        /// The newest known time of its rows, refused ones included, ns.
        last_known_ns: i64,
    },
}

/// How far a recording has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes taken from the disk, as stored.
    pub bytes_read: u64,
    /// Bytes of all files, as stored.
    pub bytes_total: u64,
    /// Rows given, refused ones included.
    pub rows: u64,
}

/// Recorded files, opened and being merged.
pub struct Recording {
    streams: Vec<StreamInfo>,
    skipped: Vec<(PathBuf, String)>,
    bytes_total: u64,
    rows: u64,
    merge: Merge,
}

impl Recording {
    /// Opens files, and the `.csv` and `.csv.gz` files of folders (not of folders within them).
    ///
    /// # Errors
    /// A missing path, a file without header or of an unknown schema, a stream without a name, a
    /// name that no file has, candles of unknown or of several lengths in a stream, or nothing to
    /// read. All that is wrong is in the text.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Recording> {
        open::open(paths, options)
    }

    /// The streams, sorted by name.
    #[must_use]
    pub fn streams(&self) -> &[StreamInfo] {
        &self.streams
    }

    /// Files that are not read, each with the reason.
    #[must_use]
    pub fn skipped(&self) -> &[(PathBuf, String)] {
        &self.skipped
    }

    /// The next item, `None` after the last.
    ///
    /// # Errors
    /// A file that breaks off, with its name and the last whole line. The call after goes on with
    /// the other files; what was left of the broken one is lost.
    #[allow(clippy::should_implement_trait, reason = "fallible, and a broken file does not end the sequence")]
    pub fn next(&mut self) -> Result<Option<Item>> {
        let item = self.merge.next()?;
        self.rows += u64::from(matches!(item, Some(Item::Event { .. } | Item::Refused { .. })));
        Ok(item)
    }

    /// The row of the event that was given last, as a bad one: for a consumer that does not take it.
    #[must_use]
    pub fn blame(&self, reason: String) -> Option<BadRow> {
        self.merge.blame(reason)
    }

    /// How far it has been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { bytes_read: self.merge.bytes_read(), bytes_total: self.bytes_total, rows: self.rows }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("streams", &self.streams).field("skipped", &self.skipped).finish_non_exhaustive()
    }
}

fn bad_row(file: &Path, line: u64, reason: String) -> BadRow {
    BadRow { file: file.to_owned(), line, reason }
}

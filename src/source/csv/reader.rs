//! One file, row by row: an event, or a row refused with its line and reason.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use csv::ByteRecord;

use super::cells::{Cells, Checked};
use super::header::{Header, Layout};
use super::lines::Lines;
use super::split::split;
use crate::error::{Error, Result, Status};
use crate::source::Event;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How much of an unknown header is shown.
const SHOWN: usize = 200;

/// A file whose header has been read.
pub(in crate::source) struct Opened {
    lines: Lines,
    columns: ByteRecord,
    header: Header,
}

/// The rows of a file with a known schema.
pub(in crate::source) struct Reader {
    lines: Lines,
    columns: ByteRecord,
    record: ByteRecord,
    layout: Layout,
    /// Length of a candle; 0 for rows of an instant.
    interval_ns: i64,
    /// Where in the interval the candles of this file open; from the first that was good.
    phase_ns: Option<i64>,
}

/// One row of a file.
#[derive(Debug, PartialEq)]
pub(in crate::source) enum Row {
    Event(Event),
    /// A row that cannot be used; `known_ns` where it could still be read.
    Refused {
        known_ns: Option<i64>,
        line: u64,
        reason: String,
    },
}

impl Opened {
    /// Opens a file and reads its header line.
    pub(in crate::source) fn open(path: &Path) -> Result<Opened> {
        let mut lines = Lines::open(path)?;
        if !lines.advance()? {
            return Err(Error::new(Status::Corrupt, format!("{}: the file is empty, it has not even a header line", path.display())));
        }
        let columns = columns(lines.text());
        let line = joined(&columns);
        let header = Header::of(&line).ok_or_else(|| unknown(path, &line))?;
        Ok(Opened { lines, columns, header })
    }

    pub(in crate::source) fn header(&self) -> Header {
        self.header
    }

    /// The rows that follow; candles need an interval.
    pub(in crate::source) fn rows(self, layout: Layout, interval_ns: Option<i64>) -> Reader {
        let interval_ns = if layout.has_interval() { interval_ns.unwrap_or(0) } else { 0 };
        Reader { lines: self.lines, columns: self.columns, record: ByteRecord::new(), layout, interval_ns, phase_ns: None }
    }
}

fn columns(line: &[u8]) -> ByteRecord {
    let mut columns = ByteRecord::new();
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    // Broken quotes leave a header that is unknown, which is what will be said of it.
    split(line, &mut columns).unwrap_or_default();
    columns
}

fn joined(columns: &ByteRecord) -> String {
    columns.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

fn unknown(path: &Path, line: &str) -> Error {
    let shown: String = line.chars().take(SHOWN).flat_map(char::escape_default).collect();
    let text = format!("{}: the header \"{shown}\" is of no known schema; known are\n    {}", path.display(), Header::known());
    Error::new(Status::Unsupported, text)
}

impl Reader {
    /// The next row, `None` at the end; an error where the file itself breaks.
    pub(in crate::source) fn next(&mut self) -> Result<Option<Row>> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        let whole = split(self.lines.text(), &mut self.record);
        let cells = Cells { header: &self.columns, record: &self.record };
        // The time comes first: that of a refused row still closes steps.
        let times = self.times(cells);
        let known_ns = times.as_ref().ok().map(|times| times.known_ns);
        let event = whole.map_err(str::to_owned).and_then(|()| self.event(cells, times));
        Ok(Some(match event {
            Ok((event, phase_ns)) => {
                self.phase_ns = Some(phase_ns);
                Row::Event(event)
            }
            Err(reason) => Row::Refused { known_ns, line: self.lines.number(), reason },
        }))
    }

    pub(in crate::source) fn path(&self) -> &Path {
        self.lines.path()
    }

    /// Number of the line that was read last.
    pub(in crate::source) fn line(&self) -> u64 {
        self.lines.number()
    }

    /// Bytes taken from the disk so far.
    pub(in crate::source) fn bytes_read(&self) -> Arc<AtomicU64> {
        self.lines.bytes_read()
    }

    fn times(&self, cells: Cells<'_>) -> Checked<Times> {
        let start_ns = self.layout.time_ns(cells)?;
        let known_ns = start_ns.checked_add(self.interval_ns).ok_or_else(|| cells.fault(0, "is out of range"))?;
        Ok(Times { start_ns, known_ns })
    }

    fn event(&self, cells: Cells<'_>, times: Checked<Times>) -> Checked<(Event, i64)> {
        self.check_columns(cells)?;
        let times = times?;
        let phase_ns = self.phase(cells, times.start_ns)?;
        Ok((self.layout.event(cells, times.known_ns, self.interval_ns)?, phase_ns))
    }

    fn check_columns(&self, cells: Cells<'_>) -> Checked<()> {
        let (found, expected) = (cells.record.len(), self.columns.len());
        if found == expected { Ok(()) } else { Err(format!("{found} columns where the header has {expected}")) }
    }

    /// A candle opens a whole number of intervals after the first.
    fn phase(&self, cells: Cells<'_>, start_ns: i64) -> Checked<i64> {
        if !self.layout.has_interval() {
            return Ok(0);
        }
        match start_ns.checked_rem_euclid(self.interval_ns) {
            Some(phase) if self.phase_ns.is_none_or(|first| first == phase) => Ok(phase),
            _ => Err(cells.fault(0, &format!("is no multiple of the interval, {} ms, after the rows before", self.interval_ns / 1_000_000))),
        }
    }
}

/// When a row begins and when it is known, ns.
struct Times {
    start_ns: i64,
    known_ns: i64,
}

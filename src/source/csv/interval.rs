//! The interval of a file of candles, from its first rows.

use std::path::Path;

use csv::ByteRecord;

use super::cells::Cells;
use super::lines::Lines;
use super::split::split;
use crate::error::{Error, Result, Status};

/// Rows that are looked at.
const ROWS: usize = 100;

/// The smallest difference of the opening times of the first rows, ns; `None` for a file without
/// rows. The file is opened anew, so that its reader needs no way back.
pub(in crate::source) fn of_file(path: &Path) -> Result<Option<i64>> {
    let times = first_times(path)?;
    let smallest = times.windows(2).filter_map(|pair| pair[1].checked_sub(pair[0])).filter(|difference| *difference > 0).min();
    match smallest {
        None if !times.is_empty() => Err(unknown(path)),
        found => Ok(found),
    }
}

/// Opening times that can be read; where the file breaks, its reader will say so.
fn first_times(path: &Path) -> Result<Vec<i64>> {
    let mut lines = Lines::open(path)?;
    let (header, mut record) = (ByteRecord::new(), ByteRecord::new());
    let mut times = Vec::new();
    lines.advance()?;
    for _ in 0..ROWS {
        if !lines.advance().unwrap_or(false) {
            break;
        }
        // A row with a broken quote may still have its time.
        split(lines.text(), &mut record).unwrap_or_default();
        times.extend(Cells { header: &header, record: &record }.ms(0));
    }
    Ok(times)
}

fn unknown(path: &Path) -> Error {
    let text = format!("{}: the interval of its candles cannot be told from its rows; give --interval-ms", path.display());
    Error::new(Status::InvalidArgument, text)
}

//! Numbers out of the cells of a row, or the reason why not.

use csv::ByteRecord;

const NS_PER_MS: i64 = 1_000_000;
/// How much of a cell goes into a reason.
const SHOWN: usize = 40;

/// A value, or the reason for which its row is refused.
pub(super) type Checked<T> = Result<T, String>;

/// One row and the header that names its columns.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) header: &'a ByteRecord,
    pub(super) record: &'a ByteRecord,
}

impl<'a> Cells<'a> {
    pub(super) fn text(self, column: usize) -> &'a [u8] {
        self.record.get(column).unwrap_or_default()
    }

    /// The reason that names a column and quotes its cell.
    pub(super) fn fault(self, column: usize, what: &str) -> String {
        let cell = self.text(column);
        let shown = String::from_utf8_lossy(&cell[..cell.len().min(SHOWN)]);
        format!("{} \"{}\" {what}", self.name(column), shown.escape_default())
    }

    fn name(self, column: usize) -> String {
        String::from_utf8_lossy(self.header.get(column).unwrap_or_default()).into_owned()
    }

    /// A finite number; `f64`'s parser takes "NaN" and "inf" and makes 1e400 infinite.
    pub(super) fn number(self, column: usize) -> Checked<f64> {
        let number: f64 = self.parsed(column).ok_or_else(|| self.fault(column, "is no number"))?;
        if number.is_finite() { Ok(number) } else { Err(self.fault(column, "is not finite")) }
    }

    pub(super) fn above_zero(self, column: usize) -> Checked<f64> {
        let number = self.number(column)?;
        if number > 0.0 { Ok(number) } else { Err(self.fault(column, "is not above 0")) }
    }

    pub(super) fn not_negative(self, column: usize) -> Checked<f64> {
        let number = self.number(column)?;
        // Adding 0 makes -0 a plain 0.
        if number >= 0.0 { Ok(number + 0.0) } else { Err(self.fault(column, "is below 0")) }
    }

    pub(super) fn count(self, column: usize) -> Checked<u64> {
        self.parsed(column).ok_or_else(|| self.fault(column, "is no whole number"))
    }

    /// An id of the source; an empty cell is 0, none.
    pub(super) fn id(self, column: usize) -> Checked<u64> {
        if self.text(column).is_empty() { Ok(0) } else { self.count(column) }
    }

    pub(super) fn ns(self, column: usize) -> Checked<i64> {
        let time: i64 = self.parsed(column).ok_or_else(|| self.fault(column, "is no whole number"))?;
        if time >= 0 { Ok(time) } else { Err(self.fault(column, "is before 1970")) }
    }

    pub(super) fn ms(self, column: usize) -> Checked<i64> {
        self.ns(column)?.checked_mul(NS_PER_MS).ok_or_else(|| self.fault(column, "is out of range"))
    }

    /// A time of the source in ns; an empty cell is 0, unknown.
    pub(super) fn ms_if_there(self, column: usize) -> Checked<i64> {
        if self.text(column).is_empty() { Ok(0) } else { self.ms(column) }
    }

    /// Price and size of a level; both cells empty, or both 0, is a side that is absent.
    pub(super) fn level(self, price: usize, size: usize) -> Checked<Option<(f64, f64)>> {
        if self.is_void(price) && self.is_void(size) {
            return Ok(None);
        }
        Ok(Some((self.above_zero(price)?, self.above_zero(size)?)))
    }

    fn is_void(self, column: usize) -> bool {
        self.text(column).is_empty() || self.parsed::<f64>(column) == Some(0.0)
    }

    fn parsed<T: std::str::FromStr>(self, column: usize) -> Option<T> {
        std::str::from_utf8(self.text(column)).ok()?.parse().ok()
    }
}

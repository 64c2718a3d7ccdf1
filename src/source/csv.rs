//! Rows of one CSV file as events. The header line decides the schema; a schema is a file here.
//!
//! Lines are taken physically, so that every row has its true line number (the `csv` crate is one
//! low after a blank line) and an open quote spoils one row, not the rest of the file.

mod bars;
mod books;
mod cells;
mod header;
mod interval;
mod lines;
mod quotes;
mod reader;
mod split;
#[cfg(test)]
mod tests;
mod trades;

pub(super) use header::{Header, Layout};
pub(super) use interval::of_file as interval_of_file;
pub(super) use reader::{Opened, Reader, Row};

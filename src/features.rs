//! Third stage: a closed step becomes a row of features, by a schema that is data.

#[cfg(test)]
mod batch;
pub mod catalog;
pub mod history;
pub mod narrow;
pub mod ops;
pub mod read;
pub mod recent;
pub mod row;
pub mod scale;
pub mod shared;
pub mod spec;
pub mod sums;

//! Third stage: a closed step becomes a row of features, by a schema that is data.

pub mod catalog;
pub mod history;
pub mod ops;
pub mod read;
pub mod row;
pub mod scale;
pub mod spec;

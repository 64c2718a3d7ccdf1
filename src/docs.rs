//! Long documents, one a file.

pub mod performance;

//! First stage: events are checked before anything reads them.

pub mod book;
pub mod gate;
pub mod order;

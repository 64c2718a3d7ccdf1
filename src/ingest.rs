//! First stage: events are checked before anything reads them, and handed from their producer to a lane.

pub mod book;
mod cells;
pub mod gate;
pub mod link;
#[cfg(all(test, loom))]
mod loom_models;
mod mailbox;
pub mod order;
pub mod ring;

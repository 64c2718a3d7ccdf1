//! Where events come from when no host pushes them: recorded files and a simulated market.
//!
//! [`Recording`] opens plain or gzip CSV files, names their streams, and gives their rows merged in
//! the order of `known_ns`. A row that cannot be used is given as such, with its file and line.

mod csv;
mod event;
mod names;
mod recording;
pub mod simulator;

pub use event::Event;
pub use recording::{BadRow, Item, Options, Progress, Recording, StreamInfo};

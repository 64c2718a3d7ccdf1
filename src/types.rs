//! The nouns that every stage shares: events, the prediction record, reason bits, steps.
//!
//! Events and the prediction head are frozen bytes (little endian, natural alignment, no padding);
//! a change is a new kind or a detail record, never an edit.

pub mod amount;
pub mod event;
pub mod flow;
pub mod prediction;
pub mod probability;
pub mod state;
pub mod step;

pub use event::{EventRef, Kind, Slot};
pub use flow::Flow;
pub use prediction::{Action, Phase, Prediction, reason};
pub use step::Step;

/// Longest name of an output, model or feature, in bytes: a C reader has room for 32 with its NUL.
pub const NAME_MAX: usize = 31;

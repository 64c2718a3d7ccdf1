//! foretick: market events in, a decision or an abstention with its reasons out, in the bot's own process.
//!
//! Modules stand in the order in which data flows; a stage imports only what stands above it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

pub mod error;
pub mod config;
pub mod clock;
pub mod cpu;
pub mod sync;
pub mod types;
#[cfg(feature = "source")]
pub mod source;
pub mod ingest;
pub mod window;
pub mod features;
pub mod model;
pub mod ensemble;
pub mod decision;
pub mod monitor;
pub mod engine;
pub mod ffi;
pub mod docs;

pub use error::{Error, Result, Status};

/// The README's example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Scenarios of a whole engine by its Rust interface: events in, decisions and their reasons out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod ahead;
mod caller_rows;
mod context;
mod data;
mod decisions;
mod ensemble;
mod input;
mod limits;
mod links;
mod opportunity;
mod order;
mod recovery;
mod scorer;
mod sets;
mod snapshot;
mod stacking;
mod stateful;
mod steps;
mod switches;
mod workers;
mod warm;

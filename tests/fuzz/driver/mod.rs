//! What the fuzz targets of `fuzz/` and the short form in `tests/fuzz/main.rs` share: one input, one run, a panic on a finding.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a target uses a part of it, and a finding is a panic")]

mod args;
#[path = "../../support/bundle.rs"]
mod bundle;
pub mod calls;
mod events;
mod handles;
mod memory;
#[path = "../../support/onnx.rs"]
mod onnx;
#[path = "../../support/steps.rs"]
mod steps;
pub mod readers;
pub mod restore;

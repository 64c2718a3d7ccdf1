//! What scenarios share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "each scenario uses a part of it, and a test fails by panicking")]

pub mod bench;
pub mod bundle;
pub mod abi;
pub mod capi;
pub mod fixtures;
pub mod golden;
pub mod onnx;
pub mod steps;
pub mod ort;
pub mod chost;
pub mod code;
#[cfg(feature = "cli")]
pub mod recording;

//! What scenarios share.
#![allow(dead_code, reason = "each scenario uses a part of it")]

pub mod bench;
pub mod bundle;
pub mod onnx;

//! What scenarios share.
#![allow(dead_code, reason = "each scenario uses a part of it")]

pub mod bundle;
pub mod capi;
pub mod onnx;

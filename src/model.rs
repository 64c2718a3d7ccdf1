//! Models: from a bundle's folder to something that runs a row, and the slots that serve it.

pub mod backend;
pub mod bundle;
pub mod golden;
pub mod manifest;
pub mod native;
pub mod onnx_ir;
pub mod stats;
pub mod store;

//! Models: from the bytes of an ONNX file to something that runs a row.

pub mod backend;
pub mod native;
pub mod onnx_ir;

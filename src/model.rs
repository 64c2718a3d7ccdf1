//! Fourth stage: from a bundle's folder to models that run a row, and the slots that serve them.

pub mod denormals;
pub mod backend;
pub mod onnx_ir;
pub mod native;
pub mod manifest;
pub mod stats;
pub mod golden;
pub mod bundle;
pub mod store;

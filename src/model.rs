//! Fourth stage: from a bundle's folder to models that run a row, and the slots that serve them.

pub mod denormals;
pub mod watchdog;
pub mod backend;
pub mod params;
pub mod onnx_ir;
pub mod precision;
pub mod native;
pub mod member_set;
pub mod manifest;
pub mod stats;
pub mod golden;
pub mod golden_run;
#[cfg(any(feature = "ort", feature = "rten"))]
pub mod shapes;
#[cfg(feature = "ort")]
mod exit;
#[cfg(feature = "ort")]
mod runtime_library;
#[cfg(feature = "ort")]
mod runtime_check;
#[cfg(feature = "ort")]
pub mod ort;
#[cfg(feature = "rten")]
pub mod rten;
pub mod choice;
pub mod lock;
pub mod reduction;
pub mod bundle;
mod describe;
pub mod carried;
pub mod instances;
pub mod switches;
pub mod store;

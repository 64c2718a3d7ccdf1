//! Second stage: events become steps, and steps' rows become a window.

pub mod rolling;
pub mod sampler;

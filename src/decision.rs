//! Sixth stage: a value becomes a decision, or an abstention with all its reasons.

pub mod limits;
pub mod phase;
pub mod policy;

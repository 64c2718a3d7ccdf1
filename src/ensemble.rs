//! Fifth stage: members' values become one value that can be believed.

pub mod calibration;
pub mod combine;

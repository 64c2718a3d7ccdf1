//! Where events come from when no host pushes them.

pub mod simulator;

//! A price of the step itself.

use super::{At, Op};
use crate::features::history::Column;

/// The step's open, high, low or close.
#[derive(Debug)]
pub struct Price {
    /// Which.
    pub column: Column,
}

impl Op for Price {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        Some(self.column.of(at.step))
    }
}

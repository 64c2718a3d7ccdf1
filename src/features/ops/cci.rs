//! Commodity channel index.

use super::windowed::mean;
use super::{At, Op};
use crate::features::history::Column;

/// TA-Lib CCI(n) on the typical price: (typical - mean) / (0.015 mean absolute deviation); 0 where that
/// deviation is at most 1e-12 of the mean.
#[derive(Debug)]
pub struct Cci {
    /// Steps.
    pub period: usize,
}

impl Op for Cci {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let values = at.history.last(Column::Typical, self.period);
        let mean = mean(values);
        let deviation = values.iter().fold(0.0, |sum, value| sum + (value - mean).abs()) / self.period as f64;
        let typical = values.last()?;
        Some(if deviation <= 1e-12 * mean { 0.0 } else { (typical - mean) / (0.015 * deviation) })
    }
}

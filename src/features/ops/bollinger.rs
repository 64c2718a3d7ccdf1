//! Where the close stands in its Bollinger band.

use super::windowed::high_low;
use super::{At, Op};
use crate::features::history::Column;

/// %B of BBANDS(period, width) with population deviation: (close - lower) / (upper - lower); 0.5 where
/// all closes of the window are equal.
#[derive(Debug)]
pub struct BollingerPosition {
    /// Steps.
    pub period: usize,
    /// Deviations from the mean to each band.
    pub width: f64,
}

impl Op for BollingerPosition {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let values = at.history.last(Column::Close, self.period);
        let (high, low) = high_low(values, values);
        if high == low {
            return Some(0.5);
        }
        let (mean, deviation) = at.history.moments(Column::Close, self.period);
        let (upper, lower) = (mean + self.width * deviation, mean - self.width * deviation);
        Some((at.step.close - lower) / (upper - lower))
    }
}

//! Where the close stands between the extremes of the window.

use super::windowed::high_low;
use super::{At, Op};
use crate::features::history::Column;

fn extremes(at: &At<'_>, period: usize) -> (f64, f64) {
    high_low(at.history.last(Column::High, period), at.history.last(Column::Low, period))
}

/// 100 (close - LL) / (HH - LL) (TA-Lib STOCHF fast K); 50 where HH and LL are equal.
#[derive(Debug)]
pub struct StochasticK {
    /// Steps.
    pub period: usize,
}

impl Op for StochasticK {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = extremes(at, self.period);
        Some(if high == low { 50.0 } else { 100.0 * ((at.step.close - low) / (high - low)) })
    }
}

/// -100 (HH - close) / (HH - LL) (TA-Lib WILLR); -50 where HH and LL are equal.
#[derive(Debug)]
pub struct WilliamsR {
    /// Steps.
    pub period: usize,
}

impl Op for WilliamsR {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = extremes(at, self.period);
        Some(if high == low { -50.0 } else { -100.0 * ((high - at.step.close) / (high - low)) })
    }
}

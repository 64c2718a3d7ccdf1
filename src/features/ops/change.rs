//! Change of the close against k steps back.

use super::{At, Op};
use crate::features::history::Column;

/// `close[t] - close[t-k]` (TA-Lib MOM).
#[derive(Debug)]
pub struct Momentum {
    /// k.
    pub period: usize,
}

impl Op for Momentum {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let back = at.history.back(Column::Close, self.period)?;
        Some(at.step.close - back)
    }
}

/// `100 (close[t] / close[t-k] - 1)` (TA-Lib ROC); missing where `close[t-k]` is 0.
#[derive(Debug)]
pub struct RateOfChange {
    /// k.
    pub period: usize,
}

impl Op for RateOfChange {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let back = at.history.back(Column::Close, self.period)?;
        (back != 0.0).then(|| 100.0 * (at.step.close / back - 1.0))
    }
}

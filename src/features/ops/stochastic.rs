//! Where the close stands between the extremes of the window.

use super::range::Extremes;
use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::Plan;

/// 100 (close - LL) / (HH - LL) (TA-Lib STOCHF fast K); 50 where HH and LL are equal.
#[derive(Debug)]
pub struct StochasticK {
    extremes: Extremes,
}

impl StochasticK {
    /// Over `period` steps.
    #[must_use]
    pub fn new(period: usize, plan: &mut Plan) -> StochasticK {
        StochasticK { extremes: Extremes::of(Column::High, Column::Low, period, plan) }
    }
}

impl Op for StochasticK {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = self.extremes.at(at);
        Some(if high == low { 50.0 } else { 100.0 * ((at.step.close - low) / (high - low)) })
    }
}

/// -100 (HH - close) / (HH - LL) (TA-Lib WILLR); -50 where HH and LL are equal.
#[derive(Debug)]
pub struct WilliamsR {
    extremes: Extremes,
}

impl WilliamsR {
    /// Over `period` steps.
    #[must_use]
    pub fn new(period: usize, plan: &mut Plan) -> WilliamsR {
        WilliamsR { extremes: Extremes::of(Column::High, Column::Low, period, plan) }
    }
}

impl Op for WilliamsR {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = self.extremes.at(at);
        Some(if high == low { -50.0 } else { -100.0 * ((high - at.step.close) / (high - low)) })
    }
}

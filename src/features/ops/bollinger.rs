//! Where the close stands in its Bollinger band.

use super::range::Extremes;
use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::{Place, Plan, Statistic};

/// %B of BBANDS(period, width) with population deviation: (close - lower) / (upper - lower); 0.5 where
/// all closes of the window are equal.
#[derive(Debug)]
pub struct BollingerPosition {
    extremes: Extremes,
    mean: Place,
    deviation: Place,
    width: f64,
}

impl BollingerPosition {
    /// Over `period` steps, with bands `width` deviations from the mean.
    #[must_use]
    pub fn new(period: usize, width: f64, plan: &mut Plan) -> BollingerPosition {
        BollingerPosition {
            extremes: Extremes::of(Column::Close, Column::Close, period, plan),
            mean: plan.want(Statistic::Mean, Column::Close, period),
            deviation: plan.want(Statistic::Deviation, Column::Close, period),
            width,
        }
    }
}

impl Op for BollingerPosition {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = self.extremes.at(at);
        if high == low {
            return Some(0.5);
        }
        let (mean, deviation) = (at.shared.value(self.mean), at.shared.value(self.deviation));
        let (upper, lower) = (mean + self.width * deviation, mean - self.width * deviation);
        Some((at.step.close - lower) / (upper - lower))
    }
}

//! Commodity channel index.

use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::{Place, Plan, Statistic};

/// TA-Lib CCI(n) on the typical price: (typical - mean) / (0.015 mean absolute deviation); 0 where that
/// deviation is at most 1e-12 of the mean.
#[derive(Debug)]
pub struct Cci {
    mean: Place,
    deviation: Place,
}

impl Cci {
    /// Over `period` steps.
    #[must_use]
    pub fn new(period: usize, plan: &mut Plan) -> Cci {
        Cci { mean: plan.want(Statistic::Mean, Column::Typical, period), deviation: plan.want(Statistic::Spread, Column::Typical, period) }
    }
}

impl Op for Cci {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (mean, deviation) = (at.shared.value(self.mean), at.shared.value(self.deviation));
        let typical = Column::Typical.of(at.step);
        Some(if deviation <= 1e-12 * mean { 0.0 } else { (typical - mean) / (0.015 * deviation) })
    }
}

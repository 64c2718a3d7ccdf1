//! Volume of the step, and against its own mean.

use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::{Place, Plan, Statistic};

/// The step's volume.
#[derive(Debug)]
pub struct Volume;

impl Op for Volume {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        Some(at.step.volume)
    }
}

/// Volume / its mean over the window; 0 where every volume in the window is 0.
#[derive(Debug)]
pub struct VolumeRatio {
    mean: Place,
    highest: Place,
}

impl VolumeRatio {
    /// Against the mean of `period` steps.
    #[must_use]
    pub fn new(period: usize, plan: &mut Plan) -> VolumeRatio {
        VolumeRatio { mean: plan.want(Statistic::Mean, Column::Volume, period), highest: plan.want(Statistic::Highest, Column::Volume, period) }
    }
}

impl Op for VolumeRatio {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        // No volume is below 0, so that all are 0 where the highest is.
        if at.shared.value(self.highest) == 0.0 {
            return Some(0.0);
        }
        Some(at.step.volume / at.shared.value(self.mean))
    }
}

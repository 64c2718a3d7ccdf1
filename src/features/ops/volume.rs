//! Volume of the step, and against its own mean.

use super::windowed::mean;
use super::{At, Op};
use crate::features::history::Column;

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
    /// Steps of the mean.
    pub period: usize,
}

impl Op for VolumeRatio {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let values = at.history.last(Column::Volume, self.period);
        if values.iter().all(|value| *value == 0.0) {
            return Some(0.0);
        }
        Some(at.step.volume / mean(values))
    }
}

//! How far a column went.

use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::{Place, Plan, Statistic};

/// Highest and lowest value of a window.
#[derive(Clone, Copy, Debug)]
pub struct Extremes {
    highest: Place,
    lowest: Place,
}

impl Extremes {
    /// The highest of one column and the lowest of another, over `period` steps.
    #[must_use]
    pub fn of(highest: Column, lowest: Column, period: usize, plan: &mut Plan) -> Extremes {
        Extremes { highest: plan.want(Statistic::Highest, highest, period), lowest: plan.want(Statistic::Lowest, lowest, period) }
    }

    /// Both at this step.
    #[must_use]
    pub fn at(self, at: &At<'_>) -> (f64, f64) {
        (at.shared.value(self.highest), at.shared.value(self.lowest))
    }
}

/// Max of a column - min of the column over the window.
#[derive(Debug)]
pub struct Range {
    extremes: Extremes,
}

impl Range {
    /// Over `period` steps.
    #[must_use]
    pub fn new(column: Column, period: usize, plan: &mut Plan) -> Range {
        Range { extremes: Extremes::of(column, column, period, plan) }
    }
}

impl Op for Range {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let (high, low) = self.extremes.at(at);
        Some(high - low)
    }
}

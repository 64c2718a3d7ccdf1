//! Mean, sum, deviation and range of a column over the last n steps.

use super::{At, Op};
use crate::features::history::Column;
use crate::features::scale::LongWindow;
use crate::types::state::{Pass, State};

/// Mean: the oldest value plus the mean deviation from it, so that equal values give exactly that value.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    let base = values.first().copied().unwrap_or(0.0);
    base + values.iter().fold(0.0, |sum, value| sum + (value - base)) / values.len() as f64
}

/// Mean and population standard deviation, both from deviations about the oldest value.
#[must_use]
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let (n, base) = (values.len() as f64, values.first().copied().unwrap_or(0.0));
    let shift = values.iter().fold(0.0, |sum, value| sum + (value - base)) / n;
    let squares = values.iter().fold(0.0, |sum, value| {
        let deviation = (value - base) - shift;
        sum + deviation * deviation
    });
    (base + shift, (squares / n).sqrt())
}

/// Sum, oldest to newest.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

/// Highest and lowest value: four at a time, which changes no result since the order does not matter.
#[must_use]
pub fn high_low(high: &[f64], low: &[f64]) -> (f64, f64) {
    (extreme(high, f64::NEG_INFINITY, |a, b| if a > b { a } else { b }), extreme(low, f64::INFINITY, |a, b| if a < b { a } else { b }))
}

#[inline]
fn extreme(values: &[f64], start: f64, better: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [start; 4];
    let mut chunks = values.chunks_exact(4);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = better(*lane, *value);
        }
    }
    for (lane, value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = better(*lane, *value);
    }
    better(better(lanes[0], lanes[1]), better(lanes[2], lanes[3]))
}

/// What is computed over the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Sum.
    Sum,
    /// Population standard deviation.
    Deviation,
    /// Highest minus lowest.
    Range,
}

/// One statistic of one column.
#[derive(Debug)]
pub struct Windowed {
    /// Which.
    pub statistic: Statistic,
    /// Of what.
    pub column: Column,
    /// Over how many steps.
    pub period: usize,
}

impl Op for Windowed {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let values = at.history.last(self.column, self.period);
        Some(match self.statistic {
            Statistic::Mean => mean(values),
            Statistic::Sum => sum(values),
            Statistic::Deviation => at.history.moments(self.column, self.period).1,
            Statistic::Range => {
                let (high, low) = high_low(values, values);
                high - low
            }
        })
    }
}

/// A statistic of a window of more than 64 steps, by compensated sums that are re-anchored at fixed
/// steps: O(1) a step.
#[derive(Debug)]
pub struct LongWindowed {
    /// Mean, sum or deviation.
    pub statistic: Statistic,
    /// Of what.
    pub column: Column,
    /// The values.
    pub window: LongWindow,
}

impl Op for LongWindowed {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        self.window.push(*at.history.last(self.column, 1).first()?);
        if !self.window.full() {
            return None;
        }
        let (mean, deviation) = self.window.mean_and_deviation();
        match self.statistic {
            Statistic::Mean => Some(mean),
            Statistic::Sum => Some(mean * self.window.len() as f64),
            Statistic::Deviation => Some(deviation),
            // Sums tell no extremes: the catalogue keeps ranges short.
            Statistic::Range => None,
        }
    }

    fn reset(&mut self) {
        self.window.clear();
    }

    fn state(&mut self, pass: &mut Pass<'_>) {
        self.window.state(pass);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_give_exactly_their_value_and_no_deviation() {
        for value in [0.1, 1e-300, 30_001.9, 1e300] {
            assert_eq!(mean(&[value; 20]), value);
            assert_eq!(mean_and_deviation(&[value; 20]), (value, 0.0));
        }
    }

    #[test]
    fn a_small_case_by_hand() {
        assert_eq!(mean_and_deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), (5.0, 2.0));
        assert_eq!(sum(&[1.0, 2.0, 3.5]), 6.5);
        assert_eq!(high_low(&[1.0, 5.0], &[0.5, 4.0]), (5.0, 0.5));
    }
}

//! From the combined value to a calibrated probability.

use crate::model::manifest::Calibration;
use crate::types::probability::{logit, sigmoid};

/// The calibrated value.
///
/// Platt: 1 / (1 + exp(-(a logit(raw) + b))). Isotonic: linear between knots, flat outside.
#[must_use]
pub fn calibrate(calibration: &Calibration, raw: f64) -> f64 {
    match calibration {
        Calibration::None => raw,
        Calibration::Platt { a, b } => sigmoid(a * logit(raw) + b),
        Calibration::Isotonic { x, y } => between(x, y, raw),
    }
}

fn between(x: &[f64], y: &[f64], at: f64) -> f64 {
    let right = x.partition_point(|knot| *knot < at);
    match (right.checked_sub(1), x.get(right)) {
        (None, _) => y.first().copied().unwrap_or(at),
        (Some(left), None) => y[left],
        (Some(left), Some(knot)) => y[left] + (y[right] - y[left]) * ((at - x[left]) / (knot - x[left])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knots_are_joined_by_lines() {
        let isotonic = Calibration::Isotonic { x: vec![0.3, 0.5, 0.7], y: vec![0.4, 0.5, 0.8] };
        for (raw, expected) in [(0.1, 0.4), (0.3, 0.4), (0.4, 0.45), (0.5, 0.5), (0.6, 0.65), (0.7, 0.8), (0.9, 0.8)] {
            assert!((calibrate(&isotonic, raw) - expected).abs() < 1e-12, "{raw}");
        }
    }

    #[test]
    fn platt_with_one_and_zero_changes_nothing() {
        assert!((calibrate(&Calibration::Platt { a: 1.0, b: 0.0 }, 0.3) - 0.3).abs() < 1e-12);
        assert!(calibrate(&Calibration::Platt { a: 0.5, b: 0.0 }, 0.9) < 0.9);
    }
}

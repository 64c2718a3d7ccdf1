//! The market phase of a step.

use crate::model::manifest::PhaseSpec;
use crate::types::prediction::Phase;

/// Phase and confidence from the unscaled row: with v = atr_14 / close and m = |sma_5 - sma_20| / atr_14,
/// volatile where v reaches its threshold, else trending where m reaches its own, else ranging. The
/// confidence is min(1, |ln(x / threshold)|) of what decided, the nearer of both for ranging; unknown
/// with confidence NaN until all three features are on.
#[must_use]
pub fn phase(spec: &PhaseSpec, raw: &[f64], valid: &[u64], close: f64) -> (Phase, f64) {
    if spec.features.iter().any(|index| valid[index / 64] >> (index % 64) & 1 == 0) {
        return (Phase::Unknown, f64::NAN);
    }
    let [atr, short, long] = spec.features.map(|index| raw[index]);
    let apart = (short - long).abs();
    let (v, m) = (atr / close, if apart == 0.0 { 0.0 } else { apart / atr });
    let (from_v, from_m) = (confidence(v, spec.volatile_above), confidence(m, spec.trending_above));
    if v >= spec.volatile_above {
        (Phase::Volatile, from_v)
    } else if m >= spec.trending_above {
        (Phase::Trending, from_m)
    } else {
        (Phase::Ranging, from_v.min(from_m))
    }
}

fn confidence(x: f64, threshold: f64) -> f64 {
    libm::log(x / threshold).abs().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantity_that_decides_gives_the_confidence() {
        let spec = PhaseSpec { volatile_above: 0.01, trending_above: 2.0, features: [0, 1, 2] };
        let at = |atr: f64, short: f64, long: f64| phase(&spec, &[atr, short, long], &[7], 100.0);
        assert_eq!(at(1.0, 100.0, 100.0), (Phase::Volatile, 0.0));
        assert_eq!(at(0.1, 101.0, 100.0), (Phase::Trending, 1.0));
        let (ranging, confidence) = at(0.9, 101.0, 100.0);
        assert_eq!(ranging, Phase::Ranging);
        assert!((confidence - (10.0f64 / 9.0).ln()).abs() < 1e-12);
        assert_eq!(at(0.0, 100.0, 100.0), (Phase::Ranging, 1.0));
        assert_eq!(phase(&spec, &[1.0, 1.0, 1.0], &[3], 100.0).0, Phase::Unknown);
    }
}

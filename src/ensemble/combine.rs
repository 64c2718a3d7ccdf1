//! Weighted mean of the members that answered, their agreement, and the share of weight that did.

use crate::model::manifest::Mix;

/// Logits are clipped to this, so that one certain member does not decide alone.
const LOGIT_MOST: f64 = 16.0;

/// 1 / (1 + exp(-x)).
#[must_use]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// ln(p / (1 - p)), clipped to +-16.
#[must_use]
pub fn logit(p: f64) -> f64 {
    libm::log(p / (1.0 - p)).clamp(-LOGIT_MOST, LOGIT_MOST)
}

/// One member's part in one output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    /// Its weight, at least 0.
    pub weight: f64,
    /// Its value, a probability or in the output's unit; `None` when it did not answer.
    pub value: Option<f64>,
}

/// What the members say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Combined {
    /// Weighted mean over the members that answered; `None` when no weight did.
    pub value: Option<f64>,
    /// 1 - 2 s, s the weighted standard deviation of their probabilities; 1 for one member; NaN for
    /// other units and without a value.
    pub agreement: f64,
    /// Share of the output's weight that answered, 0..1.
    pub share: f64,
}

/// Combines the votes for one output. `probability`: the unit is one.
pub fn combine(votes: impl Iterator<Item = Vote> + Clone, mix: Mix, probability: bool) -> Combined {
    let total: f64 = votes.clone().map(|vote| vote.weight).sum();
    let answered = votes.filter_map(|vote| vote.value.map(|value| (vote.weight, value))).filter(|(weight, _)| *weight > 0.0);
    let weight: f64 = answered.clone().map(|(weight, _)| weight).sum();
    if weight <= 0.0 {
        return Combined { value: None, agreement: f64::NAN, share: 0.0 };
    }
    let mean = |of: fn(f64) -> f64| answered.clone().map(|(w, value)| w * of(value)).sum::<f64>() / weight;
    let plain = mean(|value| value);
    let value = if probability && mix == Mix::Logit { sigmoid(mean(logit)) } else { plain };
    let agreement = if probability {
        let variance = answered.clone().map(|(w, value)| w * (value - plain) * (value - plain)).sum::<f64>() / weight;
        1.0 - 2.0 * variance.sqrt()
    } else {
        f64::NAN
    };
    Combined { value: Some(value), agreement, share: weight / total }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(votes: &[(f64, Option<f64>)], mix: Mix) -> Combined {
        combine(votes.iter().map(|&(weight, value)| Vote { weight, value }), mix, true)
    }

    #[test]
    fn the_mean_is_weighted_and_renormalised() {
        let combined = run(&[(0.25, Some(0.2)), (0.75, Some(0.6)), (1.0, None)], Mix::Probability);
        assert!((combined.value.unwrap() - 0.5).abs() < 1e-15);
        assert_eq!(combined.share, 0.5);
    }

    #[test]
    fn agreement_is_one_for_one_and_zero_for_opposites() {
        assert_eq!(run(&[(1.0, Some(0.3))], Mix::Logit).agreement, 1.0);
        assert_eq!(run(&[(1.0, Some(0.0)), (1.0, Some(1.0))], Mix::Probability).agreement, 0.0);
        assert!(combine([Vote { weight: 1.0, value: Some(3.0) }].into_iter(), Mix::Logit, false).agreement.is_nan());
    }

    #[test]
    fn logits_are_clipped() {
        let combined = run(&[(1.0, Some(1.0)), (1.0, Some(0.5))], Mix::Logit);
        assert!((combined.value.unwrap() - sigmoid(8.0)).abs() < 1e-15);
        assert!((run(&[(1.0, Some(0.7))], Mix::Logit).value.unwrap() - 0.7).abs() < 1e-12);
    }

    #[test]
    fn without_weight_there_is_no_value() {
        let combined = run(&[(1.0, None), (0.0, Some(0.5))], Mix::Logit);
        assert_eq!((combined.value, combined.share), (None, 0.0));
    }
}

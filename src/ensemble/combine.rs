//! Weighted mean of the members that answered, their agreement, and the share of weight that did.

use crate::model::manifest::Mix;
use crate::types::probability::{logit, sigmoid};

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
    /// 1 - 2 s, s the weighted standard deviation of the opinions; 1 for one opinion; NaN for other
    /// units and without a value.
    pub agreement: f64,
    /// Share of the output's weight that answered, 0..1.
    pub share: f64,
}

impl Combined {
    /// Nobody answered.
    pub const NONE: Combined = Combined { value: None, agreement: f64::NAN, share: 0.0 };
}

/// Combines the votes for one output. `probability`: the unit is one. `opinions` are what must agree: the
/// votes that answered, in which the members that a meta-model reads stand for it.
pub fn combine(votes: impl Iterator<Item = Vote>, opinions: impl Iterator<Item = Vote> + Clone, mix: Mix, probability: bool) -> Combined {
    let logits = probability && mix == Mix::Logit;
    let (mut total, mut answered) = (0.0, Weighted::default());
    for vote in votes {
        total += vote.weight;
        answered.add(vote.weight, vote.value.map(|value| if logits { logit(value) } else { value }));
    }
    if answered.weight <= 0.0 {
        return Combined::NONE;
    }
    let value = if logits { sigmoid(answered.mean()) } else { answered.mean() };
    let agreement = if probability { agreement(opinions) } else { f64::NAN };
    Combined { value: Some(value), agreement, share: answered.weight / total }
}

/// A sum of values by their weights.
#[derive(Clone, Copy, Debug, Default)]
struct Weighted {
    weight: f64,
    sum: f64,
}

impl Weighted {
    /// Takes a value that was given with some weight.
    fn add(&mut self, weight: f64, value: Option<f64>) {
        if let Some(value) = value.filter(|_| weight > 0.0) {
            self.weight += weight;
            self.sum += weight * value;
        }
    }

    fn mean(self) -> f64 {
        self.sum / self.weight
    }
}

fn agreement(opinions: impl Iterator<Item = Vote> + Clone) -> f64 {
    let mean = |of: &dyn Fn(f64) -> f64| {
        let mut weighted = Weighted::default();
        opinions.clone().for_each(|opinion| weighted.add(opinion.weight, opinion.value.map(of)));
        weighted.mean()
    };
    let centre = mean(&|value| value);
    1.0 - 2.0 * mean(&|value| (value - centre) * (value - centre)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(votes: &[(f64, Option<f64>)], mix: Mix) -> Combined {
        let votes = votes.iter().map(|&(weight, value)| Vote { weight, value });
        combine(votes.clone(), votes, mix, true)
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
        let amount = [Vote { weight: 1.0, value: Some(3.0) }].into_iter();
        assert!(combine(amount.clone(), amount, Mix::Logit, false).agreement.is_nan());
    }

    #[test]
    fn agreement_is_that_of_the_opinions() {
        let meta = [Vote { weight: 1.0, value: Some(0.7) }].into_iter();
        let read = [0.9, 0.5].map(|value| Vote { weight: 0.5, value: Some(value) }).into_iter();
        let combined = combine(meta, read, Mix::Probability, true);
        assert_eq!((combined.value, combined.share), (Some(0.7), 1.0));
        assert!((combined.agreement - (1.0 - 2.0 * 0.2)).abs() < 1e-12);
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

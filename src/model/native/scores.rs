//! From raw scores to what a model gives: link functions and the second class of a binary model.
//!
//! Where the ONNX text and ONNX Runtime differ, or a combination has no sane meaning in either, the graph is refused rather than
//! guessed at: two runtimes would serve two different numbers.

use super::unable;
use crate::error::Result;
use crate::model::onnx_ir::shown;

/// `post_transform` of the classical operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    /// Scores as they are.
    None,
    /// 1 / (1 + exp(-x)) of each.
    Logistic,
    /// Over all.
    Softmax,
    /// Over those that are not zero.
    SoftmaxZero,
    /// The logarithm of softmax.
    LogSoftmax,
}

impl Transform {
    /// Reads the attribute's value; `what` names the operator.
    pub(super) fn parse(text: &str, what: &str) -> Result<Transform> {
        Ok(match text {
            "NONE" => Transform::None,
            "LOGISTIC" => Transform::Logistic,
            "SOFTMAX" => Transform::Softmax,
            "SOFTMAX_ZERO" => Transform::SoftmaxZero,
            other => return Err(unable(format!("{what} has the post_transform {}", shown(other)))),
        })
    }

    /// Only `NONE`, for a single score: ONNX Runtime ignores any other there, the ONNX text applies it.
    pub(super) fn only_none(self, what: &str) -> Result<()> {
        if self == Transform::None {
            return Ok(());
        }
        Err(unable(format!("{what} gives one score with a post_transform, on which runtimes differ; use NONE and a Sigmoid node")))
    }

    /// In place, over the scores of one row.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Transform::None => {}
            Transform::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Transform::Softmax => softmax(scores, |_| true),
            Transform::SoftmaxZero => softmax(scores, |score| score.abs() > 1e-7),
            Transform::LogSoftmax => log_softmax(scores),
        }
    }
}

/// How a binary classifier that has one score gives two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// 1 - s, s: the score is a probability.
    Complement,
    /// The logistic function of -s and s.
    Logistic,
}

impl Second {
    /// `both` holds the score in its last place and gets both values.
    pub(super) fn apply(self, both: &mut [f32]) {
        let [first, second] = both else { return };
        let score = *second;
        (*first, *second) = match self {
            Second::Complement => (1.0 - score, score),
            Second::Logistic => (logistic(-score), logistic(score)),
        };
    }
}

/// 1 / (1 + exp(-x)), rounded once.
pub(super) fn logistic(x: f32) -> f32 {
    (1.0 / (1.0 + libm::exp(-f64::from(x)))) as f32
}

/// exp(x), rounded once.
pub(super) fn exp(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}

/// Softmax over the scores that `counts`; the others become 0.
fn softmax(scores: &mut [f32], counts: impl Fn(f32) -> bool) {
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        let power = if counts(*score) || score.is_nan() { libm::exp(f64::from(*score) - f64::from(most)) } else { 0.0 };
        sum += power;
        *score = power as f32;
    }
    for score in scores.iter_mut() {
        *score = if sum > 0.0 || sum.is_nan() { (f64::from(*score) / sum) as f32 } else { 0.0 };
    }
}

fn log_softmax(scores: &mut [f32]) {
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    let sum: f64 = scores.iter().map(|score| libm::exp(f64::from(*score) - f64::from(most))).sum();
    let shift = f64::from(most) + libm::log(sum);
    scores.iter_mut().for_each(|score| *score = (f64::from(*score) - shift) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logistic_keeps_its_tails() {
        assert_eq!(logistic(0.0), 0.5);
        assert_eq!(logistic(-200.0), 0.0);
        assert!((f64::from(logistic(-20.0)) - 2.061_153_618e-9).abs() < 1e-16);
        assert!(logistic(f32::NAN).is_nan());
    }

    #[test]
    fn softmax_survives_large_scores_and_skips_zeros() {
        let mut scores = [1000.0, 999.0, 0.0];
        Transform::Softmax.apply(&mut scores);
        assert!((scores[0] - 0.731_058_6).abs() < 1e-6 && scores[2] == 0.0);
        let mut scores = [0.37, 0.46, 0.0];
        Transform::SoftmaxZero.apply(&mut scores);
        assert!((scores[0] - 0.477_515_2).abs() < 1e-6 && scores[2] == 0.0);
        let mut scores = [1000.0, 999.0];
        Transform::LogSoftmax.apply(&mut scores);
        assert!((scores[0] + 0.313_261_7).abs() < 1e-6 && (scores[1] + 1.313_261_7).abs() < 1e-6);
        let mut scores = [f32::NAN, 1.0];
        Transform::LogSoftmax.apply(&mut scores);
        assert!(scores.iter().all(|score| score.is_nan()));
        let mut scores = [f32::NAN, 1.0];
        Transform::Softmax.apply(&mut scores);
        assert!(scores.iter().all(|score| score.is_nan()));
    }
}

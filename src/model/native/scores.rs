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
    #[inline(always)]
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
    #[inline(always)]
    fn apply(self, both: &mut [f32]) {
        let [first, second] = both else { return };
        (*first, *second) = match self {
            Second::Complement => (1.0 - *second, *second),
            Second::Logistic => (-*second, *second),
        };
        if self == Second::Logistic {
            Transform::Logistic.apply(both);
        }
    }
}

/// What a classical operator makes of its raw scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// As many values.
    Each(Transform),
    /// Two of one.
    Both(Second),
}

impl Link {
    /// The scores as they are.
    pub(super) const NONE: Link = Link::Each(Transform::None);

    /// How many values so many scores give.
    pub(super) fn width(self, scores: usize) -> usize {
        match self {
            Link::Each(_) => scores,
            Link::Both(_) => 2,
        }
    }

    /// In place: the scores are the last of `values`.
    #[inline(always)]
    pub(super) fn apply(self, values: &mut [f32]) {
        match self {
            Link::Each(transform) => transform.apply(values),
            Link::Both(second) => second.apply(values),
        }
    }
}

/// exp(x) to within 1e-14 of itself, so that what is made of it rounds to the right f32 but for once in millions; between exp(-708) and
/// exp(709). Multiplications, additions and bits only: every instruction set gives the same. Half the time of `libm`'s, which has
/// branches and a division.
#[inline(always)]
fn power(x: f64) -> f64 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in 33 bits, so that its product with a whole number below 2^20 is exact, and the rest of it.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let x = if x < -708.0 { -708.0 } else { x };
    let x = if x > 709.0 { 709.0 } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // The first terms of the series of exp(r), in pairs that do not wait for one another; |r| <= ln 2 / 2, so the next is below 7e-15.
    let (r2, r4) = (r * r, r * r * (r * r));
    let low = (1.0 + r) + r2 * (1.0 / 2.0 + r * (1.0 / 6.0));
    let middle = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5_040.0));
    let high = (1.0 / 40_320.0 + r * (1.0 / 362_880.0)) + r2 * (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0));
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1.0_f64.to_bits()));
    (low + r4 * (middle + r4 * high)) * scale
}

/// 1 / (1 + exp(-x)), rounded once.
#[inline(always)]
pub(super) fn logistic(x: f32) -> f32 {
    (1.0 / (1.0 + power(-f64::from(x)))) as f32
}

/// exp(x), rounded once.
pub(super) fn exp(x: f32) -> f32 {
    power(f64::from(x)) as f32
}

/// Softmax over the scores that `counts`; the others become 0.
fn softmax(scores: &mut [f32], counts: impl Fn(f32) -> bool) {
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        let power = if counts(*score) || score.is_nan() { power(f64::from(*score) - f64::from(most)) } else { 0.0 };
        sum += power;
        *score = power as f32;
    }
    for score in scores.iter_mut() {
        *score = if sum > 0.0 || sum.is_nan() { (f64::from(*score) / sum) as f32 } else { 0.0 };
    }
}

fn log_softmax(scores: &mut [f32]) {
    let most = scores.iter().fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    let sum: f64 = scores.iter().map(|score| power(f64::from(*score) - f64::from(most))).sum();
    let shift = f64::from(most) + libm::log(sum);
    scores.iter_mut().for_each(|score| *score = (f64::from(*score) - shift) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_round_to_the_right_f32() {
        let (mut worst, mut off, mut count) = (0.0_f64, 0, 0);
        for step in -1_418_000..1_418_000 {
            let x = f64::from(step as f32 * 4.99e-4);
            let exact = libm::exp(x);
            worst = worst.max((power(x) / exact - 1.0).abs());
            (off, count) = (off + u32::from(power(x) as f32 != exact as f32), count + 1);
        }
        println!("{worst:e}, {off} of {count} round to another f32");
        assert!(worst < 1e-14 && off <= 2, "{worst:e} {off}");
        assert!(power(f64::NAN).is_nan() && power(0.0) == 1.0);
        assert_eq!((power(-1e9) as f32, power(1e9) as f32, power(f64::INFINITY) as f32), (0.0, f32::INFINITY, f32::INFINITY));
    }

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

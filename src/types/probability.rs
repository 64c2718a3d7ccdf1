//! Probabilities and their logits.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_undoes_the_other_within_the_clip() {
        for x in [-15.9, -1.0, 0.0, 0.3, 15.9] {
            assert!((logit(sigmoid(x)) - x).abs() < 1e-8, "{x}");
        }
        assert_eq!([0.0, 1.0].map(logit), [-16.0, 16.0]);
    }
}

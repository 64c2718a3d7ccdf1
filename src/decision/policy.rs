//! Thresholds: BUY, SELL, HOLD between; ABSTAIN where a reason stands.

use crate::ensemble::combine::Combined;
use crate::model::manifest::DirectionPolicy;
use crate::types::prediction::Action;
use crate::types::reason;

/// Reason bits of the ensemble that fail: too little weight answered, or the members disagree.
#[must_use]
pub fn ensemble_reasons(combined: &Combined, quorum: f64, policy: &DirectionPolicy) -> u64 {
    let mut bits = 0;
    if combined.value.is_none_or(f64::is_nan) || combined.share.is_nan() || combined.share < quorum {
        bits |= reason::QUORUM;
    }
    if combined.agreement < policy.min_agreement {
        bits |= reason::AGREEMENT;
    }
    bits
}

/// The action for a calibrated value; any reason that is not informative abstains.
#[must_use]
pub fn decide(policy: &DirectionPolicy, value: f64, reasons: u64) -> Action {
    if reasons & !reason::INFORMATIVE != 0 || value.is_nan() {
        Action::Abstain
    } else if value >= policy.buy_at {
        Action::Buy
    } else if value <= policy.sell_at {
        Action::Sell
    } else {
        Action::Hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: DirectionPolicy =
        DirectionPolicy { output: 0, buy_at: 0.6, sell_at: 0.4, min_agreement: 0.5, max_out_of_range: 2, max_data_age_ns: 100, valid_for_ns: 10 };

    #[test]
    fn thresholds_are_inclusive() {
        for (value, action) in [(0.6, Action::Buy), (0.59, Action::Hold), (0.41, Action::Hold), (0.4, Action::Sell), (f64::NAN, Action::Abstain)] {
            assert_eq!(decide(&POLICY, value, 0), action);
        }
        assert_eq!(decide(&POLICY, 0.9, reason::GAP | reason::IN_SAMPLE), Action::Buy);
        assert_eq!(decide(&POLICY, 0.9, reason::GAP | reason::QUORUM), Action::Abstain);
    }

    #[test]
    fn quorum_and_agreement_fail_apart() {
        let combined = Combined { value: Some(0.5), agreement: 0.4, share: 0.6 };
        assert_eq!(ensemble_reasons(&combined, 0.6, &POLICY), reason::AGREEMENT);
        assert_eq!(ensemble_reasons(&Combined { agreement: 0.5, ..combined }, 0.61, &POLICY), reason::QUORUM);
        assert_eq!(ensemble_reasons(&Combined { value: None, agreement: f64::NAN, share: 0.0 }, 0.0, &POLICY), reason::QUORUM);
    }
}

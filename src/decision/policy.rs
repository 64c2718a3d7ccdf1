//! Thresholds: a value becomes an action; ABSTAIN where a reason stands.

use crate::ensemble::combine::Combined;
use crate::model::manifest::{EdgeSpec, Policy, PolicyKind};
use crate::types::prediction::Action;
use crate::types::reason;

/// Reason bits of the ensemble that fail for the policy's output: too little weight answered, or the members disagree.
#[must_use]
pub fn ensemble_reasons(combined: &Combined, quorum: f64, policy: &Policy) -> u64 {
    let disagree = if combined.agreement < policy.min_agreement { reason::AGREEMENT } else { 0 };
    quorum_reasons(combined, quorum) | disagree
}

/// QUORUM where an output has no value, or too little of its weight answered.
#[must_use]
pub fn quorum_reasons(combined: &Combined, quorum: f64) -> u64 {
    let silent = combined.value.is_none_or(f64::is_nan) || combined.share.is_nan() || combined.share < quorum;
    if silent { reason::QUORUM } else { 0 }
}

/// The action for a calibrated value and, where the policy has one, its edge; any reason that is not informative abstains.
#[must_use]
pub fn decide(policy: &Policy, value: f64, edge: f64, reasons: u64) -> Action {
    if reasons & !reason::INFORMATIVE != 0 || value.is_nan() {
        return Action::Abstain;
    }
    match policy.kind {
        PolicyKind::Direction { buy_at, .. } if value >= buy_at => Action::Buy,
        PolicyKind::Direction { sell_at, .. } if value <= sell_at => Action::Sell,
        PolicyKind::Direction { .. } => Action::Hold,
        PolicyKind::Opportunity { edge: Some(_), .. } if edge.is_nan() => Action::Abstain,
        PolicyKind::Opportunity { execute_at, edge: needed, .. } if value >= execute_at && pays(needed, edge) => Action::Execute,
        // Likely enough but not worth it yet: costs move faster than the odds, so it is not skipped.
        PolicyKind::Opportunity { wait_at, .. } if value >= wait_at => Action::Wait,
        PolicyKind::Opportunity { .. } => Action::Skip,
    }
}

fn pays(needed: Option<EdgeSpec>, edge: f64) -> bool {
    needed.is_none_or(|needed| edge >= needed.min_edge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(kind: PolicyKind) -> Policy {
        Policy { output: 0, kind, min_agreement: 0.5, max_out_of_range: 2, max_data_age_ns: 100, valid_for_ns: 10 }
    }

    #[test]
    fn thresholds_are_inclusive() {
        let policy = policy(PolicyKind::Direction { buy_at: 0.6, sell_at: 0.4 });
        for (value, action) in [(0.6, Action::Buy), (0.59, Action::Hold), (0.41, Action::Hold), (0.4, Action::Sell), (f64::NAN, Action::Abstain)] {
            assert_eq!(decide(&policy, value, f64::NAN, 0), action);
        }
        assert_eq!(decide(&policy, 0.9, f64::NAN, reason::GAP | reason::IN_SAMPLE), Action::Buy);
        assert_eq!(decide(&policy, 0.9, f64::NAN, reason::GAP | reason::QUORUM), Action::Abstain);
    }

    #[test]
    fn an_opportunity_executes_where_value_and_edge_suffice() {
        let edge = Some(EdgeSpec { output: 1, min_edge: 2.0 });
        let with_edge = policy(PolicyKind::Opportunity { execute_at: 0.8, wait_at: 0.5, edge });
        for (value, edge, action) in [
            (0.8, 2.0, Action::Execute),
            (0.8, 1.9, Action::Wait),
            (0.8, -5.0, Action::Wait),
            (0.79, 9.0, Action::Wait),
            (0.5, 2.0, Action::Wait),
            (0.49, 9.0, Action::Skip),
            (0.9, f64::NAN, Action::Abstain),
            (0.1, f64::NAN, Action::Abstain),
            (f64::NAN, 9.0, Action::Abstain),
        ] {
            assert_eq!(decide(&with_edge, value, edge, 0), action, "{value} {edge}");
        }
        let alone = policy(PolicyKind::Opportunity { execute_at: 0.8, wait_at: 0.0, edge: None });
        assert_eq!([0.8, 0.0].map(|value| decide(&alone, value, f64::NAN, 0)), [Action::Execute, Action::Wait]);
        assert_eq!(decide(&alone, 0.9, f64::NAN, reason::BUNDLE_STALE), Action::Abstain);
    }

    #[test]
    fn quorum_and_agreement_fail_apart() {
        let policy = policy(PolicyKind::Direction { buy_at: 0.6, sell_at: 0.4 });
        let combined = Combined { value: Some(0.5), agreement: 0.4, share: 0.6 };
        assert_eq!(ensemble_reasons(&combined, 0.6, &policy), reason::AGREEMENT);
        assert_eq!(ensemble_reasons(&Combined { agreement: 0.5, ..combined }, 0.61, &policy), reason::QUORUM);
        assert_eq!(ensemble_reasons(&Combined { value: None, agreement: f64::NAN, share: 0.0 }, 0.0, &policy), reason::QUORUM);
        assert_eq!(quorum_reasons(&Combined { value: Some(f64::NAN), ..combined }, 0.1), reason::QUORUM);
    }
}

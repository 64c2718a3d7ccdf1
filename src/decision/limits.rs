//! What permits a decision: ready, fresh, complete, in range. Every reason that holds is given.

use crate::model::manifest::Policy;
use crate::types::reason;

/// What is known when a prediction is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Row, and window where one is needed, have seen enough steps.
    pub ready: bool,
    /// Newest event of role self, ns.
    pub self_known_ns: i64,
    /// Decision time, ns.
    pub decided_ns: i64,
    /// End of the bundle's training span, ns.
    pub trained_until_ns: i64,
    /// The bundle's greatest age, ns.
    pub max_age_ns: Option<i64>,
    /// A feature that must not be missing is.
    pub needed_missing: bool,
    /// A value did not fit f32.
    pub beyond_f32: bool,
    /// Features outside the trained range.
    pub out_of_range: u16,
}

/// Reason bits of data and features that fail.
#[must_use]
pub fn reasons(facts: &Facts, policy: &Policy) -> u64 {
    let age = |since: i64| facts.decided_ns.saturating_sub(since);
    let mut bits = 0;
    let mut set = |holds: bool, bit: u64| bits |= if holds { bit } else { 0 };
    set(!facts.ready, reason::NOT_READY);
    set(age(facts.self_known_ns) > policy.max_data_age_ns, reason::DATA_STALE);
    // A decision long before its data: the host's time is in another unit, or a clock went back.
    set(age(facts.self_known_ns) < -policy.max_data_age_ns, reason::CLOCK_BACK);
    set(facts.max_age_ns.is_some_and(|most| age(facts.trained_until_ns) > most), reason::BUNDLE_STALE);
    set(facts.needed_missing, reason::FEATURE_MISSING);
    set(facts.beyond_f32, reason::FEATURE_RANGE);
    set(facts.out_of_range > policy.max_out_of_range, reason::OUT_OF_RANGE);
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::PolicyKind;

    const POLICY: Policy = Policy {
        output: 0,
        kind: PolicyKind::Direction { buy_at: 0.6, sell_at: 0.4 },
        min_agreement: 0.5,
        max_out_of_range: 2,
        max_data_age_ns: 100,
        valid_for_ns: 10,
    };
    const GOOD: Facts = Facts {
        ready: true,
        self_known_ns: 1_000,
        decided_ns: 1_100,
        trained_until_ns: 500,
        max_age_ns: Some(600),
        needed_missing: false,
        beyond_f32: false,
        out_of_range: 2,
    };

    #[test]
    fn all_failing_reasons_are_set() {
        assert_eq!(reasons(&GOOD, &POLICY), 0);
        assert_eq!(reasons(&Facts { decided_ns: 900, ..GOOD }, &POLICY), 0);
        assert_eq!(reasons(&Facts { decided_ns: 899, ..GOOD }, &POLICY), reason::CLOCK_BACK);
        assert_eq!(reasons(&Facts { decided_ns: 1_101, ..GOOD }, &POLICY), reason::DATA_STALE | reason::BUNDLE_STALE);
        let bad = Facts { ready: false, needed_missing: true, beyond_f32: true, out_of_range: 3, ..GOOD };
        assert_eq!(reasons(&bad, &POLICY), reason::NOT_READY | reason::FEATURE_MISSING | reason::FEATURE_RANGE | reason::OUT_OF_RANGE);
    }
}

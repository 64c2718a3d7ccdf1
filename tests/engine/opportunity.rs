//! Opportunities: EXECUTE, WAIT and SKIP, and the edge.

use foretick::types::prediction::flag;
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, bar, by_volume, decision};
use crate::support::bundle::{Graph, Member, Options};

const WITH_EDGE: &str = "kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.7\nwait_at = 0.5\nedge = \"net\"\nmin_edge = 0.4\n";

/// P(success) = 1 / (1 + exp(1 - volume)); the edge is 1 / (1 + exp(-bias)) bps.
fn options(bias: f32) -> Options {
    let net = Member { output: "net".into(), ..Member::new("net", Graph::Logistic(vec![0.0], bias)) };
    Options { members: vec![net], amounts: vec!["net".into()], policy: Some(WITH_EDGE.into()), ..by_volume() }
}

#[test]
fn value_and_edge_decide() {
    for (bias, volume, action) in [
        (0.0, 2.0, Action::Execute),
        (-3.0, 2.0, Action::Wait),
        (0.0, 1.5, Action::Wait),
        (0.0, 1.0, Action::Wait),
        (0.0, 0.9, Action::Skip),
        (-3.0, 0.9, Action::Skip),
    ] {
        let (mut bench, track) = Bench::start(&options(bias));
        let p = bench.decide(track, &bar(bench.stream, 0, volume));
        assert_eq!((decision(&p), p.flags()), ((action, 0), flag::VALUE), "edge bias {bias}, volume {volume}");
        let net = 1.0 / (1.0 + (-f64::from(bias)).exp());
        assert!((f64::from(p.edge) - net).abs() < 1e-6 && p.size_limit.is_nan(), "{}", p.edge);
        assert!((bench.lane.details(track).unwrap().answer.expected_net - net).abs() < 1e-6);
    }
}

#[test]
fn without_an_edge_the_value_decides_alone() {
    let policy = "kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.7\nwait_at = 0.5\n";
    let (mut bench, track) = Bench::start(&Options { policy: Some(policy.into()), ..by_volume() });
    for (minute, (volume, action)) in [(2.0, Action::Execute), (1.2, Action::Wait), (0.0, Action::Skip)].into_iter().enumerate() {
        let p = bench.decide(track, &bar(bench.stream, minute as i64, volume));
        assert_eq!(decision(&p), (action, 0));
        assert!(p.edge.is_nan() && bench.lane.details(track).unwrap().answer.expected_net.is_nan());
    }
}

#[test]
fn an_edge_that_nobody_gives_abstains() {
    let failing = Member { output: "net".into(), ..Member::new("net", Graph::Ratio(1)) };
    let (mut bench, track) = Bench::start(&Options { members: vec![failing], ..options(0.0) });
    let p = bench.decide(track, &bar(bench.stream, 0, 3.0));
    assert_eq!((decision(&p), p.edge), ((Action::Execute, 0), 1.0));
    let p = bench.decide(track, &bar(bench.stream, 1, 0.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::QUORUM | reason::MODEL_OUTPUT | reason::MEMBER_FAILED));
    assert!(p.edge.is_nan() && p.flags() == flag::VALUE | flag::DEGRADED, "the probability is there all the same");
}

#[test]
fn an_edge_needs_its_quorum_and_a_model() {
    let mut options = options(0.0);
    options.members.push(Member { output: "net".into(), enabled: false, ..Member::new("off", Graph::Logistic(vec![0.0], 0.0)) });
    options.ensemble = "mix = \"probability\"\nquorum = 0.6\n".into();
    let (mut bench, track) = Bench::start(&options);
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 0, 3.0))), (Action::Abstain, reason::QUORUM));
    bench.engine.enable_member("s", "net", false).unwrap();
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 1, 3.0))), (Action::Abstain, reason::QUORUM | reason::NO_MODEL));
}

#[test]
fn the_limits_of_every_policy_hold() {
    let (mut bench, track) = Bench::start(&Options { min_agreement: 1.0, max_data_age_ms: 1, ..options(0.0) });
    bench.push(&bar(bench.stream, 0, 3.0));
    let p = bench.lane.predict(track, crate::support::bench::START_NS + 2 * crate::support::bench::MINUTE_NS).unwrap();
    assert_eq!(decision(&p), (Action::Abstain, reason::DATA_STALE));
}

//! Other members in other market phases.

use foretick::Status;
use foretick::types::prediction::{Phase, Prediction};
use foretick::types::reason;

use crate::support::bench::{Bench, bar_at};
use crate::support::bundle::{Graph, Member, Options};

/// Three members that always give 0.5, 0.95 and, failing in every row, nothing.
fn options(ensemble: &str) -> Options {
    let features = "[{ op = \"atr\", period = 14, scale = [\"relative\"] }, { op = \"sma\", period = [5, 20], scale = [\"relative\"] }, \
        { op = \"given\", field = \"none\", missing = 0.0 }]";
    let ratio = Member { weight: 2.0, ..Member::new("r", Graph::Ratio(4)) };
    let above = Member::new("a", Graph::Logistic(vec![0.0; 4], 3.0));
    let phase = "phase = { volatile_above = 0.05, trending_above = 3.0 }\n";
    Options {
        features: features.into(),
        weights: vec![0.0; 4],
        bias: 0.0,
        members: vec![above, ratio],
        ensemble: format!("mix = \"probability\"\n{phase}{ensemble}"),
        ..Options::default()
    }
}

/// The prediction of a phase that has come, and what is known of each member.
fn in_phase(options: &Options, phase: Phase) -> (Prediction, Vec<(Status, f64)>) {
    let price = |n: i64| match phase {
        Phase::Trending => 100.0 + n as f64,
        Phase::Volatile => 100.0 + 20.0 * (n % 2) as f64,
        _ => 100.0 + (n % 2) as f64,
    };
    let (mut bench, track) = Bench::start(options);
    let p = (0..620).map(|minute| bench.decide(track, &bar_at(bench.stream, minute, price(minute)))).last().unwrap();
    assert_eq!(p.phase, phase as u8);
    let members = bench.lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.weight)).collect();
    (p, members)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn members_outside_the_phases_set_are_not_run() {
    let options = options("quorum = 0.6\nsets = { trending = [\"a\"], ranging = [\"lr\", \"a\"] }\n");
    let up = 1.0 / (1.0 + (-3f64).exp());
    let (p, members) = in_phase(&options, Phase::Trending);
    assert_eq!((p.reasons, p.members_used, p.members_total), (0, 1, 3), "quorum is the share within the set");
    assert_eq!(members, [(Status::WrongState, 0.0), (Status::Ok, 1.0), (Status::WrongState, 0.0)]);
    assert!(near(p.value.into(), up) && p.agreement == 1.0);
    let (p, members) = in_phase(&options, Phase::Ranging);
    assert_eq!(members, [(Status::Ok, 0.5), (Status::Ok, 0.5), (Status::WrongState, 0.0)]);
    assert!(p.reasons == 0 && near(p.value.into(), (0.5 + up) / 2.0));
}

#[test]
fn a_phase_without_a_set_runs_all() {
    // atr is never 0 here, so x / x is a probability and no failure.
    let (p, members) = in_phase(&options("quorum = 0.6\nsets = { trending = [\"a\"] }\n"), Phase::Volatile);
    assert_eq!((p.reasons, p.members_used), (0, 3));
    assert!(members.iter().all(|(status, weight)| *status == Status::Ok && *weight > 0.0), "{members:?}");
}

#[test]
fn an_unknown_phase_runs_all() {
    let (mut bench, track) = Bench::start(&Options { features: FLAT.into(), weights: vec![0.0; 4], ..options("quorum = 0.5\nsets = { ranging = [\"a\"] }\n") });
    let p = bench.decide(track, &bar_at(bench.stream, 0, 100.0));
    assert_eq!((p.phase, p.reasons & reason::MEMBER_FAILED), (Phase::Unknown as u8, reason::MEMBER_FAILED));
    assert_eq!(bench.lane.details(track).unwrap().answer.members[0].status, Status::Ok);
}

/// The phase's features come with the caller's rows, so a track never knows its phase; the first value is 0 and `r` fails.
const FLAT: &str = "[{ op = \"given\", field = [\"atr_14\", \"sma_5\", \"sma_20\", \"none\"], missing = 0.0 }]";

#[test]
fn weights_of_the_phase_hold_within_its_set() {
    let text = "quorum = 0.6\nsets = { trending = [\"lr\", \"a\"] }\ntrending = { lr = 3.0, a = 1.0, r = 100.0 }\n";
    let (p, members) = in_phase(&options(text), Phase::Trending);
    assert_eq!((p.reasons, members[0].1, members[1].1, members[2].1), (0, 0.75, 0.25, 0.0));
}

#[test]
fn a_failure_outside_the_set_is_none_and_a_member_that_is_off_counts_within() {
    let mut options = options("quorum = 0.6\nsets = { trending = [\"lr\", \"a\"] }\n");
    options.members[0].enabled = false;
    let (p, members) = in_phase(&options, Phase::Trending);
    assert_eq!((p.reasons, p.members_used), (reason::QUORUM, 1), "half of the set's weight answered");
    assert_eq!(members.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [Status::Ok, Status::WrongState, Status::WrongState]);
    options.enabled = false;
    let (p, _) = in_phase(&options, Phase::Trending);
    assert_eq!(p.reasons, reason::QUORUM | reason::NO_MODEL, "although r could run in other phases");
}

#[test]
fn a_bundle_tells_its_sets() {
    let bench = Bench::with("");
    let described = crate::support::bench::open(&bench.engine, &options("quorum = 0.6\nsets = { trending = [\"a\"] }\n")).unwrap().describe();
    assert_eq!(described["sets"], serde_json::json!({ "trending": ["a"] }));
    assert_eq!(described["policy"]["kind"], "direction");
}

//! Several members, several outputs, calibration, phases.

use foretick::Status;
use foretick::types::prediction::{Phase, flag};
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, bar, bar_at, by_volume, decision};
use crate::support::bundle::{Graph, Member, Options};

/// A member that always gives this probability.
fn always(name: &str, probability: f32) -> Member {
    Member::new(name, Graph::Logistic(vec![0.0], (probability / (1.0 - probability)).ln()))
}

/// `lr` gives 0.5 at volume 1.
fn with(members: Vec<Member>) -> Options {
    Options { members, ..by_volume() }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn members_are_averaged_and_listed() {
    let (mut bench, track) = Bench::start(&with(vec![always("a", 0.8), always("b", 0.8)]));
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!((decision(&p), p.members_used, p.members_total), ((Action::Buy, 0), 3, 3));
    assert!(near(p.value.into(), 0.7) && near(p.agreement.into(), 1.0 - 2.0 * 0.02f64.sqrt()));
    let members = &bench.lane.details(track).unwrap().answer.members;
    assert_eq!(
        members.iter().map(|member| (member.member, member.output, member.status)).collect::<Vec<_>>(),
        [(0, 0, Status::Ok), (1, 0, Status::Ok), (2, 0, Status::Ok)]
    );
    assert!(members.iter().all(|member| near(member.weight, 1.0 / 3.0)) && near(members[0].value, 0.5));
}

#[test]
fn logits_are_averaged_where_the_manifest_says_so() {
    let ensemble = "mix = \"logit\"\nquorum = 0.5\n".to_owned();
    let (mut bench, track) = Bench::start(&Options { ensemble, ..with(vec![always("a", 0.9)]) });
    assert!(near(bench.decide(track, &bar(bench.stream, 0, 1.0)).value.into(), 0.75), "logit 0.9 / 2 is logit 0.75");
}

#[test]
fn members_that_disagree_abstain() {
    for (least, reasons) in [(0.59, 0), (0.61, reason::AGREEMENT)] {
        let (mut bench, track) = Bench::start(&Options { min_agreement: least, ..with(vec![always("a", 0.9)]) });
        let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
        assert_eq!((p.reasons, p.flags()), (reasons, flag::VALUE), "agreement is 0.6; the value stays");
    }
}

#[test]
fn a_model_that_gives_nan_abstains_without_a_value() {
    let (mut bench, track) =
        Bench::start(&Options { ensemble: "mix = \"probability\"\nquorum = 0.6\n".into(), ..with(vec![Member::new("r", Graph::Ratio(1))]) });
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert_eq!((decision(&p), p.members_used), ((Action::Buy, 0), 2), "2 / 2 is 1");
    let p = bench.decide(track, &bar(bench.stream, 1, 0.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::MEMBER_FAILED | reason::QUORUM), "half of the weight is not 0.6 of it");
    assert_eq!((p.flags(), p.members_used, p.members_total), (flag::VALUE | flag::DEGRADED, 1, 2));
}

#[test]
fn where_all_members_fail_there_is_no_value() {
    let (mut bench, track) = Bench::start(&Options { enabled: false, ..with(vec![Member::new("r", Graph::Ratio(1))]) });
    let p = bench.decide(track, &bar(bench.stream, 0, 0.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::MODEL_OUTPUT | reason::MEMBER_FAILED | reason::QUORUM));
    assert_eq!((p.flags() & flag::VALUE, p.members_used, p.backend), (0, 0, 0));
    assert!(p.value.is_nan() && p.raw.is_nan() && p.probability().is_nan() && p.agreement.is_nan());
    assert_eq!(bench.lane.counters().member_failures.get(), 1);
}

#[test]
fn without_an_enabled_member_there_is_no_model() {
    let (mut bench, track) = Bench::start(&Options { enabled: false, ..by_volume() });
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert_eq!((decision(&p), p.flags()), ((Action::Abstain, reason::NO_MODEL | reason::QUORUM), 0));
}

#[test]
fn a_failed_member_among_healthy_ones_informs_and_weights_are_renormalised() {
    let (mut bench, track) = Bench::start(&with(vec![Member::new("r", Graph::Ratio(1)), always("a", 0.8)]));
    let p = bench.decide(track, &bar(bench.stream, 0, 0.0));
    assert_eq!((decision(&p), p.flags()), ((Action::Hold, reason::MEMBER_FAILED), flag::VALUE | flag::DEGRADED));
    let lr = 1.0 / (1.0 + 1f64.exp());
    assert!(near(p.value.into(), (lr + 0.8) / 2.0));
    let members: Vec<_> =
        bench.lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.weight, member.value.is_nan())).collect();
    assert_eq!(members, [(Status::Ok, 0.5, false), (Status::ModelOutput, 0.0, true), (Status::Ok, 0.5, false)]);
}

#[test]
fn a_member_switched_off_counts_against_the_quorum() {
    let off = Member { enabled: false, ..always("a", 0.9) };
    for (quorum, reasons) in [(0.5, 0), (0.51, reason::QUORUM)] {
        let (mut bench, track) = Bench::start(&Options { ensemble: format!("mix = \"probability\"\nquorum = {quorum}\n"), ..with(vec![off.clone()]) });
        let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
        assert_eq!((p.reasons, p.flags(), p.members_used), (reasons, flag::VALUE, 1));
        assert_eq!(bench.lane.details(track).unwrap().answer.members[1].status, Status::WrongState);
    }
}

#[test]
fn calibration_changes_the_value_and_keeps_the_raw_one() {
    let platt = "[calibration]\nup = { method = \"platt\", a = 2.0, b = 0.5 }\n";
    let isotonic = "[calibration]\nup = { method = \"isotonic\", x = [0.4, 0.6], y = [0.1, 0.2] }\n";
    for (further, expected) in [(platt, 1.0 / (1.0 + (-0.5f64).exp())), (isotonic, 0.15)] {
        let (mut bench, track) = Bench::start(&Options { further: further.into(), ..by_volume() });
        let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
        assert!(near(p.raw.into(), 0.5) && near(p.value.into(), expected) && p.probability() == p.value, "{further}: {}", p.value);
        assert_eq!(p.action(), if expected > 0.5 { Action::Buy } else { Action::Sell }, "the calibrated value decides");
    }
}

#[test]
fn every_output_is_answered_and_the_policys_decides() {
    let (mut bench, track) = Bench::start(&Options { outputs: vec!["down".into()], ..with(vec![always("a", 0.9)]) });
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    let details = bench.lane.details(track).unwrap();
    let outputs: Vec<f64> = details.answer.outputs.iter().map(|output| output.value).collect();
    assert!(near(outputs[0], 0.7) && near(outputs[1], 0.5) && near(p.value.into(), 0.7), "{outputs:?}");
    let parts: Vec<_> = details.answer.members.iter().map(|member| (member.member, member.output, member.weight)).collect();
    assert_eq!(parts, [(0, 0, 0.5), (0, 1, 1.0), (1, 0, 0.5)], "weights add up to 1 for each output");
}

#[test]
fn phases_choose_the_weights() {
    let features = "[{ op = \"atr\", period = 14, scale = [\"relative\"] }, { op = \"sma\", period = [5, 20], scale = [\"relative\"] }]";
    let mut options = with(vec![Member::new("a", Graph::Logistic(vec![0.0; 3], 3.0))]);
    (options.features, options.weights, options.bias) = (features.into(), vec![0.0; 3], 0.0);
    options.ensemble = "mix = \"probability\"\nquorum = 0.1\nphase = { volatile_above = 0.05, trending_above = 3.0 }\n\
         ranging = { lr = 1.0, a = 0.0 }\ntrending = { lr = 0.0, a = 1.0 }\n"
        .into();
    let up = 1.0 / (1.0 + (-3f64).exp());
    type Price = fn(i64) -> f64;
    let cases: [(Price, Phase, f64); 3] = [
        (|n| 100.0 + (n % 2) as f64, Phase::Ranging, 0.5),
        (|n| 100.0 + n as f64, Phase::Trending, up),
        (|n| 100.0 + 20.0 * (n % 2) as f64, Phase::Volatile, (0.5 + up) / 2.0),
    ];
    for (price, phase, expected) in cases {
        let (mut bench, track) = Bench::start(&options);
        let first = bench.decide(track, &bar_at(bench.stream, 0, price(0)));
        assert_eq!(first.phase, Phase::Unknown as u8);
        let p = (1..620).map(|minute| bench.decide(track, &bar_at(bench.stream, minute, price(minute)))).last().unwrap();
        assert_eq!((p.phase, p.reasons), (phase as u8, 0), "{phase:?}");
        assert!(near(p.value.into(), expected), "{phase:?}: {}", p.value);
        let confidence = bench.lane.details(track).unwrap().answer.phase_confidence;
        assert!(confidence > 0.0 && confidence <= 1.0);
    }
}

//! Meta-models over the members' values.

use foretick::Status;
use foretick::types::prediction::flag;
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, bar, by_volume, decision, open};
use crate::support::bundle::{Graph, Member, Options};

fn always(name: &str, probability: f32) -> Member {
    Member { weight: 0.0, ..Member::new(name, Graph::Logistic(vec![0.0], (probability / (1.0 - probability)).ln())) }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// `lr` (0.5 at volume 1) and `a` (0.9) without weight of their own, and `meta` over both.
fn stacked() -> Options {
    let members = vec![always("a", 0.9), Member::over("meta", &["a.up", "lr.up"], &[2.0, -1.0], 0.5)];
    Options { weight: 0.0, members, ..by_volume() }
}

#[test]
fn a_meta_model_reads_the_values_in_the_order_of_its_list() {
    let (mut bench, track) = Bench::start(&stacked());
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    let expected = sigmoid(2.0 * 0.9 - 0.5 + 0.5);
    assert_eq!((decision(&p), p.members_used, p.members_total), ((Action::Buy, 0), 1, 3));
    assert!(near(p.value.into(), expected), "{}", p.value);
    let members: Vec<_> = bench.lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.weight)).collect();
    assert_eq!(members, [(Status::Ok, 0.0), (Status::Ok, 0.0), (Status::Ok, 1.0)]);
}

#[test]
fn a_lone_meta_model_does_not_claim_that_its_members_agree() {
    for (least, reasons) in [(0.59, 0), (0.61, reason::AGREEMENT)] {
        let (mut bench, track) = Bench::start(&Options { min_agreement: least, ..stacked() });
        let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
        assert!(near(p.agreement.into(), 1.0 - 2.0 * 0.2), "0.9 and 0.5 are 0.2 from their mean: {}", p.agreement);
        assert_eq!(p.reasons, reasons);
    }
}

#[test]
fn beside_others_a_meta_models_weight_is_shared_by_those_that_it_reads() {
    let mut options = stacked();
    options.weight = 1.0;
    let (mut bench, track) = Bench::start(&options);
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    let (own, meta) = (0.5, sigmoid(1.8));
    assert!(near(p.value.into(), (own + meta) / 2.0));
    // lr speaks with 1 + 1/2 of the weight, a with 1/2.
    let centre = 0.75 * 0.5 + 0.25 * 0.9;
    let variance: f64 = 0.75 * (0.5f64 - centre).powi(2) + 0.25 * (0.9f64 - centre).powi(2);
    assert!(near(p.agreement.into(), 1.0 - 2.0 * variance.sqrt()), "{}", p.agreement);
}

#[test]
fn a_meta_model_over_other_outputs_speaks_for_itself() {
    let down = Member { output: "down".into(), ..always("d", 0.3) };
    let options = Options {
        weight: 0.0,
        outputs: vec!["down".into()],
        members: vec![down, Member::over("meta", &["d.down", "lr.down"], &[1.0, 1.0], 0.0)],
        ..by_volume()
    };
    let mut options = options;
    options.members[0].weight = 1.0;
    let (mut bench, track) = Bench::start(&options);
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert!(near(p.value.into(), sigmoid(0.8)) && p.agreement == 1.0, "{} {}", p.value, p.agreement);
}

#[test]
fn without_a_value_that_it_reads_a_meta_model_is_left_out_as_who_owes_it() {
    let ratio = Member { weight: 0.0, ..Member::new("r", Graph::Ratio(1)) };
    let options = Options { weight: 0.0, members: vec![ratio, Member::over("meta", &["lr.up", "r.up"], &[1.0, 1.0], 0.0)], ..by_volume() };
    let (mut bench, track) = Bench::start(&options);
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert_eq!((p.reasons, p.flags()), (0, flag::VALUE));
    let p = bench.decide(track, &bar(bench.stream, 1, 0.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::MODEL_OUTPUT | reason::MEMBER_FAILED | reason::QUORUM));
    assert_eq!((p.flags(), p.members_used), (flag::DEGRADED, 0));
    let members: Vec<_> = bench.lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.value.is_nan())).collect();
    assert_eq!(members, [(Status::Ok, false), (Status::ModelOutput, true), (Status::ModelOutput, true)]);
}

#[test]
fn where_a_meta_model_is_left_out_fallback_weights_decide() {
    let ratio = Member { weight: 0.0, ..Member::new("r", Graph::Ratio(1)) };
    let meta = Member { weight: 8.0, ..Member::over("meta", &["lr.up", "r.up"], &[0.0, 0.0], -3.0) };
    for (quorum, reasons) in [(0.1, reason::MEMBER_FAILED), (0.2, reason::MEMBER_FAILED | reason::QUORUM)] {
        let options = Options { members: vec![ratio.clone(), meta.clone()], ensemble: format!("mix = \"probability\"\nquorum = {quorum}\n"), ..by_volume() };
        let (mut bench, track) = Bench::start(&options);
        let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
        assert!(near(p.value.into(), (sigmoid(1.0) + 8.0 * sigmoid(-3.0)) / 9.0));
        let p = bench.decide(track, &bar(bench.stream, 1, 0.0));
        assert_eq!((p.reasons, p.members_used), (reasons, 1), "1 of 9 shares answered");
        assert!(near(p.value.into(), sigmoid(-1.0)));
    }
}

#[test]
fn a_member_that_is_off_takes_its_meta_model_along_and_that_is_no_failure() {
    let mut options = stacked();
    options.members[0].enabled = false;
    let (mut bench, track) = Bench::start(&options);
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!((decision(&p), p.flags()), ((Action::Abstain, reason::QUORUM), 0));
    let members: Vec<_> = bench.lane.details(track).unwrap().answer.members.iter().map(|member| member.status).collect();
    assert_eq!(members, [Status::Ok, Status::WrongState, Status::WrongState]);
    bench.engine.enable_member("s", "a", true).unwrap();
    assert_eq!(bench.decide(track, &bar(bench.stream, 1, 1.0)).reasons, 0);
}

#[test]
fn amounts_are_read_as_they_are() {
    let net = Member { output: "net".into(), ..always("net", 0.25) };
    let meta = Member::over("meta", &["net.net"], &[4.0], 0.0);
    let mut options = Options { weight: 0.0, amounts: vec!["net".into()], members: vec![net, meta], ..by_volume() };
    options.members[0].weight = 1.0;
    let (mut bench, track) = Bench::start(&options);
    assert!(near(bench.decide(track, &bar(bench.stream, 0, 1.0)).value.into(), sigmoid(1.0)));
}

#[test]
fn a_meta_model_over_a_window_model_is_checked_by_golden_rows_where_the_window_is_full() {
    let window = Member { weight: 0.0, ..Member::new("w", Graph::Logistic(vec![0.1; 3], 0.0)) };
    let options = Options { weight: 0.0, window: 3, members: vec![window, Member::over("meta", &["w.up"], &[1.0], 0.0)], ..by_volume() };
    let bench = Bench::with("");
    let bundle = open(&bench.engine, &options).unwrap();
    assert_eq!(bundle.members[2].worst.checked + 2, bundle.members[0].worst.checked, "the first two rows fill the window");
    assert!(bundle.members[2].worst.share < 1.0);
}

#[test]
fn a_bundle_tells_what_its_meta_model_reads() {
    let bench = Bench::with("");
    let described = open(&bench.engine, &stacked()).unwrap().describe();
    assert_eq!(described["members"][2]["input"], "members");
    assert_eq!(described["members"][2]["reads"], serde_json::json!(["a.up", "lr.up"]));
    assert_eq!((&described["members"][0]["input"], described["members"][0].get("reads")), (&serde_json::json!("row"), None));
}

//! What is missing, out of range, beyond f32; books.

use foretick::types::event::Bar;
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, MINUTE_NS, START_NS, bar, by_volume, decision, quote};
use crate::support::bundle::Options;

/// P(up) by the order flow, which is missing while the taker's side is not known.
fn by_flow(missing: &str) -> Options {
    Options { features: format!("[{{ op = \"order_flow_ratio\", period = 1{missing} }}]"), weights: vec![1.0], bias: 0.0, ..Options::default() }
}

fn taker_bar(stream: u32, minute: i64) -> Bar {
    Bar { known: 2, taker_buy: 0.8, taker_sell: 0.2, ..bar(stream, minute, 1.0) }
}

#[test]
fn a_missing_feature_abstains_where_the_schema_says_so() {
    let (mut bench, track) = Bench::start(&by_flow(""));
    assert_eq!(decision(&bench.decide(track, &taker_bar(bench.stream, 0))), (Action::Buy, 0));
    let p = bench.decide(track, &bar(bench.stream, 1, 1.0));
    assert_eq!((decision(&p), p.missing, p.members_used), ((Action::Abstain, reason::FEATURE_MISSING), 1, 0));
    assert!(p.value.is_nan());
    assert_eq!(bench.lane.details(track).unwrap().answer.valid, [0]);
}

#[test]
fn a_missing_feature_with_a_number_is_that_number() {
    let (mut bench, track) = Bench::start(&by_flow(", missing = -2.0"));
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!((decision(&p), p.missing), ((Action::Sell, 0), 1));
    assert!((f64::from(p.value) - 1.0 / (1.0 + 2f64.exp())).abs() < 1e-6);
    assert_eq!(bench.lane.row(track).unwrap().scaled, [0.0], "the row itself stays 0 with its bit off");
}

#[test]
fn more_than_the_permitted_features_out_of_range_abstain() {
    let features = "[{ op = \"volume\" }, { op = \"momentum\", period = 1, scale = [\"zscore\"] }]";
    let base = Options { features: features.into(), weights: vec![1.0, 0.0], bias: 0.0, trained: (-1.0, 3.0), ..Options::default() };
    for (most, reasons) in [(0, reason::OUT_OF_RANGE), (1, 0)] {
        let (mut bench, track) = Bench::start(&Options { max_out_of_range: Some(most), ..base.clone() });
        bench.decide(track, &bar(bench.stream, 0, 1.0));
        let p = bench.decide(track, &bar(bench.stream, 1, 3.0));
        assert_eq!((p.reasons, p.out_of_range), (0, 0), "the edge is inside");
        let p = bench.decide(track, &bar(bench.stream, 2, 3.1));
        assert_eq!((p.reasons, p.out_of_range), (reasons, 1));
    }
}

#[test]
fn a_value_beyond_f32_is_no_infinity_but_a_reason() {
    let (mut bench, track) = Bench::start(&by_volume());
    for (minute, volume, reasons) in [
        (0, 3.4e38, 0),
        (1, 3.5e38, reason::FEATURE_RANGE | reason::FEATURE_MISSING),
        (2, f64::MAX, reason::FEATURE_RANGE | reason::FEATURE_MISSING),
        (3, 1.0, 0),
    ] {
        let p = bench.decide(track, &bar(bench.stream, minute, volume));
        assert_eq!(p.reasons & !reason::OUT_OF_RANGE, reasons, "volume {volume}");
        assert!(bench.lane.row(track).unwrap().scaled[0].is_finite());
    }
}

#[test]
fn books_that_are_crossed_or_missing_inform() {
    let features = "[{ op = \"spread_ratio\", missing = 0.0 }]";
    let (mut bench, track) = Bench::start(&Options { features: features.into(), weights: vec![1.0], bias: 2.0, ..Options::default() });
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 0, 1.0))), (Action::Buy, reason::NO_BOOK));
    bench.push(&quote(bench.stream, 61_000, 101.0, 99.0));
    let p = bench.decide(track, &bar(bench.stream, 1, 1.0));
    assert_eq!((decision(&p), bench.lane.row(track).unwrap().raw[0]), ((Action::Buy, reason::CROSSED_BOOK), -0.02));
    bench.push(&quote(bench.stream, 121_000, 99.0, 101.0));
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 2, 1.0))), (Action::Buy, 0));
}

#[test]
fn a_book_older_than_the_schema_allows_is_none() {
    let sampler = "kind = \"bar\"\ninterval_ms = 60_000\nprice = \"trade\"\nmax_book_age_ms = 60_000\n";
    let features = "[{ op = \"spread_ratio\" }]";
    let (mut bench, track) = Bench::start(&Options { sampler: sampler.into(), features: features.into(), weights: vec![1.0], bias: 2.0, ..Options::default() });
    bench.push(&quote(bench.stream, 0, 99.0, 101.0));
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 0, 1.0))), (Action::Buy, 0));
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 1, 1.0))), (Action::Abstain, reason::NO_BOOK | reason::FEATURE_MISSING));
}

#[test]
fn a_rolling_score_that_overflows_is_a_reason_and_passes() {
    let (mut bench, track) = Bench::start(&Options { features: "[{ op = \"volume\", scale = [\"rolling_zscore(4)\"] }]".into(), ..by_volume() });
    let mut reasons = Vec::new();
    for minute in 0..20 {
        let volume = if minute == 5 { 1e200 } else { 1.0 + (minute % 2) as f64 };
        reasons.push(bench.decide(track, &bar(bench.stream, minute, volume)).reasons);
    }
    assert_eq!(reasons[4], 0);
    assert!(reasons[5..9].iter().all(|bits| bits & reason::FEATURE_RANGE != 0), "while it is in the window: {reasons:x?}");
    assert!(reasons[12..].iter().all(|bits| *bits == 0), "and no longer than until the sums are made anew: {reasons:x?}");
}

#[test]
fn a_new_generation_brings_its_own_trained_range() {
    let (mut bench, track) = Bench::start(&Options { trained: (0.0, 1.0), max_out_of_range: Some(0), ..by_volume() });
    assert_eq!(bench.decide(track, &bar(bench.stream, 0, 2.0)).out_of_range, 1);
    bench.push(&bar(bench.stream, 1, 2.0));
    bench.publish(&Options { trained: (0.0, 5.0), max_out_of_range: Some(0), version: 2, ..by_volume() }).unwrap();
    let p = bench.lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap();
    assert_eq!((p.generation, p.out_of_range, decision(&p)), (2, 0, (Action::Buy, 0)), "for the step that was closed already");
    let p = bench.decide(track, &bar(bench.stream, 2, 6.0));
    assert_eq!((p.out_of_range, p.reasons), (1, reason::OUT_OF_RANGE), "and for the next");
}

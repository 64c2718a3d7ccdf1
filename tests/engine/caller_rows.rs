//! Rows that the caller gives.

use foretick::types::prediction::{Phase, flag};
use foretick::types::{Action, Prediction, reason};
use foretick::{Result, Status};

use crate::support::bench::{Bench, MINUTE_NS, START_NS, bar, by_volume, decision};
use crate::support::bundle::{Graph, Member, Options};

/// P(up) = 1 / (1 + exp(-(gas + 2 depth))) over the scaled values; every statistic is mean 0, deviation 1, range -1 to 1.
fn given() -> Options {
    let features = "[{ op = \"given\", field = \"gas\", scale = [\"zscore\"] }, { op = \"given\", field = \"depth\", scale = [\"minmax\"] }]";
    Options { features: features.into(), weights: vec![1.0, 2.0], bias: 0.0, max_out_of_range: Some(0), ..Options::default() }
}

const NOW_NS: i64 = START_NS + 5 * MINUTE_NS;

fn value_of(row: [f64; 2]) -> f64 {
    1.0 / (1.0 + (-(row[0] + 2.0 * (row[1] + 1.0) / 2.0)).exp())
}

#[test]
fn a_row_is_scaled_and_decided() {
    let (mut bench, track) = Bench::start(&given());
    for row in [[2.0, 0.5], [-3.0, -0.5], [-0.0, -1.0]] {
        let p = bench.lane.predict_row(track, &row, NOW_NS).unwrap();
        let expected = value_of(row);
        assert!((f64::from(p.value) - expected).abs() < 1e-6, "{row:?}: {}", p.value);
        let action = if expected >= 0.55 {
            Action::Buy
        } else if expected <= 0.45 {
            Action::Sell
        } else {
            Action::Hold
        };
        assert_eq!((decision(&p), p.flags(), p.missing), ((action, 0), flag::VALUE, 0));
        assert_eq!((p.known_ns, p.decided_ns, p.valid_until_ns, p.step), (NOW_NS, NOW_NS, NOW_NS + MINUTE_NS, 0));
    }
    assert_eq!(bench.lane.counters().predictions.get(), 3);
}

#[test]
fn the_caller_vouches_for_age_and_readiness() {
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = \"rsi\", period = 14, scale = [\"zscore\"] }]";
    let options = Options { features: features.into(), weights: vec![1.0, 0.0], bias: -1.0, max_data_age_ms: 1, ..Options::default() };
    let (mut bench, track) = Bench::start(&options);
    assert_eq!(decision(&bench.lane.predict(track, NOW_NS).unwrap()), (Action::Abstain, reason::NOT_READY | reason::DATA_STALE));
    assert_eq!(decision(&bench.lane.predict_row(track, &[3.0, 50.0], NOW_NS).unwrap()), (Action::Buy, 0), "a track's own features may be given too");
}

#[test]
fn in_a_tracks_own_rows_given_values_are_missing() {
    let (mut bench, track) = Bench::start(&given());
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!((decision(&p), p.missing), ((Action::Abstain, reason::FEATURE_MISSING), 2));
    let features = given().features.replace("field", "missing = 1.5, field");
    let (mut bench, track) = Bench::start(&Options { features, ..given() });
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert!((f64::from(p.value) - 1.0 / (1.0 + (-4.5f64).exp())).abs() < 1e-6 && p.reasons == 0, "unless the schema has a number for them");
}

#[test]
fn a_missing_value_follows_the_schema() {
    let (mut bench, track) = Bench::start(&given());
    let p = bench.lane.predict_row(track, &[f64::NAN, 0.0], NOW_NS).unwrap();
    assert_eq!((decision(&p), p.missing), ((Action::Abstain, reason::FEATURE_MISSING), 1));
    assert_eq!(bench.lane.details(track).unwrap().answer.valid, [0b10]);
    let features = given().features.replacen("field", "missing = 0.25, field", 1);
    let (mut bench, track) = Bench::start(&Options { features, ..given() });
    let p = bench.lane.predict_row(track, &[f64::NAN, 0.0], NOW_NS).unwrap();
    assert!((f64::from(p.value) - 1.0 / (1.0 + (-(0.25 + 1.0f64)).exp())).abs() < 1e-6, "a number in the scaled unit");
    assert_eq!((p.reasons, p.missing), (0, 1));
}

#[test]
fn values_out_of_range_or_beyond_f32_are_reasons() {
    let (mut bench, track) = Bench::start(&Options { trained: (-5.0, 5.0), ..given() });
    let p = bench.lane.predict_row(track, &[6.0, 0.0], NOW_NS).unwrap();
    assert_eq!((p.reasons, p.out_of_range), (reason::OUT_OF_RANGE, 1));
    let p = bench.lane.predict_row(track, &[1e300, 0.0], NOW_NS).unwrap();
    assert_eq!((p.reasons, p.value.is_nan()), (reason::FEATURE_RANGE | reason::FEATURE_MISSING, true));
}

#[track_caller]
fn refused(result: Result<Prediction>, status: Status, text: &str) {
    let error = result.unwrap_err();
    assert!(error.status() == status && error.text().contains(text), "{error}");
}

#[test]
fn wrong_rows_are_refused_and_change_nothing() {
    let (mut bench, track) = Bench::start(&given());
    refused(bench.lane.predict_row(track, &[1.0], NOW_NS), Status::Shape, "the row has 1 values, tiny v1 has 2 features");
    refused(bench.lane.predict_row(track, &[1.0; 3], NOW_NS), Status::Shape, "3 values");
    refused(bench.lane.predict_row(track, &[1.0, f64::INFINITY], NOW_NS), Status::NotFinite, "row[1] (depth) is infinite");
    refused(bench.lane.predict_row(track, &[f64::NEG_INFINITY, 1.0], NOW_NS), Status::NotFinite, "row[0] (gas)");
    refused(bench.lane.predict_row(track, &[1.0, 1.0], 0), Status::InvalidArgument, "now_ns");
    assert_eq!(bench.lane.counters().predictions.get(), 0);
    assert_eq!(bench.lane.details(track).unwrap_err().status(), Status::NoPrediction);
    assert_eq!(bench.lane.predict_row(track, &[1.0, 1.0], NOW_NS).unwrap().id_counter, 1);
}

#[test]
fn bundles_that_need_a_tracks_steps_take_no_rows() {
    let features = |scale: &str| format!("[{{ op = \"volume\", scale = [{scale}] }}]");
    for (scale, expected) in
        [("\"relative\", \"zscore\"", "feature volume is scaled by relative"), ("\"rolling_zscore(4)\"", "volume is scaled by rolling_zscore(4)")]
    {
        let (mut bench, track) = Bench::start(&Options { features: features(scale), ..by_volume() });
        refused(bench.lane.predict_row(track, &[1.0], NOW_NS), Status::Contract, expected);
    }
    let window = Member::new("w", Graph::Logistic(vec![0.1; 4], 0.0));
    let (mut bench, track) = Bench::start(&Options { members: vec![window], ..by_volume() });
    refused(bench.lane.predict_row(track, &[1.0], NOW_NS), Status::Contract, "model w reads a window of 4 rows");
}

#[test]
fn a_row_leaves_the_tracks_own_step_as_it_is() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 2.0));
    let of_row = bench.lane.predict_row(track, &[0.0], NOW_NS).unwrap();
    assert_eq!((decision(&of_row), bench.lane.waiting()), ((Action::Sell, 0), 1), "the step is still due");
    assert!(bench.lane.details(track).unwrap().answer.prediction.same_decision(&of_row));
    let own = bench.lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!((decision(&own), own.flags(), own.id_counter, bench.lane.waiting()), ((Action::Buy, 0), flag::VALUE, 2, 0));
    let again = bench.lane.predict_row(track, &[0.0], NOW_NS).unwrap();
    assert_eq!((decision(&again), again.flags(), again.id_counter), ((Action::Sell, 0), flag::VALUE, 3), "a row is no repeat");
    let repeated = bench.lane.predict(track, NOW_NS).unwrap();
    assert_eq!(
        (decision(&repeated), repeated.flags(), repeated.id_counter),
        ((Action::Buy, 0), flag::VALUE | flag::REPEAT, 2),
        "the step's own answer comes again"
    );
    let repeated = bench.lane.predict(track, NOW_NS).unwrap();
    assert_eq!((repeated.flags(), bench.lane.counters().predictions.get()), (flag::VALUE | flag::REPEAT, 3));
    assert_eq!(bench.lane.details(track).unwrap().answer.prediction.id_counter, 3, "details are those of the newest prediction that was made");
}

#[test]
fn reasons_that_wait_for_the_tracks_own_step_stay_there() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 2.0));
    bench.push(&bar(bench.stream, 2, 2.0));
    assert_eq!(bench.lane.predict_row(track, &[2.0], NOW_NS).unwrap().reasons, 0);
    assert_eq!(bench.lane.predict(track, START_NS + 3 * MINUTE_NS).unwrap().reasons, reason::GAP);
}

#[test]
fn a_rows_phase_needs_its_features_and_a_close() {
    let features = "[{ op = \"given\", field = [\"atr_14\", \"sma_5\", \"sma_20\"], missing = 0.0 }]";
    let ensemble = "mix = \"probability\"\nquorum = 0.1\nphase = { volatile_above = 0.05, trending_above = 3.0 }\n";
    let options = Options { features: features.into(), weights: vec![0.0; 3], bias: 2.0, ensemble: ensemble.into(), ..Options::default() };
    let (mut bench, track) = Bench::start(&options);
    let phase = |bench: &mut Bench, row: [f64; 3]| bench.lane.predict_row(track, &row, NOW_NS).unwrap().phase;
    assert_eq!(phase(&mut bench, [10.0, 100.0, 100.0]), Phase::Unknown as u8, "no close is known");
    bench.push(&bar(bench.stream, 0, 1.0));
    assert_eq!(phase(&mut bench, [10.0, 100.0, 100.0]), Phase::Volatile as u8);
    assert_eq!(phase(&mut bench, [1.0, 105.0, 100.0]), Phase::Trending as u8);
    assert_eq!(phase(&mut bench, [1.0, 101.0, 100.0]), Phase::Ranging as u8);
    assert_eq!(phase(&mut bench, [f64::NAN, 101.0, 100.0]), Phase::Unknown as u8);
}

#[test]
fn an_old_bundle_is_stale_for_rows_too_and_a_swap_is_seen() {
    let (mut bench, track) = Bench::start(&Options { max_age: "1h".into(), ..by_volume() });
    assert_eq!(bench.lane.predict_row(track, &[2.0], NOW_NS).unwrap().reasons, reason::BUNDLE_STALE);
    let generation = bench.publish(&Options { bias: -3.0, version: 2, ..by_volume() }).unwrap();
    let p = bench.lane.predict_row(track, &[2.0], NOW_NS).unwrap();
    assert_eq!((decision(&p), p.generation), ((Action::Sell, 0), generation));
    let in_sample = bench.lane.predict_row(track, &[2.0], 1_580_000_000_000_000_000).unwrap();
    assert_eq!(in_sample.reasons, reason::IN_SAMPLE);
}

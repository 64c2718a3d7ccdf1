//! From bars to decisions, the record's head, readiness, repeats.

use foretick::Status;
use foretick::engine::TRACK_ANY_STREAM;
use foretick::types::prediction::{backend, flag, rung};
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, MINUTE_NS, START_NS, bar, bar_at, by_volume, decision};
use crate::support::bundle::Options;

#[test]
fn thresholds_decide_buy_sell_and_hold() {
    let (mut bench, track) = Bench::start(&by_volume());
    for (minute, (volume, action)) in [(2.0, Action::Buy), (0.0, Action::Sell), (1.0, Action::Hold), (1.3, Action::Buy)].into_iter().enumerate() {
        let prediction = bench.decide(track, &bar(bench.stream, minute as i64, volume));
        assert_eq!(decision(&prediction), (action, 0), "volume {volume}");
        let expected = 1.0 / (1.0 + (1.0 - volume).exp());
        assert!((f64::from(prediction.value) - expected).abs() < 1e-6 && prediction.probability() == prediction.value);
    }
    let counters = bench.lane.counters();
    assert_eq!((counters.predictions.get(), counters.decisions.get(), counters.abstentions.get(), counters.unasked.get()), (4, 4, 0, 0));
}

#[test]
fn the_head_of_a_prediction_is_complete() {
    let mut bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let generation = bench.publish(&Options { members: vec![], ..by_volume() }).unwrap();
    let other = bench.engine.add_stream("test:B", "").unwrap();
    bench.lane.open_track("s", &[other], 0).unwrap();
    let track = bench.track();
    let mut second = bench.engine.open_lane("").unwrap();
    let far = second.open_track("s", &[bench.stream], 0).unwrap();
    bench.decide(track, &bar(bench.stream, 0, 2.0));
    bench.push(&bar(bench.stream, 1, 2.0));
    let known_ns = START_NS + 2 * MINUTE_NS;
    let p = bench.lane.predict(track, known_ns + 5).unwrap();
    assert_eq!((p.id_counter, p.step, p.track, p.slot, p.generation), (2, 1, 1, 0, generation));
    assert_eq!((p.known_ns, p.decided_ns, p.valid_until_ns), (known_ns, known_ns + 5, known_ns + MINUTE_NS));
    assert_eq!((p.members_used, p.members_total, p.rung, p.backend, p.batch), (1, 1, rung::CHAMPION, backend::NATIVE, 1));
    assert_eq!((p.flags(), (p.signal >> 16) as u16, p.phase, p.missing, p.out_of_range), (flag::VALUE, 1, 0, 0, 0));
    assert_eq!((p.raw, p.agreement, p.stamp, p.queue_ns, p.compute_ns, p.reserved), (p.value, 1.0, 0, 0, 0, 0));
    assert!(p.edge.is_nan() && p.size_limit.is_nan() && p.id_epoch > 0);
    let p = second.predict(far, 1).unwrap();
    assert_eq!((p.id_counter, p.track), (1 << 48 | 1, 2), "lane 1, its first prediction");
}

#[test]
fn asking_again_repeats_and_counts_nothing() {
    let (mut bench, track) = Bench::start(&by_volume());
    let first = bench.decide(track, &bar(bench.stream, 0, 2.0));
    let again = bench.lane.predict(track, first.decided_ns + MINUTE_NS).unwrap();
    assert_eq!(again.flags(), first.flags() | flag::REPEAT);
    assert_eq!((again.id_counter, again.decided_ns, again.reasons, again.value), (first.id_counter, first.decided_ns, 0, first.value));
    assert_eq!((bench.lane.counters().predictions.get(), bench.lane.waiting()), (1, 0));
    let next = bench.decide(track, &bar(bench.stream, 1, 2.0));
    assert_eq!((next.id_counter, next.flags()), (2, flag::VALUE), "a repeat does not stick and takes no number");
}

#[test]
fn before_the_first_step_everything_is_missing_but_the_record_is_whole() {
    let (mut bench, track) = Bench::start(&by_volume());
    assert_eq!(bench.lane.details(track).unwrap_err().status(), Status::NoPrediction);
    let p = bench.lane.predict(track, START_NS).unwrap();
    assert_eq!(decision(&p), (Action::Abstain, reason::NOT_READY | reason::DATA_STALE));
    assert_eq!((p.step, p.known_ns, p.flags(), p.members_used, p.valid_until_ns), (0, 0, 0, 0, 0));
    assert!(p.value.is_nan() && p.probability().is_nan() && p.raw.is_nan() && p.agreement.is_nan());
    assert_eq!(bench.lane.row(track).map(|row| row.number).unwrap_err().status(), Status::NoPrediction);
}

/// The first minute at which the bundle decides, bars coming without a gap.
fn ready_at(options: &Options) -> i64 {
    let (mut bench, track) = Bench::start(options);
    let at = (0..700).find(|minute| {
        let p = bench.decide(track, &bar_at(bench.stream, *minute, 100.0 + (*minute % 3) as f64));
        let ready = p.reasons & reason::NOT_READY == 0;
        assert_eq!(ready, p.action() != Action::Abstain, "nothing else abstains: {:x}", p.reasons);
        ready
    });
    at.unwrap_or(-1)
}

#[test]
fn a_row_is_ready_at_the_larger_of_first_and_converge() {
    let feature = |list: &str| Options { features: format!("[{list}]"), weights: vec![0.1], bias: 0.0, ..Options::default() };
    assert_eq!(ready_at(&feature("{ op = \"volume\", scale = [\"zscore\"] }")), 0);
    assert_eq!(ready_at(&feature("{ op = \"momentum\", period = 7, scale = [\"zscore\"] }")), 7);
    assert_eq!(ready_at(&feature("{ op = \"sma\", period = 5, scale = [\"rolling_zscore(10)\"] }")), 4 + 9);
    assert_eq!(ready_at(&feature("{ op = \"rsi\", period = 14, scale = [\"zscore\"] }")), 600, "converge is above first");
}

#[test]
fn a_window_is_ready_when_all_its_rows_are() {
    let rows = crate::support::bundle::Member::new("w", crate::support::bundle::Graph::Logistic(vec![0.1; 6], 0.0));
    let options = Options {
        features: "[{ op = \"momentum\", period = 2, scale = [\"zscore\"] }]".into(),
        weights: vec![0.1],
        window: 6,
        members: vec![rows],
        ..Options::default()
    };
    assert_eq!(ready_at(&Options { members: vec![], ..options.clone() }), 2, "a row model needs its row only");
    assert_eq!(ready_at(&options), 2 + 5);
}

#[test]
fn old_data_is_stale_by_the_time_of_the_decision() {
    let (mut bench, track) = Bench::start(&by_volume());
    for (minute, late, stale) in [(0, 120_000_000_000, false), (1, 120_000_000_001, true)] {
        bench.push(&bar(bench.stream, minute, 2.0));
        let p = bench.lane.predict(track, START_NS + (minute + 1) * MINUTE_NS + late).unwrap();
        assert_eq!(p.reasons, if stale { reason::DATA_STALE } else { 0 });
        assert_eq!(p.flags(), flag::VALUE, "the value is there all the same");
    }
}

#[test]
fn an_old_bundle_is_stale_and_its_training_span_is_flagged() {
    let trained_until_ns = 1_580_515_200_000_000_000;
    let age_h = (START_NS + MINUTE_NS - trained_until_ns) / 3_600_000_000_000;
    let (mut bench, track) = Bench::start(&Options { max_age: format!("{age_h}h"), ..by_volume() });
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::BUNDLE_STALE));
    let (mut bench, track) = Bench::start(&Options { max_age: format!("{}h", age_h + 1), ..by_volume() });
    assert_eq!(bench.decide(track, &bar(bench.stream, 0, 2.0)).reasons, 0);
    let (mut bench, track) = Bench::start(&by_volume());
    for (open_ns, inside) in [(trained_until_ns - 2 * MINUTE_NS, true), (trained_until_ns - MINUTE_NS, false)] {
        let mut event = bar(bench.stream, 0, 2.0);
        (event.open_ns, event.head.known_ns, event.head.seq) = (open_ns, open_ns + MINUTE_NS, 0);
        let p = bench.decide(track, &event);
        assert_eq!(decision(&p), (Action::Buy, if inside { reason::IN_SAMPLE } else { 0 }), "the span is half open");
        assert_eq!(p.flags() & flag::IN_SAMPLE != 0, inside);
    }
}

#[test]
fn other_streams_need_the_flag_which_every_prediction_carries() {
    let mut bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let other = bench.engine.add_stream("elsewhere:A", "").unwrap();
    let error = bench.lane.open_track("s", &[other], 0).unwrap_err();
    assert!(error.status() == Status::Scope && error.text().contains("elsewhere:A") && error.text().contains("test:*"), "{error}");
    assert_eq!(bench.lane.open_track("s", &[other], 2).unwrap_err().status(), Status::InvalidArgument);
    let track = bench.lane.open_track("s", &[other], TRACK_ANY_STREAM).unwrap();
    for minute in 0..2 {
        let p = bench.decide(track, &bar(other, minute, 2.0));
        assert_eq!((decision(&p), p.flags()), ((Action::Buy, reason::OUT_OF_SCOPE), flag::VALUE | flag::OUT_OF_SCOPE));
    }
    let known = bench.lane.open_track("s", &[bench.stream], TRACK_ANY_STREAM).unwrap();
    assert_eq!(bench.decide(known, &bar(bench.stream, 2, 2.0)).reasons, 0, "the flag alone is no reason");
}

#[test]
fn the_hosts_clock_must_be_given() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 2.0));
    for now_ns in [0, -1, i64::MIN] {
        let error = bench.lane.predict(track, now_ns).unwrap_err();
        assert!(error.status() == Status::InvalidArgument && error.text().contains("now_ns"), "{error}");
    }
    assert_eq!((bench.lane.waiting(), bench.lane.counters().predictions.get()), (1, 0), "a wrong call changes nothing");
    assert_eq!(bench.lane.predict(track, i64::MAX).unwrap().reasons, reason::DATA_STALE);
}

//! Late, duplicate, backward and missing events; marks; batches that stop at a step.

use foretick::types::event::{MARK_ADVANCE, MARK_GAP, MARK_PREDICT, MARK_RESET, Mark, Record};
use foretick::types::{Action, Flow, reason};
use foretick::{Error, Status};

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, by_time, by_volume, decision, quote, stream_of, trade};
use crate::support::bundle::Options;

fn mark(code: u32, argument: i64) -> Mark {
    Mark { code, track: u32::MAX, argument, ..Mark::of(0, START_NS) }
}

#[test]
fn skipped_events_are_taken_counted_and_carried_by_the_next_prediction() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 1, 2.0));
    let mut same = quote(bench.stream, 130_000, 1.0, 2.0);
    same.head.seq = 7;
    assert_eq!(bench.push(&same).skipped, 0);
    let flow = bench.push(&same);
    assert_eq!((flow.taken, flow.skipped, flow.reasons, flow.closed), (1, 1, reason::DUPLICATE, 0));
    let flow = bench.push(&quote(bench.stream, 129_999, 1.0, 2.0));
    assert_eq!((flow.skipped, flow.reasons), (1, reason::CLOCK_BACK));
    bench.lane.advance(START_NS + 131_000 * MS).unwrap();
    let flow = bench.push(&quote(bench.stream, 131_000, 1.0, 2.0));
    assert_eq!((flow.skipped, flow.reasons), (1, reason::LATE_EVENT));
    let p = bench.lane.predict(track, START_NS + 131_000 * MS).unwrap();
    assert_eq!(decision(&p), (Action::Abstain, reason::DUPLICATE | reason::CLOCK_BACK | reason::LATE_EVENT), "only a clock that went back abstains");
    assert_eq!((bench.lane.counters().skipped.get(), bench.lane.counters().events.get()), (3, 2));
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 2, 2.0))), (Action::Buy, 0), "the bits are cleared");
}

#[test]
fn missing_bars_are_a_gap_and_too_many_a_restart() {
    let sampler = "kind = \"bar\"\ninterval_ms = 60_000\nprice = \"trade\"\nreset_after = 3\n";
    let features = "[{ op = \"momentum\", period = 2, scale = [\"relative\", \"zscore\"] }, { op = \"volume\", scale = [\"zscore\"] }]";
    let options = Options { sampler: sampler.into(), features: features.into(), ..Options::default() };
    let (mut bench, track) = Bench::start(&options);
    for minute in 0..2 {
        bench.decide(track, &bar(bench.stream, minute, 1.0));
    }
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 2, 1.0))).1, 0);
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 5, 1.0))), (Action::Buy, reason::GAP), "two are missing");
    assert_eq!(bench.lane.counters().gaps.get(), 2);
    let p = bench.decide(track, &bar(bench.stream, 9, 1.0));
    assert_eq!(decision(&p), (Action::Abstain, reason::GAP | reason::NOT_READY | reason::FEATURE_MISSING), "three are missing");
    assert_eq!((p.step, bench.lane.counters().gaps.get(), bench.lane.counters().restarts.get()), (4, 5, 1), "the step never goes back");
    bench.decide(track, &bar(bench.stream, 10, 1.0));
    assert_eq!(decision(&bench.decide(track, &bar(bench.stream, 11, 1.0))), (Action::Buy, 0), "ready two steps after the restart");
}

#[test]
fn marks_are_events() {
    let (mut bench, track) = Bench::start(&by_time());
    bench.push(&trade(bench.stream, 10, 2.0));
    let flow = bench.push(&mark(MARK_ADVANCE, START_NS + 100 * MS));
    assert_eq!(flow, Flow { taken: 1, closed: 1, waiting: 1, ..Flow::default() });
    assert_eq!(bench.push(&mark(MARK_PREDICT, START_NS)), Flow { taken: 1, waiting: 1, ..Flow::default() });
    bench.push(&mark(MARK_GAP, 12));
    let p = bench.lane.predict(track, START_NS + 100 * MS).unwrap();
    assert_eq!((decision(&p), bench.lane.counters().gaps.get()), ((Action::Buy, reason::GAP), 12));
    let flow = bench.push(&trade(bench.stream, 100, 2.0));
    assert_eq!((flow.skipped, flow.reasons), (1, reason::LATE_EVENT), "the mark was a promise");
    bench.push(&mark(MARK_RESET, 0));
    assert_eq!((bench.lane.counters().restarts.get(), bench.lane.row(track).is_err()), (1, true));
    bench.push(&trade(bench.stream, 150, 2.0));
    bench.push(&mark(MARK_ADVANCE, START_NS + 200 * MS));
    let p = bench.lane.predict(track, START_NS + 200 * MS).unwrap();
    assert_eq!((decision(&p), p.step), ((Action::Buy, reason::GAP | reason::LATE_EVENT), 1), "steps count on over a reset");
}

#[test]
fn a_mark_for_one_track_leaves_the_others() {
    let (mut bench, first) = Bench::start(&by_volume());
    let second = bench.track();
    bench.push(&bar(bench.stream, 0, 2.0));
    bench.push(&Mark { track: second.number, ..mark(MARK_GAP, 1) });
    let now_ns = START_NS + MINUTE_NS;
    assert_eq!([first, second].map(|track| bench.lane.predict(track, now_ns).unwrap().reasons), [0, reason::GAP]);
    bench.push(&Mark { track: first.number, ..mark(MARK_RESET, 0) });
    assert!(bench.lane.row(first).is_err() && bench.lane.row(second).is_ok());
}

#[test]
fn a_batch_stops_at_the_event_that_closes_a_step_and_at_one_that_is_refused() {
    let (mut bench, _) = Bench::start(&by_volume());
    let stream = bench.stream;
    let mut bad = trade(stream, 300_000, 1.0);
    bad.price = f64::NAN;
    let events =
        stream_of(&[&quote(stream, 1, 1.0, 2.0), &bar(stream, 0, 1.0), &bar(stream, 1, 1.0), &quote(stream, 200_000, 1.0, 2.0), &bad, &bar(stream, 9, 1.0)]);
    let mut rest = &events[..];
    let mut taken = Vec::new();
    while let Ok(flow) = bench.lane.push(rest) {
        taken.push((flow.taken, flow.closed));
        rest = &rest[flow.taken as usize..];
    }
    assert_eq!(taken, [(3, 1), (2, 1), (1, 0)], "the refused event is the first of the next call");
    let error = bench.lane.push(rest).unwrap_err();
    assert_eq!((error.refusal.status, error.head.known_ns), (Status::NotFinite, bad.head.known_ns));
    let text = Error::from(error).to_string();
    assert!(text.contains("kind 1") && text.contains("price and size must be finite"), "{text}");
    assert_eq!(bench.lane.push(&[]), Ok(Flow { waiting: 1, ..Flow::default() }), "no events are no mistake");
}

#[test]
fn a_repeated_bar_is_a_duplicate_and_an_older_one_a_clock_that_went_back() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 2.0));
    bench.push(&bar(bench.stream, 1, 2.0));
    let flow = bench.push(&bar(bench.stream, 1, 2.0));
    assert_eq!((flow.taken, flow.skipped, flow.reasons, flow.closed), (2, 1, reason::DUPLICATE, 0));
    let flow = bench.push(&bar(bench.stream, 0, 2.0));
    assert_eq!((flow.taken, flow.skipped, flow.reasons), (2, 1, reason::CLOCK_BACK));
    bench.lane.advance(START_NS + 3 * MINUTE_NS).unwrap();
    let mut odd = bar(bench.stream, 2, 2.0);
    odd.interval_ns /= 2;
    assert_eq!(bench.push(&odd).reasons, reason::LATE_EVENT, "what is not applied is not looked at further");
    let all = reason::DUPLICATE | reason::CLOCK_BACK | reason::LATE_EVENT;
    assert_eq!(bench.lane.predict(track, START_NS + 3 * MINUTE_NS).unwrap().reasons, all);
    odd.head.known_ns += MINUTE_NS;
    let error = bench.lane.push(odd.slots()).unwrap_err();
    assert_eq!((error.refusal.status, bench.lane.counters().refused.get()), (Status::Range, 1), "a bar in order that does not fit is a wrong call");
}

#[test]
fn a_restart_by_bars_drops_the_book_whole() {
    let sampler = "kind = \"bar\"\ninterval_ms = 60_000\nprice = \"trade\"\nreset_after = 3\n";
    let features = "[{ op = \"spread_ratio\", missing = 0.0 }]";
    let (mut bench, track) = Bench::start(&Options { sampler: sampler.into(), features: features.into(), weights: vec![1.0], ..Options::default() });
    bench.push(&quote(bench.stream, 1_000, 99.0, 101.0));
    bench.push(&bar(bench.stream, 0, 1.0));
    assert_eq!((bench.lane.row(track).unwrap().raw[0], bench.lane.row(track).unwrap().step.top.is_some()), (0.02, true));
    bench.push(&bar(bench.stream, 9, 1.0));
    assert_eq!((bench.lane.row(track).unwrap().raw_valid[0], bench.lane.row(track).unwrap().step.top), (0, None));
    let reasons = bench.lane.predict(track, START_NS + 10 * MINUTE_NS).unwrap().reasons;
    assert_eq!(reasons, reason::GAP | reason::NO_BOOK);
}

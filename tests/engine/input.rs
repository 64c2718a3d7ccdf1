//! Random and hostile events through a lane: what is refused changes nothing, what is skipped only counts.

use foretick::Status;
use foretick::engine::{Lane, TrackId};
use foretick::ingest::gate::TIME_MAX_NS;
use foretick::types::event::{Book, EventHead, Liquidation, Record, Scalar, Slot};
use foretick::types::{Prediction, reason};
use proptest::prelude::*;

use crate::support::bench::{Bench, MS, START_NS, bar, by_time, by_volume, quote, trade};
use crate::support::bundle::Options;

/// Two features that depend on trades and book.
fn both() -> Options {
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = \"spread_ratio\", missing = 0.0 }]";
    Options { features: features.into(), weights: vec![1.0, 1.0], ..by_time() }
}

/// All that a host can see of a track, as bits.
fn seen(lane: &Lane, track: TrackId) -> (Vec<u64>, Vec<u32>, Vec<u64>, u64) {
    let row = lane.row(track).unwrap();
    (row.raw.iter().map(|value| value.to_bits()).collect(), row.scaled.iter().map(|value| value.to_bits()).collect(), row.scaled_valid.to_vec(), row.number)
}

/// Steps with trades and quotes; the rows of `count` more.
fn run_on(bench: &mut Bench, track: TrackId, from: i64, count: i64) -> Vec<Prediction> {
    let stream = bench.stream;
    (from..from + count)
        .map(|step| {
            bench.push(&quote(stream, step * 100 + 1, 99.0 - (step % 5) as f64, 101.0));
            bench.push(&trade(stream, step * 100 + 2, 1.0 + (step % 3) as f64));
            bench.lane.advance(START_NS + (step + 1) * 100 * MS).unwrap();
            bench.lane.predict(track, START_NS + (step + 1) * 100 * MS).unwrap()
        })
        .collect()
}

/// Words that are likely to do harm, and any.
fn word() -> impl Strategy<Value = u64> {
    let special = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, -1.0, f64::MAX, f64::MIN_POSITIVE, 5e-324].map(f64::to_bits);
    prop_oneof![proptest::sample::select(special.to_vec()), any::<u64>()]
}

/// A good event of a kind, one word of which is another, and which words are f64.
fn almost(stream: u32, kind: usize, place: usize, bits: u64) -> (Vec<Slot>, bool) {
    let (mut event, numbers) = match kind {
        0 => (trade(stream, 350, 1.0).slots().to_vec(), 4..6),
        1 => (quote(stream, 350, 1.0, 2.0).slots().to_vec(), 4..8),
        2 => (Liquidation { price: 1.0, size: 1.0, side: 1, ..Liquidation::of(stream, START_NS + 350 * MS) }.slots().to_vec(), 4..7),
        3 => (Scalar { value: 1.0, weight: 1.0, ..Scalar::of(stream, START_NS + 350 * MS) }.slots().to_vec(), 4..6),
        _ => (Book::of(stream, START_NS + 350 * MS, &[(2.0, 1.0), (1.0, 1.0)], &[(3.0, 1.0), (4.0, 1.0)]).slots().to_vec(), 6..14),
    };
    let place = place % (8 * event.len());
    event[place / 8].0[place % 8] = bits;
    (event, numbers.contains(&place))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Row 1: random bits in the shape of every kind, and good events with one word changed.
    #[test]
    fn refused_events_change_nothing(
        words in proptest::collection::vec(any::<u64>(), 8 * 11), kind in 1u8..13, slots in 0u16..12, stream in 0u32..4,
        good in 0usize..5, place in 0usize..24, bits in word(),
    ) {
        let (mut bench, track) = Bench::start(&both());
        let (mut twin, twin_track) = Bench::start(&both());
        run_on(&mut bench, track, 0, 3);
        run_on(&mut twin, twin_track, 0, 3);
        let before = seen(&bench.lane, track);
        let mut noise: Vec<Slot> = words.chunks_exact(8).map(|chunk| Slot(chunk.try_into().unwrap())).collect();
        let head = EventHead { slots, kind, flags: (words[0] % 20) as u8, stream, known_ns: words[1] as i64, event_ns: 0, seq: 0 };
        noise[0].0[..4].copy_from_slice(bytemuck::cast_slice(&[head]));
        let (almost, number) = almost(bench.stream, good, place, bits);
        let results = [&noise[..], &almost[..]].map(|event| bench.lane.push(event));
        let refused = results.iter().filter(|result| result.is_err()).count() as u64;
        prop_assert_eq!(bench.lane.counters().refused.get(), refused);
        if number && !f64::from_bits(bits).is_finite() {
            prop_assert_eq!(results[1].map_err(|error| error.refusal.status), Err(Status::NotFinite));
        }
        if refused == 2 {
            prop_assert_eq!(seen(&bench.lane, track), before);
            let (ours, theirs) = (run_on(&mut bench, track, 3, 3), run_on(&mut twin, twin_track, 3, 3));
            prop_assert!(ours.iter().zip(&theirs).all(|(a, b)| a.same_decision(b)), "{ours:?} {theirs:?}");
        }
    }

    /// Rows 3 and 4: a log again, and a log out of order.
    #[test]
    fn a_log_again_or_shuffled_is_counted_and_leaves_what_is_newer(order in Just((0..60usize).collect::<Vec<_>>()).prop_shuffle()) {
        let (mut bench, track) = Bench::start(&both());
        let stream = bench.stream;
        let events: Vec<Vec<Slot>> = (0..60i64).map(|n| {
            let mut event = if n % 2 == 0 { trade(stream, 40 * n + 1, 1.0).slots().to_vec() } else { quote(stream, 40 * n + 1, 99.0, 101.0).slots().to_vec() };
            event[0].0[3] = n as u64 + 1;
            event
        }).collect();
        for event in &events {
            bench.lane.push(event).unwrap();
        }
        let (before, applied) = (seen(&bench.lane, track), bench.lane.counters().events.get());
        for place in order {
            let flow = bench.lane.push(&events[place]).unwrap();
            let why = if place == 59 { reason::DUPLICATE } else { reason::CLOCK_BACK };
            prop_assert_eq!((flow.skipped, flow.reasons, flow.closed), (1, why, 0));
        }
        prop_assert_eq!((seen(&bench.lane, track), bench.lane.counters().events.get(), bench.lane.counters().skipped.get()), (before, applied, 60));
        let p = bench.lane.predict(track, START_NS + 2_400 * MS).unwrap();
        prop_assert_eq!(p.reasons & !reason::NOT_READY, reason::DUPLICATE | reason::CLOCK_BACK);
    }

    /// Row 4: a first run in any order applies what does not go back, counts the rest, never panics.
    #[test]
    fn any_order_is_survived(order in Just((0..40i64).collect::<Vec<_>>()).prop_shuffle()) {
        let (mut bench, track) = Bench::start(&both());
        let (mut newest, mut back) = (i64::MIN, 0);
        for n in order {
            let flow = bench.push(&trade(bench.stream, 55 * n, 1.0));
            back += u64::from(n < newest);
            prop_assert_eq!(flow.reasons, if n < newest { reason::CLOCK_BACK } else { 0 });
            newest = newest.max(n);
        }
        prop_assert_eq!(bench.lane.counters().skipped.get(), back);
        prop_assert!(bench.lane.predict(track, START_NS + 3_000 * MS).is_ok());
    }
}

#[test]
fn times_at_the_boundaries_are_refused_or_hold() {
    let (mut bench, track) = Bench::start(&both());
    run_on(&mut bench, track, 0, 2);
    let before = seen(&bench.lane, track);
    for known_ns in [i64::MIN, i64::MIN + 1, -1, TIME_MAX_NS + 1, i64::MAX] {
        let mut event = trade(bench.stream, 0, 1.0);
        event.head.known_ns = known_ns;
        assert_eq!(bench.lane.push(event.slots()).unwrap_err().refusal.status, Status::Range);
        assert_eq!(bench.lane.advance(known_ns).unwrap_err().status(), Status::Range);
    }
    assert_eq!(seen(&bench.lane, track), before);
    assert!([i64::MIN, -1].iter().all(|now_ns| bench.lane.predict(track, *now_ns).is_err()));
    bench.push(&trade(bench.stream, 210, 1.0));
    let mut last = trade(bench.stream, 0, 1.0);
    last.head.known_ns = TIME_MAX_NS;
    assert_eq!(bench.push(&last).closed, 1 + 4, "the open step and as many silent ones as the window has rows");
    let p = bench.lane.predict(track, i64::MAX).unwrap();
    assert!(p.known_ns == START_NS + 210 * MS && p.reasons & reason::NOT_READY != 0, "then a restart: {:x}", p.reasons);
    assert_eq!(bench.lane.advance(TIME_MAX_NS).unwrap().closed, 0);
    assert_eq!(bench.push(&last).reasons, reason::LATE_EVENT);
}

#[test]
fn a_bar_at_the_boundaries_is_refused_or_holds() {
    let (mut bench, track) = Bench::start(&by_volume());
    for (open_ns, interval_ns) in [(i64::MAX, 1), (i64::MIN, 60), (0, i64::MAX), (-1, 60), (0, 0), (0, -60), (TIME_MAX_NS, TIME_MAX_NS)] {
        let mut event = bar(bench.stream, 0, 1.0);
        (event.open_ns, event.interval_ns, event.head.known_ns) = (open_ns, interval_ns, TIME_MAX_NS);
        assert_eq!(bench.lane.push(event.slots()).unwrap_err().refusal.status, Status::Range, "{open_ns} {interval_ns}");
    }
    let mut event = bar(bench.stream, 0, 2.0);
    (event.open_ns, event.head.known_ns) = (0, TIME_MAX_NS);
    let error = bench.lane.push(event.slots()).unwrap_err();
    assert!(error.refusal.rule.contains("over ten years"), "times in different units: {error}");
    event.open_ns = TIME_MAX_NS - 60_000_000_000;
    let p = bench.decide(track, &event);
    assert_eq!(p.valid_until_ns, TIME_MAX_NS + 60_000_000_000);
}

#[test]
fn streams_that_were_not_added_are_refused() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 1.0));
    let before = seen(&bench.lane, track);
    for stream in [0, 2, 3, u32::MAX] {
        let error = bench.lane.push(bar(stream, 1, 1.0).slots()).unwrap_err();
        assert_eq!((error.refusal.status, error.head.stream), (Status::UnknownStream, stream));
    }
    assert_eq!((seen(&bench.lane, track), bench.lane.counters().refused.get()), (before, 4));
    let other = bench.engine.add_stream("test:B", "").unwrap();
    assert_eq!((bench.push(&bar(other, 1, 1.0)).closed, bench.lane.counters().unrouted.get()), (0, 1), "one that no track uses is taken and counted");
}

#[test]
fn arrays_that_end_inside_an_event_are_refused() {
    let (mut bench, _) = Bench::start(&by_volume());
    let event = bar(bench.stream, 0, 1.0);
    assert_eq!(bench.lane.push(&event.slots()[..1]).unwrap_err().refusal.status, Status::EventShape);
    let flow = bench.push(&event);
    assert_eq!((flow.closed, flow.skipped), (1, 0), "the half event left no trace");
}

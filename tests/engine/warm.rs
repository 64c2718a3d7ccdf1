//! History: as if it had been pushed, and nobody asks about its steps.

use foretick::Status;
use foretick::engine::{Lane, TrackId};
use foretick::types::event::{MARK_ADVANCE, MARK_GAP, MARK_RESET, Mark, Record, Slot};
use foretick::types::{Prediction, reason};

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, bar_at, by_time, by_volume, quote, stream_of, trade};
use crate::support::bundle::Options;

/// Trades and quotes with a silence, a late one, one that comes again, and a time that was promised.
fn history(stream: u32, steps: i64) -> Vec<Slot> {
    let mut slots = Vec::new();
    for at in 0..steps {
        let mut event = trade(stream, 100 * at + 40, 0.5 + (at % 7) as f64);
        (event.price, event.side, event.head.seq) = (100.0 + (at % 5) as f64, (at % 3) as u8, 1 + at as u64 / 2);
        slots.extend(event.slots());
        slots.extend(quote(stream, 100 * at + 50, 99.0 + (at % 2) as f64, 102.0).slots());
        if at % 9 == 4 {
            slots.extend(trade(stream, 100 * at, 1.0).slots());
        }
        if at % 10 == 6 {
            let until_ns = START_NS + (100 * at + 70) * MS;
            slots.extend(Mark { code: MARK_ADVANCE, argument: until_ns, track: u32::MAX, ..Mark::of(0, until_ns) }.slots());
            slots.extend(trade(stream, 100 * at + 65, 1.0).slots());
        }
        if at == 20 {
            slots.extend(Mark { code: MARK_GAP, argument: 2, track: u32::MAX, ..Mark::of(0, START_NS) }.slots());
        }
    }
    slots
}

fn features() -> Options {
    let features =
        "[{ op = \"volume_sma\", period = 3, scale = [\"rolling_zscore(4)\"] }, { op = \"spread_ratio\", missing = 0.0 }, { op = \"rsi\", period = 4 }]";
    Options { features: features.into(), weights: vec![0.1; 3], ..by_time() }
}

fn push_all(lane: &mut Lane, mut slots: &[Slot]) -> (u32, u32, u64) {
    let mut sums = (0, 0, 0);
    while !slots.is_empty() {
        let flow = lane.push(slots).unwrap();
        sums = (sums.0 + flow.closed, sums.1 + flow.skipped, sums.2 | flow.reasons);
        slots = &slots[flow.taken as usize..];
    }
    sums
}

fn row(lane: &Lane, track: TrackId) -> (Vec<u64>, Vec<u32>, u64) {
    let row = lane.row(track).unwrap();
    (row.raw.iter().map(|value| value.to_bits()).collect(), row.scaled.iter().map(|value| value.to_bits()).collect(), row.number)
}

/// Steps that follow, each asked for.
fn live(bench: &mut Bench, track: TrackId, from: i64, count: i64) -> Vec<Prediction> {
    (from..from + count)
        .map(|at| {
            bench.push(&trade(bench.stream, 100 * at + 40, (at % 4) as f64 + 0.1));
            let now_ns = START_NS + (100 * at + 100) * MS;
            bench.lane.advance(now_ns).unwrap();
            bench.lane.predict(track, now_ns).unwrap()
        })
        .collect()
}

#[test]
fn a_warmed_lane_equals_one_that_was_pushed_the_same_events() {
    for cut in [1, 2, 3, 50, 61] {
        let (mut pushed, pushed_track) = Bench::start(&features());
        let (mut warmed, track) = Bench::start(&features());
        let events = history(1, 40);
        let expected = push_all(&mut pushed.lane, &events);
        let flows = [&events[..cut], &events[cut..]].map(|part| warmed.lane.warm(part).unwrap());
        let sums = (flows[0].closed + flows[1].closed, flows[0].skipped + flows[1].skipped, flows[0].reasons | flows[1].reasons);
        assert_eq!((sums, flows[0].taken + flows[1].taken), (expected, events.len() as u64));
        assert!(expected.0 > 30 && expected.1 > 5 && expected.2 == reason::CLOCK_BACK | reason::LATE_EVENT | reason::DUPLICATE, "{expected:?}");
        assert_eq!((flows[1].waiting, warmed.lane.waiting(), warmed.lane.due().count()), (0, 0, 0));
        assert_eq!(row(&warmed.lane, track), row(&pushed.lane, pushed_track));
        let late = trade(1, 30, 1.0);
        assert_eq!(warmed.push(&late).reasons, pushed.push(&late).reasons, "order goes on, too");
        let [ours, theirs] = [(&mut warmed, track), (&mut pushed, pushed_track)].map(|(bench, track)| live(bench, track, 40, 12));
        assert!(ours.iter().zip(&theirs).all(|(a, b)| a.same_decision(b)), "{ours:?}\n{theirs:?}");
        assert!(ours[0].reasons & reason::GAP != 0, "what history had to say is said once");
    }
}

#[test]
fn the_open_step_of_history_goes_on() {
    let (mut bench, track) = Bench::start(&by_time());
    assert_eq!(bench.lane.warm(trade(1, 10, 1.0).slots()).unwrap().closed, 0);
    bench.push(&trade(1, 20, 1.0));
    assert_eq!(bench.lane.advance(START_NS + 100 * MS).unwrap().closed, 1);
    assert_eq!((bench.lane.row(track).unwrap().raw[0], bench.lane.waiting()), (2.0, 1));
}

#[test]
fn a_duplicate_of_history_is_one() {
    let (mut bench, _) = Bench::start(&by_volume());
    bench.lane.warm(&stream_of(&[&bar(1, 0, 1.0), &bar(1, 1, 1.0)])).unwrap();
    let flow = bench.push(&bar(1, 1, 1.0));
    assert_eq!((flow.closed, flow.skipped, flow.reasons), (0, 1, reason::DUPLICATE));
    assert_eq!(bench.push(&bar(1, 0, 1.0)).reasons, reason::CLOCK_BACK);
    assert_eq!(bench.push(&bar(1, 2, 1.0)).closed, 1);
}

#[test]
fn live_tracks_are_left_alone_and_history_ends_where_they_stand() {
    let (mut bench, old) = Bench::start(&by_volume());
    let prices: Vec<_> = (0..6).map(|minute| bar_at(bench.stream, minute, 100.0 + minute as f64)).collect();
    for bar in &prices[..4] {
        bench.decide(old, bar);
    }
    bench.lane.advance(prices[3].head.known_ns + 5).unwrap();
    let before = row(&bench.lane, old);
    let new = bench.track();
    let events: Vec<Slot> = prices.iter().flat_map(|bar| bar.slots()).copied().collect();
    let flow = bench.lane.warm(&events).unwrap();
    assert_eq!((flow.taken, flow.closed, flow.skipped, flow.reasons, flow.waiting), (12, 4, 2, 0, 0), "older than the promise, not newer than the live track");
    assert_eq!((row(&bench.lane, old), bench.lane.row(new).unwrap().number), (before, 3));
    assert_eq!(bench.push(&prices[4]).closed, 2, "both go on");
    assert_eq!(row(&bench.lane, old), row(&bench.lane, new));
    let flow = bench.lane.warm(&events).unwrap();
    assert_eq!((flow.taken, flow.closed, flow.skipped), (12, 0, 6), "both are live");
    let [a, b] = [old, new].map(|track| bench.lane.predict(track, prices[4].head.known_ns).unwrap());
    assert_eq!((a.step, a.value, a.reasons), (b.step, b.value, b.reasons));
}

#[test]
fn what_history_promises_does_not_bind_live_tracks() {
    let mut bench = Bench::with("");
    bench.publish(&by_time()).unwrap();
    let (a, b) = (bench.stream, bench.engine.add_stream("test:B", "").unwrap());
    bench.track();
    bench.push(&trade(a, 10, 1.0));
    let cold = bench.lane.open_track("s", &[b], 1).unwrap();
    let until_ns = START_NS + 5_000 * MS;
    let mark = Mark { code: MARK_ADVANCE, argument: until_ns, track: u32::MAX, ..Mark::of(0, until_ns) };
    assert_eq!(bench.lane.warm(&stream_of(&[&trade(b, 10, 1.0), &mark])).unwrap().closed, 0);
    assert_eq!(bench.push(&trade(a, 60, 1.0)).skipped, 0);
    bench.lane.advance(START_NS + 100 * MS).unwrap();
    assert_eq!(bench.lane.row(cold).unwrap().number, 0);
    assert_eq!(bench.lane.warm(trade(b, 110, 1.0).slots()).unwrap().skipped, 1, "an advance after history makes it live");
}

#[test]
fn an_advance_before_history_does_not_shut_it_out() {
    let (mut bench, track) = Bench::start(&by_time());
    bench.lane.advance(START_NS + 900 * MS).unwrap();
    assert_eq!(bench.lane.warm(&history(1, 5)).unwrap().closed, 4);
    assert_eq!(bench.lane.row(track).unwrap().step.time_ns, START_NS + 400 * MS);
    assert_eq!(bench.push(&trade(1, 800, 1.0)).reasons, reason::LATE_EVENT, "the promise stands for what is pushed");
    assert_eq!(bench.lane.row(track).unwrap().step.time_ns, START_NS + 700 * MS);
}

#[test]
fn a_reset_opens_a_track_to_history_again() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.decide(track, &bar(1, 7, 1.0));
    assert_eq!(bench.lane.warm(bar(1, 0, 1.0).slots()).unwrap().skipped, 1);
    bench.push(&Mark { code: MARK_RESET, track: track.number, ..Mark::of(0, START_NS) });
    assert_eq!(bench.lane.warm(&stream_of(&[&bar(1, 0, 1.0), &bar(1, 1, 1.0)])).unwrap().closed, 2);
    assert_eq!((bench.push(&bar(1, 2, 1.0)).closed, bench.lane.row(track).unwrap().number), (1, 3), "steps are counted on");
}

#[test]
fn the_first_event_that_is_refused_changes_nothing_and_a_later_one_ends_the_call() {
    let (mut bench, track) = Bench::start(&by_volume());
    let wrong = foretick::types::event::Bar { close: f64::NAN, ..bar(1, 1, 1.0) };
    assert_eq!(bench.lane.warm(wrong.slots()).unwrap_err().refusal.status, Status::NotFinite);
    let flow = bench.lane.warm(&stream_of(&[&bar(1, 0, 1.0), &wrong])).unwrap();
    assert_eq!((flow.taken, flow.closed), (2, 1));
    let odd = foretick::types::event::Bar { interval_ns: MINUTE_NS / 2, ..bar(1, 1, 1.0) };
    assert_eq!(bench.lane.warm(odd.slots()).unwrap_err().refusal.status, Status::Range);
    assert_eq!(bench.lane.warm(bar(9, 1, 1.0).slots()).unwrap_err().refusal.status, Status::UnknownStream);
    assert_eq!((bench.lane.warm(&[]).unwrap().taken, bench.lane.row(track).unwrap().number), (0, 0));
}

#[test]
fn a_warmed_lane_that_is_stopped_takes_more_history() {
    let events = history(1, 40);
    let (mut whole, whole_track) = Bench::start(&features());
    let (mut other, track) = Bench::start(&features());
    whole.lane.warm(&events[..40]).unwrap();
    let mut bytes = vec![0; whole.lane.snapshot_len()];
    whole.lane.snapshot(&mut bytes);
    other.lane.restore(&bytes).unwrap();
    assert_eq!(whole.lane.warm(&events[40..]).unwrap(), other.lane.warm(&events[40..]).unwrap());
    assert_eq!(row(&whole.lane, whole_track), row(&other.lane, track));
}

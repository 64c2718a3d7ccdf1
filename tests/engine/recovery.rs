//! Mistakes of a feed that must neither make old data look fresh nor stop a stream for good.

use foretick::types::event::{MARK_RESET, Mark, Record};
use foretick::types::reason;

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, by_time, by_volume, trade};

#[test]
fn a_bar_that_comes_again_does_not_make_the_data_fresh() {
    let (mut bench, track) = Bench::start(&by_volume());
    bench.push(&bar(bench.stream, 0, 2.0));
    let mut again = bar(bench.stream, 0, 2.0);
    (again.head.known_ns, again.head.seq) = (START_NS + 61 * MINUTE_NS, 0);
    assert_eq!(bench.push(&again).reasons, reason::DUPLICATE);
    let reasons = bench.lane.predict(track, START_NS + 61 * MINUTE_NS).unwrap().reasons;
    assert_eq!(reasons, reason::DUPLICATE | reason::DATA_STALE);
}

#[test]
fn a_reset_of_the_lane_forgets_a_time_that_was_stamped_far_ahead() {
    let (mut bench, track) = Bench::start(&by_time());
    let mut ahead = trade(bench.stream, 0, 1.0);
    ahead.head.known_ns = START_NS + 100 * 365 * 86_400 * 1_000 * MS / 2;
    bench.push(&ahead);
    assert_eq!(bench.push(&trade(bench.stream, 110, 1.0)).reasons, reason::CLOCK_BACK);
    bench.push(&Mark { code: MARK_RESET, track: u32::MAX, ..Mark::of(0, START_NS) });
    assert_eq!(bench.push(&trade(bench.stream, 120, 2.0)).skipped, 0);
    assert_eq!(bench.push(&trade(bench.stream, 210, 2.0)).closed, 1);
    assert_eq!(bench.lane.row(track).unwrap().step.time_ns, START_NS + 200 * MS);
}

#[test]
fn a_stream_feeds_tracks_of_several_time_frames() {
    let (mut bench, minutes) = Bench::start(&by_volume());
    bench.engine.publish_one("t", crate::support::bench::open(&bench.engine, &by_time()).unwrap()).unwrap();
    let steps = bench.lane.open_track("t", &[bench.stream], 0).unwrap();
    assert_eq!(bench.push(&bar(bench.stream, 0, 2.0)).closed, 1, "the bar is a step of one");
    bench.push(&trade(bench.stream, 60_010, 1.0));
    assert_eq!(bench.push(&trade(bench.stream, 60_110, 1.0)).closed, 1, "the trades are one of the other");
    assert_eq!(bench.lane.due().collect::<Vec<_>>(), [minutes, steps]);
    let mut odd = bar(bench.stream, 5, 2.0);
    odd.interval_ns *= 5;
    odd.head.known_ns += 10 * MINUTE_NS;
    assert!(bench.lane.push(odd.slots()).is_err(), "a bar that fits no track is a wrong call");
}

#[test]
fn a_decision_long_before_its_data_abstains() {
    let (mut bench, track) = Bench::start(&by_volume());
    let bar = bar(bench.stream, 0, 2.0);
    bench.push(&bar);
    let p = bench.lane.predict(track, bar.head.known_ns / 1_000_000).unwrap();
    assert_eq!(p.reasons, reason::CLOCK_BACK, "milliseconds are no ns");
}

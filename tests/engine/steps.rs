//! Steps by time, many at once, the list of due tracks, silence.

use foretick::Status;
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, by_time, by_volume, decision, quote, trade};
use crate::support::bundle::Options;

#[test]
fn advance_closes_steps_and_what_it_promised_is_late() {
    let (mut bench, track) = Bench::start(&by_time());
    bench.push(&trade(bench.stream, 10, 2.0));
    assert_eq!(bench.lane.advance(START_NS + 99 * MS).unwrap().closed, 0);
    let flow = bench.lane.advance(START_NS + 100 * MS).unwrap();
    assert_eq!((flow.closed, flow.waiting, flow.taken), (1, 1, 0));
    assert_eq!(decision(&bench.lane.predict(track, START_NS + 100 * MS).unwrap()), (Action::Buy, 0));
    let flow = bench.push(&trade(bench.stream, 100, 5.0));
    assert_eq!((flow.skipped, flow.reasons), (1, reason::LATE_EVENT));
    bench.push(&trade(bench.stream, 101, 1.0));
    bench.lane.advance(START_NS + 200 * MS).unwrap();
    let p = bench.lane.predict(track, START_NS + 200 * MS).unwrap();
    assert_eq!((decision(&p), bench.lane.row(track).unwrap().raw[0]), ((Action::Hold, reason::LATE_EVENT), 1.0), "the late trade is not in the step");
}

#[test]
fn of_several_closes_at_one_event_only_the_newest_is_predicted() {
    let (mut bench, track) = Bench::start(&by_time());
    bench.push(&trade(bench.stream, 10, 2.0));
    let mut seen = Vec::new();
    let event = trade(bench.stream, 310, 2.0);
    let flow = bench.lane.push_with(foretick::types::event::Record::slots(&event), &mut |id, row| seen.push((id, row.number, row.raw[0]))).unwrap();
    assert_eq!((flow.closed, flow.waiting), (3, 1));
    assert_eq!(seen, [(track, 0, 2.0), (track, 1, 0.0), (track, 2, 0.0)], "a row exists for each, oldest first");
    let p = bench.lane.predict(track, START_NS + 310 * MS).unwrap();
    assert_eq!((p.step, p.action(), p.valid_until_ns), (2, Action::Sell, START_NS + 300 * MS + MINUTE_NS));
    assert_eq!(bench.lane.counters().unasked.get(), 2);
    bench.push(&trade(bench.stream, 410, 2.0));
    bench.push(&trade(bench.stream, 510, 2.0));
    assert_eq!(bench.lane.counters().unasked.get(), 3, "a step that closes while one waits makes that one unasked");
}

#[test]
fn an_event_of_another_stream_closes_steps_and_may_itself_come_late() {
    let roles = vec!["self".to_owned(), "leader".to_owned()];
    let mut bench = Bench::with("");
    bench.publish(&Options { roles, ..by_time() }).unwrap();
    let leader = bench.engine.add_stream("test:L", "").unwrap();
    let track = bench.lane.open_track("s", &[bench.stream, leader], 0).unwrap();
    bench.push(&trade(bench.stream, 10, 2.0));
    assert_eq!(bench.push(&quote(leader, 101, 1.0, 2.0)).closed, 1);
    assert_eq!(decision(&bench.lane.predict(track, START_NS + 101 * MS).unwrap()), (Action::Buy, 0));
    let flow = bench.push(&trade(bench.stream, 50, 1.0));
    assert_eq!((flow.skipped, bench.lane.counters().late.get()), (0, 1), "nothing was promised: it goes into the open step, counted");
    bench.lane.advance(START_NS + 200 * MS).unwrap();
    assert_eq!(decision(&bench.lane.predict(track, START_NS + 200 * MS).unwrap()), (Action::Hold, reason::LATE_EVENT));
}

#[test]
fn a_long_silence_restarts_and_the_next_step_holds_a_trade_again() {
    let features = "[{ op = \"volume_sma\", period = 3, scale = [\"zscore\"] }]";
    let (mut bench, track) = Bench::start(&Options { window: 3, features: features.into(), ..by_time() });
    bench.push(&trade(bench.stream, 10, 3.0));
    assert_eq!(bench.lane.advance(START_NS + 5_000 * MS).unwrap().closed, 1 + 3, "three silent steps are carried, then nothing");
    assert_eq!((bench.lane.counters().restarts.get(), bench.lane.row(track).is_err()), (1, true));
    let p = bench.lane.predict(track, START_NS + 5_000 * MS).unwrap();
    assert_eq!((decision(&p), p.step), ((Action::Abstain, reason::NOT_READY | reason::DATA_STALE | reason::GAP), 3));
    bench.push(&quote(bench.stream, 5_010, 1.0, 2.0));
    assert_eq!(bench.lane.advance(START_NS + 5_200 * MS).unwrap().closed, 0, "a quote is no price");
    for (at, ready) in [(5_210, false), (5_310, false), (5_410, true)] {
        bench.push(&trade(bench.stream, at, 3.0));
        bench.lane.advance(START_NS + (at + 90) * MS).unwrap();
        let p = bench.lane.predict(track, START_NS + (at + 90) * MS).unwrap();
        assert_eq!(p.reasons & reason::NOT_READY == 0, ready, "first counts from the restart");
    }
    assert_eq!(bench.lane.row(track).unwrap().number, 6, "steps never go back");
}

#[test]
fn due_lists_each_track_once_in_the_order_of_closing() {
    let mut bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let streams: Vec<u32> = (0..40).map(|n| bench.engine.add_stream(&format!("test:{n}"), "").unwrap()).collect();
    let tracks: Vec<_> = streams.iter().map(|stream| bench.lane.open_track("s", &[*stream], 0).unwrap()).collect();
    let order: Vec<usize> = (0..40).map(|n| n * 7 % 40).collect();
    for minute in 0..2 {
        for n in &order {
            bench.push(&bar(streams[*n], minute, 2.0));
        }
    }
    let expected: Vec<_> = order.iter().map(|n| tracks[*n]).collect();
    assert_eq!(bench.lane.due().collect::<Vec<_>>(), expected);
    assert_eq!((bench.lane.waiting(), bench.lane.due().count()), (40, 40), "reading the list takes nothing off it");
    for track in &expected[..10] {
        bench.lane.predict(*track, START_NS + 2 * MINUTE_NS).unwrap();
    }
    bench.lane.close_track(expected[10]).unwrap();
    assert_eq!(bench.lane.due().collect::<Vec<_>>(), &expected[11..]);
    assert_eq!(bench.lane.waiting(), 29);
    bench.push(&bar(streams[order[0]], 2, 2.0));
    assert_eq!(bench.lane.due().last(), Some(expected[0]), "due again, last");
    assert_eq!(bench.lane.predict(expected[10], 1).unwrap_err().status(), Status::NotFound);
}

#[test]
fn by_event_the_named_kinds_close_steps() {
    let (mut bench, track) = Bench::start(&Options { sampler: "kind = \"event\"\non = [\"trade\"]\nprice = \"trade\"\n".into(), ..by_volume() });
    assert_eq!(bench.push(&quote(bench.stream, 5, 1.0, 2.0)).closed, 0);
    for (at, size, action) in [(10, 2.0, Action::Buy), (10, 0.1, Action::Sell)] {
        assert_eq!(bench.push(&trade(bench.stream, at, size)).closed, 1);
        assert_eq!(decision(&bench.lane.predict(track, START_NS + at * MS).unwrap()), (action, 0));
    }
}

#[test]
fn a_schema_by_time_refuses_bars_of_self_only() {
    let roles = vec!["self".to_owned(), "leader".to_owned()];
    let mut bench = Bench::with("");
    bench.publish(&Options { roles, ..by_time() }).unwrap();
    let leader = bench.engine.add_stream("test:L", "").unwrap();
    bench.lane.open_track("s", &[bench.stream, leader], 0).unwrap();
    let event = bar(bench.stream, 0, 1.0);
    let error = bench.lane.push(foretick::types::event::Record::slots(&event)).unwrap_err();
    assert!(error.refusal.status == Status::Range && error.refusal.rule.contains("refuses bars"), "{error:?}");
    assert_eq!(bench.push(&bar(leader, 0, 1.0)).skipped, 0);
}

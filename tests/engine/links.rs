//! Links and polls: the same decisions as by pushes, in the order of time, with back-pressure that is seen.

use std::ptr::NonNull;

use foretick::Status;
use foretick::config::LinkOptions;
use foretick::engine::{FanOut, Lane, Link, LinkError, ResultMemory, ResultWriter, TrackId};
use foretick::types::event::{MARK_ADVANCE, MARK_RESET, Mark, Record};
use foretick::types::{Action, Flow};

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, by_time, by_volume, quote, stream_of, trade};

fn link(lane: &mut Lane, slots: usize) -> Link {
    lane.open_link(LinkOptions { slots, ..LinkOptions::default() }).unwrap()
}

/// Memory that outlives the track of a test.
fn attach(lane: &mut Lane, track: TrackId) -> &'static ResultMemory {
    let memory: &'static ResultMemory = Box::leak(Box::default());
    // SAFETY: leaked, so it outlives the writer, and nobody else writes it.
    lane.attach_result(track, Some(unsafe { ResultWriter::attach(NonNull::from(memory)) })).unwrap();
    memory
}

fn promise(until_ns: i64) -> Mark {
    Mark { code: MARK_ADVANCE, argument: until_ns, ..Mark::of(0, until_ns) }
}

#[test]
fn a_poll_decides_as_pushes_do_bit_for_bit() {
    let (mut pushed, track) = Bench::start(&by_volume());
    let (mut polled, other) = Bench::start(&by_volume());
    let memory = attach(&mut polled.lane, other);
    let mut link = link(&mut polled.lane, 16);
    for minute in 0..200 {
        let event = bar(pushed.stream, minute, (minute % 4) as f64);
        let expected = pushed.decide(track, &event);
        assert_eq!(link.push(event.slots()).unwrap().taken, 2);
        let flow = polled.lane.poll(0, event.head.known_ns).unwrap();
        assert_eq!((flow.taken, flow.closed, flow.predicted, flow.waiting), (2, 1, 1, 0));
        let found = memory.read().unwrap();
        assert!(found.same_decision(&expected), "{found:?} is not {expected:?}");
        assert_eq!((memory.signal(), found.queue_ns), (expected.signal, 0));
    }
    assert_eq!(polled.lane.poll(0, START_NS).unwrap(), Flow::default());
}

#[test]
fn inline_predictions_reach_the_result_memory_too() {
    let (mut bench, track) = Bench::start(&by_volume());
    let memory = attach(&mut bench.lane, track);
    assert_eq!((memory.signal(), memory.read().unwrap().action()), (0, Action::None));
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert!(memory.read().unwrap().same_decision(&p) && p.action() == Action::Buy);
    let stamp = memory.read().unwrap().stamp;
    bench.lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap();
    assert_eq!(memory.read().unwrap().stamp, stamp, "a repeat is not written");
    let second = attach(&mut bench.lane, track);
    assert!(second.read().unwrap().same_decision(&p), "what was decided before is there at once");
    bench.lane.attach_result(track, None).unwrap();
    bench.decide(track, &bar(bench.stream, 1, 0.0));
    assert!(second.read().unwrap().same_decision(&p), "memory that was given back is not written");
}

#[test]
fn several_links_are_drained_in_the_order_of_time() {
    let mut options = by_time();
    options.roles = vec!["self".into(), "leader".into()];
    let mut pushed = Bench::with("");
    let mut polled = Bench::with("");
    let opened = [&mut pushed, &mut polled].map(|bench| {
        bench.publish(&options).unwrap();
        let leader = bench.engine.add_stream("test:L", "").unwrap();
        bench.lane.open_track("s", &[bench.stream, leader], 0).unwrap()
    });
    let leader = 2;
    let memory = attach(&mut polled.lane, opened[1]);
    let mut links = [link(&mut polled.lane, 256), link(&mut polled.lane, 256)];
    for block in 0..40 {
        // The trades of a block stand in one link, the leader's quotes in another.
        let trades: Vec<_> = (0..20).map(|n| trade(pushed.stream, block * 200 + n * 10, 1.0)).collect();
        let quotes: Vec<_> = (0..20).map(|n| quote(leader, block * 200 + n * 10 + 5, 100.0, 101.0)).collect();
        let mut newest = None;
        for (trade, quote) in trades.iter().zip(&quotes) {
            for flow in [pushed.push(trade), pushed.push(quote)] {
                if flow.closed > 0 {
                    newest = Some(pushed.lane.predict(opened[0], START_NS + 10_000 * MS).unwrap());
                }
            }
        }
        links[1].push(&quotes.iter().flat_map(|quote| quote.slots()).copied().collect::<Vec<_>>()).unwrap();
        links[0].push(&trades.iter().flat_map(|trade| trade.slots()).copied().collect::<Vec<_>>()).unwrap();
        let flow = polled.lane.poll(0, START_NS + 10_000 * MS).unwrap();
        assert_eq!((flow.taken, flow.skipped), (40, 0));
        assert!(newest.is_some_and(|newest| memory.read().unwrap().same_decision(&newest)));
    }
    assert_eq!(polled.lane.counters().late.get(), 0);
    assert_eq!((polled.lane.counters().steps.get(), pushed.lane.counters().steps.get()), (80, 80));
}

/// Row 68: FULL, counted, never blocking, and nothing that was taken is lost.
#[test]
fn a_full_link_says_so_and_loses_nothing() {
    let (mut bench, _) = Bench::start(&by_time());
    let mut link = link(&mut bench.lane, 16);
    let events: Vec<_> = (0..40).map(|n| trade(bench.stream, n, 1.0)).collect();
    let slots = stream_of(&events.iter().map(|event| event as &dyn Record).collect::<Vec<_>>());
    assert_eq!(link.push_all(&slots[..17]), Err(LinkError::Full), "more than the link holds");
    assert_eq!(link.push(&slots).unwrap().taken, 16);
    assert_eq!(link.push(&slots[16..]), Err(LinkError::Full));
    assert_eq!((link.view().waiting(), link.view().counters().full.get()), (16, 3));
    assert!(bench.engine.metrics().contains("foretick_link_full_total{lane=\"0\",link=\"0\"} 3\n"), "{}", bench.engine.metrics());
    assert!(bench.engine.metrics().contains("foretick_link_waiting_slots{lane=\"0\",link=\"0\"} 16\n"));
    let mut taken = 16;
    while taken < 40 {
        assert_eq!(bench.lane.poll(5, START_NS + 100 * MS).unwrap().taken, 5);
        taken += link.push(&slots[taken..]).unwrap().taken as usize;
    }
    bench.lane.poll(0, START_NS + 100 * MS).unwrap();
    assert_eq!((bench.lane.counters().events.get(), bench.lane.counters().skipped.get()), (40, 0));
}

#[test]
fn the_gate_stands_before_the_ring() {
    let (mut bench, _) = Bench::start(&by_time());
    let mut link = link(&mut bench.lane, 64);
    let (good, mut bad) = (trade(bench.stream, 1, 1.0), trade(bench.stream, 2, 1.0));
    bad.price = f64::NAN;
    let events = stream_of(&[&good, &bad, &good]);
    assert_eq!(link.push(&events).unwrap().taken, 1, "how far");
    let error = link.push(&events[1..]).unwrap_err();
    assert!(error.status() == Status::NotFinite && error.to_string().contains("price"), "{error}");
    assert_eq!(link.push_all(&events).unwrap_err().status(), Status::NotFinite);
    assert_eq!(link.push(trade(9, 1, 1.0).slots()).unwrap_err().status(), Status::UnknownStream);
    assert_eq!(link.view().waiting(), 1, "all or nothing left nothing");
    assert_eq!(link.push_all(&[]).unwrap(), Flow::default());
}

#[test]
fn the_lane_keeps_the_least_of_the_promises() {
    let (mut bench, track) = Bench::start(&by_time());
    let mut links = [link(&mut bench.lane, 64), link(&mut bench.lane, 64)];
    let at = |ms: i64| START_NS + ms * MS;
    let poll = |bench: &mut Bench| bench.lane.poll(0, at(5_000)).unwrap().closed;
    links[0].push(trade(bench.stream, 10, 1.0).slots()).unwrap();
    assert_eq!(poll(&mut bench), 0);
    links[0].push(promise(at(250)).slots()).unwrap();
    assert_eq!(poll(&mut bench), 2, "only one has promised");
    links[1].push(promise(at(300)).slots()).unwrap();
    links[0].push(promise(at(500)).slots()).unwrap();
    assert_eq!(poll(&mut bench), 1, "to 300 ms");
    links[1].push(trade(bench.stream, 200, 1.0).slots()).unwrap();
    let flow = bench.lane.poll(0, at(5_000)).unwrap();
    assert_eq!((flow.skipped, flow.reasons), (1, foretick::types::reason::LATE_EVENT), "the promise was broken");
    drop(links);
    assert_eq!(poll(&mut bench), 0, "a link that is gone promises nothing, and nobody promises now");
    bench.lane.advance(at(500)).unwrap();
    assert_eq!(bench.lane.row(track).unwrap().number, 4);
    let mut link = link(&mut bench.lane, 64);
    link.push(Mark { code: MARK_RESET, track: u32::MAX, ..Mark::of(0, at(501)) }.slots()).unwrap();
    link.push(trade(bench.stream, 10, 1.0).slots()).unwrap();
    link.push(promise(at(100)).slots()).unwrap();
    assert_eq!(poll(&mut bench), 1, "after a reset of the lane promises begin anew");
}

#[test]
fn a_link_that_is_gone_holds_the_lane_back_no_longer() {
    let (mut bench, track) = Bench::start(&by_time());
    let memory = attach(&mut bench.lane, track);
    let [mut first, mut second] = [link(&mut bench.lane, 64), link(&mut bench.lane, 64)];
    let at = |ms: i64| START_NS + ms * MS;
    first.push(trade(bench.stream, 10, 1.0).slots()).unwrap();
    first.push(promise(at(400)).slots()).unwrap();
    second.push(promise(at(100)).slots()).unwrap();
    // The older mark comes first and is alone for a moment; then the least holds.
    bench.lane.poll(0, at(1_000)).unwrap();
    second.push(trade(bench.stream, 450, 1.0).slots()).unwrap();
    first.push(promise(at(600)).slots()).unwrap();
    let before = bench.lane.poll(0, at(1_000)).unwrap();
    assert_eq!(before.taken, 2);
    let step = memory.read().unwrap().step;
    drop(second);
    let flow = bench.lane.poll(0, at(1_000)).unwrap();
    assert!(flow.closed > 0 && flow.predicted == 1, "{flow:?}");
    assert_eq!((bench.lane.row(track).unwrap().number, memory.read().unwrap().step > step), (5, true), "to 600 ms");
}

#[test]
fn a_poll_on_request_stops_at_each_step() {
    let bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let mut lane = bench.engine.open_lane("predict = \"request\"").unwrap();
    let track = lane.open_track("s", &[bench.stream], 0).unwrap();
    let mut link = link(&mut lane, 64);
    for minute in 0..3 {
        link.push(bar(bench.stream, minute, 2.0).slots()).unwrap();
    }
    for minute in 0..3 {
        let flow = lane.poll(0, START_NS).unwrap();
        assert_eq!((flow.taken, flow.closed, flow.predicted, flow.waiting), (2, 1, 0, 1));
        assert_eq!(lane.predict(track, START_NS + (minute + 1) * MINUTE_NS).unwrap().step, minute as u64);
    }
    assert_eq!(lane.poll(0, START_NS).unwrap().taken, 0);
}

#[test]
fn polls_need_a_time_and_count_what_no_track_can_use() {
    let (mut bench, _) = Bench::start(&by_volume());
    let mut link = link(&mut bench.lane, 64);
    let mut hourly = bar(bench.stream, 0, 1.0);
    (hourly.interval_ns, hourly.head.known_ns) = (60 * MINUTE_NS, START_NS + 60 * MINUTE_NS);
    link.push(hourly.slots()).unwrap();
    for now_ns in [0, -1] {
        assert_eq!(bench.lane.poll(0, now_ns).unwrap_err().status(), Status::InvalidArgument);
    }
    assert_eq!(link.view().waiting(), 2, "nothing was taken");
    let flow = bench.lane.poll(0, START_NS).unwrap();
    assert_eq!((flow.taken, flow.skipped, bench.lane.counters().refused.get()), (2, 1, 1));
}

#[test]
fn a_lag_advances_a_lane_behind_the_time_of_its_poll() {
    let bench = Bench::with("");
    bench.publish(&by_time()).unwrap();
    let mut lane = bench.engine.open_lane("advance_lag_ms = 20").unwrap();
    let track = lane.open_track("s", &[bench.stream], 0).unwrap();
    let memory = attach(&mut lane, track);
    let mut link = link(&mut lane, 64);
    link.push(trade(bench.stream, 10, 1.0).slots()).unwrap();
    assert_eq!(lane.poll(0, START_NS + 119 * MS).unwrap().closed, 0);
    assert_eq!(lane.poll(0, START_NS + 120 * MS).unwrap().predicted, 1);
    assert_eq!(memory.read().unwrap().step, 0);
}

#[test]
fn either_end_may_go_first() {
    let (mut bench, track) = Bench::start(&by_volume());
    let memory = attach(&mut bench.lane, track);
    let mut first = link(&mut bench.lane, 64);
    first.push(bar(bench.stream, 0, 2.0).slots()).unwrap();
    drop(first);
    assert_eq!(bench.lane.poll(0, START_NS + MINUTE_NS).unwrap().predicted, 1, "what was pushed is still drained");
    assert_eq!(memory.read().unwrap().action(), Action::Buy);
    let mut second = link(&mut bench.lane, 64);
    assert_eq!((second.number(), bench.engine.describe(4).unwrap()["lanes"][0]["links"][0]["slots"].as_u64()), (0, Some(64)));
    let Bench { engine, lane, stream } = bench;
    drop(lane);
    assert_eq!(second.push(bar(stream, 1, 2.0).slots()).unwrap_err(), LinkError::Closed);
    drop(engine);
    assert_eq!(second.push(bar(stream, 1, 2.0).slots()).unwrap_err().status(), Status::WrongState);
}

#[test]
fn waiting_quotes_are_replaced_by_newer_ones_and_counted() {
    let (mut bench, _) = Bench::start(&by_time());
    let options = LinkOptions::parse("slots = 16\nconflate = [\"quote\"]").unwrap();
    let mut link = bench.lane.open_link(options).unwrap();
    let flow = (0..500).fold(0, |sum, n| sum + link.push(quote(bench.stream, n, 100.0, 101.0).slots()).unwrap().conflated);
    assert_eq!((flow, link.view().counters().conflated.get(), link.view().counters().full.get()), (499, 499, 0));
    assert_eq!(bench.lane.poll(0, START_NS + 500 * MS).unwrap().taken, 1);
    assert_eq!(bench.lane.counters().events.get(), 1);
}

#[test]
fn a_context_stream_fans_out_to_several_lanes() {
    let mut options = by_time();
    options.roles = vec!["self".into(), "gas".into()];
    let bench = Bench::with("");
    bench.publish(&options).unwrap();
    let context = bench.engine.add_stream("chain:gas", "").unwrap();
    let mut lanes = [0, 1].map(|_| bench.engine.open_lane("").unwrap());
    let tracks = lanes.each_mut().map(|lane| lane.open_track("s", &[bench.stream, context], 0).unwrap());
    let mut fan = FanOut::new(lanes.each_mut().map(|lane| link(lane, 16)).into());
    for n in 0..16 {
        assert_eq!(fan.push(quote(context, n, 100.0, 101.0).slots()), Ok(2));
    }
    lanes[0].poll(0, START_NS).unwrap();
    assert_eq!(fan.push(quote(context, 16, 100.0, 101.0).slots()), Ok(1), "the second lane is behind, and it is counted");
    assert_eq!(fan.links()[1].view().counters().full.get(), 1);
    for lane in &mut lanes {
        lane.poll(0, START_NS).unwrap();
    }
    assert_eq!(lanes.each_ref().map(|lane| lane.counters().events.get()), [17, 16]);
    let mut bad = quote(context, 17, 100.0, 101.0);
    bad.bid_px = f64::INFINITY;
    assert_eq!(fan.push(bad.slots()).unwrap_err().status(), Status::NotFinite);
    drop(lanes);
    assert_eq!(fan.push(quote(context, 18, 100.0, 101.0).slots()), Err(LinkError::Closed));
    assert_eq!(tracks[0].place, 0);
}

#[test]
fn links_have_limits() {
    let mut bench = Bench::with("[limits]\nlinks = 2\nmemory_mb = 1\n");
    let large = LinkOptions { slots: 1 << 15, ..LinkOptions::default() };
    assert_eq!(bench.lane.open_link(large).unwrap_err().status(), Status::Limit, "2 MiB");
    let odd = LinkOptions { slots: 100, ..LinkOptions::default() };
    assert_eq!(bench.lane.open_link(odd).unwrap_err().status(), Status::ConfigValue);
    let links = [link(&mut bench.lane, 64), link(&mut bench.lane, 64)];
    let error = bench.lane.open_link(LinkOptions::default()).unwrap_err();
    assert!(error.status() == Status::Limit && error.text().contains("limits.links is 2"), "{error}");
    drop(links);
    assert_eq!(link(&mut bench.lane, 64).number(), 0);
    for text in ["conflate = [\"trade\"]", "conflat = []", "slots = -1"] {
        assert!(LinkOptions::parse(text).is_err(), "{text}");
    }
}

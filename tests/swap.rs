//! Publishing while others predict: one generation a prediction, all or none, and who frees what was replaced.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foretick::Status;
use foretick::engine::Engine;
use foretick::model::bundle::Bundle;
use foretick::model::instances::RunPolicy;
use foretick::model::store::{Publish, Store};
use foretick::model::watchdog::RunLimit;
use foretick::types::Action;
use foretick::types::event::Record;

use support::bench::{Bench, MINUTE_NS, START_NS, bar, by_volume, open};
use support::bundle::{Graph, Member, Options};

/// A bundle whose value is its version's alone; the second has a member more, so that buffers must grow.
fn version(number: u64) -> Options {
    let bias = if number == 1 { 2.0 } else { -2.0 };
    let members = (1..number).map(|n| Member::new(&format!("m{n}"), Graph::Logistic(vec![0.0], bias))).collect();
    Options { weights: vec![0.0], bias, members, version: number, ..by_volume() }
}

fn item(slot: &str, bundle: &Arc<Bundle>) -> Publish {
    Publish { slot: slot.into(), bundle: bundle.clone(), replace: false }
}

const SWAPS: u64 = 4_000;
const READERS: i64 = 2;

/// Row 30: odd generations are version 1, even ones version 2.
#[test]
fn every_prediction_is_of_one_generation() {
    let engine = Engine::open_text("clock = \"host\"\n[housekeeping]\ninterval_ms = 1\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let bundles = [1, 2].map(|number| open(&engine, &version(number)).unwrap());
    engine.publish_one("s", bundles[0].clone()).unwrap();
    let newest = AtomicU64::new(0);
    let read = || {
        let mut lane = engine.open_lane("").unwrap();
        let track = lane.open_track("s", &[stream], 0).unwrap();
        let (mut last, mut seen) = (0, 0);
        for minute in 0.. {
            let event = bar(stream, minute, 1.0);
            lane.push(event.slots()).unwrap();
            let p = lane.predict(track, event.head.known_ns).unwrap();
            let (value, action, members) = if p.generation % 2 == 1 { (0.880_797_1, Action::Buy, 1) } else { (0.119_202_92, Action::Sell, 2) };
            assert!((p.value - value).abs() < 1e-6, "generation {} gave {}", p.generation, p.value);
            assert_eq!((p.action(), p.members_used, p.members_total, p.reasons), (action, members, members, 0));
            assert_eq!(lane.details(track).unwrap().answer.generation(), p.generation);
            assert!(p.generation >= last, "generations never go back: {last}, {}", p.generation);
            seen += u64::from(p.generation != last);
            last = p.generation;
            newest.fetch_max(p.generation, Ordering::Relaxed);
            if last == SWAPS + 1 {
                return (minute, seen);
            }
        }
        unreachable!()
    };
    let answers = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        for number in 2..=SWAPS + 1 {
            let bundle = &bundles[(number as usize + 1) % 2];
            assert_eq!(engine.publish(&[item("s", bundle)]).unwrap(), [number]);
            // A reader was served by one of the newest generations: swaps and predictions overlap.
            while newest.load(Ordering::Relaxed) + 20 < number && readers.iter().all(|reader| !reader.is_finished()) {
                std::thread::yield_now();
            }
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(answers.iter().any(|(_, seen)| *seen >= SWAPS / 40), "{answers:?}");
}

#[test]
fn a_step_that_was_predicted_keeps_its_generation_and_the_next_takes_the_new_one() {
    let (mut bench, track) = Bench::start(&version(1));
    let first = bench.decide(track, &bar(bench.stream, 0, 1.0));
    bench.publish(&version(2)).unwrap();
    let again = bench.lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!((again.generation, again.value), (1, first.value), "a repeat is the same prediction");
    let next = bench.decide(track, &bar(bench.stream, 1, 1.0));
    assert_eq!((next.generation, next.action(), next.members_total), (2, Action::Sell, 2));
    assert_eq!(bench.lane.counters().generations.get(), 1);
}

#[track_caller]
fn refused(bench: &Bench, items: &[Publish], status: Status, text: &str) {
    let error = bench.engine.publish(items).unwrap_err();
    assert!(error.status() == status && error.text().contains(text), "{error}");
}

/// Row 33: whatever stands in the way, the old generation serves on and nothing of the call is left.
#[test]
fn a_publish_that_fails_leaves_everything_as_it_was() {
    let (mut bench, track) = Bench::start(&version(1));
    let good = open(&bench.engine, &version(2)).unwrap();
    let with = |change: fn(&mut Options)| {
        let mut options = version(2);
        change(&mut options);
        open(&bench.engine, &options).unwrap()
    };
    let window = with(|options| options.window = 5);
    let sampler = with(|options| options.sampler = options.sampler.replace("60_000", "30_000"));
    let feature = with(|options| options.features = "[{ op = \"volume\", scale = [\"minmax\"] }]".into());
    let roles = with(|options| options.roles.push("leader".into()));
    let name = "x".repeat(32);
    for (bad, status, text) in [
        (&window, Status::SchemaDiffers, "window: {\"rows\":4} here, {\"rows\":5} there"),
        (&sampler, Status::SchemaDiffers, "\"interval_ms\":60000"),
        (&feature, Status::SchemaDiffers, "feature 0: {"),
        (&roles, Status::Roles, "self, leader"),
    ] {
        refused(&bench, &[item("s", bad)], status, text);
        refused(&bench, &[item("t", &good), item("s", bad)], status, text);
    }
    refused(&bench, &[item("t", &good), item("t", &good)], Status::Conflict, "t is named twice");
    for slot in ["", name.as_str()] {
        refused(&bench, &[item("t", &good), item(slot, &good)], Status::InvalidArgument, "1 to 31 bytes");
    }
    assert_eq!(bench.lane.open_track("t", &[bench.stream], 0).unwrap_err().status(), Status::NoBundle, "none of the good ones serves");
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!((p.generation, p.action()), (1, Action::Buy));
    assert_eq!(bench.engine.publish(&[item("t", &window), item("s", &good)]).unwrap(), [2, 3], "no number was used up");
    assert_eq!(bench.decide(track, &bar(bench.stream, 1, 1.0)).generation, 3);
    assert!(bench.engine.publish(&[]).unwrap().is_empty());
}

/// Row 32: publishers at once are serialised.
#[test]
fn publishes_at_once_get_numbers_of_their_own_and_the_last_serves() {
    let (mut bench, track) = Bench::start(&version(1));
    let bundle = open(&bench.engine, &version(1)).unwrap();
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let publish = || (0..200).flat_map(|_| bench.engine.publish(&[item("s", &bundle), item("t", &bundle)]).unwrap()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(publish)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=1_601).collect::<Vec<u64>>());
    let p = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert_eq!(p.generation, 1_600, "both slots of a call get neighbouring numbers, so the last call gave 1600 and 1601");
}

/// Row 31: the reader lets go, `collect` frees.
#[test]
fn replaced_generations_are_freed_by_collect_and_never_by_a_reader() {
    let bench = Bench::with("");
    let (store, bundle) = (Store::new(RunPolicy::new(RunLimit::none())), open(&bench.engine, &version(1)).unwrap());
    let publish = || store.publish(&[item("s", &bundle)], 64, false).unwrap();
    publish();
    let held = Arc::strong_count(&bundle);
    let mut readers = store.readers();
    assert_eq!(store.read(&mut readers, "s").unwrap(), Some(0));
    let first = Arc::downgrade(&readers.enter()[0].generation);
    publish();
    assert_eq!((store.collect(), first.strong_count()), (1, 2), "held by the list and by the reader");
    assert_eq!((readers.enter()[0].generation.number, first.strong_count()), (2, 2), "the reader left it at its seat and freed nothing");
    assert_eq!((store.collect(), first.strong_count()), (0, 0));
    for _ in 0..100 {
        publish();
        readers.enter();
    }
    store.collect();
    assert_eq!(Arc::strong_count(&bundle), held, "only the generation that serves holds its bundle");
}

#[test]
fn one_earlier_generation_is_kept_unless_it_is_replaced() {
    let bench = Bench::with("");
    let kept = |keep: bool, replace: bool| {
        let (store, old) = (Store::new(RunPolicy::new(RunLimit::none())), open(&bench.engine, &version(1)).unwrap());
        let new = open(&bench.engine, &version(2)).unwrap();
        store.publish(&[item("s", &old)], 64, keep).unwrap();
        store.publish(&[Publish { replace, ..item("s", &new) }], 64, keep).unwrap();
        let after_one = Arc::strong_count(&old) - 1;
        store.publish(&[item("s", &new)], 64, keep).unwrap();
        (after_one, Arc::strong_count(&old) - 1)
    };
    assert_eq!([kept(true, false), kept(true, true), kept(false, false)], [(1, 0), (0, 0), (0, 0)]);
}

#[test]
fn the_housekeeping_thread_frees_without_being_asked() {
    let engine = Engine::open_text("clock = \"host\"\n[publish]\nkeep_previous = false\n[housekeeping]\ninterval_ms = 1\nidle_revoke_ms = 3600000\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let old = open(&engine, &version(1)).unwrap();
    engine.publish_one("s", old.clone()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    engine.publish_one("s", open(&engine, &version(2)).unwrap()).unwrap();
    assert_eq!(Arc::strong_count(&old), 2, "the lane still holds its generation");
    lane.predict(track, START_NS).unwrap();
    wait_until("nobody freed the old generation", || Arc::strong_count(&old) == 1);
}

/// Slots published by one call are one: a lane that has seen one of the new generations never again answers from an old one.
#[test]
fn slots_published_together_change_together() {
    const PUBLISHES: u64 = 2_000;
    let engine = Engine::open_text("clock = \"host\"\n[housekeeping]\ninterval_ms = 1\nidle_revoke_ms = 0\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let bundles = [1, 2].map(|number| open(&engine, &version(number)).unwrap());
    let publish = |turn: usize| engine.publish(&[item("a", &bundles[turn % 2]), item("b", &bundles[turn % 2])]).unwrap();
    publish(0);
    let newest = AtomicU64::new(0);
    let read = || {
        let mut lane = engine.open_lane("").unwrap();
        let tracks = ["a", "b"].map(|slot| lane.open_track(slot, &[stream], 0).unwrap());
        let (mut last, mut seen) = (0, 0);
        for minute in 0.. {
            let event = bar(stream, minute, 1.0);
            lane.push(event.slots()).unwrap();
            // In turn, so that either may be the first to see the new ones.
            for track in if minute % 2 == 0 { tracks } else { [tracks[1], tracks[0]] } {
                let p = lane.predict(track, event.head.known_ns).unwrap();
                let publish = p.generation.div_ceil(2);
                assert!(publish >= last, "slot {} answers from publish {publish} after {last} was seen", p.slot);
                assert_eq!(p.members_total, if publish % 2 == 1 { 1 } else { 2 });
                seen += u64::from(publish != last);
                last = publish;
                newest.fetch_max(publish, Ordering::Relaxed);
            }
            if last == PUBLISHES {
                return seen;
            }
        }
        unreachable!()
    };
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        for turn in 1..PUBLISHES {
            publish(turn as usize);
            // A reader was served by one of the newest publishes: swaps and predictions overlap.
            while newest.load(Ordering::Relaxed) + 20 < turn && readers.iter().all(|reader| !reader.is_finished()) {
                std::thread::yield_now();
            }
        }
        readers.into_iter().map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(seen.iter().any(|seen| *seen >= PUBLISHES / 40), "{seen:?}");
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !done() {
        assert!(std::time::Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

/// A lane that nobody enters is given the new models, and goes on from there when it is entered.
#[test]
fn an_idle_lane_pins_no_old_generation() {
    let engine = Engine::open_text("clock = \"host\"\n[publish]\nkeep_previous = false\n[housekeeping]\ninterval_ms = 1\nidle_revoke_ms = 5\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let old = open(&engine, &version(1)).unwrap();
    engine.publish_one("s", old.clone()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    lane.push(bar(stream, 0, 1.0).slots()).unwrap();
    assert_eq!(lane.predict(track, START_NS + MINUTE_NS).unwrap().generation, 1);
    engine.publish_one("s", open(&engine, &version(2)).unwrap()).unwrap();
    wait_until("the idle lane still holds the old generation", || Arc::strong_count(&old) == 1);
    assert_eq!(lane.details(track).unwrap().manifest.version, 1, "what was answered is still told");
    lane.push(bar(stream, 1, 1.0).slots()).unwrap();
    let p = lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap();
    assert_eq!((p.generation, p.members_total), (2, 2));
    assert_eq!(lane.counters().generations.get(), 1, "counted although housekeeping took it over");
}

#[test]
fn without_a_thread_the_host_does_the_housekeeping() {
    let engine = Engine::open_text("threads = 0\n[publish]\nkeep_previous = false\n[housekeeping]\nidle_revoke_ms = 0\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let old = open(&engine, &version(1)).unwrap();
    engine.publish_one("s", old.clone()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    lane.open_track("s", &[stream], 0).unwrap();
    engine.publish_one("s", open(&engine, &version(2)).unwrap()).unwrap();
    assert_eq!(Arc::strong_count(&old), 2, "nobody else does it");
    while engine.maintain(std::time::Duration::ZERO).unwrap() {}
    assert_eq!(Arc::strong_count(&old), 1);
    let busy = Engine::open_text("").unwrap().maintain(std::time::Duration::ZERO).unwrap_err();
    assert!(busy.status() == Status::WrongState && busy.text().contains("threads = 0"), "{busy}");
}

#[test]
fn bundles_outlive_their_files_and_lanes_their_engine() {
    let (bench, track) = Bench::start(&version(1));
    let Bench { engine, mut lane, stream } = bench;
    drop(engine);
    lane.push(bar(stream, 0, 1.0).slots()).unwrap();
    assert_eq!(lane.predict(track, START_NS + MINUTE_NS).unwrap().action(), Action::Buy);
}

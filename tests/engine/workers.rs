//! Lanes with a thread of their own.

use std::ptr::NonNull;
use std::time::{Duration, Instant};

use foretick::Status;
use foretick::config::LinkOptions;
use foretick::engine::{Link, LinkError, ResultMemory, ResultWriter, TrackId, Worker};
use foretick::types::event::Record;

use crate::support::bench::{Bench, bar, by_volume};

/// A worker's track with memory that outlives it, and a link.
fn opened(bench: &Bench, options: &str) -> (Worker, TrackId, &'static ResultMemory, Link) {
    let worker = bench.engine.open_worker(options).unwrap();
    let memory: &'static ResultMemory = Box::leak(Box::default());
    // SAFETY: leaked, so it outlives the writer, and nobody else writes it.
    let writer = unsafe { ResultWriter::attach(NonNull::from(memory)) };
    let stream = bench.stream;
    let (track, link) = worker
        .with(|lane| {
            let track = lane.open_track("s", &[stream], 0).unwrap();
            lane.attach_result(track, Some(writer)).unwrap();
            (track, lane.open_link(LinkOptions { slots: 64, ..LinkOptions::default() }).unwrap())
        })
        .unwrap();
    (worker, track, memory, link)
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_worker_decides_as_the_host_does_and_publishes() {
    const MINUTES: i64 = 3_000;
    for options in ["idle = \"spin\"", "idle = \"yield\"", "idle = \"sleep\"\nsleep_us = 20"] {
        let (mut host, track) = Bench::start(&by_volume());
        let bench = Bench::with("");
        bench.publish(&by_volume()).unwrap();
        let (worker, its, memory, mut link) = opened(&bench, options);
        let mut expected = None;
        for minute in 0..MINUTES {
            let event = bar(bench.stream, minute, (minute % 4) as f64);
            expected = Some(host.decide(track, &event));
            wait_until("the link stays full", || link.push(event.slots()) != Err(LinkError::Full));
        }
        let expected = expected.unwrap();
        wait_until("the last step is not published", || memory.read().is_some_and(|p| p.step == expected.step && p.signal != 0));
        let found = memory.read().unwrap();
        // By the host's clock a worker decides at the time of the event. The lanes differ in their number.
        assert_eq!((found.decided_ns, found.id_counter & 0xFFFF), (expected.decided_ns, MINUTES as u64));
        assert_eq!((found.signal, found.value.to_bits(), found.reasons), (expected.signal, expected.value.to_bits(), expected.reasons));
        let (predictions, row) = worker.with(|lane| (lane.counters().predictions.get(), lane.row(its).unwrap().number)).unwrap();
        assert_eq!((predictions, row), (MINUTES as u64, MINUTES as u64 - 1), "every step was predicted");
        assert_eq!(bench.engine.describe(12).unwrap()["lanes"][1]["options"]["worker"], true);
        drop(worker);
        assert_eq!(link.push(bar(bench.stream, MINUTES, 1.0).slots()), Err(LinkError::Closed));
    }
}

#[test]
fn by_the_systems_clock_the_time_in_the_queue_is_told() {
    let engine = foretick::engine::Engine::open_text("").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    let lane = engine.open_lane("").unwrap();
    let bench = Bench { engine, lane, stream };
    bench.publish(&by_volume()).unwrap();
    let (worker, _, memory, mut link) = opened(&bench, "");
    link.push(bar(stream, 0, 2.0).slots()).unwrap();
    wait_until("nothing is published", || memory.signal() != 0);
    let p = memory.read().unwrap();
    assert_eq!(p.queue_ns, u32::MAX, "the bar is years old");
    assert!(p.decided_ns > p.known_ns);
    drop(worker);
}

#[test]
fn callers_are_let_in_while_the_worker_is_busy() {
    let bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let (worker, ..) = opened(&bench, "idle = \"spin\"");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..300).for_each(|_| assert_eq!(worker.with(|lane| lane.number()).unwrap(), 1)));
        }
    });
}

#[test]
fn a_panic_ends_the_worker_and_is_told_from_then_on() {
    let bench = Bench::with("");
    bench.publish(&by_volume()).unwrap();
    let (worker, _, _, mut link) = opened(&bench, "");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.with(|_| std::panic::resume_unwind(Box::new(())))));
    assert!(panicked.is_err());
    let error = worker.with(|_| ()).unwrap_err();
    assert!(error.status() == Status::Poisoned && error.text().contains("lane 1"), "{error}");
    link.push(bar(bench.stream, 0, 1.0).slots()).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(link.view().waiting(), 2, "nobody polls a lane that is half changed");
}

#[test]
fn a_core_that_is_not_there_refuses_the_worker() {
    let bench = Bench::with("");
    let error = bench.engine.open_worker("core = 4000").unwrap_err();
    assert!(error.status() == Status::Thread && error.text().contains("4000"), "{error}");
    assert_eq!(bench.engine.open_lane("worker = true").unwrap_err().status(), Status::ConfigValue);
    assert_eq!(bench.engine.open_lane("").unwrap().number(), 1, "the number is free again");
    assert_eq!(foretick::engine::Engine::open_text("[housekeeping]\ncore = 4000\n").unwrap_err().status(), Status::Thread);
}

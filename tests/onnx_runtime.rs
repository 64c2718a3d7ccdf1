//! Members on ONNX Runtime: what it runs, what it cannot finish, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(feature = "ort")]

mod support;

use std::time::{Duration, Instant};

use foretick::Status;
use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::manifest::BackendChoice;
use foretick::types::event::Record;
use foretick::types::{Action, reason};

use support::bench::{MINUTE_NS, START_NS, bar, by_volume, open};
use support::bundle::{Graph, Member, Options};
use support::fixtures;
use support::ort::library;

/// `lr` and a member on ONNX Runtime, each of weight 1.
fn with(member: Member) -> Options {
    Options { members: vec![member], ..by_volume() }
}

fn endless(deadline: &'static str) -> Options {
    with(Member::new("loop", Graph::Foreign("endless")).with(deadline))
}

/// An engine by the system's clock with a lane and a track; decisions are made at the bars' own time.
fn start(options: &Options) -> (Engine, Lane, TrackId, u32) {
    let engine = Engine::open_text("[housekeeping]\nclose_timeout_ms = 2000\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    engine.publish_one("s", open(&engine, options).unwrap()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    (engine, lane, track, stream)
}

fn statuses(lane: &Lane, track: TrackId) -> Vec<Status> {
    lane.details(track).unwrap().answer.members.iter().map(|member| member.status).collect()
}

#[test]
fn a_graph_without_a_kernel_runs_there_and_says_why() {
    if library().is_none() {
        return;
    }
    let (engine, mut lane, track, stream) = start(&endless("deadline_us = 200000"));
    lane.push(bar(stream, 0, 0.0).slots()).unwrap();
    let p = lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!((p.members_used, p.backend), (2, 3), "native and ONNX Runtime");
    let details = lane.details(track).unwrap();
    assert!((details.answer.members[1].value - 0.7).abs() < 1e-6);
    let bundle = open(&engine, &endless("deadline_us = 200000")).unwrap().describe();
    let member = &bundle["members"][1];
    assert_eq!(member["backend"], "ort");
    assert!(member["why"].as_str().unwrap().contains("Loop"), "{member}");
    assert!(member["summary"].as_str().unwrap().contains("SHA-256"), "{member}");
}

/// Row 19: the member that does not come back is left out, and the next step is answered as if nothing had been.
#[test]
fn an_endless_loop_ends_at_its_deadline_and_the_rest_answers() {
    if library().is_none() {
        return;
    }
    let (_engine, mut lane, track, stream) = start(&endless("deadline_us = 50000"));
    for minute in 0..6 {
        let endless = minute % 2 == 0;
        lane.push(bar(stream, minute, if endless { 2.0 } else { 0.0 }).slots()).unwrap();
        let began = Instant::now();
        let p = lane.predict(track, START_NS + (minute + 1) * MINUTE_NS).unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "the watchdog did not end the run");
        assert_eq!(statuses(&lane, track), [Status::Ok, if endless { Status::Deadline } else { Status::Ok }]);
        assert_eq!((p.members_used, p.reasons & reason::MEMBER_FAILED != 0), if endless { (1, true) } else { (2, false) });
        assert_ne!(p.action(), Action::Abstain, "half of the weight is the quorum");
    }
}

/// A bundle that comes while the thread sleeps wakes it: how often it collects has nothing to do with deadlines.
#[test]
fn deadlines_are_kept_however_seldom_housekeeping_collects() {
    if library().is_none() {
        return;
    }
    let engine = Engine::open_text("[housekeeping]\ninterval_ms = 60000\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    engine.publish_one("s", open(&engine, &endless("deadline_us = 20000")).unwrap()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    let began = Instant::now();
    lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!(statuses(&lane, track), [Status::Ok, Status::Deadline]);
    assert!(began.elapsed() < Duration::from_secs(30), "the thread slept on");
}

#[test]
fn deadlines_of_the_engine_bound_those_of_the_manifest() {
    if library().is_none() {
        return;
    }
    let engine = Engine::open_text("[models]\ndeadline_us = 20000\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    engine.publish_one("s", open(&engine, &endless("deadline_us = 3600000000")).unwrap()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    let p = lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!(statuses(&lane, track), [Status::Ok, Status::Deadline]);
    assert!(p.reasons & reason::MEMBER_FAILED != 0);
}

#[test]
fn when_the_only_member_is_late_the_reason_is_the_deadline() {
    if library().is_none() {
        return;
    }
    let (_engine, mut lane, track, stream) = start(&Options { enabled: false, ..endless("deadline_us = 20000") });
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    let p = lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!(p.action(), Action::Abstain);
    assert_eq!(p.reasons & !reason::IN_SAMPLE, reason::DEADLINE | reason::MEMBER_FAILED | reason::QUORUM);
}

/// Row 15: a model that asks for 4 TiB while it runs is a member that failed.
#[test]
fn an_allocation_that_cannot_be_made_fails_the_member_alone() {
    if library().is_none() {
        return;
    }
    let (_engine, mut lane, track, stream) = start(&with(Member::new("bomb", Graph::Foreign("bomb"))));
    for minute in 0..4 {
        let bomb = minute % 2 == 0;
        lane.push(bar(stream, minute, if bomb { 2.0 } else { 0.0 }).slots()).unwrap();
        let p = lane.predict(track, START_NS + (minute + 1) * MINUTE_NS).unwrap();
        assert_eq!(statuses(&lane, track), [Status::Ok, if bomb { Status::OutOfMemory } else { Status::Ok }]);
        assert_eq!(p.members_used, if bomb { 1 } else { 2 });
    }
}

#[test]
fn nobody_keeps_a_deadline_without_a_thread() {
    if library().is_none() {
        return;
    }
    let engine = Engine::open_text("threads = 0").unwrap();
    let error = engine.publish_one("s", open(&engine, &endless("deadline_us = 1000")).unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.text().contains("model loop") && error.text().contains("threads = 1"), "{error}");
    let native = Options { members: vec![Member::new("m", Graph::Logistic(vec![1.0], 0.0)).with("deadline_us = 1000")], ..by_volume() };
    engine.publish_one("s", open(&engine, &native).unwrap()).unwrap();
    engine.publish_one("t", open(&engine, &with(Member::new("loop", Graph::Foreign("endless")))).unwrap()).unwrap();
}

#[test]
fn an_operator_that_nobody_has_is_named() {
    if library().is_none() {
        return;
    }
    let engine = Engine::open_text("").unwrap();
    let error = open(&engine, &with(Member::new("m", Graph::Foreign("unknown")))).unwrap_err();
    assert_eq!(error.status(), Status::Operator);
    assert!(error.text().contains("model m (m.onnx)") && error.text().contains("com.example.NoSuchOperator"), "{error}");
}

#[test]
fn the_same_graph_natively_and_there_gives_the_same() {
    if library().is_none() {
        return;
    }
    let pinned = Member::new("there", Graph::Logistic(vec![1.0], -1.0)).with("backend = \"ort\"");
    let (_engine, mut lane, track, stream) = start(&with(pinned));
    for minute in 0..20 {
        lane.push(bar(stream, minute, minute as f64 / 5.0).slots()).unwrap();
        lane.predict(track, START_NS + (minute + 1) * MINUTE_NS).unwrap();
        let members = &lane.details(track).unwrap().answer.members;
        assert_eq!((members[0].backend, members[1].backend), (1, 2));
        assert!((members[0].value - members[1].value).abs() < 2e-7);
    }
}

/// Row 60: what cannot matter does not: denormal inputs give what zeros give, natively and there.
#[test]
fn denormal_inputs_give_what_zeros_give() {
    if library().is_none() {
        return;
    }
    let pinned = Member::new("there", Graph::Logistic(vec![1.0], 0.0)).with("backend = \"ort\"");
    let (_engine, mut lane, track, stream) = start(&Options { bias: 0.0, ..with(pinned) });
    let volumes = [0.0, 1.2e-38, 1e-40, 1.4e-45, 0.0];
    let values = volumes.iter().enumerate().map(|(at, volume)| {
        let minute = at as i64;
        lane.push(bar(stream, minute, *volume).slots()).unwrap();
        lane.predict(track, START_NS + (minute + 1) * MINUTE_NS).unwrap();
        lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.value)).collect::<Vec<_>>()
    });
    let values: Vec<_> = values.collect();
    assert!(values.iter().all(|members| *members == [(Status::Ok, 0.5); 2]), "{values:?}");
}

#[test]
fn every_fixture_gives_what_its_library_gives() {
    if library().is_none() {
        return;
    }
    let report = fixtures::run(BackendChoice::Ort);
    assert!(report.wrong.is_empty() && report.refused.is_empty(), "{report:#?}");
}

/// Closing an engine ends what its lanes run; the lanes' callers come back and are told.
#[test]
fn dropping_an_engine_ends_runs_in_flight() {
    if library().is_none() {
        return;
    }
    let (engine, mut lane, track, stream) = start(&endless("deadline_us = 3600000000"));
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    let (began, waited) = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            lane.predict(track, START_NS + MINUTE_NS).unwrap();
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(100));
        let began = Instant::now();
        drop(engine);
        (began, run.join().unwrap())
    });
    assert!(waited.duration_since(began) < Duration::from_secs(5), "the run went on");
    assert_eq!(statuses(&lane, track), [Status::Ok, Status::Closing]);
    lane.push(bar(stream, 1, 2.0).slots()).unwrap();
    lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap();
    assert_eq!(statuses(&lane, track), [Status::Ok, Status::Closing], "no run begins any more");
}

/// A publish that fails at warm-up leaves the old generation serving.
#[test]
fn a_bundle_that_cannot_be_warmed_is_not_published() {
    if library().is_none() {
        return;
    }
    let (engine, mut lane, track, stream) = start(&by_volume());
    let always = with(Member::new("m", Graph::Foreign("always_endless")));
    let began = Instant::now();
    let error = open(&engine, &always).unwrap_err();
    assert_eq!(error.status(), Status::Deadline, "{error}");
    assert!(began.elapsed() < Duration::from_secs(30));
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    assert_eq!(lane.predict(track, START_NS + MINUTE_NS).unwrap().generation, 1);
}

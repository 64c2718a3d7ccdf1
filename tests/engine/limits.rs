//! Bounds of the configuration, numbers that are given again, memory.

use foretick::Status;
use foretick::engine::Engine;

use crate::support::bench::{Bench, START_NS, bar, by_volume, open};
use crate::support::bundle::{Graph, Member, Options};

#[track_caller]
fn limited<T>(result: foretick::Result<T>, key: &str) {
    let error = result.map(|_| ()).unwrap_err();
    assert!(error.status() == Status::Limit && error.text().contains(key), "{error}");
}

#[test]
fn limits_name_their_keys() {
    let mut bench = Bench::with("[limits]\nstreams = 2\nlanes = 2\ntracks = 2\nslots = 2\n");
    bench.engine.add_stream("test:B", "").unwrap();
    limited(bench.engine.add_stream("test:C", ""), "limits.streams is 2");
    assert_eq!(bench.engine.add_stream("test:A", "").unwrap(), 1, "one that is there is found");
    assert_eq!(bench.engine.add_stream("test:A", "tick = 0.5").unwrap_err().status(), Status::Conflict);
    let second = bench.engine.open_lane("").unwrap();
    limited(bench.engine.open_lane(""), "limits.lanes is 2");
    drop(second);
    bench.engine.open_lane("").unwrap();
    bench.publish(&by_volume()).unwrap();
    let first = bench.track();
    bench.track();
    limited(bench.lane.open_track("s", &[1], 0), "limits.tracks is 2");
    bench.lane.close_track(first).unwrap();
    assert_eq!(bench.track().number, 0, "a number that was given back comes again");
    let bundle = open(&bench.engine, &by_volume()).unwrap();
    bench.engine.publish_one("t", bundle.clone()).unwrap();
    limited(bench.engine.publish_one("u", bundle.clone()), "limits.slots is 2");
    bench.engine.publish_one("t", bundle).unwrap();
}

#[test]
fn a_lanes_number_is_used_again_and_its_count_goes_on() {
    let engine = Engine::open_text("threads = 0\nclock = \"host\"").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    engine.publish_one("s", open(&engine, &by_volume()).unwrap()).unwrap();
    let _first = engine.open_lane("").unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let mut lane = engine.open_lane("").unwrap();
        assert_eq!(lane.number(), 1);
        for _ in 0..2 {
            let track = lane.open_track("s", &[stream], 0).unwrap();
            ids.push(lane.predict(track, START_NS).unwrap().id_counter);
            lane.close_track(track).unwrap();
        }
    }
    assert_eq!(ids, (1..=6).map(|count| 1 << 48 | count).collect::<Vec<u64>>(), "ids never repeat within an engine");
}

#[test]
fn two_engines_have_two_epochs() {
    let mut epochs: Vec<u64> = (0..20)
        .map(|_| {
            let (mut bench, track) = Bench::start(&by_volume());
            bench.lane.predict(track, START_NS).unwrap().id_epoch
        })
        .collect();
    epochs.dedup();
    assert_eq!(epochs.len(), 20);
}

#[test]
fn a_track_that_cannot_open_leaves_the_others_working_over_a_swap() {
    let (mut bench, track) = Bench::start(&Options { window: 8, ..by_volume() });
    bench.decide(track, &bar(bench.stream, 0, 1.0));
    let members = vec![Member::new("w", Graph::Logistic(vec![0.0; 8], 0.0))];
    bench.publish(&Options { window: 8, members, version: 2, ..by_volume() }).unwrap();
    assert_eq!(bench.lane.open_track("s", &[], 0).unwrap_err().status(), Status::Roles);
    let p = (1..9).map(|minute| bench.decide(track, &bar(bench.stream, minute, 2.0))).last().unwrap();
    assert_eq!((p.generation, p.members_used, p.reasons), (2, 2, 0), "memory lent to the models grew with the new generation");
}

#[test]
fn a_track_gives_back_the_memory_that_it_took() {
    let mut bench = Bench::with("[limits]\nmemory_mb = 1\n");
    bench.publish(&by_volume()).unwrap();
    let gauge = |bench: &Bench| bench.engine.metrics().lines().find(|line| line.starts_with("foretick_track_memory_bytes")).unwrap().to_owned();
    let empty = gauge(&bench);
    let track = bench.track();
    let members = (0..20).map(|n| Member::new(&format!("m{n}"), Graph::Logistic(vec![0.0], 0.0))).collect();
    bench.publish(&Options { members, ..by_volume() }).unwrap();
    bench.decide(track, &bar(bench.stream, 0, 1.0));
    bench.lane.close_track(track).unwrap();
    assert_eq!(gauge(&bench), empty, "although a swap made the track larger");
    bench.track();
}

#[test]
fn memory_is_limited_over_windows_and_models() {
    let wide = Options { window: 60_000, ..by_volume() };
    let mut bench = Bench::with("[limits]\nmemory_mb = 1\n");
    bench.publish(&by_volume()).unwrap();
    bench.track();
    bench.engine.publish_one("wide", open(&bench.engine, &wide).unwrap()).unwrap();
    limited(bench.lane.open_track("wide", &[1], 0), "limits.memory_mb is 1");
    bench.track();
    let heavy = |bias: f32| {
        let member = Member::new("h", Graph::Logistic(vec![0.0; 40_000], bias));
        Options { window: 40_000, members: vec![member], ..by_volume() }
    };
    let bench = Bench::with("[limits]\nmemory_mb = 1\n");
    let kept: Vec<_> = (0..8).map_while(|n| open(&bench.engine, &heavy(n as f32)).ok()).collect();
    let total: usize = kept.iter().map(|bundle| bundle.memory_bytes()).sum();
    assert!(!kept.is_empty() && kept.len() < 8 && total <= 1 << 20, "{} bundles of {total} bytes", kept.len());
    limited(open(&bench.engine, &heavy(9.0)), "limits.memory_mb is 1");
    drop(kept);
    open(&bench.engine, &heavy(9.0)).unwrap();
}

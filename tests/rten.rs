//! Members on rten: what it runs, what it is not given, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(feature = "rten")]

#[path = "support/graphs.rs"]
mod graphs;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use foretick::config::Backends;
use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::backend::{Backend, Instance};
use foretick::model::choice::{Request, choose};
use foretick::model::manifest::BackendChoice;
use foretick::model::watchdog::Patrol;
use foretick::types::event::Record;
use foretick::{Result, Status};

use support::bench::{MINUTE_NS, START_NS, bar, by_volume, open};
use support::bundle::{Graph, Member, Options};
use support::fixtures;

/// A member that no native kernel runs, on rten.
fn wave() -> Member {
    Member::new("wave", Graph::Foreign("sine")).with("backend = \"rten\"")
}

/// `lr` and that member, each of weight 1.
fn with(member: Member) -> Options {
    Options { members: vec![member], ..by_volume() }
}

fn start(config: &str, options: &Options) -> (Engine, Lane, TrackId, u32) {
    let engine = Engine::open_text(config).unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    engine.publish_one("s", open(&engine, options).unwrap()).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    (engine, lane, track, stream)
}

fn statuses(lane: &Lane, track: TrackId) -> Vec<Status> {
    lane.details(track).unwrap().answer.members.iter().map(|member| member.status).collect()
}

/// A graph on rten, run on rows of `value`.
fn tried(bytes: &[u8], shape: &[usize], value: f32) -> Result<Vec<f32>> {
    let patrol = Patrol::start()?;
    let (backend, mut instance) = opened(&patrol, bytes, shape)?;
    let mut out = vec![0.0; backend.output_width()];
    instance.run(&vec![value; backend.input_width()], &mut out).map(|()| out)
}

fn opened(patrol: &Patrol, bytes: &[u8], shape: &[usize]) -> Result<(Arc<dyn Backend>, Box<dyn Instance>)> {
    let limit = patrol.limit(Duration::from_secs(5));
    let request = Request { bytes, shapes: &[shape.to_vec()], asked: BackendChoice::Rten.into() };
    let backend = choose(&request, &Backends::default(), &limit)?.backend;
    Ok((backend.clone(), backend.instance(&limit)?))
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/fixtures/nets/{name}.onnx"))).unwrap()
}

#[test]
fn every_fixture_that_it_takes_gives_what_its_library_gives() {
    let report = fixtures::run(BackendChoice::Rten);
    assert!(report.wrong.is_empty() && report.right.len() > 100, "{report:#?}");
    let lacks = ["TreeEnsembleClassifier", "TreeEnsembleRegressor", "LinearClassifier", "LinearRegressor", "Scaler", "Normalizer", "Selu", "Softplus"];
    for (name, error) in &report.refused {
        assert_eq!(error.status(), Status::Operator, "{name}: {error}");
        assert!(lacks.iter().any(|op| error.text().contains(op)), "{name}: {error}");
    }
}

/// Layers of both directions, which no native kernel runs.
#[test]
fn what_has_no_native_kernel_is_among_what_it_takes() {
    for name in ["refused_bidirectional_gru.script17", "refused_bidirectional_lstm.dynamo18", "refused_bidirectional_keras.keras2_17"] {
        let given = tried(&fixture(name), &[1, 6, 3], 0.25).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(given.iter().all(|value| value.is_finite()), "{name}: {given:?}");
    }
}

#[test]
fn a_member_runs_there_and_says_so() {
    let options = with(wave());
    let (engine, mut lane, track, stream) = start("", &options);
    lane.push(bar(stream, 0, 0.25).slots()).unwrap();
    let p = lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!((p.members_used, p.backend), (2, 1 | 4), "native and rten");
    assert!((lane.details(track).unwrap().answer.members[1].value - 0.7).abs() < 1e-6);
    let member = &open(&engine, &options).unwrap().describe()["members"][1];
    assert_eq!((&member["backend"], &member["why"]), (&"rten".into(), &"asked for".into()));
    assert!(member["summary"].as_str().unwrap().contains("rten 0.27"), "{member}");
}

#[test]
fn by_default_it_is_the_last_and_only_where_the_runtime_is_absent() {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphs/sine.onnx")).unwrap();
    let patrol = Patrol::start().unwrap();
    let request = Request { bytes: &bytes, shapes: &[vec![1, 1]], asked: BackendChoice::Default.into() };
    let by = |allowed: &Backends| choose(&request, allowed, &patrol.limit(Duration::from_secs(5)));
    let chosen = by(&Backends { ort: false, ..Backends::default() }).unwrap();
    assert_eq!(chosen.backend.bits(), 4);
    assert!(chosen.why.contains("`Sin`") && chosen.why.contains("not allowed"), "{}", chosen.why);
    let named = by(&Backends { ort_library: Some("/no/such/library".into()), ..Backends::default() }).unwrap_err();
    assert_eq!(named.status(), if cfg!(feature = "ort") { Status::RuntimeMissing } else { Status::Unsupported });
    let none = by(&Backends { ort: false, rten: false, ..Backends::default() }).unwrap_err();
    assert!(none.text().contains("`Sin`") && none.text().contains("rten is not allowed"), "{none}");
}

#[test]
fn what_may_not_end_or_takes_memory_without_end_is_refused() {
    for (name, operator) in [("endless", "Loop"), ("bomb", "ConstantOfShape"), ("unknown", "NoSuchOperator")] {
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/graphs/{name}.onnx"))).unwrap();
        let error = tried(&bytes, &[1, 1], 0.0).unwrap_err();
        assert_eq!(error.status(), Status::Operator, "{error}");
        assert!(error.text().contains(operator), "{error}");
    }
}

/// Whatever a file says: an answer or an error, and the process goes on.
#[test]
fn changed_bytes_never_end_the_process() {
    let step = std::env::var("FORETICK_STEP").map_or(41, |step| step.parse().unwrap());
    let shapes = [("cnn_padded.script17", [1, 12, 2]), ("gru_1.script17", [1, 6, 3]), ("lstm_1.dynamo18", [1, 6, 3]), ("transformer.dynamo18", [1, 6, 3])];
    for (name, shape) in shapes {
        let whole = fixture(name);
        tried(&whole, &shape, 0.5).unwrap();
        for index in (0..whole.len()).step_by(step) {
            for change in [0x01, 0x04, 0x40, 0x80, 0xff, whole[index]] {
                let mut file = whole.clone();
                file[index] ^= change;
                let _ = tried(&file, &shape, 0.5);
            }
        }
    }
}

/// rten plans by recursion: the longest way that is let through fits its thread's stack.
#[test]
fn the_longest_way_that_is_allowed_runs() {
    let nodes = (0..2_000).flat_map(|at| graphs::node("Sin", "", &[&format!("v{at}")], &[&format!("v{}", at + 1)], &[]));
    let graph = [nodes.collect(), graphs::value(11, "v0", &[1, 3]), graphs::value(12, "v2000", &[1, 3])].concat();
    let given = tried(&graphs::model(&graph, 17), &[1, 3], 0.5).unwrap();
    assert!(given.iter().all(|value| *value > 0.0 && *value < 0.1), "{given:?}");
}

#[test]
fn inputs_that_would_be_turned_into_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        assert_eq!(tried(&fixture("lstm_1.script17"), &[1, 6, 3], value).unwrap_err().status(), Status::NotFinite);
    }
}

/// Working copies are run once before they serve: the publish says what the first prediction would.
#[test]
fn a_deadline_that_no_run_keeps_is_refused_at_publish() {
    let engine = Engine::open_text("").unwrap();
    let error = engine.publish_one("s", open(&engine, &with(wave().with("deadline_us = 1"))).unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::Deadline);
    assert!(error.text().contains("model wave") && error.text().contains("1 us"), "{error}");
}

#[test]
fn nobody_keeps_a_deadline_without_a_thread() {
    let engine = Engine::open_text("threads = 0").unwrap();
    let error = engine.publish_one("s", open(&engine, &with(wave().with("deadline_us = 1000"))).unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.text().contains("model wave") && error.text().contains("threads = 1"), "{error}");
}

#[test]
fn no_run_begins_once_the_engine_is_closed() {
    let (engine, mut lane, track, stream) = start("", &with(wave()));
    lane.push(bar(stream, 0, 0.25).slots()).unwrap();
    drop(engine);
    lane.predict(track, START_NS + MINUTE_NS).unwrap();
    assert_eq!(statuses(&lane, track), [Status::Ok, Status::Closing]);
}

/// Working copies share the model and nothing else.
#[test]
fn many_lanes_give_the_same_at_once() {
    let (patrol, bytes) = (Patrol::start().unwrap(), fixture("transformer.dynamo18"));
    let limit = patrol.limit(Duration::from_secs(60));
    let (backend, _) = opened(&patrol, &bytes, &[1, 6, 3]).unwrap();
    let row: Vec<f32> = (0..18).map(|at| (at as f32).sin()).collect();
    let run = |mut lane: Box<dyn Instance>| {
        let once = |_| {
            let mut out = [0.0];
            lane.run(&row, &mut out).unwrap();
            out[0].to_bits()
        };
        let mut answers: Vec<u32> = (0..200).map(once).collect();
        answers.dedup();
        answers
    };
    let lanes: Vec<_> = (0..4).map(|_| backend.clone().instance(&limit).unwrap()).collect();
    let answers: Vec<u32> = std::thread::scope(|scope| {
        let lanes: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(|| run(lane))).collect();
        lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
    });
    assert_eq!(answers, [answers[0]; 4]);
}

/// The mode of the thread that opens a model, or runs one, is none of its threads' business.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[test]
fn the_hosts_floating_point_mode_reaches_no_thread_of_its() {
    /// To the nearest, and towards zero; nothing traps.
    const MODES: [u32; 2] = [0x1f80, 0x7f80];
    let row: Vec<f32> = (0..18).map(|at| (at as f32).cos()).collect();
    let answers = MODES.map(|mode| {
        mxcsr::set(mode);
        let patrol = Patrol::start().unwrap();
        let (_, mut instance) = opened(&patrol, &fixture("lstm_2.script17"), &[1, 6, 3]).unwrap();
        let mut out = [0.0; 4];
        instance.run(&row, &mut out).unwrap();
        let after = mxcsr::get();
        mxcsr::set(MODES[0]);
        assert_eq!(after & 0xffc0, mode & 0xffc0);
        out.map(f32::to_bits)
    });
    assert_eq!(answers[0], answers[1]);
}

/// The control word as a C host sees it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[allow(deprecated, reason = "the intrinsics are what a C host calls")]
mod mxcsr {
    use std::arch::x86_64::{_mm_getcsr, _mm_setcsr};

    pub fn get() -> u32 {
        // SAFETY: reads a register.
        unsafe { _mm_getcsr() }
    }

    pub fn set(mode: u32) {
        // SAFETY: only defined bits are set, and the test puts the ordinary mode back before it does arithmetic of its own.
        unsafe { _mm_setcsr(mode) };
    }
}

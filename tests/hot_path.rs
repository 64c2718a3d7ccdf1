//! The hot path allocates nothing, and a track is small: counted by the allocator itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use foretick::engine::{Engine, Lane, TRACK_ANY_STREAM, TrackId};
use foretick::features::row::RowEngine;
use foretick::features::spec::Schema;
use foretick::ingest::gate;
use foretick::model::native;
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;
use foretick::source::simulator::Simulator;
use foretick::types::Slot;
use foretick::types::event::Record;
use foretick::types::step::Step;
use foretick::window::rolling::Rolling;
use support::bundle::{self, Options};

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // The thread's own counters may be gone while it ends.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + u64::from(bytes > 0)));
    let _ = BYTES.try_with(|total| total.set(total.get() + bytes));
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64);
        count(-(layout.size() as i64));
        // SAFETY: the caller's promise is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and bytes that stay, of this thread.
fn counted<T>(act: impl FnOnce() -> T) -> (T, u64, i64) {
    let before = (CALLS.get(), BYTES.get());
    let value = act();
    (value, CALLS.get() - before.0, BYTES.get() - before.1)
}

#[test]
fn the_counter_counts() {
    let (kept, calls, bytes) = counted(|| vec![0u8; 1_000]);
    assert_eq!((kept.len(), calls, bytes), (1_000, 1, 1_000));
}

struct Market {
    lane: Lane,
    tracks: Vec<TrackId>,
    simulator: Simulator,
    events: Vec<Slot>,
    predictions: u64,
}

impl Market {
    fn open(engine: &Engine) -> Market {
        let mut simulator = Simulator::new(3);
        let ids: Vec<u32> = simulator.streams().iter().map(|stream| engine.add_stream(stream.name, "").unwrap()).collect();
        simulator.set_streams(&ids).unwrap();
        let mut lane = engine.open_lane("").unwrap();
        let tracks = simulator.pairs().iter().map(|pair| lane.open_track("direction", &[ids[pair.own], ids[pair.leader]], 0).unwrap()).collect();
        Market { lane, tracks, simulator, events: Vec::new(), predictions: 0 }
    }

    /// Simulates outside the count; pushes and predicts inside it.
    fn step(&mut self) -> u64 {
        self.events.clear();
        self.simulator.step(&mut self.events);
        let Market { lane, tracks, events, predictions, .. } = self;
        counted(|| {
            let mut at = 0;
            while at < events.len() {
                let flow = lane.push(&events[at..]).expect("simulated events are valid");
                if flow.closed > 0 {
                    let now_ns = gate::head(&events[at..]).expect("an event was taken").known_ns;
                    for track in tracks.iter() {
                        std::hint::black_box(lane.predict(*track, now_ns).expect("the track is open"));
                        std::hint::black_box(lane.row(*track).is_ok() && lane.details(*track).is_ok());
                        *predictions += 1;
                    }
                }
                at += flow.taken as usize;
            }
        })
        .1
    }
}

#[test]
fn push_features_and_native_prediction_allocate_nothing() {
    let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim");
    let bundles = ["v1", "v2"].map(|version| engine.open_bundle(&models.join(version)).unwrap());
    // The one with networks first: a lane's memory grows once, when a generation needs more than any before it.
    engine.publish_one("direction", bundles[1].clone()).unwrap();
    let mut market = Market::open(&engine);
    let mut allocations = 0;
    for step in 0..3_000 {
        if step == 1_500 || step == 2_250 {
            // The swaps themselves are included: the reader takes the new generation over.
            engine.publish_one("direction", bundles[usize::from(step > 2_000)].clone()).unwrap();
        }
        let made = market.step();
        // Before a track's first step `row` answers an error, whose text is allocated.
        allocations += if step < 2 { 0 } else { made };
    }
    assert!(market.predictions > 8_000);
    assert!(market.lane.counters().decisions.get() > 1_000, "the tracks decide");
    assert_eq!(allocations, 0);
}

/// A meta-model over two members, a member more that only one phase runs, and an edge.
fn stacked() -> Options {
    let features = "[{ op = \"atr\", period = 14, scale = [\"zscore\"] }, { op = \"sma\", period = [5, 20], scale = [\"zscore\"] }]";
    let always = |name: &str, bias: f32| bundle::Member::new(name, bundle::Graph::Logistic(vec![0.0; 3], bias));
    let edge = bundle::Member { output: "net".into(), ..always("edge", 1.0) };
    let meta = bundle::Member { weight: 4.0, ..bundle::Member::over("meta", &["lr.up", "a.up"], &[1.0, 1.0], -1.0) };
    Options {
        features: features.into(),
        weights: vec![0.01; 3],
        members: vec![always("a", 0.5), always("b", -0.5), edge, meta],
        amounts: vec!["net".into()],
        ensemble: "mix = \"logit\"\nquorum = 0.5\nphase = { volatile_above = 1e-6, trending_above = 1e9 }\n\
            sets = { volatile = [\"lr\", \"a\", \"meta\", \"edge\"] }\nvolatile = { lr = 1.0, a = 1.0, b = 0.0, meta = 2.0, edge = 1.0 }\n"
            .into(),
        policy: Some("kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.6\nwait_at = 0.4\nedge = \"net\"\nmin_edge = 0.1\n".into()),
        ..Options::default()
    }
}

/// Short and long windows, shared and not, with scales that keep windows of their own.
#[test]
fn a_large_schema_allocates_nothing() {
    let periods = (2..90).collect::<Vec<_>>();
    let text = format!(
        "[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\n[window]\nrows = 2\n[schema]\nfeatures = [{{ op = [\"sma\", \"std\", \"volume_std\"], \
         period = {periods:?} }}, {{ op = [\"range\", \"cci\"], period = [5, 64], scale = [\"relative\", \"rolling_zscore(70)\"] }}]\n"
    );
    let schema = Arc::new(Schema::from_text(&text).unwrap());
    let (mut rows, mut window) = (RowEngine::new(schema.clone()), Rolling::new(schema.window, schema.width()));
    for at in 0..400 {
        let close = 100.0 + f64::from(at % 37);
        let step = Step { close_ns: i64::from(at), open: close, high: close + 1.0, low: close - 1.0, close, volume: f64::from(at % 11), ..Step::default() };
        assert_eq!(counted(|| rows.step(&step, &[], &mut window)).1, 0, "step {at}");
    }
    assert_eq!(rows.facts().missing, 0);
}

#[test]
fn meta_models_sets_and_the_callers_rows_allocate_nothing() {
    let (mut bench, track) = support::bench::Bench::start(&stacked());
    let event = |minute: i64| support::bench::bar_at(1, minute, 100.0 + (minute % 5) as f64);
    let allocations: u64 = (0..900)
        .map(|minute| {
            let bar = event(minute);
            let (p, calls, _) = counted(|| {
                bench.lane.push(bar.slots()).expect("a valid bar");
                bench.lane.predict_row(track, &[1.0, 100.0, f64::from(minute as i32)], bar.head.known_ns).expect("the track is open");
                bench.lane.predict(track, bar.head.known_ns).expect("the track is open")
            });
            assert!(minute < 700 || (p.reasons == 0 && p.phase == 3 && p.members_used == 3), "{minute}: {p:?}");
            if minute == 0 { 0 } else { calls }
        })
        .sum();
    assert_eq!(allocations, 0);
}

#[test]
fn ten_thousand_tracks_are_small() {
    const TRACKS: usize = 10_000;
    let folder = tempfile::tempdir().unwrap();
    bundle::write(folder.path(), &Options::baseline());
    let engine = Engine::open_text("threads = 0\nclock = \"host\"\n").unwrap();
    engine.publish_one("direction", engine.open_bundle(folder.path()).unwrap()).unwrap();
    let ids: Vec<u32> = (0..TRACKS).map(|i| engine.add_stream(&format!("test:{i}"), "").unwrap()).collect();
    let mut lane = engine.open_lane("").unwrap();
    let (_, _, bytes) = counted(|| {
        for id in &ids {
            lane.open_track("direction", &[*id], TRACK_ANY_STREAM).unwrap();
        }
    });
    let each = bytes as usize / TRACKS;
    assert!(each <= 32 * 1024, "{each} bytes a track");
    assert!(bytes < 500 * 1024 * 1024, "{bytes} bytes");
    println!("{each} bytes a track, {bytes} for {TRACKS}");
}

#[test]
fn networks_allocate_nothing_in_a_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fixtures/nets");
    let graphs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let graphs = graphs.filter(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    let (mut checked, mut ran_ahead) = (0, 0);
    for path in graphs.filter(|path| !path.display().to_string().contains("refused_")) {
        let backend = native::compile(&Graph::parse(&std::fs::read(&path).unwrap()).unwrap(), None).unwrap();
        let (row, mut out) = (vec![0.5; backend.input_width()], vec![0.0; backend.output_width()]);
        let mut instance = backend.clone().instance(&RunLimit::none()).unwrap();
        let ((), allocations, _) = counted(|| instance.run(&row, &mut out).unwrap());
        assert_eq!(allocations, 0, "{}", path.display());
        checked += 1;
        if let Some(mut ahead) = backend.ahead() {
            let (known, allocations, _) = counted(|| {
                ahead.prepare(&row);
                ahead.run(&row, &mut out)
            });
            assert_eq!((known, allocations), (true, 0), "{}", path.display());
            ran_ahead += 1;
        }
    }
    assert!(checked >= 60 && ran_ahead >= 20, "{checked} {ran_ahead}");
}

/// Steps that are asked for, and those that wait until the window is full of them; a swap, whose new state is replayed.
#[test]
fn stateful_models_allocate_nothing() {
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = [\"open\", \"close\"], scale = [\"zscore\"] }]";
    let options = |version| Options {
        version,
        features: features.into(),
        weights: vec![0.01; 3],
        members: vec![bundle::Member::new("net", bundle::Graph::Step("lstm_2.layers")).with("state = \"replay\"")],
        ..Options::default()
    };
    let (mut bench, track) = support::bench::Bench::start(&options(1));
    let allocations: u64 = (0..200)
        .map(|minute| {
            if minute == 100 {
                bench.publish(&options(2)).unwrap();
            }
            let bar = support::bench::bar(bench.stream, minute, 1.0 + (minute % 3) as f64);
            let (p, calls, _) = counted(|| {
                bench.lane.push(bar.slots()).expect("a valid bar");
                (minute % 30 < 20 || minute == 100).then(|| bench.lane.predict(track, bar.head.known_ns).expect("the track is open"))
            });
            assert!(p.is_none_or(|p| minute < 4 || p.members_used == 2), "{minute}: {p:?}");
            if minute == 0 { 0 } else { calls }
        })
        .sum();
    assert_eq!(allocations, 0);
}

//! The hot path allocates nothing, and a track is small: counted by the allocator itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use foretick::engine::{Engine, Lane, TRACK_ANY_STREAM, TrackId};
use foretick::ingest::gate;
use foretick::source::simulator::Simulator;
use foretick::types::Slot;
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

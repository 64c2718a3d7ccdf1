//! The hot functions of the C interface allocate nothing, refusals of events and second callers included.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::{null, null_mut};

use bytemuck::Zeroable;
use foretick::ffi::*;
use foretick::types::Prediction;
use foretick::types::event::{Bar, Quote};
use support::bundle::{Graph, Member, Options};

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's own contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's own contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MINUTE_NS: i64 = 60_000_000_000;
const START_NS: i64 = 1_700_000_040_000_000_000;

/// Opens an engine with one lane and one track over a tiny bundle.
unsafe fn opened(folder: &str) -> (EngineHandle, LaneHandle, TrackHandle) {
    let (mut engine, mut lane, mut track, mut bundle) = (EngineHandle::default(), LaneHandle::default(), TrackHandle::default(), BundleHandle::default());
    let (mut stream, mut generation) = (0, 0);
    // SAFETY: every pointer is to a local or a literal of the length that is passed.
    unsafe {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        assert_eq!(foretick_engine_open(null(), 0, &mut engine), FORETICK_OK);
        assert_eq!(foretick_bundle_open(engine, folder.as_ptr().cast(), folder.len(), 0, &mut bundle), FORETICK_OK);
        let item = PublishRecord { struct_size: size_of::<PublishRecord>() as u32, flags: 0, slot: c"d".as_ptr(), slot_len: 1, bundle };
        assert_eq!(foretick_slot_publish(engine, &item, 1, &mut generation), FORETICK_OK);
        assert_eq!(foretick_stream_add(engine, c"test:A".as_ptr(), 6, null(), 0, &mut stream), FORETICK_OK);
        assert_eq!(foretick_lane_open(engine, null(), 0, &mut lane), FORETICK_OK);
        assert_eq!(foretick_track_open(lane, c"d".as_ptr(), 1, &stream, 1, 0, &mut track), FORETICK_OK);
    }
    (engine, lane, track)
}

fn bar(minute: i64) -> Bar {
    let mut bar = Bar::of(1, START_NS + (minute + 1) * MINUTE_NS);
    (bar.open_ns, bar.interval_ns, bar.volume) = (START_NS + minute * MINUTE_NS, MINUTE_NS, 1.0);
    (bar.open, bar.high, bar.low, bar.close) = (100.0, 101.0, 99.0, 100.0 + (minute % 3) as f64 / 2.0);
    bar
}

/// One step with all that can be asked about it, then two refusals.
fn step(lane: LaneHandle, track: TrackHandle, minute: i64) {
    let bar = bar(minute);
    let wrong = Bar { close: f64::NAN, ..bar };
    let mut flow =
        FlowRecord { struct_size: size_of::<FlowRecord>() as u32, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 };
    let (mut due, mut len, mut row, mut close_ns) = ([TrackHandle::default(); 2], 0, [0.0; 2], 0);
    let mut prediction = Prediction::zeroed();
    let mut words = [0u64; 1];
    // SAFETY: zeroed numbers and NULL pointers.
    let mut details: DetailsRecord = unsafe { std::mem::zeroed() };
    (details.struct_size, details.missing, details.missing_cap) = (size_of::<DetailsRecord>() as u32, words.as_mut_ptr(), 1);
    // SAFETY: every pointer is to a local of the size that is passed.
    unsafe {
        assert_eq!(foretick_lane_push(lane, (&raw const bar).cast(), 2, &mut flow), FORETICK_OK);
        assert_eq!(foretick_lane_due(lane, due.as_mut_ptr(), 2, &mut len), FORETICK_OK);
        assert_eq!(foretick_track_predict(track, 0, &mut prediction), FORETICK_OK);
        assert_eq!(foretick_track_row(track, 0, row.as_mut_ptr(), 2, &mut len, &mut close_ns), FORETICK_OK);
        assert_eq!(foretick_track_details(track, &mut details), FORETICK_OK);
        assert_eq!(foretick_lane_advance(lane, bar.head.known_ns, &mut flow), FORETICK_OK);
        assert_eq!(foretick_track_enable(track, (minute % 2) as i32), FORETICK_OK);
        assert_eq!(foretick_track_enable(track, 1), FORETICK_OK);
        assert_eq!(foretick_lane_push(lane, (&raw const wrong).cast(), 2, &mut flow), FORETICK_NOT_FINITE);
        assert_eq!(foretick_lane_push(LaneHandle::default(), null(), 0, &mut flow), FORETICK_INVALID_HANDLE);
        assert_eq!(foretick_last_error(null_mut(), 0, &mut len), FORETICK_BUFFER_TOO_SMALL);
    }
}

/// Scaled rows, unscaled ones with what is missing, and windows.
#[test]
fn scorers_allocate_nothing() {
    let features = "[{ op = \"volume\", scale = [\"minmax\"] }, { op = \"volume_sma\", period = 5, missing = 0.5 }]";
    let members = vec![Member::new("w", Graph::Logistic(vec![0.1; 8], 0.1))];
    let folder = tempfile::tempdir().expect("a folder");
    support::bundle::write(folder.path(), &Options { features: features.into(), members, ..Options::default() });
    // SAFETY: the folder's name outlives the call.
    let (engine, ..) = unsafe { opened(folder.path().to_str().expect("a folder's name")) };
    let open = |model: &str, flags: u32| {
        let mut scorer = ScorerHandle::default();
        // SAFETY: every pointer is to a local or a literal of the length that is passed.
        assert_eq!(unsafe { foretick_scorer_open(engine, c"d".as_ptr(), 1, model.as_ptr().cast(), model.len(), flags, &mut scorer) }, FORETICK_OK);
        scorer
    };
    let (plain, raw, window) = (open("lr", 0), open("lr", FORETICK_SCORER_RAW), open("w", FORETICK_SCORER_RAW));
    let (scaled, unscaled, mut out) = ([0.25f32; 16], [[0.5, f64::NAN]; 8], [0f32; 16]);
    let mut info = ScorerInfoRecord { struct_size: 32, features: 0, window: 0, outputs: 0, generation: 0, backend: 0, flags: 0 };
    let before = COUNT.get();
    for _ in 0..100 {
        // SAFETY: eight rows, two windows, and room for their scores.
        unsafe {
            assert_eq!(foretick_scorer_run(plain, scaled.as_ptr().cast(), 8, 0, out.as_mut_ptr(), 16), FORETICK_OK);
            assert_eq!(foretick_scorer_run(raw, unscaled.as_ptr().cast(), 8, 0, out.as_mut_ptr(), 16), FORETICK_OK);
            assert_eq!(foretick_scorer_run(window, unscaled.as_ptr().cast(), 2, 0, out.as_mut_ptr(), 16), FORETICK_OK);
            assert_eq!(foretick_scorer_next(window, unscaled.as_ptr().cast(), 8, 0, out.as_mut_ptr(), 16), FORETICK_OK);
            assert_eq!(foretick_scorer_info(plain, &mut info), FORETICK_OK);
            assert_eq!(foretick_scorer_run(plain, null(), 1, 3, out.as_mut_ptr(), 16), FORETICK_SHAPE);
        }
    }
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
fn hot_calls_allocate_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    support::bundle::write(folder.path(), &Options::default());
    // SAFETY: the folder's name outlives the call.
    let (engine, lane, track) = unsafe { opened(folder.path().to_str().expect("a folder's name")) };
    (0..8).for_each(|minute| step(lane, track, minute));
    let before = COUNT.get();
    (8..500).for_each(|minute| step(lane, track, minute));
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

/// History from a minute on, and the lane as bytes.
fn history_and_snapshot(lane: LaneHandle, minute: i64, bytes: &mut [u8]) {
    let bars = [bar(minute), bar(minute + 1), bar(minute)];
    let mut flow =
        FlowRecord { struct_size: size_of::<FlowRecord>() as u32, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 };
    let mut len = 0;
    // SAFETY: every pointer is to a local of the size that is passed.
    unsafe {
        assert_eq!(foretick_lane_warm(lane, bars.as_ptr().cast(), 6, &mut flow), FORETICK_OK);
        assert_eq!((flow.taken, flow.closed, flow.skipped, flow.waiting), (6, 2, 1, 0));
        assert_eq!(foretick_lane_snapshot(lane, null_mut(), 0, &mut len), FORETICK_BUFFER_TOO_SMALL);
        assert_eq!(foretick_lane_snapshot(lane, bytes.as_mut_ptr().cast(), bytes.len(), &mut len), FORETICK_OK);
    }
}

#[test]
fn warming_and_snapshots_allocate_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    support::bundle::write(folder.path(), &Options::default());
    // SAFETY: the folder's name outlives the call.
    let (engine, lane, track) = unsafe { opened(folder.path().to_str().expect("a folder's name")) };
    let mut bytes = vec![0; 1 << 14];
    let before = COUNT.get();
    (0..200).for_each(|round| history_and_snapshot(lane, 2 * round, &mut bytes));
    assert_eq!(COUNT.get() - before, 0);
    step(lane, track, 400);
    let mut len = 0;
    let before = COUNT.get();
    // SAFETY: the buffer is a local of the size that is passed.
    assert_eq!(unsafe { foretick_lane_snapshot(lane, bytes.as_mut_ptr().cast(), bytes.len(), &mut len) }, FORETICK_OK);
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

/// A step through a link, refusals included, polled and read from result memory.
fn pipelined(lane: LaneHandle, link: LinkHandle, memory: *const Prediction, minute: i64) {
    let bar = bar(minute);
    let wrong = Bar { close: f64::NAN, ..bar };
    let mut flow =
        FlowRecord { struct_size: size_of::<FlowRecord>() as u32, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 };
    let mut quotes = [Quote { bid_px: 99.0, bid_qty: 1.0, ask_px: 101.0, ask_qty: 1.0, ..Quote::of(1, bar.head.known_ns) }; 3];
    quotes.iter_mut().zip(1..).for_each(|(quote, seq)| quote.head.seq = seq);
    let mut prediction = Prediction::zeroed();
    // SAFETY: every pointer is to a local of the size that is passed, and to memory that the test keeps.
    unsafe {
        assert_eq!(foretick_link_push(link, (&raw const bar).cast(), 2, null_mut()), FORETICK_OK);
        assert_eq!(foretick_link_push(link, quotes.as_ptr().cast(), 3, &mut flow), FORETICK_OK);
        assert_eq!(flow.conflated, 2);
        assert_eq!(foretick_link_push(link, (&raw const wrong).cast(), 2, &mut flow), FORETICK_NOT_FINITE);
        while foretick_link_push(link, (&raw const bar).cast(), 2, &mut flow) == FORETICK_OK {}
        assert_eq!(foretick_lane_poll(lane, 0, 0, &mut flow), FORETICK_OK);
        assert!(flow.predicted == 1 && flow.skipped > 0);
        assert_eq!(foretick_result_read(memory.cast(), &mut prediction), FORETICK_OK);
        assert_eq!(foretick_result_signal(memory.cast()), prediction.signal);
    }
}

#[test]
fn links_polls_and_result_memory_allocate_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    support::bundle::write(folder.path(), &Options::default());
    // SAFETY: the folder's name outlives the call.
    let (engine, lane, track) = unsafe { opened(folder.path().to_str().expect("a folder's name")) };
    let (mut link, mut memory) = (LinkHandle::default(), Box::new(Prediction::zeroed()));
    let options = "slots = 64\nconflate = [\"quote\", \"book\"]";
    // SAFETY: the texts and the handle are there for the call, the memory until the engine is closed.
    unsafe {
        assert_eq!(foretick_link_open(lane, options.as_ptr().cast(), options.len(), &mut link), FORETICK_OK);
        assert_eq!(foretick_result_attach(track, (&raw mut *memory).cast(), 128), FORETICK_OK);
    }
    (0..8).for_each(|minute| pipelined(lane, link, &raw const *memory, minute));
    let before = COUNT.get();
    (8..500).for_each(|minute| pipelined(lane, link, &raw const *memory, minute));
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

/// Rows of the caller's, with members and the slot switched between them.
fn rows(engine: EngineHandle, track: TrackHandle, count: i64) {
    let mut prediction = Prediction::zeroed();
    for at in 1..=count {
        let row = [at as f64 / 100.0, if at % 7 == 0 { f64::NAN } else { 0.5 }];
        let on = (at % 2) as i32;
        // SAFETY: every pointer is to a local or a literal of the length that is passed.
        unsafe {
            assert_eq!(foretick_track_predict_row(track, row.as_ptr(), 2, at, &mut prediction), FORETICK_OK);
            assert_eq!(foretick_slot_enable(engine, c"d".as_ptr(), 1, c"lr".as_ptr(), 2, on), FORETICK_OK);
            assert_eq!(foretick_slot_enable(engine, c"d".as_ptr(), 1, null(), 0, on), FORETICK_OK);
        }
    }
}

#[test]
fn rows_of_the_callers_and_switches_allocate_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let features = "[{ op = \"given\", field = [\"gas\", \"depth\"], scale = [\"zscore\"], missing = 0.0 }]".to_owned();
    let meta = Member::over("meta", &["lr.up"], &[1.0], 0.0);
    support::bundle::write(folder.path(), &Options { features, members: vec![meta], ..Default::default() });
    // SAFETY: the folder's name outlives the call.
    let (engine, _, track) = unsafe { opened(folder.path().to_str().expect("a folder's name")) };
    rows(engine, track, 8);
    let before = COUNT.get();
    rows(engine, track, 2_000);
    assert_eq!(COUNT.get() - before, 0);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

/// Amounts of every length, and what is none.
#[test]
fn amounts_allocate_nothing() {
    assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
    let texts = ["0", "12.5", "9007199254740993", "115792089237316195423570985008687907853269984665640564039457584007913129639935"];
    let (mut limbs, mut value) = ([0u64; 4], 0.0);
    let before = COUNT.get();
    for decimals in 0..=80 {
        for text in texts {
            // SAFETY: a text of its own length, four limbs, one value.
            unsafe {
                let parsed = foretick_amount_parse(text.as_ptr().cast(), text.len(), decimals, limbs.as_mut_ptr());
                let divided = foretick_amount_to_f64(limbs.as_ptr(), decimals, &mut value);
                assert_eq!((parsed == FORETICK_INVALID_ARGUMENT, divided), (decimals > 77, if decimals > 77 { 1 } else { 0 }));
                assert_eq!(foretick_amount_from_bytes([0xFF; 32].as_ptr(), limbs.as_mut_ptr()), FORETICK_OK);
                assert_eq!(foretick_amount_to_f64(limbs.as_ptr(), decimals.min(77), &mut value), FORETICK_OK);
            }
        }
    }
    assert_eq!(COUNT.get() - before, 0);
}

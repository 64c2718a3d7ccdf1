//! Sequences of calls through the C header, in any order, with good and bad arguments.
//!
//! After each call: its status is one of the header and none that says that the fault is ours; on an error nothing was
//! written but a length that is too small, and the error has a text; nothing was written behind what was lent; a handle
//! that is zero, closed or of another kind is never taken. In the end everything closes.
//!
//! A further function of the header is a method and a line in [`CALLS`].

mod links;

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use foretick::Status;
use foretick::ffi::*;
use foretick::types::Prediction;
use foretick::types::event::Slot;
use tempfile::TempDir;

use super::args::{Text, capacity, flags, place, struct_size, switch};
use super::bundle::{self, Graph, Member};
use super::events::{self, Time};
use super::handles::{Handles, Of, Picked, State};
use super::memory::Room;

/// A function that scores rows.
type Score = unsafe extern "C" fn(ScorerHandle, *const c_void, usize, usize, *mut f32, usize) -> StatusCode;

/// Calls of one run.
const CALLS_MOST: usize = 200;
/// Engines open at once: enough for handles of another one.
const ENGINES_MOST: usize = 3;
/// Room for a struct of any header.
const STRUCT_MOST: usize = 256;
const TEXT_MOST: usize = 1 << 16;
/// A byte that chooses the first of every list, the usual arguments and an open handle.
const GOOD: u8 = 40;

const ENGINE_OPTIONS: [&str; 8] = [
    "clock = \"host\"\nthreads = 0\n",
    "clock = \"host\"\nthreads = 0\n",
    "threads = 0\n",
    "clock = \"host\"\nthreads = 0\n[limits]\nlanes = 1\ntracks = 2\nscorers = 1\nslots = 1\nstreams = 2\n",
    "clock = \"host\"\nthreads = 0\n[limits]\nmemory_mb = 1\n[publish]\nkeep_previous = false\n",
    "clock = \"host\"\nthreads = 0\n[monitor]\nlatency = false\n[models]\nbackends = [\"native\"]\n",
    "threads = 1\n[housekeeping]\ninterval_ms = 1\nclose_timeout_ms = 1000\n",
    "threads = 2\n",
];
const LANE_OPTIONS: [&str; 8] = ["", "", "", "", "", "predict = \"request\"\n", "worker = true\nidle = \"sleep\"\nsleep_us = 100\n", "sleep_us = 0\n"];
const SLOTS: [&str; 4] = ["d", "t", "given", "a-long-name-of-a-slot-that-is-no"];
const STREAMS: [&str; 4] = ["test:A", "test:B", "other:C", "test:D"];
const STREAM_OPTIONS: [&str; 4] = ["", "", "tick = 0.5\nprice_unit = \"USDT\"\n", "tick = -1\n"];
const MODELS: [&str; 4] = ["lr", "ratio", "window", "nothing"];

/// Small bundles: by bar, by time, over a window, of the caller's rows.
static BUNDLES: LazyLock<(TempDir, Vec<PathBuf>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let all = [
        ("bar", bundle::Options::default()),
        ("time", bundle::Options { sampler: "kind = \"time\"\ninterval_ms = 100\nprice = \"trade\"\n".into(), max_data_age_ms: 500, ..Default::default() }),
        ("window", window()),
        ("given", given()),
        ("roles", bundle::Options { roles: vec!["self".into(), "leader".into()], ..Default::default() }),
    ];
    let paths = all.map(|(name, options)| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("a folder");
        bundle::write(&path, &options);
        path
    });
    (folder, paths.into())
});

fn window() -> bundle::Options {
    let features = "[{ op = \"volume\", scale = [\"minmax\"] }, { op = \"volume_sma\", period = 5, missing = 0.5 }]";
    let window = Member::new("window", Graph::Logistic((0..8).map(|at| at as f32 / 8.0 - 0.3).collect(), 0.1));
    bundle::Options { features: features.into(), members: vec![Member::new("ratio", Graph::Ratio(2)), window], ..Default::default() }
}

fn given() -> bundle::Options {
    let features = "[{ op = \"given\", field = \"gas\", scale = [\"zscore\"] }, { op = \"volume\", scale = [\"minmax\"], missing = 0.5 }]";
    bundle::Options { features: features.into(), ..Default::default() }
}

type Call = fn(&mut World, &mut Unstructured<'_>) -> Result<()>;

/// Every function of the header; those that make things are there more than once.
pub const CALLS: &[(&str, Call)] = &[
    ("foretick_abi_version", World::library),
    ("foretick_init", World::init),
    ("foretick_build_info", World::build_info),
    ("foretick_now_ns", World::library),
    ("foretick_last_error", World::library),
    ("foretick_status_name", World::library),
    ("foretick_engine_open", World::engine_open),
    ("foretick_engine_close", World::engine_close),
    ("foretick_engine_metrics", World::engine_metrics),
    ("foretick_engine_describe", World::engine_describe),
    ("foretick_engine_maintain", World::engine_maintain),
    ("foretick_stream_add", World::stream_add),
    ("foretick_bundle_open", World::bundle_open),
    ("foretick_bundle_describe", World::bundle_describe),
    ("foretick_bundle_close", World::bundle_close),
    ("foretick_slot_publish", World::slot_publish),
    ("foretick_slot_enable", World::slot_enable),
    ("foretick_lane_open", World::lane_open),
    ("foretick_lane_close", World::lane_close),
    ("foretick_lane_push", World::lane_push),
    ("foretick_lane_push", World::lane_push),
    ("foretick_lane_push", World::lane_push),
    ("foretick_lane_push", World::lane_push),
    ("foretick_lane_advance", World::lane_advance),
    ("foretick_lane_due", World::lane_due),
    ("foretick_lane_poll", World::lane_poll),
    ("foretick_lane_warm", World::lane_warm),
    ("foretick_lane_snapshot", World::lane_snapshot),
    ("foretick_lane_restore", World::lane_restore),
    ("foretick_lane_restore", World::lane_restore),
    ("foretick_link_open", World::link_open),
    ("foretick_link_push", World::link_push),
    ("foretick_link_push", World::link_push),
    ("foretick_link_close", World::link_close),
    ("foretick_track_open", World::track_open),
    ("foretick_track_open", World::track_open),
    ("foretick_track_close", World::track_close),
    ("foretick_track_predict", World::track_predict),
    ("foretick_track_predict", World::track_predict),
    ("foretick_track_prepare", World::track_prepare),
    ("foretick_track_predict_row", World::track_predict_row),
    ("foretick_track_enable", World::track_enable),
    ("foretick_track_details", World::track_details),
    ("foretick_track_row", World::track_row),
    ("foretick_result_attach", World::result_attach),
    ("foretick_result_signal", World::result_read),
    ("foretick_result_read", World::result_read),
    ("foretick_scorer_open", World::scorer_open),
    ("foretick_scorer_info", World::scorer_info),
    ("foretick_scorer_run", World::scorer_run),
    ("foretick_scorer_next", World::scorer_next),
    ("foretick_scorer_prepare", World::scorer_prepare),
    ("foretick_scorer_close", World::scorer_close),
    ("foretick_amount_parse", World::amount_parse),
    ("foretick_amount_from_bytes", World::amount_from_bytes),
    ("foretick_amount_to_f64", World::amount_to_f64),
];

/// What a run did, to see that it reaches something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reached {
    pub calls: u64,
    pub ok: u64,
    pub steps: u64,
    pub predictions: u64,
    pub decisions: u64,
    pub scores: u64,
    pub restored: u64,
}

/// Runs the calls that the bytes stand for.
pub fn run(bytes: &[u8]) -> Reached {
    let mut source = Unstructured::new(bytes);
    let mut world = World::start();
    for _ in 0..CALLS_MOST {
        // The bytes are used up: what they stand for is done.
        if source.is_empty() || world.call(&mut source).is_err() {
            break;
        }
    }
    world.end();
    world.reached
}

/// Everything that the calls so far have made.
pub struct World {
    handles: Handles,
    streams: Vec<u32>,
    time: Time,
    reached: Reached,
    /// Snapshots that were taken.
    snapshots: Vec<Vec<u8>>,
    /// Memory that was lent for results, until all is closed.
    results: Vec<Room>,
    /// Threads of the library's own may be inside.
    threads: bool,
    /// The call that is made now.
    name: &'static str,
}

impl World {
    /// An engine that serves, so that short inputs reach the hot calls.
    fn start() -> World {
        let mut world = World {
            handles: Handles::default(),
            streams: Vec::new(),
            time: Time::default(),
            reached: Reached::default(),
            snapshots: Vec::new(),
            results: Vec::new(),
            threads: false,
            name: "start",
        };
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        let slow: [Call; 4] = [World::engine_open, World::stream_add, World::bundle_open, World::slot_publish];
        let objects: [Call; 4] = [World::lane_open, World::track_open, World::scorer_open, World::link_open];
        for call in slow.into_iter().chain(objects) {
            call(&mut world, &mut Unstructured::new(&[GOOD; 64])).expect("64 bytes are enough");
        }
        assert_eq!(world.reached.ok, 8, "{}", last_error());
        world
    }

    fn call(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (name, call) = source.choose(CALLS)?;
        self.name = name;
        self.reached.calls += 1;
        call(self, source)
    }

    /// Closes everything: nobody is inside, so everything closes, and then nothing is left.
    fn end(&mut self) {
        self.name = "end";
        for id in self.handles.live(Of::Scorer).into_iter().step_by(2) {
            assert_eq!(foretick_scorer_close(ScorerHandle { id }), FORETICK_OK);
        }
        for id in self.handles.live(Of::Lane).into_iter().step_by(2) {
            assert_eq!(foretick_lane_close(LaneHandle { id }), FORETICK_OK);
        }
        for id in self.handles.live(Of::Engine) {
            assert_eq!(foretick_engine_close(EngineHandle { id }), FORETICK_OK);
        }
        for id in self.handles.all(Of::Track) {
            assert_eq!(foretick_track_close(TrackHandle { id }), FORETICK_INVALID_HANDLE);
        }
        for id in self.handles.all(Of::Link) {
            assert_eq!(foretick_link_close(LinkHandle { id }), FORETICK_INVALID_HANDLE);
        }
        assert!(self.results.iter().all(Room::kept_within));
        for id in self.handles.all(Of::Bundle) {
            assert_eq!(foretick_bundle_close(BundleHandle { id }), FORETICK_INVALID_HANDLE);
        }
    }

    /// What must hold after a call: `outputs` are written on success only, `lengths` also when they say what is needed.
    #[track_caller]
    fn judge(&mut self, status: StatusCode, handle: Option<Picked>, outputs: &[&Room], lengths: &[&Room]) -> bool {
        let name = self.name;
        let known = Status::from_number(status);
        let ours = [Status::Panic, Status::Poisoned, Status::Internal, Status::NotInitialised, Status::Forked, Status::Closing];
        assert!(known.is_some_and(|status| !ours.contains(&status)), "{name}: {status}: {}", last_error());
        assert!(self.threads || status != FORETICK_BUSY, "{name}: {}", last_error());
        assert!(outputs.iter().chain(lengths).all(|room| room.kept_within()), "{name}: wrote behind its output");
        self.reached.ok += u64::from(status == FORETICK_OK);
        if status == FORETICK_OK {
            assert!(handle.is_none_or(|handle| handle.state != State::Dead), "{name}: took a handle that is closed or of another kind");
            return true;
        }
        assert!(!last_error().is_empty(), "{name}: no text for {status}");
        assert!(outputs.iter().all(|room| room.untouched()), "{name}: wrote an output and failed with {status}");
        assert!(status == FORETICK_BUFFER_TOO_SMALL || lengths.iter().all(|room| room.untouched()), "{name}: wrote a length and failed with {status}");
        assert!(handle.is_none_or(|handle| handle.state != State::Live || status != FORETICK_INVALID_HANDLE), "{name}: a handle that is open was refused");
        false
    }

    /// As judge, for a close.
    fn closed(&mut self, status: StatusCode, handle: Picked) {
        if self.judge(status, Some(handle), &[], &[]) {
            self.handles.close(handle.id);
        } else {
            assert!(handle.state != State::Zero && handle.state != State::Live, "{}: {status}: {}", self.name, last_error());
        }
    }

    /// A handle that a call has made.
    fn made(&mut self, of: Of, room: &Room, parent: Picked) {
        self.handles.add(of, room.first(), parent.id);
    }

    fn library(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        assert_eq!(foretick_abi_version(), FORETICK_ABI_VERSION);
        assert!(foretick_now_ns() > 0 && !foretick_status_name(source.arbitrary()?).is_null());
        let cap = capacity(source, 16)?;
        let (mut text, mut len) = (Room::of_bytes(16), Room::of::<usize>(1));
        // SAFETY: a cap that is not within the room is refused, as more than memory holds, before anything is written.
        let status = unsafe { foretick_last_error(text.pointer(), cap, place(source, len.pointer())?) };
        assert!([FORETICK_OK, FORETICK_BUFFER_TOO_SMALL, FORETICK_NULL_POINTER, FORETICK_ALIGNMENT, FORETICK_SHAPE].contains(&status));
        assert!(text.kept_within() && len.kept_within());
        Ok(())
    }

    fn init(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let status = foretick_init(if source.arbitrary()? { FORETICK_ABI_VERSION } else { source.arbitrary()? });
        self.judge(status, None, &[], &[]);
        Ok(())
    }

    /// A text that the library gives.
    fn text(&mut self, source: &mut Unstructured<'_>, handle: Option<Picked>, call: impl FnOnce(*mut c_char, usize, *mut usize) -> StatusCode) -> Result<()> {
        let cap = capacity(source, TEXT_MOST)?;
        let (mut text, mut len) = (Room::of_bytes(TEXT_MOST), Room::of::<usize>(1));
        let status = call(place(source, text.pointer())?, cap, place(source, len.pointer())?);
        if self.judge(status, handle, &[&text], &[&len]) {
            let bytes = &text.bytes()[..len.first::<usize>()];
            assert!(std::str::from_utf8(bytes).is_ok() && !bytes.is_empty());
        }
        Ok(())
    }

    fn build_info(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        self.text(source, None, |text, cap, len| unsafe { foretick_build_info(text, cap, len) })
    }

    fn engine_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        if let Some(id) = self.handles.live(Of::Engine).first().filter(|_| self.handles.live(Of::Engine).len() >= ENGINES_MOST).copied() {
            self.closed(foretick_engine_close(EngineHandle { id }), Picked { id, state: State::Live });
        }
        let options = Text::of(source, &ENGINE_OPTIONS)?;
        let mut engine = Room::of::<u64>(1);
        // SAFETY: a text of its own length, a live handle.
        let status = unsafe { foretick_engine_open(options.pointer(), options.len(), place(source, engine.pointer())?) };
        self.threads |= !options.says("threads = 0");
        if self.judge(status, None, &[&engine], &[]) {
            self.made(Of::Engine, &engine, Picked { id: 0, state: State::Zero });
        }
        Ok(())
    }

    fn engine_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        // Seldom: what an engine holds takes many calls to make.
        if source.ratio(3, 4u8)? {
            return Ok(());
        }
        let engine = self.handles.pick(source, Of::Engine)?;
        self.closed(foretick_engine_close(EngineHandle { id: engine.id }), engine);
        Ok(())
    }

    fn engine_metrics(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        self.text(source, Some(engine), |text, cap, len| unsafe { foretick_engine_metrics(EngineHandle { id: engine.id }, text, cap, len) })
    }

    fn stream_add(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let (name, options) = (Text::of(source, &STREAMS)?, Text::of(source, &STREAM_OPTIONS)?);
        let mut stream = Room::of::<u32>(1);
        // SAFETY: texts of their own lengths, a live number.
        let status = unsafe {
            let place = place(source, stream.pointer())?;
            foretick_stream_add(EngineHandle { id: engine.id }, name.pointer(), name.len(), options.pointer(), options.len(), place)
        };
        if self.judge(status, Some(engine), &[&stream], &[]) {
            self.streams.push(stream.first());
        }
        Ok(())
    }

    fn bundle_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let path = source.choose(&BUNDLES.1)?.to_str().unwrap();
        let (path, flags) = (Text::of(source, &[path])?, if source.ratio(1, 30u8)? { flags(source)? } else { 0 });
        let mut bundle = Room::of::<u64>(1);
        // SAFETY: a text of its own length, a live handle.
        let status = unsafe { foretick_bundle_open(EngineHandle { id: engine.id }, path.pointer(), path.len(), flags, place(source, bundle.pointer())?) };
        if self.judge(status, Some(engine), &[&bundle], &[]) {
            self.made(Of::Bundle, &bundle, engine);
        }
        Ok(())
    }

    fn bundle_describe(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let bundle = self.handles.pick(source, Of::Bundle)?;
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        self.text(source, Some(bundle), |text, cap, len| unsafe { foretick_bundle_describe(BundleHandle { id: bundle.id }, text, cap, len) })
    }

    fn bundle_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let bundle = self.handles.pick(source, Of::Bundle)?;
        self.closed(foretick_bundle_close(BundleHandle { id: bundle.id }), bundle);
        Ok(())
    }

    fn slot_publish(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let count = source.int_in_range(0..=2usize)?;
        let size = struct_size(source, size_of::<PublishRecord>(), STRUCT_MOST)?;
        let stride = (size as usize).min(STRUCT_MOST).next_multiple_of(8);
        // One element more than are passed, so that a stride that the library takes anew stays within.
        let mut items = Room::of_bytes(STRUCT_MOST + 2 * stride);
        items.set(0, &vec![0; STRUCT_MOST + 2 * stride]);
        let mut names = Vec::new();
        for at in 0..count {
            let (name, bundle) = (Text::of(source, &SLOTS)?, self.handles.pick(source, Of::Bundle)?);
            let record =
                PublishRecord { struct_size: size, flags: flags(source)?, slot: name.pointer(), slot_len: name.len(), bundle: BundleHandle { id: bundle.id } };
            items.set(at * stride, &bytes_of(&record));
            names.push(name);
        }
        let mut generations = Room::of::<u64>(count);
        // SAFETY: as many items and generations as are said; the names live until the call returns.
        let status = unsafe {
            foretick_slot_publish(
                EngineHandle { id: engine.id },
                place(source, items.pointer::<PublishRecord>())?.cast_const(),
                count,
                place(source, generations.pointer())?,
            )
        };
        assert!(items.untouched());
        // An engine that is open says INVALID_HANDLE of a bundle.
        self.judge(status, Some(engine).filter(|engine| engine.state != State::Live), &[&generations], &[]);
        Ok(())
    }

    fn slot_enable(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let (slot, member) = (Text::of(source, &SLOTS)?, Text::of(source, &MODELS)?);
        let on = switch(source)?;
        // SAFETY: texts of their own lengths.
        let status = unsafe { foretick_slot_enable(EngineHandle { id: engine.id }, slot.pointer(), slot.len(), member.pointer(), member.len(), on) };
        self.judge(status, Some(engine), &[], &[]);
        Ok(())
    }

    fn lane_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let engine = self.handles.pick(source, Of::Engine)?;
        let options = Text::of(source, &LANE_OPTIONS)?;
        let mut lane = Room::of::<u64>(1);
        // SAFETY: a text of its own length, a live handle.
        let status = unsafe { foretick_lane_open(EngineHandle { id: engine.id }, options.pointer(), options.len(), place(source, lane.pointer())?) };
        self.threads |= options.says("worker");
        if self.judge(status, Some(engine), &[&lane], &[]) {
            self.made(Of::Lane, &lane, engine);
        }
        Ok(())
    }

    fn lane_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        if source.ratio(1, 2u8)? {
            return Ok(());
        }
        let lane = self.handles.pick(source, Of::Lane)?;
        self.closed(foretick_lane_close(LaneHandle { id: lane.id }), lane);
        Ok(())
    }

    /// A flow as a caller makes it.
    fn flow(&mut self, source: &mut Unstructured<'_>) -> Result<Room> {
        let mut flow = Room::of_bytes(STRUCT_MOST);
        flow.set(0, &struct_size(source, size_of::<FlowRecord>(), STRUCT_MOST)?.to_le_bytes());
        Ok(flow)
    }

    /// After a push or an advance: what it took, and the size that it was given.
    fn flowed(&mut self, status: StatusCode, lane: Picked, flow: &Room, slots: usize) {
        if self.judge(status, Some(lane), &[flow], &[]) {
            let flow: [u32; 4] = flow.first();
            assert!(flow[2] as usize <= slots && flow[3] == 0, "{}: took {} of {slots} slots", self.name, flow[2]);
            self.reached.steps += u64::from(flow[1]);
        }
    }

    fn lane_push(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let mut slots = events::some(source, &mut self.time, &self.streams)?;
        let mut flow = self.flow(source)?;
        // A slot behind, which a pointer that is off by a byte may reach.
        let count = slots.len();
        slots.push(Slot([0; 8]));
        let mut at = 0;
        // As a host does: goes on after a step, and past an event that is refused.
        while at <= count {
            let events = place(source, slots[at..].as_mut_ptr())?.cast::<c_void>().cast_const();
            let said = if source.ratio(1, 60u8)? { usize::MAX } else { count - at };
            let place = place(source, flow.pointer())?;
            // SAFETY: so many slots, or more than memory holds; the flow has room for the size that it states.
            let status = unsafe { foretick_lane_push(LaneHandle { id: lane.id }, events, said, place) };
            self.flowed(status, lane, &flow, count - at);
            let taken = flow.first::<[u32; 3]>()[2] as usize;
            at += if status == FORETICK_OK && taken > 0 { taken } else { 1 };
            flow = self.flow(source)?;
        }
        Ok(())
    }

    fn lane_advance(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let until_ns = self.time.next_ns(source)?;
        let mut flow = self.flow(source)?;
        // SAFETY: the flow has room for the size that it states.
        let status = unsafe { foretick_lane_advance(LaneHandle { id: lane.id }, until_ns, place(source, flow.pointer())?) };
        self.flowed(status, lane, &flow, 0);
        Ok(())
    }

    fn lane_due(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let cap = capacity(source, 8)?;
        let (mut tracks, mut len) = (Room::of::<u64>(8), Room::of::<usize>(1));
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        let status = unsafe { foretick_lane_due(LaneHandle { id: lane.id }, place(source, tracks.pointer())?, cap, place(source, len.pointer())?) };
        self.judge(status, Some(lane), &[&tracks], &[&len]);
        Ok(())
    }

    fn track_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let lane = self.handles.pick(source, Of::Lane)?;
        let (slot, flags) = (Text::of(source, &SLOTS)?, flags(source)?);
        let count = source.int_in_range(0..=3usize)?.max(1) - 1 + usize::from(source.ratio(9, 10u8)?);
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(if source.ratio(1, 30u8)? { source.arbitrary()? } else { source.choose(&self.streams).copied().unwrap_or(1) });
        }
        let said = if source.ratio(1, 60u8)? { usize::MAX } else { count };
        let mut track = Room::of::<u64>(1);
        // SAFETY: a text of its own length, so many streams or more than memory holds, a live handle.
        let status = unsafe {
            let place = place(source, track.pointer())?;
            foretick_track_open(LaneHandle { id: lane.id }, slot.pointer(), slot.len(), streams.as_ptr(), said, flags, place)
        };
        if self.judge(status, Some(lane), &[&track], &[]) {
            self.made(Of::Track, &track, lane);
        }
        Ok(())
    }

    fn track_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        if source.ratio(1, 2u8)? {
            return Ok(());
        }
        let track = self.handles.pick(source, Of::Track)?;
        self.closed(foretick_track_close(TrackHandle { id: track.id }), track);
        Ok(())
    }

    /// Checks a prediction: an action that is known, and a reason where there is none.
    fn predicted(&mut self, out: &Room) {
        let prediction: Prediction = out.first();
        assert!(prediction.value.is_nan() || prediction.value.is_finite());
        let abstains = prediction.action() == foretick::types::Action::Abstain;
        assert!(!abstains || prediction.reasons != 0, "an abstention says why");
        self.reached.predictions += 1;
        self.reached.decisions += u64::from(!abstains);
    }

    /// The time of a decision.
    fn now_ns(&mut self, source: &mut Unstructured<'_>) -> Result<i64> {
        Ok(match source.int_in_range(0..=30u8)? {
            0 => source.arbitrary()?,
            1 => 0,
            _ => self.time.now_ns(),
        })
    }

    fn track_predict(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (track, now_ns) = (self.handles.pick(source, Of::Track)?, self.now_ns(source)?);
        let mut out = Room::of::<Prediction>(1);
        // SAFETY: room for a prediction.
        let status = unsafe { foretick_track_predict(TrackHandle { id: track.id }, now_ns, place(source, out.pointer())?) };
        if self.judge(status, Some(track), &[&out], &[]) {
            self.predicted(&out);
        }
        Ok(())
    }

    fn track_prepare(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let track = self.handles.pick(source, Of::Track)?;
        let status = foretick_track_prepare(TrackHandle { id: track.id });
        self.judge(status, Some(track), &[], &[]);
        Ok(())
    }

    fn track_predict_row(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (track, now_ns) = (self.handles.pick(source, Of::Track)?, self.now_ns(source)?);
        let mut row = [0.5; 8];
        if source.ratio(1, 4u8)? {
            row[source.choose_index(3)?] = source.arbitrary()?;
        }
        let n = if source.ratio(1, 10u8)? { capacity(source, 7)? } else { 2 };
        let mut out = Room::of::<Prediction>(1);
        // SAFETY: at most seven values and a byte, or more than memory holds; room for a prediction.
        let status = unsafe {
            let row = place(source, row.as_mut_ptr())?.cast_const();
            foretick_track_predict_row(TrackHandle { id: track.id }, row, n, now_ns, place(source, out.pointer())?)
        };
        if self.judge(status, Some(track), &[&out], &[]) {
            self.predicted(&out);
        }
        Ok(())
    }

    fn track_enable(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let track = self.handles.pick(source, Of::Track)?;
        let status = foretick_track_enable(TrackHandle { id: track.id }, switch(source)?);
        self.judge(status, Some(track), &[], &[]);
        Ok(())
    }

    fn track_details(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let track = self.handles.pick(source, Of::Track)?;
        let caps = [capacity(source, 8)?, capacity(source, 8)?, capacity(source, 4)?];
        let mut stride = |usual| if source.ratio(1, 20u8)? { Ok(source.int_in_range(0..=usual + 16)?) } else { Ok(usual) };
        let strides = [stride(size_of::<OutputRecord>())?, stride(size_of::<MemberRecord>())?];
        let (mut outputs, mut members, mut missing) = (Room::of_bytes(8 * (80 + 16)), Room::of_bytes(8 * (72 + 16)), Room::of::<u64>(4));
        // SAFETY: zeros and NULL pointers are a value of it.
        let mut record: DetailsRecord = unsafe { std::mem::zeroed() };
        record.struct_size = struct_size(source, size_of::<DetailsRecord>(), STRUCT_MOST)?;
        record.flags = if source.ratio(1, 30u8)? { source.arbitrary()? } else { 0 };
        (record.outputs, record.outputs_cap, record.outputs_stride) = (place(source, outputs.pointer())?, caps[0], strides[0]);
        (record.members, record.members_cap, record.members_stride) = (place(source, members.pointer())?, caps[1], strides[1]);
        (record.missing, record.missing_cap) = (place(source, missing.pointer())?, caps[2]);
        let mut details = Room::of_bytes(STRUCT_MOST);
        details.set(0, &bytes_of(&record));
        if record.struct_size as usize > size_of::<DetailsRecord>() && source.arbitrary()? {
            details.set(size_of::<DetailsRecord>(), &[0; STRUCT_MOST - size_of::<DetailsRecord>()]);
        }
        // SAFETY: room for the size that it states, and for the caps of its arrays at the strides that are taken.
        let status = unsafe { foretick_track_details(TrackHandle { id: track.id }, place(source, details.pointer())?) };
        self.judge(status, Some(track), &[&outputs, &members, &missing], &[&details]);
        Ok(())
    }

    fn track_row(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (track, flags, cap) = (self.handles.pick(source, Of::Track)?, flags(source)?, capacity(source, 8)?);
        let (mut row, mut len, mut close_ns) = (Room::of::<f64>(8), Room::of::<usize>(1), Room::of::<i64>(1));
        // SAFETY: the room is as large as the cap says, or the cap is refused.
        let status = unsafe {
            let close_ns = if source.arbitrary()? { null_mut() } else { place(source, close_ns.pointer())? };
            foretick_track_row(TrackHandle { id: track.id }, flags, place(source, row.pointer())?, cap, place(source, len.pointer())?, close_ns)
        };
        self.judge(status, Some(track), &[&row, &close_ns], &[&len]);
        Ok(())
    }

    fn scorer_open(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (engine, flags) = (self.handles.pick(source, Of::Engine)?, flags(source)?);
        let (slot, model) = (Text::of(source, &SLOTS)?, Text::of(source, &MODELS)?);
        let mut scorer = Room::of::<u64>(1);
        // SAFETY: texts of their own lengths, a live handle.
        let status = unsafe {
            let place = place(source, scorer.pointer())?;
            foretick_scorer_open(EngineHandle { id: engine.id }, slot.pointer(), slot.len(), model.pointer(), model.len(), flags, place)
        };
        if self.judge(status, Some(engine), &[&scorer], &[]) {
            self.made(Of::Scorer, &scorer, engine);
        }
        Ok(())
    }

    fn scorer_info(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let scorer = self.handles.pick(source, Of::Scorer)?;
        let mut info = Room::of_bytes(STRUCT_MOST);
        info.set(0, &struct_size(source, size_of::<ScorerInfoRecord>(), STRUCT_MOST)?.to_le_bytes());
        // SAFETY: room for the size that it states.
        let status = unsafe { foretick_scorer_info(ScorerHandle { id: scorer.id }, place(source, info.pointer())?) };
        self.judge(status, Some(scorer), &[&info], &[]);
        Ok(())
    }

    fn scorer_run(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        self.scored(source, foretick_scorer_run)
    }

    fn scorer_next(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        self.scored(source, foretick_scorer_next)
    }

    fn scored(&mut self, source: &mut Unstructured<'_>, score: Score) -> Result<()> {
        const ROWS: usize = 8;
        const STRIDE_MOST: usize = 256;
        let scorer = self.handles.pick(source, Of::Scorer)?;
        // The widest window of the bundles is 8 values.
        let mut rows = Room::of_bytes(ROWS * STRIDE_MOST);
        let values: Vec<u8> = (0..ROWS * STRIDE_MOST / 8).map(|at| at as f64 / 99.0).flat_map(f64::to_le_bytes).collect();
        rows.set(0, &values);
        if source.ratio(1, 4u8)? {
            rows.set(8 * source.choose_index(8)?, &source.arbitrary::<u64>()?.to_le_bytes());
        }
        let n = if source.ratio(1, 20u8)? { usize::MAX } else { source.int_in_range(0..=ROWS)? };
        let stride = if source.ratio(3, 4u8)? { 0 } else { source.int_in_range(0..=STRIDE_MOST)? };
        let cap = capacity(source, 64)?;
        let mut out = Room::of::<f32>(64);
        let overlaps = source.ratio(1, 20u8)?;
        // SAFETY: so many rows, or more than memory holds; the out has room for its cap, or the cap is refused. The two overlap only to
        // be refused.
        let status = unsafe {
            let to = if overlaps { rows.pointer() } else { place(source, out.pointer())? };
            score(ScorerHandle { id: scorer.id }, place(source, rows.pointer::<f64>())?.cast_const().cast(), n, stride, to, cap)
        };
        assert!(rows.untouched() || overlaps && status != FORETICK_OK || overlaps && n == 0, "the rows are only read");
        // What it leaves after an error is not to be used.
        if self.judge(status, Some(scorer), &[], &[]) {
            self.reached.scores += n as u64;
        }
        assert!(out.kept_within() && rows.kept_within());
        Ok(())
    }

    fn scorer_prepare(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let scorer = self.handles.pick(source, Of::Scorer)?;
        let status = foretick_scorer_prepare(ScorerHandle { id: scorer.id });
        self.judge(status, Some(scorer), &[], &[]);
        Ok(())
    }

    fn scorer_close(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let scorer = self.handles.pick(source, Of::Scorer)?;
        self.closed(foretick_scorer_close(ScorerHandle { id: scorer.id }), scorer);
        Ok(())
    }

    fn amount_parse(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let text = Text::of(source, &["0", "12.5", "9007199254740993", "115792089237316195423570985008687907853269984665640564039457584007913129639935"])?;
        let decimals = source.int_in_range(0..=80)?;
        let mut limbs = Room::of::<u64>(4);
        // SAFETY: a text of its own length, four limbs.
        let status = unsafe { foretick_amount_parse(text.pointer(), text.len(), decimals, place(source, limbs.pointer())?) };
        self.judge(status, None, &[&limbs], &[]);
        Ok(())
    }

    fn amount_from_bytes(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let mut bytes: [u8; 32] = source.arbitrary()?;
        let mut limbs = Room::of::<u64>(4);
        // SAFETY: 32 bytes, four limbs.
        let status = unsafe { foretick_amount_from_bytes(place(source, bytes.as_mut_ptr())?, place(source, limbs.pointer())?) };
        self.judge(status, None, &[&limbs], &[]);
        Ok(())
    }

    fn amount_to_f64(&mut self, source: &mut Unstructured<'_>) -> Result<()> {
        let (mut limbs, decimals) = (source.arbitrary::<[u64; 4]>()?, source.int_in_range(0..=80)?);
        let mut value = Room::of::<f64>(1);
        // SAFETY: four limbs, one value.
        let status = unsafe { foretick_amount_to_f64(place(source, limbs.as_mut_ptr())?, decimals, place(source, value.pointer())?) };
        if self.judge(status, None, &[&value], &[]) {
            assert!(value.first::<f64>().is_finite());
        }
        Ok(())
    }
}

/// The bytes of a struct of the header.
fn bytes_of<T: Copy>(record: &T) -> Vec<u8> {
    // SAFETY: the header's structs have no padding, so all their bytes are there.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast::<u8>(), size_of::<T>()) }.to_vec()
}

fn last_error() -> String {
    let (mut text, mut len) = ([0u8; 4096], 0);
    // SAFETY: both are locals of the sizes that are passed.
    assert_eq!(unsafe { foretick_last_error(text.as_mut_ptr().cast(), text.len(), &mut len) }, FORETICK_OK);
    String::from_utf8(text[..len].to_vec()).expect("the text is UTF-8")
}

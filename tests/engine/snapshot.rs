//! Lanes as bytes: what goes on from a snapshot equals what was never stopped, and what does not belong is refused.

use std::path::Path;
use std::sync::Arc;

use foretick::Status;
use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::bundle::Bundle;
use foretick::source::{Item, Recording};
use foretick::types::event::{Book, FLAG_DERIVED, FLAG_MORE, Gas, MARK_ADVANCE, MARK_GAP, MARK_RESET, Mark, Record, Slot};
use foretick::types::{Flow, Prediction, reason};
use sha2::{Digest, Sha256};

use crate::support::bench::{Bench, MINUTE_NS, MS, START_NS, bar, bar_at, by_time, by_volume, open, quote, trade};
use crate::support::bundle::{Graph, Member, Options};

/// Streams by name, in the order of their ids in the first process.
const STREAMS: [&str; 3] = ["test:A", "test:L", "test:G"];
const SLOTS: [&str; 3] = ["bars", "time", "events"];

/// Bundles by bar, by time with two more roles, and by event.
fn bundles(engine: &Engine) -> Vec<Arc<Bundle>> {
    let features = |list: &str, count: usize| Options { features: list.into(), weights: vec![0.01; count], ..Options::default() };
    let bars = Options {
        members: vec![Member::new("w", Graph::Logistic(vec![0.01; 4 * 4], 0.1))],
        max_out_of_range: Some(1),
        trained: (-1.0, 1.0),
        ..features(
            "[{ op = \"momentum\", period = 3 }, { op = \"volume_sma\", period = 70, scale = \"zscore\", missing = 0.0 }, { op = \"sma\", period = [4, 9] }]",
            4,
        )
    };
    let list = "[{ op = \"role_return\", role = \"leader\", period = 2, missing = 0.0 }, { op = \"order_flow_ratio\", period = 3, missing = 0.5 }, \
        { op = \"sma\", period = 5, scale = [\"relative\", \"rolling_zscore(6)\"] }, { op = \"rsi\", period = 5 }]";
    let roles = ["self", "leader", "gas"].map(str::to_owned).to_vec();
    let time = Options { sampler: "kind = \"time\"\ninterval_ms = 100\nprice = \"trade\"\n".into(), roles, max_data_age_ms: 500, ..features(list, 4) };
    let list = "[{ op = [\"book_imbalance\", \"spread_ratio\"], missing = 0.0 }, { op = \"std\", period = 4 }]";
    let events =
        Options { sampler: "kind = \"event\"\non = [\"trade\"]\nprice = \"micro\"\nmax_book_age_ms = 900\n".into(), max_data_age_ms: 500, ..features(list, 3) };
    [bars, time, events].iter().map(|options| open(engine, &Options { window: 4, ..options.clone() }).unwrap()).collect()
}

/// A process with one lane of four tracks; streams that have other ids than in the first one when `shifted`.
struct Process {
    /// Lanes may not outlive it.
    _engine: Engine,
    lane: Lane,
    tracks: Vec<TrackId>,
    ids: Vec<u32>,
}

impl Process {
    fn new(bundles: &[Arc<Bundle>], shifted: bool) -> Process {
        let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap();
        let mut names = STREAMS.to_vec();
        if shifted {
            names.reverse();
            engine.add_stream("test:other", "").unwrap();
        }
        for name in names {
            engine.add_stream(name, "").unwrap();
        }
        let ids: Vec<u32> = STREAMS.iter().map(|name| engine.add_stream(name, "").unwrap()).collect();
        for (slot, bundle) in SLOTS.iter().zip(bundles) {
            engine.publish_one(slot, bundle.clone()).unwrap();
        }
        let mut lane = engine.open_lane("").unwrap();
        let mut tracks = vec![lane.open_track("bars", &[ids[0]], 0).unwrap()];
        tracks.push(lane.open_track("time", &[ids[0], ids[1], ids[2]], 1).unwrap());
        tracks.push(lane.open_track("events", &[ids[0]], 0).unwrap());
        tracks.push(lane.open_track("events", &[ids[1]], 1).unwrap());
        Process { _engine: engine, lane, tracks, ids }
    }

    /// What an act answers, with all that can be seen of the tracks afterwards.
    fn act(&mut self, act: &Act) -> Seen {
        let mut seen = Seen::default();
        match act {
            Act::Push(events, stream) => {
                let mut events = events.clone();
                let id = stream.map_or(0, |stream| self.ids[stream]);
                events[0].0[0] = events[0].0[0] & 0xFFFF_FFFF | u64::from(id) << 32;
                seen.flow = self.lane.push(&events).unwrap();
            }
            Act::Advance(until_ns) => seen.flow = self.lane.advance(*until_ns).unwrap(),
            Act::Predict(track, now_ns) => seen.predictions.push(self.lane.predict(self.tracks[*track], *now_ns).unwrap()),
            Act::PredictDue(now_ns) => {
                let due: Vec<TrackId> = self.lane.due().collect();
                seen.predictions.extend(due.into_iter().map(|track| self.lane.predict(track, *now_ns).unwrap()));
            }
        }
        for track in &self.tracks {
            seen.rows.push(self.lane.row(*track).ok().map(|row| {
                let raw = row.raw.iter().map(|value| value.to_bits());
                raw.chain(row.scaled.iter().map(|value| u64::from(value.to_bits()))).chain([row.raw_valid[0], row.scaled_valid[0], row.number]).collect()
            }));
        }
        seen
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// An event, and the number of its stream in [`STREAMS`].
    Push(Vec<Slot>, Option<usize>),
    Advance(i64),
    Predict(usize, i64),
    PredictDue(i64),
}

#[derive(Debug, Default)]
struct Seen {
    flow: Flow,
    predictions: Vec<Prediction>,
    rows: Vec<Option<Vec<u64>>>,
}

impl Seen {
    fn equals(&self, other: &Seen) -> bool {
        let same = self.predictions.len() == other.predictions.len() && self.predictions.iter().zip(&other.predictions).all(|(a, b)| a.same_decision(b));
        same && self.flow == other.flow && self.rows == other.rows
    }
}

/// A small generator, so that a seed is a scenario for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn unit(&mut self) -> f64 {
        self.below(1 << 30) as f64 / (1u64 << 30) as f64
    }
}

/// A market that is untidy: events that come again, late or back in time, books that cross, bars that are missing, silence.
fn script(seed: u64, count: usize) -> Vec<Act> {
    let (mut random, mut ms, mut minute, mut seq) = (Random(seed), 0i64, 0i64, 1u64);
    let mut acts = Vec::new();
    while acts.len() < count {
        ms += [0, 7, 33, 60, 130][random.below(5) as usize] + if random.below(60) == 0 { 900 } else { 0 };
        let now_ns = START_NS + ms * MS;
        let mut known_ms = ms;
        let stream = random.below(2) as usize;
        let act = match random.below(24) {
            0..8 => {
                known_ms -= if random.below(12) == 0 { 150 } else { 0 };
                let mut event = trade(0, known_ms, 0.1 + random.unit());
                (event.price, event.side) = (100.0 + random.unit(), random.below(8).min(2) as u8);
                seq += random.below(8).min(1);
                event.head.seq = if random.below(3) == 0 { 0 } else { seq };
                event.head.flags = if random.below(4) == 0 { FLAG_MORE } else { 0 };
                Act::Push(event.slots().to_vec(), Some(stream))
            }
            8..12 => {
                let bid = 99.0 + random.unit();
                Act::Push(quote(0, known_ms, bid, bid + random.unit() - 0.05).slots().to_vec(), Some(stream))
            }
            12..15 => {
                let bids: Vec<(f64, f64)> = (0..random.below(5)).map(|level| (99.5 - level as f64, 0.1 + random.unit())).collect();
                let mut event = Book::of(0, now_ns, &bids, &[(100.5, 0.1 + random.unit())]);
                event.book.head.flags = if random.below(3) == 0 { FLAG_DERIVED } else { 0 };
                Act::Push(event.slots().to_vec(), Some(stream))
            }
            15..18 => {
                minute += [0, 1, 1, 1, 1, 1, 3][random.below(7) as usize];
                ms = ms.max((minute + 1) * 60_000);
                let mut event = bar_at(0, minute, 100.0 + 3.0 * random.unit());
                (event.volume, event.head.known_ns) = (random.unit(), START_NS + ms * MS);
                Act::Push(event.slots().to_vec(), Some(0))
            }
            18 => Act::Push(Gas { price_wei: 5, known: 1, ..Gas::of(0, now_ns) }.slots().to_vec(), Some(2)),
            19 => Act::Advance(now_ns),
            20 => {
                let (code, argument) =
                    [(MARK_GAP, 3), (MARK_ADVANCE, now_ns), (MARK_RESET, 0)][random.below(60).min(2) as usize % if random.below(30) == 0 { 3 } else { 2 }];
                Act::Push(Mark { code, argument, track: u32::MAX, ..Mark::of(0, now_ns) }.slots().to_vec(), None)
            }
            21 => Act::Predict(random.below(4) as usize, now_ns),
            _ => Act::PredictDue(now_ns),
        };
        acts.push(act);
    }
    acts
}

fn bytes_of(lane: &mut Lane) -> Vec<u8> {
    let mut bytes = vec![0; lane.snapshot_len()];
    assert_eq!(lane.snapshot(&mut bytes), bytes.len());
    bytes
}

/// The lane is stopped at every act of some, and goes on in another process each time.
#[test]
fn a_lane_stopped_at_any_event_goes_on_equal_bit_for_bit() {
    let bundles = bundles(&Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap());
    let (mut decided, mut repeated, mut mid_step, mut waiting) = (0, 0, 0, 0);
    for seed in 0..6 {
        let acts = script(seed, 900);
        let mut cuts = Random(seed + 99);
        let mut whole = Process::new(&bundles, false);
        let mut others: Vec<(usize, Process)> = Vec::new();
        for (at, act) in acts.iter().enumerate() {
            if at == 0 || cuts.below(30) == 0 {
                let bytes = bytes_of(&mut whole.lane);
                assert_eq!(bytes_of(&mut whole.lane), bytes, "saving changes nothing");
                let mut other = Process::new(&bundles, true);
                other.lane.restore(&bytes).unwrap();
                assert_eq!((bytes_of(&mut other.lane), other.lane.waiting()), (bytes, whole.lane.waiting()), "seed {seed}, before {at}");
                waiting += u32::from(whole.lane.waiting() > 0);
                mid_step += usize::from(at > 0 && matches!(&acts[at - 1], Act::Push(..)));
                others.push((at, other));
            }
            let seen = whole.act(act);
            decided += seen.predictions.iter().filter(|p| p.reasons & !reason::INFORMATIVE == 0).count();
            repeated += seen.predictions.iter().filter(|p| p.flags() & 2 != 0).count();
            for (cut, other) in &mut others {
                let theirs = other.act(act);
                assert!(seen.equals(&theirs), "seed {seed}, stopped before {cut}, at {at} {act:?}:\n{seen:?}\n{theirs:?}");
            }
        }
    }
    println!("{decided} decisions, {repeated} repeated, stopped {mid_step} times after an event, {waiting} times with a track due");
    assert!(decided > 100 && repeated > 20 && mid_step > 50 && waiting > 20, "{decided} {repeated} {mid_step} {waiting}");
}

/// A lane with a bar, a step that was asked for, and one that is due.
fn lived(options: &Options) -> (Bench, TrackId) {
    let (mut bench, track) = Bench::start(options);
    bench.decide(track, &bar(bench.stream, 0, 2.0));
    bench.push(&bar(bench.stream, 1, 1.0));
    bench.push(&quote(bench.stream, 125_000, 99.0, 101.0));
    (bench, track)
}

#[test]
fn every_damaged_byte_and_every_cut_is_refused_and_changes_nothing() {
    let (mut bench, _) = lived(&by_volume());
    let good = bytes_of(&mut bench.lane);
    let (mut other, _) = Bench::start(&by_volume());
    let before = bytes_of(&mut other.lane);
    let mut refuse = |bytes: &[u8], what: &str| {
        let error = other.lane.restore(bytes).unwrap_err();
        assert!([Status::Corrupt, Status::FormatVersion].contains(&error.status()), "{what}: {error}");
        assert!(error.text().len() > 20 && bytes_of(&mut other.lane) == before, "{what}: {error}");
        error
    };
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            refuse(&bad, &format!("byte {at} ^ {flip}"));
        }
        refuse(&good[..at], &format!("cut at {at}"));
    }
    refuse(&[&good[..], &[0]].concat(), "one byte more");
    let mut newer = good.clone();
    newer[8] = 3;
    let error = refuse(&sealed(newer), "format 3");
    assert!(error.status() == Status::FormatVersion && error.text().contains("format 3, this build reads 2"), "{error}");
    other.lane.restore(&good).unwrap();
}

/// With the checksum that fits.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 32;
    let sum = Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum);
    bytes
}

/// Not damage but forgery, or a fault of a writer: what is accepted is at least whole, and nothing panics later.
#[test]
fn a_body_that_was_changed_and_sealed_again_never_panics() {
    let bundles = bundles(&Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap());
    let mut whole = Process::new(&bundles, false);
    script(3, 400).iter().for_each(|act| {
        whole.act(act);
    });
    let good = bytes_of(&mut whole.lane);
    let (mut refused, mut total, mut other) = (0, 0, Process::new(&bundles, true));
    for (at, byte) in (24..good.len() - 32).flat_map(|at| [0x00, 0x01, 0x7F, 0x80, 0xFF].map(|byte| (at, byte))).filter(|(at, byte)| good[*at] != *byte) {
        let mut bad = good.clone();
        bad[at] = byte;
        total += 1;
        let before = bytes_of(&mut other.lane);
        match other.lane.restore(&sealed(bad)) {
            Ok(()) => script(at as u64, 12).iter().for_each(|act| {
                other.act(act);
            }),
            Err(error) => {
                refused += 1;
                assert!([Status::Corrupt, Status::SchemaDiffers].contains(&error.status()), "{error}");
                assert!(bytes_of(&mut other.lane) == before, "byte {at}: {error}");
            }
        }
    }
    println!("{refused} of {total} refused");
    assert!(refused > total / 100 && refused < total);
}

/// The lists of fields are the format: whoever changes one changes this, and counts the version on.
#[test]
fn the_format_is_that_of_version_2() {
    let bundles = bundles(&Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap());
    let mut whole = Process::new(&bundles, false);
    let asked = |act: &Act| matches!(act, Act::Predict(..) | Act::PredictDue(..));
    for act in script(1, 600).iter().filter(|act| !asked(act)) {
        whole.act(act);
    }
    let bytes = bytes_of(&mut whole.lane);
    let sum = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    assert_eq!((bytes.len(), &sum[..16]), (FORMAT_2.0, FORMAT_2.1));
}

const FORMAT_2: (usize, &str) = (10760, "5b15ecfa50a3681a");

/// What restoring the snapshot of one lane into another answers.
fn refused(theirs: &mut Lane, ours: &mut Lane) -> String {
    let before = bytes_of(ours);
    let error = ours.restore(&bytes_of(theirs)).unwrap_err();
    assert_eq!((error.status(), bytes_of(ours)), (Status::SchemaDiffers, before));
    error.text().to_owned()
}

#[test]
fn a_lane_of_other_tracks_is_refused_with_what_differs() {
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }]";
    let other = [
        (Options { window: 5, ..by_volume() }, "5 rows of the window here, 4 in the snapshot"),
        (
            Options { features: "[{ op = \"volume_sma\", period = 3, scale = [\"zscore\"] }]".into(), ..by_volume() },
            "feature 0 is volume_sma_3 here, volume in the snapshot",
        ),
        (Options { features: "[{ op = \"volume\" }]".into(), ..by_volume() }, "same names, and other parameters, scales"),
        (Options { features: "[{ op = [\"volume\", \"close\"] }]".into(), weights: vec![1.0; 2], ..by_volume() }, "2 features here, 1 in the snapshot"),
        (by_time(), "a sampler by time here, by bar in the snapshot"),
        (Options { sampler: "kind = \"bar\"\ninterval_ms = 30_000\n".into(), ..by_volume() }, "30000000000 ns of the sampler's interval here, 60000000000"),
        (Options { sampler: "kind = \"bar\"\ninterval_ms = 60_000\nreset_after = 9\n".into(), ..by_volume() }, "reset_after here, 0 in the snapshot"),
    ];
    let (mut theirs, _) = lived(&Options { features: features.into(), ..by_volume() });
    for (options, text) in other {
        let (mut ours, _) = Bench::start(&options);
        let error = refused(&mut theirs.lane, &mut ours.lane);
        assert!(error.contains("the track at place 0: ") && error.contains(text), "{error}");
    }
    let mut ours = Bench::with("");
    ours.publish(&by_volume()).unwrap();
    assert!(refused(&mut theirs.lane, &mut ours.lane).contains("0 places of tracks here, 1 in the snapshot"));
    let second = ours.engine.add_stream("test:B", "").unwrap();
    ours.lane.open_track("s", &[second], 1).unwrap();
    assert!(refused(&mut theirs.lane, &mut ours.lane).contains("role self is stream test:B here, test:A in the snapshot"));
    let track = ours.track();
    assert!(refused(&mut theirs.lane, &mut ours.lane).contains("2 places of tracks here, 1 in the snapshot"));
    ours.lane.close_track(track).unwrap();
    let mut slots = Bench::with("");
    slots.engine.publish_one("t", open(&slots.engine, &by_volume()).unwrap()).unwrap();
    slots.lane.open_track("t", &[slots.stream], 0).unwrap();
    assert!(refused(&mut theirs.lane, &mut slots.lane).contains("slot t here, s in the snapshot"));
}

#[test]
fn a_difference_in_the_last_track_leaves_the_first_as_it_was() {
    let [(mut theirs, _), (mut ours, _)] = [lived(&by_volume()), Bench::start(&by_volume())];
    for (bench, name) in [(&mut theirs, "test:B"), (&mut ours, "test:C")] {
        let stream = bench.engine.add_stream(name, "").unwrap();
        bench.lane.open_track("s", &[stream], 1).unwrap();
    }
    assert!(refused(&mut theirs.lane, &mut ours.lane).contains("the track at place 1: role self is stream test:C here, test:B in the snapshot"));
}

#[test]
fn a_place_that_was_closed_is_told_from_an_open_one() {
    let pair = |closed: usize| {
        let mut bench = Bench::with("");
        bench.publish(&by_volume()).unwrap();
        let tracks: Vec<TrackId> = (0..3).map(|_| bench.track()).collect();
        bench.lane.close_track(tracks[closed]).unwrap();
        bench
    };
    let (mut first, mut second) = (pair(0), pair(1));
    assert!(refused(&mut first.lane, &mut second.lane).contains("the track at place 0 is open here, not open in the snapshot"));
    let bytes = bytes_of(&mut first.lane);
    pair(0).lane.restore(&bytes).unwrap();
}

#[test]
fn a_prediction_that_was_made_is_repeated_and_ids_go_on() {
    let (mut bench, track) = lived(&by_volume());
    let made = bench.lane.predict(track, START_NS + 125_000 * MS).unwrap();
    let bytes = bytes_of(&mut bench.lane);
    let (mut other, other_track) = Bench::start(&by_volume());
    // What another lane has lived through is replaced; its ids are not given again.
    for minute in 0..9 {
        other.decide(other_track, &bar(other.stream, minute, 1.0));
    }
    other.lane.restore(&bytes).unwrap();
    assert_eq!(other.lane.details(other_track).unwrap_err().status(), Status::NoPrediction);
    let again = other.lane.predict(other_track, START_NS + 126_000 * MS).unwrap();
    assert_eq!((again.signal & !0x200, again.id_epoch, again.id_counter), (made.signal, made.id_epoch, 2));
    assert_eq!(again.flags() & 2, 2);
    let next = other.decide(other_track, &bar(other.stream, 2, 0.0));
    assert_eq!((next.step, next.id_counter, next.action().name()), (2, 10, "SELL"), "counted on from nine");
    assert_eq!(bytes_of(&mut bench.lane), bytes);
    let next = bench.decide(track, &bar(bench.stream, 2, 0.0));
    assert_eq!((next.step, next.id_counter), (2, 3));
}

#[test]
fn another_lane_goes_on_under_its_own_number() {
    let (mut bench, track) = lived(&by_volume());
    let mut second = bench.engine.open_lane("").unwrap();
    let other = second.open_track("s", &[bench.stream], 0).unwrap();
    second.restore(&bytes_of(&mut bench.lane)).unwrap();
    let [ours, theirs] = [(&mut bench.lane, track), (&mut second, other)].map(|(lane, track)| lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap());
    assert_eq!((theirs.id_counter, ours.id_counter), (1 << 48 | 2, 2));
    assert!(theirs.same_decision(&Prediction { id_counter: 1 << 48 | 2, track: 1, ..ours }));
}

#[test]
fn a_veto_that_either_side_knows_of_holds() {
    for (there, here) in [(true, true), (false, true), (true, false), (false, false)] {
        let (mut bench, track) = lived(&by_volume());
        bench.lane.track_switch(track).unwrap().set(there);
        let (mut other, track) = Bench::start(&by_volume());
        let switch = other.lane.track_switch(track).unwrap();
        switch.set(here);
        other.lane.restore(&bytes_of(&mut bench.lane)).unwrap();
        let p = other.lane.predict(track, START_NS + 2 * MINUTE_NS).unwrap();
        assert_eq!((p.reasons & reason::HOST_VETO == 0, switch.is_on()), (there && here, there && here));
    }
}

#[test]
fn the_trained_range_is_that_of_the_bundle_that_serves() {
    let options = |low: f64, high: f64| Options { trained: (low, high), max_out_of_range: Some(0), ..by_volume() };
    let (mut bench, track) = Bench::start(&options(0.0, 1.0));
    bench.push(&bar(bench.stream, 0, 2.0));
    let bytes = bytes_of(&mut bench.lane);
    assert_eq!(bench.lane.predict(track, START_NS + MINUTE_NS).unwrap().out_of_range, 1);
    let (mut wide, track) = Bench::start(&options(0.0, 5.0));
    wide.lane.restore(&bytes).unwrap();
    assert_eq!(wide.lane.predict(track, START_NS + MINUTE_NS).unwrap().out_of_range, 0, "for the step that was closed already");
    assert_eq!(wide.decide(track, &bar(wide.stream, 1, 4.0)).out_of_range, 0);
    assert_eq!(wide.decide(track, &bar(wide.stream, 2, 6.0)).out_of_range, 1);
}

#[test]
fn a_buffer_that_is_too_small_is_left_alone() {
    let (mut bench, _) = lived(&by_volume());
    let length = bench.lane.snapshot_len();
    let mut small = vec![7; length - 1];
    assert_eq!(bench.lane.snapshot(&mut small), length);
    assert!(small.iter().all(|byte| *byte == 7));
    let mut large = vec![7; length + 9];
    assert_eq!(bench.lane.snapshot(&mut large), length);
    assert_eq!((&large[length..], &large[..length]), (&[7; 9][..], &bytes_of(&mut bench.lane)[..]));
}

/// A recorded market through the shipped bundle, stopped five times.
#[test]
fn a_recorded_market_goes_on_equal_bit_for_bit() {
    let Some(data) = std::env::var_os("FORETICK_DATA") else { return eprintln!("skipped: FORETICK_DATA does not name the recorded data") };
    let folder = Path::new(&data).join("l2/20230405");
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v1");
    let mut recording = Recording::open(&[folder], &Default::default()).unwrap();
    assert_eq!(recording.streams().len(), 2);
    let start = || {
        let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap();
        engine.publish_one("s", engine.open_bundle(&bundle).unwrap()).unwrap();
        let ids: Vec<u32> = ["binance_spot:BTCUSDT", "binance_usdm:BTCUSDT"].iter().map(|name| engine.add_stream(name, "").unwrap()).collect();
        let mut lane = engine.open_lane("").unwrap();
        let tracks = [[ids[0], ids[1]], [ids[1], ids[0]]].map(|streams| lane.open_track("s", &streams, 1).unwrap());
        (engine, lane, tracks)
    };
    let mut lanes = vec![(0, start())];
    let (mut count, mut asked, mut decided) = (0, 0, 0);
    while let Some(item) = recording.next().unwrap() {
        let Item::Event { stream, mut event } = item else { continue };
        event.set_stream(stream as u32 + 1);
        if count > 0 && count % 9_001 == 0 && lanes.len() < 6 {
            let bytes = bytes_of(&mut lanes[0].1.1);
            let mut other = start();
            other.1.restore(&bytes).unwrap();
            lanes.push((count, other));
        }
        let mut expected: Option<Vec<Prediction>> = None;
        for (cut, (_, lane, tracks)) in &mut lanes {
            let flow = lane.push(event.slots()).unwrap();
            let made = if flow.closed > 0 { tracks.map(|track| lane.predict(track, event.known_ns()).unwrap()).to_vec() } else { Vec::new() };
            let first = expected.get_or_insert_with(|| made.clone());
            assert!(first.len() == made.len() && first.iter().zip(&made).all(|(a, b)| a.same_decision(b)), "event {count}, stopped at {cut}");
        }
        asked += expected.as_ref().map_or(0, Vec::len);
        decided += expected.iter().flatten().filter(|p| p.reasons & !reason::INFORMATIVE == 0).count();
        count += 1;
    }
    println!("{count} events, {asked} predictions, {decided} decisions, {} lanes", lanes.len());
    assert!(lanes.len() == 6 && asked > 1_000);
}

//! Snapshots that were changed and sealed anew, so that what is inside is read: refused, the lane as it was, or restored, and
//! then the lane goes on without a panic.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use foretick::Status;
use foretick::engine::{Engine, Lane, TrackId};
use foretick::types::event::{Bar, Record};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::bundle;

const MINUTE_NS: i64 = 60_000_000_000;
const START_NS: i64 = 1_704_067_200_000_000_000;
/// Bytes of a snapshot before its body, and of the SHA-256 behind it.
const HEAD: usize = 24;
const SUM: usize = 32;
/// Steps before the snapshot and after the restoring: rings are full and go round.
const STEPS: i64 = 40;

/// An engine that serves every kind of state, and a snapshot of a lane with history.
static WHOLE: LazyLock<(TempDir, Engine, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let features = "[{ op = \"rsi\", period = 5 }, { op = \"atr\", period = 5 }, { op = \"macd\", fast = 3, slow = 7 }, { op = \"sma\", period = 70 }, \
        { op = \"std\", period = 5 }, { op = \"volume\", scale = [\"rolling_zscore(9)\"] }]";
    bundle::write(folder.path(), &bundle::Options { features: features.into(), weights: vec![0.01; 6], window: 8, ..Default::default() });
    let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").expect("the engine opens");
    let opened = engine.open_bundle(folder.path()).expect("the bundle is good");
    engine.publish_one("s", opened).expect("the bundle serves");
    engine.add_stream("test:A", "").expect("a stream");
    let (mut lane, track) = lane_of(&engine);
    (0..2 * STEPS).for_each(|minute| step(&mut lane, track, minute));
    let snapshot = snapshot_of(&mut lane);
    (folder, engine, snapshot)
});

fn lane_of(engine: &Engine) -> (Lane, TrackId) {
    let mut lane = engine.open_lane("").expect("a lane");
    let track = lane.open_track("s", &[1], 0).expect("a track");
    (lane, track)
}

/// A step and its prediction; an event may be refused or skipped, since the lane may stand anywhere in time.
fn step(lane: &mut Lane, track: TrackId, minute: i64) {
    let open_ns = START_NS + minute * MINUTE_NS;
    let close = 100.0 + (minute % 7) as f64;
    let bar = Bar { open_ns, interval_ns: MINUTE_NS, open: 100.0, high: 107.0, low: 100.0, close, volume: close, ..Bar::of(1, open_ns + MINUTE_NS) };
    let _ = lane.push(bar.slots());
    let _ = lane.predict(track, open_ns + MINUTE_NS);
    let _ = lane.details(track);
}

fn snapshot_of(lane: &mut Lane) -> Vec<u8> {
    let mut bytes = vec![0; lane.snapshot_len()];
    lane.snapshot(&mut bytes);
    bytes
}

/// Gives bytes the length and the SHA-256 that a whole snapshot of them has.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.len().checked_sub(SUM).filter(|end| *end >= HEAD) {
        let length = bytes.len() as u64;
        bytes[16..HEAD].copy_from_slice(&length.to_le_bytes());
        let sum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&sum);
    }
    bytes
}

/// The snapshot with the changes that the bytes stand for.
fn changed(source: &mut Unstructured<'_>, snapshot: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = snapshot.to_vec();
    while !source.is_empty() && bytes.len() > HEAD + SUM {
        let at = source.int_in_range(HEAD..=bytes.len() - SUM - 1)?;
        match source.int_in_range(0..=15u8)? {
            0 => drop(bytes.drain(at..bytes.len() - SUM)),
            1 => drop(bytes.splice(at..at, source.arbitrary::<[u8; 8]>()?)),
            2..=5 if at + 8 <= bytes.len() - SUM => bytes[at..at + 8].copy_from_slice(&source.arbitrary::<u64>()?.to_le_bytes()),
            6..=9 => bytes[at] ^= 1 << source.int_in_range(0..=7u8)?,
            _ => bytes[at] = source.arbitrary()?,
        }
    }
    Ok(bytes)
}

/// Restores what the bytes make of a snapshot; whether it was taken.
pub fn run(bytes: &[u8]) -> bool {
    let (_, engine, snapshot) = &*WHOLE;
    let Ok(bytes) = changed(&mut Unstructured::new(bytes), snapshot) else { return false };
    let (mut lane, track) = lane_of(engine);
    (0..3).for_each(|minute| step(&mut lane, track, minute));
    let before = snapshot_of(&mut lane);
    let restored = lane.restore(&sealed(bytes));
    match &restored {
        Err(error) => {
            assert!([Status::Corrupt, Status::SchemaDiffers, Status::FormatVersion].contains(&error.status()), "{error}");
            assert!(snapshot_of(&mut lane) == before, "refused, and yet changed: {error}");
        }
        Ok(()) => drop(snapshot_of(&mut lane)),
    }
    (2 * STEPS..3 * STEPS).for_each(|minute| step(&mut lane, track, minute));
    restored.is_ok()
}

//! The demo's recording: what the lane took, for consumers of the header. Its form stands in the help of `--record`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use foretick::Result;
use foretick::source::simulator::STEP_NS;
use foretick::types::{Prediction, Slot};
use serde_json::{Value, json};

use crate::cli::files::Output;

/// Writes a recording; both files get their names when it is complete, the table last.
pub struct Recorder {
    records: Output,
    table: Output,
    seed: u64,
    streams: Vec<Value>,
    tracks: Vec<Value>,
    published: Vec<Value>,
    events: u64,
    slots: u64,
    predictions: u64,
    digest: Digest,
}

impl Recorder {
    /// Starts a recording.
    pub fn create(path: &Path, seed: u64) -> Result<Recorder> {
        Ok(Recorder {
            records: Output::create(path)?,
            table: Output::create(&beside(path))?,
            seed,
            streams: Vec::new(),
            tracks: Vec::new(),
            published: Vec::new(),
            events: 0,
            slots: 0,
            predictions: 0,
            digest: Digest::default(),
        })
    }

    /// A stream of the market.
    pub fn stream(&mut self, id: u32, name: &str) {
        self.streams.push(json!({ "id": id, "name": name, "options": "" }));
    }

    /// The next track that was opened.
    pub fn track(&mut self, slot: &str, streams: &[u32]) {
        self.tracks.push(json!({ "slot": slot, "streams": streams, "flags": 0 }));
    }

    /// A bundle was published before the next event.
    pub fn published(&mut self, slot: &str, bundle: &str) {
        self.published.push(json!({ "slot": slot, "bundle": bundle, "at_slot": self.slots }));
    }

    /// The lane took an event.
    pub fn took(&mut self, event: &[Slot]) -> Result<()> {
        self.events += 1;
        self.slots += event.len() as u64;
        self.records.write_bytes(bytemuck::cast_slice(event))
    }

    /// A track was asked.
    pub fn predicted(&mut self, prediction: &Prediction) {
        self.predictions += 1;
        self.digest.add(prediction);
    }

    /// Gives the files their names.
    pub fn finish(mut self) -> Result<()> {
        let table = json!({
            "format": "foretick recording", "format_version": 1, "engine_version": env!("CARGO_PKG_VERSION"),
            "seed": self.seed, "step_ms": STEP_NS / 1_000_000, "events": self.events, "slots": self.slots,
            "streams": self.streams, "tracks": self.tracks, "published": self.published,
            "predictions": { "count": self.predictions, "digest": format!("{:016x}", self.digest.0) },
        });
        self.table.write(&format!("{table:#}\n"))?;
        self.records.finish()?;
        self.table.finish()
    }
}

/// `FILE.streams.json`.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".streams.json");
    name.into()
}

/// FNV-1a over 64-bit words, its high half folded into the low one: equal streams of predictions in four lines of any language.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, prediction: &Prediction) {
        for word in bytemuck::cast::<Prediction, [u64; 16]>(prediction.comparable()) {
            self.0 = (self.0 ^ word).wrapping_mul(0x0100_0000_01b3);
            self.0 ^= self.0 >> 32;
        }
    }
}

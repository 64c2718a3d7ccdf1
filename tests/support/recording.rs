//! A recording of the demo's, and what a consumer needs of its table.

use std::path::{Path, PathBuf};
use std::process::Command;

use foretick::types::event::SLOT_BYTES;
use foretick::types::{Prediction, Slot};
use serde_json::Value;

use super::capi::{root, succeed};

/// A recording: v1 decides from step 600 to the swap, v2 after it.
pub const STEPS: u64 = 1_500;
/// Seed of its market.
pub const SEED: u64 = 11;

/// Runs the demo and records it in a folder.
pub fn record(folder: &Path) -> PathBuf {
    let file = folder.join("demo.events");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_foretick"));
    demo.args(["demo", "--quiet", "--json", "--seed", &SEED.to_string(), "--steps", &STEPS.to_string()]);
    succeed(demo.arg("--models").arg(root().join("models/sim")).arg("--record").arg(&file));
    file
}

/// The table beside a recording.
pub fn table(file: &Path) -> Value {
    let path = format!("{}.streams.json", file.display());
    serde_json::from_str(&std::fs::read_to_string(path).expect("the table")).expect("JSON")
}

/// The slots of a recording.
pub fn slots(file: &Path) -> Vec<Slot> {
    std::fs::read(file).expect("the recording").chunks_exact(SLOT_BYTES).map(bytemuck::pod_read_unaligned).collect()
}

/// The digest that the help of `demo --record` describes.
#[derive(Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The next prediction.
    pub fn add(&mut self, prediction: &Prediction) {
        let mut words = bytemuck::cast::<Prediction, [u64; 16]>(*prediction);
        (words[1], words[2], words[12], words[13]) = (0, 0, words[12] & 0xFFFF_FFFF, words[13] >> 32 << 32);
        (words[14], words[15]) = (words[14] & !(128 << 16), words[15] & !0xFFFF);
        for word in words {
            self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3);
            self.0 ^= self.0 >> 32;
        }
    }

    /// As the table says it.
    pub fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}

//! The short form of the fuzz targets (`fuzz/`): the seeds, and some thousand inputs made of them and of chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use std::path::{Path, PathBuf};

use driver::{calls, readers, restore};

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most)).map(|_| self.next() as u8).collect()
    }

    /// A seed with a few bytes changed, or a piece cut out, doubled or replaced by one of another seed.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let (at, end) = (self.below(bytes.len()), self.below(bytes.len()));
            match (bytes.is_empty(), self.below(5)) {
                (true, _) => {}
                (_, 0) => drop(bytes.drain(at.min(end)..at.max(end))),
                (_, 1) => bytes.splice(at..at, bytes[at.min(end)..at.max(end)].to_vec()).for_each(drop),
                (_, 2) => {
                    let other = &seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    bytes.splice(at..at, other[from..(from + self.below(64)).min(other.len())].to_vec()).for_each(drop);
                }
                _ => bytes[at] = self.next() as u8,
            }
        }
        bytes
    }
}

/// Files of the tree below a folder, by the end of their names, small enough to be changed often.
fn files(folder: &Path, end: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.retain(|path| path.to_string_lossy().ends_with(end) && path.metadata().is_ok_and(|file| file.len() <= 12_000));
    paths.sort();
    assert!(!paths.is_empty(), "no seeds in {}", folder.display());
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// The seeds as they are, and as many changed ones.
fn each(seeds: &[Vec<u8>], changed: usize, run: impl Fn(&[u8])) {
    seeds.iter().for_each(|seed| run(seed));
    let mut chance = Chance(1);
    (0..changed).for_each(|_| run(&chance.changed(seeds)));
}

#[test]
fn every_export_is_called_in_any_order() {
    let called: Vec<&str> = calls::CALLS.iter().map(|(name, _)| *name).collect();
    let missing: Vec<_> = foretick::ffi::EXPORTS.iter().filter(|name| !called.contains(name)).collect();
    assert!(missing.is_empty(), "tests/fuzz/driver/calls.rs does not call {missing:?}");
}

#[test]
fn calls_in_any_order_keep_their_promises() {
    let mut chance = Chance(7);
    let mut all = calls::Reached::default();
    for _ in 0..1000 {
        let reached = calls::run(&chance.bytes(6000));
        all.calls += reached.calls;
        all.ok += reached.ok;
        all.steps += reached.steps;
        all.predictions += reached.predictions;
        all.decisions += reached.decisions;
        all.scores += reached.scores;
        all.restored += reached.restored;
    }
    // The driver goes deep enough to find something.
    assert!(all.ok > all.calls / 4 && all.steps > 1000 && all.predictions > 500 && all.decisions > 50 && all.scores > 500 && all.restored > 20, "{all:?}");
}

#[test]
fn forged_snapshots_are_refused_or_restored() {
    let mut chance = Chance(3);
    let taken = (0..4000).filter(|_| restore::run(&chance.bytes(40))).count();
    assert!(taken > 200 && taken < 3800, "{taken} of 4000 were taken");
}

#[test]
fn graphs_are_refused_or_run() {
    each(&files(Path::new("models/fixtures"), ".onnx"), 2000, readers::graph);
}

#[test]
fn manifests_are_refused_or_read() {
    each(&files(Path::new("models"), "manifest.toml"), 1000, readers::manifest);
}

#[test]
fn options_are_refused_or_read() {
    each(&files(Path::new("fuzz/seeds/options"), ".toml"), 5000, readers::options);
}

#[test]
fn tables_are_refused_or_read() {
    each(&files(Path::new("fuzz/seeds/table"), ".csv"), 2000, readers::table);
}

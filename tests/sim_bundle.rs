//! The shipped bundle `sim` through the C functions: it finds the planted edge, and it would be noticed
//! if training and serving differed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use foretick::ingest::gate;
use foretick::model::manifest::{Manifest, hex};
use foretick::model::stats;
use foretick::source::simulator::{BAYES_AUC, PAIR_COUNT, Simulator, Truth, auc};
use foretick::types::prediction::flag;
use sha2::{Digest, Sha256};
use support::chost::CHost;

const STEPS: usize = 20_000;
const TOLERANCE: f64 = 0.03;

fn shipped(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim").join(version)
}

/// AUC of a bundle's predictions for the move that lies `shift` steps after the next one.
fn measured_auc(bundle: &Path, shift: usize) -> f64 {
    let (host, mut simulator) = (CHost::open(), Simulator::new(99));
    host.publish(bundle);
    let ids: Vec<u32> = simulator.streams().iter().map(|stream| host.stream(stream.name)).collect();
    simulator.set_streams(&ids).unwrap();
    let tracks = simulator.pairs().map(|pair| host.track(&[ids[pair.own], ids[pair.leader]]));
    let (mut scores, mut rose) = (Vec::new(), Vec::new());
    let mut waiting: VecDeque<[Option<f64>; PAIR_COUNT]> = VecDeque::new();
    let mut events = Vec::new();
    for _ in 0..STEPS {
        events.clear();
        let truth: Truth = simulator.step(&mut events);
        let mut predicted = [None; PAIR_COUNT];
        let mut at = 0;
        while at < events.len() {
            let now_ns = gate::head(&events[at..]).unwrap().known_ns;
            let flow = host.push(&events[at..]);
            for (pair, track) in tracks.iter().enumerate().filter(|_| flow.closed > 0) {
                let prediction = host.predict(*track, now_ns);
                let flags = prediction.flags();
                if flags & flag::VALUE != 0 && flags & flag::REPEAT == 0 {
                    predicted[pair] = Some(f64::from(prediction.value));
                }
            }
            at += flow.taken as usize;
        }
        waiting.push_back(predicted);
        if waiting.len() <= shift {
            continue;
        }
        for (value, pair) in waiting.pop_front().unwrap().iter().zip(&truth.pairs) {
            if let (Some(value), Some(up)) = (value, pair.moved_up) {
                scores.push(*value);
                rose.push(up);
            }
        }
    }
    assert!(scores.len() > PAIR_COUNT * STEPS * 9 / 10, "only {} predictions", scores.len());
    auc(&scores, &rose).unwrap()
}

/// A copy of the bundle with its files edited and every hash made right again: only the meaning differs.
fn edited(edit: impl Fn(&str, String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = shipped("v1");
    let read = |name: &str| std::fs::read(source.join(name)).unwrap();
    let text = |name: &str| edit(name, String::from_utf8(read(name)).unwrap());
    let (mut manifest, stats_csv, golden) = (text("manifest.toml"), text("stats.csv"), text("golden.csv"));
    for (name, new) in [("stats.csv", &stats_csv), ("golden.csv", &golden)] {
        let digest = |bytes: &[u8]| hex(&Sha256::digest(bytes).into());
        manifest = manifest.replace(&digest(&read(name)), &digest(new.as_bytes()));
        std::fs::write(folder.path().join(name), new).unwrap();
    }
    let parsed = Manifest::parse(&manifest).unwrap();
    let mut schema = parsed.schema.clone();
    schema.stats = stats::read(stats_csv.as_bytes(), &schema).unwrap();
    manifest = manifest.replace(&hex(&parsed.schema_hash), &hex(&schema.hash()));
    std::fs::write(folder.path().join("manifest.toml"), manifest).unwrap();
    for member in &parsed.members {
        std::fs::write(folder.path().join(&member.file.file), read(&member.file.file)).unwrap();
    }
    folder
}

/// Swaps two words, wherever they stand alone.
fn swap(text: &str, a: &str, b: &str) -> String {
    text.replace(a, "\u{1}").replace(b, a).replace('\u{1}', b)
}

#[test]
fn both_versions_find_the_planted_edge() {
    for version in ["v1", "v2"] {
        let auc = measured_auc(&shipped(version), 0);
        println!("{version}: AUC {auc:.4}, the edge allows {BAYES_AUC}");
        assert!((auc - BAYES_AUC).abs() <= TOLERANCE, "{version}: {auc}");
    }
}

#[test]
fn two_columns_permuted_break_it() {
    // The last two features change places everywhere but in the models.
    let (a, b) = ("{ op = \"roc\", period = 10, scale = [\"zscore\"] }", "{ op = \"role_return\", role = \"leader\", period = 1, scale = [\"zscore\"] }");
    let folder = edited(|name, text| match name {
        "manifest.toml" => {
            assert!(text.contains(a) && text.contains(b), "the manifest lists both features so");
            swap(&text, a, b)
        }
        "stats.csv" => {
            let mut lines: Vec<&str> = text.lines().collect();
            let (roc, back) = (lines.len() - 2, lines.len() - 1);
            lines.swap(roc, back);
            lines.join("\n") + "\n"
        }
        _ => swap(&text, "roc_10", "role_return_1"),
    });
    let auc = measured_auc(folder.path(), 0);
    println!("two columns permuted: AUC {auc:.4}");
    assert!((auc - BAYES_AUC).abs() > TOLERANCE, "{auc}");
}

#[test]
fn a_dropped_scaler_breaks_it() {
    let folder = edited(|name, text| match name {
        "manifest.toml" => ["[\"zscore\"]", "[\"minmax\"]", "[\"relative\", \"zscore\"]", "[\"rolling_zscore(240)\"]"]
            .iter()
            .fold(text, |text, scale| text.replace(&format!("scale = {scale}"), "scale = []")),
        _ => text,
    });
    let auc = measured_auc(folder.path(), 0);
    println!("scaler dropped: AUC {auc:.4}");
    assert!((auc - BAYES_AUC).abs() > TOLERANCE, "{auc}");
}

#[test]
fn a_shift_by_a_step_breaks_it() {
    let auc = measured_auc(&shipped("v1"), 1);
    println!("shifted by a step: AUC {auc:.4}");
    assert!((auc - BAYES_AUC).abs() > TOLERANCE, "{auc}");
}

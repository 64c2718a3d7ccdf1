//! The shipped bundle `sim` through the C functions: v1 finds the planted edge of the row, v2 that of the sequence too, and it
//! would be noticed if training and serving differed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use foretick::ffi::TrackHandle;
use foretick::ingest::gate;
use foretick::model::manifest::{Manifest, hex};
use foretick::model::stats;
use foretick::source::simulator::{BAYES_AUC, PAIR_COUNT, ROW_AUC, Simulator, Truth, auc};
use foretick::types::Slot;
use foretick::types::prediction::flag;
use sha2::{Digest, Sha256};
use support::chost::CHost;

/// Steps for a bundle that reads rows, and for one that reads windows, which costs more.
const STEPS: [(&str, usize); 2] = [("v1", 20_000), ("v2", 6_000)];
const TOLERANCE: f64 = 0.03;

fn shipped(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim").join(version)
}

fn steps(version: &str) -> usize {
    STEPS.iter().find(|(name, _)| *name == version).unwrap().1
}

/// Values and true probabilities with what came of them.
#[derive(Default)]
struct Scores {
    ours: Vec<f64>,
    truth: Vec<f64>,
    rose: Vec<bool>,
}

impl Scores {
    fn push(&mut self, ours: f64, truth: f64, rose: bool) {
        self.ours.push(ours);
        self.truth.push(truth);
        self.rose.push(rose);
    }

    fn auc(&self) -> f64 {
        auc(&self.ours, &self.rose).unwrap()
    }

    /// What the simulator's own probability reaches on the same steps.
    fn best(&self) -> f64 {
        auc(&self.truth, &self.rose).unwrap()
    }
}

/// What a bundle reached over all pairs, and over the pair whose pattern lies in the sequence.
struct Measured {
    all: Scores,
    echo: Scores,
}

/// A bundle's predictions through the C functions against the move that lies `shift` steps after the next one.
fn measured(bundle: &Path, steps: usize, shift: usize) -> Measured {
    let (host, mut simulator) = (CHost::open(), Simulator::new(99));
    host.publish(bundle);
    let ids: Vec<u32> = simulator.streams().iter().map(|stream| host.stream(stream.name)).collect();
    simulator.set_streams(&ids).unwrap();
    let pairs = simulator.pairs();
    let tracks = pairs.map(|pair| host.track(&[ids[pair.own], ids[pair.leader]]));
    let mut found = Measured { all: Scores::default(), echo: Scores::default() };
    let mut waiting: VecDeque<[Option<(f64, f64)>; PAIR_COUNT]> = VecDeque::new();
    let (mut events, mut last) = (Vec::new(), None::<Truth>);
    for _ in 0..steps {
        events.clear();
        let truth = simulator.step(&mut events);
        let values = predictions(&host, &tracks, &events);
        waiting.push_back(std::array::from_fn(|pair| Some((values[pair]?, last?.pairs[pair].up_probability))));
        last = Some(truth);
        if waiting.len() <= shift {
            continue;
        }
        for (number, scored) in waiting.pop_front().unwrap().into_iter().enumerate() {
            let (Some((ours, known)), Some(up)) = (scored, truth.pairs[number].moved_up) else { continue };
            found.all.push(ours, known, up);
            if pairs[number].echo_weight > 0.0 {
                found.echo.push(ours, known, up);
            }
        }
    }
    assert!(found.all.ours.len() > PAIR_COUNT * (steps - 1_000) * 9 / 10, "only {} predictions", found.all.ours.len());
    found
}

/// Pushes the events of a step; answers the values that the step before it, closed by them, gives.
fn predictions(host: &CHost, tracks: &[TrackHandle; PAIR_COUNT], events: &[Slot]) -> [Option<f64>; PAIR_COUNT] {
    let (mut values, mut at) = ([None; PAIR_COUNT], 0);
    while at < events.len() {
        let now_ns = gate::head(&events[at..]).unwrap().known_ns;
        let flow = host.push(&events[at..]);
        for (value, track) in values.iter_mut().zip(tracks).filter(|_| flow.closed > 0) {
            let prediction = host.predict(*track, now_ns);
            let flags = prediction.flags();
            if flags & flag::VALUE != 0 && flags & flag::REPEAT == 0 {
                *value = Some(f64::from(prediction.value));
            }
        }
        at += flow.taken as usize;
    }
    values
}

/// A copy of the bundle with its files edited and every hash made right again: only the meaning differs.
fn edited(version: &str, edit: impl Fn(&str, String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = shipped(version);
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

/// The last two features change places everywhere but in the models.
fn permuted(name: &str, text: String) -> String {
    let (a, b) = ("{ op = \"roc\", period = 10, scale = [\"zscore\"] }", "{ op = \"role_return\", role = \"leader\", period = 1, scale = [\"zscore\"] }");
    match name {
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
    }
}

/// No feature is scaled.
fn unscaled(name: &str, text: String) -> String {
    let scales = ["[\"zscore\"]", "[\"minmax\"]", "[\"relative\", \"zscore\"]", "[\"rolling_zscore(240)\"]"];
    match name {
        "manifest.toml" => scales.iter().fold(text, |text, scale| text.replace(&format!("scale = {scale}"), "scale = []")),
        _ => text,
    }
}

/// One member of v2 has all the weight.
fn alone(member: &str) -> tempfile::TempDir {
    let weights = ["lr", "xgb", "lstm", "cnn"].map(|name| format!("{name} = {:.1}", f64::from(u8::from(name == member)))).join(", ");
    edited("v2", |name, text| match text.lines().find(|line| name == "manifest.toml" && line.starts_with("weights = ")) {
        Some(line) => text.replace(line, &format!("weights = {{ {weights} }}")),
        None => text,
    })
}

#[test]
fn the_bundle_of_rows_finds_what_stands_in_the_row() {
    let found = measured(&shipped("v1"), steps("v1"), 0);
    println!("v1: AUC {:.4} of {:.4}, where the echo is {:.4} of {:.4}", found.all.auc(), found.all.best(), found.echo.auc(), found.echo.best());
    assert!((found.all.auc() - ROW_AUC).abs() <= TOLERANCE && (found.all.best() - BAYES_AUC).abs() < 0.01);
    assert!(found.echo.best() - found.echo.auc() > 0.06, "a row holds little of the echo");
}

#[test]
fn the_bundle_of_windows_finds_the_sequence_too() {
    let (rows, windows) = (measured(&shipped("v1"), steps("v2"), 0), measured(&shipped("v2"), steps("v2"), 0));
    println!("v2: AUC {:.4} of {:.4}, where the echo is {:.4} of {:.4}", windows.all.auc(), windows.all.best(), windows.echo.auc(), windows.echo.best());
    assert!(windows.all.best() - windows.all.auc() < 0.01 && windows.echo.best() - windows.echo.auc() < 0.02);
    assert!(windows.all.auc() > rows.all.auc() + 0.01 && windows.echo.auc() > rows.echo.auc() + 0.04, "v1: {:.4} and {:.4}", rows.all.auc(), rows.echo.auc());
}

#[test]
fn each_network_alone_beats_the_trees_where_the_echo_is() {
    let echo = |member| measured(alone(member).path(), steps("v2"), 0).echo.auc();
    let [trees, lstm, cnn] = ["xgb", "lstm", "cnn"].map(echo);
    println!("where the echo is: xgb {trees:.4}, lstm {lstm:.4}, cnn {cnn:.4}");
    assert!(lstm > trees + 0.04 && cnn > trees + 0.04);
}

#[test]
fn two_columns_permuted_break_it() {
    for version in ["v1", "v2"] {
        let auc = measured(edited(version, permuted).path(), steps(version), 0).all.auc();
        println!("{version}, two columns permuted: AUC {auc:.4}");
        assert!(auc < ROW_AUC - TOLERANCE, "{version}: {auc}");
    }
}

#[test]
fn a_dropped_scaler_breaks_it() {
    for version in ["v1", "v2"] {
        let auc = measured(edited(version, unscaled).path(), steps(version), 0).all.auc();
        println!("{version}, scaler dropped: AUC {auc:.4}");
        assert!(auc < ROW_AUC - TOLERANCE, "{version}: {auc}");
    }
}

#[test]
fn a_shift_by_a_step_breaks_it() {
    for version in ["v1", "v2"] {
        let auc = measured(&shipped(version), steps(version), 1).all.auc();
        println!("{version}, shifted by a step: AUC {auc:.4}");
        assert!(auc < ROW_AUC - TOLERANCE, "{version}: {auc}");
    }
}

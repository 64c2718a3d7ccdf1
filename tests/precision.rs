//! Members whose weights are kept smaller: measured against the golden rows at load, refused with the figure, served as any other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use foretick::config::Backends;
use foretick::engine::Engine;
use foretick::ingest::gate;
use foretick::model::bundle::Bundle;
use foretick::model::precision::Precision;
use foretick::source::simulator::Simulator;
use foretick::types::Prediction;
use foretick::types::prediction::backend::PREFIX;
use foretick::{Result, Status};
use tempfile::TempDir;

/// The shipped bundle with an LSTM, which keeps its weights as `keys` of that member say.
fn folder(member: &str, keys: &str) -> TempDir {
    let (folder, shipped) = (TempDir::new().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2"));
    for entry in fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join("manifest.toml");
    let line = format!("\n{member} = {{");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(&line));
    fs::write(&path, text.replacen(&line, &format!("{line} {keys},"), 1)).unwrap();
    folder
}

fn opened(member: &str, keys: &str) -> Result<Bundle> {
    Bundle::open_alone(folder(member, keys).path(), &Backends::default())
}

#[track_caller]
fn refused(member: &str, keys: &str, status: Status, texts: &[&str]) {
    let error = opened(member, keys).unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    assert!(texts.iter().all(|text| error.text().contains(text)), "{error}");
}

/// Precisions below f32.
fn smaller() -> impl Iterator<Item = Precision> {
    Precision::NAMES.into_iter().map(|(_, precision)| precision).filter(|precision| *precision != Precision::F32)
}

#[test]
fn the_measured_error_is_shown() {
    for precision in smaller() {
        let name = precision.name();
        let bundle = opened("lstm", &format!("precision = \"{name}\", precision_error = 0.1")).unwrap();
        let member = bundle.members.iter().find(|member| member.spec.name == "lstm").unwrap();
        let error = member.precision_error.unwrap();
        assert!(error > 1e-7 && error < 0.1, "{name}: {error}");
        assert!(member.worst.share < 1.0, "the stored graph has passed its own tolerance");
        assert!(member.backend.summary().contains(name), "{}", member.backend.summary());
        let described = bundle.describe();
        let described = described["members"].as_array().unwrap().iter().find(|member| member["name"] == "lstm").unwrap();
        assert_eq!((described["precision"].as_str(), described["precision_error"].as_f64()), (Some(name), Some(error)));
        let others = bundle.members.iter().filter(|member| member.spec.name != "lstm");
        assert!(others.into_iter().all(|member| member.precision_error.is_none()));
        // The figure is the least that is allowed.
        opened("lstm", &format!("precision = \"{name}\", precision_error = {error:e}")).unwrap();
        let below = format!("precision = \"{name}\", precision_error = {:e}", error * 0.999);
        refused(
            "lstm",
            &below,
            Status::Golden,
            &[&format!("model lstm: {name} differs by {error:.3e} on output up_1"), "where precision_error allows", "take"],
        );
    }
}

#[test]
fn what_keeps_no_smaller_weights_is_refused() {
    for precision in smaller() {
        let keys = format!("precision = \"{}\", precision_error = 0.01", precision.name());
        for member in ["lr", "xgb", "cnn"] {
            refused(member, &keys, Status::Operator, &[member, "is kept by LSTM and GRU layers, and this graph has none", "take precision = \"f32\""]);
        }
    }
}

#[test]
fn the_keys_go_together() {
    let problems = [
        ("precision = \"int4\"", "\"int4\" is none of f32, "),
        ("precision = \"int8\"", "models.lstm.precision_error: is missing"),
        ("precision = \"int8\", precision_error = 0.0", "0: must be above 0"),
        ("precision = \"int8\", precision_error = -1.0", "-1: must be above 0"),
        ("precision_error = 0.1", "belongs to precision = \"fp16\" or \"int8\""),
        ("precision = \"f32\", precision_error = 0.1", "belongs to precision = \"fp16\" or \"int8\""),
    ];
    for (keys, text) in problems {
        refused("lstm", keys, Status::Manifest, &[text]);
    }
    // Written beside other values of the same keys.
    for (from, to, text) in [
        ("backend = \"default\"", "backend = \"ort\"", "only native kernels keep weights smaller"),
        ("state = \"none\"", "state = \"replay\"", "a member that carries its state keeps its weights in f32"),
    ] {
        let folder = folder("lstm", "precision = \"fp16\", precision_error = 0.1");
        let path = folder.path().join("manifest.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        let line = manifest.lines().find(|line| line.starts_with("lstm = ")).unwrap();
        fs::write(&path, manifest.replace(line, &line.replace(from, to))).unwrap();
        let error = Bundle::open_alone(folder.path(), &Backends::default()).unwrap_err();
        assert!(error.status() == Status::Manifest && error.text().contains(text), "{error}");
    }
    opened("lstm", "precision = \"f32\"").unwrap();
}

/// Predictions of the simulated market by a bundle whose LSTM keeps its weights in a precision, prepared for or not.
fn predictions(precision: Precision, prepares: bool) -> Vec<Prediction> {
    let error = if precision == Precision::F32 { "" } else { ", precision_error = 0.05" };
    let folder = folder("lstm", &format!("precision = \"{}\"{error}", precision.name()));
    let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap();
    let bundle = engine.open_bundle(folder.path()).unwrap();
    engine.publish_one("direction", bundle).unwrap();
    let mut simulator = Simulator::new(5);
    let ids: Vec<u32> = simulator.streams().iter().map(|stream| engine.add_stream(stream.name, "").unwrap()).collect();
    simulator.set_streams(&ids).unwrap();
    let pair = simulator.pairs()[0];
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("direction", &[ids[pair.own], ids[pair.leader]], 0).unwrap();
    let (mut made, mut slots) = (Vec::new(), Vec::new());
    while made.len() < 60 {
        slots.clear();
        simulator.step(&mut slots);
        let mut at = 0;
        while at < slots.len() {
            let flow = lane.push(&slots[at..]).unwrap();
            if flow.closed > 0 {
                let prediction = lane.predict(track, gate::head(&slots[at..]).unwrap().known_ns).unwrap();
                made.extend((!prediction.value.is_nan()).then_some(prediction));
                if prepares {
                    lane.prepare(track).unwrap();
                }
            }
            at += flow.taken as usize;
        }
    }
    made
}

#[test]
fn predictions_do_not_depend_on_what_was_prepared() {
    for precision in smaller() {
        let (prepared, whole) = (predictions(precision, true), predictions(precision, false));
        assert!(prepared[1..].iter().all(|prediction| prediction.backend & PREFIX != 0));
        let values = |made: &[Prediction]| made.iter().map(|prediction| prediction.value.to_bits()).collect::<Vec<_>>();
        assert_eq!(values(&prepared), values(&whole), "{}", precision.name());
        assert_ne!(values(&whole), values(&predictions(Precision::F32, false)));
    }
}

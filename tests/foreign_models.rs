//! Model files that our reader passes and ONNX Runtime gets: damaged, nested, of a future operator set. Each loads or answers an error.
//!
//! Its parser is not ours, so every batch of files is tried by a process of its own, with bounded memory: a crash is a failure that
//! names the file, not the end of the tests.
#![cfg(all(target_os = "linux", feature = "ort"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use foretick::config::Backends;
use foretick::model::choice::{Request, choose};
use foretick::model::manifest::BackendChoice;
use foretick::model::watchdog::{Patrol, RunLimit};
use foretick::{Result, Status};
use support::onnx::nested;
use support::ort::library;

const ENDLESS: &[u8] = include_bytes!("graphs/endless.onnx");
/// The operator set that the graph imports: field 8, of length 4, domain "", version 15.
const IMPORT: [u8; 6] = [0x42, 4, 0x0a, 0, 0x10, 15];

/// Loads a graph, warms it and runs it twice.
fn attempt(file: &[u8], limit: &RunLimit) -> Result<()> {
    let request = Request { bytes: file, shapes: &[vec![1, 1]], asked: BackendChoice::Ort.into() };
    let backend = choose(&request, &Backends::default(), limit)?.backend;
    let (mut input, mut out) = (vec![0.0; backend.input_width()], vec![0.0; backend.output_width()]);
    let mut instance = backend.instance(limit)?;
    instance.run(&input, &mut out)?;
    input.fill(2.0);
    instance.run(&input, &mut out)
}

/// The files of a batch, by its name.
fn files(batch: &str) -> Vec<Vec<u8>> {
    let changed = |by: u8| {
        let change = move |at: usize| {
            let mut file = ENDLESS.to_vec();
            file[at] ^= by;
            file
        };
        (0..ENDLESS.len()).map(change).collect()
    };
    match batch.split_once(' ') {
        None => (0..ENDLESS.len()).map(|len| ENDLESS[..len].to_vec()).collect(),
        Some(("nested", most)) => (1..=most.parse().unwrap()).map(nested).collect(),
        Some((_, by)) => changed(by.parse().unwrap()),
    }
}

/// Tries a batch in a process of its own.
fn survives(batch: &str) {
    if library().is_none() {
        return;
    }
    let mut child = Command::new("sh");
    child.args(["-c", "ulimit -v 16777216; ulimit -c 0; exec \"$0\" a_batch --exact --ignored --nocapture"]).arg(std::env::current_exe().unwrap());
    let output = child.env("FORETICK_BATCH", batch).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = said.lines().rfind(|line| line.starts_with("file ")).unwrap_or("before the first file").to_owned();
    assert!(output.status.success(), "batch {batch}, {last}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_file_cut_anywhere_crashes_nothing() {
    survives("cut");
}

#[test]
fn a_file_with_any_byte_changed_crashes_nothing() {
    for by in ["1", "8", "128", "255"] {
        survives(&format!("changed {by}"));
    }
}

#[test]
fn loops_in_loops_load_or_are_refused() {
    survives("nested 40");
}

#[test]
#[ignore = "a program: the tests above run it"]
fn a_batch() {
    let patrol = Patrol::start().unwrap();
    let limit = patrol.limit(Duration::from_millis(50));
    let files = files(&std::env::var("FORETICK_BATCH").unwrap());
    for (at, file) in files.iter().enumerate() {
        println!("file {at}");
        if let Err(error) = attempt(file, &limit) {
            assert!(!error.text().is_empty() && error.status() != Status::Ok, "file {at}: {error}");
        }
    }
    // What was damaged left nothing behind.
    let error = attempt(ENDLESS, &limit).unwrap_err();
    assert_eq!(error.status(), Status::Deadline, "{error}");
}

fn refused(file: &[u8], text: &str) {
    let patrol = Patrol::start().unwrap();
    let error = attempt(file, &patrol.limit(Duration::from_secs(5))).unwrap_err();
    assert_eq!(error.status(), Status::Model, "{error}");
    assert!(error.text().contains(text), "{error}");
}

/// Row 20: by our own reader, which needs no library for it.
#[test]
fn a_future_operator_set_is_refused() {
    let at = ENDLESS.windows(IMPORT.len()).position(|bytes| bytes == IMPORT).expect("the graph imports an operator set");
    let mut file = ENDLESS.to_vec();
    file[at + IMPORT.len() - 1] = 99;
    refused(&file, "ai.onnx 99");
}

/// Row 25: by our own reader too, before ONNX Runtime would follow them.
#[test]
fn deeply_nested_loops_are_refused() {
    refused(&nested(200), "recursion");
}

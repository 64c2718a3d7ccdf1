//! Times rten and yata, one row a call, on the rows of `foretick bench`, and adds them to the JSON that `peers.py` writes.
//!
//! `foretick-peers target/bench/rows target/bench/models target/bench/peers.json [--quick]`; pin it with `taskset`. A peer that cannot run a
//! model is named in `notes`.

mod npy;
mod times;
mod yata_features;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{Model, RunOptions, ThreadPool};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use serde_json::Value;

use times::{Budget, empty_ns, figures};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Networks, values of their rows, and rows of their windows.
const NETWORKS: [(&str, usize, usize); 6] =
    [("mlp", 25, 1), ("lstm", 25, 60), ("lstm3", 5, 60), ("cnn", 25, 60), ("transformer", 25, 60), ("stac_lstm_a", 100, 50)];
/// Rows that foretick itself is timed on; those after them were trained on.
const ROWS: usize = 2_048;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rows, models, out, ..] = arguments.as_slice() else { return Err("usage: foretick-peers ROWS MODELS JSON [--quick]".into()) };
    let (rows, models, out) = (Path::new(rows), Path::new(models), Path::new(out));
    let budget = Budget::new(arguments.iter().any(|argument| argument == "--quick"));
    let mut report = read(out)?;
    let empty = empty_ns();
    for (case, width, window) in NETWORKS {
        match rten(&file(rows, models, case), &npy::rows(&rows.join(format!("rows_{width}.npy")), ROWS)?, (width, window), &budget) {
            Ok(taken) => add(&mut report, case, "rten, Rust", figures(taken, empty)),
            Err(error) => note(&mut report, format!("rten, Rust: not timed on {case}: {error}")),
        }
    }
    note(&mut report, "rten, Rust: rten 0.27.0, one thread, a hop to it and back".to_owned());
    add(&mut report, "features", "yata, Rust", figures(yata_features::taken(&budget)?, empty));
    note(&mut report, format!("yata, Rust: yata 0.7.0, {}", yata_features::DIFFERS));
    Ok(std::fs::write(out, serde_json::to_string(&report)?)?)
}

/// What Python's peers have found, without an earlier run of these.
fn read(path: &Path) -> Result<Value> {
    let mut report = if path.is_file() { serde_json::from_str(&std::fs::read_to_string(path)?)? } else { serde_json::json!({ "notes": [], "runs": [] }) };
    if let Some(notes) = report["notes"].as_array_mut() {
        notes.retain(|note| !note.as_str().is_some_and(|text| text.contains(", Rust: ")));
    }
    if let Some(runs) = report["runs"].as_array_mut() {
        runs.retain(|run| !run["peer"].as_str().is_some_and(|peer| peer.ends_with(", Rust")));
    }
    Ok(report)
}

fn add(report: &mut Value, case: &str, peer: &str, mut run: Value) {
    (run["case"], run["condition"], run["peer"]) = (case.into(), "hot".into(), peer.into());
    if let Some(runs) = report["runs"].as_array_mut() {
        runs.push(run);
    }
}

fn note(report: &mut Value, text: String) {
    eprintln!("{text}");
    if let Some(notes) = report["notes"].as_array_mut() {
        notes.push(text.into());
    }
}

/// A trained model, else the one that foretick has written.
fn file(rows: &Path, models: &Path, case: &str) -> PathBuf {
    let name = format!("{case}.onnx");
    Some(models.join(&name)).filter(|path| path.is_file()).unwrap_or_else(|| rows.join(name))
}

/// Durations of single runs, ns.
fn rten(path: &Path, rows: &[f32], (width, window): (usize, usize), budget: &Budget) -> Result<Vec<u64>> {
    let model = Model::load_file(path)?;
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let dims = if window > 1 { vec![1, window, width] } else { vec![1, width] };
    budget.taken(rows.len() / width - window + 1, |at| {
        let values = rows[at * width..(at + window) * width].to_vec();
        let (input, options) = (Tensor::from_data(&dims, values), RunOptions::default().with_thread_pool(Some(pool.clone())));
        let run = model.run_one(input.view().into(), Some(options));
        run.map(drop).map_err(Into::into)
    })
}

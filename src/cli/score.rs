//! `foretick score`: any graph on any rows, without a bundle.

mod array;
mod feed;
pub mod npy;
mod session;
mod sink;
mod table;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use foretick::Result;
use foretick::model::backend::Port;
use foretick::model::manifest::BackendChoice;
use foretick::model::onnx_ir::{Graph, Value};
use foretick::types::prediction::backend;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::files::{check_outputs, io_error};
use super::replay::summary::{self, Figures};
use feed::Source;
use session::{Scores, Session, Wiring};
use sink::Sink;

#[derive(Args)]
pub struct ScoreArgs {
    /// The graph: an ONNX file.
    model: PathBuf,
    /// Rows for the input that nothing else names: .npy (the first dimension is rows; one dimension is one row), or .csv with a
    /// row a line, an optional line of names, and empty cells for missing values.
    rows: Option<PathBuf>,
    /// Rows of an input by its name; may be repeated. A file of one row serves every row.
    #[arg(long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Put W rows of ROWS together to a window; each window begins a row after the one before.
    #[arg(long, value_name = "W", requires = "rows")]
    window: Option<NonZeroUsize>,
    /// Dimensions of one row of ROWS, such as 60,5; without it the file's, or those that the graph fixes.
    #[arg(long, value_name = "D,D", requires = "rows", value_delimiter = ',', conflicts_with = "window")]
    shape: Vec<usize>,
    /// Columns of ROWS to use, in this order: names, numbers from 0, or ranges such as 0-4.
    #[arg(long, value_name = "LIST", requires = "rows")]
    columns: Option<String>,
    /// What runs the graph; by default a native kernel where one exists, else ONNX Runtime, else rten.
    #[arg(long, value_enum, default_value = "default")]
    backend: BackendName,
    /// ONNX Runtime's library.
    #[arg(long, value_name = "FILE")]
    ort_library: Option<PathBuf>,
    /// Write scores here instead of standard output: .npy of float32, or .csv. With {output} in the name each output gets a file
    /// of its own, else all stand side by side.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Give an output of each row to an input of the next; may be repeated. It starts from zeros, or from --input of one row.
    #[arg(long, value_name = "OUTPUT=INPUT")]
    carry: Vec<String>,
    /// Most time of a row on a foreign backend, us; without it 10 s.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3_600_000_000))]
    deadline_us: Option<u64>,
    /// Write outputs that are NaN or infinite instead of ending at the first.
    #[arg(long)]
    allow_nan: bool,
    /// No progress on standard error.
    #[arg(long)]
    quiet: bool,
}

/// A backend by its name in manifests.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum BackendName {
    Default,
    Native,
    Ort,
    Rten,
}

impl BackendName {
    fn choice(self) -> BackendChoice {
        match self {
            BackendName::Default => BackendChoice::Default,
            BackendName::Native => BackendChoice::Native,
            BackendName::Ort => BackendChoice::Ort,
            BackendName::Rten => BackendChoice::Rten,
        }
    }
}

pub fn run(args: &ScoreArgs, json: bool) -> Result<()> {
    let bytes = std::fs::read(&args.model).map_err(|error| io_error(&args.model, &error))?;
    let graph = Graph::parse(&bytes).map_err(|error| error.within(&args.model.display().to_string()))?;
    let sources = feed::sources(&graph, args)?;
    let rows = feed::rows(&sources)?;
    let mut session = Session::open(&bytes, args, &sources)?;
    let chosen = session.chosen.clone();
    let wiring = Wiring::new(&chosen, &sources)?;
    wiring.check(chosen.backend.accepts_missing())?;
    let carried = |name: &str| sources.iter().any(|source| source.carried.as_deref() == Some(name));
    let sink = Sink::plan(args.out.as_deref(), chosen.backend.outputs(), carried)?;
    check_outputs(&sink.files(), &inputs(args, &sources))?;
    let bar = progress_bar(args, rows);
    let scores = session::run(&mut session, &wiring, rows, args, &bar)?;
    bar.finish_and_clear();
    sink.write(&scores)?;
    let mut figures = of_model(args, &session, &graph, &sources);
    figures.extend(of_rows(&scores, &sink));
    summary::show(figures, json, args.out.is_none());
    Ok(())
}

/// Files that must not be written over.
fn inputs(args: &ScoreArgs, sources: &[Source]) -> Vec<PathBuf> {
    let feeds = sources.iter().filter_map(|source| source.feed.as_ref().map(|feed| feed.path.clone()));
    feeds.chain([args.model.clone()]).collect()
}

fn progress_bar(args: &ScoreArgs, rows: usize) -> ProgressBar {
    if args.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} rows  {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// The model: what runs it, why, what it reads and gives.
fn of_model(args: &ScoreArgs, session: &Session, graph: &Graph, sources: &[Source]) -> Figures {
    let runs = &session.chosen.backend;
    let mut figures = vec![
        ("model", json!(args.model.display().to_string())),
        ("backend", json!(backend::name(runs.bits()))),
        ("because", json!(session.chosen.why)),
        ("family", json!(runs.family())),
        ("summary", json!(runs.summary())),
        ("inputs", json!(sources.iter().map(described).collect::<Vec<_>>())),
        ("outputs", json!(runs.outputs().iter().map(|port| format!("{} {:?}", port.name, port.dims)).collect::<Vec<_>>())),
    ];
    let hidden: Vec<&str> = graph.outputs.iter().filter(|output| !shown(output, runs.outputs())).map(|output| output.name.as_str()).collect();
    if !hidden.is_empty() {
        figures.push(("not_float", json!(hidden)));
    }
    figures.push(("load_ms", json!((session.load.as_secs_f64() * 1e6).round() / 1e3)));
    figures
}

/// Labels and other outputs that are no floats are not among a backend's.
fn shown(output: &Value, ports: &[Port]) -> bool {
    ports.iter().any(|port| port.name == output.name)
}

fn described(source: &Source) -> String {
    let from = |path: &Path| path.display().to_string();
    let file = source.feed.as_ref().map(|feed| from(&feed.path));
    let from = match (&source.carried, file) {
        (None, file) => file.unwrap_or_default(),
        (Some(output), None) => format!("{output} of the row before, at first zeros"),
        (Some(output), Some(file)) => format!("{output} of the row before, at first {file}"),
    };
    format!("{} {:?} from {from}", source.input, source.dims)
}

/// The rows: how long each took, where their scores are.
fn of_rows(scores: &Scores, sink: &Sink) -> Figures {
    let (times, seconds) = (&scores.quantiles, scores.elapsed.as_secs_f64());
    let mut figures = vec![
        ("rows", json!(scores.rows)),
        ("row_p50_ns", json!(times.p50)),
        ("row_p99_ns", json!(times.p99)),
        ("row_max_ns", json!(times.max)),
        ("seconds", json!((seconds * 1e3).round() / 1e3)),
        ("rows_per_second", json!((scores.rows as f64 / seconds.max(1e-9)).round())),
    ];
    if scores.not_finite > 0 {
        figures.push(("rows_not_finite", json!(scores.not_finite)));
    }
    if !sink.files().is_empty() {
        figures.push(("columns", json!(sink.columns())));
        figures.push(("written", json!(sink.files().iter().map(|path| path.display().to_string()).collect::<Vec<_>>())));
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        args: ScoreArgs,
    }

    #[test]
    fn options_of_rows_need_rows() {
        let parse = |line: &str| Alone::try_parse_from(line.split_whitespace());
        assert_eq!(parse("score m.onnx r.csv --shape 60,5").ok().map(|alone| alone.args.shape), Some(vec![60, 5]));
        for line in
            ["score", "score m.onnx --window 3", "score m.onnx r.csv --window 0", "score m.onnx r.csv --window 3 --shape 3", "score m.onnx r.csv --backend tvm"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}

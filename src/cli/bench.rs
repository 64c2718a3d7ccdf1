//! `foretick bench`: what each part costs on this machine, and beside what is installed.

mod bundle;
mod cases;
mod condition;
mod descent;
mod export;
mod floor;
mod host;
mod html;
mod market;
pub mod measure;
mod models;
mod nets;
mod onnx;
#[cfg(feature = "ort")]
mod onnx_runtime;
mod peers;
mod random;
mod report;
mod rows;
mod run;
mod spin;
mod subject;
mod table;
pub mod times;
mod trees;

pub use run::processor;

use std::path::PathBuf;

use clap::Args;
use foretick::{Error, Result, Status};

use super::files::Output;
use super::write_text;

#[derive(Args)]
pub struct BenchArgs {
    /// Time peers on the same rows too: ONNX Runtime in this process, in turns with ours (ORT_DYLIB_PATH names its library), and what
    /// `benches/peers/peers.py` has found in Python.
    #[arg(long)]
    peers: bool,
    /// What peers in Python have found; with --peers.
    #[arg(long, value_name = "FILE", default_value = "target/bench/peers.json")]
    peers_json: PathBuf,
    /// Few calls: a look in a minute, not figures to keep.
    #[arg(long)]
    quick: bool,
    /// Time this alone; may be repeated. The names are those of the table's first column.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Core that calls are timed on; by default the last one.
    #[arg(long, value_name = "N")]
    core: Option<u32>,
    /// Folder of trained models (lr.onnx, rf.onnx, xgb.onnx, ...), which are taken instead of seeded ones of the same shape.
    #[arg(long, value_name = "DIR", default_value = "target/bench/models")]
    models: PathBuf,
    /// Write the report as one HTML file too, with every distribution drawn.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the rows (rows_25.npy, ...) and the models (lr.onnx, ...) to a folder for other programs, and time nothing.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// No progress on standard error.
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &BenchArgs, json: bool) -> Result<()> {
    let unknown: Vec<&str> = args.only.iter().map(String::as_str).filter(|name| !cases::CASES.iter().any(|case| case.name == *name)).collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = cases::CASES.iter().map(|case| case.name).collect();
        return Err(Error::new(Status::InvalidArgument, format!("--only {}: the names are {}", unknown.join(", "), names.join(", "))));
    }
    if let Some(folder) = &args.export {
        return export::write(folder, args);
    }
    // A file that cannot be written is known before the run, not half an hour later.
    let page = args.html.as_deref().map(Output::create).transpose()?;
    let report = run::run(args)?;
    if let Some(mut page) = page {
        page.write(&html::page(&report))?;
        page.finish()?;
    }
    match json {
        true => super::write_line(&report.json().to_string()),
        false => write_text(&table::text(&report)),
    }
}

//! `foretick bench`: what each part costs on this machine, and beside what is installed.

mod bundle;
mod cases;
mod condition;
mod floor;
mod host;
mod market;
mod measure;
mod models;
mod nets;
mod onnx;
mod random;
mod report;
mod rows;
mod run;
mod subject;
mod table;
mod times;
mod trees;

use std::path::PathBuf;

use clap::Args;
use foretick::{Error, Result, Status};

use super::write_text;

#[derive(Args)]
pub struct BenchArgs {
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
    let report = run::run(args)?;
    match json {
        true => super::write_line(&report.json().to_string()),
        false => write_text(&table::text(&report)),
    }
}

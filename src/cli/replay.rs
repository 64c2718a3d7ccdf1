//! `foretick replay`: recorded files through the engine's own code.

mod bind;
mod predictions;
mod rows;
pub mod run;
pub mod schema;
pub mod summary;

use std::path::PathBuf;

use clap::Args;
use foretick::source::{Options, Recording};
use foretick::{Error, Result, Status};

use super::files::check_outputs;

#[derive(Args)]
pub struct ReplayArgs {
    /// Recorded files, or folders whose files are merged: CSV, plain or gzip.
    #[arg(required = true)]
    pub inputs: Vec<PathBuf>,
    /// Predict with this bundle; a name's folder means its highest version.
    #[arg(long)]
    pub bundle: Option<PathBuf>,
    /// Open tracks on streams that the bundle's applies_to does not name; predictions say so.
    #[arg(long)]
    pub any_stream: bool,
    /// Bind a role to a stream, such as self=binance_spot:BTCUSDT; without it every stream that fits gets a track.
    #[arg(long, value_name = "ROLE=NAME")]
    pub bind: Vec<String>,
    /// Write predictions here instead of standard output: JSON lines, or CSV when the name ends in .csv.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write a CSV of every step's features.
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// Rows without a bundle: baseline25, a schema file, or a bundle's manifest with its stats beside it.
    #[arg(long, default_value = "baseline25")]
    pub schema: PathBuf,
    /// Rows as models see them, scaled, instead of the unscaled values.
    #[arg(long, requires = "rows")]
    pub scaled: bool,
    /// Sample the baseline by time, in steps of so many ms, instead of by bar.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400_000), conflicts_with = "bundle")]
    pub step_ms: Option<u64>,
    /// Length of candles when their files do not tell.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_622_400_000))]
    pub interval_ms: Option<u64>,
    /// Use only this stream; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Name of the stream, where the files' names do not tell it.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Stop at the first bad row.
    #[arg(long)]
    pub strict: bool,
    /// Write every bad row here; without it the first 20 are shown.
    #[arg(long, value_name = "FILE")]
    pub bad_rows: Option<PathBuf>,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

pub fn run(args: &ReplayArgs, json: bool) -> Result<()> {
    if args.bundle.is_none() && args.rows.is_none() {
        return Err(Error::new(Status::InvalidArgument, "replay needs --bundle BUNDLE for predictions, --rows FILE for features, or both"));
    }
    let outputs = [&args.out, &args.rows, &args.bad_rows];
    check_outputs(&outputs.into_iter().flatten().map(PathBuf::as_path).collect::<Vec<_>>(), &args.inputs)?;
    match &args.bundle {
        Some(bundle) => predictions::run(args, bundle, json),
        None => rows::run(args, json),
    }
}

fn open_recording(args: &ReplayArgs, schema_interval_ns: Option<i64>) -> Result<Recording> {
    let asked = args.interval_ms.map(|ms| ms as i64 * 1_000_000);
    let options = Options { interval_ns: asked, expected_interval_ns: schema_interval_ns, only: args.only.clone(), stream: args.stream.clone() };
    let recording = Recording::open(&args.inputs, &options)?;
    for (file, why) in recording.skipped() {
        eprintln!("skipped {}: {why}", file.display());
    }
    Ok(recording)
}

//! `foretick demo`: a simulated market with a planted edge, driven through the engine.

mod record;
mod report;
mod run;

use std::path::PathBuf;

use clap::Args;
use foretick::Result;

use super::files::sim_folder;

#[derive(Args)]
pub struct DemoArgs {
    /// Steps of 100 ms to simulate.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    steps: u64,
    /// Seed of the market; the same seed gives the same predictions.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the bundle `sim` with its versions v1 and v2.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Write what the lane took here, and beside it FILE.streams.json, for a consumer of the header to drive.
    ///
    /// FILE is events as they were taken, one after another in 64-byte slots, without a header. FILE.streams.json holds
    /// `streams` (id, name, options), `tracks` in order of opening (slot, streams by role, flags), `published` (slot, the
    /// bundle's folder below models/sim, before which slot of FILE), `events`, `slots`, `step_ms`, `seed`, `engine_version`,
    /// and `predictions`: their count, and a digest to compare. A track was asked after each event that closed a step of
    /// it, as of that event's known_ns, lowest track first. Digest: h = 0xcbf29ce484222325; for each 64-bit word of each
    /// prediction, with stamp, id_epoch, queue_ns, compute_ns, batch and backend bit 128 set to 0: h ^= word,
    /// h *= 0x100000001b3, h ^= h >> 32.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// No running display.
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &DemoArgs, json: bool) -> Result<()> {
    let outcome = run::run(args, &sim_folder(args.models.as_deref()))?;
    report::show(&outcome, json);
    Ok(())
}

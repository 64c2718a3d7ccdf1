//! `foretick soak`: bundles are swapped while lanes predict, and every answer is looked at.

mod market;
mod process;
mod run;

use std::path::PathBuf;

use clap::Args;
use foretick::{Error, Result, Status};
use serde_json::json;

use super::files::sim_folder;

#[derive(Args)]
pub struct SoakArgs {
    /// Publishes, each of two slots as one, v1 and v2 of `sim` in turn.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(10..=100_000_000))]
    swaps: u64,
    /// Lanes that predict meanwhile, a thread each.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    readers: u64,
    /// Seed of the market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the bundle `sim` with its versions v1 and v2.
    #[arg(long)]
    models: Option<PathBuf>,
    /// No running display.
    #[arg(long)]
    quiet: bool,
}

pub fn run(args: &SoakArgs, json: bool) -> Result<()> {
    let outcome = run::run(args, &sim_folder(args.models.as_deref()))?;
    show(&outcome, json)?;
    match outcome.problems() {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Error::problems(Status::Internal, "the soak found", &problems)),
    }
}

fn show(outcome: &run::Outcome, json: bool) -> Result<()> {
    let run::Outcome { swaps, sent, answered, errors, wrong, mixed, taken_over, before, after, elapsed } = outcome;
    if json {
        let of = |usage: &process::Usage| json!({ "resident_kib": usage.resident_kib, "open_files": usage.open_files, "threads": usage.threads });
        return super::write_line(
            &json!({
                "swaps": swaps, "sent": sent, "answered": answered, "errors": errors, "wrong": wrong, "mixed": mixed, "taken_over": taken_over,
                "before": of(before), "after": of(after), "seconds": elapsed.as_secs_f64(),
            })
            .to_string(),
        );
    }
    let flat = |name: &str, of: fn(&process::Usage) -> u64| format!("{name} {} -> {}", of(before), of(after));
    super::write_line(&format!(
        "{swaps} swaps of two slots in {:.1} s, taken over by lanes {taken_over} times\n\
         {sent} predictions asked for = {answered} answered + {errors} errors\n\
         {wrong} answers of another version than their generation's, {mixed} answers from before a swap that the lane had seen\n\
         {}, {}, {}",
        elapsed.as_secs_f64(),
        flat("resident KiB", |usage| usage.resident_kib),
        flat("open files", |usage| usage.open_files),
        flat("threads", |usage| usage.threads),
    ))
}

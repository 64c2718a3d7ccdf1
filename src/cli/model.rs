//! `foretick model`: what is done to a bundle before it is deployed.

mod tune;

use clap::{Args, Subcommand};
use foretick::Result;

#[derive(Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure every backend that runs a bundle's models within their tolerance, and every layout of their trees, and write the fastest into
    /// backend.lock.
    Tune(tune::TuneArgs),
}

pub fn run(args: &ModelArgs, json: bool) -> Result<()> {
    match &args.command {
        Command::Tune(tune) => tune::run(tune, json),
    }
}

//! Arguments, exit codes and the commands.

mod demo;
mod doctor;
mod features;
mod files;
mod inspect;
mod replay;
mod rows;
mod simulate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use foretick::{Error, Status};

/// Market events in, a decision or an abstention with its reasons out.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a bundle or its tracks were refused, 4 input files.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Args {
    /// Answer as JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drive the engine with a simulated market and show what it does.
    Demo(demo::DemoArgs),
    /// Run recorded files through the engine: rows of features, predictions, or both.
    Replay(Box<replay::ReplayArgs>),
    /// Run the market simulator: rows of features, candles, or the true probabilities.
    Simulate(simulate::SimulateArgs),
    /// List the operators that a schema may name, or what a schema expands to.
    Features(features::FeaturesArgs),
    /// Verify a bundle and show what it holds, which backend each member got, and why.
    Inspect(inspect::InspectArgs),
    /// Check this machine, this build and its bundles.
    Doctor(doctor::DoctorArgs),
}

/// Parses the arguments and runs the command.
pub fn run() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Replay(replay) => replay::run(&replay, args.json),
        Command::Simulate(simulate) => simulate::run(&simulate, args.json),
        Command::Features(features) => features::run(&features, args.json),
        Command::Inspect(inspect) => inspect::run(&inspect, args.json),
        Command::Demo(demo) => demo::run(&demo, args.json),
        Command::Doctor(doctor) => doctor::run(&doctor, args.json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, args.json);
            ExitCode::from(exit_code(error.status()))
        }
    }
}

fn report(error: &Error, json: bool) {
    if json {
        println!("{}", serde_json::json!({ "error": error.status().name(), "text": error.text() }));
    }
    eprintln!("foretick: {error}");
}

fn exit_code(status: Status) -> u8 {
    match status as i32 {
        1 => 2,
        10 | 13 | 200..400 => 4,
        400..600 => 3,
        600..700 => 4,
        _ => 1,
    }
}

/// A line of standard output; a reader that went away (`| head`) ends the command quietly.
fn print_line(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

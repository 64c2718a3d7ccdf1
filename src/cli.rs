//! Arguments, exit codes and the commands.

mod bench;
mod demo;
mod doctor;
mod features;
mod files;
mod inspect;
mod meter;
mod model;
mod replay;
mod rows;
mod score;
mod simulate;
mod soak;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};
use foretick::{Error, Status};

/// Market events in, a decision or an abstention with its reasons out.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a bundle, its tracks or a model were refused, 4 input files.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Args {
    /// Answer as JSON on standard output (on standard error where predictions or scores are there).
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
    /// Run any graph on any rows, without a bundle: scores, the backend and why, and how long a row takes.
    Score(Box<score::ScoreArgs>),
    /// Verify a bundle and show what it holds, which backend each member got, and why.
    Inspect(inspect::InspectArgs),
    /// Prepare a bundle for the machine that will serve it.
    Model(model::ModelArgs),
    /// Swap bundles while lanes predict, and look at every answer.
    Soak(soak::SoakArgs),
    /// Time foretick's parts and models on this machine.
    Bench(bench::BenchArgs),
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
        Command::Score(score) => score::run(&score, args.json),
        Command::Inspect(inspect) => inspect::run(&inspect, args.json),
        Command::Model(model) => model::run(&model, args.json),
        Command::Demo(demo) => demo::run(&demo, args.json),
        Command::Soak(soak) => soak::run(&soak, args.json),
        Command::Bench(bench) => bench::run(&bench, args.json),
        Command::Doctor(doctor) => doctor::run(&doctor, args.json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failed(&error, args.json) as u8),
    }
}

fn exit_code(status: Status) -> i32 {
    match status as i32 {
        1 => 2,
        8 | 10 | 13 | 200..400 => 4,
        400..600 => 3,
        600..700 => 4,
        _ => 1,
    }
}

/// Somebody who read standard output has gone away (`| head`): the command ends quietly.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// A line of standard output.
fn write_line(line: &str) -> Result<(), Error> {
    write_text(&format!("{line}\n"))
}

/// Whole lines of standard output.
fn write_text(lines: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        READER_GONE.store(error.kind() == std::io::ErrorKind::BrokenPipe, Ordering::Relaxed);
        files::io_error("standard output".as_ref(), &error)
    })
}

/// A line of standard output for commands that have nothing to clean up.
fn print_line(line: &str) {
    if let Err(error) = write_line(line) {
        std::process::exit(failed(&error, false));
    }
}

/// Tells of a failure on standard error; the exit code.
fn failed(error: &Error, json: bool) -> i32 {
    if READER_GONE.load(Ordering::Relaxed) {
        return 0;
    }
    if json {
        // The error below is told on standard error as well.
        let _ = write_line(&serde_json::json!({ "error": error.status().name(), "text": error.text() }).to_string());
    }
    eprintln!("foretick: {error}");
    exit_code(error.status())
}

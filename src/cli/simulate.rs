//! `foretick simulate`: the simulated market as rows of features, candles, and the truth behind it.

mod candles;
mod rows;
mod truth;

use std::path::PathBuf;
use std::time::Instant;

use clap::{ArgGroup, Args};
use foretick::ingest::gate;
use foretick::source::simulator::{START_NS, STEP_NS, Simulator, Truth};
use foretick::types::Slot;
use foretick::types::event::EventHead;
use foretick::{Error, Result, Status};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;

use super::replay::summary::{self, Figures};

#[derive(Args)]
#[command(group = ArgGroup::new("what").args(["rows", "candles", "truth"]).required(true).multiple(true))]
pub struct SimulateArgs {
    /// How many steps of 100 ms.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub steps: u64,
    /// The same seed and start give the same market.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// When the market starts; without it 2024-01-01T00:00:00Z, as in `demo`.
    #[arg(long, value_name = "TIME")]
    pub start: Option<Timestamp>,
    /// Write a CSV of every step's features: the streams sim_a:*, with sim_b of the same pair as leader.
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// Features of the rows: baseline25, a schema file, or a bundle's manifest with its stats beside it.
    #[arg(long, default_value = "baseline25")]
    pub schema: PathBuf,
    /// Rows as models see them, scaled, instead of the unscaled values.
    #[arg(long, requires = "rows")]
    pub scaled: bool,
    /// Write the trades of one stream as candles, in the format of recorded ones.
    #[arg(long, value_name = "FILE", requires_all = ["interval_ms", "pair"])]
    pub candles: Option<PathBuf>,
    /// Length of a candle.
    #[arg(long, value_name = "N", requires = "candles", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    pub interval_ms: Option<u64>,
    /// Stream of the candles, such as sim_a:BTCUSD.
    #[arg(long, value_name = "NAME", requires = "candles")]
    pub pair: Option<String>,
    /// Write a CSV of what is true at each close: time_ns, stream, up_probability.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

/// What takes the market, step by step.
trait Sink {
    /// An event of a stream, by number.
    fn event(&mut self, stream: usize, event: &[Slot]) -> Result<()>;
    /// The step has closed.
    fn close(&mut self, truth: &Truth) -> Result<()>;
    /// The market has ended; completes the file.
    fn finish(self: Box<Self>, end_ns: i64) -> Result<Figures>;
}

pub fn run(args: &SimulateArgs, json: bool) -> Result<()> {
    let mut market = Simulator::with_start(args.seed, start_ns(args)?);
    let mut sinks = open_sinks(args, &market)?;
    let began = Instant::now();
    let (events, end_ns) = drive(args, &mut market, &mut sinks)?;
    let seconds = began.elapsed().as_secs_f64();
    let mut figures = vec![
        ("seed", json!(args.seed)),
        ("simulated_steps", json!(args.steps)),
        ("events", json!(events)),
        ("seconds", json!((seconds * 1e3).round() / 1e3)),
        ("steps_per_second", json!((args.steps as f64 / seconds.max(1e-9)).round())),
    ];
    for sink in sinks {
        figures.extend(sink.finish(end_ns)?);
    }
    summary::show(figures, json, false);
    Ok(())
}

fn start_ns(args: &SimulateArgs) -> Result<i64> {
    let Some(start) = args.start else { return Ok(START_NS) };
    let ns = i64::try_from(start.as_nanosecond()).ok().filter(|ns| (0..1 << 61).contains(ns) && ns % STEP_NS == 0);
    ns.ok_or_else(|| Error::new(Status::InvalidArgument, format!("--start {start}: a multiple of 100 ms from 1970 to 2043")))
}

fn open_sinks(args: &SimulateArgs, market: &Simulator) -> Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &args.rows {
        sinks.push(Box::new(rows::open(path, &args.schema, args.scaled, market)?));
    }
    if let (Some(path), Some(interval_ms), Some(pair)) = (&args.candles, args.interval_ms, &args.pair) {
        sinks.push(Box::new(candles::CandleFile::create(path, interval_ms as i64, pair, market)?));
    }
    if let Some(path) = &args.truth {
        sinks.push(Box::new(truth::TruthFile::create(path, market)?));
    }
    Ok(sinks)
}

/// Runs all steps; answers the number of events and the last close.
fn drive(args: &SimulateArgs, market: &mut Simulator, sinks: &mut [Box<dyn Sink>]) -> Result<(u64, i64)> {
    let bar = progress_bar(args);
    let (mut slots, mut events, mut end_ns) = (Vec::new(), 0, 0);
    for step in 0..args.steps {
        slots.clear();
        let truth = market.step(&mut slots);
        for (head, event) in split(&slots) {
            events += 1;
            // Ids are index + 1 until somebody sets others.
            let stream = head.stream as usize - 1;
            sinks.iter_mut().try_for_each(|sink| sink.event(stream, event))?;
        }
        sinks.iter_mut().try_for_each(|sink| sink.close(&truth))?;
        end_ns = truth.close_ns;
        if step.is_multiple_of(4_096) {
            bar.set_position(step);
        }
    }
    bar.finish_and_clear();
    Ok((events, end_ns))
}

/// Head and slots of every event of a step.
fn split(slots: &[Slot]) -> impl Iterator<Item = (EventHead, &[Slot])> {
    let mut left = slots;
    std::iter::from_fn(move || {
        let head = gate::head(left)?;
        let (event, rest) = left.split_at_checked(usize::from(head.slots).max(1))?;
        left = rest;
        Some((head, event))
    })
}

fn progress_bar(args: &SimulateArgs) -> ProgressBar {
    if args.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(args.steps);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} steps  {elapsed}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

//! `foretick doctor`: what this machine offers, and whether the engine works here.

use std::path::Path;

use clap::Args;
use foretick::engine::Engine;
use foretick::features::spec::Schema;
use foretick::source::simulator::Simulator;
use foretick::{Error, Result, Status};
use serde_json::{Value, json};

use super::files::{locate_bundle, open_bundle};
use super::print_line;

#[derive(Args)]
pub struct DoctorArgs {
    /// Bundles to verify; without it those in `models`.
    bundles: Vec<std::path::PathBuf>,
}

/// How a check ended.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Ok,
    Note,
    Bad,
}

struct Check {
    name: String,
    verdict: Verdict,
    text: String,
}

pub fn run(args: &DoctorArgs, json: bool) -> Result<()> {
    let mut checks = vec![cpu(), cores(), clock(), features(), engine(), runtime(), data()];
    checks.extend(bundles(args));
    match json {
        true => print_line(&json!(checks.iter().map(Check::json).collect::<Vec<Value>>()).to_string()),
        false => checks.iter().for_each(|check| print_line(&format!("{:<5} {:<14} {}", check.verdict.name(), check.name, check.text))),
    }
    match checks.iter().filter(|check| check.verdict == Verdict::Bad).count() {
        0 => Ok(()),
        bad => Err(Error::new(Status::WrongState, format!("{bad} of {} checks failed", checks.len()))),
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Bad => "BAD",
        }
    }
}

impl Check {
    fn new(name: &str, verdict: Verdict, text: impl Into<String>) -> Check {
        Check { name: name.to_owned(), verdict, text: text.into() }
    }

    fn of(name: &str, done: Result<String>) -> Check {
        match done {
            Ok(text) => Check::new(name, Verdict::Ok, text),
            Err(error) => Check::new(name, Verdict::Bad, error.to_string()),
        }
    }

    fn json(&self) -> Value {
        json!({ "check": self.name, "verdict": self.verdict.name(), "text": self.text })
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu() -> Check {
    let has = [("avx2", is_x86_feature_detected!("avx2")), ("fma", is_x86_feature_detected!("fma")), ("avx512f", is_x86_feature_detected!("avx512f"))];
    let found: Vec<&str> = has.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let verdict = if has[0].1 && has[1].1 { Verdict::Ok } else { Verdict::Note };
    Check::new("cpu", verdict, format!("x86-64 with {}", if found.is_empty() { "neither AVX2 nor FMA: right, but slow".to_owned() } else { found.join(", ") }))
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu() -> Check {
    Check::new("cpu", Verdict::Note, format!("{}: the portable path", std::env::consts::ARCH))
}

fn cores() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let verdict = if cores > 1 { Verdict::Ok } else { Verdict::Note };
    Check::new("cores", verdict, format!("{cores}; the lane's thread wants one of its own"))
}

/// The median gap between two readings: what `predict` pays twice.
fn clock() -> Check {
    let mut gaps: Vec<u64> =
        (0..1_001).map(|_| std::time::Instant::now()).collect::<Vec<_>>().windows(2).map(|pair| (pair[1] - pair[0]).as_nanos() as u64).collect();
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2];
    let verdict = if median < 100 { Verdict::Ok } else { Verdict::Note };
    Check::new("clock", verdict, format!("{median} ns a reading{}", if median < 100 { "" } else { ": slow; a tsc clock source gives 20 to 40" }))
}

fn features() -> Check {
    let sampler = foretick::window::sampler::SamplerSpec {
        sampling: foretick::window::sampler::Sampling::Bar,
        interval_ns: 60_000_000_000,
        price: foretick::window::sampler::Price::Trade,
        reset_after: None,
        max_book_age_ns: None,
    };
    Check::of("features", Schema::baseline25(sampler).map(|schema| format!("{} baseline features, ready from step {}", schema.width(), schema.ready())))
}

/// Runs simulated events through a lane without tracks: gate, streams, counters.
fn engine() -> Check {
    let work = || {
        let engine = Engine::open_text("")?;
        let mut simulator = Simulator::new(1);
        let ids = simulator.streams().iter().map(|stream| engine.add_stream(stream.name, "")).collect::<Result<Vec<u32>>>()?;
        simulator.set_streams(&ids)?;
        let (mut lane, mut events) = (engine.open_lane("")?, Vec::new());
        for _ in 0..100 {
            simulator.step(&mut events);
        }
        let flow = lane.push(&events).map_err(Error::from)?;
        Ok(format!("{} slots of simulated events passed the gate", flow.taken))
    };
    Check::of("engine", work())
}

/// What becomes of other graphs where ONNX Runtime is not there.
const REST: &str = if cfg!(feature = "rten") { "run on rten where it has their operators" } else { "are refused" };

/// Bundles whose graphs have native kernels do without.
#[cfg(feature = "ort")]
fn runtime() -> Check {
    match foretick::model::ort::runtime(None) {
        Ok(runtime) => Check::new("onnx runtime", Verdict::Ok, format!("{} ({})", runtime.path.display(), runtime.build)),
        Err(error) => Check::new("onnx runtime", Verdict::Note, format!("{error}; graphs without a native kernel {REST}")),
    }
}

#[cfg(not(feature = "ort"))]
fn runtime() -> Check {
    Check::new("onnx runtime", Verdict::Note, format!("not in this build (feature ort): graphs without a native kernel {REST}"))
}

fn data() -> Check {
    match std::env::var_os("FORETICK_DATA") {
        Some(folder) if Path::new(&folder).join("MANIFEST.csv").is_file() => Check::new("recorded data", Verdict::Ok, "FORETICK_DATA is set"),
        Some(_) => Check::new("recorded data", Verdict::Note, "FORETICK_DATA names a folder without MANIFEST.csv"),
        None => Check::new("recorded data", Verdict::Note, "FORETICK_DATA is not set: tests on recorded data are skipped"),
    }
}

fn bundles(args: &DoctorArgs) -> Vec<Check> {
    let found = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path())).collect::<Vec<_>>();
    let mut folders = if args.bundles.is_empty() { found(Path::new("models")) } else { args.bundles.clone() };
    folders.retain(|folder| !args.bundles.is_empty() || locate_bundle(folder).is_ok());
    folders.sort();
    let open = |folder: &Path| {
        let bundle = open_bundle(folder)?;
        Ok(format!("{} verified: {} members, {} golden rows", bundle.manifest.title(), bundle.members.len(), bundle.manifest.golden.1))
    };
    folders.iter().map(|folder| Check::of("bundle", open(folder))).collect()
}

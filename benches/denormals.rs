//! What denormal inputs cost: the median and the 99th percentile of a run on them over those of a run on ordinary rows, for every
//! fixture that a backend takes. A ratio far above 1 is a cliff in latency at features near zero. Both kinds of rows take turns, so
//! that what else the machine does meets both.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foretick::config::Backends;
use foretick::model::backend::Instance;
use foretick::model::choice::{Request, choose};
use foretick::model::manifest::BackendChoice;
use foretick::model::watchdog::{Patrol, RunLimit};

/// Runs that are timed together: one of the smallest costs less than reading the clock.
const TOGETHER: u32 = 8;
/// A prime, so that rows do not repeat in step with anything.
const ROWS: usize = 61;

fn main() {
    // Without `cargo bench` every model runs a few times, so that the bench itself is tried.
    let samples = if std::env::args().any(|argument| argument == "--bench") { 1_000 } else { 3 };
    let patrol = Patrol::start().unwrap();
    let limit = patrol.limit(Duration::from_secs(5));
    println!("{:36} {:8} {:>10} {:>9} {:>6} {:>10} {:>9} {:>6}", "graph", "backend", "median ns", "denormal", "ratio", "p99 ns", "denormal", "ratio");
    for path in graphs() {
        for (name, asked) in [("native", BackendChoice::Native), ("ort", BackendChoice::Ort)] {
            let Some((mut instance, width, outputs)) = instance(&path, asked, &limit) else { continue };
            let mut out = vec![0.0; outputs];
            let rows = [ordinary, denormal].map(|value| rows(width, value));
            let [usual, denormal] = times_ns(&mut *instance, &rows, &mut out, samples);
            print!("{:36} {name:8}", path.file_stem().unwrap().to_string_lossy());
            for at in [samples / 2, samples * 99 / 100] {
                print!(" {:10.0} {:9.0} {:6.2}", usual[at], denormal[at], denormal[at] / usual[at]);
            }
            println!();
        }
    }
}

fn graphs() -> Vec<PathBuf> {
    let folders = ["models/fixtures", "models/fixtures/nets"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut graphs: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect();
    graphs.sort();
    graphs
}

/// A working copy with its input and output widths; `None` when the backend does not take the graph.
fn instance(path: &Path, asked: BackendChoice, limit: &RunLimit) -> Option<(Box<dyn Instance>, usize, usize)> {
    let bytes = std::fs::read(path).unwrap();
    let request = Request { bytes: &bytes, shapes: &[shape(path)?], asked: asked.into() };
    let backend = choose(&request, &Backends::default(), limit).ok()?.backend;
    let (width, outputs) = (backend.input_width(), backend.output_width());
    Some((backend.instance(limit).ok()?, width, outputs))
}

/// From the fixture's table, whose last input is called x3, or x11_1 for a window.
fn shape(path: &Path) -> Option<Vec<usize>> {
    let name = path.file_name()?.to_str()?.split('.').next()?;
    let table = std::fs::read_to_string(path.with_file_name(format!("{name}.csv"))).ok()?;
    let last = table.lines().next()?.split(',').rfind(|column| column.starts_with('x'))?;
    let dims = last[1..].split('_').map(|at| Some(at.parse::<usize>().ok()? + 1));
    std::iter::once(Some(1)).chain(dims).collect()
}

fn ordinary(at: usize) -> f32 {
    (at * 7 % 13) as f32 / 6.0 - 1.0
}

fn denormal(at: usize) -> f32 {
    ordinary(at) * 1e-39
}

fn rows(width: usize, value: fn(usize) -> f32) -> Vec<Vec<f32>> {
    (0..ROWS).map(|row| (0..width).map(|column| value(row * 3 + column)).collect()).collect()
}

/// Times of one run, ascending, for each kind of rows.
fn times_ns(instance: &mut dyn Instance, rows: &[Vec<Vec<f32>>; 2], out: &mut [f32], samples: usize) -> [Vec<f64>; 2] {
    let mut next = [rows[0].iter().cycle(), rows[1].iter().cycle()];
    let mut times = [Vec::new(), Vec::new()];
    // The first tenth warms caches and is left out.
    for sample in 0..samples + samples / 10 {
        for (next, times) in next.iter_mut().zip(&mut times) {
            let began = Instant::now();
            for row in next.by_ref().take(TOGETHER as usize) {
                instance.run(black_box(row), out).unwrap();
            }
            if sample >= samples / 10 {
                times.push(began.elapsed().as_nanos() as f64 / f64::from(TOGETHER));
            }
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

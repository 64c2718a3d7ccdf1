//! Every model of `models/fixtures` on a foreign backend, beside what its training library gave.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use foretick::config::Backends;
use foretick::model::backend::Backend;
use foretick::model::choice::{Request, choose};
use foretick::model::manifest::BackendChoice;
use foretick::model::watchdog::Patrol;
use foretick::{Error, Status};

/// |ours - theirs| <= ABS + REL |theirs|, as for native kernels.
const ABS: f64 = 3e-6;
const REL: f64 = 2e-5;

/// What became of the fixtures, by name.
#[derive(Debug, Default)]
pub struct Report {
    /// Within the tolerance on every row.
    pub right: Vec<String>,
    /// With the number of rows that are not.
    pub wrong: Vec<(String, usize)>,
    /// The backend does not take them.
    pub refused: Vec<(String, Error)>,
}

/// Rows on thresholds and their float32 neighbours, denormals, extremes and missing values.
pub fn run(asked: BackendChoice) -> Report {
    let (patrol, mut report) = (Patrol::start().unwrap(), Report::default());
    for path in graphs() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let table = std::fs::read_to_string(path.with_file_name(format!("{}.csv", name.split('.').next().unwrap()))).unwrap_or_default();
        let Some(header) = table.lines().next().filter(|_| !name.starts_with("refused_")) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let limit = patrol.limit(Duration::from_secs(5));
        let request = Request { bytes: &bytes, shapes: &[shape(header)], asked: asked.into() };
        let backend = match choose(&request, &Backends::default(), &limit) {
            Ok(chosen) => chosen.backend,
            Err(error) => {
                report.refused.push((name, error));
                continue;
            }
        };
        let (mut instance, mut out) = (backend.clone().instance(&limit).unwrap(), vec![0.0; backend.output_width()]);
        let rows = table.lines().skip(1).filter(|line| {
            let (inputs, outputs) = columns(header);
            let cells: Vec<&str> = line.split(',').collect();
            let row: Vec<f32> = cells[..inputs.len()].iter().map(|cell| cell.parse().unwrap()).collect();
            let ran = instance.run(&row, &mut out);
            if row.iter().any(|value| value.is_nan()) && !backend.accepts_missing() {
                assert_eq!(ran.unwrap_err().status(), Status::NotFinite, "{name}");
                return false;
            }
            ran.unwrap_or_else(|error| panic!("{name}: {error}"));
            let places = outputs.iter().map(|output| place(&*backend, output));
            places.zip(&cells[inputs.len()..]).any(|(place, theirs)| {
                let theirs: f64 = theirs.parse().unwrap();
                let error = (f64::from(out[place]) - theirs).abs();
                error.is_nan() || error > ABS + REL * theirs.abs()
            })
        });
        match rows.count() {
            0 => report.right.push(name),
            misses => report.wrong.push((name, misses)),
        }
    }
    report
}

fn graphs() -> Vec<PathBuf> {
    let folders = ["models/fixtures", "models/fixtures/nets"].map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut graphs: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ext| ext == "onnx")).collect();
    graphs.sort();
    assert!(graphs.len() > 90, "fixtures are missing");
    graphs
}

/// Names of the columns that a row has, and of those that its library gave.
fn columns(header: &str) -> (Vec<&str>, Vec<&str>) {
    header.split(',').partition(|name| name.starts_with('x'))
}

/// The last input names its place.
fn shape(header: &str) -> Vec<usize> {
    let (inputs, _) = columns(header);
    let last = inputs.last().unwrap()[1..].split('_').map(|at| at.parse::<usize>().unwrap() + 1);
    std::iter::once(1).chain(last).collect()
}

/// Where `tensor[column]` stands.
fn place(backend: &dyn Backend, name: &str) -> usize {
    let (tensor, column) = name.trim_end_matches(']').split_once('[').unwrap();
    let before: usize = backend.outputs().iter().take_while(|port| port.name != tensor).map(|port| port.width()).sum();
    before + column.parse::<usize>().unwrap()
}

//! A model, loaded, and its run over all rows.

use std::path::Path;
use std::time::{Duration, Instant};

use foretick::config::Backends;
use foretick::model::backend::{Instance, Port};
use foretick::model::choice::{Chosen, Request, choose, choose_step};
use foretick::model::manifest::BackendChoice;
use foretick::model::watchdog::{PATIENT_LIMIT, Patrol};
use foretick::{Error, Result, Status};
use indicatif::ProgressBar;

use super::ScoreArgs;
use super::feed::Source;
use crate::cli::meter::{Meter, Quantiles};

/// A model that is ready to run.
pub struct Session {
    /// What runs it, and why.
    pub chosen: Chosen,
    instance: Box<dyn Instance>,
    /// How long it took to load.
    pub load: Duration,
    /// Ends runs that take too long, as long as it lives.
    _patrol: Patrol,
}

impl Session {
    /// Loads a graph for these inputs.
    pub fn open(bytes: &[u8], args: &ScoreArgs, sources: &[Source]) -> Result<Session> {
        let patrol = Patrol::start()?;
        let began = Instant::now();
        let allowed = Backends { ort_library: args.ort_library.clone(), ..Backends::default() };
        let within = |error: Error| error.within(&args.model.display().to_string());
        let chosen = match native_step(bytes, args, sources, &allowed) {
            Some(chosen) => chosen.map_err(within)?,
            None => {
                let shapes: Vec<Vec<usize>> = sources.iter().map(|source| source.dims.clone()).collect();
                let request = Request { bytes, shapes: &shapes, asked: args.backend.choice().into() };
                choose(&request, &allowed, &patrol.limit(PATIENT_LIMIT)).map_err(within)?
            }
        };
        let most = args.deadline_us.map_or(PATIENT_LIMIT, Duration::from_micros);
        let instance = chosen.backend.clone().instance(&patrol.limit(most)).map_err(within)?;
        Ok(Session { chosen, instance, load: began.elapsed(), _patrol: patrol })
    }
}

/// A native kernel for what `--carry` names, where one reads every input as it is fed and nobody asked for another backend.
fn native_step(bytes: &[u8], args: &ScoreArgs, sources: &[Source], allowed: &Backends) -> Option<Result<Chosen>> {
    let named = |source: &Source| source.carried.clone().map(|output| (output, source.input.clone()));
    let carry: Vec<(String, String)> = sources.iter().filter_map(named).collect();
    let row = sources.iter().find(|source| source.carried.is_none()).filter(|_| !carry.is_empty())?;
    let fed = |port: &Port| sources.iter().any(|source| source.input == port.name && source.dims.iter().product::<usize>() == port.width());
    match (args.backend.choice(), choose_step(bytes, *row.dims.last()?, &carry, allowed)) {
        (BackendChoice::Native, Err(error)) => Some(Err(error)),
        (BackendChoice::Default | BackendChoice::Native, Ok(chosen)) => chosen.backend.inputs().iter().all(fed).then_some(Ok(chosen)),
        _ => None,
    }
}

/// Where an output is carried to.
struct Carry {
    from: std::ops::Range<usize>,
    to: std::ops::Range<usize>,
}

/// Where each input of the model stands among its values, and where they come from.
pub struct Wiring<'s> {
    sources: Vec<(&'s Source, std::ops::Range<usize>)>,
    carries: Vec<Carry>,
}

impl<'s> Wiring<'s> {
    /// Connects files and carried outputs with the model's ports, whose sizes must agree.
    pub fn new(chosen: &Chosen, sources: &'s [Source]) -> Result<Wiring<'s>> {
        let (inputs, outputs) = (places(chosen.backend.inputs()), places(chosen.backend.outputs()));
        let mut wiring = Wiring { sources: Vec::new(), carries: Vec::new() };
        for (port, to) in inputs {
            let source = sources.iter().find(|source| source.input == port.name);
            let source = source.ok_or_else(|| Error::new(Status::Contract, format!("the backend reads {}, which is no input of the graph", port.name)))?;
            let given: usize = source.dims.iter().product();
            if given != to.len() {
                let file = source.feed.as_ref().map_or(String::new(), |feed| format!("{}: ", feed.path.display()));
                let text = format!("{file}a row has {given} values, input {} reads {} {:?}", port.name, to.len(), port.dims);
                return Err(Error::new(Status::Shape, text));
            }
            if let Some(output) = &source.carried {
                wiring.carries.push(Carry { from: find(&outputs, output, &to, &port.name)?, to: to.clone() });
            }
            wiring.sources.push((source, to));
        }
        Ok(wiring)
    }

    /// The first value of the files that the model cannot read.
    pub fn check(&self, takes_missing: bool) -> Result<()> {
        let refused = self.sources.iter().find_map(|(source, _)| source.feed.as_ref()?.refuses(takes_missing));
        refused.map_or(Ok(()), |text| Err(Error::new(Status::NotFinite, text)))
    }

    /// Writes a row of every file; files of carried inputs hold the first state only.
    fn fill(&self, row: usize, input: &mut [f32]) {
        for (source, to) in &self.sources {
            match &source.feed {
                Some(feed) if source.carried.is_none() || row == 0 => input[to.clone()].copy_from_slice(feed.row(row)),
                _ => {}
            }
        }
    }
}

fn places(ports: &[Port]) -> Vec<(&Port, std::ops::Range<usize>)> {
    let mut start = 0;
    let place = |port: &Port| {
        start += port.width();
        start - port.width()..start
    };
    let ranges: Vec<_> = ports.iter().map(place).collect();
    ports.iter().zip(ranges).collect()
}

fn find(outputs: &[(&Port, std::ops::Range<usize>)], name: &str, to: &std::ops::Range<usize>, input: &str) -> Result<std::ops::Range<usize>> {
    let wrong = |text: String| Error::new(Status::InvalidArgument, format!("--carry {name}={input}: {text}"));
    let Some((port, from)) = outputs.iter().find(|(port, _)| port.name == name) else {
        let names: Vec<&str> = outputs.iter().map(|(port, _)| port.name.as_str()).collect();
        return Err(wrong(format!("the graph has no float output {name}; it has {}", names.join(", "))));
    };
    match from.len() == to.len() {
        true => Ok(from.clone()),
        false => Err(wrong(format!("the output has {} values {:?}, the input {}", from.len(), port.dims, to.len()))),
    }
}

/// What all rows gave.
pub struct Scores {
    /// Every float output of every row.
    pub values: Vec<f32>,
    /// Rows.
    pub rows: usize,
    /// Rows with an output that is not finite.
    pub not_finite: u64,
    /// How long a row took.
    pub quantiles: Quantiles,
    /// How long all took.
    pub elapsed: Duration,
}

/// Runs all rows, one by one.
pub fn run(session: &mut Session, wiring: &Wiring<'_>, rows: usize, args: &ScoreArgs, bar: &ProgressBar) -> Result<Scores> {
    let backend = &session.chosen.backend;
    let (mut input, mut out) = (vec![0.0; backend.input_width()], vec![0.0; backend.output_width()]);
    let mut meter = Meter::new().ok_or_else(|| Error::new(Status::Internal, "no histogram"))?;
    let (mut values, mut not_finite) = (Vec::with_capacity(rows * out.len()), 0);
    let began = Instant::now();
    for row in 0..rows {
        wiring.fill(row, &mut input);
        let start = Instant::now();
        session.instance.run(&input, &mut out).map_err(|error| error.within(&format!("row {row}")))?;
        meter.record(start);
        if let Some(at) = out.iter().position(|value| !value.is_finite()) {
            not_finite += 1;
            if !args.allow_nan {
                return Err(no_number(backend.outputs(), row, at, out[at], &args.model));
            }
        }
        wiring.carries.iter().for_each(|carry| input[carry.to.clone()].copy_from_slice(&out[carry.from.clone()]));
        values.extend_from_slice(&out);
        bar.inc(1);
    }
    Ok(Scores { values, rows, not_finite, quantiles: meter.quantiles(), elapsed: began.elapsed() })
}

fn no_number(outputs: &[Port], row: usize, at: usize, value: f32, model: &Path) -> Error {
    let name = columns(outputs).swap_remove(at);
    Error::new(Status::ModelOutput, format!("{}: row {row} gives {value} as {name}; --allow-nan writes it all the same", model.display()))
}

/// A name for every value: `probabilities[1]`.
pub fn columns(outputs: &[Port]) -> Vec<String> {
    outputs.iter().flat_map(|port| (0..port.width()).map(move |at| format!("{}[{at}]", port.name))).collect()
}

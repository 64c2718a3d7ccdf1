//! `foretick model tune`: the backends of a bundle's members and the ways down their trees side by side, and `backend.lock`.

mod race;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use foretick::config::Backends;
use foretick::model::bundle::{Bundle, Choices};
use foretick::model::choice::Choice;
use foretick::model::lock;
use foretick::model::manifest::BackendChoice;
use foretick::model::native::Descent;
use foretick::model::watchdog::{PATIENT_LIMIT, Patrol};
use foretick::types::prediction::backend;
use foretick::{Error, Result, Status};

use crate::cli::bench::{measure, processor};
use crate::cli::files::{Output, locate_bundle};
use crate::cli::{print_line, write_text};
use race::{Lap, Runner};

#[derive(Args)]
pub struct TuneArgs {
    /// A bundle's folder, or a name's folder (its highest version).
    bundle: PathBuf,
    /// Print what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Calls of each backend of each member.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Core that calls are timed on; by default the last one.
    #[arg(long, value_name = "N")]
    core: Option<u32>,
    /// ONNX Runtime's library.
    #[arg(long, value_name = "FILE")]
    ort_library: Option<PathBuf>,
}

/// A member's backends in the fixed order, then the ways down its trees that the rule does not choose.
struct Tuned {
    member: String,
    /// Backend by the fixed choice.
    fixed: &'static str,
    /// The one that `backend.lock` names; `None` where the manifest leaves no choice.
    chosen: Option<&'static str>,
    entries: Vec<(&'static str, Result<Lap>)>,
}

/// All that was found.
struct Report {
    title: String,
    digest: String,
    measured_on: String,
    members: Vec<Tuned>,
}

pub fn run(args: &TuneArgs, json: bool) -> Result<()> {
    let folder = locate_bundle(&args.bundle)?;
    let bench = Bench::open(args, &folder)?;
    let report = bench.report()?;
    let path = folder.join(lock::FILE);
    let written = (!args.dry_run).then_some(path.as_path());
    if let Some(path) = written {
        let mut file = Output::create(path)?;
        file.write(&report.lock())?;
        file.finish()?;
    }
    if json {
        print_line(&report.json(written).to_string());
        return Ok(());
    }
    write_text(&report.text(written))
}

/// The bundle by its fixed choice, with what other choices are opened by.
struct Bench<'a> {
    folder: &'a Path,
    allowed: Backends,
    patrol: Patrol,
    bundle: Bundle,
    core: u32,
    calls: u32,
}

impl Bench<'_> {
    fn open<'a>(args: &TuneArgs, folder: &'a Path) -> Result<Bench<'a>> {
        let allowed = Backends { ort_library: args.ort_library.clone(), ..Backends::default() };
        let patrol = Patrol::start()?;
        let bundle = Bundle::open_choosing(folder, &allowed, &patrol.limit(PATIENT_LIMIT), Choices::Given(&[]))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as u32;
        Ok(Bench { folder, allowed, patrol, bundle, core: args.core.unwrap_or(cores - 1), calls: args.calls })
    }

    fn report(&self) -> Result<Report> {
        let members = (0..self.bundle.members.len()).map(|number| self.tune(number)).collect::<Result<_>>()?;
        Ok(Report {
            title: self.bundle.manifest.title(),
            digest: foretick::model::manifest::hex(&self.bundle.digest),
            measured_on: format!("{}, {}", processor(), foretick::model::native::Level::best().name()),
            members,
        })
    }

    fn tune(&self, number: usize) -> Result<Tuned> {
        let member = &self.bundle.members[number];
        let (name, fixed) = (member.spec.name.clone(), backend::name(member.backend.bits()));
        // Native kernels alone carry a state.
        if member.spec.backend != BackendChoice::Default || member.is_stateful() {
            return Ok(Tuned { member: name, fixed, chosen: None, entries: Vec::new() });
        }
        let limit = self.patrol.limit(PATIENT_LIMIT);
        let inputs = self.bundle.golden_inputs(number, &limit)?;
        let (mut runners, mut refused) = (Vec::new(), Vec::new());
        for choice in backends().chain(other_descents(member.backend.descent())) {
            let given = [(name.clone(), choice)];
            // The whole bundle is verified by this choice: a backend that misses a golden row does not start.
            let opened = Bundle::open_choosing(self.folder, &self.allowed, &limit, Choices::Given(&given));
            match opened.and_then(|bundle| Runner::new(choice.name(), &bundle.members[number].backend, &limit)) {
                Ok(runner) => runners.push(runner),
                // Not every way fits every shape.
                Err(error) if choice.descent.is_some() && error.status() == Status::Operator => {}
                Err(error) => refused.push((choice.name(), Err(error))),
            }
        }
        let laps = measure::pinned(self.core, || race::run(&mut runners, &inputs, self.calls))?;
        let chosen = race::fastest(&laps, fixed).ok_or_else(|| Error::new(Status::Backend, format!("model {name}: no backend ran")))?;
        let mut entries: Vec<_> = laps.into_iter().map(|(backend, lap)| (backend, Ok(lap))).chain(refused).collect();
        entries.sort_by_key(|(name, _)| Choice::NAMED.iter().position(|(known, _)| known == name));
        Ok(Tuned { member: name, fixed, chosen: Some(chosen), entries })
    }
}

/// The backends, each by its own rules.
fn backends() -> impl Iterator<Item = Choice> {
    Choice::NAMED.into_iter().map(|(_, choice)| choice).filter(|choice| choice.descent.is_none())
}

/// The ways down the trees of a native kernel that has chosen this one.
fn other_descents(fixed: Option<Descent>) -> impl Iterator<Item = Choice> {
    Descent::ALL.into_iter().filter(move |descent| fixed.is_some_and(|fixed| fixed != *descent)).map(Choice::descending)
}

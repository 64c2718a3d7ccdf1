//! A run: the machine first, then every case under every condition.

use foretick::model::native;
use foretick::{Error, Result, Status};
use indicatif::{ProgressBar, ProgressStyle};

use super::BenchArgs;
use super::bundle::Folder;
use super::cases::{CASES, Case, Ready};
use super::condition::Condition;
use super::floor::Floor;
use super::measure::{Loop, PARTS, empty_loop};
use super::models::Models;
use super::report::{Line, Machine, Report, Run};

pub fn run(args: &BenchArgs) -> Result<Report> {
    let cases: Vec<&Case> = CASES.iter().filter(|case| args.only.is_empty() || args.only.iter().any(|name| name == case.name)).collect();
    let bar = progress(args.quiet, cases.len());
    bar.set_message("rows and models");
    let models = Models::make(&args.models, |name| cases.iter().any(|case| case.models.contains(&name)))?;
    let (machine, folder) = (machine(args)?, Folder::create()?);
    let session = Session { machine: &machine, models: &models, folder: &folder, quick: args.quick, bar: &bar };
    let lines = cases.into_iter().map(|case| session.line(case)).collect::<Result<_>>()?;
    bar.finish_and_clear();
    Ok(Report { machine, lines, quick: args.quick })
}

fn progress(quiet: bool, cases: usize) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64 * Condition::ALL.len() as u64 * PARTS);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed}, {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn machine(args: &BenchArgs) -> Result<Machine> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let core = args.core.unwrap_or(cores as u32 - 1);
    let empty = empty_loop(core, args.quick)?;
    let floor = std::thread::spawn(move || foretick::engine::pin_to_core(core).map(|()| Floor::measure())).join();
    let floor = floor.unwrap_or_else(|_| Err(Error::new(Status::Internal, "the thread that measures the core has panicked")))?;
    Ok(Machine { processor: processor(), cores, core, level: native::Level::best().name(), empty, floor })
}

/// The processor's name, as Linux tells it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// What all cases share.
struct Session<'s> {
    machine: &'s Machine,
    models: &'s Models,
    folder: &'s Folder,
    quick: bool,
    bar: &'s ProgressBar,
}

impl Session<'_> {
    fn line(&self, case: &Case) -> Result<Line> {
        let mut line = self.empty_line(case);
        let mut ready = match Ready::open(case, self.models, self.folder) {
            Ok(ready) => ready,
            Err(error) if error.status() == Status::Operator => {
                line.refused = Some(format!("no native kernel: {}", error.text()));
                self.bar.inc(Condition::ALL.len() as u64 * PARTS);
                return Ok(line);
            }
            Err(error) => return Err(error.within(case.name)),
        };
        line.runs_on.clone_from(&ready.runs_on);
        for condition in Condition::ALL {
            self.bar.set_message(format!("{}, {}", case.name, condition.name()));
            line.runs.push(self.run(condition, &mut ready).map_err(|error| error.within(case.name))?);
        }
        Ok(line)
    }

    fn empty_line(&self, case: &Case) -> Line {
        Line {
            name: case.name,
            title: case.title,
            runs_on: Vec::new(),
            trained: case.models.iter().filter_map(|name| self.models.find(name)).any(|model| model.trained),
            targets: case.targets(self.models),
            floor_ns: case.work(self.models).map(|work| self.machine.floor.least_ns(&work)),
            refused: None,
            runs: Vec::new(),
        }
    }

    fn run(&self, condition: Condition, ready: &mut Ready<'_>) -> Result<Run> {
        let on_part = |parts| self.bar.inc(parts);
        let timing = Loop { core: self.machine.core, quick: self.quick, empty_ns: self.machine.empty.p50(), on_part: &on_part };
        let (subject, publish) = ready.parts();
        let pair = timing.run(condition, subject, None, &publish)?;
        Ok(Run { condition, ours: Some(pair.ours), peers: Vec::new() })
    }
}

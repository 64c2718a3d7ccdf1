//! A run: the machine first, then every case under every condition.

use foretick::model::native;
use foretick::{Error, Result, Status};
use indicatif::{ProgressBar, ProgressStyle};

use super::BenchArgs;
use super::bundle::Folder;
use super::cases::{Case, Ready, chosen};
use super::condition::Condition;
use super::floor::Floor;
use super::measure::{self, Loop, PARTS, Turns, empty_loop};
use super::models::Models;
use super::peers::{self, Elsewhere};
use super::report::{Line, Machine, ONNX_RUNTIME, PeerRun, Report, Run};
use super::subject::{Peer, Walk};

pub fn run(args: &BenchArgs) -> Result<Report> {
    let cases = chosen(&args.only);
    let elsewhere = if args.peers { Elsewhere::read(&args.peers_json)? } else { Elsewhere::default() };
    let bar = progress(args.quiet, cases.len());
    bar.set_message("rows and models");
    let models = Models::make(&args.models, |name| cases.iter().any(|case| case.models.contains(&name)))?;
    let (machine, folder) = (machine(args)?, Folder::create()?);
    let mut session = Session { args, machine, models: &models, folder, elsewhere, notes: Vec::new(), bar: &bar };
    let lines = cases.into_iter().map(|case| session.line(case)).collect::<Result<_>>()?;
    bar.finish_and_clear();
    let Session { machine, elsewhere, mut notes, .. } = session;
    notes.extend(elsewhere.notes);
    Ok(Report { machine, lines, notes, quick: args.quick, at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string() })
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
    let floor = measure::pinned(core, || Ok(Floor::measure()))?;
    Ok(Machine { processor: processor(), cores, core, level: native::Level::best().name(), empty, floor })
}

/// The processor's name, as Linux tells it.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// What all cases share.
struct Session<'s> {
    args: &'s BenchArgs,
    machine: Machine,
    models: &'s Models,
    folder: Folder,
    elsewhere: Elsewhere,
    notes: Vec<String>,
    bar: &'s ProgressBar,
}

impl Session<'_> {
    fn line(&mut self, case: &Case) -> Result<Line> {
        let (mut line, mut peer) = (self.empty_line(case), self.peer(case));
        let mut ready = match Ready::open(case, self.models, &self.folder) {
            Ok(ready) => Some(ready),
            Err(error) if error.status() == Status::Operator => {
                line.refused = Some(format!("no native kernel: {}", error.text()));
                None
            }
            Err(error) => return Err(error.within(case.name)),
        };
        line.runs_on = ready.as_ref().map_or(Vec::new(), |ready| ready.runs_on.clone());
        for condition in Condition::ALL {
            self.bar.set_message(format!("{}, {}", case.name, condition.name()));
            line.runs.push(self.run(case, condition, ready.as_mut(), &mut peer).map_err(|error| error.within(case.name))?);
        }
        line.a_second = self.a_second(case, ready.as_mut(), &line)?;
        Ok(line)
    }

    /// Rows of batches by their hot calls; steps of a track by a run of their own.
    fn a_second(&self, case: &Case, ready: Option<&mut Ready<'_>>, line: &Line) -> Result<Option<f64>> {
        let Some(ready) = ready else { return Ok(None) };
        if case.rows() > 1 {
            let hot = line.run(Condition::Hot).and_then(|run| run.ours.as_ref());
            return Ok(hot.map(|figures| figures.calls_a_second * case.rows() as f64));
        }
        let steps = if self.args.quick { 200 } else { (5_000 / case.share).max(500) } as usize;
        measure::pinned(self.machine.core, || ready.subject.steps_a_second(steps)).map_err(|error| error.within(case.name))
    }

    /// ONNX Runtime on the same models, when it is asked for and there.
    fn peer(&mut self, case: &Case) -> Option<Box<dyn Peer>> {
        let opened = (self.args.peers && case.has_peers()).then(|| peers::onnx_runtime(&case.runs(self.models), case.rows()))?;
        if let Err(error) = &opened
            && !self.notes.iter().any(|note| note == error.text())
        {
            self.notes.push(error.text().to_owned());
        }
        opened.ok()
    }

    fn empty_line(&self, case: &Case) -> Line {
        Line {
            name: case.name,
            title: case.title,
            runs_on: Vec::new(),
            trained: case.has_peers() && case.runs(self.models).iter().any(|model| model.trained),
            targets: case.targets,
            floor_ns: case.work(self.models).map(|work| self.machine.floor.least_ns(&work)),
            refused: None,
            a_second: None,
            runs: Vec::new(),
        }
    }

    fn run(&self, case: &Case, condition: Condition, ready: Option<&mut Ready<'_>>, peer: &mut Option<Box<dyn Peer>>) -> Result<Run> {
        let on_part = |parts| self.bar.inc(parts);
        let (core, empty_ns) = (self.machine.core, self.machine.empty.p50_ns);
        let timing = Loop { core, quick: self.args.quick, share: case.share, empty_ns, on_part: &on_part };
        let turns = match ready {
            Some(ready) => {
                let (subject, publish) = ready.parts();
                timing.run(condition, subject, peer, &publish)?
            }
            // The peer alone, on the rows that ours would have read.
            None if peer.is_some() => {
                let mut walk = self.walk(case)?;
                Turns { ours: None, empty: None, ..timing.run(condition, &mut walk, peer, &|| Ok(()))? }
            }
            None => Turns { ours: None, peer: None, empty: None, apart: None },
        };
        let Turns { ours, peer, empty, apart } = turns;
        let mut peers: Vec<PeerRun> = peer.into_iter().map(|times| PeerRun { name: ONNX_RUNTIME.to_owned(), times, apart }).collect();
        peers.extend(self.elsewhere.runs(case.name, condition));
        Ok(Run { condition, ours, empty, peers })
    }

    /// The rows of a case of one model.
    fn walk(&self, case: &Case) -> Result<Walk<'_>> {
        match case.runs(self.models)[..] {
            [model] => Ok(Walk::new(&self.models.table(model).rows, model.window)),
            _ => Err(Error::new(Status::Internal, format!("{} is more than one model", case.name))),
        }
    }
}

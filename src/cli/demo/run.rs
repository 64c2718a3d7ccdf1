//! The loop: simulated events in, predictions out, a swap half-way.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::bundle::Bundle;
use foretick::source::simulator::{PAIR_COUNT, Simulator, Truth, auc};
use foretick::types::prediction::{Action, Prediction, flag};
use foretick::types::{Slot, reason};
use foretick::{Error, Result, Status};

use super::DemoArgs;
use super::record::Recorder;
use crate::cli::meter::{Display, Meter, Quantiles};

const SLOT: &str = "direction";
/// Folders of the bundle's versions: the first serves from the start, the second from half-way.
const VERSIONS: [&str; 2] = ["v1", "v2"];

/// What the run showed.
pub struct Outcome {
    pub seed: u64,
    pub bundles: [String; 2],
    pub events: u64,
    pub steps: u64,
    pub predictions: u64,
    pub actions: Vec<(&'static str, u64)>,
    pub abstained_by: Vec<(&'static str, u64)>,
    pub hits: u64,
    pub decided: u64,
    pub auc: Option<f64>,
    pub auc_known: Option<f64>,
    pub event: Quantiles,
    pub closing: Quantiles,
    pub predict: Quantiles,
    /// Last generation before the swap and first after it.
    pub generations: Vec<Served>,
    pub publish: Duration,
    pub elapsed: Duration,
    pub simulated: Duration,
}

/// What one generation served.
pub struct Served {
    pub generation: u64,
    pub predictions: u64,
    pub auc: Option<f64>,
    pub auc_known: Option<f64>,
}

/// Predictions of one generation.
struct Serving {
    generation: u64,
    predictions: u64,
    /// Where its scores begin.
    first: usize,
}

/// Scores of the predictions beside what the simulator knows.
#[derive(Default)]
struct Scores {
    ours: Vec<f64>,
    known: Vec<f64>,
    rose: Vec<bool>,
}

impl Scores {
    /// AUC of ours and of what is known over a part.
    fn aucs(&self, part: Range<usize>) -> (Option<f64>, Option<f64>) {
        (auc(&self.ours[part.clone()], &self.rose[part.clone()]), auc(&self.known[part.clone()], &self.rose[part]))
    }

    /// What each generation served, in the order of serving.
    fn split(&self, generations: &[Serving]) -> Vec<Served> {
        let ends = generations.iter().skip(1).map(|next| next.first).chain([self.ours.len()]);
        let served = |(serving, end): (&Serving, usize)| {
            let (auc, auc_known) = self.aucs(serving.first..end);
            Served { generation: serving.generation, predictions: serving.predictions, auc, auc_known }
        };
        generations.iter().zip(ends).map(served).collect()
    }
}

struct Demo {
    lane: Lane,
    tracks: Vec<TrackId>,
    scores: Scores,
    actions: [u64; 4],
    abstained: Vec<(&'static str, u64)>,
    hits: u64,
    generations: Vec<Serving>,
    event: Meter,
    closing: Meter,
    predict: Meter,
    events: u64,
    predictions: u64,
    due: Vec<TrackId>,
    recorder: Option<Recorder>,
}

const ACTIONS: [Action; 4] = [Action::Buy, Action::Sell, Action::Hold, Action::Abstain];

pub fn run(args: &DemoArgs, folder: &Path) -> Result<Outcome> {
    let engine = Engine::open_text("clock = \"host\"\n")?;
    let bundles = open_versions(&engine, folder)?;
    engine.publish_one(SLOT, bundles[0].clone())?;
    let mut simulator = Simulator::new(args.seed);
    let mut demo = Demo::open(&engine, &mut simulator, args)?;
    let mut display = Display::new(args.quiet);
    let (mut events, mut last, mut publish) = (Vec::new(), None::<Truth>, Duration::ZERO);
    for step in 0..args.steps {
        if step == args.steps / 2 {
            let start = Instant::now();
            engine.publish_one(SLOT, bundles[1].clone())?;
            publish = start.elapsed();
            demo.recorder.iter_mut().for_each(|recorder| recorder.published(SLOT, VERSIONS[1]));
        }
        events.clear();
        let truth = simulator.step(&mut events);
        demo.step(&events, last.as_ref(), &truth)?;
        last = Some(truth);
        display.show(|elapsed| demo.line(step, args.steps, elapsed));
    }
    display.clear();
    demo.recorder.take().map_or(Ok(()), Recorder::finish)?;
    Ok(demo.outcome(args, &bundles, publish, display.elapsed()))
}

fn open_versions(engine: &Engine, folder: &Path) -> Result<[Arc<Bundle>; 2]> {
    let open = |version: &str| {
        engine.open_bundle(&folder.join(version)).map_err(|error| match error.status() {
            Status::Io => Error::new(Status::NotFound, format!("{}; run the demo in the checkout, or name the folder of `sim` by --models", error.text())),
            _ => error,
        })
    };
    Ok([open(VERSIONS[0])?, open(VERSIONS[1])?])
}

impl Demo {
    fn open(engine: &Engine, simulator: &mut Simulator, args: &DemoArgs) -> Result<Demo> {
        let streams = simulator.streams();
        let ids = streams.iter().map(|stream| engine.add_stream(stream.name, "")).collect::<Result<Vec<u32>>>()?;
        simulator.set_streams(&ids)?;
        let mut lane = engine.open_lane("")?;
        let bound = simulator.pairs().map(|pair| [ids[pair.own], ids[pair.leader]]);
        let tracks = bound.iter().map(|streams| lane.open_track(SLOT, streams, 0)).collect::<Result<Vec<TrackId>>>()?;
        let mut recorder = args.record.as_deref().map(|path| Recorder::create(path, args.seed)).transpose()?;
        if let Some(recorder) = &mut recorder {
            streams.iter().zip(&ids).for_each(|(stream, id)| recorder.stream(*id, stream.name));
            bound.iter().for_each(|streams| recorder.track(SLOT, streams));
            recorder.published(SLOT, VERSIONS[0]);
        }
        let meter = || Meter::new().ok_or_else(|| Error::new(Status::Internal, "no histogram"));
        Ok(Demo {
            lane,
            tracks,
            scores: Scores::default(),
            actions: [0; 4],
            abstained: reason::ALL.iter().map(|(_, name)| (*name, 0)).collect(),
            hits: 0,
            generations: Vec::new(),
            event: meter()?,
            closing: meter()?,
            predict: meter()?,
            events: 0,
            predictions: 0,
            due: Vec::with_capacity(PAIR_COUNT),
            recorder,
        })
    }

    /// Pushes the events of one simulated step, one by one so that each is timed; the first past the
    /// close of the last step closes it.
    fn step(&mut self, events: &[Slot], last: Option<&Truth>, truth: &Truth) -> Result<()> {
        let mut rest = events;
        while let Some(head) = foretick::ingest::gate::head(rest) {
            let (event, after) = rest.split_at(usize::from(head.slots).clamp(1, rest.len()));
            rest = after;
            let start = Instant::now();
            let flow = self.lane.push(event).map_err(Error::from)?;
            if flow.closed == 0 {
                self.event.record(start)
            } else {
                self.closing.record(start)
            }
            self.events += 1;
            self.recorder.as_mut().map_or(Ok(()), |recorder| recorder.took(event))?;
            if flow.closed > 0 {
                self.ask(head.known_ns, last, truth)?;
            }
        }
        Ok(())
    }

    fn ask(&mut self, now_ns: i64, last: Option<&Truth>, truth: &Truth) -> Result<()> {
        let mut due = std::mem::take(&mut self.due);
        due.extend(self.lane.due());
        due.sort_unstable();
        for id in due.drain(..) {
            let start = Instant::now();
            let prediction = self.lane.predict(id, now_ns)?;
            self.predict.record(start);
            self.recorder.iter_mut().for_each(|recorder| recorder.predicted(&prediction));
            if let Some(pair) = self.tracks.iter().position(|track| *track == id) {
                self.take(&prediction, last.map(|last| last.pairs[pair].up_probability), truth.pairs[pair].moved_up);
            }
        }
        self.due = due;
        Ok(())
    }

    fn take(&mut self, prediction: &Prediction, known: Option<f64>, rose: Option<bool>) {
        self.predictions += 1;
        let action = prediction.action();
        if let Some(at) = ACTIONS.iter().position(|known| *known == action) {
            self.actions[at] += 1;
        }
        if action == Action::Abstain {
            for (count, (bit, _)) in self.abstained.iter_mut().zip(reason::ALL) {
                count.1 += u64::from(prediction.reasons & bit & !reason::INFORMATIVE != 0);
            }
        }
        match self.generations.last_mut().filter(|serving| serving.generation == prediction.generation) {
            Some(serving) => serving.predictions += 1,
            None => self.generations.push(Serving { generation: prediction.generation, predictions: 1, first: self.scores.ours.len() }),
        }
        let (Some(known), Some(rose)) = (known, rose) else { return };
        self.hits += u64::from((action == Action::Buy && rose) || (action == Action::Sell && !rose));
        if prediction.flags() & flag::VALUE != 0 {
            self.scores.ours.push(f64::from(prediction.probability()));
            self.scores.known.push(known);
            self.scores.rose.push(rose);
        }
    }

    fn line(&self, step: u64, steps: u64, elapsed: Duration) -> String {
        let predict = self.predict.quantiles();
        format!(
            "{:>3} %  {:.2} M events ({:.2} M/s)  {} decisions, {} abstentions  predict p50 {} ns, p99 {} ns  generation {}",
            100 * step / steps,
            self.events as f64 / 1e6,
            self.events as f64 / 1e6 / elapsed.as_secs_f64().max(1e-3),
            self.predictions - self.actions[3],
            self.actions[3],
            predict.p50,
            predict.p99,
            self.generations.last().map_or(0, |serving| serving.generation),
        )
    }

    fn outcome(self, args: &DemoArgs, bundles: &[Arc<Bundle>; 2], publish: Duration, elapsed: Duration) -> Outcome {
        let (auc, auc_known) = self.scores.aucs(0..self.scores.ours.len());
        Outcome {
            seed: args.seed,
            bundles: [bundles[0].manifest.title(), bundles[1].manifest.title()],
            events: self.events,
            steps: self.lane.counters().steps.get(),
            predictions: self.predictions,
            actions: ACTIONS.iter().map(|action| action.name()).zip(self.actions).collect(),
            abstained_by: self.abstained.into_iter().filter(|(_, count)| *count > 0).collect(),
            hits: self.hits,
            decided: self.actions[0] + self.actions[1],
            auc,
            auc_known,
            event: self.event.quantiles(),
            closing: self.closing.quantiles(),
            predict: self.predict.quantiles(),
            generations: self.scores.split(&self.generations),
            publish,
            elapsed,
            simulated: Duration::from_millis(100 * args.steps),
        }
    }
}

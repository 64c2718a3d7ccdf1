//! A stretch of the simulated market, and what each version of the bundle answers on it.

use std::sync::Arc;

use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::bundle::Bundle;
use foretick::source::simulator::Simulator;
use foretick::types::{Prediction, Slot};
use foretick::{Error, Result};

/// Steps of 100 ms: past the first rows of every window.
const STEPS: usize = 160;
/// Published together; every pair has a track on each.
pub const SLOTS: [&str; 2] = ["direction", "shadow"];

/// What one version answers, apart from names and times.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    step: u64,
    parts: [u64; 5],
}

impl Answer {
    fn of(p: &Prediction) -> Answer {
        let pair = |high: f32, low: f32| u64::from(high.to_bits()) << 32 | u64::from(low.to_bits());
        let members = u64::from(p.members_used) << 8 | u64::from(p.members_total);
        Answer { step: p.step, parts: [p.signal, p.reasons, pair(p.value, p.raw), pair(p.agreement, p.edge), members] }
    }
}

/// Events of the market, and the answers of both versions by the order in which they are asked for.
pub struct Market {
    streams: Vec<&'static str>,
    pairs: Vec<[usize; 2]>,
    events: Vec<Slot>,
    answers: [Vec<Answer>; 2],
}

/// What one walk through the market counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walk {
    pub sent: u64,
    pub errors: u64,
    /// Answers that are not those of their generation's version.
    pub wrong: u64,
    /// Answers of an older publish than one that the lane had answered from.
    pub mixed: u64,
    pub taken_over: u64,
}

impl Market {
    /// Simulates, and asks each version alone.
    pub fn new(seed: u64, versions: &[Arc<Bundle>; 2]) -> Result<Market> {
        let mut simulator = Simulator::new(seed);
        let streams: Vec<&str> = simulator.streams().iter().map(|stream| stream.name).collect();
        let ids: Vec<u32> = (1..=streams.len() as u32).collect();
        simulator.set_streams(&ids)?;
        let pairs = simulator.pairs().iter().map(|pair| [pair.own, pair.leader]).collect();
        let mut events = Vec::new();
        for _ in 0..STEPS {
            simulator.step(&mut events);
        }
        let mut market = Market { streams, pairs, events, answers: Default::default() };
        market.answers = [market.alone(&versions[0])?, market.alone(&versions[1])?];
        Ok(market)
    }

    /// The streams of the market, whose ids in a new engine are those of the events.
    pub fn add_streams(&self, engine: &Engine) -> Result<()> {
        self.streams.iter().try_for_each(|name| engine.add_stream(name, "").map(drop))
    }

    fn alone(&self, bundle: &Arc<Bundle>) -> Result<Vec<Answer>> {
        let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n")?;
        self.add_streams(&engine)?;
        SLOTS.iter().try_for_each(|slot| engine.publish_one(slot, bundle.clone()).map(drop))?;
        let mut answers = Vec::new();
        self.go(&engine, |lane, id, now_ns| {
            answers.push(Answer::of(&lane.predict(id, now_ns)?));
            Ok(())
        })?;
        Ok(answers)
    }

    /// Walks a new lane through the market; generations of odd publishes are of the first version.
    pub fn walk(&self, engine: &Engine) -> Result<Walk> {
        let (mut walk, mut newest, mut at) = (Walk::default(), 0, 0);
        walk.taken_over = self.go(engine, |lane, id, now_ns| {
            walk.sent += 1;
            let expected = self.answers.each_ref().map(|answers| answers.get(at));
            at += 1;
            let Ok(p) = lane.predict(id, now_ns) else {
                walk.errors += 1;
                return Ok(());
            };
            let publish = p.generation.div_ceil(SLOTS.len() as u64);
            walk.wrong += u64::from(expected[1 - publish as usize % 2] != Some(&Answer::of(&p)));
            walk.mixed += u64::from(publish < newest);
            newest = newest.max(publish);
            Ok(())
        })?;
        Ok(walk)
    }

    /// Pushes everything and has each due track asked, in order; answers how often the lane took newer models over.
    fn go(&self, engine: &Engine, mut ask: impl FnMut(&mut Lane, TrackId, i64) -> Result<()>) -> Result<u64> {
        let mut lane = engine.open_lane("")?;
        for [own, leader] in &self.pairs {
            for slot in SLOTS {
                lane.open_track(slot, &[*own as u32 + 1, *leader as u32 + 1], 0)?;
            }
        }
        let (mut rest, mut due) = (&self.events[..], Vec::new());
        while !rest.is_empty() {
            let flow = lane.push(rest).map_err(Error::from)?;
            let (taken, after) = rest.split_at(flow.taken as usize);
            rest = after;
            due.extend(lane.due());
            due.sort_unstable();
            let now_ns = last_known_ns(taken);
            due.drain(..).try_for_each(|id| ask(&mut lane, id, now_ns))?;
        }
        Ok(lane.counters().generations.get())
    }
}

/// Time of the last event.
fn last_known_ns(mut slots: &[Slot]) -> i64 {
    let mut known_ns = 0;
    while let Some(head) = foretick::ingest::gate::head(slots) {
        known_ns = head.known_ns;
        slots = &slots[usize::from(head.slots).clamp(1, slots.len())..];
    }
    known_ns
}

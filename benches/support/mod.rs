//! What benches share: the simulated market as single events, and the shipped bundles.
#![allow(dead_code, clippy::unwrap_used, reason = "each bench uses a part of it, and fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foretick::engine::{Engine, Lane, TrackId};
use foretick::ingest::gate;
use foretick::model::bundle::Bundle;
use foretick::source::simulator::Simulator;
use foretick::types::Slot;

pub const SLOT: &str = "direction";

/// An engine by the host's clock, with one of the shipped bundles.
pub fn bundle(folder: &str) -> (Engine, Arc<Bundle>) {
    let engine = Engine::open_text("clock = \"host\"\nthreads = 0\n").unwrap();
    let bundle = engine.open_bundle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder)).unwrap();
    (engine, bundle)
}

/// A lane with a track for each simulated pair, and the simulator that feeds it.
pub struct Market {
    pub engine: Arc<Engine>,
    pub lane: Lane,
    pub tracks: Vec<TrackId>,
    pub simulator: Simulator,
    events: Vec<Slot>,
}

impl Market {
    /// Opens `models/sim/v1` and warms it up until every track is ready.
    pub fn open() -> Market {
        let (engine, bundle) = bundle("sim/v1");
        engine.publish_one(SLOT, bundle).unwrap();
        let mut simulator = Simulator::new(1);
        let ids: Vec<u32> = simulator.streams().iter().map(|stream| engine.add_stream(stream.name, "").unwrap()).collect();
        simulator.set_streams(&ids).unwrap();
        let mut lane = engine.open_lane("").unwrap();
        let tracks = simulator.pairs().iter().map(|pair| lane.open_track(SLOT, &[ids[pair.own], ids[pair.leader]], 0).unwrap()).collect();
        let mut market = Market { engine: Arc::new(engine), lane, tracks, simulator, events: Vec::new() };
        for _ in 0..1_000 {
            market.step(|_, _, _| {});
        }
        market
    }

    /// Simulates one step and pushes its events; `on_closed` is called where tracks are due.
    pub fn step(&mut self, mut on_closed: impl FnMut(&mut Lane, &[TrackId], i64)) -> usize {
        self.events.clear();
        self.simulator.step(&mut self.events);
        self.push(&mut on_closed)
    }

    /// The events of the next step, for a caller that times the pushing alone.
    pub fn simulate(&mut self) {
        self.events.clear();
        self.simulator.step(&mut self.events);
    }

    /// Time to push so many steps, simulation apart; with predictions when asked.
    pub fn time_steps(&mut self, steps: u64, predict: bool) -> Duration {
        let mut elapsed = Duration::ZERO;
        for _ in 0..steps {
            self.simulate();
            let start = Instant::now();
            self.push(&mut |lane, due, known_ns| {
                for id in due.iter().filter(|_| predict) {
                    std::hint::black_box(lane.predict(*id, known_ns).unwrap());
                }
            });
            elapsed += start.elapsed();
        }
        elapsed
    }

    /// Pushes what was simulated; answers the number of slots.
    pub fn push(&mut self, on_closed: &mut impl FnMut(&mut Lane, &[TrackId], i64)) -> usize {
        let mut at = 0;
        while at < self.events.len() {
            let flow = self.lane.push(&self.events[at..]).unwrap();
            if flow.closed > 0 {
                let due: Vec<TrackId> = self.lane.due().collect();
                let known_ns = gate::head(&self.events[at..]).unwrap().known_ns;
                on_closed(&mut self.lane, &due, known_ns);
            }
            at += flow.taken as usize;
        }
        at
    }
}

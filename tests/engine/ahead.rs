//! Working ahead of the next step: the same decisions to the bit, sooner, and counted where it came too late.

use std::path::Path;

use foretick::engine::{Engine, Lane, TrackId};
use foretick::ingest::gate;
use foretick::source::simulator::Simulator;
use foretick::types::prediction::backend::{NATIVE, PREFIX, WHOLE_WINDOW};
use foretick::types::{Prediction, Slot};
use foretick::{Status, config::LinkOptions};

/// Members of sim v2 that work ahead: an LSTM and a CNN over 60 rows.
const AHEAD: u64 = 2;

/// A lane with one track of the simulator's on sim v2, and what feeds it.
struct Market {
    engine: Engine,
    lane: Lane,
    track: TrackId,
    simulator: Simulator,
}

impl Market {
    fn open(config: &str, lane: &str) -> Market {
        let engine = Engine::open_text(&format!("clock = \"host\"\nthreads = 0\n{config}")).unwrap();
        let mut market = Market::on(engine, lane);
        market.warm();
        market
    }

    fn on(engine: Engine, lane: &str) -> Market {
        publish(&engine, "sim/v2");
        let mut simulator = Simulator::new(5);
        let ids: Vec<u32> = simulator.streams().iter().map(|stream| engine.add_stream(stream.name, "").unwrap()).collect();
        simulator.set_streams(&ids).unwrap();
        let pair = simulator.pairs()[0];
        let mut lane = engine.open_lane(lane).unwrap();
        let track = lane.open_track("direction", &[ids[pair.own], ids[pair.leader]], 0).unwrap();
        Market { engine, lane, track, simulator }
    }

    fn warm(&mut self) {
        while !self.lane.counters().decisions.get() > 0 && self.step().value.is_nan() {}
    }

    fn events(&mut self) -> Vec<Slot> {
        let mut slots = Vec::new();
        self.simulator.step(&mut slots);
        slots
    }

    /// A step of the market, and the decision.
    fn step(&mut self) -> Prediction {
        let slots = self.events();
        let (mut at, mut made) = (0, Prediction::default());
        while at < slots.len() {
            let flow = self.lane.push(&slots[at..]).unwrap();
            if flow.closed > 0 {
                made = self.lane.predict(self.track, gate::head(&slots[at..]).unwrap().known_ns).unwrap();
            }
            at += flow.taken as usize;
        }
        made
    }

    /// Answers whose windows were worked ahead, and those whose were run whole although the track works ahead.
    fn counted(&self) -> [u64; 2] {
        let counters = self.lane.counters();
        [counters.windows_ahead.get(), counters.windows_whole.get()].map(|windows| {
            assert_eq!(windows % AHEAD, 0);
            windows / AHEAD
        })
    }
}

fn publish(engine: &Engine, folder: &str) {
    let bundle = engine.open_bundle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(folder)).unwrap();
    engine.publish_one("direction", bundle).unwrap();
}

#[test]
fn prepared_or_not_every_decision_is_the_same_to_the_bit() {
    let (mut whole, mut ahead) = (Market::open("", ""), Market::open("", ""));
    let mut ways = [0; 3];
    for step in 0..300 {
        let (expected, found) = (whole.step(), ahead.step());
        assert!(found.same_decision(&expected), "{found:?} is not {expected:?}");
        assert_eq!(expected.backend, NATIVE);
        ways[usize::from(found.backend >> 4)] += 1;
        // Not behind every step: the next one then comes too early.
        if step % 7 != 3 {
            ahead.lane.prepare(ahead.track).unwrap();
            ahead.lane.prepare(ahead.track).unwrap();
        }
    }
    assert_eq!((ways, whole.counted()), ([1, 43, 256], [0, 0]));
    assert_eq!(ahead.counted(), [256, 43]);
    assert_eq!((WHOLE_WINDOW >> 4, PREFIX >> 4), (1, 2));
    let details = ahead.lane.details(ahead.track).unwrap();
    for member in &details.answer.members {
        let name = details.manifest.members[member.member].name.as_str();
        assert_eq!(member.backend, NATIVE | if ["lstm", "cnn"].contains(&name) { PREFIX } else { 0 }, "{name}");
    }
}

#[test]
fn new_models_run_the_window_whole_until_they_are_prepared() {
    let (mut whole, mut ahead) = (Market::open("", ""), Market::open("", ""));
    for step in 0..60 {
        if step % 20 == 19 {
            publish(&whole.engine, "sim/v2");
            publish(&ahead.engine, "sim/v2");
        }
        let (expected, found) = (whole.step(), ahead.step());
        assert!(found.same_decision(&expected) && found.generation == 1 + (step + 1) / 20, "{step}: {found:?}");
        assert_eq!(
            found.backend,
            NATIVE
                | if step == 0 {
                    0
                } else if step % 20 == 19 {
                    WHOLE_WINDOW
                } else {
                    PREFIX
                }
        );
        ahead.lane.prepare(ahead.track).unwrap();
    }
    assert_eq!(ahead.counted(), [56, 3]);
}

#[test]
fn a_poll_prepares_when_nothing_waits() {
    let mut market = Market::open("", "prepare = \"idle\"");
    let mut link = market.lane.open_link(LinkOptions { slots: 4_096, ..LinkOptions::default() }).unwrap();
    let mut poll = |market: &mut Market, steps: usize| {
        let mut known_ns = 0;
        for _ in 0..steps {
            let slots = market.events();
            known_ns = gate::head(&slots[slots.len() - 2..]).or(gate::head(&slots)).unwrap().known_ns;
            link.push_all(&slots).unwrap();
        }
        market.lane.poll(0, known_ns).unwrap().predicted
    };
    let before = market.counted();
    assert_eq!(before, [0, 0]);
    for _ in 0..10 {
        poll(&mut market, 1);
    }
    let one_by_one = market.counted();
    assert!(one_by_one[0] >= 8 && one_by_one[1] == 0, "{one_by_one:?}");
    // Several steps in one poll: only the first of them was prepared for.
    let predicted = poll(&mut market, 5);
    assert_eq!(market.counted(), [one_by_one[0] + 1, u64::from(predicted) - 1]);
}

#[test]
fn what_works_ahead_takes_memory_that_is_counted() {
    let mut market = Market::open("", "");
    let track_bytes = |market: &Market| {
        let text = market.engine.metrics();
        let line = text.lines().find(|line| line.starts_with("foretick_track_memory_bytes ")).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = track_bytes(&market);
    market.lane.prepare(market.track).unwrap();
    let after = track_bytes(&market);
    // 59 lanes of 16 units of state and cell, their gates, 59 rows, and what the convolutions made of 60 rows.
    assert!(after > before + 59 * 16 * 2 * 4 && after < before + 200_000, "{before} {after}");
    market.lane.prepare(market.track).unwrap();
    assert_eq!(track_bytes(&market), after);
    market.lane.close_track(market.track).unwrap();
    assert_eq!(track_bytes(&market), 0);
    assert_eq!(market.lane.prepare(market.track).unwrap_err().status(), Status::NotFound);
}

//! An engine by the host's clock with one lane, and events for it.

use foretick::Result;
use foretick::engine::{Engine, Lane, TrackId};
use foretick::model::bundle::Bundle;
use foretick::types::event::{Bar, Quote, Record, Slot, Trade};
use foretick::types::{Action, Flow, Prediction};
use std::sync::Arc;
use tempfile::TempDir;

use super::bundle::{Options, write};

/// 2024-01-01T00:00:00Z, a whole minute.
pub const START_NS: i64 = 1_704_067_200_000_000_000;
/// Length of a bar.
pub const MINUTE_NS: i64 = 60_000_000_000;
/// A millisecond.
pub const MS: i64 = 1_000_000;

/// P(up) = 1 / (1 + exp(1 - volume)): volume 0 is SELL, 1 HOLD, 2 BUY; ready at the first step.
pub fn by_volume() -> Options {
    Options { features: "[{ op = \"volume\", scale = [\"zscore\"] }]".into(), weights: vec![1.0], bias: -1.0, ..Options::default() }
}

/// As [`by_volume`], a step every 100 ms.
pub fn by_time() -> Options {
    Options { sampler: "kind = \"time\"\ninterval_ms = 100\nprice = \"trade\"\n".into(), max_data_age_ms: 500, ..by_volume() }
}

/// An engine, a lane, the slot `s` and the stream `test:A`.
pub struct Bench {
    /// Streams, slots.
    pub engine: Engine,
    /// Its only lane.
    pub lane: Lane,
    /// Id of `test:A`.
    pub stream: u32,
}

/// Reads a bundle of these options; its folder is gone afterwards.
pub fn open(engine: &Engine, options: &Options) -> Result<Arc<Bundle>> {
    let folder = TempDir::new().expect("a folder");
    write(folder.path(), options);
    engine.open_bundle(folder.path())
}

impl Bench {
    /// An engine with further options.
    pub fn with(config: &str) -> Bench {
        let engine = Engine::open_text(&format!("clock = \"host\"\nthreads = 0\n{config}")).expect("the engine opens");
        let lane = engine.open_lane("").expect("the lane opens");
        let stream = engine.add_stream("test:A", "").expect("the stream is added");
        Bench { engine, lane, stream }
    }

    /// Publishes a bundle under `s`.
    pub fn publish(&self, options: &Options) -> Result<u64> {
        self.engine.publish_one("s", open(&self.engine, options)?)
    }

    /// One track on `test:A`.
    pub fn track(&mut self) -> TrackId {
        self.lane.open_track("s", &[self.stream], 0).expect("the track opens")
    }

    /// Engine, bundle and track.
    pub fn start(options: &Options) -> (Bench, TrackId) {
        let mut bench = Bench::with("");
        bench.publish(options).expect("the bundle serves");
        let track = bench.track();
        (bench, track)
    }

    /// Pushes one event, which must be taken.
    pub fn push(&mut self, event: &impl Record) -> Flow {
        let flow = self.lane.push(event.slots()).expect("the event is taken");
        assert_eq!(flow.taken as usize, event.slots().len());
        flow
    }

    /// Pushes a bar and predicts when it is known.
    pub fn decide(&mut self, track: TrackId, bar: &Bar) -> Prediction {
        self.push(bar);
        self.lane.predict(track, bar.head.known_ns).expect("a prediction")
    }
}

/// The bar of a minute, known at its close; `seq` is its number + 1.
pub fn bar(stream: u32, minute: i64, volume: f64) -> Bar {
    let open_ns = START_NS + minute * MINUTE_NS;
    let mut bar = Bar { open_ns, interval_ns: MINUTE_NS, open: 100.0, high: 101.0, low: 99.0, close: 100.0, volume, ..Bar::of(stream, open_ns + MINUTE_NS) };
    bar.head.seq = minute as u64 + 1;
    bar
}

/// A bar that closes at a price.
pub fn bar_at(stream: u32, minute: i64, close: f64) -> Bar {
    Bar { open: close, high: close, low: close, close, ..bar(stream, minute, 1.0) }
}

/// A trade so many ms after the start.
pub fn trade(stream: u32, ms: i64, size: f64) -> Trade {
    Trade { price: 100.0, size, side: 1, ..Trade::of(stream, START_NS + ms * MS) }
}

/// A quote so many ms after the start.
pub fn quote(stream: u32, ms: i64, bid_px: f64, ask_px: f64) -> Quote {
    Quote { bid_px, bid_qty: 1.0, ask_px, ask_qty: 1.0, ..Quote::of(stream, START_NS + ms * MS) }
}

/// Events one after another.
pub fn stream_of(events: &[&dyn Record]) -> Vec<Slot> {
    events.iter().flat_map(|event| event.slots()).copied().collect()
}

/// What was decided, and why not.
pub fn decision(prediction: &Prediction) -> (Action, u64) {
    (prediction.action(), prediction.reasons)
}

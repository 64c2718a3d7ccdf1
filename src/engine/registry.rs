//! What the lanes of an engine share, all of it on cold paths but two atomic reads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::link::LinkInfo;
use super::numbers::Numbers;
use crate::clock::{Clock, system_ns};
use crate::config::{EngineConfig, LaneOptions, StreamOptions};
use crate::error::{Error, Result, Status};
use crate::ingest::gate::{self, Refusal};
use crate::model::bundle::Bundle;
use crate::model::instances::RunPolicy;
use crate::model::store::Store;
use crate::model::watchdog::{PATIENT_LIMIT, RunLimit, Watchdog};
use crate::monitor::metrics::{Gauge, LaneCounters};
use crate::types::event::EventHead;
use crate::types::{EventRef, Slot};

/// A stream that was added.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEntry {
    /// Name, such as `binance_usdm:BTCUSDT`.
    pub name: String,
    /// Units and steps.
    pub options: StreamOptions,
}

/// A lane that is open.
#[derive(Clone, Debug)]
pub struct LaneInfo {
    pub number: u16,
    pub options: LaneOptions,
    pub counters: Arc<LaneCounters>,
}

/// A track that is open.
#[derive(Clone, Debug)]
pub struct TrackInfo {
    pub number: u32,
    pub lane: u16,
    pub slot: String,
    pub streams: Vec<u32>,
}

/// Streams by id - 1, and their ids by name.
#[derive(Debug, Default)]
pub struct Streams {
    pub entries: Vec<StreamEntry>,
    ids: HashMap<String, u32>,
}

impl Streams {
    /// The name of a stream that was added; else an empty one.
    pub fn name(&self, id: u32) -> &str {
        (id as usize).checked_sub(1).and_then(|at| self.entries.get(at)).map_or("", |entry| &entry.name)
    }
}

/// Longest name of a stream, bytes.
const STREAM_NAME_MOST: usize = 255;

/// The shared part of an engine.
#[derive(Debug)]
pub struct Shared {
    pub config: EngineConfig,
    pub clock: Clock,
    pub epoch: u64,
    pub store: Store,
    pub streams: RwLock<Streams>,
    pub stream_count: AtomicU32,
    pub lanes: Mutex<Vec<LaneInfo>>,
    pub tracks: Mutex<Vec<TrackInfo>>,
    pub links: Mutex<Vec<LinkInfo>>,
    lane_numbers: Mutex<(Numbers, Vec<u64>)>,
    track_numbers: Mutex<Numbers>,
    link_numbers: Mutex<Numbers>,
    scorer_numbers: Mutex<Numbers>,
    /// Bundles that were opened; those that are gone are forgotten at the next look.
    bundles: Mutex<Vec<Weak<Bundle>>>,
    track_memory: AtomicUsize,
}

/// The newest epoch given in this process: two engines opened in the same nanosecond differ.
static LAST_EPOCH: AtomicU64 = AtomicU64::new(0);

fn unique_epoch() -> u64 {
    let now = system_ns() as u64;
    let last = LAST_EPOCH.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1))).unwrap_or(0);
    now.max(last + 1)
}

impl Shared {
    pub fn new(config: EngineConfig) -> Shared {
        let clock = Clock::new(config.clock);
        let watchdog = Watchdog::new(config.threads > 0);
        let most = config.backends.deadline_us.map_or(Duration::MAX, Duration::from_micros);
        Shared {
            config,
            clock,
            epoch: unique_epoch(),
            store: Store::new(RunPolicy::new(RunLimit { watchdog, most, clock })),
            streams: RwLock::default(),
            stream_count: AtomicU32::new(0),
            lanes: Mutex::default(),
            tracks: Mutex::default(),
            links: Mutex::default(),
            lane_numbers: Mutex::default(),
            track_numbers: Mutex::default(),
            link_numbers: Mutex::default(),
            scorer_numbers: Mutex::default(),
            bundles: Mutex::default(),
            track_memory: AtomicUsize::new(0),
        }
    }

    /// Who ends foreign runs.
    pub fn watchdog(&self) -> &Watchdog {
        &self.store.policy().limit.watchdog
    }

    /// The limit of the runs that check a bundle.
    pub fn bundle_limit(&self) -> RunLimit {
        RunLimit { most: PATIENT_LIMIT, ..self.store.policy().limit.clone() }
    }

    pub fn add_stream(&self, name: &str, options: StreamOptions) -> Result<u32> {
        if name.is_empty() || name.len() > STREAM_NAME_MOST {
            return Err(Error::new(Status::InvalidArgument, format!("a stream's name has 1 to {STREAM_NAME_MOST} bytes, such as binance_spot:BTCUSDT")));
        }
        let mut streams = self.streams.write();
        if let Some(id) = streams.ids.get(name) {
            let known = &streams.entries[*id as usize - 1].options;
            if *known != options {
                return Err(Error::new(Status::Conflict, format!("stream {name} exists with other options: {known:?}")));
            }
            return Ok(*id);
        }
        if streams.entries.len() >= self.config.limits.streams {
            return Err(Error::new(Status::Limit, format!("limits.streams is {}", self.config.limits.streams)));
        }
        streams.entries.push(StreamEntry { name: name.to_owned(), options });
        let id = streams.entries.len() as u32;
        streams.ids.insert(name.to_owned(), id);
        self.stream_count.store(id, Ordering::Release);
        Ok(id)
    }

    /// The first event, when it is well-formed and of a stream that was added.
    #[inline]
    pub fn accept<'s>(&self, slots: &'s [Slot]) -> Result<(EventRef<'s>, EventHead), Refusal> {
        let event = gate::check(slots)?;
        let head = gate::head(slots).unwrap_or_default();
        let whole_lane = matches!(event, EventRef::Mark(_));
        if head.stream > self.stream_count.load(Ordering::Acquire) || (head.stream == 0 && !whole_lane) {
            return Err(Refusal { status: Status::UnknownStream, rule: "head.stream is no id that stream_add has given" });
        }
        Ok((event, head))
    }

    pub fn stream_name(&self, id: u32) -> Result<String> {
        let streams = self.streams.read();
        let entry = (id as usize).checked_sub(1).and_then(|at| streams.entries.get(at));
        entry.map(|entry| entry.name.clone()).ok_or_else(|| Error::new(Status::UnknownStream, format!("stream {id} was not added to this engine")))
    }

    /// Number of a new lane and the count of predictions where it goes on.
    pub fn take_lane(&self) -> Result<(u16, u64)> {
        let mut lanes = self.lane_numbers.lock();
        let most = self.config.limits.lanes;
        if lanes.0.out() >= most {
            return Err(Error::new(Status::Limit, format!("limits.lanes is {most}")));
        }
        let number = lanes.0.take();
        if lanes.1.len() <= number as usize {
            lanes.1.resize(number as usize + 1, 0);
        }
        Ok((number as u16, lanes.1[number as usize]))
    }

    pub fn give_back_lane(&self, number: u16, count: u64) {
        self.lanes.lock().retain(|lane| lane.number != number);
        let mut lanes = self.lane_numbers.lock();
        lanes.1[usize::from(number)] = count;
        lanes.0.give_back(u32::from(number));
    }

    pub fn take_track(&self) -> Result<u32> {
        take(&self.track_numbers, self.config.limits.tracks, "tracks")
    }

    pub fn take_link(&self) -> Result<u32> {
        take(&self.link_numbers, self.config.limits.links, "links")
    }

    pub fn give_back_link(&self, number: u32) {
        self.link_numbers.lock().give_back(number);
    }

    pub fn take_scorer(&self) -> Result<u16> {
        take(&self.scorer_numbers, self.config.limits.scorers, "scorers").map(|number| number as u16)
    }

    pub fn give_back_scorer(&self, number: u16) {
        self.scorer_numbers.lock().give_back(u32::from(number));
    }

    /// What is asked of a slot that serves nothing.
    pub fn serves_none(&self, slot: &str) -> Error {
        let serving: Vec<String> = self.store.slots().iter().map(|slot| slot.name.clone()).collect();
        Error::new(Status::NoBundle, format!("slot \"{slot}\" serves no bundle: publish one first; slots that serve: [{}]", serving.join(", ")))
    }

    pub fn give_back_track(&self, number: u32) {
        self.tracks.lock().retain(|track| track.number != number);
        self.track_numbers.lock().give_back(number);
    }

    /// Refuses what would not fit under `limits.memory_mb`.
    pub fn check_memory(&self, bytes: usize) -> Result<()> {
        let most = (self.config.limits.memory_mb as usize).saturating_mul(1 << 20);
        if most == 0 || self.memory_bytes().saturating_add(bytes) <= most {
            return Ok(());
        }
        Err(Error::new(Status::Limit, format!("limits.memory_mb is {}; {bytes} more bytes do not fit", self.config.limits.memory_mb)))
    }

    /// Takes a bundle into account for as long as anything holds it.
    pub fn add_bundle(&self, bundle: &Arc<Bundle>) -> Result<()> {
        self.check_memory(bundle.memory_bytes())?;
        self.bundles.lock().push(Arc::downgrade(bundle));
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.model_bytes().saturating_add(self.track_bytes())
    }

    /// Bytes of tracks and rings, with what stateful models carry.
    fn track_bytes(&self) -> usize {
        self.track_memory.load(Ordering::Relaxed) + self.store.policy().carried.load(Ordering::Relaxed)
    }

    /// Bytes of the models of all bundles that somebody holds.
    fn model_bytes(&self) -> usize {
        let mut bundles = self.bundles.lock();
        bundles.retain(|bundle| bundle.strong_count() > 0);
        bundles.iter().filter_map(Weak::upgrade).map(|bundle| bundle.memory_bytes()).sum()
    }

    pub fn add_memory(&self, bytes: usize) {
        self.track_memory.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn remove_memory(&self, bytes: usize) {
        self.track_memory.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub fn gauges(&self, lanes: usize) -> Vec<Gauge> {
        vec![
            ("streams", "Streams added.", u64::from(self.stream_count.load(Ordering::Relaxed))),
            ("lanes", "Lanes open.", lanes as u64),
            ("tracks", "Tracks open.", self.track_numbers.lock().out() as u64),
            ("links", "Links open.", self.link_numbers.lock().out() as u64),
            ("scorers", "Scorers open.", self.scorer_numbers.lock().out() as u64),
            ("slots", "Slots that serve.", self.store.slots().len() as u64),
            ("model_memory_bytes", "Models of the bundles that are open or serve.", self.model_bytes() as u64),
            ("track_memory_bytes", "Windows, features and state of tracks, and rings of links.", self.track_bytes() as u64),
        ]
    }
}

/// The next number, as long as fewer than `most` are out.
fn take(numbers: &Mutex<Numbers>, most: usize, what: &str) -> Result<u32> {
    let mut numbers = numbers.lock();
    match numbers.out() < most {
        true => Ok(numbers.take()),
        false => Err(Error::new(Status::Limit, format!("limits.{what} is {most}"))),
    }
}

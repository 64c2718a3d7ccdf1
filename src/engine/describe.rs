//! An engine as people and tools see it.

use serde_json::{Value, json};

use super::link::LinkInfo;
use super::registry::{LaneInfo, Shared, TrackInfo};
use crate::config::{ClockSource, EngineConfig, Idle, LaneOptions, PollPredicts, PollPrepares};
use crate::model::store::Slot;

/// A part of an engine's description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Part {
    /// What it was opened with.
    Config = 1,
    /// Streams by id - 1.
    Streams = 2,
    /// Lanes with their links and counters.
    Lanes = 4,
    /// Tracks with their lanes, slots and streams.
    Tracks = 8,
    /// Slots with what they serve.
    Slots = 16,
    /// What may run models, and what was loaded.
    Backends = 32,
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 6] = [Part::Config, Part::Streams, Part::Lanes, Part::Tracks, Part::Slots, Part::Backends];

    fn name(self) -> &'static str {
        match self {
            Part::Config => "config",
            Part::Streams => "streams",
            Part::Lanes => "lanes",
            Part::Tracks => "tracks",
            Part::Slots => "slots",
            Part::Backends => "backends",
        }
    }
}

impl Shared {
    /// The parts whose bits are set, by name.
    pub(super) fn describe(&self, parts: u32) -> Value {
        let chosen = Part::ALL.into_iter().filter(|part| parts & *part as u32 != 0);
        chosen.map(|part| (part.name().to_owned(), self.describe_part(part))).collect()
    }

    fn describe_part(&self, part: Part) -> Value {
        match part {
            Part::Config => describe_config(&self.config),
            Part::Streams => self.describe_streams(),
            Part::Lanes => self.lanes.lock().iter().map(|lane| describe_lane(lane, &self.links.lock())).collect(),
            Part::Tracks => self.tracks.lock().iter().map(|track| self.describe_track(track)).collect(),
            Part::Slots => self.store.slots().iter().map(|slot| describe_slot(slot)).collect(),
            Part::Backends => self.describe_backends(),
        }
    }

    fn describe_streams(&self) -> Value {
        let streams = self.streams.read();
        let one = |(at, entry): (usize, &super::StreamEntry)| {
            let options = &entry.options;
            json!({
                "id": at + 1, "name": entry.name, "price_unit": options.price_unit, "size_unit": options.size_unit, "tick": options.tick, "lot": options.lot,
            })
        };
        streams.entries.iter().enumerate().map(one).collect()
    }

    fn describe_track(&self, track: &TrackInfo) -> Value {
        let streams: Vec<Value> = track.streams.iter().map(|id| json!({ "id": id, "name": self.stream_name(*id).unwrap_or_default() })).collect();
        json!({ "number": track.number, "lane": track.lane, "slot": track.slot, "streams": streams })
    }

    fn describe_backends(&self) -> Value {
        let backends = &self.config.backends;
        let (ort, rten) = (backends.ort && cfg!(feature = "ort"), backends.rten && cfg!(feature = "rten"));
        json!({ "native": backends.native, "ort": ort, "rten": rten, "ort_library": loaded() })
    }
}

/// ONNX Runtime as it was loaded; null while nothing has needed it.
#[cfg(feature = "ort")]
fn loaded() -> Value {
    let describe = |runtime: std::sync::Arc<crate::model::ort::Runtime>| {
        let path = runtime.path.display().to_string();
        json!({ "path": path, "build": runtime.build, "sha256": crate::model::manifest::hex(&runtime.sha256) })
    };
    crate::model::ort::loaded().map_or(Value::Null, describe)
}

#[cfg(not(feature = "ort"))]
fn loaded() -> Value {
    Value::Null
}

fn describe_config(config: &EngineConfig) -> Value {
    let limits = &config.limits;
    json!({
        "threads": config.threads,
        "clock": match config.clock { ClockSource::System => "system", ClockSource::Host => "host" },
        "limits": {
            "streams": limits.streams, "lanes": limits.lanes, "tracks": limits.tracks, "links": limits.links, "scorers": limits.scorers,
            "slots": limits.slots, "memory_mb": limits.memory_mb,
        },
        "housekeeping": {
            "interval_ms": config.housekeeping_ms, "core": core(config.housekeeping_core), "close_timeout_ms": config.close_timeout_ms,
            "idle_revoke_ms": config.idle_revoke_ms,
        },
        "publish": { "keep_previous": config.keep_previous },
        "monitor": { "latency": config.latency },
    })
}

/// As the options name it: -1 is none.
fn core(core: Option<u32>) -> i64 {
    core.map_or(-1, i64::from)
}

fn describe_options(options: &LaneOptions) -> Value {
    json!({
        "worker": options.worker, "core": core(options.core), "sleep_us": options.sleep_us, "advance_lag_ms": options.advance_lag_ms.unwrap_or(0),
        "idle": match options.idle { Idle::Spin => "spin", Idle::Yield => "yield", Idle::Sleep => "sleep" },
        "predict": match options.predict { PollPredicts::Step => "step", PollPredicts::Request => "request" },
        "prepare": match options.prepare { PollPrepares::Request => "request", PollPrepares::Idle => "idle" },
    })
}

fn describe_lane(lane: &LaneInfo, links: &[LinkInfo]) -> Value {
    let counters = lane.counters.by_name().map(|(name, count)| (name.to_owned(), Value::from(count)));
    let links: Vec<Value> = links.iter().filter(|link| link.lane == lane.number).map(describe_link).collect();
    json!({ "number": lane.number, "options": describe_options(&lane.options), "links": links, "counters": counters.collect::<Value>() })
}

fn describe_link(link: &LinkInfo) -> Value {
    let conflate = [("quote", link.options.conflate_quotes), ("book", link.options.conflate_books)];
    let conflate: Vec<&str> = conflate.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
    let counters = link.view.counters();
    json!({
        "number": link.number, "slots": link.options.slots, "conflate": conflate, "waiting": link.view.waiting(),
        "conflated": counters.conflated.get(), "full": counters.full.get(),
    })
}

fn describe_slot(slot: &Slot) -> Value {
    let serving = slot.current().map(|generation| {
        let on = generation.switches.on();
        let members = generation.bundle.members.iter().enumerate();
        let member = |(at, member): (usize, &crate::model::bundle::Member)| {
            let backend = crate::types::prediction::backend::name(member.backend.bits());
            json!({
                "name": member.spec.name, "on": on.contains(at), "backend": backend, "why": member.why,
                "precision": member.spec.precision.name(), "precision_error": member.precision_error,
            })
        };
        json!({
            "generation": generation.number, "bundle": generation.bundle.manifest.title(), "digest": crate::model::manifest::hex(&generation.bundle.digest),
            "members": members.map(member).collect::<Vec<_>>(),
        })
    });
    json!({ "number": slot.number, "name": slot.name, "on": slot.is_on(), "serving": serving })
}

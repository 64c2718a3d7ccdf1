//! Composition root: an engine owns streams, slots and limits; lanes and their tracks do the work.
//!
//! An [`Engine`] is shared by threads. A [`Lane`] belongs to one caller at a time, which Rust's `&mut`
//! says; nothing on its way is locked or shared.

mod ahead;
mod answer;
mod caller_row;
mod carry;
mod describe;
mod extractor;
mod feed;
mod housekeeping;
mod lane;
mod link;
mod members;
mod numbers;
mod outputs;
mod pin;
mod past;
mod predict;
mod registry;
mod result;
mod scorer;
mod switch;
mod track;
mod worker;

pub use answer::{Answer, MemberAnswer, OutputAnswer};
pub use describe::Part;
pub use extractor::Extractor;
pub use feed::Row;
pub use lane::{Lane, PushError, TrackId};
pub use link::{FanOut, Link, LinkError, LinkInfo};
pub use pin::pin_to_core;
pub use registry::StreamEntry;
pub use result::{ResultMemory, ResultWriter};
pub use scorer::{RowValues, SCORER_RAW, Scorer, ScorerInfo};
pub use switch::TrackSwitch;
pub use track::{Details, TRACK_ANY_STREAM};
pub use worker::Worker;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, moment};
use crate::config::{EngineConfig, LaneOptions, StreamOptions};
use crate::error::{Error, Result, Status};
use crate::model::bundle::Bundle;
use crate::model::store::Publish;
use crate::monitor::metrics::exposition;
use housekeeping::Housekeeping;
use registry::Shared;

/// An engine: streams, slots with their bundles, lanes.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    /// Joined when this is dropped.
    _housekeeping: Option<Housekeeping>,
}

impl Engine {
    /// Opens an engine; starts the housekeeping thread unless `threads = 0`.
    ///
    /// # Errors
    /// `THREAD` when the thread cannot be started; `RUNTIME_*` and `CONFLICT` when `models.ort_library` names a library that
    /// cannot be used.
    pub fn open(config: EngineConfig) -> Result<Engine> {
        #[cfg(feature = "ort")]
        if let Some(library) = config.backends.ort_library.as_deref().filter(|_| config.backends.ort) {
            crate::model::ort::runtime(Some(library))?;
        }
        let threads = config.threads;
        let shared = Arc::new(Shared::new(config));
        let housekeeping = if threads > 0 { Some(Housekeeping::start(shared.clone())?) } else { None };
        Ok(Engine { shared, _housekeeping: housekeeping })
    }

    /// Opens an engine by its options' text.
    ///
    /// # Errors
    /// `CONFIG_SYNTAX`, `CONFIG_KEY`, `CONFIG_VALUE`; as [`Engine::open`].
    pub fn open_text(options: &str) -> Result<Engine> {
        Engine::open(EngineConfig::parse(options)?)
    }

    /// What the engine was opened with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// Adds a stream and answers its id, from 1; the same name with the same options answers the same id.
    ///
    /// # Errors
    /// `CONFLICT` for other options, `LIMIT`, `INVALID_ARGUMENT` for an empty name, `CONFIG_*`.
    pub fn add_stream(&self, name: &str, options: &str) -> Result<u32> {
        self.shared.add_stream(name, StreamOptions::parse(options)?)
    }

    /// Streams added so far, by id - 1.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamEntry> {
        self.shared.streams.read().entries.clone()
    }

    /// Reads and verifies a bundle; nothing serves yet.
    ///
    /// # Errors
    /// As [`Bundle::open`]; `LIMIT` when it would exceed `limits.memory_mb`.
    pub fn open_bundle(&self, path: &Path) -> Result<Arc<Bundle>> {
        let bundle = Arc::new(Bundle::open(path, &self.shared.config.backends, &self.shared.bundle_limit())?);
        self.shared.add_bundle(&bundle)?;
        Ok(bundle)
    }

    /// Publishes bundles under slots, all or none; answers the generations.
    ///
    /// # Errors
    /// `SCHEMA_DIFFERS` with the diff, `ROLES`, `CONFLICT`, `INVALID_ARGUMENT`; `LIMIT` too when the states that stateful models carry of
    /// the tracks that are open do not fit under `limits.memory_mb`.
    pub fn publish(&self, items: &[Publish]) -> Result<Vec<u64>> {
        if let bytes @ 1.. = items.iter().map(|item| self.shared.store.carried_bytes(&item.slot, &item.bundle)).sum() {
            self.shared.check_memory(bytes)?;
        }
        self.shared.store.publish(items, self.shared.config.limits.slots, self.shared.config.keep_previous)
    }

    /// Publishes one bundle under one slot.
    ///
    /// # Errors
    /// As [`Engine::publish`].
    pub fn publish_one(&self, slot: &str, bundle: Arc<Bundle>) -> Result<u64> {
        let numbers = self.publish(&[Publish { slot: slot.to_owned(), bundle, replace: false }])?;
        Ok(numbers.first().copied().unwrap_or(0))
    }

    /// Switches a whole slot off or on, from any thread: while it is off its predictions abstain with `DISABLED`, whatever is
    /// published meanwhile.
    ///
    /// # Errors
    /// `NOT_FOUND` with the slots that there are.
    pub fn enable_slot(&self, slot: &str, on: bool) -> Result<()> {
        self.shared.store.switch(slot, None, on)
    }

    /// Switches one member of what a slot serves off or on, from any thread. The manifest's `enabled` is the start; a member that
    /// was switched stays so in what is published later under the slot, by its name, until a bundle without that name serves.
    ///
    /// # Errors
    /// `NOT_FOUND` with the names that there are.
    pub fn enable_member(&self, slot: &str, member: &str, on: bool) -> Result<()> {
        self.shared.store.switch(slot, Some(member), on)
    }

    /// Opens a lane, which the caller owns and drives.
    ///
    /// # Errors
    /// `LIMIT`, `CONFIG_*`; `CONFIG_VALUE` when the options ask for a worker.
    pub fn open_lane(&self, options: &str) -> Result<Lane> {
        match LaneOptions::parse(options)? {
            LaneOptions { worker: true, .. } => Err(Error::new(Status::ConfigValue, "worker = true: such a lane is opened with open_worker".to_owned())),
            options => Lane::open(self.shared.clone(), options),
        }
    }

    /// Opens a lane with a thread of its own, which drains the lane's links until the answer is dropped.
    ///
    /// # Errors
    /// `LIMIT`, `CONFIG_*`; `THREAD` when the thread cannot be started, or not be pinned to the core that the options name.
    pub fn open_worker(&self, options: &str) -> Result<Worker> {
        Worker::start(Lane::open(self.shared.clone(), LaneOptions { worker: true, ..LaneOptions::parse(options)? })?)
    }

    /// Opens a scorer of one model of what a slot serves now; the caller owns it. `flags`: [`SCORER_RAW`] or 0.
    ///
    /// # Errors
    /// `NO_BUNDLE`, `NOT_FOUND` with the models' names, `LIMIT`, `INVALID_ARGUMENT` for an unknown flag, `UNSUPPORTED` naming the
    /// feature that cannot be scaled from a single row; what the model's backend says when no working copy can be made.
    pub fn open_scorer(&self, slot: &str, model: &str, flags: u32) -> Result<Scorer> {
        Scorer::open(self.shared.clone(), slot, model, flags)
    }

    /// Ends foreign runs that are in flight and lets no new one begin, so that their callers come back; `false` undoes it.
    pub fn stop_runs(&self, stop: bool) {
        self.shared.watchdog().close(stop);
    }

    /// Does the housekeeping of an engine with `threads = 0`: newer models are handed over to idle lanes, replaced ones are freed.
    /// Answers whether work is left. What is begun is finished, so this may take longer than the budget by the time that freeing
    /// one model takes (a session of ONNX Runtime: milliseconds).
    ///
    /// # Errors
    /// `WRONG_STATE` unless `threads = 0`: then the engine's own thread does this.
    pub fn maintain(&self, budget: Duration) -> Result<bool> {
        match self.shared.config.threads {
            0 => Ok(housekeeping::tidy(&self.shared, moment().checked_add(budget))),
            _ => {
                Err(Error::new(Status::WrongState, "the engine has a housekeeping thread; open it with threads = 0 to do the housekeeping yourself".to_owned()))
            }
        }
    }

    /// Counters, gauges and sampled latencies as Prometheus text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let lanes = self.shared.lanes.lock();
        let counters: Vec<_> = lanes.iter().map(|lane| (lane.number, &*lane.counters)).collect();
        let mut text = exposition(&self.shared.gauges(counters.len()), &counters);
        self.shared.expose_links(&mut text);
        text
    }

    /// The engine as JSON: one entry for each of the [`Part`]s whose bits are set.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for no part, or an unknown one.
    pub fn describe(&self, parts: u32) -> Result<serde_json::Value> {
        let known = Part::ALL.into_iter().fold(0, |bits, part| bits | part as u32);
        match parts != 0 && parts & !known == 0 {
            true => Ok(self.shared.describe(parts)),
            false => Err(Error::new(Status::InvalidArgument, format!("parts {parts:#x}: one or more of the bits {known:#x}"))),
        }
    }
}

impl Drop for Engine {
    /// Lanes may outlive their engine; nobody would end what they run.
    fn drop(&mut self) {
        self.stop_runs(true);
    }
}

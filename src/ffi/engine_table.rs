//! Engines and their bundles behind their handles: cold paths, behind locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};

use super::cell::Refused;
use super::error::{Fail, Outcome};
use super::handle::{ENGINES_MOST, HandleKind, INVALID, Key, next_generation};
use super::lane_table::ClaimedLanes;
use super::link::LINKS;
use super::scorer::SCORERS;
use crate::engine::Engine;
use crate::error::{Error, Status};
use crate::model::bundle::Bundle;

/// An engine that is open.
pub struct EngineEntry {
    /// The engine.
    pub engine: Engine,
    /// Its number, from 1.
    pub number: u16,
    bundles: Mutex<Vec<Option<OpenBundle>>>,
    /// A panic left it half changed.
    poisoned: AtomicBool,
}

/// A bundle with the generation of its handle.
type OpenBundle = (u32, Arc<Bundle>);

struct Place {
    generation: u32,
    closing: bool,
    entry: Arc<EngineEntry>,
}

/// Engines by number - 1.
static ENGINES: RwLock<Vec<Option<Place>>> = RwLock::new(Vec::new());

/// Gives a new engine its handle.
pub fn open_engine(engine: Engine) -> Outcome<u64> {
    let mut places = ENGINES.write();
    let at = free_place(&mut places, ENGINES_MOST)
        .ok_or_else(|| Error::new(Status::Limit, format!("{ENGINES_MOST} engines are open in this process; close one")))?;
    let key = Key { engine: at as u16 + 1, generation: next_generation(), index: 0 };
    let entry = EngineEntry { engine, number: key.engine, bundles: Mutex::default(), poisoned: AtomicBool::new(false) };
    places[at] = Some(Place { generation: key.generation, closing: false, entry: Arc::new(entry) });
    Ok(key.pack(HandleKind::Engine))
}

/// The first free place, made when there is none; `None` when all are taken.
fn free_place<T>(places: &mut Vec<Option<T>>, most: usize) -> Option<usize> {
    let at = places.iter().position(Option::is_none).unwrap_or(places.len());
    if at == places.len() && at < most {
        places.push(None);
    }
    (at < places.len()).then_some(at)
}

/// Lets `work` use an engine, together with other callers; a panic poisons it.
pub fn with_engine<R>(handle: u64, work: impl FnOnce(&EngineEntry) -> Outcome<R>) -> Outcome<R> {
    let key = Key::unpack(HandleKind::Engine, handle)?;
    let entry = find(key.engine, Some(key.generation))?;
    enter(&entry, work)
}

/// As [`with_engine`], for work that changes nothing shared before it can panic: the engine goes on.
pub fn beside_engine<R>(handle: u64, work: impl FnOnce(&EngineEntry) -> Outcome<R>) -> Outcome<R> {
    let key = Key::unpack(HandleKind::Engine, handle)?;
    let entry = find(key.engine, Some(key.generation))?;
    match entry.poisoned.load(Ordering::Acquire) {
        true => Err(Refused::Poisoned.into()),
        false => work(&entry),
    }
}

fn find(number: u16, generation: Option<u32>) -> Outcome<Arc<EngineEntry>> {
    let places = ENGINES.read();
    let place = usize::from(number).checked_sub(1).and_then(|at| places.get(at)?.as_ref());
    let place = place.filter(|place| generation.is_none_or(|generation| generation == place.generation)).ok_or(INVALID)?;
    match place.closing {
        true => Err(Refused::Closing.into()),
        false => Ok(place.entry.clone()),
    }
}

fn enter<R>(entry: &EngineEntry, work: impl FnOnce(&EngineEntry) -> Outcome<R>) -> Outcome<R> {
    if entry.poisoned.load(Ordering::Acquire) {
        return Err(Refused::Poisoned.into());
    }
    let mut leave = Leave { poisoned: &entry.poisoned, well: false };
    let answer = work(entry);
    leave.well = true;
    answer
}

/// Poisons the engine when a panic passes.
struct Leave<'e> {
    poisoned: &'e AtomicBool,
    well: bool,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.well {
            self.poisoned.store(true, Ordering::Release);
        }
    }
}

/// Closes an engine, poisoned or not: waits for the callers inside, then ends links, lanes, tracks, scorers, bundles.
pub fn close_engine(handle: u64) -> Outcome {
    let closing = Closing::begin(Key::unpack(HandleKind::Engine, handle)?)?;
    closing.entry.engine.stop_runs(true);
    let deadline = Instant::now() + Duration::from_millis(closing.entry.engine.config().close_timeout_ms);
    if !quiet(&closing.entry, deadline) {
        return Err(Fail::Plain(Status::Busy, "callers were still inside after housekeeping.close_timeout_ms; the engine stays open"));
    }
    let ended = ENGINES.write().get_mut(closing.at).and_then(Option::take);
    drop(closing);
    // Ending an engine joins its thread, which others need not wait for: the table is not locked here.
    drop(ended);
    Ok(())
}

/// An engine that is being closed; it goes on when this is dropped before its place is empty.
struct Closing {
    at: usize,
    generation: u32,
    entry: Arc<EngineEntry>,
}

impl Closing {
    fn begin(key: Key) -> Outcome<Closing> {
        let at = usize::from(key.engine).checked_sub(1).ok_or(INVALID)?;
        let mut places = ENGINES.write();
        let place = places.get_mut(at).and_then(Option::as_mut).filter(|place| place.generation == key.generation).ok_or(INVALID)?;
        if place.closing {
            return Err(Refused::Closing.into());
        }
        place.closing = true;
        Ok(Closing { at, generation: key.generation, entry: place.entry.clone() })
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let mut places = ENGINES.write();
        let place = places.get_mut(self.at).and_then(Option::as_mut);
        if let Some(place) = place.filter(|place| place.generation == self.generation) {
            self.entry.engine.stop_runs(false);
            place.closing = false;
        }
    }
}

/// Waits until no other caller is inside, then closes links, lanes and scorers; false when the time is up.
fn quiet(entry: &Arc<EngineEntry>, deadline: Instant) -> bool {
    // The table and this caller hold one reference each.
    const OURS: usize = 2;
    let (mut lanes, mut links, mut scorers) = (ClaimedLanes::new(entry.number), LINKS.claims(entry.number), SCORERS.claims(entry.number));
    loop {
        // They come second: a caller inside the engine may be opening one. Neither waits for the other to be idle.
        if Arc::strong_count(entry) <= OURS && lanes.take() & links.take() & scorers.take() {
            links.close();
            lanes.close();
            scorers.close();
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

impl EngineEntry {
    /// Gives a bundle its handle.
    pub fn add_bundle(&self, bundle: Arc<Bundle>) -> Outcome<u64> {
        let mut bundles = self.bundles.lock();
        let at = free_place(&mut bundles, 1 << 24).ok_or(Fail::Plain(Status::Limit, "16,777,216 bundles are open; close some"))?;
        let generation = next_generation();
        bundles[at] = Some((generation, bundle));
        Ok(Key { engine: self.number, generation, index: at as u32 }.pack(HandleKind::Bundle))
    }

    /// A bundle of this engine.
    pub fn bundle(&self, handle: u64) -> Outcome<Arc<Bundle>> {
        let key = Key::unpack(HandleKind::Bundle, handle)?;
        let bundles = self.bundles.lock();
        let found = bundles.get(key.index as usize).and_then(Option::as_ref).filter(|(generation, _)| *generation == key.generation);
        found.filter(|_| key.engine == self.number).map(|(_, bundle)| bundle.clone()).ok_or(INVALID)
    }
}

/// Lets `work` use a bundle.
pub fn with_bundle<R>(handle: u64, work: impl FnOnce(&Bundle) -> Outcome<R>) -> Outcome<R> {
    let key = Key::unpack(HandleKind::Bundle, handle)?;
    let entry = find(key.engine, None)?;
    enter(&entry, |entry| work(&*entry.bundle(handle)?))
}

/// Closes a bundle's handle; what was published from it lives on.
pub fn close_bundle(handle: u64) -> Outcome {
    let key = Key::unpack(HandleKind::Bundle, handle)?;
    let entry = find(key.engine, None)?;
    entry.bundle(handle)?;
    let closed = entry.bundles.lock()[key.index as usize].take_if(|(generation, _)| *generation == key.generation);
    closed.map(drop).ok_or(INVALID)
}

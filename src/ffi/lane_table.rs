//! Lanes and tracks behind their handles: found and entered without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cell::{Claim, OwnerCell};
use super::claims::Claims;
use super::error::{Fail, Outcome};
use super::grow::Grow;
use super::handle::{HandleKind, INVALID, Key, NO_ROOM, next_generation};
use crate::engine::{Lane, TrackId, TrackSwitch, Worker};
use crate::error::Status;

/// Places of an engine's lanes and tracks; kept for the next engine of the same number.
#[derive(Default)]
struct Block {
    lanes: Grow<OwnerCell<LaneEntry>>,
    tracks: Grow<TrackCell>,
}

static BLOCKS: Grow<Block> = Grow::new();

/// A lane: the host's own, or its worker's.
pub enum Seated {
    /// Driven by the host's calls.
    Lane(Box<Lane>),
    /// Driven by a thread of its own.
    Worker(Worker),
}

impl Seated {
    fn number(&self) -> u16 {
        match self {
            Seated::Lane(lane) => lane.number(),
            Seated::Worker(worker) => worker.number(),
        }
    }
}

const HAS_WORKER: Fail = Fail::Plain(Status::WrongState, "the lane belongs to its worker: push into links, read result memory");

/// A lane with the handles of its tracks.
pub struct LaneEntry {
    seated: Seated,
    key: Key,
    /// Handles by the track's place in the lane, 0 where none is open.
    handles: Vec<u64>,
}

/// Where a track is: changed only by the owner of its lane, but for the switch.
#[derive(Default)]
struct TrackCell {
    /// The track's handle while it is open, else 0.
    handle: AtomicU64,
    /// The lane's handle.
    lane: AtomicU64,
    /// Place in the lane.
    place: AtomicU64,
    /// The veto of the track that is here; who owns it is the generation of its handle.
    switch: TrackSwitch,
}

/// Gives a new lane its handle.
pub fn open_lane(engine: u16, seated: Seated) -> Outcome<u64> {
    let key = Key { engine, generation: next_generation(), index: u32::from(seated.number()) };
    let cell = BLOCKS.make(u32::from(engine)).and_then(|block| block.lanes.make(key.index)).ok_or(NO_ROOM)?;
    cell.open(key.generation, LaneEntry { seated, key, handles: Vec::new() }).map_err(|_| NO_ROOM)?;
    Ok(key.pack(HandleKind::Lane))
}

/// Enters a lane: one caller at a time, BUSY for another.
#[inline]
pub fn with_lane<R>(handle: u64, work: impl FnOnce(&mut LaneEntry) -> Outcome<R>) -> Outcome<R> {
    let (cell, key) = lane_cell(handle)?;
    cell.with(key.generation, work)?
}

#[inline]
fn lane_cell(handle: u64) -> Outcome<(&'static OwnerCell<LaneEntry>, Key)> {
    let key = Key::unpack(HandleKind::Lane, handle)?;
    let cell = BLOCKS.get(u32::from(key.engine)).and_then(|block| block.lanes.get(key.index));
    Ok((cell.ok_or(INVALID)?, key))
}

/// Closes a lane and its tracks, poisoned or not.
pub fn close_lane(handle: u64) -> Outcome {
    let (cell, key) = lane_cell(handle)?;
    close_claimed(cell.claim(key.generation)?);
    Ok(())
}

/// The lane itself ends after its handle, so that its number is free only when its place is.
fn close_claimed(claim: Claim<'_, LaneEntry>) {
    drop(claim.close(|entry| entry.handles.iter().filter(|handle| **handle != 0).for_each(|handle| forget_track(*handle))));
}

/// Lanes of an engine that is about to be closed; dropping this lets them go on.
pub struct ClaimedLanes {
    engine: u16,
    claims: Claims<LaneEntry>,
}

impl ClaimedLanes {
    /// None yet.
    pub fn new(engine: u16) -> ClaimedLanes {
        ClaimedLanes { engine, claims: Claims::none() }
    }

    /// As [`Claims::take`].
    pub fn take(&mut self) -> bool {
        self.claims.take(BLOCKS.get(u32::from(self.engine)).into_iter().flat_map(|block| block.lanes.iter()))
    }

    /// Closes them all.
    pub fn close(self) {
        self.claims.close(close_claimed);
    }
}

fn track_cell(handle: u64) -> Outcome<(&'static TrackCell, Key)> {
    let key = Key::unpack(HandleKind::Track, handle)?;
    let cell = BLOCKS.get(u32::from(key.engine)).and_then(|block| block.tracks.get(key.index));
    Ok((cell.ok_or(INVALID)?, key))
}

fn forget_track(handle: u64) {
    if let Ok((cell, _)) = track_cell(handle) {
        let _ = cell.handle.compare_exchange(handle, 0, Ordering::Release, Ordering::Relaxed);
    }
}

impl LaneEntry {
    /// Gives a track of this lane its handle.
    pub fn add_track(&mut self, id: TrackId) -> Outcome<u64> {
        let key = Key { engine: self.key.engine, generation: next_generation(), index: id.number };
        let handle = key.pack(HandleKind::Track);
        let cell = BLOCKS.make(u32::from(key.engine)).and_then(|block| block.tracks.make(key.index)).ok_or(NO_ROOM)?;
        cell.lane.store(self.key.pack(HandleKind::Lane), Ordering::Release);
        cell.place.store(u64::from(id.place), Ordering::Release);
        cell.switch.hand_over(key.generation);
        let switch = cell.switch.clone();
        self.let_in(|lane| lane.use_switch(id, switch))??;
        cell.handle.store(handle, Ordering::Release);
        let place = id.place as usize;
        self.handles.resize(self.handles.len().max(place + 1), 0);
        self.handles[place] = handle;
        Ok(handle)
    }

    /// Number of the engine.
    pub fn engine(&self) -> u16 {
        self.key.engine
    }

    /// The lane, for what its driver does.
    ///
    /// # Errors
    /// `WRONG_STATE` when that is its worker.
    #[inline]
    pub fn own(&mut self) -> Outcome<&mut Lane> {
        match &mut self.seated {
            Seated::Lane(lane) => Ok(lane),
            Seated::Worker(_) => Err(HAS_WORKER),
        }
    }

    /// Lets `work` have the lane, a worker's between two polls.
    ///
    /// # Errors
    /// `POISONED` when the worker panicked.
    #[inline]
    pub fn let_in<R>(&mut self, work: impl FnOnce(&mut Lane) -> R) -> Outcome<R> {
        match &mut self.seated {
            Seated::Lane(lane) => Ok(work(lane)),
            Seated::Worker(worker) => Ok(worker.with(work)?),
        }
    }

    /// The lane as [`LaneEntry::own`], and the handles of its tracks by place.
    pub fn parts(&mut self) -> Outcome<(&mut Lane, &[u64])> {
        match &mut self.seated {
            Seated::Lane(lane) => Ok((lane, &self.handles)),
            Seated::Worker(_) => Err(HAS_WORKER),
        }
    }
}

/// Enters the lane of a track; the track stays open while the caller is inside.
#[inline]
pub fn with_track<R>(handle: u64, work: impl FnOnce(&mut LaneEntry, TrackId) -> Outcome<R>) -> Outcome<R> {
    let (cell, key) = track_cell(handle)?;
    if cell.handle.load(Ordering::Acquire) != handle {
        return Err(INVALID);
    }
    // The track may close, and its place be given to another, before the lane is entered; who opens or
    // closes a track owns its lane, so the second look holds for as long as we are inside.
    with_lane(cell.lane.load(Ordering::Acquire), |entry| {
        if cell.handle.load(Ordering::Acquire) != handle {
            return Err(INVALID);
        }
        let place = cell.place.load(Ordering::Relaxed) as u32;
        work(entry, TrackId { number: key.index, place })
    })
}

/// Permits a track's predictions or vetoes them, without its lane.
pub fn enable_track(handle: u64, on: bool) -> Outcome {
    let (cell, key) = track_cell(handle)?;
    // The track may close between the look and the switch, and another take its place: then the switch has another owner.
    let switched = cell.handle.load(Ordering::Acquire) == handle && cell.switch.set_for(key.generation, on);
    if switched { Ok(()) } else { Err(INVALID) }
}

/// Closes a track; on a poisoned lane only its handle ends, the rest with the lane.
pub fn close_track(handle: u64) -> Outcome {
    let closed = with_track(handle, |entry, id| {
        forget_track(handle);
        entry.handles[id.place as usize] = 0;
        Ok(entry.let_in(|lane| lane.close_track(id))??)
    });
    match closed {
        Err(fail) if fail.status() == Status::Poisoned => {
            forget_track(handle);
            Ok(())
        }
        other => other,
    }
}

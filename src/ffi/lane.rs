//! Lanes.

use std::ffi::{c_char, c_void};

use super::abi::{FlowRecord, StatusCode};
use super::engine_table::with_engine;
use super::flow::FlowOut;
use super::guard::guard;
use super::handle::{EngineHandle, LaneHandle, TrackHandle};
use super::lane_table::{Seated, close_lane, open_lane, with_lane};
use super::pointer::{Out, OutArray, events, text};
use crate::config::LaneOptions;

/// Opens a lane: one working set of tracks, used by one caller at a time, from any thread. `options`: worker (false;
/// true starts a thread that drains the lane's links), core (pins it), idle ("yield", or "spin", "sleep": what it
/// does when nothing waits), sleep_us (50), predict ("step": a poll predicts every step and publishes; "request": it
/// only steps), advance_lag_ms (0, off; a poll also advances the lane to its time less this), prepare ("request"; "idle":
/// a poll works ahead, as foretick_track_prepare does, when it has published and nothing waits).
///
/// A lane with a worker belongs to it: push, advance, poll, due, predict and predict_row answer WRONG_STATE; links
/// are the way in, result memory the way out. Other calls on the lane and its tracks are let in between two polls.
///
/// threads: CONTROL. cost: allocates.
/// options: borrows (call), TOML, NULL with 0 means defaults. lane: borrows (call).
/// errors: LIMIT, CONFIG_*, THREAD when the worker cannot be started or pinned.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_open(engine: EngineHandle, options: *const c_char, options_len: usize, lane: *mut LaneHandle) -> StatusCode {
    guard("foretick_lane_open", || {
        // SAFETY: the header's rule of pointers.
        let (options, out) = unsafe { (text(options, options_len, "options")?, Out::of(lane, "lane")?) };
        let id = with_engine(engine.id, |entry| {
            let seated = match LaneOptions::parse(options)?.worker {
                true => Seated::Worker(entry.engine.open_worker(options)?),
                false => Seated::Lane(Box::new(entry.engine.open_lane(options)?)),
            };
            open_lane(entry.number, seated)
        })?;
        out.put(LaneHandle { id });
        Ok(())
    })
}

/// Closes a lane and its tracks; ends its worker. Links into it answer WRONG_STATE from then on. Closing the zero
/// handle is fine.
///
/// threads: CONTROL. cost: frees; waits for the worker's poll.
/// errors: BUSY while a caller is inside: nothing is closed.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_lane_close(lane: LaneHandle) -> StatusCode {
    guard("foretick_lane_close", || if lane.id == 0 { Ok(()) } else { close_lane(lane.id) })
}

/// Takes events until one closes a step or all are taken; flow.taken says how far. An error means that
/// the first event was refused and nothing was taken.
///
/// threads: ONE LANE. cost: hot.
/// events: borrows (call), 8-byte aligned, `slots` slots of 64 bytes; NULL with 0 is fine.
/// flow: borrows (call), written on success.
/// errors: EVENT_SHAPE, EVENT_RESERVED, NOT_FINITE, RANGE, UNKNOWN_STREAM, BUSY, ALIGNMENT, SHAPE; WRONG_STATE with
/// a worker.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_push(lane: LaneHandle, events: *const c_void, slots: usize, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_push", || {
        // SAFETY: the header's rule of pointers.
        let (slots, out) = unsafe { (self::events(events, slots)?, FlowOut::of(flow)?) };
        out.put(&with_lane(lane.id, |entry| Ok(entry.own()?.push(slots)?))?);
        Ok(())
    })
}

/// Promises that nothing known at `until_ns` or before will follow, and closes the steps up to it.
///
/// threads: ONE LANE. cost: hot.
/// flow: borrows (call), written on success.
/// errors: RANGE, BUSY, WRONG_STATE with a worker.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_advance(lane: LaneHandle, until_ns: i64, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_advance", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { FlowOut::of(flow)? };
        out.put(&with_lane(lane.id, |entry| Ok(entry.own()?.advance(until_ns)?))?);
        Ok(())
    })
}

/// The tracks with a closed step that nobody asked for, in no particular order.
///
/// threads: ONE LANE. cost: hot.
/// tracks, len: borrows (call); NULL with 0 asks for the number.
/// errors: BUFFER_TOO_SMALL with the needed number, BUSY, WRONG_STATE with a worker.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_due(lane: LaneHandle, tracks: *mut TrackHandle, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_lane_due", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { OutArray::of(tracks, cap, len, "tracks")? };
        with_lane(lane.id, |entry| {
            let (lane, handles) = entry.parts()?;
            let count = lane.waiting() as usize;
            out.fill(count, lane.due().map(|id| TrackHandle { id: handles[id.place as usize] }))
        })
    })
}

/// Drains the lane's links: takes the oldest known_ns of all of them first, until nothing waits or `max_slots` slots
/// were taken, the last event whole (0: as many as the links hold). Every step that closes is predicted at once and
/// published to the track's result memory; with predict = "request" this returns after an event that closes a step.
/// `now_ns` is the time of the decisions, 0 takes the engine's clock. A mark ADVANCE in a link is its producer's
/// promise; the lane advances to the least promise of the links that have made one.
///
/// threads: ONE LANE. cost: hot with native models.
/// flow: borrows (call), written on success: taken, closed, predicted, skipped (a bar that no track can use too).
/// errors: INVALID_ARGUMENT for a negative time, or 0 when the clock is the host's; BUSY, WRONG_STATE with a worker.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_poll(lane: LaneHandle, max_slots: usize, now_ns: i64, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_poll", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { FlowOut::of(flow)? };
        out.put(&with_lane(lane.id, |entry| Ok(entry.own()?.poll(max_slots, now_ns)?))?);
        Ok(())
    })
}

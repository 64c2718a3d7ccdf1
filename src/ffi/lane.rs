//! Lanes.

use std::ffi::{c_char, c_void};

use super::abi::{FlowRecord, StatusCode};
use super::engine_table::with_engine;
use super::error::Outcome;
use super::guard::guard;
use super::handle::{EngineHandle, LaneHandle, TrackHandle};
use super::lane_table::{close_lane, open_lane, with_lane};
use super::pointer::{Out, OutArray, events, text};
use super::sized::{stated, write};
use crate::types::Flow;

/// Opens a lane: one working set of tracks, used by one caller at a time, from any thread.
///
/// threads: CONTROL. cost: allocates.
/// options: borrows (call), TOML, NULL with 0 means defaults. lane: borrows (call).
/// errors: LIMIT, CONFIG_*.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_open(engine: EngineHandle, options: *const c_char, options_len: usize, lane: *mut LaneHandle) -> StatusCode {
    guard("foretick_lane_open", || {
        // SAFETY: the header's rule of pointers.
        let (options, out) = unsafe { (text(options, options_len, "options")?, Out::of(lane, "lane")?) };
        let id = with_engine(engine.id, |entry| open_lane(entry.number, entry.engine.open_lane(options)?))?;
        out.put(LaneHandle { id });
        Ok(())
    })
}

/// Closes a lane and its tracks. Closing the zero handle is fine.
///
/// threads: CONTROL. cost: frees.
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
/// errors: EVENT_SHAPE, EVENT_RESERVED, NOT_FINITE, RANGE, UNKNOWN_STREAM, BUSY, ALIGNMENT, SHAPE.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_push(lane: LaneHandle, events: *const c_void, slots: usize, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_push", || {
        // SAFETY: the header's rule of pointers.
        let (slots, out) = unsafe { (self::events(events, slots)?, FlowOut::of(flow)?) };
        out.put(&with_lane(lane.id, |entry| Ok(entry.lane.push(slots)?))?);
        Ok(())
    })
}

/// Promises that nothing known at `until_ns` or before will follow, and closes the steps up to it.
///
/// threads: ONE LANE. cost: hot.
/// flow: borrows (call), written on success.
/// errors: RANGE, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_advance(lane: LaneHandle, until_ns: i64, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_advance", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { FlowOut::of(flow)? };
        out.put(&with_lane(lane.id, |entry| Ok(entry.lane.advance(until_ns)?))?);
        Ok(())
    })
}

/// The tracks with a closed step that nobody asked for, in no particular order.
///
/// threads: ONE LANE. cost: hot.
/// tracks, len: borrows (call); NULL with 0 asks for the number.
/// errors: BUFFER_TOO_SMALL with the needed number, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_due(lane: LaneHandle, tracks: *mut TrackHandle, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_lane_due", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { OutArray::of(tracks, cap, len, "tracks")? };
        with_lane(lane.id, |entry| {
            let (lane, handles) = entry.parts();
            let count = lane.waiting() as usize;
            out.fill(count, lane.due().map(|id| TrackHandle { id: handles[id.place as usize] }))
        })
    })
}

/// Where a flow goes, of the size that the caller's header gave it.
struct FlowOut {
    place: *mut FlowRecord,
    size: usize,
}

impl FlowOut {
    /// # Safety
    /// When not NULL, `flow` is writable for the size that it states.
    #[inline]
    unsafe fn of(flow: *mut FlowRecord) -> Outcome<FlowOut> {
        // SAFETY: passed on as it came.
        let size = unsafe { stated(flow.cast_const(), "flow")? };
        Ok(FlowOut { place: flow, size })
    }

    #[inline]
    fn put(&self, flow: &Flow) {
        let record = FlowRecord::of(flow, self.size);
        // SAFETY: writable for `size` bytes, as `of` demands.
        unsafe { write(self.place.cast::<u8>(), self.size, &record) };
    }
}

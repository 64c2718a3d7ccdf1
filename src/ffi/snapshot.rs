//! Lanes that begin with history, and lanes as bytes.

use std::ffi::c_void;

use super::abi::{FlowRecord, StatusCode};
use super::flow::FlowOut;
use super::guard::guard;
use super::handle::LaneHandle;
use super::lane_table::with_lane;
use super::pointer::{OutArray, array, events};

/// Feeds history to the tracks that have seen no pushed event since they were opened or reset, and leaves them as if it
/// had been pushed, except that none is due: no step is asked for, and flow.closed counts them. Takes events as
/// lane_push does and does not stop at a closed step. Tracks that have seen a pushed event, or an advance after history,
/// are left alone; an event that reaches no track is taken and counted in flow.skipped. May be called again with what
/// follows; a push goes on from there. History may be older than what other tracks have seen or an advance has
/// promised; on a stream that feeds such a live track it ends where that one stands, and newer events are skipped.
///
/// threads: CONTROL, enters the lane. cost: allocates nothing.
/// events: borrows (call), 8-byte aligned, `slots` slots of 64 bytes; NULL with 0 is fine.
/// flow: borrows (call), written on success.
/// errors: as lane_push, for the first event; then nothing was taken.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_warm(lane: LaneHandle, events: *const c_void, slots: usize, flow: *mut FlowRecord) -> StatusCode {
    guard("foretick_lane_warm", || {
        // SAFETY: the header's rule of pointers.
        let (slots, out) = unsafe { (self::events(events, slots)?, FlowOut::of(flow)?) };
        out.put(&with_lane(lane.id, |entry| Ok(entry.let_in(|lane| lane.warm(slots))??))?);
        Ok(())
    })
}

/// Writes what the lane and its tracks remember, at any event, a step open or not. Changes nothing.
///
/// threads: CONTROL, enters the lane. cost: allocates nothing, milliseconds.
/// buf, len: borrows (call); NULL with 0 asks for the number of bytes, which any event may change a little.
/// errors: BUFFER_TOO_SMALL with the needed length, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_snapshot(lane: LaneHandle, buf: *mut c_void, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_lane_snapshot", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { OutArray::of(buf.cast::<u8>(), cap, len, "buf")? };
        with_lane(lane.id, |entry| {
            entry.let_in(|lane| {
                let length = lane.snapshot_len();
                out.fill_with(length, |bytes| lane.snapshot(bytes))
            })?
        })
    })
}

/// Goes on from a snapshot, taken in this process or another, equal to the lane that it was taken of. The lane must
/// have the same tracks open in the same places, which opening the same ones in the same order gives: by names of slot
/// and streams (ids may differ), with the same roles, sampler, window and features. Which bundle serves may differ; its
/// trained range counts. All that the tracks have seen before is replaced. Predictions are counted on from the greater
/// of both counts under this lane's number; a prediction that was made is repeated as it was made; a track vetoed here
/// or there is vetoed; details answer NO_PREDICTION until the next prediction.
///
/// threads: CONTROL, enters the lane. cost: allocates, milliseconds.
/// snapshot: borrows (call), not modified.
/// errors: CORRUPT with what is damaged, FORMAT_VERSION for another format, SCHEMA_DIFFERS with what differs, BUSY:
/// the lane is as it was.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_lane_restore(lane: LaneHandle, snapshot: *const c_void, snapshot_len: usize) -> StatusCode {
    guard("foretick_lane_restore", || {
        // SAFETY: the header's rule of pointers.
        let snapshot = unsafe { array(snapshot.cast::<u8>(), snapshot_len, "snapshot")? };
        with_lane(lane.id, |entry| Ok(entry.let_in(|lane| lane.restore(snapshot))??))
    })
}

//! Tracks.

use std::ffi::c_char;

use super::abi::StatusCode;
use super::constants::FORETICK_ROW_SCALED;
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::{LaneHandle, TrackHandle};
use super::lane_table::{close_track, with_lane, with_track};
use super::pointer::{Out, OutArray, array, text};
use crate::engine::Row;
use crate::error::Status;
use crate::types::Prediction;

/// Opens a track of a published slot on streams, one a role of its bundle, in that order.
///
/// threads: CONTROL, enters the lane. cost: allocates.
/// slot: borrows (call). streams: borrows (call). flags: FORETICK_TRACK_ANY_STREAM or 0.
/// track: borrows (call).
/// errors: NO_BUNDLE, ROLES, SCOPE, UNKNOWN_STREAM, LIMIT, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_open(
    lane: LaneHandle,
    slot: *const c_char,
    slot_len: usize,
    streams: *const u32,
    streams_len: usize,
    flags: u32,
    track: *mut TrackHandle,
) -> StatusCode {
    guard("foretick_track_open", || {
        // SAFETY: the header's rule of pointers.
        let (slot, streams, out) = unsafe { (text(slot, slot_len, "slot")?, array(streams, streams_len, "streams")?, Out::of(track, "track")?) };
        let id = with_lane(lane.id, |entry| {
            let id = entry.lane.open_track(slot, streams, flags)?;
            entry.add_track(id)
        })?;
        out.put(TrackHandle { id });
        Ok(())
    })
}

/// Closes a track. Closing the zero handle is fine.
///
/// threads: CONTROL, enters the lane. cost: frees.
/// errors: BUSY while a caller is inside the lane.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_track_close(track: TrackHandle) -> StatusCode {
    guard("foretick_track_close", || if track.id == 0 { Ok(()) } else { close_track(track.id) })
}

/// The decision for the newest closed step, or ABSTAIN with its reasons; without a new step the same one,
/// flagged REPEAT. `now_ns` is the decision's time, 0 takes the engine's clock.
///
/// threads: ONE LANE. cost: hot with native models.
/// out: borrows (call), 8-byte aligned, written on success.
/// errors: INVALID_ARGUMENT for a negative time, or 0 when the clock is the host's; BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_predict(track: TrackHandle, now_ns: i64, out: *mut Prediction) -> StatusCode {
    guard("foretick_track_predict", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { Out::of(out, "out")? };
        out.put(with_track(track.id, |entry, id| Ok(entry.lane.predict(id, now_ns)?))?);
        Ok(())
    })
}

/// The newest closed row: F values, NaN where a feature is off. Unscaled, or as models see it with
/// FORETICK_ROW_SCALED.
///
/// threads: ONE LANE. cost: allocates nothing.
/// row, len: borrows (call); NULL with 0 asks for F. close_ns: borrows (call), when the step's content
/// was known; may be NULL.
/// errors: NO_PREDICTION before the first step, BUFFER_TOO_SMALL with F, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_row(track: TrackHandle, flags: u32, row: *mut f64, cap: usize, len: *mut usize, close_ns: *mut i64) -> StatusCode {
    guard("foretick_track_row", || {
        // SAFETY: the header's rule of pointers.
        let (out, close) = unsafe { (OutArray::of(row, cap, len, "row")?, Out::maybe(close_ns, "close_ns")?) };
        let scaled = is_scaled(flags)?;
        with_track(track.id, |entry, id| {
            let row = entry.lane.row(id)?;
            out.fill(row.raw.len(), (0..row.raw.len()).map(|at| value(&row, scaled, at)))?;
            close.iter().for_each(|close| close.put(row.step.close_ns));
            Ok(())
        })
    })
}

fn is_scaled(flags: u32) -> Outcome<bool> {
    match flags & !FORETICK_ROW_SCALED {
        0 => Ok(flags == FORETICK_ROW_SCALED),
        _ => Err(Fail::Argument(Status::InvalidArgument, "flags", "only FORETICK_ROW_SCALED (1) is known")),
    }
}

fn value(row: &Row<'_>, scaled: bool, at: usize) -> f64 {
    let valid = if scaled { row.scaled_valid } else { row.raw_valid };
    match valid[at / 64] >> (at % 64) & 1 {
        0 => f64::NAN,
        _ if scaled => f64::from(row.scaled[at]),
        _ => row.raw[at],
    }
}

//! Tracks.

use std::ffi::c_char;

use super::abi::StatusCode;
use super::constants::FORETICK_ROW_SCALED;
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::{LaneHandle, TrackHandle};
use super::lane_table::{close_track, enable_track, with_lane, with_track};
use super::pointer::{Out, OutArray, array, switch, text};
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
            let id = entry.let_in(|lane| lane.open_track(slot, streams, flags))??;
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
/// flagged REPEAT. `now_ns` is the decision's time, 0 takes the engine's clock. A new prediction also goes to the
/// track's result memory.
///
/// threads: ONE LANE. cost: hot with native models.
/// out: borrows (call), 8-byte aligned, written on success.
/// errors: INVALID_ARGUMENT for a negative time, or 0 when the clock is the host's; BUSY, WRONG_STATE with a worker.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_predict(track: TrackHandle, now_ns: i64, out: *mut Prediction) -> StatusCode {
    guard("foretick_track_predict", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { Out::of(out, "out")? };
        out.put(with_track(track.id, |entry, id| Ok(entry.own()?.predict(id, now_ns)?))?);
        Ok(())
    })
}

/// Works out what the track's next answer can be known by before its step closes: call it when the answer is out
/// and there is time. The next prediction then takes one row's time instead of a window's, with the backend bit
/// PREFIX; no value changes, to the bit. Where the step comes first, or a swap has brought other models, the window
/// is run whole: bit WHOLE_WINDOW, counter windows_whole. OK and nothing where no model works ahead: native LSTM and
/// GRU (reset after) layers over a window do, of which the rest of the graph reads the last step alone,
/// convolutions of which the newest row reaches less than half, and attention that sees no later step. What the
/// bundle's other native models read is then brought near. A lane that was opened with prepare = "idle" does it by itself in polls.
///
/// threads: ONE LANE. cost: about that of a prediction, the first time and after a swap or a gap up to W times it;
/// then it also allocates.
/// errors: LIMIT when limits.memory_mb has no room for it, BUSY, WRONG_STATE with a worker.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_track_prepare(track: TrackHandle) -> StatusCode {
    guard("foretick_track_prepare", || with_track(track.id, |entry, id| Ok(entry.own()?.prepare(id)?)))
}

/// As predict, on a row of the caller's: n = F unscaled values in the schema's order, NaN where one is missing
/// (the schema says what then). The caller vouches for the row: it is as new as the decision, and never stale or
/// not ready. The phase is known where the row holds its features and the track has a close. It is never a
/// REPEAT, the track's own newest step stays asked for or not, and details then shows this prediction's.
///
/// threads: ONE LANE. cost: hot with native models.
/// row: borrows (call), 8-byte aligned. out: borrows (call), 8-byte aligned, written on success.
/// errors: SHAPE when n is not F, NOT_FINITE naming an infinite value, CONTRACT naming a scale (relative,
/// rolling_zscore) or a model (over a window) that needs the track's own steps, INVALID_ARGUMENT and WRONG_STATE as predict, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_track_predict_row(track: TrackHandle, row: *const f64, n: usize, now_ns: i64, out: *mut Prediction) -> StatusCode {
    guard("foretick_track_predict_row", || {
        // SAFETY: the header's rule of pointers.
        let (row, out) = unsafe { (array(row, n, "row")?, Out::of(out, "out")?) };
        out.put(with_track(track.id, |entry, id| Ok(entry.own()?.predict_row(id, row, now_ns)?))?);
        Ok(())
    })
}

/// The host's veto: while a track is off its predictions abstain with HOST_VETO and run no model; steps and rows
/// go on. Predictions that begin after this has returned obey, whoever is inside the lane meanwhile.
///
/// threads: ANY. cost: hot.
/// on: 1 or 0.
/// errors: INVALID_ARGUMENT for another value of on.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_track_enable(track: TrackHandle, on: i32) -> StatusCode {
    guard("foretick_track_enable", || enable_track(track.id, switch(on)?))
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
            entry.let_in(|lane| {
                let row = lane.row(id)?;
                out.fill(row.raw.len(), (0..row.raw.len()).map(|at| value(&row, scaled, at)))?;
                close.iter().for_each(|close| close.put(row.step.close_ns));
                Ok(())
            })?
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

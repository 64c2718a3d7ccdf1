//! Result memory: the newest prediction of a track, read without entering anything.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::abi::StatusCode;
use super::error::{Fail, Outcome};
use super::guard::{guard, guard_or};
use super::handle::TrackHandle;
use super::lane_table::with_track;
use super::pointer::{Out, sound};
use crate::engine::{ResultMemory, ResultWriter};
use crate::error::Status;
use crate::types::Prediction;

/// Attaches 128 bytes of the caller's to a track: from now on they hold its newest prediction, with action NONE
/// before the first, written by whoever predicts or by the lane's poll, read by any thread or process that maps them.
/// Memory that was attached before is given back; so is all of it with `memory` NULL, when the track or its lane
/// closes, and with the engine. Cache lines of their own (64-byte aligned) are best. Predictions of rows of the
/// caller's are not written.
///
/// threads: CONTROL, enters the lane. cost: allocates nothing.
/// memory: borrows (until free): until it is given back nobody else writes it.
/// errors: ALIGNMENT (8), BUFFER_TOO_SMALL below 128 bytes, BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_result_attach(track: TrackHandle, memory: *mut c_void, memory_len: usize) -> StatusCode {
    guard("foretick_result_attach", || {
        let memory = place(memory, memory_len)?;
        with_track(track.id, |entry, id| {
            // SAFETY: aligned and large enough; the header lends it until it is given back, which drops the writer.
            let writer = memory.map(|memory| unsafe { ResultWriter::attach(memory) });
            Ok(entry.let_in(|lane| lane.attach_result(id, writer))??)
        })
    })
}

fn place(memory: *mut c_void, len: usize) -> Outcome<Option<NonNull<ResultMemory>>> {
    let Some(memory) = NonNull::new(memory.cast::<ResultMemory>()) else { return Ok(None) };
    sound(memory.as_ptr().cast_const(), "memory")?;
    match len < size_of::<ResultMemory>() {
        true => Err(Fail::Argument(Status::BufferTooSmall, "memory", "a result takes 128 bytes")),
        false => Ok(Some(memory)),
    }
}

/// The 8-byte signal of result memory, complete in itself: FORETICK_SIGNAL_ACTION, _FLAGS, _SEQUENCE and
/// _PROBABILITY_BITS take it apart. 0, whose action is NONE, before the first prediction, and for NULL.
///
/// threads: ANY. cost: hot, one load. Cannot fail; works before foretick_init.
/// memory: borrows (call), 8-byte aligned.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_result_signal(memory: *const c_void) -> u64 {
    guard_or("foretick_result_signal", 0, || {
        let memory = memory.cast::<ResultMemory>();
        if memory.is_null() || !memory.is_aligned() {
            return 0;
        }
        // SAFETY: not NULL, aligned, readable for 128 bytes by the header's rule of pointers; written by atomic stores alone.
        unsafe { &*memory }.signal()
    })
}

/// A whole copy of the newest prediction in result memory. Who has seen a signal gets that prediction or a newer one.
///
/// threads: ANY. cost: hot.
/// memory: borrows (call), 8-byte aligned. out: borrows (call), 8-byte aligned, written on success.
/// errors: BUSY while it is being written, after a bounded number of tries: the next look has it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_result_read(memory: *const c_void, out: *mut Prediction) -> StatusCode {
    guard("foretick_result_read", || {
        let memory = memory.cast::<ResultMemory>();
        sound(memory, "memory")?;
        // SAFETY: the header's rule of pointers.
        let out = unsafe { Out::of(out, "out")? };
        // SAFETY: as in foretick_result_signal.
        let prediction = unsafe { &*memory }.read().ok_or(Fail::Plain(Status::Busy, "the result is being written"))?;
        out.put(prediction);
        Ok(())
    })
}

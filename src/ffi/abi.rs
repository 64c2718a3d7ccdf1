//! The header's own structs, and the events and the prediction as the header declares them.

use std::ffi::c_char;
use std::mem::offset_of;

use super::handle::BundleHandle;
use super::sized::Versioned;
use crate::engine::ScorerInfo;
use crate::types::Flow;
use crate::types::event::{Book, BookHead, EventHead, Level};

/// A status: 0 is OK, the ranges stand at the top of this header.
pub type StatusCode = i32;

/// A book in its longest form, kind 3; `head.slots` says how much of it is passed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BookRecord {
    /// Head, kind 3, 2 to 11 slots: FORETICK_BOOK_SLOTS(rows).
    pub head: EventHead,
    /// Bid levels present, up to 20.
    pub bids: u16,
    /// Ask levels present, up to 20.
    pub asks: u16,
    /// The larger of both.
    pub rows: u16,
    /// 0.
    pub reserved: u16,
    /// Update id before this one, 0 unknown.
    pub prev_seq: u64,
    /// Levels, best first; an absent side is 0 and 0.
    pub levels: [Level; 20],
    /// 0.
    pub tail: [u64; 2],
}

const _: () = assert!(size_of::<BookRecord>() == size_of::<Book>() && align_of::<BookRecord>() == align_of::<Book>());
const _: () = assert!(offset_of!(BookRecord, bids) == offset_of!(BookHead, bids) && offset_of!(BookRecord, rows) == offset_of!(BookHead, rows));
const _: () = assert!(offset_of!(BookRecord, prev_seq) == offset_of!(BookHead, prev_seq) && offset_of!(BookRecord, levels) == offset_of!(Book, rows));

/// What a push, advance or poll did, over all tracks of the lane.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FlowRecord {
    /// FORETICK_FLOW_INIT.
    pub struct_size: u32,
    /// Steps closed.
    pub closed: u32,
    /// Slots taken: from the array, or by a poll from the links.
    pub taken: u64,
    /// Why events were skipped: DUPLICATE, LATE_EVENT, CLOCK_BACK, BOOK_RESYNC.
    pub reasons: u64,
    /// Events taken but not applied.
    pub skipped: u32,
    /// Of a link: waiting quotes and books that these replaced.
    pub conflated: u32,
    /// Of a poll: predictions made and published.
    pub predicted: u32,
    /// Tracks with a closed step that nobody asked for.
    pub waiting: u32,
}

impl FlowRecord {
    /// The record of what a lane did, for a caller whose struct has `size` bytes.
    #[inline]
    pub fn of(flow: &Flow, size: usize) -> FlowRecord {
        let Flow { taken, closed, skipped, reasons, waiting, conflated, predicted } = *flow;
        FlowRecord { struct_size: size as u32, closed, taken, reasons, skipped, conflated, predicted, waiting }
    }
}

/// One bundle for one slot.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PublishRecord {
    /// FORETICK_PUBLISH_INIT.
    pub struct_size: u32,
    /// FORETICK_PUBLISH_REPLACE or 0.
    pub flags: u32,
    /// Name of the slot, 1 to 31 bytes.
    pub slot: *const c_char,
    /// Its length in bytes.
    pub slot_len: usize,
    /// What the slot will serve.
    pub bundle: BundleHandle,
}

/// One output of the newest prediction.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct OutputRecord {
    /// Written by the library.
    pub struct_size: u32,
    /// Number in the manifest.
    pub output: u16,
    /// FORETICK_TASK_*.
    pub task: u16,
    /// How many steps ahead.
    pub horizon: u32,
    /// 0.
    pub flags: u32,
    /// Calibrated, NaN without one.
    pub value: f64,
    /// Before calibration, NaN without one.
    pub raw: f64,
    /// Lower bound, NaN without one.
    pub lower: f64,
    /// Upper bound, NaN without one.
    pub upper: f64,
    /// Name, NUL-padded.
    pub name: [c_char; 32],
}

/// One member's part in one output of the newest prediction.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MemberRecord {
    /// Written by the library.
    pub struct_size: u32,
    /// OK; MODEL_OUTPUT; DEADLINE, BACKEND, CLOSING from a foreign backend; WRONG_STATE for a member that was not run: it is off,
    /// outside the phase's set, or the row did not permit it; NO_PREDICTION for a stateful one whose state began anew with this
    /// generation and has not read as many rows as a window has. A meta-model without one of its values: as who owes it.
    pub status: StatusCode,
    /// Number in the manifest.
    pub member: u16,
    /// Number of the output in the manifest.
    pub output: u16,
    /// FORETICK_BACKEND_* bits.
    pub backend: u16,
    /// 0.
    pub flags: u16,
    /// Time of the member's run, 1 prediction in 64; else 0.
    pub compute_ns: u32,
    /// 0.
    pub reserved: u32,
    /// Its value, NaN without one.
    pub value: f64,
    /// As used, after renormalising; 0 when left out.
    pub weight: f64,
    /// Name, NUL-padded.
    pub name: [c_char; 32],
}

/// What stands behind the newest prediction. The caller's arrays go in, their lengths come out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct DetailsRecord {
    /// FORETICK_DETAILS_INIT.
    pub struct_size: u32,
    /// 0.
    pub flags: u32,
    /// Room for outputs, or NULL.
    pub outputs: *mut OutputRecord,
    /// Elements there is room for.
    pub outputs_cap: usize,
    /// Bytes from one element to the next: sizeof(foretick_output_t).
    pub outputs_stride: usize,
    /// Outputs of the bundle.
    pub outputs_len: usize,
    /// Room for members, one a member and output that it gives; or NULL.
    pub members: *mut MemberRecord,
    /// Elements there is room for.
    pub members_cap: usize,
    /// Bytes from one element to the next: sizeof(foretick_member_t).
    pub members_stride: usize,
    /// Members times the outputs that they give.
    pub members_len: usize,
    /// Room for bits, or NULL: bit i of word i / 64 is set when feature i was off.
    pub missing: *mut u64,
    /// Words there is room for.
    pub missing_cap: usize,
    /// Words: (features + 63) / 64.
    pub missing_len: usize,
    /// Of the prediction.
    pub id_epoch: u64,
    /// Of the prediction.
    pub id_counter: u64,
    /// First 8 bytes of the schema's SHA-256, least first: equal for equal features.
    pub feature_hash: u64,
    /// Confidence of the phase, NaN when unknown.
    pub phase_confidence: f64,
    /// The edge of an opportunity, net of costs in the output's unit; NaN without one.
    pub expected_net: f64,
    /// F, features of a row.
    pub features: u32,
    /// Rows that the members read: 1, or W when one of them reads a window.
    pub rows: u32,
}

/// What a scorer reads and gives.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ScorerInfoRecord {
    /// FORETICK_SCORER_INFO_INIT.
    pub struct_size: u32,
    /// F, values of a row.
    pub features: u32,
    /// W, rows of a window; 1 for a model that reads single rows.
    pub window: u32,
    /// Values that each row or window gives: the graph's float outputs, one after the other.
    pub outputs: u32,
    /// The generation that it stays with.
    pub generation: u64,
    /// FORETICK_BACKEND_* bits.
    pub backend: u32,
    /// FORETICK_SCORER_RAW or 0, as it was opened.
    pub flags: u32,
}

impl ScorerInfoRecord {
    /// The record of a scorer, for a caller whose struct has `size` bytes.
    pub fn of(info: &ScorerInfo, size: usize) -> ScorerInfoRecord {
        ScorerInfoRecord {
            struct_size: size as u32,
            features: info.features as u32,
            window: info.window as u32,
            outputs: info.outputs as u32,
            generation: info.generation,
            backend: u32::from(info.backend),
            flags: u32::from(info.raw),
        }
    }
}

macro_rules! sized {
    ($($type:ident $first:literal;)*) => {$(
        const _: () = assert!(size_of::<$type>() >= $first && offset_of!($type, struct_size) == 0);
        // SAFETY: `repr(C)` of integers, floats, pointers and arrays of them, with no room between them:
        // the sizes are asserted here and in the header.
        unsafe impl Versioned for $type {
            const FIRST: usize = $first;
        }
    )*};
}

sized! {
    FlowRecord 40;
    PublishRecord 32;
    OutputRecord 80;
    MemberRecord 72;
    DetailsRecord 144;
    ScorerInfoRecord 32;
}

/// A name as C reads it: cut at 31 bytes, padded with NULs.
pub fn padded(name: &str) -> [c_char; 32] {
    let mut bytes = [0; 32];
    for (byte, letter) in bytes.iter_mut().take(crate::types::NAME_MAX).zip(name.bytes()) {
        *byte = letter as c_char;
    }
    bytes
}

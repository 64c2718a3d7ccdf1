//! The C boundary: 48 functions over handles, nothing else. `include/foretick.h` is made from here.
//!
//! An export does four things: it is guarded, it turns pointers into values, it enters what its handle
//! names, and it writes its outputs. The work is the engine's.
#![allow(clippy::missing_safety_doc, reason = "the doc comments are the header's, whose top states the rule of pointers once")]

mod abi;
mod amount;
mod bundle;
mod cell;
mod claims;
mod constants;
mod details;
mod engine;
mod engine_table;
mod error;
mod flow;
mod fork;
mod grow;
mod guard;
mod handle;
mod lane;
mod lane_table;
mod library;
mod link;
mod object_table;
mod pointer;
mod result;
mod rows;
mod scorer;
mod sized;
mod slot;
mod snapshot;
mod stream;
mod track;

#[cfg(test)]
mod tests;

pub use abi::{BookRecord, DetailsRecord, FlowRecord, MemberRecord, OutputRecord, PublishRecord, ScorerInfoRecord, StatusCode};
pub use amount::*;
pub use bundle::*;
pub use constants::*;
pub use details::*;
pub use engine::*;
pub use handle::{BundleHandle, EngineHandle, LaneHandle, LinkHandle, ScorerHandle, TrackHandle};
pub use lane::*;
pub use library::*;
pub use link::*;
pub use result::*;
pub use scorer::*;
pub use slot::*;
pub use snapshot::*;
pub use stream::*;
pub use track::*;

/// Every function that the shared library exports; a test compares it with the library really built.
pub const EXPORTS: [&str; 49] = [
    "foretick_abi_version",
    "foretick_init",
    "foretick_build_info",
    "foretick_now_ns",
    "foretick_last_error",
    "foretick_status_name",
    "foretick_engine_open",
    "foretick_engine_close",
    "foretick_engine_metrics",
    "foretick_engine_describe",
    "foretick_engine_maintain",
    "foretick_stream_add",
    "foretick_bundle_open",
    "foretick_bundle_describe",
    "foretick_bundle_close",
    "foretick_slot_publish",
    "foretick_slot_enable",
    "foretick_lane_open",
    "foretick_lane_close",
    "foretick_lane_push",
    "foretick_lane_advance",
    "foretick_lane_due",
    "foretick_lane_poll",
    "foretick_lane_warm",
    "foretick_lane_snapshot",
    "foretick_lane_restore",
    "foretick_link_open",
    "foretick_link_push",
    "foretick_link_close",
    "foretick_track_open",
    "foretick_track_close",
    "foretick_track_predict",
    "foretick_track_prepare",
    "foretick_track_predict_row",
    "foretick_track_enable",
    "foretick_track_details",
    "foretick_track_row",
    "foretick_result_attach",
    "foretick_result_signal",
    "foretick_result_read",
    "foretick_scorer_open",
    "foretick_scorer_info",
    "foretick_scorer_run",
    "foretick_scorer_next",
    "foretick_scorer_prepare",
    "foretick_scorer_close",
    "foretick_amount_parse",
    "foretick_amount_from_bytes",
    "foretick_amount_to_f64",
];

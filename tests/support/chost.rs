//! A host of the C functions: what a bot does with the header, called from Rust.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;

use foretick::ffi::{
    BundleHandle, EngineHandle, FORETICK_ABI_VERSION, FlowRecord, LaneHandle, PublishRecord, StatusCode, TrackHandle, foretick_bundle_open,
    foretick_engine_close, foretick_engine_open, foretick_init, foretick_lane_advance, foretick_lane_due, foretick_lane_open, foretick_lane_push,
    foretick_last_error, foretick_slot_publish, foretick_stream_add, foretick_track_open, foretick_track_predict,
};
use foretick::types::{Prediction, Slot};

const SLOT: &str = "direction";

/// FORETICK_FLOW_INIT.
pub fn flow() -> FlowRecord {
    FlowRecord { struct_size: size_of::<FlowRecord>() as u32, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 }
}

/// Stops with the library's own text when a call failed.
pub fn ok(status: StatusCode) {
    if status != 0 {
        let (mut text, mut len) = ([0u8; 4_096], 0);
        // SAFETY: the buffer is as long as it says.
        let _ = unsafe { foretick_last_error(text.as_mut_ptr().cast(), text.len(), &raw mut len) };
        panic!("status {status}: {}", String::from_utf8_lossy(&text[..len.min(text.len())]));
    }
}

/// An engine with one lane.
pub struct CHost {
    engine: EngineHandle,
    pub lane: LaneHandle,
}

impl CHost {
    /// An engine by the system's clock without a thread, and a lane.
    pub fn open() -> CHost {
        let (mut engine, mut lane, options) = (EngineHandle::default(), LaneHandle::default(), "threads = 0\n");
        // SAFETY: every pointer is to a live value of the length that is given.
        unsafe {
            ok(foretick_init(FORETICK_ABI_VERSION));
            ok(foretick_engine_open(options.as_ptr().cast(), options.len(), &raw mut engine));
            ok(foretick_lane_open(engine, ptr::null(), 0, &raw mut lane));
        }
        CHost { engine, lane }
    }

    /// Opens a bundle and publishes it; answers the generation.
    pub fn publish(&self, bundle: &Path) -> u64 {
        let (path, mut handle, mut generation) = (bundle.to_string_lossy().into_owned(), BundleHandle::default(), 0);
        // SAFETY: every pointer is to a live value of the length that is given.
        unsafe {
            ok(foretick_bundle_open(self.engine, path.as_ptr().cast(), path.len(), 0, &raw mut handle));
            let item =
                PublishRecord { struct_size: size_of::<PublishRecord>() as u32, flags: 0, slot: SLOT.as_ptr().cast(), slot_len: SLOT.len(), bundle: handle };
            ok(foretick_slot_publish(self.engine, &raw const item, 1, &raw mut generation));
        }
        generation
    }

    /// Adds a stream.
    pub fn stream(&self, name: &str) -> u32 {
        let mut id = 0;
        // SAFETY: the name is as long as it says, id is a live value.
        ok(unsafe { foretick_stream_add(self.engine, name.as_ptr().cast(), name.len(), ptr::null(), 0, &raw mut id) });
        id
    }

    /// Opens a track, one stream a role.
    pub fn track(&self, streams: &[u32]) -> TrackHandle {
        let mut track = TrackHandle::default();
        // SAFETY: the streams are as many as it says, track is a live value.
        ok(unsafe { foretick_track_open(self.lane, SLOT.as_ptr().cast(), SLOT.len(), streams.as_ptr(), streams.len(), 0, &raw mut track) });
        track
    }

    /// Pushes slots; answers what was taken and closed.
    pub fn push(&self, slots: &[Slot]) -> FlowRecord {
        let mut flow = flow();
        // SAFETY: the slots are as many as it says, flow is a live value.
        ok(unsafe { foretick_lane_push(self.lane, slots.as_ptr().cast::<c_void>(), slots.len(), &raw mut flow) });
        flow
    }

    /// Ids of the tracks with a step that nobody asked for; 16 at most.
    pub fn due(&self) -> Vec<u64> {
        let (mut tracks, mut len) = ([TrackHandle::default(); 16], 0);
        // SAFETY: there is room for as many tracks as it says, len is a live value.
        ok(unsafe { foretick_lane_due(self.lane, tracks.as_mut_ptr(), tracks.len(), &raw mut len) });
        tracks[..len].iter().map(|track| track.id).collect()
    }

    /// Promises a time.
    pub fn advance(&self, until_ns: i64) -> FlowRecord {
        let mut flow = flow();
        // SAFETY: flow is a live value.
        ok(unsafe { foretick_lane_advance(self.lane, until_ns, &raw mut flow) });
        flow
    }

    /// Predicts as of a time.
    pub fn predict(&self, track: TrackHandle, now_ns: i64) -> Prediction {
        let mut prediction = Prediction::default();
        // SAFETY: prediction is a live value.
        ok(unsafe { foretick_track_predict(track, now_ns, &raw mut prediction) });
        prediction
    }
}

impl Drop for CHost {
    fn drop(&mut self) {
        ok(foretick_engine_close(self.engine));
    }
}

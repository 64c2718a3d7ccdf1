//! A host of the C functions: what a bot does with the header. The benchmark times these calls, with what the boundary costs.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;

use foretick::ffi::{
    BundleHandle, EngineHandle, FORETICK_ABI_VERSION, FORETICK_ROW_SCALED, FlowRecord, LaneHandle, PublishRecord, ScorerHandle, ScorerInfoRecord, StatusCode,
    TrackHandle, foretick_bundle_open, foretick_engine_close, foretick_engine_open, foretick_init, foretick_lane_open, foretick_lane_push, foretick_last_error,
    foretick_scorer_info, foretick_scorer_next, foretick_scorer_open, foretick_scorer_prepare, foretick_scorer_run, foretick_slot_publish, foretick_stream_add,
    foretick_track_open, foretick_track_predict, foretick_track_prepare, foretick_track_row,
};
use foretick::types::{Prediction, Slot};
use foretick::{Error, Result, Status};

/// Slot that the benchmark publishes to.
const SLOT: &str = "direction";

/// A status of the header's as an error with the library's own text.
fn check(status: StatusCode) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    let (mut text, mut len) = ([0u8; 4_096], 0);
    // SAFETY: the buffer is as long as it says, len is a live value.
    let _ = unsafe { foretick_last_error(text.as_mut_ptr().cast(), text.len(), &raw mut len) };
    let kind = Status::from_number(status).unwrap_or(Status::Internal);
    Err(Error::new(kind, String::from_utf8_lossy(&text[..len.min(text.len())])))
}

/// An engine.
pub struct Host(EngineHandle);

/// A bundle that may be published.
#[derive(Clone, Copy)]
pub struct Bundle(BundleHandle);

impl Host {
    /// An engine by the system's clock, with its thread for housekeeping.
    pub fn open() -> Result<Host> {
        let mut engine = EngineHandle::default();
        // SAFETY: no text of length 0, engine is a live value.
        unsafe {
            check(foretick_init(FORETICK_ABI_VERSION))?;
            check(foretick_engine_open(ptr::null(), 0, &raw mut engine))?;
        }
        Ok(Host(engine))
    }

    /// Reads and verifies a bundle.
    pub fn bundle(&self, path: &Path) -> Result<Bundle> {
        let (path, mut bundle) = (path.to_string_lossy(), BundleHandle::default());
        // SAFETY: the path is as long as it says, bundle is a live value.
        check(unsafe { foretick_bundle_open(self.0, path.as_ptr().cast(), path.len(), 0, &raw mut bundle) })?;
        Ok(Bundle(bundle))
    }

    /// Publishes a bundle.
    pub fn publish(&self, bundle: Bundle) -> Result<()> {
        let item =
            PublishRecord { struct_size: size_of::<PublishRecord>() as u32, flags: 0, slot: SLOT.as_ptr().cast(), slot_len: SLOT.len(), bundle: bundle.0 };
        let mut generation = 0;
        // SAFETY: one item, whose slot is as long as it says; generation is a live value.
        check(unsafe { foretick_slot_publish(self.0, &raw const item, 1, &raw mut generation) })
    }

    /// A scorer of a model of the published bundle, for so many rows or windows a call.
    pub fn scorer(&self, model: &str, rows: usize) -> Result<Scorer> {
        let mut scorer = ScorerHandle::default();
        let (slot, name) = (SLOT, model);
        let mut info =
            ScorerInfoRecord { struct_size: size_of::<ScorerInfoRecord>() as u32, features: 0, window: 0, outputs: 0, generation: 0, backend: 0, flags: 0 };
        // SAFETY: the texts are as long as they say, scorer and info are live values.
        unsafe {
            check(foretick_scorer_open(self.0, slot.as_ptr().cast(), slot.len(), name.as_ptr().cast(), name.len(), 0, &raw mut scorer))?;
            check(foretick_scorer_info(scorer, &raw mut info))?;
        }
        let (features, out) = (info.features as usize, vec![0.0; rows * info.outputs as usize]);
        Ok(Scorer { scorer, rows, width: features * info.window as usize, features, out })
    }

    /// A track of the published bundle on a lane of its own, fed by one stream that is added; ids begin at 1.
    pub fn track(&self, stream: &str) -> Result<Track> {
        let (mut lane, mut track, mut id) = (LaneHandle::default(), TrackHandle::default(), 0);
        // SAFETY: the texts are as long as they say, the one stream is a live value, and so is what is written.
        unsafe {
            check(foretick_stream_add(self.0, stream.as_ptr().cast(), stream.len(), ptr::null(), 0, &raw mut id))?;
            check(foretick_lane_open(self.0, ptr::null(), 0, &raw mut lane))?;
            check(foretick_track_open(lane, SLOT.as_ptr().cast(), SLOT.len(), &raw const id, 1, 0, &raw mut track))?;
        }
        Ok(Track { lane, track })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It was opened here and nobody is inside; a failure would leave it to the process's end.
        let _ = foretick_engine_close(self.0);
    }
}

/// One model on rows of the host's. It ends with its engine.
pub struct Scorer {
    scorer: ScorerHandle,
    /// Rows or windows of a call, and values of one.
    rows: usize,
    width: usize,
    /// Values of a row.
    pub features: usize,
    /// What the newest run gave.
    pub out: Vec<f32>,
}

impl Scorer {
    /// Scores the rows or windows of one call, one after the other.
    #[inline]
    pub fn run(&mut self, values: &[f32]) -> Result<()> {
        if values.len() != self.rows * self.width {
            return Err(Error::new(Status::Shape, format!("{} values for {} rows of {}", values.len(), self.rows, self.width)));
        }
        // SAFETY: the values are as many rows of the width that the model reads, out has room for the outputs of each.
        let status = unsafe { foretick_scorer_run(self.scorer, values.as_ptr().cast(), self.rows, 0, self.out.as_mut_ptr(), self.out.len()) };
        check(status)
    }

    /// Scores the window that a row makes of the one that was scored last.
    #[inline]
    pub fn next(&mut self, row: &[f32]) -> Result<()> {
        if row.len() != self.features {
            return Err(Error::new(Status::Shape, format!("{} values for a row of {}", row.len(), self.features)));
        }
        // SAFETY: the values are one row of the width that the model reads, out has room for its outputs.
        check(unsafe { foretick_scorer_next(self.scorer, row.as_ptr().cast(), 1, 0, self.out.as_mut_ptr(), self.out.len()) })
    }

    /// Works ahead of the window behind the one that was scored last.
    #[inline]
    pub fn prepare(&mut self) -> Result<()> {
        check(foretick_scorer_prepare(self.scorer))
    }
}

/// A track and its lane. It ends with its engine.
pub struct Track {
    lane: LaneHandle,
    track: TrackHandle,
}

impl Track {
    /// Pushes one event; whether it closed a step.
    #[inline]
    pub fn push(&mut self, event: &[Slot]) -> Result<bool> {
        let mut flow =
            FlowRecord { struct_size: size_of::<FlowRecord>() as u32, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 };
        // SAFETY: the slots are as many as it says, flow is a live value.
        check(unsafe { foretick_lane_push(self.lane, event.as_ptr().cast::<c_void>(), event.len(), &raw mut flow) })?;
        Ok(flow.closed > 0)
    }

    /// Decides as of a time.
    #[inline]
    pub fn predict(&mut self, now_ns: i64) -> Result<Prediction> {
        let mut prediction = Prediction::default();
        // SAFETY: prediction is a live value.
        check(unsafe { foretick_track_predict(self.track, now_ns, &raw mut prediction) })?;
        Ok(prediction)
    }

    /// Works ahead of the next step.
    #[inline]
    pub fn prepare(&mut self) -> Result<()> {
        check(foretick_track_prepare(self.track))
    }

    /// The newest closed row, scaled.
    pub fn row(&mut self, row: &mut [f64]) -> Result<()> {
        let mut len = 0;
        // SAFETY: the row is as long as it says, len is a live value, no time is asked for.
        check(unsafe { foretick_track_row(self.track, FORETICK_ROW_SCALED, row.as_mut_ptr(), row.len(), &raw mut len, ptr::null_mut()) })
    }
}

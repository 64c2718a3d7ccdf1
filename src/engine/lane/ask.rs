//! What a lane is asked: decisions, what stands behind them, the newest row.

use std::sync::Arc;

use super::{Lane, SAMPLED, TrackId};
use crate::engine::ahead::WorkedAhead;
use crate::engine::feed::Row;
use crate::engine::predict::{PredictionId, RowQuestion};
use crate::engine::registry::Shared;
use crate::engine::result::ResultWriter;
use crate::engine::switch::TrackSwitch;
use crate::engine::track::{Details, Track};
use crate::error::{Error, Result, Status};
use crate::model::instances::Instances;
use crate::model::store::Slot;
use crate::types::Prediction;

/// A track that is asked, with what its slot serves now.
struct Asked<'l> {
    track: &'l mut Track,
    instances: &'l mut Instances,
    slot_on: bool,
}

fn asked<'l>(track: &'l mut Option<Box<Track>>, copies: &'l mut [Instances], slots: &[Arc<Slot>]) -> Result<Asked<'l>> {
    let gone = || Error::new(Status::Internal, "a track that was found is gone");
    let track = track.as_deref_mut().ok_or_else(gone)?;
    let slot_on = slots.get(track.reader).is_some_and(|slot| slot.is_on());
    let instances = copies.get_mut(track.reader).ok_or_else(gone)?;
    Ok(Asked { track, instances, slot_on })
}

/// What the next prediction of a lane would be called.
pub(super) fn next_id(shared: &Shared, lane: u16, count: u64, decided_ns: i64, queue_ns: i64) -> PredictionId {
    let timer = shared.clock.start();
    let counter = (count + 1) & 0xFFFF_FFFF_FFFF;
    let sampled = counter.is_multiple_of(SAMPLED) && shared.config.latency;
    let queue_ns = u32::try_from(queue_ns.max(0)).unwrap_or(u32::MAX);
    PredictionId { epoch: shared.epoch, counter: u64::from(lane) << 48 | counter, decided_ns, queue_ns, timer, sampled }
}

impl Lane {
    /// The decision for the newest closed step, or an abstention with its reasons. `now_ns` 0 takes the
    /// engine's clock. Without a new step: the same prediction, flagged REPEAT.
    ///
    /// # Errors
    /// `NOT_FOUND`, `INVALID_ARGUMENT` for a negative time, or 0 when the clock is the host's.
    pub fn predict(&mut self, id: TrackId, now_ns: i64) -> Result<Prediction> {
        let place = self.place(id)?;
        let id = next_id(&self.shared, self.number, self.count, self.decided_ns(now_ns)?, 0);
        let (mut copies, slots) = self.readers.parts();
        self.counters.generations.add(copies.moved());
        let Asked { track, instances, slot_on } = asked(&mut self.tracks[place], &mut copies, slots)?;
        self.waiting -= u32::from(track.due);
        let (prediction, made) = track.predict(instances, slot_on, id, &self.counters);
        if made {
            track.publish(&prediction);
            self.count += 1;
            id.note(&prediction, &self.counters);
        }
        Ok(prediction)
    }

    /// Works out what the track's next answer can be known by before its step closes, so that the answer takes one row's time instead
    /// of a window's: call it when the answer is out and there is time, about that of a prediction, after a swap up to as many as a
    /// window has rows. The first call of a track takes memory for it. It changes no answer, to the bit: without it, or where a step
    /// comes before it, the window is run whole, which is counted. Nothing where no model of the track's can work ahead: native
    /// LSTM and GRU layers over a window can, of which the rest of the graph reads the last step alone, and convolutions.
    ///
    /// # Errors
    /// `NOT_FOUND`; `LIMIT` when the memory does not fit under `limits.memory_mb`.
    pub fn prepare(&mut self, id: TrackId) -> Result<()> {
        let place = self.place(id)?;
        self.prepare_at(place)
    }

    pub(super) fn prepare_at(&mut self, place: usize) -> Result<()> {
        let (mut copies, slots) = self.readers.parts();
        self.counters.generations.add(copies.moved());
        let Asked { track, instances, .. } = asked(&mut self.tracks[place], &mut copies, slots)?;
        if !track.ahead.fits(&instances.generation) {
            let ahead = WorkedAhead::new(&instances.generation);
            self.shared.check_memory(ahead.memory_bytes())?;
            track.ahead = ahead;
            let bytes = track.memory_bytes();
            self.shared.add_memory(bytes);
            self.shared.remove_memory(std::mem::replace(&mut track.counted_bytes, bytes));
        }
        track.prepare(instances);
        Ok(())
    }

    /// The decision for a row of the caller's: F unscaled values in the schema's order, NaN where one is missing. The caller
    /// vouches for the row, so it is as new as the decision and never stale or not ready; the phase is known only where the row
    /// holds its features and the track has a close. The track's own newest step stays as it is, asked for or not;
    /// [`Lane::details`] then shows what stands behind this prediction.
    ///
    /// # Errors
    /// As [`Lane::predict`]; `SHAPE` for another number of values, `NOT_FINITE` naming an infinite one, `CONTRACT` naming the
    /// scale or the model that needs a track's own steps. Then nothing changes.
    pub fn predict_row(&mut self, id: TrackId, row: &[f64], now_ns: i64) -> Result<Prediction> {
        let place = self.place(id)?;
        let id = next_id(&self.shared, self.number, self.count, self.decided_ns(now_ns)?, 0);
        let (mut copies, slots) = self.readers.parts();
        self.counters.generations.add(copies.moved());
        let Asked { track, instances, slot_on } = asked(&mut self.tracks[place], &mut copies, slots)?;
        let generation = instances.generation.clone();
        let row = self.row_room.scale(&generation.bundle, row)?;
        let prediction = track.predict_row(RowQuestion { generation: &generation, instances, slot_on, row }, id, &self.counters);
        self.count += 1;
        id.note(&prediction, &self.counters);
        Ok(prediction)
    }

    /// The time of a decision.
    pub(super) fn decided_ns(&self, now_ns: i64) -> Result<i64> {
        let decided_ns = self.shared.clock.decision_ns(now_ns).filter(|now| *now >= 0);
        let why = || format!("now_ns {now_ns}: a time from 1, or 0 when the engine reads the system's clock");
        decided_ns.ok_or_else(|| Error::new(Status::InvalidArgument, why()))
    }

    /// Writes the track's newest prediction, and every new one, to memory of the host's; `None` gives it back. Before
    /// the first prediction the action is NONE.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn attach_result(&mut self, id: TrackId, memory: Option<ResultWriter>) -> Result<()> {
        let place = self.place(id)?;
        if let Some(track) = &mut self.tracks[place] {
            track.attach(memory);
        }
        Ok(())
    }

    /// A switch of the track that any thread may use, without the lane.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn track_switch(&self, id: TrackId) -> Result<TrackSwitch> {
        Ok(self.track(id)?.switch.clone())
    }

    /// Gives the track another switch than its own, such as one that a table of tracks keeps.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn use_switch(&mut self, id: TrackId, switch: TrackSwitch) -> Result<()> {
        let place = self.place(id)?;
        self.tracks[place].iter_mut().for_each(|track| track.switch = switch.clone());
        Ok(())
    }

    /// Outputs, members and missing features behind the newest prediction.
    ///
    /// # Errors
    /// `NOT_FOUND`; `NO_PREDICTION` when nobody has predicted.
    pub fn details(&self, id: TrackId) -> Result<Details<'_>> {
        self.track(id)?.details()
    }

    /// The newest closed row.
    ///
    /// # Errors
    /// `NOT_FOUND`; `NO_PREDICTION` before the first step.
    pub fn row(&self, id: TrackId) -> Result<Row<'_>> {
        self.track(id)?.feed.row()
    }
}

//! Rows of the traded streams, with the leading venue in the other role.

use std::path::Path;

use foretick::features::spec::Schema;
use foretick::source::simulator::{PairInfo, STEP_NS, Simulator, Truth};
use foretick::types::Slot;
use foretick::window::sampler::Sampling;
use foretick::{Error, Result, Status};

use super::Sink;
use crate::cli::replay::run::Refused;
use crate::cli::replay::schema::{self, BarOrTime};
use crate::cli::replay::summary::Figures;
use crate::cli::rows::{NewTrack, RowTracks};

/// The tracks and how many streams feed them.
pub struct SimulatedRows {
    tracks: RowTracks,
    streams: usize,
}

pub fn open(path: &Path, schema: &Path, scaled: bool, market: &Simulator) -> Result<SimulatedRows> {
    let schema = schema::read(schema, BarOrTime::Time(STEP_NS))?;
    if schema.sampler.sampling == Sampling::Bar {
        return Err(Error::new(Status::FeaturesUnavailable, "the schema samples by bar: make --candles and replay them"));
    }
    let streams = market.streams();
    let track = |pair: &PairInfo| -> Result<NewTrack> { Ok((streams[pair.own].name.to_owned(), schema.clone(), binding(&schema, pair)?)) };
    let tracks = market.pairs().iter().map(track).collect::<Result<Vec<_>>>()?;
    Ok(SimulatedRows { tracks: RowTracks::create(path, &schema, scaled, streams.len(), tracks)?, streams: streams.len() })
}

fn binding(schema: &Schema, pair: &PairInfo) -> Result<Vec<usize>> {
    match schema.roles.len() {
        1 => Ok(vec![pair.own]),
        2 => Ok(vec![pair.own, pair.leader]),
        _ => Err(Error::new(Status::Roles, format!("the simulator fills two roles, the schema has {}", schema.roles.join(", ")))),
    }
}

impl Sink for SimulatedRows {
    fn event(&mut self, stream: usize, event: &[Slot]) -> Result<()> {
        self.tracks.event(stream, event).map_err(Refused::into_error)
    }

    fn close(&mut self, _: &Truth) -> Result<()> {
        Ok(())
    }

    fn finish(mut self: Box<Self>, end_ns: i64) -> Result<Figures> {
        (0..self.streams).try_for_each(|stream| self.tracks.end(stream, end_ns))?;
        self.tracks.finish()
    }
}

//! `replay --rows` without a bundle.

use std::path::Path;

use foretick::features::spec::Schema;
use foretick::source::{Event, StreamInfo};
use foretick::types::Kind;
use foretick::{Error, Result, Status};

use super::run::{Consumer, Refused, drive};
use super::schema::{self, BarOrTime};
use super::{ReplayArgs, bind, open_recording, summary};
use crate::cli::rows::{NewTrack, RowTracks};

pub fn run(args: &ReplayArgs, json: bool) -> Result<()> {
    schema::check_step(&args.schema, args.step_ms)?;
    let schema_interval = if schema::is_baseline(&args.schema) { None } else { schema::bar_interval(&schema::read(&args.schema, BarOrTime::Bar(1))?) };
    let mut recording = open_recording(args, schema_interval)?;
    let schemas = recording.streams().iter().map(|stream| stream_schema(args, stream)).collect::<Vec<_>>();
    let mut consumer = open_tracks(args, recording.streams(), schemas)?;
    let seen = drive(args, &mut recording, &mut consumer)?;
    let mut figures = summary::of_loop(&seen);
    figures.extend(consumer.finish()?);
    summary::show(figures, json, false);
    Ok(())
}

/// The baseline samples by each stream's own bars, or by time when asked.
fn stream_schema(args: &ReplayArgs, stream: &StreamInfo) -> Result<Schema> {
    let sampling = match (args.step_ms, stream.interval_ns) {
        (Some(ms), _) => BarOrTime::Time(ms as i64 * 1_000_000),
        (None, Some(interval_ns)) => BarOrTime::Bar(interval_ns),
        (None, None) if schema::is_baseline(&args.schema) => {
            return Err(Error::new(Status::InvalidArgument, format!("{}: no candles; --step-ms N samples by time", stream.name)));
        }
        (None, None) => BarOrTime::Bar(1),
    };
    schema::read(&args.schema, sampling)
}

fn open_tracks(args: &ReplayArgs, streams: &[StreamInfo], schemas: Vec<Result<Schema>>) -> Result<RowTracks> {
    let (mut tracks, mut refused) = (Vec::<NewTrack>::new(), Vec::new());
    for (own, schema) in schemas.into_iter().enumerate() {
        let bound = schema.and_then(|schema| bind_one(args, &schema, streams, own).map(|binding| (schema, binding)));
        match bound {
            Ok((schema, Some(binding))) => tracks.push((streams[own].name.clone(), schema, binding)),
            Ok((_, None)) => {}
            Err(error) => refused.push(error),
        }
    }
    let Some((_, schema, _)) = tracks.last() else {
        return Err(refused.into_iter().next().unwrap_or_else(|| Error::new(Status::NotFound, "no stream to make rows of")));
    };
    refused.iter().for_each(|error| eprintln!("no rows: {}", error.text()));
    let path = args.rows.as_deref().unwrap_or(Path::new("rows.csv"));
    RowTracks::create(path, &schema.clone(), args.scaled, streams.len(), tracks)
}

/// The roles of one stream's track; the baseline takes what the stream gives and marks the rest as missing.
fn bind_one(args: &ReplayArgs, schema: &Schema, streams: &[StreamInfo], own: usize) -> Result<Option<bind::Binding>> {
    let stream = &streams[own];
    if schema::is_baseline(&args.schema) {
        let (wants_bars, has_bars) = (schema::bar_interval(schema).is_some(), stream.gives(Kind::Bar));
        return match (wants_bars, has_bars) {
            (false, true) => Err(Error::new(Status::FeaturesUnavailable, format!("{}: candles are steps already; leave out --step-ms", stream.name))),
            (false, false) if !stream.gives(Kind::Trade) => {
                Err(Error::new(Status::FeaturesUnavailable, format!("{}: no trades, so there is no price; name a schema with price = \"mid\"", stream.name)))
            }
            _ => Ok(Some(vec![own])),
        };
    }
    let mut bindings = bind::bind(schema, streams, &args.bind, |name| name == stream.name)?;
    match bindings.refused.pop() {
        Some((_, error)) => Err(error),
        None => Ok(bindings.tracks.pop().filter(|binding| binding[0] == own)),
    }
}

impl Consumer for RowTracks {
    fn event(&mut self, stream: usize, event: &mut Event) -> Result<(), Refused> {
        event.set_stream(stream as u32 + 1);
        RowTracks::event(self, stream, event.slots())
    }

    fn pass(&mut self, stream: usize, known_ns: i64) -> Result<()> {
        RowTracks::pass(self, stream, known_ns)
    }

    fn end(&mut self, stream: usize, last_known_ns: i64) -> Result<()> {
        RowTracks::end(self, stream, last_known_ns)
    }
}

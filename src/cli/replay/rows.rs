//! `replay --rows` without a bundle, and the CSV of rows that both forms write.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use foretick::engine::{Extractor, Row};
use foretick::features::spec::Schema;
use foretick::source::{Event, StreamInfo};
use foretick::types::Kind;
use foretick::{Error, Result, Status};
use serde_json::json;

use super::run::{Consumer, Refused, drive};
use super::schema::{self, BarOrTime};
use super::{ReplayArgs, bind, open_recording, summary};
use crate::cli::files::Output;

/// A CSV of rows: `time_ns`, the features by name, `valid_mask`; `track` first when there are several.
pub struct RowFile {
    file: Output,
    scaled: bool,
    with_track: bool,
    line: String,
    /// Rows written.
    pub rows: u64,
}

impl RowFile {
    pub fn create(path: &Path, schema: &Schema, scaled: bool, with_track: bool) -> Result<RowFile> {
        let mut file = Output::create(path)?;
        let names: Vec<&str> = schema.features.iter().map(|feature| feature.name.as_str()).collect();
        file.write(&format!("{}time_ns,{},valid_mask\n", if with_track { "track," } else { "" }, names.join(",")))?;
        Ok(RowFile { file, scaled, with_track, line: String::new(), rows: 0 })
    }

    pub fn write(&mut self, track: &str, row: &Row<'_>) -> Result<()> {
        self.line.clear();
        if self.with_track {
            let _ = write!(self.line, "{track},");
        }
        let _ = write!(self.line, "{}", row.step.time_ns);
        let valid = if self.scaled {
            push_cells(&mut self.line, row.scaled);
            row.scaled_valid
        } else {
            push_cells(&mut self.line, row.raw);
            row.raw_valid
        };
        push_mask(&mut self.line, valid);
        self.rows += 1;
        self.file.write(&self.line)
    }

    pub fn finish(self) -> Result<u64> {
        self.file.finish().map(|()| self.rows)
    }
}

fn push_cells<T: std::fmt::Debug>(line: &mut String, values: &[T]) {
    for value in values {
        let _ = write!(line, ",{value:?}");
    }
}

/// Bit i is feature i: a decimal number up to 64 features, else hexadecimal, most significant word first.
fn push_mask(line: &mut String, valid: &[u64]) {
    if let [one] = valid {
        let _ = writeln!(line, ",{one}");
        return;
    }
    line.push_str(",0x");
    for word in valid.iter().rev() {
        let _ = write!(line, "{word:016x}");
    }
    line.push('\n');
}

/// One track without a model.
struct RowTrack {
    name: String,
    extractor: Option<Extractor>,
}

struct Rows {
    tracks: Vec<RowTrack>,
    /// By stream: the tracks and roles that it feeds.
    routes: Vec<Vec<(usize, usize)>>,
    file: RowFile,
    skipped: u64,
    gaps: u64,
    restarts: u64,
}

pub fn run(args: &ReplayArgs, json: bool) -> Result<()> {
    schema::check_step(&args.schema, args.step_ms)?;
    let schema_interval = if schema::is_baseline(&args.schema) { None } else { schema::bar_interval(&schema::read(&args.schema, BarOrTime::Bar(1))?) };
    let mut recording = open_recording(args, schema_interval)?;
    let schemas = recording.streams().iter().map(|stream| stream_schema(args, stream)).collect::<Vec<_>>();
    let mut consumer = open_tracks(args, recording.streams(), schemas)?;
    let seen = drive(args, &mut recording, &mut consumer)?;
    let mut figures = summary::of_loop(&seen);
    figures.push(("tracks", json!(consumer.tracks.len())));
    figures.push(("skipped", json!(consumer.skipped)));
    figures.push(("missing_bars", json!(consumer.gaps)));
    figures.push(("restarts", json!(consumer.restarts)));
    figures.push(("steps", json!(consumer.file.finish()?)));
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

fn open_tracks(args: &ReplayArgs, streams: &[StreamInfo], schemas: Vec<Result<Schema>>) -> Result<Rows> {
    let mut tracks = Vec::new();
    let mut routes = vec![Vec::new(); streams.len()];
    let (mut width_of, mut refused) = (None, Vec::new());
    for (own, schema) in schemas.into_iter().enumerate() {
        let bound = schema.and_then(|schema| bind_one(args, &schema, streams, own).map(|binding| (schema, binding)));
        match bound {
            Ok((schema, Some(binding))) => {
                binding.iter().enumerate().for_each(|(role, stream)| routes[*stream].push((tracks.len(), role)));
                tracks.push(RowTrack { name: streams[own].name.clone(), extractor: Some(Extractor::new(Arc::new(schema.clone()))) });
                width_of = Some(schema);
            }
            Ok((_, None)) => {}
            Err(error) => refused.push(error),
        }
    }
    let Some(schema) = width_of else {
        return Err(refused.into_iter().next().unwrap_or_else(|| Error::new(Status::NotFound, "no stream to make rows of")));
    };
    refused.iter().for_each(|error| eprintln!("no rows: {}", error.text()));
    let path = args.rows.as_deref().unwrap_or(Path::new("rows.csv"));
    let file = RowFile::create(path, &schema, args.scaled, tracks.len() > 1)?;
    Ok(Rows { tracks, routes, file, skipped: 0, gaps: 0, restarts: 0 })
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

impl Rows {
    /// Runs one track's extractor; rows that close go to the file.
    fn with(&mut self, track: usize, act: impl FnOnce(&mut Extractor, &mut dyn FnMut(Row<'_>)) -> Result<(), Refused>) -> Result<(), Refused> {
        let Rows { tracks, file, .. } = self;
        let RowTrack { name, extractor: Some(extractor) } = &mut tracks[track] else { return Ok(()) };
        let mut failed = None;
        act(extractor, &mut |row| {
            if let Err(error) = file.write(name, &row) {
                failed.get_or_insert(error);
            }
        })?;
        failed.map_or(Ok(()), |error| Err(Refused::Fatal(error)))
    }
}

fn fatal(done: Result<(), Refused>) -> Result<()> {
    match done {
        Ok(()) => Ok(()),
        Err(Refused::Fatal(error)) => Err(error),
        Err(Refused::Bad(text)) => Err(Error::new(Status::Internal, text)),
    }
}

impl Consumer for Rows {
    fn event(&mut self, stream: usize, event: &mut Event) -> Result<(), Refused> {
        event.set_stream(stream as u32 + 1);
        let mut skipped = 0;
        for at in 0..self.routes[stream].len() {
            let (track, role) = self.routes[stream][at];
            self.with(track, |extractor, mut on_row| {
                let reason = extractor.push(role, event.slots(), &mut on_row).map_err(|refusal| Refused::Bad(refusal.to_string()))?;
                skipped = u64::from(reason != 0);
                Ok(())
            })?;
        }
        self.skipped += skipped;
        Ok(())
    }

    fn pass(&mut self, stream: usize, known_ns: i64) -> Result<()> {
        for at in 0..self.routes[stream].len() {
            let (track, _) = self.routes[stream][at];
            fatal(self.with(track, |extractor, mut on_row| {
                extractor.pass(known_ns, &mut on_row);
                Ok(())
            }))?;
        }
        Ok(())
    }

    fn end(&mut self, stream: usize, last_known_ns: i64) -> Result<()> {
        for at in 0..self.routes[stream].len() {
            let (track, role) = self.routes[stream][at];
            if role != 0 {
                continue;
            }
            fatal(self.with(track, |extractor, mut on_row| {
                extractor.advance(last_known_ns, &mut on_row);
                Ok(())
            }))?;
            if let Some(extractor) = self.tracks[track].extractor.take() {
                self.gaps += extractor.counters().gaps.get();
                self.restarts += extractor.counters().restarts.get();
            }
        }
        Ok(())
    }
}

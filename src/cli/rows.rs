//! Rows of features without a model: extractors of several streams, and the CSV that takes their rows.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use foretick::Result;
use foretick::engine::{Extractor, Row};
use foretick::features::spec::Schema;
use foretick::types::Slot;
use serde_json::json;

use super::files::Output;
use super::replay::run::Refused;
use super::replay::summary::Figures;

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
    /// `None` once its own stream has ended.
    extractor: Option<Extractor>,
}

/// Tracks without a model, a file that takes their rows, and what was counted.
pub struct RowTracks {
    tracks: Vec<RowTrack>,
    /// By stream: the tracks and roles that it feeds.
    routes: Vec<Vec<(usize, usize)>>,
    file: RowFile,
    skipped: u64,
    gaps: u64,
    restarts: u64,
}

/// A track to open: its name, its schema, and a stream a role.
pub type NewTrack = (String, Schema, Vec<usize>);

impl RowTracks {
    /// Opens the tracks; the file has the columns of `schema`, which all of them share.
    pub fn create(path: &Path, schema: &Schema, scaled: bool, streams: usize, tracks: Vec<NewTrack>) -> Result<RowTracks> {
        let file = RowFile::create(path, schema, scaled, tracks.len() > 1)?;
        let mut routes = vec![Vec::new(); streams];
        for (track, (_, _, binding)) in tracks.iter().enumerate() {
            binding.iter().enumerate().for_each(|(role, stream)| routes[*stream].push((track, role)));
        }
        let open = |(name, schema, _)| RowTrack { name, extractor: Some(Extractor::new(Arc::new(schema))) };
        Ok(RowTracks { tracks: tracks.into_iter().map(open).collect(), routes, file, skipped: 0, gaps: 0, restarts: 0 })
    }

    /// Runs one track's extractor; rows that close go to the file.
    fn with(&mut self, track: usize, act: impl FnOnce(&mut Extractor, &mut dyn FnMut(Row<'_>)) -> Result<(), Refused>) -> Result<(), Refused> {
        let RowTracks { tracks, file, .. } = self;
        let RowTrack { name, extractor: Some(extractor) } = &mut tracks[track] else { return Ok(()) };
        let mut failed = None;
        act(extractor, &mut |row| {
            if let Err(error) = file.write(name, &row) {
                failed.get_or_insert(error);
            }
        })?;
        failed.map_or(Ok(()), |error| Err(Refused::Fatal(error)))
    }

    /// An event of a stream.
    pub fn event(&mut self, stream: usize, event: &[Slot]) -> Result<(), Refused> {
        let mut reasons = 0;
        for at in 0..self.routes[stream].len() {
            let (track, role) = self.routes[stream][at];
            self.with(track, |extractor, mut on_row| {
                reasons |= extractor.push(role, event, &mut on_row).map_err(|refusal| Refused::Bad(refusal.to_string()))?;
                Ok(())
            })?;
        }
        self.skipped += u64::from(reasons != 0);
        if reasons == 0 { Ok(()) } else { Err(Refused::skipped(reasons)) }
    }

    /// An event of a stream was refused, but its time is known.
    pub fn pass(&mut self, stream: usize, known_ns: i64) -> Result<()> {
        for at in 0..self.routes[stream].len() {
            let (track, _) = self.routes[stream][at];
            let passed = self.with(track, |extractor, mut on_row| {
                extractor.pass(known_ns, &mut on_row);
                Ok(())
            });
            passed.map_err(Refused::into_error)?;
        }
        Ok(())
    }

    /// A stream has ended; its own track closes the steps up to there and ends too.
    pub fn end(&mut self, stream: usize, last_known_ns: i64) -> Result<()> {
        for at in 0..self.routes[stream].len() {
            let (track, role) = self.routes[stream][at];
            if role != 0 {
                continue;
            }
            let ended = self.with(track, |extractor, mut on_row| {
                extractor.advance(last_known_ns, &mut on_row);
                Ok(())
            });
            ended.map_err(Refused::into_error)?;
            if let Some(extractor) = self.tracks[track].extractor.take() {
                self.gaps += extractor.counters().gaps.get();
                self.restarts += extractor.counters().restarts.get();
            }
        }
        Ok(())
    }

    /// Completes the file and tells what was counted.
    pub fn finish(self) -> Result<Figures> {
        let RowTracks { tracks, file, skipped, gaps, restarts, .. } = self;
        let mut figures = vec![("tracks", json!(tracks.len())), ("skipped", json!(skipped)), ("missing_bars", json!(gaps)), ("restarts", json!(restarts))];
        figures.push(("steps", json!(file.finish()?)));
        Ok(figures)
    }
}

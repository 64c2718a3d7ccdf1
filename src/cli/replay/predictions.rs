//! `replay --bundle`: tracks, predictions and their lines.

use std::fmt::Write;
use std::path::Path;

use foretick::engine::{Engine, Lane, Row, TRACK_ANY_STREAM, TrackId};
use foretick::model::bundle::Bundle;
use foretick::model::manifest::hex;
use foretick::source::{Event, StreamInfo};
use foretick::types::prediction::{Action, flag};
use foretick::types::{Prediction, reason};
use foretick::{Error, Result, Status};
use serde_json::{Map, Value, json};

use super::bind::{Bindings, bind};
use super::run::{Consumer, Refused, drive};
use super::{ReplayArgs, open_recording, schema, summary};
use crate::cli::files::{Output, locate_bundle};
use crate::cli::rows::RowFile;

const SLOT: &str = "replay";

pub fn run(args: &ReplayArgs, bundle: &Path, json: bool) -> Result<()> {
    if !schema::is_baseline(&args.schema) {
        return Err(Error::new(Status::InvalidArgument, "--schema is for rows without a bundle: the bundle has its own"));
    }
    let engine = Engine::open_text("threads = 0\nclock = \"host\"\n[limits]\ntracks = 65536\n")?;
    let bundle = engine.open_bundle(&locate_bundle(bundle)?)?;
    engine.publish_one(SLOT, bundle.clone())?;
    let mut recording = open_recording(args, schema::bar_interval(&bundle.schema))?;
    let bindings = bind(&bundle.schema, recording.streams(), &args.bind, |name| args.any_stream || bundle.manifest.applies_to(name))?;
    let mut consumer = Predictions::open(args, &engine, &bundle, recording.streams(), bindings)?;
    let seen = drive(args, &mut recording, &mut consumer)?;
    let mut figures = summary::of_loop(&seen);
    figures.extend(consumer.finish()?);
    summary::show(figures, json, args.out.is_none());
    Ok(())
}

/// One track of the replay.
struct ReplayTrack {
    id: TrackId,
    name: String,
    own: usize,
    open: bool,
}

/// Where prediction lines go.
enum Lines {
    Stdout,
    Json(Output),
    Csv(Output),
}

#[derive(Default)]
struct Counts {
    predictions: u64,
    in_sample: u64,
    actions: Map<String, Value>,
    abstained: Map<String, Value>,
}

struct Predictions<'b> {
    bundle: &'b Bundle,
    lane: Lane,
    stream_ids: Vec<u32>,
    tracks: Vec<ReplayTrack>,
    lines: Lines,
    rows: Option<RowFile>,
    due: Vec<TrackId>,
    line: String,
    counts: Counts,
}

impl<'b> Predictions<'b> {
    fn open(args: &ReplayArgs, engine: &Engine, bundle: &'b Bundle, streams: &[StreamInfo], bindings: Bindings) -> Result<Predictions<'b>> {
        let stream_ids = streams.iter().map(|stream| engine.add_stream(&stream.name, "")).collect::<Result<Vec<_>>>()?;
        let mut lane = engine.open_lane("")?;
        let mut tracks = Vec::new();
        for binding in &bindings.tracks {
            let roles: Vec<u32> = binding.iter().map(|stream| stream_ids[*stream]).collect();
            let id = lane.open_track(SLOT, &roles, if args.any_stream { TRACK_ANY_STREAM } else { 0 })?;
            let names: Vec<String> = binding.iter().zip(&bundle.schema.roles).map(|(stream, role)| format!("{role}={}", streams[*stream].name)).collect();
            eprintln!("track {}", names.join(" "));
            tracks.push(ReplayTrack { id, name: streams[binding[0]].name.clone(), own: binding[0], open: true });
        }
        bindings.refused.iter().for_each(|(name, error)| eprintln!("no track for {name}: {}", error.text()));
        if tracks.is_empty() {
            return Err(nothing_to_predict(bundle, streams, bindings));
        }
        let rows = args.rows.as_deref().map(|path| RowFile::create(path, &bundle.schema, args.scaled, tracks.len() > 1)).transpose()?;
        let lines = open_lines(args.out.as_deref(), bundle)?;
        Ok(Predictions { bundle, lane, stream_ids, tracks, lines, rows, due: Vec::new(), line: String::new(), counts: Counts::default() })
    }

    /// Predicts every track with a new step, as of the time that closed it.
    fn predict_due(&mut self, now_ns: i64) -> Result<()> {
        let mut due = std::mem::take(&mut self.due);
        due.extend(self.lane.due());
        for id in due.drain(..) {
            let prediction = self.lane.predict(id, now_ns.max(1))?;
            self.write(id, &prediction)?;
        }
        self.due = due;
        Ok(())
    }

    fn write(&mut self, id: TrackId, prediction: &Prediction) -> Result<()> {
        let track = self.tracks.iter().find(|track| track.id == id).map_or("", |track| track.name.as_str());
        self.counts.take(prediction);
        self.line.clear();
        match &mut self.lines {
            Lines::Csv(file) => {
                write_csv(&mut self.line, track, prediction, &self.lane, id, self.bundle)?;
                file.write(&self.line)
            }
            Lines::Json(file) => {
                self.line = json_line(track, prediction, &self.lane, id, self.bundle)?.to_string();
                self.line.push('\n');
                file.write(&self.line)
            }
            Lines::Stdout => {
                let line = json_line(track, prediction, &self.lane, id, self.bundle)?;
                crate::cli::write_line(&line.to_string())
            }
        }
    }

    fn finish(self) -> Result<summary::Figures> {
        let Counts { predictions, in_sample, actions, abstained } = self.counts;
        let counters = self.lane.counters();
        let mut figures = vec![
            ("bundle", json!(format!("{}, digest {}", self.bundle.manifest.title(), hex(&self.bundle.digest)))),
            ("tracks", json!(self.tracks.len())),
            ("steps", json!(counters.steps.get())),
            ("predictions", json!(predictions)),
            ("unasked_steps", json!(counters.unasked.get())),
            ("actions", Value::Object(actions)),
            ("abstained_by", Value::Object(abstained)),
            ("in_sample_share", json!(if predictions == 0 { 0.0 } else { (in_sample as f64 / predictions as f64 * 1e4).round() / 1e4 })),
            ("skipped", json!(counters.skipped.get())),
            ("missing_bars", json!(counters.gaps.get())),
            ("restarts", json!(counters.restarts.get())),
        ];
        if let Some(rows) = self.rows {
            figures.push(("rows_written", json!(rows.finish()?)));
        }
        match self.lines {
            Lines::Json(file) | Lines::Csv(file) => file.finish()?,
            Lines::Stdout => {}
        }
        Ok(figures)
    }
}

fn nothing_to_predict(bundle: &Bundle, streams: &[StreamInfo], bindings: Bindings) -> Error {
    if let Some((_, error)) = bindings.refused.into_iter().next() {
        return error;
    }
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    let text = format!(
        "{} applies to {}; the files hold {}; --any-stream uses them all the same",
        bundle.manifest.title(),
        bundle.manifest.applies_to.join(", "),
        names.join(", ")
    );
    Error::new(Status::Scope, text)
}

impl Counts {
    fn take(&mut self, prediction: &Prediction) {
        let bump = |map: &mut Map<String, Value>, name: &str| {
            let count = map.get(name).and_then(Value::as_u64).unwrap_or(0);
            map.insert(name.to_owned(), json!(count + 1));
        };
        self.predictions += 1;
        self.in_sample += u64::from(prediction.flags() & flag::IN_SAMPLE != 0);
        bump(&mut self.actions, prediction.action().name());
        if prediction.action() == Action::Abstain {
            reason::names(prediction.reasons & !reason::INFORMATIVE).for_each(|name| bump(&mut self.abstained, name));
        }
    }
}

impl Consumer for Predictions<'_> {
    fn event(&mut self, stream: usize, event: &mut Event) -> Result<(), Refused> {
        event.set_stream(self.stream_ids[stream]);
        let (known_ns, mut failed) = (event.known_ns(), None);
        let (tracks, rows) = (&self.tracks, &mut self.rows);
        let flow = self.lane.push_with(event.slots(), &mut |id, row| write_row(rows, tracks, id, &row, &mut failed));
        let flow = flow.map_err(|error| Refused::Bad(error.refusal.to_string()))?;
        fail(failed)?;
        if flow.closed > 0 {
            self.predict_due(known_ns)?;
        }
        if flow.skipped == 0 { Ok(()) } else { Err(Refused::skipped(flow.reasons)) }
    }

    fn pass(&mut self, stream: usize, known_ns: i64) -> Result<()> {
        let mut failed = None;
        let (tracks, rows) = (&self.tracks, &mut self.rows);
        let closed = self.lane.pass(self.stream_ids[stream], known_ns, &mut |id, row| write_row(rows, tracks, id, &row, &mut failed));
        fail(failed)?;
        if closed > 0 { self.predict_due(known_ns) } else { Ok(()) }
    }

    /// Files end: the merge promises that nothing up to the last time will follow, and the track emits
    /// no step that closes later.
    fn end(&mut self, stream: usize, last_known_ns: i64) -> Result<()> {
        let mut failed = None;
        let (tracks, rows) = (&self.tracks, &mut self.rows);
        let flow = self.lane.advance_with(last_known_ns, &mut |id, row| write_row(rows, tracks, id, &row, &mut failed))?;
        fail(failed)?;
        if flow.closed > 0 {
            self.predict_due(last_known_ns)?;
        }
        for track in self.tracks.iter_mut().filter(|track| track.own == stream && track.open) {
            track.open = false;
            self.lane.close_track(track.id)?;
        }
        Ok(())
    }
}

fn fail(failed: Option<Error>) -> Result<()> {
    failed.map_or(Ok(()), Err)
}

fn write_row(rows: &mut Option<RowFile>, tracks: &[ReplayTrack], id: TrackId, row: &Row<'_>, failed: &mut Option<Error>) {
    let name = tracks.iter().find(|track| track.id == id).map_or("", |track| track.name.as_str());
    if let Some(Err(error)) = rows.as_mut().map(|rows| rows.write(name, row)) {
        failed.get_or_insert(error);
    }
}

fn open_lines(path: Option<&Path>, bundle: &Bundle) -> Result<Lines> {
    let Some(path) = path else { return Ok(Lines::Stdout) };
    let mut file = Output::create(path)?;
    if path.extension().is_none_or(|extension| extension != "csv") {
        return Ok(Lines::Json(file));
    }
    let mut header =
        "track,step,time_ns,known_ns,decided_ns,valid_until_ns,action,probability,raw,agreement,reasons,flags,generation,phase,missing,out_of_range".to_owned();
    for output in &bundle.manifest.outputs {
        let _ = write!(header, ",{0},{0}.raw", output.name);
    }
    for member in &bundle.members {
        for give in &member.spec.gives {
            let _ = write!(header, ",{0}.{1},{0}.{1}.weight", member.spec.name, bundle.manifest.outputs[give.output].name);
        }
    }
    file.write(&format!("{header}\n"))?;
    Ok(Lines::Csv(file))
}

fn json_line(track: &str, p: &Prediction, lane: &Lane, id: TrackId, bundle: &Bundle) -> Result<Value> {
    let (details, row) = (lane.details(id)?, lane.row(id)?);
    let mut outputs = Map::new();
    for (spec, output) in bundle.manifest.outputs.iter().zip(&details.answer.outputs) {
        outputs.insert(spec.name.clone(), json!({ "value": output.value, "raw": output.raw }));
    }
    let mut members = Map::new();
    for answer in &details.answer.members {
        let member = members.entry(bundle.members[answer.member].spec.name.clone()).or_insert_with(|| json!({}));
        member[bundle.manifest.outputs[answer.output].name.as_str()] =
            json!({ "value": answer.value, "weight": answer.weight, "status": answer.status.name() });
    }
    Ok(json!({
        "track": track, "step": p.step, "time_ns": row.step.time_ns, "known_ns": p.known_ns, "decided_ns": p.decided_ns, "valid_until_ns": p.valid_until_ns,
        "action": p.action().name(), "probability": shortest(p.value), "raw": shortest(p.raw), "agreement": shortest(p.agreement), "edge": shortest(p.edge),
        "reasons": reason::names(p.reasons).collect::<Vec<_>>(), "flags": p.flags(), "generation": p.generation, "phase": p.phase,
        "missing": p.missing, "out_of_range": p.out_of_range, "outputs": outputs, "members": members,
    }))
}

/// An f32 by its own shortest digits, not those of its f64.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().ok().filter(|value| value.is_finite()).map_or(Value::Null, Value::from)
}

fn write_csv(line: &mut String, track: &str, p: &Prediction, lane: &Lane, id: TrackId, bundle: &Bundle) -> Result<()> {
    let (details, row) = (lane.details(id)?, lane.row(id)?);
    let reasons: Vec<&str> = reason::names(p.reasons).collect();
    let _ = write!(line, "{track},{},{},{},{},{},{}", p.step, row.step.time_ns, p.known_ns, p.decided_ns, p.valid_until_ns, p.action().name());
    [p.value, p.raw, p.agreement].iter().for_each(|value| cell(line, f64::from(*value), &value.to_string()));
    let _ = write!(line, ",{},{},{},{},{},{}", reasons.join("|"), p.flags(), p.generation, p.phase, p.missing, p.out_of_range);
    debug_assert_eq!(details.answer.outputs.len(), bundle.manifest.outputs.len());
    for output in &details.answer.outputs {
        [output.value, output.raw].iter().for_each(|value| cell(line, *value, &format!("{value:?}")));
    }
    for member in &details.answer.members {
        [member.value, member.weight].iter().for_each(|value| cell(line, *value, &format!("{value:?}")));
    }
    line.push('\n');
    Ok(())
}

fn cell(line: &mut String, value: f64, text: &str) {
    line.push(',');
    if value.is_finite() {
        line.push_str(text);
    }
}

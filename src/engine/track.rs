//! A track: a feed, the slot that it asks, and the newest answer.

use std::sync::Arc;

use super::ahead::WorkedAhead;
use super::answer::Answer;
use super::feed::Feed;
use super::past::Past;
use super::result::ResultWriter;
use super::switch::TrackSwitch;
use crate::error::{Error, Result, Status};
use crate::features::spec::Schema;
use crate::model::manifest::Manifest;
use crate::model::store::Generation;
use crate::types::Prediction;
use crate::types::state::{Pass, State};

/// Open a track on streams that the bundle's `applies_to` does not name; every prediction then says so.
pub const TRACK_ANY_STREAM: u32 = 1;

/// What stands behind the newest prediction.
#[derive(Clone, Copy, Debug)]
pub struct Details<'a> {
    /// Outputs, members, phase.
    pub answer: &'a Answer,
    /// The schema of the row.
    pub schema: &'a Schema,
    /// The manifest of the bundle that answered: names of the outputs and members.
    pub manifest: &'a Manifest,
}

/// One track of a lane.
#[derive(Debug)]
pub struct Track {
    pub number: u32,
    /// Place of the track's slot among those that the lane reads.
    pub reader: usize,
    /// Its room among the states that the lane's copies of that slot carry.
    pub room: usize,
    /// A step closed that nobody has asked for.
    pub due: bool,
    /// The lane's list of due tracks names it.
    pub listed: bool,
    self_name: String,
    /// Ids by role.
    pub streams: Box<[u32]>,
    pub out_of_scope: bool,
    /// Bytes that were counted when it opened; a swap may change what it holds.
    pub counted_bytes: usize,
    pub feed: Feed,
    pub past: Past,
    pub answer: Answer,
    /// A cache: it is in no snapshot.
    pub ahead: WorkedAhead,
    /// The prediction of the newest step that was asked for, and its number; `None` in it before the first step.
    pub asked: Option<(Option<u64>, Prediction)>,
    /// The host's veto.
    pub switch: TrackSwitch,
    result: Option<ResultWriter>,
}

impl Track {
    pub fn open(generation: &Arc<Generation>, reader: usize, streams: &[u32], names: &[String], flags: u32) -> Result<Track> {
        let bundle = &generation.bundle;
        check_roles(&bundle.schema, streams, names)?;
        let self_name = names.first().cloned().unwrap_or_default();
        let out_of_scope = !bundle.manifest.applies_to(&self_name);
        if out_of_scope && flags & TRACK_ANY_STREAM == 0 {
            let text = format!(
                "bundle {} applies to {}, not to {self_name}; TRACK_ANY_STREAM (command: --any-stream) opens it all the same",
                bundle.manifest.title(),
                bundle.manifest.applies_to.join(", ")
            );
            return Err(Error::new(Status::Scope, text));
        }
        let (feed, answer) = (Feed::new(bundle.schema.clone()), Answer::new(generation));
        Ok(Track {
            number: 0,
            reader,
            room: 0,
            due: false,
            listed: false,
            self_name,
            streams: streams.into(),
            out_of_scope,
            counted_bytes: 0,
            feed,
            past: Past::new(streams.len()),
            answer,
            ahead: WorkedAhead::default(),
            asked: None,
            switch: TrackSwitch::default(),
            result: None,
        })
    }

    /// A new generation serves: what depends on the bundle alone is looked at again.
    pub fn take_over(&mut self, generation: &Arc<Generation>) {
        self.out_of_scope = !generation.bundle.manifest.applies_to(&self.self_name);
        self.feed.rows.take_range(&generation.bundle.schema.stats, &self.feed.window);
        self.answer.fit(generation);
    }

    /// Writes a prediction of a step to the host's memory, if some is attached.
    #[inline]
    pub fn publish(&mut self, prediction: &Prediction) {
        if let Some(result) = &mut self.result {
            result.write(prediction);
        }
    }

    /// Attaches memory of the host's, which from here on holds the newest prediction; `None` gives it back.
    pub fn attach(&mut self, memory: Option<ResultWriter>) {
        self.result = memory;
        self.show();
    }

    /// Writes the newest prediction of a step to the host's memory, if there is one.
    fn show(&mut self) {
        if let Some((_, newest)) = self.asked {
            self.publish(&newest);
        }
    }

    pub fn details(&self) -> Result<Details<'_>> {
        match self.answer.made {
            true => Ok(Details { answer: &self.answer, schema: &self.feed.schema, manifest: &self.answer.manifest }),
            false => Err(Error::new(Status::NoPrediction, "nobody has predicted on this track yet")),
        }
    }

    /// Bytes that the track holds, with what its models have worked ahead.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Track>()
            + self.feed.memory_bytes()
            + self.past.memory_bytes()
            + self.answer.memory_bytes()
            + self.ahead.memory_bytes()
            + size_of_val(&*self.streams)
    }

    /// The state is another one: what was computed with the trained range is looked at again, and nothing stands behind an
    /// answer any more.
    fn settle(&mut self) {
        self.feed.rows.take_range(&self.answer.manifest.schema.stats, &self.feed.window);
        self.answer.made = false;
        self.show();
    }
}

/// What a track is stands apart: here is what it remembers. That it is due stands in the lane's list.
impl State for Track {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Track {
            number: _,
            reader: _,
            room: _,
            due: _,
            listed: _,
            self_name: _,
            streams: _,
            out_of_scope: _,
            counted_bytes: _,
            feed,
            past,
            answer: _,
            ahead: _,
            asked,
            switch,
            result: _,
        } = self;
        pass.each([feed, past, asked]);
        let on = pass.truth(switch.is_on());
        if pass.loads() {
            // A veto that either side knows of holds.
            if !on {
                switch.set(false);
            }
            self.settle();
        }
    }
}

fn check_roles(schema: &Schema, streams: &[u32], names: &[String]) -> Result<()> {
    if streams.len() != schema.roles.len() {
        let text = format!("the bundle has roles {}, {} streams were given: one stream a role, in that order", schema.roles.join(", "), streams.len());
        return Err(Error::new(Status::Roles, text));
    }
    if let Some(twice) = (1..streams.len()).find(|at| streams[..*at].contains(&streams[*at])) {
        return Err(Error::new(Status::Roles, format!("stream {} is given for two roles", names[twice])));
    }
    Ok(())
}

//! A lane as bytes: stopped at any event, it goes on elsewhere as if nothing had happened.

use super::states::pass_states;
use super::{Lane, envelope};
use crate::engine::registry::{Shared, Streams};
use crate::engine::track::Track;
use crate::error::{Result, Status};
use crate::features::spec::Schema;
use crate::model::manifest::Manifest;
use crate::types::state::{Pass, State};
use crate::window::sampler::{SamplerSpec, Sampling};

/// Most tracks of a snapshot, and most predictions of a lane.
const TRACKS_MOST: usize = 1 << 32;
const COUNT_MOST: usize = 1 << 48;

impl Lane {
    /// Bytes that a snapshot takes now. Nothing is changed; `&mut` because one list of fields serves saving and loading.
    #[must_use]
    pub fn snapshot_len(&mut self) -> usize {
        envelope::length(self.whole(|whole| Pass::measured(whole)))
    }

    /// Writes what the lane and its tracks remember, when `buf` has room for it, and answers how many bytes that takes:
    /// [`Lane::snapshot_len`]. Allocates nothing and changes nothing. See [`Lane::restore`] for what is in it.
    pub fn snapshot(&mut self, buf: &mut [u8]) -> usize {
        let length = self.snapshot_len();
        if let Some(place) = buf.get_mut(..length) {
            envelope::seal(place, |body| {
                self.whole(|whole| Pass::saved(whole, body));
            });
        }
        length
    }

    /// Goes on from a snapshot, in this process or another, equal to the lane that it was taken of. The lane must have the same
    /// tracks open in the same places, as opening the same ones in the same order gives: by name of slot and streams, with the
    /// same roles, sampler, window and features. Which bundle serves may differ, as after a swap, and its trained range counts;
    /// states of stateful models go on where it is the same bundle, and begin as after a swap where it is another.
    ///
    /// All that its tracks have seen before is replaced. Predictions are counted on from the greater of both counts, so that
    /// no id comes twice, under this lane's number and this engine's epoch; the prediction of a step that was asked for before
    /// is repeated as it was made. A track that is vetoed here or was vetoed there is vetoed. What belongs to the process is
    /// not in a snapshot: counters, switches of slots and members, details of predictions (`NO_PREDICTION` until the next).
    ///
    /// # Errors
    /// `CORRUPT` with what is damaged, `FORMAT_VERSION` for another format, `SCHEMA_DIFFERS` with what differs. Then the lane is
    /// as it was.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let body = envelope::open(snapshot)?;
        self.whole(|whole| Pass::loaded(whole, body))
    }

    fn whole<R>(&mut self, pass: impl FnOnce(&mut Whole<'_>) -> R) -> R {
        let shared = self.shared.clone();
        let Shared { streams, .. } = &*shared;
        pass(&mut Whole { lane: self, streams: &streams.read() })
    }
}

/// A lane with the names of the streams.
struct Whole<'l> {
    lane: &'l mut Lane,
    streams: &'l Streams,
}

impl State for Whole<'_> {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Lane {
            shared: _,
            options: _,
            number: _,
            count,
            counters: _,
            tracks,
            routes,
            readers,
            inlets: _,
            unprepared: _,
            row_room: _,
            promised_ns,
            waiting,
            due,
            ticks: _,
        } = self.lane;
        places(tracks, pass);
        for (place, track) in tracks.iter_mut().enumerate() {
            let Some(track) = track else { continue };
            pass.within(
                || format!("the track at place {place}"),
                |pass| {
                    belongs(track, &readers.slots()[track.reader].name, self.streams, pass);
                    for stream in &track.streams {
                        routes[*stream as usize].iter_mut().for_each(|route| route.order.state(pass));
                    }
                    track.state(pass);
                    if let Some(instances) = readers.enter().get_mut(track.reader) {
                        pass_states(instances, track.room, pass);
                    }
                },
            );
        }
        pass_due(due, tracks, pass);
        promised_ns.state(pass);
        let passed = pass.below(*count as usize, COUNT_MOST) as u64;
        pass.set(count, passed.max(*count));
        pass.set(waiting, tracks.iter().flatten().filter(|track| track.due).count() as u32);
    }
}

/// Which places have a track.
fn places(tracks: &[Option<Box<Track>>], pass: &mut Pass<'_>) {
    let ours = tracks.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let theirs = pass.below(ours, TRACKS_MOST);
    if theirs != ours {
        pass.refuse(Status::SchemaDiffers, || format!("{ours} places of tracks here, {theirs} in the snapshot: open the same tracks in the same order"));
    }
    for (place, track) in tracks[..ours].iter().enumerate() {
        let open = |open: bool| if open { "open" } else { "not open" };
        let theirs = pass.truth(track.is_some());
        if theirs != track.is_some() {
            pass.refuse(Status::SchemaDiffers, || format!("the track at place {place} is {} here, {} in the snapshot", open(!theirs), open(theirs)));
        }
    }
}

/// What a track is, which must be the same on both sides.
fn belongs(track: &Track, slot: &str, streams: &Streams, pass: &mut Pass<'_>) {
    let Manifest { schema, schema_hash, .. } = &*track.answer.manifest;
    pass.same(slot, |theirs| format!("slot {slot} here, {theirs} in the snapshot"));
    number(schema.roles.len(), "roles", pass);
    for (role, stream) in schema.roles.iter().zip(&track.streams) {
        pass.same(role, |theirs| format!("role {role} here, {theirs} in the snapshot"));
        let ours = streams.name(*stream);
        pass.same(ours, |theirs| format!("role {role} is stream {ours} here, {theirs} in the snapshot"));
    }
    same_sampler(&schema.sampler, pass);
    same_features(schema, schema_hash, pass);
}

fn same_sampler(spec: &SamplerSpec, pass: &mut Pass<'_>) {
    let SamplerSpec { sampling, interval_ns, price, reset_after, max_book_age_ns } = spec;
    let (kind, on) = match sampling {
        Sampling::Bar => ("bar", 0),
        Sampling::Time => ("time", 0),
        Sampling::Event(kinds) => ("event", usize::from(*kinds)),
    };
    pass.same(kind, |theirs| format!("a sampler by {kind} here, by {theirs} in the snapshot"));
    number(on, "bits of the sampler's kinds of events", pass);
    number(*interval_ns as usize, "ns of the sampler's interval", pass);
    number(*price as usize, "as the sampler's price", pass);
    number(reset_after.map_or(0, |after| after as usize), "as the sampler's reset_after", pass);
    number(max_book_age_ns.map_or(0, |age| age as usize + 1), "as the sampler's max_book_age", pass);
}

fn same_features(schema: &Schema, hash: &[u8; 32], pass: &mut Pass<'_>) {
    number(schema.window, "rows of the window", pass);
    number(schema.width(), "features", pass);
    for (at, feature) in schema.features.iter().enumerate() {
        let ours = &feature.name;
        pass.same(ours, |theirs| format!("feature {at} is {ours} here, {theirs} in the snapshot"));
    }
    if pass.bytes(*hash) != *hash {
        pass.refuse(Status::SchemaDiffers, || "the features have the same names, and other parameters, scales, stats or missing values".into());
    }
}

fn number(ours: usize, what: &str, pass: &mut Pass<'_>) {
    let theirs = pass.below(ours, usize::MAX);
    if theirs != ours {
        pass.refuse(Status::SchemaDiffers, || format!("{ours} {what} here, {theirs} in the snapshot"));
    }
}

/// The list of due tracks, in its order: each place at most once, and whether the track there is still due.
fn pass_due(due: &mut Vec<u32>, tracks: &mut [Option<Box<Track>>], pass: &mut Pass<'_>) {
    let count = pass.below(due.len(), tracks.len() + 1);
    if pass.loads() {
        due.clear();
        tracks.iter_mut().flatten().for_each(|track| (track.due, track.listed) = (false, false));
    }
    let mut listed = vec![false; if pass.reads() { tracks.len() } else { 0 }];
    for at in 0..count {
        let place = pass.below(due.get(at).map_or(0, |place| *place as usize), tracks.len());
        let Some(track) = &mut tracks[place] else { return pass.refuse(Status::Corrupt, || format!("a track at place {place} is due and not open")) };
        let is_due = pass.truth(track.due);
        if listed.get_mut(place).is_some_and(|listed| std::mem::replace(listed, true)) {
            return pass.refuse(Status::Corrupt, || format!("the track at place {place} is due twice"));
        }
        if pass.loads() {
            (track.due, track.listed) = (is_due, true);
            due.push(place as u32);
        }
    }
}

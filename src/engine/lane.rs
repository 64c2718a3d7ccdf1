//! A lane: events in, steps closed, predictions out, by one caller at a time.

mod ask;
mod envelope;
mod poll;
mod snapshot;
mod states;
mod warm;

use std::fmt;
use std::sync::Arc;

use super::caller_row::RowRoom;
use super::carry::{self, Moment, follow};
use super::feed::{Feed, Row};
use super::past::Seen;
use super::registry::{LaneInfo, Shared, TrackInfo};
use super::track::{TRACK_ANY_STREAM, Track};
use crate::config::LaneOptions;
use crate::error::{Error, Result, Status};
use crate::ingest::gate::{self, Refusal, TIME_MAX_NS};
use crate::ingest::order::StreamOrder;
use crate::model::store::Readers;
use crate::monitor::metrics::LaneCounters;
use crate::types::event::{Bar, EventHead, MARK_ADVANCE, MARK_GAP, MARK_RESET, Mark};
use crate::types::{EventRef, Flow, Kind, Slot, reason};
use poll::Inlet;

/// A track of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackId {
    /// Number in its engine, in order of opening.
    pub number: u32,
    /// Place in its lane, so that finding it costs one look.
    pub place: u32,
}

/// One in so many events, steps and predictions is timed.
const SAMPLED: u64 = 64;

/// Who listens to a stream.
#[derive(Debug, Default)]
struct Route {
    order: StreamOrder,
    /// Place of the track in the lane, and the role that the stream has there; ascending, so that nothing depends on which
    /// track was opened first.
    listeners: Vec<(usize, usize)>,
}

/// Why the first event of a push was refused; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PushError {
    /// The rule that was broken.
    pub refusal: Refusal,
    /// Head of the event, as far as it could be read.
    pub head: EventHead,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventHead { kind, stream, known_ns, seq, .. } = self.head;
        let name = Kind::from_number(kind).map_or("unknown", Kind::name);
        write!(f, "event of kind {kind} ({name}), stream {stream}, known_ns {known_ns}, seq {seq}: {}", self.refusal)
    }
}

impl From<PushError> for Error {
    fn from(error: PushError) -> Error {
        Error::new(error.refusal.status, error.to_string())
    }
}

/// One working set: tracks, and working copies of the models of the slots that they ask.
#[derive(Debug)]
pub struct Lane {
    shared: Arc<Shared>,
    options: LaneOptions,
    number: u16,
    count: u64,
    counters: Arc<LaneCounters>,
    tracks: Vec<Option<Box<Track>>>,
    /// By stream id.
    routes: Vec<Option<Box<Route>>>,
    readers: Readers,
    inlets: Vec<Inlet>,
    /// A poll has answered tracks that it has not worked ahead for yet.
    unprepared: bool,
    row_room: RowRoom,
    promised_ns: i64,
    /// Tracks with a closed step that nobody has asked for.
    waiting: u32,
    /// Places of tracks that became due since the list was last read; each at most once.
    due: Vec<u32>,
    ticks: u64,
}

impl Lane {
    pub(super) fn open(shared: Arc<Shared>, options: LaneOptions) -> Result<Lane> {
        let (number, count) = shared.take_lane()?;
        let counters = Arc::new(LaneCounters::default());
        shared.lanes.lock().push(LaneInfo { number, options: options.clone(), counters: counters.clone() });
        let readers = shared.store.readers();
        Ok(Lane {
            shared,
            options,
            number,
            count,
            counters,
            tracks: Vec::new(),
            routes: Vec::new(),
            readers,
            inlets: Vec::new(),
            unprepared: false,
            row_room: RowRoom::default(),
            promised_ns: i64::MIN,
            waiting: 0,
            due: Vec::new(),
            ticks: 0,
        })
    }

    /// Number of the lane in its engine.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// How it was opened.
    #[must_use]
    pub fn options(&self) -> &LaneOptions {
        &self.options
    }

    /// What the lane counted.
    #[must_use]
    pub fn counters(&self) -> &LaneCounters {
        &self.counters
    }

    /// Opens a track on a published slot; `streams` in the order of the bundle's roles.
    ///
    /// # Errors
    /// `NO_BUNDLE`, `ROLES`, `SCOPE`, `UNKNOWN_STREAM`, `LIMIT`, `INVALID_ARGUMENT`.
    pub fn open_track(&mut self, slot: &str, streams: &[u32], flags: u32) -> Result<TrackId> {
        if flags & !TRACK_ANY_STREAM != 0 {
            return Err(Error::new(Status::InvalidArgument, format!("track flags {flags:#x}: only TRACK_ANY_STREAM (1) is known")));
        }
        let reader = self.reader(slot)?;
        let names: Vec<String> = streams.iter().map(|id| self.shared.stream_name(*id)).collect::<Result<_>>()?;
        let mut track = Track::open(&self.readers.enter()[reader].generation, reader, streams, &names, flags)?;
        self.row_room.fit(track.feed.schema.width());
        track.counted_bytes = track.memory_bytes();
        let carried_bytes = self.readers.enter()[reader].generation.bundle.carried_bytes();
        self.shared.check_memory(track.counted_bytes + carried_bytes)?;
        let number = self.shared.take_track()?;
        self.shared.add_memory(track.counted_bytes);
        let place = self.tracks.iter().position(Option::is_none).unwrap_or(self.tracks.len());
        if place == self.tracks.len() {
            self.tracks.push(None);
            self.due.reserve(self.tracks.len() - self.due.len());
        }
        self.shared.tracks.lock().push(TrackInfo { number, lane: self.number, slot: slot.to_owned(), streams: streams.to_vec() });
        (track.number, track.room) = (number, self.take_room(reader));
        self.tracks[place] = Some(Box::new(track));
        for (role, stream) in streams.iter().enumerate() {
            let listeners = &mut self.route(*stream).listeners;
            listeners.insert(listeners.partition_point(|listener| *listener < (place, role)), (place, role));
        }
        Ok(TrackId { number, place: place as u32 })
    }

    /// A room for the states of one more track on a slot.
    fn take_room(&mut self, reader: usize) -> usize {
        let mut free = vec![true; self.tracks.len()];
        for track in self.tracks.iter().flatten().filter(|track| track.reader == reader) {
            free.get_mut(track.room).into_iter().for_each(|free| *free = false);
        }
        let room = free.iter().position(|free| *free).unwrap_or(free.len());
        self.shared.store.make_room(&mut self.readers, reader, room + 1);
        carry::open(&mut self.readers.enter()[reader], room);
        room
    }

    /// Place of a slot among those that the lane reads.
    fn reader(&mut self, slot: &str) -> Result<usize> {
        self.shared.store.read(&mut self.readers, slot)?.ok_or_else(|| self.shared.serves_none(slot))
    }

    fn route(&mut self, stream: u32) -> &mut Route {
        let at = stream as usize;
        if self.routes.len() <= at {
            self.routes.resize_with(at + 1, || None);
        }
        self.routes[at].get_or_insert_default()
    }

    /// Closes a track; its number is free again.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub fn close_track(&mut self, id: TrackId) -> Result<()> {
        let place = self.place(id)?;
        self.due.retain(|due| *due as usize != place);
        if let Some(track) = self.tracks[place].take() {
            self.waiting -= u32::from(track.due);
            self.shared.remove_memory(track.counted_bytes);
            self.shared.give_back_track(track.number);
        }
        for route in &mut self.routes {
            route.iter_mut().for_each(|route| route.listeners.retain(|(track, _)| *track != place));
            // What nobody listens to is not remembered.
            route.take_if(|route| route.listeners.is_empty());
        }
        Ok(())
    }

    fn place(&self, id: TrackId) -> Result<usize> {
        self.track(id).map(|_| id.place as usize)
    }

    fn track(&self, id: TrackId) -> Result<&Track> {
        let track = self.tracks.get(id.place as usize).and_then(Option::as_deref).filter(|track| track.number == id.number);
        track.ok_or_else(|| Error::new(Status::NotFound, format!("track {} is not open on this lane", id.number)))
    }

    /// Takes events until one closes a step or all are taken.
    ///
    /// # Errors
    /// Why the first event was refused; then nothing was taken and nothing changed.
    pub fn push(&mut self, slots: &[Slot]) -> Result<Flow, PushError> {
        self.push_with(slots, &mut |_, _| {})
    }

    /// As [`Lane::push`]; `on_row` sees the row of every step that closed, oldest first. An event may
    /// close several steps of a track; only the newest can be predicted.
    ///
    /// # Errors
    /// As [`Lane::push`].
    pub fn push_with(&mut self, slots: &[Slot], on_row: &mut impl FnMut(TrackId, Row<'_>)) -> Result<Flow, PushError> {
        let mut flow = Flow::default();
        let mut rest = slots;
        while !rest.is_empty() && flow.closed == 0 {
            match self.accept(rest) {
                Ok((event, head)) => {
                    self.take(&event, &head, &mut flow, on_row);
                    flow.taken += u64::from(head.slots);
                    rest = &rest[usize::from(head.slots)..];
                }
                Err(refusal) if flow.taken == 0 => {
                    self.counters.refused.add(1);
                    return Err(PushError { refusal, head: gate::head(rest).unwrap_or_default() });
                }
                Err(_) => break,
            }
        }
        flow.waiting = self.waiting;
        Ok(flow)
    }

    /// The first event, when it may be applied.
    #[inline]
    fn accept<'s>(&self, slots: &'s [Slot]) -> Result<(EventRef<'s>, EventHead), Refusal> {
        let (event, head) = self.shared.accept(slots)?;
        if let (EventRef::Bar(bar), Some(Some(route))) = (event, self.routes.get(head.stream as usize))
            && route.order.refuses(&head, self.promised_ns).is_none()
        {
            self.check_bar(bar, route, |_| true)?;
        }
        Ok((event, head))
    }

    /// A bar against the tracks that it would reach as self. A stream may feed tracks of several time frames: one that fits one
    /// of them is taken.
    fn check_bar(&self, bar: &Bar, route: &Route, reached: impl Fn(&Track) -> bool) -> Result<(), Refusal> {
        let own = route.listeners.iter().filter(|(_, role)| *role == 0).filter_map(|(place, _)| self.tracks[*place].as_deref());
        let mut refusal = Ok(());
        for track in own.filter(|track| reached(track)) {
            match track.feed.refuses_bar(bar) {
                None => return Ok(()),
                Some(rule) => refusal = refusal.and(Err(Refusal { status: Status::Range, rule })),
            }
        }
        refusal
    }

    #[inline]
    fn take(&mut self, event: &EventRef<'_>, head: &EventHead, flow: &mut Flow, on_row: &mut impl FnMut(TrackId, Row<'_>)) {
        if let EventRef::Mark(mark) = event {
            return self.take_mark(mark, flow, on_row);
        }
        self.ticks += 1;
        let timer = (self.ticks.is_multiple_of(SAMPLED) && self.shared.config.latency).then(|| self.shared.clock.start());
        let counters = &*self.counters;
        let Some(Some(route)) = self.routes.get_mut(head.stream as usize) else { return counters.unrouted.add(1) };
        let refused = route.order.admit(head, self.promised_ns).err();
        let mut skipped = refused.unwrap_or(0);
        for (place, role) in &route.listeners {
            let Some(track) = &mut self.tracks[*place] else { continue };
            track.past.seen = Seen::Live;
            let mut closing = Closing::of(track, *place, counters, &mut self.readers);
            let mut on_step = |feed: &Feed| closing.step(feed, on_row);
            match refused {
                None => skipped |= track.feed.apply(event, head, *role, counters, &mut on_step),
                Some(reason) => track.feed.pass(head.known_ns, reason, counters, &mut on_step),
            }
            if closing.closed > 0 {
                flow.closed += closing.closed;
                self.waiting += note_due(track, *place, &mut self.due);
            }
        }
        if skipped == 0 {
            counters.events.add(1);
        } else {
            flow.skipped += 1;
            flow.reasons |= skipped;
            counters.skipped.add(1);
        }
        if let Some(timer) = timer {
            let histogram = if flow.closed > 0 { &counters.step_ns } else { &counters.event_ns };
            histogram.record(timer.elapsed_ns());
        }
    }

    fn take_mark(&mut self, mark: &Mark, flow: &mut Flow, on_row: &mut impl FnMut(TrackId, Row<'_>)) {
        let chosen = |track: &Track| mark.track == u32::MAX || mark.track == track.number;
        match mark.code {
            MARK_ADVANCE => flow.closed += self.close_until(mark.argument, on_row),
            MARK_GAP => {
                self.counters.gaps.add(mark.argument.unsigned_abs());
                self.tracks.iter_mut().flatten().filter(|track| chosen(track)).for_each(|track| track.feed.pending |= reason::GAP);
            }
            MARK_RESET => {
                for track in self.tracks.iter_mut().flatten().filter(|track| chosen(track)) {
                    track.feed.restart(&self.counters);
                    track.past.forget();
                }
                if mark.track == u32::MAX {
                    self.promised_ns = i64::MIN;
                    self.routes.iter_mut().flatten().for_each(|route| route.order = StreamOrder::default());
                }
            }
            // PREDICT tells a replay that the host asked; the lane itself has nothing to do.
            _ => {}
        }
    }

    /// Promises that nothing known at `until_ns` or before will follow, and closes the steps up to it.
    ///
    /// # Errors
    /// `RANGE` for a time that is not in 0 to 2^62.
    pub fn advance(&mut self, until_ns: i64) -> Result<Flow> {
        self.advance_with(until_ns, &mut |_, _| {})
    }

    /// As [`Lane::advance`]; `on_row` sees the row of every step that closed.
    ///
    /// # Errors
    /// As [`Lane::advance`].
    pub fn advance_with(&mut self, until_ns: i64, on_row: &mut impl FnMut(TrackId, Row<'_>)) -> Result<Flow> {
        if !(0..=TIME_MAX_NS).contains(&until_ns) {
            return Err(Error::new(Status::Range, format!("until_ns {until_ns} must be ns since the Unix epoch, from 0 to 2^62")));
        }
        let closed = self.close_until(until_ns, on_row);
        Ok(Flow { closed, waiting: self.waiting, ..Flow::default() })
    }

    fn close_until(&mut self, until_ns: i64, on_row: &mut impl FnMut(TrackId, Row<'_>)) -> u32 {
        self.promised_ns = self.promised_ns.max(until_ns);
        let mut closed = 0;
        for (place, track) in self.tracks.iter_mut().enumerate() {
            let Some(track) = track else { continue };
            track.past.advance();
            let mut closing = Closing::of(track, place, &self.counters, &mut self.readers);
            track.feed.advance(until_ns, &self.counters, &mut |feed: &Feed| closing.step(feed, on_row));
            if closing.closed > 0 {
                closed += closing.closed;
                self.waiting += note_due(track, place, &mut self.due);
            }
        }
        closed
    }

    /// A row of the stream was refused before it became an event, but its time is known: the steps
    /// before it close, as `on_row` sees.
    pub fn pass(&mut self, stream: u32, known_ns: i64, on_row: &mut impl FnMut(TrackId, Row<'_>)) -> u32 {
        let Some(Some(route)) = self.routes.get(stream as usize) else { return 0 };
        let mut closed = 0;
        for (place, _) in &route.listeners {
            let Some(track) = &mut self.tracks[*place] else { continue };
            let mut closing = Closing::of(track, *place, &self.counters, &mut self.readers);
            track.feed.pass(known_ns, 0, &self.counters, &mut |feed: &Feed| closing.step(feed, on_row));
            if closing.closed > 0 {
                closed += closing.closed;
                self.waiting += note_due(track, *place, &mut self.due);
            }
        }
        closed
    }

    /// Tracks with a closed step that nobody has asked for, in no particular order.
    pub fn due(&mut self) -> impl Iterator<Item = TrackId> {
        let tracks = &mut self.tracks;
        self.due.retain(|place| match tracks.get_mut(*place as usize).and_then(Option::as_mut) {
            Some(track) => {
                track.listed = track.due;
                track.due
            }
            None => false,
        });
        self.due.iter().filter_map(|place| Some(TrackId { number: self.tracks[*place as usize].as_ref()?.number, place: *place }))
    }

    /// How many tracks are due.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.waiting
    }
}

/// Counts the steps that one call closes on one track.
struct Closing<'c> {
    id: TrackId,
    due: bool,
    closed: u32,
    counters: &'c LaneCounters,
    states: States<'c>,
}

/// Where a track's states are.
struct States<'c> {
    readers: &'c mut Readers,
    reader: usize,
    room: usize,
}

impl<'c> States<'c> {
    fn of(track: &Track, readers: &'c mut Readers) -> States<'c> {
        States { readers, reader: track.reader, room: track.room }
    }

    /// A step has closed.
    #[inline]
    fn follow(&mut self, feed: &Feed) {
        if let Some(instances) = self.readers.enter().get_mut(self.reader) {
            follow(instances, self.room, feed, Moment::Closed);
        }
    }
}

impl<'c> Closing<'c> {
    fn of(track: &Track, place: usize, counters: &'c LaneCounters, readers: &'c mut Readers) -> Closing<'c> {
        let states = States::of(track, readers);
        Closing { id: TrackId { number: track.number, place: place as u32 }, due: track.due, closed: 0, counters, states }
    }

    #[inline]
    fn step(&mut self, feed: &Feed, on_row: &mut impl FnMut(TrackId, Row<'_>)) {
        self.counters.unasked.add(u64::from(self.due || self.closed > 0));
        self.closed += 1;
        self.states.follow(feed);
        if let Ok(row) = feed.row() {
            on_row(self.id, row);
        }
    }
}

/// Lists a track that has just closed a step; 1 when it was not due before.
fn note_due(track: &mut Track, place: usize, list: &mut Vec<u32>) -> u32 {
    let new = u32::from(!track.due);
    track.due = true;
    if !track.listed {
        track.listed = true;
        list.push(place as u32);
    }
    new
}

impl Drop for Lane {
    fn drop(&mut self) {
        for track in self.tracks.drain(..).flatten() {
            self.shared.remove_memory(track.counted_bytes);
            self.shared.give_back_track(track.number);
        }
        self.shared.give_back_lane(self.number, self.count);
    }
}

//! History for a lane's tracks: as if it had been pushed, and nobody asks about its steps.

use super::{Lane, PushError, Route, States};
use crate::engine::feed::Feed;
use crate::engine::past::Seen;
use crate::engine::track::Track;
use crate::ingest::gate::{self, Refusal};
use crate::types::event::{EventHead, MARK_ADVANCE, MARK_GAP, MARK_RESET, Mark};
use crate::types::{EventRef, Flow, Slot, reason};

impl Lane {
    /// Feeds history to the tracks that have seen no pushed event since they were opened or reset, and leaves them as if it had
    /// been pushed, except that none is due; a step after another goes by unseen, and `closed` of the flow counts them. May be
    /// called again with what follows. Tracks that have seen a pushed event, or an advance after history, are left alone: an
    /// event that reaches no track is taken and counted as skipped.
    ///
    /// History has an order of its own for each track, so that it may be older than what others of the lane have seen or an
    /// advance has promised. A push goes on from there: a stream that feeds no live track takes over the order of its history,
    /// the promises of a lane without live tracks are those of its history. On a stream that feeds a live track too, history
    /// ends where that one stands: newer events are skipped, they come by push, and so does the promise of an ADVANCE mark.
    ///
    /// # Errors
    /// As [`Lane::push`].
    pub fn warm(&mut self, slots: &[Slot]) -> Result<Flow, PushError> {
        let mut flow = Flow::default();
        let mut rest = slots;
        while !rest.is_empty() {
            match self.accept_past(rest) {
                Ok((event, head)) => {
                    self.take_past(&event, &head, &mut flow);
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
        self.follow_past();
        flow.waiting = self.waiting;
        Ok(flow)
    }

    /// The first event, when it may be applied to the tracks that it would reach.
    fn accept_past<'s>(&self, slots: &'s [Slot]) -> Result<(EventRef<'s>, EventHead), Refusal> {
        let (event, head) = self.shared.accept(slots)?;
        if let (EventRef::Bar(bar), Some(Some(route))) = (event, self.routes.get(head.stream as usize)) {
            let end_ns = self.history_end_ns(route);
            let reached = |track: &Track| reaches(track, &head, end_ns) && track.past.order(0).refuses(&head, track.past.promised_ns).is_none();
            self.check_bar(bar, route, reached)?;
        }
        Ok((event, head))
    }

    /// Newest time of history on a stream: where the live tracks that it feeds stand.
    fn history_end_ns(&self, route: &Route) -> i64 {
        if self.feeds(route, Seen::Live) { route.order.newest_known_ns() } else { i64::MAX }
    }

    fn feeds(&self, route: &Route, seen: Seen) -> bool {
        route.listeners.iter().any(|(place, _)| self.tracks[*place].as_ref().is_some_and(|track| track.past.seen == seen))
    }

    fn has(&self, seen: Seen) -> bool {
        self.tracks.iter().flatten().any(|track| track.past.seen == seen)
    }

    fn take_past(&mut self, event: &EventRef<'_>, head: &EventHead, flow: &mut Flow) {
        if let EventRef::Mark(mark) = event {
            return self.take_past_mark(mark, flow);
        }
        let Some(Some(route)) = self.routes.get(head.stream as usize) else {
            flow.skipped += 1;
            return self.counters.unrouted.add(1);
        };
        let end_ns = self.history_end_ns(route);
        let (mut skipped, mut reached) = (0, false);
        for (place, role) in &route.listeners {
            let Some(track) = self.tracks[*place].as_mut().filter(|track| reaches(track, head, end_ns)) else { continue };
            if track.past.seen == Seen::Nothing {
                track.feed.forget_time();
                track.past.seen = Seen::History;
            }
            reached = true;
            let mut states = States::of(track, &mut self.readers);
            let mut on_step = |feed: &Feed| {
                flow.closed += 1;
                states.follow(feed);
            };
            skipped |= match track.past.admit(head, *role) {
                Ok(()) => track.feed.apply(event, head, *role, &self.counters, &mut on_step),
                Err(reason) => {
                    track.feed.pass(head.known_ns, reason, &self.counters, &mut on_step);
                    reason
                }
            };
        }
        if reached && skipped == 0 {
            self.counters.events.add(1);
        } else {
            flow.skipped += 1;
            flow.reasons |= skipped;
            self.counters.skipped.add(1);
        }
    }

    fn take_past_mark(&mut self, mark: &Mark, flow: &mut Flow) {
        // History cannot promise more than has been promised to those that live.
        let until_ns = if self.has(Seen::Live) { mark.argument.min(self.promised_ns) } else { mark.argument };
        let chosen = |track: &&mut Box<Track>| mark.track == u32::MAX || mark.track == track.number;
        let tracks = self.tracks.iter_mut().flatten().filter(|track| track.past.seen != Seen::Live);
        match mark.code {
            MARK_ADVANCE => {
                for track in tracks {
                    track.past.promised_ns = track.past.promised_ns.max(until_ns);
                    let mut states = States::of(track, &mut self.readers);
                    let mut on_step = |feed: &Feed| {
                        flow.closed += 1;
                        states.follow(feed);
                    };
                    track.feed.advance(until_ns, &self.counters, &mut on_step);
                }
            }
            MARK_GAP => {
                self.counters.gaps.add(mark.argument.unsigned_abs());
                tracks.filter(chosen).for_each(|track| track.feed.pending |= reason::GAP);
            }
            MARK_RESET => {
                for track in tracks.filter(chosen) {
                    track.feed.restart(&self.counters);
                    if mark.track == u32::MAX {
                        track.past.forget_order();
                    }
                }
            }
            _ => {}
        }
    }

    /// What is pushed next is judged by what history has shown, where no live track knows better.
    fn follow_past(&mut self) {
        if !self.has(Seen::Live) {
            let promised = self.tracks.iter().flatten().map(|track| track.past.promised_ns).max();
            self.promised_ns = self.promised_ns.max(promised.unwrap_or(i64::MIN));
        }
        for at in 0..self.routes.len() {
            let Some(route) = self.routes[at].as_ref().filter(|route| !self.feeds(route, Seen::Live)) else { continue };
            let warmed = |(place, role): &(usize, usize)| {
                let past = &self.tracks[*place].as_ref()?.past;
                (past.seen == Seen::History).then(|| past.order(*role))
            };
            let furthest = route.listeners.iter().filter_map(warmed).max_by_key(|order| order.newest_known_ns()).cloned();
            if let (Some(route), Some(order)) = (self.routes[at].as_mut(), furthest) {
                route.order = order;
            }
        }
    }
}

/// The track takes history, and the event is not newer than that may be.
fn reaches(track: &Track, head: &EventHead, end_ns: i64) -> bool {
    track.past.seen != Seen::Live && head.known_ns <= end_ns
}

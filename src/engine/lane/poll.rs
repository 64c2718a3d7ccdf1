//! A lane that drains its links: events in, steps closed, predictions made and published.

use super::Lane;
use super::ask::next_id;
use crate::config::{LinkOptions, PollPredicts, PollPrepares};
use crate::engine::link::Link;
use crate::engine::track::Track;
use crate::error::Result;
use crate::ingest::gate;
use crate::ingest::link::Consumer;
use crate::types::event::{MARK_ADVANCE, MARK_RESET};
use crate::types::{EventRef, Flow};

/// The lane's end of a link.
#[derive(Debug)]
pub(super) struct Inlet {
    consumer: Consumer,
    slots: usize,
    /// What the producer promised last: nothing known up to it will follow.
    promised_ns: Option<i64>,
}

/// Whose time a poll decides by.
#[derive(Clone, Copy, Debug)]
enum DecisionTime {
    /// The host's, or the system's clock at the moment of each decision where this is 0.
    Of(i64),
    /// That of the event or promise that closed the step: the clock is the host's, and a worker has no host to ask.
    Closing,
}

impl Lane {
    /// Opens a link into this lane; its producer's end may go to another thread.
    ///
    /// # Errors
    /// `CONFIG_VALUE` for a number of slots that is no power of two, `LIMIT`.
    pub fn open_link(&mut self, options: LinkOptions) -> Result<Link> {
        let (link, consumer) = Link::open(self.shared.clone(), self.number, options)?;
        self.inlets.push(Inlet { consumer, slots: options.slots, promised_ns: None });
        Ok(link)
    }

    /// Takes what waits in the links, the oldest `known_ns` of all of them first, until nothing waits or `max_slots` slots were taken,
    /// the last event whole; 0 stands for as many as the links can hold. Every step that closes is predicted at once and written to
    /// the track's result memory, unless the lane was opened with `predict = "request"`: then this returns after an event that
    /// closes a step, as [`Lane::push`] does. `now_ns` is the time of the decisions, 0 takes the engine's clock.
    ///
    /// An ADVANCE mark is its producer's promise; the lane advances to the least promise of the links that have made one. An event
    /// that a push would refuse because of a track (a bar of another interval) is skipped and counted as refused.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a negative time, or 0 when the clock is the host's; then nothing was taken.
    pub fn poll(&mut self, max_slots: usize, now_ns: i64) -> Result<Flow> {
        self.decided_ns(now_ns)?;
        Ok(self.drain(max_slots, DecisionTime::Of(now_ns)))
    }

    /// As [`Lane::poll`], for a worker: by the system's clock, or by that of the events when the clock is the host's.
    pub(in crate::engine) fn poll_alone(&mut self, max_slots: usize) -> Flow {
        let time = if self.shared.clock.decision_ns(0).is_some() { DecisionTime::Of(0) } else { DecisionTime::Closing };
        self.drain(max_slots, time)
    }

    fn drain(&mut self, max_slots: usize, time: DecisionTime) -> Flow {
        let mut flow = Flow::default();
        // Out of the lane while its events go into it. A panic loses them with the lane, which is then poisoned.
        let mut inlets = std::mem::take(&mut self.inlets);
        let most = if max_slots == 0 { inlets.iter().map(|inlet| inlet.slots as u64).sum() } else { max_slots as u64 };
        while flow.taken < most && !self.has_asked_for(&flow) {
            let Some(next) = oldest(&mut inlets) else { break };
            flow.taken += self.take_next(&mut inlets, next, time, &mut flow);
        }
        if let_go(&mut inlets) && !self.has_asked_for(&flow) {
            // Those that are left may have promised more than the one that is gone.
            self.keep_promises(&inlets, &mut flow);
            self.predict_due(time, self.promised_ns, &mut flow);
        }
        self.inlets = inlets;
        if let Some(lag_ms) = self.options.advance_lag_ms.filter(|_| !self.has_asked_for(&flow)) {
            self.lag_behind(lag_ms, time, &mut flow);
        }
        flow.waiting = self.waiting;
        self.prepare_idle(&flow);
        flow
    }

    /// Works ahead for the tracks that were answered, as long as nothing waits.
    fn prepare_idle(&mut self, flow: &Flow) {
        self.unprepared |= flow.predicted > 0;
        if self.options.prepare == PollPrepares::Request || !self.unprepared {
            return;
        }
        for place in 0..self.tracks.len() {
            if oldest(&mut self.inlets).is_some() {
                return;
            }
            if self.tracks[place].as_deref().is_some_and(Track::is_to_prepare) {
                // Where the memory does not fit, windows are run whole as before.
                let refused = self.prepare_at(place).is_err();
                self.counters.ahead_refused.add(u64::from(refused));
            }
        }
        self.unprepared = false;
    }

    /// A step closed, and the host asks for its prediction.
    fn has_asked_for(&self, flow: &Flow) -> bool {
        self.options.predict == PollPredicts::Request && flow.closed > 0
    }

    /// Applies the next event of a link; answers its slots.
    fn take_next(&mut self, inlets: &mut [Inlet], next: usize, time: DecisionTime, flow: &mut Flow) -> u64 {
        let Some(slots) = inlets[next].consumer.peek() else { return 0 };
        let (closed, taken) = (flow.closed, slots.len() as u64);
        match self.accept(slots) {
            Ok((EventRef::Mark(mark), _)) if mark.code == MARK_ADVANCE => {
                let until_ns = mark.argument;
                inlets[next].promised_ns = inlets[next].promised_ns.max(Some(until_ns));
                self.keep_promises(inlets, flow);
            }
            Ok((event, head)) => {
                self.take(&event, &head, flow, &mut |_, _| {});
                if is_whole_reset(&event) {
                    inlets.iter_mut().for_each(|inlet| inlet.promised_ns = None);
                }
            }
            Err(_) => {
                self.counters.refused.add(1);
                flow.skipped += 1;
            }
        }
        let known_ns = known_ns(&mut inlets[next]).unwrap_or(0);
        inlets[next].consumer.advance();
        if flow.closed > closed {
            self.predict_due(time, known_ns, flow);
        }
        taken
    }

    /// Advances to the least promise of the links that have made one.
    fn keep_promises(&mut self, inlets: &[Inlet], flow: &mut Flow) {
        if let Some(least) = inlets.iter().filter_map(|inlet| inlet.promised_ns).min().filter(|least| *least > self.promised_ns) {
            flow.closed += self.close_until(least, &mut |_, _| {});
        }
    }

    /// Advances to the lane's time less the lag.
    fn lag_behind(&mut self, lag_ms: u64, time: DecisionTime, flow: &mut Flow) {
        let DecisionTime::Of(now_ns) = time else { return };
        let Some(now_ns) = self.shared.clock.decision_ns(now_ns) else { return };
        let until_ns = now_ns.saturating_sub(lag_ms as i64 * 1_000_000).max(0);
        let closed = self.close_until(until_ns, &mut |_, _| {});
        flow.closed += closed;
        if closed > 0 {
            self.predict_due(time, until_ns, flow);
        }
    }

    /// Predicts every track that is due, all with the models of one publish, and publishes the predictions; nothing where the host
    /// asks.
    fn predict_due(&mut self, time: DecisionTime, closing_ns: i64, flow: &mut Flow) {
        if self.options.predict == PollPredicts::Request {
            return;
        }
        let mut due = std::mem::take(&mut self.due);
        let (mut copies, slots) = self.readers.parts();
        self.counters.generations.add(copies.moved());
        for place in &due {
            let Some(track) = self.tracks.get_mut(*place as usize).and_then(Option::as_deref_mut) else { continue };
            track.listed = false;
            let Some((slot, instances)) = slots.get(track.reader).zip(copies.get_mut(track.reader)) else { continue };
            if !track.due {
                continue;
            }
            self.waiting -= 1;
            let now_ns = if let DecisionTime::Of(now_ns) = time { now_ns } else { closing_ns };
            let Some(decided_ns) = self.shared.clock.decision_ns(now_ns) else { continue };
            let queue_ns = if let DecisionTime::Of(_) = time { decided_ns.saturating_sub(closing_ns) } else { 0 };
            let id = next_id(&self.shared, self.number, self.count, decided_ns, queue_ns);
            let (prediction, made) = track.predict(instances, slot.is_on(), id, &self.counters);
            if made {
                track.publish(&prediction);
                self.count += 1;
                id.note(&prediction, &self.counters);
            }
            flow.predicted += 1;
        }
        drop(copies);
        due.clear();
        self.due = due;
    }
}

/// Forgets links whose producer is gone and of which nothing is left, whose promises bind no longer; true when there were some.
fn let_go(inlets: &mut Vec<Inlet>) -> bool {
    let before = inlets.len();
    inlets.retain(|inlet| !inlet.consumer.is_closed());
    inlets.len() < before
}

/// The link whose next event is the oldest; of equal ones the first.
fn oldest(inlets: &mut [Inlet]) -> Option<usize> {
    if let [inlet] = inlets {
        return known_ns(inlet).map(|_| 0);
    }
    let known = inlets.iter_mut().enumerate().filter_map(|(at, inlet)| Some((known_ns(inlet)?, at)));
    known.min().map(|(_, at)| at)
}

fn known_ns(inlet: &mut Inlet) -> Option<i64> {
    inlet.consumer.peek().and_then(gate::head).map(|head| head.known_ns)
}

/// The lane forgets its promise, so producers must promise anew.
fn is_whole_reset(event: &EventRef<'_>) -> bool {
    matches!(event, EventRef::Mark(mark) if mark.code == MARK_RESET && mark.track == u32::MAX)
}

//! A link: the way from one producer to one lane, which never blocks and never overwrites.
//!
//! Events go through a ring in the order in which they were pushed. A link may conflate quotes, books or both: of a stream only
//! the newest one waits, and what it replaced is counted. Trades and everything else are never replaced and never dropped; where
//! the ring has no room the producer is told FULL, which is counted.
//!
//! **How a content keeps its place.** What is conflated waits in a mailbox of its stream, and a *token* of one slot, which no
//! host can push, stands in the ring where it is to be delivered. Newer content stays with the token while that is the last
//! thing in the ring; later it gets a token of its own at the tail, and the older token delivers nothing. So the consumer sees
//! what one producer pushed in the order of its pushes. When room is short, newer content joins its stream's last token, if
//! nothing else of the stream was pushed behind that: within a stream the order holds always, and across streams a content may
//! then come before events that are older. Marks for the whole lane count as of every stream.
//!
//! As many slots as there are mailboxes are kept from tokens that merely move content to the tail. So a link that carries only
//! what it conflates, of as many streams as it has mailboxes, is never FULL.

mod streams;

use std::sync::Arc;

use super::gate;
use super::mailbox::{Conflated, Join, Receiver, Sender, Take, Token, mailboxes};
use super::ring::{self, EVENT_SLOTS, length, ring};
use crate::config::LinkOptions;
use crate::error::{Error, Result, Status};
use crate::sync::{Counter, Fault, planted};
use crate::types::Slot;
use crate::types::event::{EventHead, FLAG_MORE, SLOT_BYTES};
use streams::{Note, Streams};

pub use super::ring::Full;

/// Fewest slots of a link: the longest event.
pub const SLOTS_LEAST: usize = EVENT_SLOTS;
/// Most slots of a link: 1 GiB.
pub const SLOTS_MOST: usize = 1 << 24;
/// Streams that a link conflates, fewer in a link of fewer than 128 slots; those that come later go through the ring as they are.
pub const STREAMS_CONFLATED: usize = 64;

/// Kind of a token's head. The gate knows no such kind.
const TOKEN_KIND: u8 = u8::MAX;

impl LinkOptions {
    fn kinds(self) -> [bool; 2] {
        [self.conflate_quotes, self.conflate_books]
    }

    /// Streams that get a mailbox.
    fn mailboxes(self) -> usize {
        if self.kinds() == [false; 2] { 0 } else { STREAMS_CONFLATED.min(self.slots / 2) }
    }

    /// Bytes that a link of these options holds, for limits on memory.
    #[must_use]
    pub fn memory_bytes(self) -> usize {
        let buffers = Conflated::ALL.map(|kind| if self.kinds()[kind as usize] { 3 * kind.slots() } else { 0 });
        (self.slots + EVENT_SLOTS) * SLOT_BYTES + self.mailboxes() * (2 * SLOT_BYTES + buffers.iter().sum::<usize>() * SLOT_BYTES)
    }

    fn check(self) -> Result<()> {
        if self.slots.is_power_of_two() && (SLOTS_LEAST..=SLOTS_MOST).contains(&self.slots) {
            return Ok(());
        }
        let text = format!("slots = {}: a link has a power of two of them, from {SLOTS_LEAST} to {SLOTS_MOST}", self.slots);
        Err(Error::new(Status::ConfigValue, text))
    }
}

/// What a link's producer counted; any thread reads.
#[derive(Debug, Default)]
pub struct LinkCounters {
    /// Waiting quotes and books that newer ones replaced.
    pub conflated: Counter,
    /// Pushes that were answered FULL.
    pub full: Counter,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits beside all that was there.
    Added,
    /// It replaced an older one of its stream and kind.
    Replaced,
}

impl From<bool> for Pushed {
    fn from(replaced: bool) -> Pushed {
        if replaced { Pushed::Replaced } else { Pushed::Added }
    }
}

/// The producer's end. Dropping it closes the link: what was pushed is still delivered.
#[derive(Debug)]
pub struct Producer {
    ring: ring::Producer,
    posts: Option<Posts>,
    counters: Arc<LinkCounters>,
}

/// The lane's end.
#[derive(Debug)]
pub struct Consumer {
    ring: ring::Consumer,
    mail: Receiver,
    /// The token that was met last, until what waits for it was taken: mailbox and token.
    token: Option<(usize, Token)>,
    /// What was taken and is to be shown, the next one first.
    taken: [Option<Conflated>; 2],
    /// Mailbox of what was taken.
    mailbox: usize,
    counters: Arc<LinkCounters>,
}

/// A look at a link from any thread.
#[derive(Clone, Debug)]
pub struct LinkView {
    ring: ring::Gauge,
    counters: Arc<LinkCounters>,
}

/// Opens a link. Nothing is allocated later.
///
/// # Errors
/// `CONFIG_VALUE` for a number of slots that is not a power of two from [`SLOTS_LEAST`] to [`SLOTS_MOST`].
pub fn link(options: LinkOptions) -> Result<(Producer, Consumer)> {
    options.check()?;
    Ok(link_of(ring(options.slots), options))
}

/// A link on a ring that is there.
pub(super) fn link_of((producer, consumer): (ring::Producer, ring::Consumer), options: LinkOptions) -> (Producer, Consumer) {
    let counters = Arc::new(LinkCounters::default());
    let (sender, mail) = mailboxes(options.mailboxes(), options.kinds());
    let posts = (options.mailboxes() > 0).then(|| Posts::new(sender, options));
    let consumer = Consumer { ring: consumer, mail, token: None, taken: [None; 2], mailbox: 0, counters: counters.clone() };
    (Producer { ring: producer, posts, counters }, consumer)
}

impl Producer {
    /// Pushes one event that the gate has checked. Bounded time; the consumer's thread never holds it up.
    ///
    /// # Errors
    /// [`Full`], counted: nothing was pushed.
    #[inline]
    pub fn push(&mut self, event: &[Slot]) -> Result<Pushed, Full> {
        let pushed = self.stage(event, false);
        self.ring.publish();
        match pushed {
            Ok(Pushed::Replaced) => self.counters.conflated.add(1),
            Ok(Pushed::Added) => (),
            Err(Full) => self.counters.full.add(1),
        }
        pushed
    }

    /// Pushes all of these events, which the gate has checked, or none; answers how many waiting ones they replaced.
    ///
    /// # Errors
    /// [`Full`], counted once: nothing was pushed.
    pub fn push_all(&mut self, events: &[Slot]) -> Result<u64, Full> {
        // No event needs more than its own slots. Where there are not so many, content joins tokens wherever it may.
        let sparing = !self.ring.has_room(events.len());
        if sparing && !self.would_fit(events) {
            self.counters.full.add(1);
            return Err(Full);
        }
        let mut conflated = 0;
        let mut staged = Ok(Pushed::Added);
        for event in each(events) {
            staged = self.stage(event, sparing);
            conflated += u64::from(staged == Ok(Pushed::Replaced));
        }
        self.ring.publish();
        self.counters.conflated.add(conflated);
        staged.map(|_| conflated)
    }

    fn would_fit(&mut self, events: &[Slot]) -> bool {
        let need = self.posts.as_mut().map_or(events.len(), |posts| posts.need(events));
        self.ring.has_room(need)
    }

    #[inline]
    fn stage(&mut self, event: &[Slot], sparing: bool) -> Result<Pushed, Full> {
        match &mut self.posts {
            Some(posts) => posts.stage(&mut self.ring, event, sparing),
            None => self.ring.stage(event).map(|()| Pushed::Added),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> &LinkCounters {
        &self.counters
    }

    /// The lane is gone: nobody will read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }
}

/// Events one after another, each as long as its head says.
fn each(mut slots: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    std::iter::from_fn(move || {
        let (event, rest) = slots.split_at(length(slots, slots.len()));
        slots = rest;
        (!event.is_empty()).then_some(event)
    })
}

/// The producer's side of conflation.
#[derive(Debug)]
struct Posts {
    sender: Sender,
    streams: Streams,
    kinds: [bool; 2],
    /// Pushes into the ring.
    pushes: u64,
    /// The last push of something that concerns every stream.
    barrier: u64,
    /// Slots that are kept from tokens which merely move content to the tail.
    kept: usize,
    /// Events that were looked at ahead.
    looked: u64,
}

impl Posts {
    fn new(sender: Sender, options: LinkOptions) -> Posts {
        let kept = options.mailboxes();
        Posts { sender, streams: Streams::new(kept), kinds: options.kinds(), pushes: 0, barrier: 0, kept, looked: 0 }
    }

    #[inline]
    fn stage(&mut self, ring: &mut ring::Producer, event: &[Slot], sparing: bool) -> Result<Pushed, Full> {
        let head = gate::head(event).unwrap_or_default();
        match self.mailbox(&head) {
            Some((mailbox, kind)) => self.post(ring, event, mailbox, kind, sparing),
            None => self.pass(ring, event, head.stream),
        }
    }

    /// The mailbox that an event goes to, and its kind there.
    #[inline]
    fn mailbox(&mut self, head: &EventHead) -> Option<(usize, Conflated)> {
        let kind = Conflated::of(head.kind).filter(|kind| self.kinds[*kind as usize] && head.flags & FLAG_MORE == 0)?;
        Some((self.streams.open(head.stream)?, kind))
    }

    /// An event that is not conflated.
    #[inline]
    fn pass(&mut self, ring: &mut ring::Producer, event: &[Slot], stream: u32) -> Result<Pushed, Full> {
        ring.stage(event)?;
        self.pushes += 1;
        if stream == 0 {
            self.barrier = self.pushes;
        } else if let Some(mailbox) = self.streams.find(stream) {
            self.streams.note(mailbox).last = self.pushes;
        }
        Ok(Pushed::Added)
    }

    #[inline]
    fn post(&mut self, ring: &mut ring::Producer, event: &[Slot], mailbox: usize, kind: Conflated, sparing: bool) -> Result<Pushed, Full> {
        self.sender.fill(mailbox, kind, event);
        if let Some((token, join)) = self.join(ring, mailbox, sparing)
            && let Some(replaced) = self.sender.post(mailbox, kind, token, join)
        {
            return Ok(replaced.into());
        }
        // Where nothing waits for a token any more, the consumer has given its slot back before it took what waited.
        if !ring.has_room(1) {
            return Err(Full);
        }
        self.pushes += 1;
        *self.streams.note(mailbox) = Note { token: self.pushes, last: self.pushes, ahead: self.streams.note(mailbox).ahead };
        let slot = token_slot(mailbox, self.pushes);
        if planted(Fault::MailTokenFirst) {
            ring.push(&[slot])?;
        }
        // Posted before the token can be seen: the consumer finds nothing at a token that the mailbox does not name.
        let replaced = self.sender.post(mailbox, kind, Token::of_push(self.pushes), Join::New);
        if !planted(Fault::MailTokenFirst) {
            ring.stage(&[slot])?;
        }
        Ok(replaced.unwrap_or_default().into())
    }

    /// The token of the stream that newer content may wait for, and when.
    #[inline]
    fn join(&mut self, ring: &mut ring::Producer, mailbox: usize, sparing: bool) -> Option<(Token, Join)> {
        if !self.may_join(mailbox) {
            return None;
        }
        let (token, short) = (self.streams.note(mailbox).token, sparing || !ring.has_room(self.kept + 1));
        let join = if short { Join::Any } else { Join::Own };
        (short || token == self.pushes).then_some((Token::of_push(token), join))
    }

    /// Whether nothing of the stream was pushed behind its last token.
    fn may_join(&mut self, mailbox: usize) -> bool {
        let barrier = self.barrier;
        let note = self.streams.note(mailbox);
        (note.last == note.token && note.token > barrier) || (planted(Fault::MailOvertake) && note.token > 0)
    }

    /// Slots that these events need when content joins tokens wherever it may. The consumer may take meanwhile what content
    /// would have joined; then it has given back the slot that the new token needs.
    fn need(&mut self, events: &[Slot]) -> usize {
        let (before, mut need) = (self.looked, 0);
        let mut barrier = before;
        for event in each(events) {
            self.looked += 1;
            let head = gate::head(event).unwrap_or_default();
            if let Some((mailbox, _)) = self.mailbox(&head) {
                let (met, token_last) = self.streams.note(mailbox).ahead;
                let joins = if met > before { met > barrier && token_last } else { barrier == before && self.joins_now(mailbox) };
                need += usize::from(!joins);
                self.streams.note(mailbox).ahead = (self.looked, true);
                continue;
            }
            need += event.len();
            if head.stream == 0 {
                barrier = self.looked;
            } else if let Some(mailbox) = self.streams.find(head.stream) {
                self.streams.note(mailbox).ahead = (self.looked, false);
            }
        }
        need
    }

    fn joins_now(&mut self, mailbox: usize) -> bool {
        let token = self.streams.note(mailbox).token;
        self.may_join(mailbox) && self.sender.waits(mailbox, Token::of_push(token))
    }
}

/// What stands in the ring for a content.
fn token_slot(mailbox: usize, push: u64) -> Slot {
    let head = EventHead { slots: 1, kind: TOKEN_KIND, stream: mailbox as u32, seq: push, ..EventHead::default() };
    let mut slot = Slot::default();
    slot.0[..4].copy_from_slice(&bytemuck::must_cast::<EventHead, [u64; 4]>(head));
    slot
}

/// Mailbox and token, if the slots are one.
#[inline]
fn as_token(slots: &[Slot]) -> Option<(usize, Token)> {
    let head = gate::head(slots).filter(|head| head.kind == TOKEN_KIND)?;
    Some((head.stream as usize, Token::of_push(head.seq)))
}

impl Consumer {
    /// Gives back the event that was shown, if any, and shows the next one. `None` when nothing is there now.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend what it shows")]
    pub fn next(&mut self) -> Option<&[Slot]> {
        self.advance();
        self.peek()
    }

    /// The next event; the same one until [`Consumer::advance`] or [`Consumer::next`]. `None` when nothing is there now.
    #[inline]
    pub fn peek(&mut self) -> Option<&[Slot]> {
        while self.taken[0].is_none() {
            if self.token.is_some() {
                self.take()?;
                continue;
            }
            let Some(token) = as_token(self.ring.peek()?) else { return self.ring.peek() };
            self.token = Some(token);
            // Given back before anything is taken: a producer that finds its content taken finds room for a new token.
            if !planted(Fault::MailRoomLate) {
                self.ring.advance();
            }
        }
        self.taken[0].map(|kind| self.mail.content(self.mailbox, kind))
    }

    /// Takes what waits for the token that was met; `None` when the producer was quicker each time.
    #[inline]
    fn take(&mut self) -> Option<()> {
        let (mailbox, token) = self.token?;
        match self.mail.take(mailbox, token) {
            Take::Later => return None,
            Take::Void => (),
            Take::Taken(kinds) => {
                let [first, second] = kinds;
                self.taken = if first.is_some() { kinds } else { [second, None] };
                self.mailbox = mailbox;
            }
        }
        self.token = None;
        if planted(Fault::MailRoomLate) {
            self.ring.advance();
        }
        Some(())
    }

    /// Gives back the event that was shown; nothing when none was.
    #[inline]
    pub fn advance(&mut self) {
        let [shown, next] = self.taken;
        match shown {
            Some(kind) => {
                self.mail.touch(self.mailbox, kind);
                self.taken = [next, None];
            }
            None => self.ring.advance(),
        }
    }

    /// Slots that wait in the ring, tokens included. The producer may push meanwhile.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.waiting()
    }

    /// The producer is gone and everything was given back: nothing will come any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.taken[0].is_none() && self.token.is_none() && self.ring.is_closed()
    }

    /// What the producer counted.
    #[must_use]
    pub fn counters(&self) -> &LinkCounters {
        &self.counters
    }

    /// A look at the link for other threads.
    #[must_use]
    pub fn view(&self) -> LinkView {
        LinkView { ring: self.ring.gauge(), counters: self.counters.clone() }
    }
}

impl LinkView {
    /// Slots that wait in the ring, tokens included; as of a moment ago.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ring.waiting()
    }

    /// What the producer counted.
    #[must_use]
    pub fn counters(&self) -> &LinkCounters {
        &self.counters
    }
}

#[cfg(test)]
mod tests;

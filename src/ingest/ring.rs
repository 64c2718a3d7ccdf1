//! Lock-free ring of slots from one producer to one consumer.
//!
//! Positions count slots for ever and wrap at 2^64; a slot's place is its position modulo the capacity. Behind the end lie as
//! many slots as the longest event has less one, so that an event which begins near the end goes on there and is one slice. The
//! places at the beginning that its last positions name stay unused for that lap.
//!
//! **One line moves from core to core.** The first word of an event says that it is there: the consumer polls that word at its
//! head and finds 0 until the producer stores it, after all the rest. So the consumer's wait ends with the very line that it is
//! to read. It puts the words back to 0 before it gives the slots back (as in Giacomoni, Moseley and Vachharajani, "FastForward
//! for efficient pipeline parallelism", PPoPP 2008).
//!
//! The producer alone writes slots between tail and head + capacity; the consumer alone moves the head, and has what is between
//! head and tail. The producer looks at the head only when what it saw last leaves too little room; the tail is for the gauges.

use std::mem::offset_of;
use std::sync::Arc;

use super::cells::Cells;
use super::gate;
use crate::sync::{AtomicBool, AtomicU64, Fault, Ordering, OwnLine, ordering, planted};
use crate::types::Slot;
use crate::types::event::EventHead;

/// Slots of the longest event.
pub const EVENT_SLOTS: usize = 16;

/// Where an event's first word says how many slots it has.
const SLOTS_MASK: u64 = u16::MAX as u64;
const _: () = assert!(offset_of!(EventHead, slots) == 0 && cfg!(target_endian = "little"));

/// The ring has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
struct Shared {
    cells: Cells,
    capacity: u64,
    /// What the producer has published, for the gauges; stored before what it counts is shown.
    tail: OwnLine<AtomicU64>,
    /// What the consumer has given back.
    head: OwnLine<AtomicU64>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
}

impl Shared {
    fn place(&self, position: u64) -> usize {
        (position & (self.capacity - 1)) as usize
    }
}

/// The end that writes. Dropping it tells the consumer; what was published is still there to be read.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    /// Where the next slot is written.
    next: u64,
    /// Where what is staged begins; `next` when nothing is.
    published: u64,
    /// The first word of what is staged, which shows it all.
    first: u64,
    /// The head as last seen; the consumer may have moved it since.
    head: u64,
}

/// The end that reads.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    head: u64,
    /// Slots of the event that was shown and not given back.
    shown: usize,
}

/// A ring of so many slots, a power of two of at least [`EVENT_SLOTS`] for the longest event to fit.
#[must_use]
pub fn ring(slots: usize) -> (Producer, Consumer) {
    ring_from(slots, 0)
}

/// A ring whose positions begin somewhere, so that a test sees them wrap.
pub(super) fn ring_from(slots: usize, start: u64) -> (Producer, Consumer) {
    assert!(slots.is_power_of_two(), "a ring's capacity is a power of two");
    let shared = Arc::new(Shared {
        cells: Cells::new(slots + EVENT_SLOTS - 1),
        capacity: slots as u64,
        tail: OwnLine(AtomicU64::new(start)),
        head: OwnLine(AtomicU64::new(start)),
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
    });
    let producer = Producer { shared: shared.clone(), next: start, published: start, first: 0, head: start };
    (producer, Consumer { shared, head: start, shown: 0 })
}

/// Slots of the event that begins here: what its head says, held to what an event can have and to how many slots there are.
/// Events were checked before they came here, so this differs from the head only where memory was changed after the check.
#[inline]
pub(super) fn length(first: &[Slot], there: usize) -> usize {
    let head = gate::head(first).unwrap_or_default();
    usize::from(head.slots).clamp(1, EVENT_SLOTS).min(there)
}

/// The word that shows an event of so many slots: the head's own, which says so. Where memory was changed after the check it may
/// say something else, which is put right, so that the word is never 0 and leads nowhere beyond what was written.
#[inline]
fn first_word(head: u64, slots: usize) -> u64 {
    head & !SLOTS_MASK | slots as u64
}

/// Slots of the event that a word shows, if it shows one.
#[inline]
fn slots_of(first: u64) -> Option<usize> {
    (first != 0).then_some((first & SLOTS_MASK) as usize)
}

impl Producer {
    /// Slots that the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity as usize
    }

    /// Slots that can be written now. The consumer may give back more meanwhile, never fewer.
    pub fn room(&mut self) -> usize {
        self.head = self.shared.head.0.load(Ordering::Acquire);
        self.room_seen()
    }

    fn room_seen(&self) -> usize {
        (self.shared.capacity - self.next.wrapping_sub(self.head)) as usize
    }

    /// Whether so many slots can be written now; looks at the consumer's side only when what was last seen does not do.
    #[inline]
    pub fn has_room(&mut self, slots: usize) -> bool {
        self.room_seen() >= slots || self.room() >= slots
    }

    /// Writes the event at the beginning of the slots, as long as its head says; the consumer sees it after [`Producer::publish`].
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    #[inline]
    pub fn stage(&mut self, slots: &[Slot]) -> Result<(), Full> {
        let event = &slots[..length(slots, slots.len())];
        let Some(head) = event.first() else { return Ok(()) };
        if !self.has_room(event.len()) {
            return Err(Full);
        }
        let (place, first) = (self.shared.place(self.next), first_word(head.0[0], event.len()));
        // SAFETY: from its place on, the event's slots are behind the tail and in front of the head of a lap later: the
        // consumer looks at the first word of the first staged event alone, which is not written here. Slots beyond the end
        // belong to the one event that crosses it, and the consumer has given the last such event back, since its slots would
        // lie in front of the head otherwise.
        unsafe { self.shared.cells.write_rest(place, event) };
        if self.next == self.published {
            self.first = first;
        } else {
            // SAFETY: as above; the consumer comes here only by way of the first staged event.
            unsafe { self.shared.cells.set_first(place, first, Ordering::Relaxed) };
        }
        self.next = self.next.wrapping_add(event.len() as u64);
        Ok(())
    }

    /// Lets the consumer see all that was staged, at once.
    #[inline]
    pub fn publish(&mut self) {
        if self.next == self.published {
            return;
        }
        let place = self.shared.place(self.published);
        self.shared.tail.0.store(self.next, Ordering::Relaxed);
        // SAFETY: the consumer looks at this word as an atomic, and at nothing behind it until it is not 0.
        unsafe { self.shared.cells.set_first(place, self.first, ordering(Ordering::Release, Fault::RingPublish)) };
        self.published = self.next;
    }

    /// Stages and publishes one event.
    ///
    /// # Errors
    /// [`Full`]; nothing was written.
    #[inline]
    pub fn push(&mut self, slots: &[Slot]) -> Result<(), Full> {
        self.stage(slots)?;
        self.publish();
        Ok(())
    }

    /// The consumer is gone: nobody will read.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.consumer_gone.load(Ordering::Acquire)
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.producer_gone.store(true, Ordering::Release);
    }
}

impl Consumer {
    /// The next event; the same one until [`Consumer::advance`]. `None` when nothing is published.
    #[inline]
    pub fn peek(&mut self) -> Option<&[Slot]> {
        if self.shown == 0 {
            self.shown = slots_of(self.first())?;
        }
        // SAFETY: the acquire has seen the first word, which was stored after the rest; the producer writes these slots only
        // after `advance` has given them back, which the borrow of `self` forbids as long as the slice lives.
        Some(unsafe { self.shared.cells.read(self.shared.place(self.head), self.shown) })
    }

    /// The word at the head: 0 as long as no event is there.
    #[inline]
    fn first(&self) -> u64 {
        // SAFETY: at the head nobody writes this word but as an atomic.
        unsafe { self.shared.cells.first(self.shared.place(self.head)) }
    }

    /// Gives the event that was last shown back to the producer; nothing when none was.
    #[inline]
    pub fn advance(&mut self) {
        if self.shown == 0 {
            return;
        }
        let place = self.shared.place(self.head);
        self.shared.cells.touch(place, self.shown);
        // An event of the next lap may begin at any of them. None begins beyond the end.
        let end = if planted(Fault::RingShownAgain) { place } else { (place + self.shown).min(self.shared.capacity as usize) };
        for at in place..end {
            // SAFETY: the slots are the consumer's until it moves the head.
            unsafe { self.shared.cells.set_first(at, 0, Ordering::Relaxed) };
        }
        self.head = self.head.wrapping_add(self.shown as u64);
        self.shown = 0;
        self.shared.head.0.store(self.head, ordering(Ordering::Release, Fault::RingGiveBack));
    }

    /// Slots that are published and not given back. The producer may publish more meanwhile.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.tail.0.load(Ordering::Relaxed).wrapping_sub(self.head) as usize
    }

    /// A look for other threads.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(self.shared.clone())
    }

    /// The producer is gone and all that it published has been given back: nothing will come any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        if planted(Fault::RingClosedLate) {
            return self.is_empty() && self.producer_gone();
        }
        // In this order: what was published before the producer went is seen by the second look.
        self.producer_gone() && self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.shown == 0 && self.first() == 0
    }

    fn producer_gone(&self) -> bool {
        self.shared.producer_gone.load(Ordering::Acquire)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.consumer_gone.store(true, Ordering::Release);
    }
}

/// How full a ring is, from any thread.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    /// Slots that were published and not given back; as of a moment ago.
    #[must_use]
    pub fn waiting(&self) -> usize {
        // In this order: the tail is never behind a head that was seen before it.
        let head = self.0.head.0.load(Ordering::Acquire);
        self.0.tail.0.load(Ordering::Relaxed).wrapping_sub(head).min(self.0.capacity) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::event::{Record, Trade};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// An event of so many slots, each with a number of its own.
    fn event(slots: usize, number: u64) -> Vec<Slot> {
        let mut event: Vec<Slot> = (0..slots as u64).map(|at| Slot([number << 8 | at; 8])).collect();
        let head = EventHead { slots: slots as u16, kind: 4, seq: number, ..EventHead::default() };
        event[0].0[..4].copy_from_slice(&bytemuck::cast::<EventHead, [u64; 4]>(head));
        event
    }

    #[test]
    fn an_event_across_the_end_is_one_slice() {
        let (mut producer, mut consumer) = ring_from(16, u64::MAX - 4);
        for (number, slots) in [3, 16, 1, 7, 16, 16, 5, 12].into_iter().enumerate() {
            let event = event(slots, number as u64);
            producer.push(&event).unwrap();
            assert_eq!(consumer.peek(), Some(&event[..]));
            assert_eq!(consumer.waiting(), slots);
            consumer.advance();
        }
        assert_eq!(consumer.peek(), None);
        assert_eq!((consumer.waiting(), producer.room()), (0, 16));
    }

    #[test]
    fn full_is_answered_and_nothing_is_overwritten() {
        let (mut producer, mut consumer) = ring(16);
        for number in 0..5 {
            producer.push(&event(3, number)).unwrap();
        }
        assert_eq!((producer.room(), producer.push(&event(2, 9)), producer.stage(&event(16, 9))), (1, Err(Full), Err(Full)));
        producer.push(&event(1, 5)).unwrap();
        assert!(!producer.has_room(1));
        for number in 0..5 {
            assert_eq!(consumer.peek(), Some(&event(3, number)[..]));
            consumer.advance();
            assert_eq!(producer.room(), 3 * (number as usize + 1));
        }
        assert_eq!(consumer.peek(), Some(&event(1, 5)[..]));
    }

    #[test]
    fn what_is_staged_is_seen_after_publishing_and_all_at_once() {
        let (mut producer, mut consumer) = ring(16);
        producer.stage(&event(2, 1)).unwrap();
        producer.stage(&event(1, 2)).unwrap();
        assert_eq!(consumer.peek(), None);
        assert_eq!(consumer.gauge().waiting(), 0);
        producer.publish();
        assert_eq!((consumer.waiting(), consumer.gauge().waiting()), (3, 3));
        assert_eq!(consumer.peek(), Some(&event(2, 1)[..]));
    }

    #[test]
    fn a_head_that_lies_leads_nowhere_beyond_what_was_published() {
        let (mut producer, mut consumer) = ring(16);
        let (mut trade, honest) = (Trade::of(1, 1), Trade::of(1, 1));
        for slots in [0, u16::MAX, 2, 1] {
            trade.head.slots = slots;
            producer.push(trade.slots()).unwrap();
            assert_eq!(consumer.peek(), Some(honest.slots()), "its length is that of what was written");
            consumer.advance();
            assert_eq!(consumer.waiting(), 0);
        }
        producer.push(&[Slot::default()]).unwrap();
        assert_eq!(consumer.peek().map(<[Slot]>::len), Some(1), "nothing holds the ring up");
        consumer.advance();
        producer.push(&[]).unwrap();
        assert_eq!((consumer.waiting(), consumer.peek()), (0, None));
    }

    #[test]
    fn each_end_sees_that_the_other_is_gone() {
        let (mut producer, mut consumer) = ring(16);
        producer.push(&event(1, 1)).unwrap();
        assert!(!consumer.is_closed() && !producer.is_closed());
        drop(producer);
        assert!(!consumer.is_closed(), "an event is still there");
        assert_eq!(consumer.peek(), Some(&event(1, 1)[..]));
        assert!(!consumer.is_closed(), "it is being read");
        consumer.advance();
        assert!(consumer.is_closed());
        let (producer, consumer) = ring(16);
        drop(consumer);
        assert!(producer.is_closed());
    }

    /// Every event arrives once, in order, its bits unchanged.
    fn passes_through(slots: usize, events: u64, pace: impl Fn(u64, bool) + Sync) {
        let (mut producer, mut consumer) = ring_from(slots, u64::MAX - 1_000);
        let size = |number: u64| (number * 7 % 16 + 1) as usize;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..events {
                    while producer.push(&event(size(number), number)).is_err() {
                        std::thread::yield_now();
                    }
                    pace(number, true);
                }
                drop(producer);
            });
            let mut number = 0;
            while !consumer.is_closed() {
                if let Some(found) = consumer.peek() {
                    assert_eq!(found, event(size(number), number));
                    number += 1;
                    pace(number, false);
                } else {
                    std::thread::yield_now();
                }
                consumer.advance();
            }
            assert_eq!(number, events);
        });
    }

    #[test]
    fn threads_pass_everything_in_order() {
        let events = if cfg!(miri) { 60 } else { 200_000 };
        passes_through(16, events, |_, _| ());
        passes_through(64, events, |_, _| ());
        passes_through(if cfg!(miri) { 128 } else { 4_096 }, events, |_, _| ());
    }

    #[test]
    fn a_slow_end_loses_nothing() {
        let events = if cfg!(miri) { 30 } else { 2_000 };
        for slow_producer in [true, false] {
            passes_through(32, events, |number, producer| {
                if producer == slow_producer && number % 8 == 0 {
                    std::thread::sleep(std::time::Duration::from_micros(20));
                }
            });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

        #[test]
        fn any_order_of_calls_is_that_of_a_queue(
            capacity in 4u32..7,
            start in prop_oneof![Just(0), Just(u64::MAX - 40), any::<u64>()],
            calls in proptest::collection::vec((0u8..4, 1usize..17), 1..200),
        ) {
            let (mut producer, mut consumer) = ring_from(1 << capacity, start);
            let (mut queue, mut staged) = (VecDeque::new(), Vec::new());
            let mut number = 0;
            let used = |queue: &VecDeque<Vec<Slot>>, staged: &[Vec<Slot>]| queue.iter().chain(staged).map(Vec::len).sum::<usize>();
            for (call, slots) in calls {
                match call {
                    0 | 1 => {
                        number += 1;
                        let event = event(slots, number);
                        let fits = used(&queue, &staged) + slots <= 1 << capacity;
                        prop_assert_eq!(producer.stage(&event).is_ok(), fits);
                        staged.extend(fits.then_some(event));
                        if call == 1 {
                            producer.publish();
                            queue.extend(staged.drain(..));
                        }
                    }
                    2 => {
                        prop_assert_eq!(consumer.peek(), queue.front().map(Vec::as_slice));
                        prop_assert_eq!(consumer.peek().map(<[Slot]>::len), queue.front().map(Vec::len));
                        consumer.advance();
                        queue.pop_front();
                    }
                    _ => prop_assert_eq!(consumer.waiting(), used(&queue, &[])),
                }
                prop_assert_eq!(producer.room(), (1 << capacity) - used(&queue, &staged));
            }
        }
    }
}

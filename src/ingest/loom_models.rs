//! Models of the ring and of links, for loom: each holds as the code is, and notices its faults.

use loom::thread;

use super::gate;
use super::link::{Consumer, Full, Producer, link_of};
use super::ring::{self, ring_from};
use crate::config::LinkOptions;
use crate::sync::{Fault, check};
use crate::types::Slot;
use crate::types::event::{Book, EventHead, Quote, Record, Trade};

/// An event of so many slots, all of them marked with its number.
fn event(slots: u16, number: u64) -> Vec<Slot> {
    let mut event = vec![Slot([number; 8]); usize::from(slots)];
    let head = EventHead { slots, kind: 4, seq: number, ..EventHead::default() };
    event[0].0[..4].copy_from_slice(&bytemuck::cast::<EventHead, [u64; 4]>(head));
    event
}

fn number(event: &[Slot]) -> u64 {
    gate::head(event).unwrap().seq
}

/// Sizes of what is pushed into a ring of 2; the first crosses the end.
const SIZES: [u16; 3] = [2, 1, 1];

/// What the producer was told fits arrives once, in order, unchanged, and is not written while it is read.
fn ring_keeps_its_order() {
    let (mut producer, mut consumer) = ring_from(2, u64::MAX);
    let pushing = thread::spawn(move || {
        let push = |(number, slots): (u64, u16)| producer.push(&event(slots, number)).ok().map(|()| number);
        (0..).zip(SIZES).filter_map(push).collect::<Vec<u64>>()
    });
    let mut arrived = Vec::new();
    let mut look = |consumer: &mut ring::Consumer| {
        let Some(found) = consumer.peek() else { return false };
        let number = number(found);
        assert_eq!(found, event(SIZES[number as usize], number));
        arrived.push(number);
        consumer.advance();
        true
    };
    for _ in 0..3 {
        look(&mut consumer);
    }
    let pushed = pushing.join().unwrap();
    while look(&mut consumer) {}
    assert_eq!(arrived, pushed);
}

/// Who is told that all is over has seen everything.
fn ring_ends_when_all_was_read() {
    let (mut producer, mut consumer) = ring_from(2, 0);
    let pushing = thread::spawn(move || producer.push(&event(1, 1)).unwrap());
    let mut arrived = 0;
    for _ in 0..3 {
        if consumer.is_closed() {
            assert_eq!(arrived, 1);
            break;
        }
        arrived += u64::from(consumer.peek().is_some());
        consumer.advance();
    }
    pushing.join().unwrap();
}

#[test]
fn ring() {
    check(ring_keeps_its_order, &[Fault::RingPublish, Fault::RingGiveBack, Fault::RingShownAgain]);
    check(ring_ends_when_all_was_read, &[Fault::RingClosedLate]);
}

fn quote(number: u64) -> Vec<Slot> {
    let mut quote = Quote { bid_px: number as f64, ..Quote::of(1, 1) };
    quote.head.seq = number;
    quote.slots().to_vec()
}

fn book(number: u64) -> Vec<Slot> {
    let mut book = Book::of(1, 1, &[(number as f64, 1.0)], &[]);
    book.book.head.seq = number;
    book.slots().to_vec()
}

fn trade(number: u64) -> Vec<Slot> {
    let mut trade = Trade { price: number as f64, ..Trade::of(1, 1) };
    trade.head.seq = number;
    trade.slots().to_vec()
}

type Made = fn(u64) -> Vec<Slot>;

/// A link on a ring of so many slots, and so many mailboxes.
fn tiny(slots: usize, mailboxes: usize) -> (Producer, Consumer) {
    link_of(ring_from(slots, u64::MAX), LinkOptions { slots: 2 * mailboxes, conflate_quotes: true, conflate_books: true })
}

/// Pushes events of one stream by one thread, reads so often beside it, then the rest; answers what arrived and what was FULL.
///
/// In every schedule: what arrives is unchanged and in the order of the pushes, each trade that fitted arrives, and of quotes and
/// of books the newest that fitted.
fn stream_through(slots: usize, made: &'static [Made], reads: usize) -> Vec<Result<u64, Full>> {
    let (mut producer, mut consumer) = tiny(slots, 1);
    let pushing = thread::spawn(move || {
        let push = |(number, made): (u64, &Made)| producer.push(&made(number)).map(|_| number);
        (1..).zip(made).map(push).collect::<Vec<_>>()
    });
    let mut arrived = Vec::new();
    let mut look = |consumer: &mut Consumer| {
        let Some(found) = consumer.next() else { return false };
        let number = number(found);
        assert_eq!(found, made[number as usize - 1](number));
        arrived.push(number);
        true
    };
    for _ in 0..reads {
        look(&mut consumer);
    }
    let told = pushing.join().unwrap();
    while look(&mut consumer) {}
    assert!(arrived.is_sorted_by(|before, after| before < after), "{arrived:?}");
    let fitted: Vec<u64> = told.iter().flatten().copied().collect();
    for kind in [quote, book] as [Made; 2] {
        let newest = fitted.iter().rfind(|number| std::ptr::fn_addr_eq(made[**number as usize - 1], kind));
        assert!(newest.is_none_or(|newest| arrived.contains(newest)), "the newest must arrive: {fitted:?}, {arrived:?}");
    }
    let trades = fitted.iter().filter(|number| std::ptr::fn_addr_eq(made[**number as usize - 1], trade as Made));
    assert!(trades.into_iter().all(|number| arrived.contains(number)), "every trade must arrive: {fitted:?}, {arrived:?}");
    told
}

fn the_newest_quote_arrives() {
    stream_through(4, &[quote, quote, quote, quote], 2);
}

fn nothing_overtakes_its_own_stream() {
    stream_through(4, &[quote, trade, quote], 2);
}

fn nothing_overtakes_its_own_stream_in_a_full_ring() {
    stream_through(2, &[quote, trade, quote], 2);
}

fn conflated_kinds_are_never_full() {
    assert!(stream_through(1, &[quote, quote, quote], 2).iter().all(Result::is_ok));
}

fn two_kinds_at_one_token_are_never_full() {
    assert!(stream_through(1, &[quote, book, quote], 3).iter().all(Result::is_ok));
}

/// Two streams in a ring that holds a token of each.
fn conflated_streams_are_never_full() {
    let (mut producer, mut consumer) = tiny(2, 2);
    let event = |stream: u32, number: u64| {
        let mut event = quote(number);
        event[0].0[0] = event[0].0[0] & u64::from(u32::MAX) | u64::from(stream) << 32;
        event
    };
    let pushing = thread::spawn(move || {
        for (number, stream) in (1..).zip([1, 2, 1, 2]) {
            producer.push(&event(stream, number)).unwrap();
        }
    });
    let mut newest = [0; 2];
    let mut look = |consumer: &mut Consumer| {
        let Some(head) = consumer.next().and_then(gate::head) else { return false };
        let newest = &mut newest[head.stream as usize - 1];
        assert!(head.seq > *newest);
        *newest = head.seq;
        true
    };
    for _ in 0..2 {
        look(&mut consumer);
    }
    pushing.join().unwrap();
    while look(&mut consumer) {}
    assert_eq!(newest, [3, 4]);
}

/// A batch whose quote was to join a token that the consumer takes meanwhile.
fn a_batch_is_pushed_whole() {
    let (mut producer, mut consumer) = tiny(2, 1);
    producer.push(&quote(1)).unwrap();
    let pushing = thread::spawn(move || producer.push_all(&[quote(2), trade(3)].concat()).unwrap());
    let mut arrived = vec![];
    for _ in 0..2 {
        arrived.extend(consumer.next().map(number));
    }
    let conflated = pushing.join().unwrap();
    arrived.extend(std::iter::from_fn(|| consumer.next().map(number)));
    assert!(arrived.ends_with(&[2, 3]) && arrived.len() as u64 + conflated == 3, "{arrived:?}");
}

#[test]
fn link() {
    check(the_newest_quote_arrives, &[Fault::MailPost, Fault::MailGiveBack, Fault::MailTokenFirst]);
    check(nothing_overtakes_its_own_stream, &[Fault::MailStaleToken]);
    check(nothing_overtakes_its_own_stream_in_a_full_ring, &[Fault::MailOvertake]);
    check(conflated_kinds_are_never_full, &[Fault::MailRoomLate]);
    check(two_kinds_at_one_token_are_never_full, &[Fault::MailPost, Fault::MailRoomLate]);
    check(conflated_streams_are_never_full, &[Fault::MailRoomLate]);
    check(a_batch_is_pushed_whole, &[Fault::MailRoomLate]);
}

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::types::Kind;
use crate::types::event::{Book, Mark, Quote, Record, Trade};

/// Fewer slots under Miri, which takes long to make them.
const BOTH: LinkOptions = LinkOptions { slots: if cfg!(miri) { 128 } else { 4_096 }, conflate_quotes: true, conflate_books: true };

fn trade(stream: u32, number: u64) -> Vec<Slot> {
    let mut trade = Trade { price: 1.0 + number as f64, size: 1.0, ..Trade::of(stream, number as i64) };
    trade.head.seq = number;
    trade.slots().to_vec()
}

fn quote(stream: u32, number: u64) -> Vec<Slot> {
    let mut quote = Quote { bid_px: 1.0 + number as f64, bid_qty: 1.0, ..Quote::of(stream, number as i64) };
    quote.head.seq = number;
    quote.slots().to_vec()
}

fn book(stream: u32, number: u64) -> Vec<Slot> {
    let levels: Vec<(f64, f64)> = (0..number % 21).map(|level| (1_000.0 - level as f64, 1.0 + number as f64)).collect();
    let mut book = Book::of(stream, number as i64, &levels, &[]);
    book.book.head.seq = number;
    book.slots().to_vec()
}

fn reset() -> Vec<Slot> {
    let mut mark = Mark::of(0, 0);
    mark.code = crate::types::event::MARK_RESET;
    mark.slots().to_vec()
}

/// Kind, stream and number of an event.
fn named(event: &[Slot]) -> (Kind, u32, u64) {
    let head = gate::head(event).unwrap();
    (Kind::from_number(head.kind).unwrap(), head.stream, head.seq)
}

fn drained(consumer: &mut Consumer) -> Vec<Vec<Slot>> {
    std::iter::from_fn(|| consumer.next().map(<[Slot]>::to_vec)).collect()
}

#[test]
fn options_are_checked_and_their_memory_is_told() {
    for slots in [0, 1, 8, 17, 100, SLOTS_MOST * 2] {
        let error = link(LinkOptions { slots, ..LinkOptions::default() }).map(|_| ()).unwrap_err();
        assert_eq!(error.status(), Status::ConfigValue, "{slots}");
        assert!(error.text().contains(&slots.to_string()));
    }
    let plain = LinkOptions::default();
    assert_eq!((plain.slots, plain.memory_bytes()), (4_096, 64 * (4_096 + 16)));
    assert!(LinkOptions { slots: 4_096, ..BOTH }.memory_bytes() > plain.memory_bytes() + 64 * 3 * 12 * 64);
}

#[test]
fn without_conflation_everything_arrives_as_it_was_pushed() {
    let (mut producer, mut consumer) = link(LinkOptions { slots: 64, ..LinkOptions::default() }).unwrap();
    let events = [quote(1, 1), quote(1, 2), book(1, 3), trade(1, 4), reset(), book(1, 20)];
    for event in &events {
        assert_eq!(producer.push(event), Ok(Pushed::Added));
    }
    assert_eq!(drained(&mut consumer), events);
    assert_eq!(producer.counters().conflated.get(), 0);
}

#[test]
fn the_newest_of_a_stream_and_kind_replaces_and_is_counted() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    assert_eq!(producer.push(&quote(1, 1)), Ok(Pushed::Added));
    assert_eq!(producer.push(&quote(1, 2)), Ok(Pushed::Replaced));
    assert_eq!(producer.push(&quote(2, 3)), Ok(Pushed::Added), "another stream");
    assert_eq!(producer.push(&book(1, 20)), Ok(Pushed::Added), "another kind");
    assert_eq!(producer.push(&book(1, 5)), Ok(Pushed::Replaced), "a shorter one in place of a longer one");
    assert_eq!(consumer.view().waiting(), 3);
    assert_eq!(drained(&mut consumer), [quote(1, 2), quote(2, 3), book(1, 5)]);
    assert_eq!(producer.push(&quote(1, 6)), Ok(Pushed::Added), "nothing waits any more");
    assert_eq!(drained(&mut consumer), [quote(1, 6)]);
    assert_eq!((producer.counters().conflated.get(), consumer.view().counters().full.get()), (2, 0));
}

#[test]
fn the_order_of_one_producer_holds_and_trades_are_never_replaced() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    for event in [quote(1, 1), trade(1, 2), quote(1, 3), trade(2, 4), trade(2, 5), quote(1, 6), book(1, 7), quote(1, 8)] {
        producer.push(&event).unwrap();
    }
    assert_eq!(drained(&mut consumer), [trade(1, 2), trade(2, 4), trade(2, 5), book(1, 7), quote(1, 8)]);
}

#[test]
fn two_kinds_at_one_token_come_in_the_order_of_their_pushes() {
    for (first, second) in [(quote as fn(u32, u64) -> Vec<Slot>, book as fn(u32, u64) -> Vec<Slot>), (book, quote)] {
        let (mut producer, mut consumer) = link(LinkOptions { slots: 16, ..BOTH }).unwrap();
        // Room for new content only: what is renewed waits where its stream's last token stands.
        producer.push_all(&(1..=15).flat_map(|number| trade(2, number)).collect::<Vec<_>>()).unwrap();
        producer.push(&first(1, 1)).unwrap();
        assert_eq!((consumer.waiting(), producer.push(&second(1, 2))), (16, Ok(Pushed::Added)));
        assert_eq!(drained(&mut consumer)[15..], [first(1, 1), second(1, 2)]);
        producer.push_all(&(1..=15).flat_map(|number| trade(2, number)).collect::<Vec<_>>()).unwrap();
        for event in [first(1, 3), second(1, 4), first(1, 5)] {
            producer.push(&event).unwrap();
        }
        assert_eq!(drained(&mut consumer)[15..], [second(1, 4), first(1, 5)], "the older kind, when renewed, is the newer one");
    }
}

#[test]
fn an_event_that_was_shown_is_not_replaced() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    producer.push(&book(1, 20)).unwrap();
    assert_eq!(consumer.peek(), Some(&book(1, 20)[..]));
    for number in 21..30 {
        producer.push(&book(1, number)).unwrap();
        assert_eq!(consumer.peek(), Some(&book(1, 20)[..]));
    }
    assert_eq!(drained(&mut consumer), [book(1, 29)]);
    assert_eq!(producer.counters().conflated.get(), 8);
}

#[test]
fn a_full_ring_takes_newer_content_where_the_order_permits_it() {
    let (mut producer, mut consumer) = link(LinkOptions { slots: 16, conflate_quotes: true, conflate_books: false }).unwrap();
    producer.push(&quote(1, 1)).unwrap();
    producer.push(&quote(2, 1)).unwrap();
    for number in 2..16 {
        producer.push(&trade(2, number)).unwrap();
    }
    assert_eq!(producer.push(&quote(1, 16)), Ok(Pushed::Replaced), "nothing of stream 1 came behind its token");
    assert_eq!(producer.push(&quote(2, 17)), Err(Full), "trades of stream 2 came behind its token");
    assert_eq!(producer.push(&quote(3, 18)), Err(Full), "no token is there");
    assert_eq!(producer.push(&trade(1, 19)), Err(Full));
    assert_eq!((producer.counters().conflated.get(), producer.counters().full.get()), (1, 3));
    assert_eq!(consumer.next(), Some(&quote(1, 16)[..]));
    assert_eq!(producer.push(&quote(2, 20)), Ok(Pushed::Replaced));
    let rest: Vec<_> = (2..16).map(|number| trade(2, number)).chain([quote(2, 20)]).collect();
    assert_eq!(drained(&mut consumer), rest);
}

#[test]
fn a_mark_for_the_whole_lane_is_not_overtaken() {
    let (mut producer, mut consumer) = link(LinkOptions { slots: 16, conflate_quotes: true, conflate_books: false }).unwrap();
    producer.push(&quote(1, 1)).unwrap();
    for _ in 0..15 {
        producer.push(&reset()).unwrap();
    }
    assert_eq!(producer.push(&quote(1, 2)), Err(Full));
    assert_eq!(consumer.next(), Some(&quote(1, 1)[..]));
    assert_eq!(producer.push(&quote(1, 2)), Ok(Pushed::Added));
    assert_eq!(drained(&mut consumer).last(), Some(&quote(1, 2)));
}

#[test]
fn a_part_of_a_message_is_not_conflated() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    let mut part = book(1, 1);
    part[0].0[0] |= u64::from(FLAG_MORE) << 24;
    for _ in 0..2 {
        assert_eq!(producer.push(&part), Ok(Pushed::Added));
    }
    assert_eq!(drained(&mut consumer), [part.clone(), part]);
}

#[test]
fn streams_beyond_the_mailboxes_go_through_as_they_are() {
    let (mut producer, mut consumer) = link(LinkOptions { slots: 256, ..BOTH }).unwrap();
    let last = STREAMS_CONFLATED as u32 + 1;
    for stream in 1..=last {
        producer.push(&quote(stream, 1)).unwrap();
    }
    assert_eq!(producer.push(&quote(last, 2)), Ok(Pushed::Added));
    assert_eq!(producer.push(&quote(last - 1, 2)), Ok(Pushed::Replaced));
    let arrived = drained(&mut consumer);
    assert_eq!(arrived.len(), STREAMS_CONFLATED + 2);
    assert_eq!(arrived[STREAMS_CONFLATED - 1..], [quote(last, 1), quote(last, 2), quote(last - 1, 2)]);
}

#[test]
fn a_link_of_conflated_kinds_alone_is_never_full() {
    let (sizes, pushes, batch): (&[usize], _, _) = if cfg!(miri) { (&[16], 300, 60) } else { (&[16, 64, 256], 20_000, 5_000) };
    for slots in sizes.iter().copied() {
        let (mut producer, mut consumer) = link(LinkOptions { slots, ..BOTH }).unwrap();
        let streams = STREAMS_CONFLATED.min(slots / 2) as u32;
        let mut last = vec![0; streams as usize + 1];
        for number in 0..pushes {
            let stream = (number * 7 % 31 * 13 % u64::from(streams)) as u32 + 1;
            let event = if number % 3 == 0 { book(stream, number) } else { quote(stream, number) };
            if number % 5 == 0 {
                producer.push_all(&event).unwrap();
            } else {
                producer.push(&event).unwrap();
            }
            // Rarely enough for the ring to be as full as it gets.
            if number % 97 < 3
                && let Some(event) = consumer.next()
            {
                let (_, stream, number) = named(event);
                assert!(number >= last[stream as usize]);
                last[stream as usize] = number;
            }
        }
        let many: Vec<Slot> = (0..batch).flat_map(|number| quote(number as u32 % streams + 1, pushes + number)).collect();
        assert!(producer.push_all(&many).is_ok(), "a batch longer than the ring");
        assert_eq!(producer.counters().full.get(), 0);
        assert!(drained(&mut consumer).contains(&quote((batch - 1) as u32 % streams + 1, pushes + batch - 1)));
    }
}

#[test]
fn a_batch_is_pushed_whole_or_not_at_all() {
    let (mut producer, mut consumer) = link(LinkOptions { slots: 16, conflate_quotes: true, conflate_books: false }).unwrap();
    producer.push(&quote(1, 1)).unwrap();
    let batch = |trades: u64| (0..trades).flat_map(|number| trade(2, number)).collect::<Vec<_>>();
    assert_eq!(producer.push_all(&batch(16)), Err(Full));
    assert_eq!(consumer.waiting(), 1);
    // 15 trades have room; the quotes join the token that is there.
    let with_quotes = [quote(1, 2), batch(15), quote(1, 3)].concat();
    assert_eq!(producer.push_all(&with_quotes), Ok(2));
    assert_eq!(producer.push_all(&[quote(1, 4), trade(1, 5)].concat()), Err(Full));
    assert_eq!(producer.counters().full.get(), 2);
    assert_eq!(consumer.next(), Some(&quote(1, 3)[..]), "the quote of the batch that was refused is not seen");
    assert_eq!(drained(&mut consumer).len(), 15);
    // A trade of stream 1 between two quotes: the second needs a token of its own.
    producer.push_all(&[quote(1, 6), batch(15)].concat()).unwrap();
    assert_eq!(producer.push_all(&[quote(1, 7), trade(1, 8), quote(1, 9)].concat()), Err(Full));
}

#[test]
fn the_end_is_told_when_all_was_given_back() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    for event in [quote(1, 1), book(1, 2), trade(1, 3)] {
        producer.push(&event).unwrap();
    }
    drop(producer);
    for _ in 0..3 {
        assert!(consumer.next().is_some() && !consumer.is_closed());
    }
    assert!(consumer.next().is_none() && consumer.is_closed());
    let (producer, consumer) = link(BOTH).unwrap();
    drop(consumer);
    assert!(producer.is_closed());
}

#[test]
fn a_token_that_was_forged_delivers_nothing() {
    let (mut producer, mut consumer) = link(BOTH).unwrap();
    producer.push(&[token_slot(3, 1)]).unwrap();
    producer.push(&[token_slot(usize::MAX, 1)]).unwrap();
    producer.push(&trade(1, 1)).unwrap();
    assert_eq!(drained(&mut consumer), [trade(1, 1)]);
}

/// What a producer of trades, quotes and books sends, and what must arrive of it.
fn conflates_across_threads(options: LinkOptions, events: u64, slow: impl Fn(u64) + Sync) {
    const STREAMS: u64 = 5;
    let (mut producer, mut consumer) = link(options).unwrap();
    let event = |number: u64| {
        let stream = (number / 3 % STREAMS) as u32 + 1;
        match number % 7 {
            0 | 3 => trade(stream, number),
            1 | 2 | 6 => quote(stream, number),
            _ => book(stream, number),
        }
    };
    let view = consumer.view();
    let full = std::thread::scope(|scope| {
        let pushing = scope.spawn(move || {
            let mut full = 0;
            for number in 1..=events {
                while producer.push(&event(number)).is_err() {
                    full += 1;
                    std::thread::yield_now();
                }
            }
            full
        });
        let (mut arrived, mut newest, mut trades) = (0, [[0; 2]; STREAMS as usize + 1], 0);
        while !consumer.is_closed() {
            let Some(found) = consumer.next() else {
                std::thread::yield_now();
                continue;
            };
            let (kind, stream, number) = named(found);
            assert_eq!(found, event(number), "its bits are unchanged");
            arrived += 1;
            slow(arrived);
            let kind = usize::from(kind != Kind::Trade);
            assert!(newest[stream as usize].iter().all(|before| *before < number), "the order within a stream");
            newest[stream as usize][kind] = number;
            trades += u64::from(kind == 0);
        }
        assert_eq!(trades, (1..=events).filter(|number| matches!(number % 7, 0 | 3)).count() as u64, "every trade arrives");
        for stream in 1..=STREAMS as u32 {
            let last = (1..=events).rev().find(|number| named(&event(*number)).0 != Kind::Trade && named(&event(*number)).1 == stream);
            assert_eq!(Some(newest[stream as usize][1]), last, "the newest arrives at last");
        }
        assert_eq!(arrived + view.counters().conflated.get(), events, "what did not arrive was counted");
        pushing.join().unwrap()
    });
    assert_eq!(view.counters().full.get(), full);
}

#[test]
fn threads_get_every_trade_and_the_newest_of_the_rest() {
    let events = if cfg!(miri) { 80 } else { 300_000 };
    for slots in [16, 64, BOTH.slots] {
        conflates_across_threads(LinkOptions { slots, ..BOTH }, events, |_| ());
    }
}

#[test]
fn a_slow_consumer_gets_every_trade_and_the_newest_of_the_rest() {
    let events = if cfg!(miri) { 40 } else { 20_000 };
    conflates_across_threads(LinkOptions { slots: 64, ..BOTH }, events, |arrived| {
        if arrived % 32 == 0 {
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    });
}

/// A link with room as one thread sees it: what waits, in order.
#[derive(Default)]
struct Queue {
    events: VecDeque<Vec<Slot>>,
}

impl Queue {
    /// Pushes as a link with room does: the older content goes away, the newer one comes last.
    fn push(&mut self, event: &[Slot]) -> Pushed {
        let (kind, stream, _) = named(event);
        let conflated = matches!(kind, Kind::Quote | Kind::Book);
        let older = self.events.iter().position(|waiting| conflated && (named(waiting).0, named(waiting).1) == (kind, stream));
        older.and_then(|older| self.events.remove(older));
        self.events.push_back(event.to_vec());
        older.is_some().into()
    }
}

/// Few enough for a link to have room whatever is read.
const CALLS: usize = if cfg!(miri) { 60 } else { 200 };

fn an_event() -> impl Strategy<Value = (u8, u32)> {
    (0u8..4, 1u32..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn with_room_the_order_is_that_of_a_queue_that_conflates(calls in proptest::collection::vec((an_event(), 0u8..3), 1..CALLS)) {
        let (mut producer, mut consumer) = link(BOTH).unwrap();
        let mut queue = Queue::default();
        for (number, ((kind, stream), reads)) in (1..).zip(calls) {
            let event = match kind {
                0 => trade(stream, number),
                1 => reset(),
                2 => quote(stream, number),
                _ => book(stream, number),
            };
            prop_assert_eq!(producer.push(&event), Ok(queue.push(&event)));
            if reads == 0 {
                prop_assert_eq!(consumer.next().map(<[Slot]>::to_vec), queue.events.pop_front());
            }
        }
        prop_assert_eq!(drained(&mut consumer), Vec::from(queue.events));
    }

    #[test]
    fn without_room_nothing_is_lost_but_what_was_replaced(
        calls in proptest::collection::vec((proptest::collection::vec(an_event(), 1..12), any::<bool>(), 0usize..4), 1..CALLS / 2),
    ) {
        let (mut producer, mut consumer) = link(LinkOptions { slots: 16, ..BOTH }).unwrap();
        let (mut number, mut pushed, mut arrived, mut replaced) = (0, Vec::new(), Vec::new(), 0);
        for (events, at_once, reads) in calls {
            let events: Vec<Vec<Slot>> = events.into_iter().map(|(kind, stream)| {
                number += 1;
                [trade, trade, quote, book][usize::from(kind)](stream, number)
            }).collect();
            if at_once {
                if let Ok(conflated) = producer.push_all(&events.concat()) {
                    replaced += conflated;
                    pushed.extend(events);
                }
            } else {
                for event in events {
                    if let Ok(outcome) = producer.push(&event) {
                        replaced += u64::from(outcome == Pushed::Replaced);
                        pushed.push(event);
                    }
                }
            }
            for _ in 0..reads {
                arrived.extend(consumer.next().map(<[Slot]>::to_vec));
            }
        }
        arrived.extend(drained(&mut consumer));
        prop_assert_eq!(arrived.len() as u64 + replaced, pushed.len() as u64);
        prop_assert!(arrived.iter().all(|event| pushed.contains(event)));
        for stream in 1..4 {
            let of = |events: &[Vec<Slot>]| events.iter().map(|event| named(event)).filter(|name| name.1 == stream).collect::<Vec<_>>();
            let (pushed, arrived) = (of(&pushed), of(&arrived));
            prop_assert!(arrived.windows(2).all(|pair| pair[0].2 < pair[1].2), "the order within a stream");
            let trades = |events: &[(Kind, u32, u64)]| events.iter().copied().filter(|name| name.0 == Kind::Trade).collect::<Vec<_>>();
            prop_assert_eq!(trades(&pushed), trades(&arrived), "every trade arrives");
            for kind in [Kind::Quote, Kind::Book] {
                let last = |events: &[(Kind, u32, u64)]| events.iter().copied().rfind(|name| name.0 == kind);
                prop_assert_eq!(last(&pushed), last(&arrived), "the newest arrives");
            }
        }
    }
}

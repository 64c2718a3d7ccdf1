//! What holds for any input: the gate, the order of a stream, the sampler, the book, the packed signal.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytemuck::Zeroable;
use foretick::ingest::book::RoleBook;
use foretick::ingest::gate;
use foretick::ingest::order::StreamOrder;
use foretick::types::event::{Bar, Book, Change, Delta, EventHead, EventRef, FLAG_MORE, Quote, Record, Slot, Trade, delta_slots};
use foretick::types::step::Step;
use foretick::types::{Action, Kind, Prediction, reason};
use foretick::window::sampler::{Closed, Price, Sampler, SamplerSpec, Sampling};
use proptest::prelude::*;

/// Mostly a price; now and then what is none.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.5f64..1000.0, 1 => any::<f64>(), 1 => Just(0.0)]
}

/// Levels of a side in order, most of them with prices alone.
fn side(better: f64) -> impl Strategy<Value = Vec<(f64, f64)>> {
    let good = proptest::collection::vec((0.5f64..1000.0, 0.5f64..1000.0), 0..22);
    prop_oneof![4 => good, 1 => proptest::collection::vec((number(), number()), 0..22)].prop_map(move |mut levels| {
        levels.sort_by(|a, b| (better * b.0).total_cmp(&(better * a.0)));
        levels
    })
}

fn delta(bids: &[(f64, f64)], asks: &[(f64, f64)]) -> Delta {
    let mut delta = Delta { bids: bids.len() as u16, asks: asks.len() as u16, ..Delta::zeroed() };
    delta.head = EventHead { slots: delta_slots(bids.len() + asks.len()) as u16, kind: Kind::Delta as u8, ..EventHead::default() };
    for (change, (px, qty)) in delta.changes.iter_mut().zip(bids.iter().chain(asks)) {
        *change = Change { px: *px, qty: *qty };
    }
    delta
}

/// An event, and then a word of it changed, or none.
fn event() -> impl Strategy<Value = Vec<Slot>> {
    let trade = (number(), number(), 0u8..4).prop_map(|(price, size, side)| Trade { price, size, side, ..Trade::of(1, 1) }.slots().to_vec());
    let quote = (number(), number(), number(), number())
        .prop_map(|(bid_px, bid_qty, ask_px, ask_qty)| Quote { bid_px, bid_qty, ask_px, ask_qty, ..Quote::of(1, 1) }.slots().to_vec());
    let book = (side(1.0), side(-1.0)).prop_map(|(bids, asks)| Book::of(1, 1, &bids, &asks).slots().to_vec());
    let changes = (side(1.0), side(-1.0)).prop_map(|(bids, asks)| delta(&bids, &asks).slots().to_vec());
    let bar = (number(), number(), number(), 0i64..100).prop_map(|(open, close, volume, open_ns)| {
        let (high, low) = (open.max(close), open.min(close));
        Bar { open_ns, interval_ns: 60, open, high, low, close, volume, ..Bar::of(1, open_ns + 60) }.slots().to_vec()
    });
    let changed = prop_oneof![3 => Just(None), 1 => (any::<prop::sample::Index>(), any::<u64>(), 0u32..64).prop_map(Some)];
    (prop_oneof![trade, quote, book, changes, bar], changed).prop_map(|(mut slots, changed)| {
        if let Some((at, value, bit)) = changed {
            let words: &mut [u64] = bytemuck::cast_slice_mut(&mut slots);
            let at = at.index(words.len());
            words[at] = if value % 2 == 0 { value } else { words[at] ^ 1 << bit };
        }
        slots
    })
}

/// The slots of an event that was accepted, written anew from what was read.
fn written(event: &EventRef<'_>) -> Option<Vec<Slot>> {
    Some(match event {
        EventRef::Trade(trade) => Trade { ..**trade }.slots().to_vec(),
        EventRef::Quote(quote) => Quote { ..**quote }.slots().to_vec(),
        EventRef::Bar(bar) => Bar { ..**bar }.slots().to_vec(),
        EventRef::Book(head, rows) => {
            let bids: Vec<_> = rows[..usize::from(head.bids)].iter().map(|row| (row.bid_px, row.bid_qty)).collect();
            let asks: Vec<_> = rows[..usize::from(head.asks)].iter().map(|row| (row.ask_px, row.ask_qty)).collect();
            let mut book = Book::of(0, 0, &bids, &asks);
            (book.book.head, book.book.prev_seq) = (head.head, head.prev_seq);
            book.slots().to_vec()
        }
        _ => return None,
    })
}

/// Whether the times are known, in order and not closed, and the ids new: what admits an event, said anew over all before it.
fn admitted(before: &[(EventHead, bool)], head: &EventHead, promised_ns: i64) -> Result<(), u64> {
    let newest = before.iter().map(|(head, _)| head.known_ns).max();
    if newest.is_some_and(|newest| head.known_ns < newest) {
        return Err(reason::CLOCK_BACK);
    }
    if head.known_ns <= promised_ns {
        return Err(reason::LATE_EVENT);
    }
    let last = before.iter().rev().find(|(other, taken)| *taken && other.kind == head.kind);
    match last {
        Some((last, _)) if head.seq != 0 && last.seq == head.seq && last.flags & FLAG_MORE == 0 => Err(reason::DUPLICATE),
        _ => Ok(()),
    }
}

const INTERVAL_NS: i64 = 100;

/// Steps of trades at these times, until `end_ns`.
fn sampled(times: &[(i64, u32)], window: usize, end_ns: i64) -> Vec<Step> {
    let spec = SamplerSpec { sampling: Sampling::Time, interval_ns: INTERVAL_NS, price: Price::Trade, reset_after: None, max_book_age_ns: None };
    let (mut sampler, book, mut steps) = (Sampler::new(spec, window), RoleBook::default(), Vec::new());
    let mut keep = |closed| {
        if let Closed::Step(step) = closed {
            steps.push(step)
        }
    };
    for (known_ns, size) in times {
        while let Some(closed) = sampler.close_before(*known_ns, &book) {
            keep(closed);
        }
        let trade = Trade { price: 1.0, size: f64::from(*size), ..Trade::of(1, *known_ns) };
        assert!(sampler.apply(&EventRef::Trade(&trade), Kind::Trade, *known_ns, &book).is_none());
    }
    while let Some(closed) = sampler.close_until(end_ns, &book) {
        keep(closed);
    }
    steps
}

proptest! {
    #[test]
    fn an_event_that_is_accepted_is_read_as_it_was_written(slots in event(), behind in 0usize..3) {
        let mut array = slots.clone();
        array.extend(vec![Slot([u64::MAX; 8]); behind]);
        if let Ok(event) = gate::check(&array) {
            let length = usize::from(gate::head(&array).unwrap().slots);
            if let Some(written) = written(&event) {
                prop_assert_eq!(&written[..], &array[..length]);
            }
            for cut in 0..length {
                prop_assert!(gate::check(&array[..cut]).is_err(), "an event is whole or refused");
            }
        }
    }

    #[test]
    fn a_stream_is_in_order_and_without_duplicates(events in prop::collection::vec((0i64..30, 0u64..4, 0u8..3, any::<bool>(), 0i64..20), 0..60)) {
        let (mut order, mut before) = (StreamOrder::default(), Vec::new());
        for (known_ns, seq, kind, more, promised_ns) in events {
            let head = EventHead { slots: 1, kind, flags: if more { FLAG_MORE } else { 0 }, stream: 1, known_ns, event_ns: 0, seq };
            let wanted = admitted(&before, &head, promised_ns);
            prop_assert_eq!(order.refuses(&head, promised_ns), wanted.err());
            prop_assert_eq!(order.admit(&head, promised_ns), wanted);
            before.push((head, wanted.is_ok()));
        }
    }

    #[test]
    fn steps_ascend_and_lose_no_trade(times in prop::collection::vec((0i64..5_000, 1u32..1000), 1..80), sorted in any::<bool>(), window in 1usize..8) {
        let mut times = times;
        if sorted {
            times.sort_unstable();
        }
        let newest = times.iter().map(|(time, _)| *time).max().unwrap();
        let steps = sampled(&times, window, newest + INTERVAL_NS);
        prop_assert!(steps.windows(2).all(|pair| pair[0].time_ns < pair[1].time_ns), "steps ascend");
        prop_assert!(steps.iter().all(|step| step.time_ns % INTERVAL_NS == 0));
        let (volume, trades) = steps.iter().fold((0.0, 0), |(volume, trades), step| (volume + step.volume, trades + step.trades));
        prop_assert_eq!(volume, times.iter().map(|(_, size)| f64::from(*size)).sum::<f64>());
        prop_assert_eq!(trades, times.len() as u64);
        if sorted {
            for step in &steps {
                let inside = times.iter().filter(|(time, _)| (step.time_ns - INTERVAL_NS < *time) && *time <= step.time_ns);
                prop_assert_eq!(step.volume, inside.map(|(_, size)| f64::from(*size)).sum::<f64>());
            }
        }
    }

    #[test]
    fn the_top_is_that_of_the_newest(events in prop::collection::vec((0i64..20, 1u8..200, any::<bool>()), 1..30), at_ns in 0i64..25, age in prop::option::of(0i64..20)) {
        let (mut book, mut quotes, mut books) = (RoleBook::default(), None, None);
        for (at, (known_ns, price, is_quote)) in events.into_iter().enumerate() {
            let price = f64::from(price);
            if is_quote {
                book.set_quote(&Quote { bid_px: price, bid_qty: 1.0, ask_px: price + 1.0, ask_qty: 1.0, ..Quote::of(1, known_ns) });
                quotes = Some((known_ns, at, price));
            } else {
                let record = Book::of(1, known_ns, &[(price, 1.0)], &[(price + 1.0, 1.0)]);
                book.set_book(&record.book, &record.rows[..1]);
                books = Some((known_ns, at, price));
            }
        }
        let fresh = |newest: &(i64, usize, f64)| age.is_none_or(|age| at_ns - newest.0 <= age);
        let wanted = [quotes.filter(fresh), books.filter(fresh)].into_iter().flatten().max_by_key(|(known_ns, at, _)| (*known_ns, *at));
        prop_assert_eq!(book.top(at_ns, age).map(|top| top.bid_px), wanted.map(|(.., price)| price));
        prop_assert_eq!(book.depth(1, at_ns, age).is_some(), books.filter(fresh).is_some());
    }

    #[test]
    fn a_signal_keeps_its_parts(action in any::<u8>().prop_filter_map("an action", Action::from_number), flags in any::<u8>(), step in any::<u64>(), bits in any::<u32>()) {
        let signal = Prediction::pack_signal(action, flags, step, f32::from_bits(bits));
        let prediction = Prediction { signal, ..Prediction::default() };
        prop_assert_eq!((prediction.action(), prediction.flags(), prediction.probability().to_bits()), (action, flags, bits));
        prop_assert_eq!((signal >> 16) as u16, step as u16);
    }
}

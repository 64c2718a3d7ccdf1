//! Finiteness, range and shape of one event. Nothing is copied and nothing is allocated.

use std::fmt;

use bytemuck::{Pod, must_cast_ref};

use crate::error::Status;
use crate::types::event::{
    BAR_QUOTE_VOLUME, BAR_TAKER, BAR_TRADES, BOOK_LEVELS, Bar, Block, BookHead, DELTA_CHANGES, EventHead, EventRef, Gas, Kind, Level, Liquidation,
    MARK_ADVANCE, MARK_PREDICT, Mark, Pending, Pool, Quote, Scalar, Slot, Trade, book_slots, delta_slots,
};

/// Latest time that is accepted, in the year 2116: room for adding intervals without overflow.
pub const TIME_MAX_NS: i64 = 1 << 62;

/// A bar that comes later than this after its close has its times in different units.
const BAR_LATE_MOST_NS: i64 = 10 * 366 * 86_400 * 1_000_000_000;

/// Why an event was refused: a status and what was expected, made without allocating.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refusal {
    /// EVENT_SHAPE, EVENT_RESERVED, NOT_FINITE, RANGE or UNKNOWN_STREAM.
    pub status: Status,
    /// What must hold, naming the field.
    pub rule: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

type Checked<T> = Result<T, Refusal>;

const fn refuse<T>(status: Status, rule: &'static str) -> Checked<T> {
    Err(Refusal { status, rule })
}

fn shape(holds: bool, rule: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { refuse(Status::EventShape, rule) }
}

fn reserved(holds: bool, rule: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { refuse(Status::EventReserved, rule) }
}

fn range(holds: bool, rule: &'static str) -> Checked<()> {
    if holds { Ok(()) } else { refuse(Status::Range, rule) }
}

fn finite(values: &[f64], rule: &'static str) -> Checked<()> {
    if values.iter().all(|value| value.is_finite()) { Ok(()) } else { refuse(Status::NotFinite, rule) }
}

/// The head of the first event of the slots; `None` when there are no slots.
#[must_use]
pub fn head(slots: &[Slot]) -> Option<EventHead> {
    let slot: &[u64; 8] = must_cast_ref(slots.first()?);
    Some(*must_cast_ref(slot.first_chunk::<4>()?))
}

/// The first event of the slots, checked.
///
/// # Errors
/// A [`Refusal`]; the event must then not be applied.
pub fn check(slots: &[Slot]) -> Checked<EventRef<'_>> {
    let Some(head) = head(slots) else { return refuse(Status::EventShape, "an event has at least one slot") };
    let Some(kind) = Kind::from_number(head.kind) else { return refuse(Status::EventShape, "kind must be 0 (mark) to 11 (scalar)") };
    let Some(slots) = slots.get(..usize::from(head.slots)) else { return refuse(Status::EventShape, "head.slots reaches past the end of the array") };
    reserved(head.flags < 16, "head.flags has an unknown bit")?;
    range((0..=TIME_MAX_NS).contains(&head.known_ns), "known_ns must be ns since the Unix epoch, from 0 to 2^62")?;
    match kind {
        Kind::Trade => trade(one(slots)?).map(EventRef::Trade),
        Kind::Quote => quote(one(slots)?).map(EventRef::Quote),
        Kind::Book => book(slots),
        Kind::Bar => bar(two(slots)?).map(EventRef::Bar),
        Kind::Mark => mark(one(slots)?).map(EventRef::Mark),
        Kind::Delta => delta(slots),
        Kind::Pool => pool(two(slots)?).map(EventRef::Pool),
        Kind::Block => block(one(slots)?).map(EventRef::Block),
        Kind::Gas => gas(one(slots)?).map(EventRef::Gas),
        Kind::Pending => pending(one(slots)?).map(EventRef::Pending),
        Kind::Liquidation => liquidation(one(slots)?).map(EventRef::Liquidation),
        Kind::Scalar => scalar(one(slots)?).map(EventRef::Scalar),
    }
}

fn one<T: Pod>(slots: &[Slot]) -> Checked<&T> {
    sized(slots, "head.slots must be 1 for this kind")
}

fn two<T: Pod>(slots: &[Slot]) -> Checked<&T> {
    sized(slots, "head.slots must be 2 for this kind")
}

fn sized<'a, T: Pod>(slots: &'a [Slot], rule: &'static str) -> Checked<&'a T> {
    bytemuck::try_from_bytes(bytemuck::cast_slice(slots)).map_err(|_| Refusal { status: Status::EventShape, rule })
}

fn trade(trade: &Trade) -> Checked<&Trade> {
    finite(&[trade.price, trade.size], "a trade's price and size must be finite")?;
    range(trade.price > 0.0 && trade.size > 0.0, "a trade's price and size must be above 0")?;
    range(trade.side <= 2, "a trade's side must be 0 (unknown), 1 (buy) or 2 (sell)")?;
    reserved(trade.reserved == [0; 7], "a trade's bytes 49 to 55 must be 0")?;
    Ok(trade)
}

/// A side that is there has price and size above 0, one that is absent has both 0.
fn side(px: f64, qty: f64) -> bool {
    (px > 0.0 && qty > 0.0) || (px == 0.0 && qty == 0.0)
}

fn quote(quote: &Quote) -> Checked<&Quote> {
    finite(&[quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty], "a quote's prices and sizes must be finite")?;
    let sides = side(quote.bid_px, quote.bid_qty) && side(quote.ask_px, quote.ask_qty);
    range(sides, "a quote's side has price and size above 0, or both 0 when absent")?;
    Ok(quote)
}

fn book(slots: &[Slot]) -> Checked<EventRef<'_>> {
    const RULE: &str = "a book has 48 bytes + 32 a row, rounded up to slots: 2 to 11";
    let bytes: &[u8] = bytemuck::cast_slice(slots);
    let book = bytes.get(..size_of::<BookHead>()).and_then(|bytes| bytemuck::try_from_bytes::<BookHead>(bytes).ok());
    let Some(book) = book else { return refuse(Status::EventShape, RULE) };
    let (bids, asks, rows) = (usize::from(book.bids), usize::from(book.asks), usize::from(book.rows));
    shape(rows <= BOOK_LEVELS && rows == bids.max(asks), "a book's rows must be max(bids, asks), at most 20")?;
    shape(slots.len() == book_slots(rows.max(1)), RULE)?;
    reserved(book.reserved == 0, "a book's bytes 38 and 39 must be 0")?;
    let end = size_of::<BookHead>() + rows * size_of::<Level>();
    reserved(bytes[end..].iter().all(|byte| *byte == 0), "the bytes after a book's last row must be 0")?;
    let Ok(levels) = bytemuck::try_cast_slice::<u8, Level>(&bytes[size_of::<BookHead>()..end]) else { return refuse(Status::EventShape, RULE) };
    ordered(levels, bids, |row| (row.bid_px, row.bid_qty), |better, worse| better > worse)?;
    ordered(levels, asks, |row| (row.ask_px, row.ask_qty), |better, worse| better < worse)?;
    Ok(EventRef::Book(book, levels))
}

/// Levels of one side: present ones strictly ordered and above 0, absent ones 0.
fn ordered(levels: &[Level], present: usize, side: impl Fn(&Level) -> (f64, f64), better: impl Fn(f64, f64) -> bool) -> Checked<()> {
    let mut last = None;
    for (index, row) in levels.iter().enumerate() {
        let (px, qty) = side(row);
        finite(&[px, qty], "a book's prices and sizes must be finite")?;
        if index >= present {
            range(px == 0.0 && qty == 0.0, "an absent level of a book has price 0 and size 0")?;
            continue;
        }
        range(px > 0.0 && qty > 0.0, "a book's prices and sizes must be above 0")?;
        range(last.is_none_or(|last| better(last, px)), "a book's levels must be strictly ordered, best first")?;
        last = Some(px);
    }
    Ok(())
}

fn bar(bar: &Bar) -> Checked<&Bar> {
    let values = [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, bar.taker_buy, bar.taker_sell];
    finite(&values, "a bar's prices and volumes must be finite")?;
    range(bar.low > 0.0, "a bar's prices must be above 0")?;
    range(bar.high >= bar.open.max(bar.close) && bar.low <= bar.open.min(bar.close), "a bar's high and low must enclose its open and close")?;
    range(values[4..].iter().all(|value| *value >= 0.0), "a bar's volumes must not be negative")?;
    range(bar.interval_ns > 0 && bar.interval_ns <= TIME_MAX_NS && bar.open_ns >= 0, "a bar's interval_ns must be above 0 and its open_ns from 0")?;
    let end = bar.open_ns.checked_add(bar.interval_ns);
    range(end.is_some_and(|end| bar.head.known_ns >= end), "a bar is known at its close: known_ns must be at least open_ns + interval_ns")?;
    let late = end.map_or(0, |end| bar.head.known_ns - end);
    range(late <= BAR_LATE_MOST_NS, "a bar's open_ns lies over ten years before its known_ns: both are ns since the Unix epoch")?;
    reserved(bar.known < 8 && bar.reserved == 0, "a bar's `known` has an unknown bit, or its bytes 124 to 127 are not 0")?;
    let unknown_zero = (bar.known & BAR_QUOTE_VOLUME != 0 || bar.quote_volume == 0.0)
        && (bar.known & BAR_TAKER != 0 || (bar.taker_buy == 0.0 && bar.taker_sell == 0.0))
        && (bar.known & BAR_TRADES != 0 || bar.trades == 0);
    reserved(unknown_zero, "a field of a bar that is not known must be 0")?;
    Ok(bar)
}

fn mark(mark: &Mark) -> Checked<&Mark> {
    shape((MARK_ADVANCE..=MARK_PREDICT).contains(&mark.code), "a mark's code must be 1 (ADVANCE) to 4 (PREDICT)")?;
    range((0..=TIME_MAX_NS).contains(&mark.argument), "a mark's argument must be from 0 to 2^62")?;
    reserved(mark.reserved == [0; 2], "a mark's bytes 48 to 63 must be 0")?;
    Ok(mark)
}

fn delta(slots: &[Slot]) -> Checked<EventRef<'_>> {
    const RULE: &str = "a delta has 56 bytes + 16 a change, rounded up to slots: 1 to 16";
    let Some(first) = slots.first() else { return refuse(Status::EventShape, RULE) };
    let counts = first.0[6];
    let changes = (counts & 0xFFFF) as usize + (counts >> 16 & 0xFFFF) as usize;
    shape(changes <= DELTA_CHANGES && slots.len() == delta_slots(changes), RULE)?;
    reserved(counts >> 32 == 0, "a delta's bytes 52 to 55 must be 0")?;
    let words: &[u64] = bytemuck::cast_slice(slots);
    for change in words[7..7 + 2 * changes].chunks_exact(2) {
        let (px, qty) = (f64::from_bits(change[0]), f64::from_bits(change[1]));
        finite(&[px, qty], "a delta's prices and sizes must be finite")?;
        range(px > 0.0 && qty >= 0.0, "a delta's prices must be above 0 and its sizes not negative")?;
    }
    reserved(words[7 + 2 * changes..].iter().all(|word| *word == 0), "the bytes after a delta's last change must be 0")?;
    Ok(EventRef::Delta(slots))
}

fn pool(pool: &Pool) -> Checked<&Pool> {
    range((1..=3).contains(&pool.model), "a pool's model must be 1 (constant product), 2 (concentrated) or 3 (stable)")?;
    range(pool.fee <= 1_000_000, "a pool's fee is in millionths: at most 1,000,000")?;
    reserved(pool.reserved == 0, "a pool's byte 35 must be 0")?;
    Ok(pool)
}

fn block(block: &Block) -> Checked<&Block> {
    reserved(block.known < 16, "a block's `known` has an unknown bit")?;
    Ok(block)
}

fn gas(gas: &Gas) -> Checked<&Gas> {
    range(gas.percentile <= 10_000, "a gas price's percentile is in 1/10,000: at most 10,000")?;
    reserved(gas.known < 8 && gas.reserved == 0, "a gas price's `known` has an unknown bit, or its bytes 58 and 59 are not 0")?;
    Ok(gas)
}

fn pending(pending: &Pending) -> Checked<&Pending> {
    reserved(pending.known < 16, "the `known` of waiting transactions has an unknown bit")?;
    Ok(pending)
}

fn liquidation(event: &Liquidation) -> Checked<&Liquidation> {
    finite(&[event.price, event.size, event.value], "a liquidation's price, size and value must be finite")?;
    range(event.price > 0.0 && event.size > 0.0 && event.value >= 0.0, "a liquidation's price and size must be above 0, its value not negative")?;
    range((1..=2).contains(&event.side), "a liquidation's side must be 1 (buy) or 2 (sell)")?;
    reserved(event.reserved == [0; 7], "a liquidation's bytes 57 to 63 must be 0")?;
    Ok(event)
}

fn scalar(scalar: &Scalar) -> Checked<&Scalar> {
    finite(&[scalar.value, scalar.weight], "a scalar's value and weight must be finite")?;
    range((0.0..=1.0).contains(&scalar.weight), "a scalar's weight must be in 0 to 1")?;
    range(scalar.valid_for_ns >= 0, "a scalar's valid_for_ns must not be negative")?;
    Ok(scalar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::event::{Book, Record};
    use proptest::prelude::*;

    fn refused(record: &impl Record) -> Status {
        check(record.slots()).expect_err("the event must be refused").status
    }

    fn a_trade() -> Trade {
        Trade { price: 1.0, size: 2.0, side: 1, ..Trade::of(1, 1) }
    }

    #[test]
    fn good_events_pass() {
        assert!(matches!(check(a_trade().slots()), Ok(EventRef::Trade(t)) if t.size == 2.0));
        let book = Book::of(1, 1, &[(2.0, 1.0), (1.0, 1.0)], &[(3.0, 1.0)]);
        assert!(matches!(check(book.slots()), Ok(EventRef::Book(head, rows)) if head.bids == 2 && rows.len() == 2));
        assert!(check(Book::of(1, 1, &[], &[]).slots()).is_ok());
        assert!(check(Quote { bid_px: 1.0, bid_qty: 1.0, ..Quote::of(1, 1) }.slots()).is_ok());
    }

    #[test]
    fn every_rule_refuses_with_its_status() {
        assert_eq!(refused(&Trade { price: 0.0, ..a_trade() }), Status::Range);
        assert_eq!(refused(&Trade { side: 3, ..a_trade() }), Status::Range);
        assert_eq!(refused(&Trade { reserved: [0, 0, 0, 0, 0, 0, 1], ..a_trade() }), Status::EventReserved);
        assert_eq!(refused(&Quote { bid_px: 1.0, ..Quote::of(1, 1) }), Status::Range);
        assert_eq!(refused(&Book::of(1, 1, &[(1.0, 1.0), (1.0, 1.0)], &[])), Status::Range);
        assert_eq!(refused(&Book::of(1, 1, &[], &[(2.0, 1.0), (1.0, 1.0)])), Status::Range);
        let bar = Bar { open_ns: 0, interval_ns: 60, open: 2.0, high: 3.0, low: 1.0, close: 2.0, ..Bar::of(1, 60) };
        assert!(check(bar.slots()).is_ok());
        assert_eq!(refused(&Bar { high: 1.5, ..bar }), Status::Range);
        assert_eq!(refused(&Bar { open_ns: 1, ..bar }), Status::Range);
        assert_eq!(refused(&Bar { open_ns: i64::MAX, ..bar }), Status::Range);
        assert_eq!(refused(&Bar { taker_buy: 1.0, ..bar }), Status::EventReserved);
        assert_eq!(refused(&Scalar { weight: 1.5, ..Scalar::of(1, 1) }), Status::Range);
        assert_eq!(refused(&Mark::of(1, 1)), Status::EventShape);
        assert_eq!(refused(&Pool::of(1, 1)), Status::Range);
    }

    #[test]
    fn times_at_the_boundaries_are_refused() {
        for known_ns in [i64::MIN, -1, TIME_MAX_NS + 1, i64::MAX] {
            let mut trade = a_trade();
            trade.head.known_ns = known_ns;
            assert_eq!(refused(&trade), Status::Range);
        }
        let mut trade = a_trade();
        (trade.head.known_ns, trade.head.event_ns) = (TIME_MAX_NS, i64::MIN);
        assert!(check(trade.slots()).is_ok(), "event_ns is stored, never compared");
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let mut trade = a_trade();
        for slots in [0, 2, u16::MAX] {
            trade.head.slots = slots;
            assert_eq!(refused(&trade), Status::EventShape);
        }
        assert_eq!(check(&[]).map(|_| ()).unwrap_err().status, Status::EventShape);
        let mut book = Book::of(1, 1, &[(1.0, 1.0)], &[]);
        book.book.rows = 2;
        assert_eq!(refused(&book), Status::EventShape);
    }

    proptest! {
        #[test]
        fn no_bit_pattern_panics(words in proptest::collection::vec(any::<u64>(), 8 * 16), kind in 0u8..14, slots in 0u16..18) {
            let mut data: Vec<Slot> = words.chunks_exact(8).map(|chunk| Slot(chunk.try_into().unwrap())).collect();
            data[0].0[0] = data[0].0[0] & !0xFFFF_FFFF | u64::from(slots) | u64::from(kind) << 16;
            let _ = check(&data);
        }

        #[test]
        fn a_non_finite_price_never_passes(bits in any::<u64>(), field in 0usize..2) {
            let value = f64::from_bits(bits);
            let mut trade = a_trade();
            if field == 0 { trade.price = value } else { trade.size = value }
            prop_assert_eq!(check(trade.slots()).is_ok(), value.is_finite() && value > 0.0);
        }
    }
}

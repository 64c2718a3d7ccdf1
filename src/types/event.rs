//! Market events as fixed records in 64-byte slots.
//!
//! Prices and sizes are f64 in the stream's own units, amounts in wei are u64, amounts of 256 bits
//! are u64 limbs with the least first. Times are ns since the Unix epoch, UTC. A field that is not
//! known is 0 and its bit in `known` is off; reserved fields are 0.

use bytemuck::{Pod, Zeroable};

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 64;
/// Most levels that a book record carries on a side.
pub const BOOK_LEVELS: usize = 20;
/// Most changes that a delta record carries.
pub const DELTA_CHANGES: usize = 60;

/// Longest span that options may name, ns: 100 years.
pub const TIME_SPAN_MOST_NS: i64 = 100 * 366 * 86_400 * 1_000_000_000;

/// The whole event is the state, not a change to it.
pub const FLAG_SNAPSHOT: u8 = 1;
/// The source's message goes on in the next record.
pub const FLAG_MORE: u8 = 2;
/// Derived from something else, such as a book sampled on a grid.
pub const FLAG_DERIVED: u8 = 4;
/// Withdrawn or replaced by a chain reorganisation.
pub const FLAG_REORG: u8 = 8;

/// 64 bytes, the unit in which events are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Slot(pub [u64; 8]);

/// What an event is. The numbers are those of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// The lane's own life: advance, gap, reset, predict.
    Mark = 0,
    /// One trade.
    Trade = 1,
    /// Best bid and ask.
    Quote = 2,
    /// A book of up to 20 levels.
    Book = 3,
    /// Changes to a book, for a book builder.
    Delta = 4,
    /// One candle.
    Bar = 5,
    /// State of a pool.
    Pool = 6,
    /// A block of a chain.
    Block = 7,
    /// A gas price.
    Gas = 8,
    /// A summary of waiting transactions.
    Pending = 9,
    /// A forced order.
    Liquidation = 10,
    /// An outside number: sentiment, trends, macro.
    Scalar = 11,
}

impl Kind {
    /// Every kind, by number.
    pub const ALL: [Kind; 12] = [
        Kind::Mark,
        Kind::Trade,
        Kind::Quote,
        Kind::Book,
        Kind::Delta,
        Kind::Bar,
        Kind::Pool,
        Kind::Block,
        Kind::Gas,
        Kind::Pending,
        Kind::Liquidation,
        Kind::Scalar,
    ];

    /// The kind of a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.get(usize::from(number)).copied()
    }

    /// The name used in manifests and messages: `"trade"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Mark => "mark",
            Kind::Trade => "trade",
            Kind::Quote => "quote",
            Kind::Book => "book",
            Kind::Delta => "delta",
            Kind::Bar => "bar",
            Kind::Pool => "pool",
            Kind::Block => "block",
            Kind::Gas => "gas",
            Kind::Pending => "pending",
            Kind::Liquidation => "liquidation",
            Kind::Scalar => "scalar",
        }
    }
}

/// The 32 bytes that every event begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct EventHead {
    /// Length in 64-byte slots, this head included.
    pub slots: u16,
    /// Number of the kind.
    pub kind: u8,
    /// SNAPSHOT 1, MORE 2, DERIVED 4, REORG 8.
    pub flags: u8,
    /// Stream id from 1; 0 in marks means the whole lane.
    pub stream: u32,
    /// When the host knew it, ns; orders everything.
    pub known_ns: i64,
    /// The source's time, ns; 0 unknown; stored, never compared.
    pub event_ns: i64,
    /// The source's id (trade id, update id, block number); 0 none.
    pub seq: u64,
}

/// The lane's own life in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Mark {
    /// Head, kind 0, 1 slot.
    pub head: EventHead,
    /// 1 ADVANCE, 2 GAP, 3 RESET, 4 PREDICT.
    pub code: u32,
    /// Track number; all bits set is every track.
    pub track: u32,
    /// ADVANCE and PREDICT: ns; GAP: events lost.
    pub argument: i64,
    /// 0.
    pub reserved: [u64; 2],
}

/// Nothing with `known_ns` up to the argument will follow.
pub const MARK_ADVANCE: u32 = 1;
/// Events were lost before they reached the engine.
pub const MARK_GAP: u32 = 2;
/// All state of the track starts anew; for all tracks, what the lane remembers of times and ids too.
pub const MARK_RESET: u32 = 3;
/// A prediction was asked for.
pub const MARK_PREDICT: u32 = 4;

/// One trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Trade {
    /// Head, kind 1, 1 slot.
    pub head: EventHead,
    /// Price, above 0.
    pub price: f64,
    /// Size, above 0.
    pub size: f64,
    /// Side of the taker: 0 unknown, 1 buy, 2 sell.
    pub side: u8,
    /// 0.
    pub reserved: [u8; 7],
    /// The host's own order, 0 none.
    pub order_ref: u64,
}

/// Taker side not known.
pub const SIDE_UNKNOWN: u8 = 0;
/// The taker bought.
pub const SIDE_BUY: u8 = 1;
/// The taker sold.
pub const SIDE_SELL: u8 = 2;

/// Best bid and ask; a side that is absent has price 0 and size 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Quote {
    /// Head, kind 2, 1 slot.
    pub head: EventHead,
    /// Best bid price.
    pub bid_px: f64,
    /// Size at the best bid.
    pub bid_qty: f64,
    /// Best ask price.
    pub ask_px: f64,
    /// Size at the best ask.
    pub ask_qty: f64,
}

/// One row of a book, both sides; an absent side is 0 and 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Level {
    /// Bid price.
    pub bid_px: f64,
    /// Bid size.
    pub bid_qty: f64,
    /// Ask price.
    pub ask_px: f64,
    /// Ask size.
    pub ask_qty: f64,
}

/// What a book record carries before its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct BookHead {
    /// Head, kind 3, 2 to 11 slots.
    pub head: EventHead,
    /// Bid levels present, up to 20.
    pub bids: u16,
    /// Ask levels present, up to 20.
    pub asks: u16,
    /// The larger of both.
    pub rows: u16,
    /// 0.
    pub reserved: u16,
    /// Update id before this one, 0 unknown.
    pub prev_seq: u64,
}

/// A book in its longest form; `head.slots` says how much of it counts.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Book {
    /// Head and counts.
    pub book: BookHead,
    /// Levels, best first.
    pub rows: [Level; BOOK_LEVELS],
    /// 0.
    pub tail: [u64; 2],
}

/// One change of a book level: the absolute size, 0 removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Change {
    /// Price.
    pub px: f64,
    /// New size.
    pub qty: f64,
}

/// One venue message of a book builder, in its longest form.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Delta {
    /// Head, kind 4, 1 to 16 slots.
    pub head: EventHead,
    /// First update id of the message.
    pub first_seq: u64,
    /// Last update id of the message before, 0 none.
    pub prev_seq: u64,
    /// Bid changes.
    pub bids: u16,
    /// Ask changes.
    pub asks: u16,
    /// 0.
    pub reserved: u32,
    /// Bids first, then asks.
    pub changes: [Change; DELTA_CHANGES],
    /// 0.
    pub tail: u64,
}

/// One candle. `known_ns` is not before `open_ns + interval_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Bar {
    /// Head, kind 5, 2 slots.
    pub head: EventHead,
    /// Open time, ns.
    pub open_ns: i64,
    /// Length, ns.
    pub interval_ns: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume in the stream's size unit.
    pub volume: f64,
    /// Volume in the quote unit.
    pub quote_volume: f64,
    /// Volume that takers bought.
    pub taker_buy: f64,
    /// Volume that takers sold.
    pub taker_sell: f64,
    /// Number of trades.
    pub trades: u64,
    /// 1 quote_volume, 2 taker, 4 trades.
    pub known: u32,
    /// 0.
    pub reserved: u32,
}

/// `quote_volume` of a bar is known.
pub const BAR_QUOTE_VOLUME: u32 = 1;
/// `taker_buy` and `taker_sell` of a bar are known.
pub const BAR_TAKER: u32 = 2;
/// `trades` of a bar is known.
pub const BAR_TRADES: u32 = 4;

/// State of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Pool {
    /// Head, kind 6, 2 slots.
    pub head: EventHead,
    /// 1 constant product, 2 concentrated, 3 stable.
    pub model: u8,
    /// Decimals of token 0.
    pub decimals0: u8,
    /// Decimals of token 1.
    pub decimals1: u8,
    /// 0.
    pub reserved: u8,
    /// Fee in millionths.
    pub fee: u32,
    /// Current tick.
    pub tick: i32,
    /// Tick spacing.
    pub tick_spacing: i32,
    /// Square root of the price, 96 fractional bits, least limb first.
    pub sqrt_price_x96: [u64; 4],
    /// In-range liquidity, raw.
    pub liquidity: [u64; 2],
    /// Reserve of token 0, raw units.
    pub reserve0: [u64; 2],
    /// Reserve of token 1, raw units.
    pub reserve1: [u64; 2],
}

/// A block; `seq` is its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Block {
    /// Head, kind 7, 1 slot.
    pub head: EventHead,
    /// Base fee, wei.
    pub base_fee_wei: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Transactions.
    pub transactions: u32,
    /// 1 base fee, 2 gas used, 4 limit, 8 transactions.
    pub known: u32,
}

/// A gas price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Gas {
    /// Head, kind 8, 1 slot.
    pub head: EventHead,
    /// Whole price, wei.
    pub price_wei: u64,
    /// Base fee, wei.
    pub base_fee_wei: u64,
    /// Tip, wei.
    pub tip_wei: u64,
    /// Percentile in 1/10,000, 0 not stated.
    pub percentile: u16,
    /// 0.
    pub reserved: u16,
    /// 1 price, 2 base fee, 4 tip.
    pub known: u32,
}

/// A summary of the pool of waiting transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Pending {
    /// Head, kind 9, 1 slot.
    pub head: EventHead,
    /// Gas of all of them.
    pub gas_total: u64,
    /// Median tip, wei.
    pub tip_p50_wei: u64,
    /// 90th percentile of tips, wei.
    pub tip_p90_wei: u64,
    /// How many.
    pub transactions: u32,
    /// 1 gas, 2 median tip, 4 90th percentile, 8 count.
    pub known: u32,
}

/// A forced order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Liquidation {
    /// Head, kind 10, 1 slot.
    pub head: EventHead,
    /// Price, above 0.
    pub price: f64,
    /// Size, above 0.
    pub size: f64,
    /// Value in the quote unit, 0 unknown.
    pub value: f64,
    /// Side of the forced order: 1 buy, 2 sell.
    pub side: u8,
    /// 0.
    pub reserved: [u8; 7],
}

/// An outside number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Scalar {
    /// Head, kind 11, 1 slot.
    pub head: EventHead,
    /// The number.
    pub value: f64,
    /// Weight in 0..1, 1 when not stated.
    pub weight: f64,
    /// How long it holds, ns; 0 no end.
    pub valid_for_ns: i64,
    /// Number of the source.
    pub source: u32,
    /// Number of the unit.
    pub unit: u32,
}

/// Gives a record with the head's kind and slots set, the rest 0.
macro_rules! record {
    ($($type:ident $kind:ident $slots:literal;)*) => {$(
        impl $type {
            /// A record with kind and slots set and everything else 0.
            #[must_use]
            pub fn of(stream: u32, known_ns: i64) -> $type {
                $type { head: EventHead { slots: $slots, kind: Kind::$kind as u8, stream, known_ns, ..EventHead::default() }, ..$type::default() }
            }
        }
        const _: () = assert!(size_of::<$type>() == $slots * SLOT_BYTES);
    )*};
}

record! {
    Mark Mark 1;
    Trade Trade 1;
    Quote Quote 1;
    Bar Bar 2;
    Pool Pool 2;
    Block Block 1;
    Gas Gas 1;
    Pending Pending 1;
    Liquidation Liquidation 1;
    Scalar Scalar 1;
}

const _: () = assert!(size_of::<Book>() == 704 && size_of::<BookHead>() == 48);
const _: () = assert!(size_of::<Delta>() == 1024);

/// Slots of a book with so many rows.
#[must_use]
pub const fn book_slots(rows: usize) -> usize {
    (48 + 32 * rows).div_ceil(SLOT_BYTES)
}

/// Slots of a delta with so many changes.
#[must_use]
pub const fn delta_slots(changes: usize) -> usize {
    (56 + 16 * changes).div_ceil(SLOT_BYTES)
}

impl Book {
    /// A book with its counts set from the rows; at most [`BOOK_LEVELS`] a side are taken.
    #[must_use]
    pub fn of(stream: u32, known_ns: i64, bids: &[(f64, f64)], asks: &[(f64, f64)]) -> Book {
        let (bids, asks) = (&bids[..bids.len().min(BOOK_LEVELS)], &asks[..asks.len().min(BOOK_LEVELS)]);
        let count = bids.len().max(asks.len());
        let mut rows = [Level::default(); BOOK_LEVELS];
        for (row, &(px, qty)) in rows.iter_mut().zip(bids) {
            (row.bid_px, row.bid_qty) = (px, qty);
        }
        for (row, &(px, qty)) in rows.iter_mut().zip(asks) {
            (row.ask_px, row.ask_qty) = (px, qty);
        }
        let head = EventHead { slots: book_slots(count.max(1)) as u16, kind: Kind::Book as u8, stream, known_ns, ..EventHead::default() };
        let book = BookHead { head, bids: bids.len() as u16, asks: asks.len() as u16, rows: count as u16, reserved: 0, prev_seq: 0 };
        Book { book, rows, tail: [0; 2] }
    }
}

/// One event, borrowed from the slots that carry it. Books and deltas are as long as they say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventRef<'a> {
    /// A mark.
    Mark(&'a Mark),
    /// A trade.
    Trade(&'a Trade),
    /// A quote.
    Quote(&'a Quote),
    /// A book: head and the rows present.
    Book(&'a BookHead, &'a [Level]),
    /// A delta, which only a book builder reads; the slots are whole.
    Delta(&'a [Slot]),
    /// A bar.
    Bar(&'a Bar),
    /// A pool's state.
    Pool(&'a Pool),
    /// A block.
    Block(&'a Block),
    /// A gas price.
    Gas(&'a Gas),
    /// Waiting transactions.
    Pending(&'a Pending),
    /// A liquidation.
    Liquidation(&'a Liquidation),
    /// An outside number.
    Scalar(&'a Scalar),
}

/// A record that can be seen as the slots that carry it.
pub trait Record {
    /// The slots that count: `head.slots` of them, at most the record's size.
    fn slots(&self) -> &[Slot];
}

macro_rules! record_slots {
    ($($type:ident)*) => {$(
        impl Record for $type {
            fn slots(&self) -> &[Slot] {
                bytemuck::cast_slice(std::slice::from_ref(self))
            }
        }
    )*};
}

record_slots! { Mark Trade Quote Bar Pool Block Gas Pending Liquidation Scalar }

impl Record for Book {
    fn slots(&self) -> &[Slot] {
        let slots: &[Slot] = bytemuck::cast_slice(std::slice::from_ref(self));
        &slots[..usize::from(self.book.head.slots).min(slots.len())]
    }
}

impl Record for Delta {
    fn slots(&self) -> &[Slot] {
        let slots: &[Slot] = bytemuck::cast_slice(std::slice::from_ref(self));
        &slots[..usize::from(self.head.slots).min(slots.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn offsets_are_those_of_the_records() {
        assert_eq!((offset_of!(EventHead, stream), offset_of!(EventHead, known_ns), offset_of!(EventHead, seq)), (4, 8, 24));
        assert_eq!((offset_of!(Trade, price), offset_of!(Trade, side), offset_of!(Trade, order_ref)), (32, 48, 56));
        assert_eq!((offset_of!(Quote, bid_px), offset_of!(Quote, ask_qty)), (32, 56));
        assert_eq!((offset_of!(BookHead, bids), offset_of!(BookHead, rows), offset_of!(BookHead, prev_seq), offset_of!(Book, rows)), (32, 36, 40, 48));
        assert_eq!((offset_of!(Delta, first_seq), offset_of!(Delta, bids), offset_of!(Delta, changes)), (32, 48, 56));
        assert_eq!((offset_of!(Bar, open_ns), offset_of!(Bar, close), offset_of!(Bar, taker_sell), offset_of!(Bar, known)), (32, 72, 104, 120));
        assert_eq!((offset_of!(Pool, fee), offset_of!(Pool, sqrt_price_x96), offset_of!(Pool, liquidity), offset_of!(Pool, reserve1)), (36, 48, 80, 112));
        assert_eq!((offset_of!(Block, transactions), offset_of!(Gas, percentile), offset_of!(Gas, known)), (56, 56, 60));
        assert_eq!((offset_of!(Pending, transactions), offset_of!(Liquidation, side), offset_of!(Scalar, valid_for_ns)), (56, 56, 48));
        assert_eq!((offset_of!(Mark, code), offset_of!(Mark, argument), offset_of!(Scalar, unit)), (32, 40, 60));
    }

    #[test]
    fn lengths_are_those_of_the_records() {
        assert_eq!([1, 5, 10, 20].map(book_slots), [2, 4, 6, 11]);
        assert_eq!([0, 1, 60].map(delta_slots), [1, 2, 16]);
    }
}

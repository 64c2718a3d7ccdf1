//! Events for a lane: good ones, good ones with a word changed, and words alone.

use arbitrary::{Result, Unstructured};
use foretick::types::Kind;
use foretick::types::event::{
    Bar, Block, Book, Change, Delta, EventHead, Gas, Liquidation, Mark, Pending, Pool, Quote, Record, Scalar, Slot, Trade, delta_slots,
};

/// 2024-01-01T00:00:00Z, a whole minute.
pub const START_NS: i64 = 1_704_067_200_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;
const EVENTS_MOST: usize = 24;

/// The time of a driver's events, which mostly goes on.
pub struct Time {
    now_ns: i64,
    minute: i64,
}

impl Default for Time {
    fn default() -> Time {
        Time { now_ns: START_NS, minute: 0 }
    }
}

impl Time {
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// A little later, most of the time; now and then anything.
    pub fn next_ns(&mut self, source: &mut Unstructured<'_>) -> Result<i64> {
        match source.int_in_range(0..=40u8)? {
            0 => source.arbitrary(),
            1 => Ok(self.now_ns - i64::from(source.arbitrary::<u16>()?)),
            2 => Ok(self.now_ns),
            _ => {
                self.now_ns += 1_000 * i64::from(source.arbitrary::<u32>()? % 1_000_000);
                Ok(self.now_ns)
            }
        }
    }

    /// The minute after the last one, or a few on.
    fn next_bar(&mut self, source: &mut Unstructured<'_>) -> Result<i64> {
        self.minute += if source.ratio(1, 20u8)? { i64::from(source.arbitrary::<u8>()?) } else { 1 };
        let open_ns = START_NS + self.minute * MINUTE_NS;
        self.now_ns = self.now_ns.max(open_ns + MINUTE_NS);
        Ok(open_ns)
    }
}

/// A price, mostly of a market.
fn price(source: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match source.int_in_range(0..=30u8)? {
        0 => source.arbitrary()?,
        1 => 0.0,
        2 => f64::MIN_POSITIVE / 2.0,
        3 => f64::MAX,
        _ => 100.0 + f64::from(source.arbitrary::<i8>()?) / 16.0,
    })
}

fn size(source: &mut Unstructured<'_>) -> Result<f64> {
    Ok(if source.ratio(1, 30u8)? { source.arbitrary()? } else { f64::from(source.arbitrary::<u8>()?) / 64.0 + 0.001 })
}

fn levels(source: &mut Unstructured<'_>, top: f64, step: f64) -> Result<Vec<(f64, f64)>> {
    let count = source.int_in_range(0..=20usize)?;
    (0..count).map(|at| Ok((top + step * at as f64, size(source)?))).collect()
}

fn bar(source: &mut Unstructured<'_>, time: &mut Time, stream: u32) -> Result<Bar> {
    let open_ns = time.next_bar(source)?;
    let (open, close) = (price(source)?, price(source)?);
    let known_ns = open_ns.saturating_add(MINUTE_NS);
    Ok(Bar { open_ns, interval_ns: MINUTE_NS, open, high: open.max(close), low: open.min(close), close, volume: size(source)?, ..Bar::of(stream, known_ns) })
}

fn delta(source: &mut Unstructured<'_>, stream: u32, known_ns: i64) -> Result<Delta> {
    let (bids, asks) = (levels(source, 100.0, -0.25)?, levels(source, 100.5, 0.25)?);
    let head = EventHead { slots: delta_slots(bids.len() + asks.len()) as u16, kind: Kind::Delta as u8, stream, known_ns, ..EventHead::default() };
    let mut delta: Delta = bytemuck::Zeroable::zeroed();
    (delta.head, delta.bids, delta.asks) = (head, bids.len() as u16, asks.len() as u16);
    for (change, (px, qty)) in delta.changes.iter_mut().zip(bids.into_iter().chain(asks)) {
        *change = Change { px, qty };
    }
    Ok(delta)
}

fn append(slots: &mut Vec<Slot>, record: &impl Record, seq: u64) {
    let at = slots.len();
    slots.extend_from_slice(record.slots());
    // The id of the event, the last word of the head.
    slots[at].0[3] = seq;
}

/// One event of any kind at the end of the slots.
fn event(source: &mut Unstructured<'_>, time: &mut Time, stream: u32, slots: &mut Vec<Slot>) -> Result<()> {
    let seq = if source.ratio(1, 8u8)? { source.arbitrary::<u8>()?.into() } else { 0 };
    let kind = source.int_in_range(0..=18u8)?;
    if kind >= 15 {
        append(slots, &bar(source, time, stream)?, seq);
        return Ok(());
    }
    let known_ns = time.next_ns(source)?;
    match kind {
        0 => append(slots, &Mark { code: source.arbitrary::<u32>()? % 6, argument: time.next_ns(source)?, ..Mark::of(stream, known_ns) }, seq),
        1 => append(slots, &Mark { track: source.arbitrary::<u32>()? % 4, code: 3, ..Mark::of(stream, known_ns) }, seq),
        2 => {
            let bid_px = price(source)?;
            append(slots, &Quote { bid_px, bid_qty: size(source)?, ask_px: bid_px + 0.5, ask_qty: size(source)?, ..Quote::of(stream, known_ns) }, seq);
        }
        3 | 4 => {
            let top = price(source)?;
            append(slots, &Book::of(stream, known_ns, &levels(source, top, -0.25)?, &levels(source, top + 0.25, 0.25)?), seq);
        }
        5 => append(slots, &delta(source, stream, known_ns)?, seq),
        6 => append(slots, &Pool { model: source.arbitrary::<u8>()? % 5, fee: source.arbitrary()?, ..Pool::of(stream, known_ns) }, seq),
        7 => append(slots, &Block::of(stream, known_ns), seq),
        8 => append(slots, &Gas::of(stream, known_ns), seq),
        9 => append(slots, &Pending::of(stream, known_ns), seq),
        10 => append(slots, &Liquidation { price: price(source)?, size: size(source)?, side: 1, ..Liquidation::of(stream, known_ns) }, seq),
        11 => append(slots, &Scalar { value: price(source)?, weight: 0.5, ..Scalar::of(stream, known_ns) }, seq),
        _ => append(slots, &Trade { price: price(source)?, size: size(source)?, side: source.arbitrary::<u8>()? % 3, ..Trade::of(stream, known_ns) }, seq),
    }
    Ok(())
}

/// An array of events.
pub fn some(source: &mut Unstructured<'_>, time: &mut Time, streams: &[u32]) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    for _ in 0..source.int_in_range(0..=EVENTS_MOST)? {
        let stream = if source.ratio(1, 30u8)? { source.arbitrary()? } else { source.choose(streams).copied().unwrap_or(1) };
        match source.int_in_range(0..=30u8)? {
            0 => slots.push(Slot(source.arbitrary()?)),
            1 | 2 => {
                let at = slots.len();
                event(source, time, stream, &mut slots)?;
                let words: &mut [u64] = bytemuck::cast_slice_mut(&mut slots[at..]);
                let word = source.choose_index(words.len())?;
                words[word] = if source.arbitrary()? { source.arbitrary()? } else { words[word] ^ 1 << source.int_in_range(0..=63u8)? };
            }
            _ => event(source, time, stream, &mut slots)?,
        }
    }
    Ok(slots)
}

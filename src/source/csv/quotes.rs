//! Best bid and ask: every change, or candles of them.

use super::cells::{Cells, Checked};
use crate::source::Event;
use crate::types::event::{FLAG_DERIVED, Quote};

pub(super) const BBO_HEADER: &str = "local_ns,event_ms,tx_ms,update_id,bid_px,bid_qty,ask_px,ask_qty";
pub(super) const BARS_HEADER: &str = "open_time_ms,bid_open,bid_high,bid_low,bid_close,bid_size,ask_open,ask_high,ask_low,ask_close,ask_size";

/// One change of best bid and ask.
pub(super) fn change(cells: Cells<'_>, known_ns: i64) -> Checked<Event> {
    let mut quote = Quote::of(0, known_ns);
    quote.head.event_ns = cells.ms_if_there(1)?;
    quote.head.seq = cells.id(3)?;
    put_sides(&mut quote, cells, [4, 5, 6, 7])?;
    Ok(Event::Quote(quote))
}

/// The last quote of a candle, known at the candle's end. The sizes of these files are those of the
/// last quote, so close and size belong together; what came before within the candle is left out.
pub(super) fn candle(cells: Cells<'_>, known_ns: i64) -> Checked<Event> {
    let mut quote = Quote::of(0, known_ns);
    quote.head.flags = FLAG_DERIVED;
    put_sides(&mut quote, cells, [4, 5, 9, 10])?;
    Ok(Event::Quote(quote))
}

fn put_sides(quote: &mut Quote, cells: Cells<'_>, columns: [usize; 4]) -> Checked<()> {
    let [bid_px, bid_qty, ask_px, ask_qty] = columns;
    (quote.bid_px, quote.bid_qty) = cells.level(bid_px, bid_qty)?.unwrap_or_default();
    (quote.ask_px, quote.ask_qty) = cells.level(ask_px, ask_qty)?.unwrap_or_default();
    Ok(())
}

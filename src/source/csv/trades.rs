//! Trades: with the venue's time alone, or with the recorder's clock.

use super::cells::{Cells, Checked};
use crate::source::Event;
use crate::types::event::{SIDE_BUY, SIDE_SELL, SIDE_UNKNOWN, Trade};

pub(super) const HEADER: &str = "time_ms,trade_id,side,price,qty";
pub(super) const L2_HEADER: &str = "local_ns,event_ms,trade_ms,trade_id,side,price,qty";

/// A trade of a file without a clock of its own: known when it happened.
pub(super) fn venue(cells: Cells<'_>, known_ns: i64) -> Checked<Event> {
    trade(cells, known_ns, known_ns, 1)
}

/// A recorded trade: its time is the trade's, else the message's.
pub(super) fn recorded(cells: Cells<'_>, known_ns: i64) -> Checked<Event> {
    let message_ns = cells.ms_if_there(1)?;
    let trade_ns = cells.ms_if_there(2)?;
    trade(cells, known_ns, if trade_ns == 0 { message_ns } else { trade_ns }, 3)
}

/// `first` is the column of the id; side, price and size follow it.
fn trade(cells: Cells<'_>, known_ns: i64, event_ns: i64, first: usize) -> Checked<Event> {
    let mut trade = Trade::of(0, known_ns);
    trade.head.event_ns = event_ns;
    trade.head.seq = cells.id(first)?;
    trade.side = side(cells, first + 1)?;
    trade.price = cells.above_zero(first + 2)?;
    trade.size = cells.above_zero(first + 3)?;
    Ok(Event::Trade(trade))
}

fn side(cells: Cells<'_>, column: usize) -> Checked<u8> {
    match cells.text(column) {
        b"buy" => Ok(SIDE_BUY),
        b"sell" => Ok(SIDE_SELL),
        b"" => Ok(SIDE_UNKNOWN),
        _ => Err(cells.fault(column, "is neither buy nor sell nor empty")),
    }
}

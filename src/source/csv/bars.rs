//! Candles: six columns, or ten with the takers' part.

use super::cells::{Cells, Checked};
use crate::source::Event;
use crate::types::event::{BAR_QUOTE_VOLUME, BAR_TAKER, BAR_TRADES, Bar};

pub(super) const HEADER: &str = "open_time_ms,open,high,low,close,volume";
pub(super) const FLOW_HEADER: &str = "open_time_ms,open,high,low,close,volume,quote_volume,num_trades,taker_buy_base,taker_buy_quote";

/// Takers' volume may exceed the whole by this part of it, for sources that add floats.
const ROUNDING: f64 = 1e-9;

/// A candle of six columns, known at its close.
pub(super) fn candle(cells: Cells<'_>, known_ns: i64, interval_ns: i64) -> Checked<Event> {
    Ok(Event::Bar(plain(cells, known_ns, interval_ns)?))
}

/// A candle of ten columns. `taker_buy_quote` has no place in the record and is not read.
pub(super) fn flow_candle(cells: Cells<'_>, known_ns: i64, interval_ns: i64) -> Checked<Event> {
    let mut bar = plain(cells, known_ns, interval_ns)?;
    bar.quote_volume = cells.not_negative(6)?;
    bar.trades = cells.count(7)?;
    bar.taker_buy = cells.not_negative(8)?;
    bar.taker_sell = taker_sell(bar.volume, bar.taker_buy).ok_or_else(|| cells.fault(8, "is above the volume"))?;
    bar.known = BAR_QUOTE_VOLUME | BAR_TAKER | BAR_TRADES;
    Ok(Event::Bar(bar))
}

/// What is left for sellers; a rounding's worth below 0 is 0, more is a contradiction.
fn taker_sell(volume: f64, taker_buy: f64) -> Option<f64> {
    let rest = volume - taker_buy;
    (rest >= -ROUNDING * volume).then_some(rest.max(0.0))
}

fn plain(cells: Cells<'_>, known_ns: i64, interval_ns: i64) -> Checked<Bar> {
    let mut bar = Bar::of(0, known_ns);
    (bar.open_ns, bar.interval_ns) = (known_ns - interval_ns, interval_ns);
    bar.open = cells.above_zero(1)?;
    bar.high = cells.above_zero(2)?;
    bar.low = cells.above_zero(3)?;
    bar.close = cells.above_zero(4)?;
    bar.volume = cells.not_negative(5)?;
    check_span(cells, &bar)?;
    Ok(bar)
}

fn check_span(cells: Cells<'_>, bar: &Bar) -> Checked<()> {
    if bar.high < bar.open.max(bar.close).max(bar.low) {
        return Err(cells.fault(2, "is below open, close or low"));
    }
    if bar.low > bar.open.min(bar.close) {
        return Err(cells.fault(3, "is above open or close"));
    }
    Ok(())
}

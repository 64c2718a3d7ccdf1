//! Which schema a header line is.

use super::cells::{Cells, Checked};
use super::{bars, books, quotes, trades};
use crate::source::Event;
use crate::types::Kind;

/// A schema with a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Layout {
    Candles,
    FlowCandles,
    QuoteBars,
    Trades,
    RecordedTrades,
    Bbo,
    /// Sampled books of so many levels.
    Books(usize),
}

/// A header line that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Header {
    Read(Layout),
    /// A schema that nothing reads yet, by its name.
    NoReader(&'static str),
}

const LAYOUTS: &[(&str, Layout)] = &[
    (bars::HEADER, Layout::Candles),
    (bars::FLOW_HEADER, Layout::FlowCandles),
    (quotes::BARS_HEADER, Layout::QuoteBars),
    (trades::HEADER, Layout::Trades),
    (trades::L2_HEADER, Layout::RecordedTrades),
    (quotes::BBO_HEADER, Layout::Bbo),
];

/// Name and beginning of the schemas without a reader; the beginning alone tells them.
const NO_READER: &[(&str, &str)] = &[
    ("depth", "local_ns,event_ms,tx_ms,first_id,last_id,prev_id,kind,price,qty"),
    ("mark price", "local_ns,event_ms,mark_px,index_px,settle_px,funding_rate,next_funding_ms"),
    ("pool states", "time_ms,net_amount0,net_amount1,open_tick,high_tick,low_tick,close_tick,in_amount0,in_amount1,liquidity,"),
    ("gas prices", "time_ms,gas_price_gwei"),
    ("blocks", "block_number,timestamp_s,sibling_count,"),
    ("transaction gas", "block_number,base_fee_per_gas_wei,tx_index,tx_hash,"),
    ("labelled transaction gas", "gas_used,gas_price_wei,is_bot"),
    ("arbitrage transactions", "block_number,block_time_s,tx_hash,tx_index,from_addr,to_addr,mev_bot_label,"),
    ("text", "id,ticker,label,text"),
];

impl Header {
    /// The schema of a header line, `None` for an unknown one.
    pub(in crate::source) fn of(line: &str) -> Option<Header> {
        let plain = LAYOUTS.iter().find(|(header, _)| *header == line).map(|(_, layout)| *layout);
        let layout = plain.or_else(|| books::levels_of(line).map(Layout::Books));
        layout.map(Header::Read).or_else(|| without_reader(line).map(Header::NoReader))
    }

    /// The known schemas, for a person who met an unknown one.
    pub(in crate::source) fn known() -> String {
        let mut lines: Vec<String> = LAYOUTS.iter().map(|(header, layout)| format!("{}: {header}", layout.name())).collect();
        lines.push(format!("{}: {}", Layout::Books(0).name(), books::usual_header()));
        lines.extend(NO_READER.iter().map(|(name, start)| format!("{name} (no reader yet): {start}")));
        lines.join("\n    ")
    }
}

fn without_reader(line: &str) -> Option<&'static str> {
    let fits = |start: &str| if start.ends_with(',') { line.starts_with(start) } else { line == start };
    NO_READER.iter().find(|(_, start)| fits(start)).map(|(name, _)| *name)
}

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Layout::Candles => "candles",
            Layout::FlowCandles => "candles with takers",
            Layout::QuoteBars => "quote candles",
            Layout::Trades => "trades",
            Layout::RecordedTrades => "recorded trades",
            Layout::Bbo => "best bid and ask",
            Layout::Books(_) => "sampled books",
        }
    }

    /// What its rows become.
    pub(in crate::source) fn kind(self) -> Kind {
        match self {
            Layout::Candles | Layout::FlowCandles => Kind::Bar,
            Layout::QuoteBars | Layout::Bbo => Kind::Quote,
            Layout::Trades | Layout::RecordedTrades => Kind::Trade,
            Layout::Books(_) => Kind::Book,
        }
    }

    /// Whether its rows say how much takers bought and sold.
    pub(in crate::source) fn taker_known(self) -> bool {
        matches!(self, Layout::FlowCandles | Layout::Trades | Layout::RecordedTrades)
    }

    /// Whether a row covers an interval and is known at its end only.
    pub(in crate::source) fn has_interval(self) -> bool {
        matches!(self, Layout::Candles | Layout::FlowCandles | Layout::QuoteBars)
    }

    /// The time in the first column, ns: the opening of a candle, else when the row was known.
    pub(super) fn time_ns(self, cells: Cells<'_>) -> Checked<i64> {
        match self {
            Layout::Candles | Layout::FlowCandles | Layout::QuoteBars | Layout::Trades => cells.ms(0),
            Layout::RecordedTrades | Layout::Bbo | Layout::Books(_) => cells.ns(0),
        }
    }

    /// The row as an event.
    pub(super) fn event(self, cells: Cells<'_>, known_ns: i64, interval_ns: i64) -> Checked<Event> {
        match self {
            Layout::Candles => bars::candle(cells, known_ns, interval_ns),
            Layout::FlowCandles => bars::flow_candle(cells, known_ns, interval_ns),
            Layout::QuoteBars => quotes::candle(cells, known_ns),
            Layout::Trades => trades::venue(cells, known_ns),
            Layout::RecordedTrades => trades::recorded(cells, known_ns),
            Layout::Bbo => quotes::change(cells, known_ns),
            Layout::Books(levels) => books::sample(cells, known_ns, levels),
        }
    }
}

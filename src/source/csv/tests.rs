//! Each schema, each kind of bad row, and what may be wrong with a file.

use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::error::{Result, Status};
use crate::source::Event;
use crate::types::event::{BAR_QUOTE_VOLUME, BAR_TAKER, BAR_TRADES, Bar, FLAG_DERIVED, Level, Quote, SIDE_BUY, SIDE_SELL, SIDE_UNKNOWN, Trade};

const MINUTE: i64 = 60_000_000_000;
const CANDLES: &str = "open_time_ms,open,high,low,close,volume\n";
const FLOW: &str = "open_time_ms,open,high,low,close,volume,quote_volume,num_trades,taker_buy_base,taker_buy_quote\n";
const QUOTE_BARS: &str = "open_time_ms,bid_open,bid_high,bid_low,bid_close,bid_size,ask_open,ask_high,ask_low,ask_close,ask_size\n";
const TRADES: &str = "time_ms,trade_id,side,price,qty\n";
const L2_TRADES: &str = "local_ns,event_ms,trade_ms,trade_id,side,price,qty\n";
const BBO: &str = "local_ns,event_ms,tx_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n";
const BOOK2: &str = "grid_ns,last_tx_ms,last_id,bid_px1,bid_qty1,bid_px2,bid_qty2,ask_px1,ask_qty1,ask_px2,ask_qty2\n";

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv.gz");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn reader(bytes: &[u8]) -> (TempDir, Result<Reader>) {
    let (folder, path) = file(bytes);
    let opened = Opened::open(&path).map(|opened| match opened.header() {
        Header::Read(layout) => opened.rows(layout, Some(MINUTE)),
        Header::NoReader(name) => panic!("no reader for {name}"),
    });
    (folder, opened)
}

fn rows_of(bytes: &[u8]) -> Result<Vec<Row>> {
    let (_folder, reader) = reader(bytes);
    let mut reader = reader?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push(row);
    }
    Ok(rows)
}

fn rows(text: &str) -> Vec<Row> {
    rows_of(text.as_bytes()).unwrap()
}

fn events(text: &str) -> Vec<Event> {
    let event = |row| match row {
        Row::Event(event) => event,
        refused => panic!("{refused:?}"),
    };
    rows(text).into_iter().map(event).collect()
}

/// Line, known time and reason of the only row that is refused.
fn refusal(text: &str) -> (u64, Option<i64>, String) {
    let mut refused = rows(text).into_iter().filter_map(|row| match row {
        Row::Refused { known_ns, line, reason } => Some((line, known_ns, reason)),
        Row::Event(_) => None,
    });
    let first = refused.next().unwrap_or_else(|| panic!("nothing refused in {text:?}"));
    assert_eq!(refused.next(), None, "{text:?}");
    first
}

fn error(bytes: &[u8]) -> (Status, String) {
    let error = rows_of(bytes).unwrap_err();
    (error.status(), error.text().to_owned())
}

#[test]
fn a_candle_is_known_at_its_close() {
    let mut bar = Bar::of(0, 120_000_000_000);
    (bar.open_ns, bar.interval_ns) = (MINUTE, MINUTE);
    (bar.open, bar.high, bar.low, bar.close, bar.volume) = (2.0, 3.0, 1.0, 2.5, 0.0);
    assert_eq!(events(&format!("{CANDLES}60000,2,3,1,2.5,0\n")), [Event::Bar(bar)]);
}

#[test]
fn a_candle_with_takers_says_so() {
    let read = events(&format!("{FLOW}60000,2,3,1,2.5,10,25,7,4,9\n120000,2,3,1,2.5,0.3,25,7,0.30000000000000004,9\n"));
    let [Event::Bar(first), Event::Bar(rounded)] = &read[..] else { panic!("{read:?}") };
    assert_eq!((first.quote_volume, first.trades, first.taker_buy, first.taker_sell), (25.0, 7, 4.0, 6.0));
    assert_eq!(first.known, BAR_QUOTE_VOLUME | BAR_TAKER | BAR_TRADES);
    assert_eq!(rounded.taker_sell, 0.0, "a rounding is no contradiction");
    assert_eq!(refusal(&format!("{FLOW}60000,2,3,1,2.5,10,25,7,10.1,9\n")), (2, Some(2 * MINUTE), "taker_buy_base \"10.1\" is above the volume".to_owned()));
}

#[test]
fn a_quote_candle_is_its_last_quote_at_its_end() {
    let mut quote = Quote::of(0, 2 * MINUTE);
    quote.head.flags = FLAG_DERIVED;
    (quote.bid_px, quote.bid_qty) = (4.0, 5.0);
    assert_eq!(events(&format!("{QUOTE_BARS}60000,1,2,3,4,5,,,,,\n")), [Event::Quote(quote)]);
    (quote.ask_px, quote.ask_qty) = (9.0, 10.0);
    assert_eq!(events(&format!("{QUOTE_BARS}60000,1,2,3,4,5,6,7,8,9,10\n")), [Event::Quote(quote)]);
}

#[test]
fn trades_have_id_side_and_both_times() {
    let mut trade = Trade::of(0, 5_000_000);
    (trade.head.event_ns, trade.head.seq, trade.side, trade.price, trade.size) = (5_000_000, 9, SIDE_SELL, 1.5, 2.0);
    assert_eq!(events(&format!("{TRADES}5,9,sell,1.5,2\n")), [Event::Trade(trade)]);

    let read = events(&format!("{L2_TRADES}77,5,4,9,buy,1.5,2\n78,5,,,,1.5,2\n"));
    let [Event::Trade(first), Event::Trade(second)] = &read[..] else { panic!("{read:?}") };
    assert_eq!((first.head.known_ns, first.head.event_ns, first.head.seq, first.side), (77, 4_000_000, 9, SIDE_BUY));
    assert_eq!((second.head.event_ns, second.head.seq, second.side), (5_000_000, 0, SIDE_UNKNOWN));
}

#[test]
fn a_quote_may_lack_times_and_sides() {
    let read = events(&format!("{BBO}77,,,9,1,2,3,4\n78,5,4,10,,,3,4\n79,5,4,11,1,2,0.00,0.0\n"));
    let sides = |event: &Event| match event {
        Event::Quote(quote) => (quote.head.event_ns, quote.head.seq, [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty]),
        other => panic!("{other:?}"),
    };
    let expected = [(0, 9, [1.0, 2.0, 3.0, 4.0]), (5_000_000, 10, [0.0, 0.0, 3.0, 4.0]), (5_000_000, 11, [1.0, 2.0, 0.0, 0.0])];
    assert_eq!(read.iter().map(sides).collect::<Vec<_>>(), expected);
    assert_eq!(refusal(&format!("{BBO}77,,,9,1,,3,4\n")), (2, Some(77), "bid_qty \"\" is no number".to_owned()));
    assert_eq!(refusal(&format!("{BBO}77,,,9,1,2,0,4\n")).2, "ask_px \"0\" is not above 0");
}

#[test]
fn a_sampled_book_is_derived_and_has_no_id() {
    let read = events(&format!("{BOOK2}77,5,99,10,1,9,2,11,3,,\n78,,99,,,,,11,3,12,4\n"));
    let [Event::Book(both), Event::Book(asks)] = &read[..] else { panic!("{read:?}") };
    let head = both.book.head;
    assert_eq!((head.flags, head.seq, head.known_ns, head.event_ns), (FLAG_DERIVED, 0, 77, 5_000_000));
    assert_eq!((both.book.bids, both.book.asks, both.book.rows, both.book.prev_seq), (2, 1, 2, 0));
    assert_eq!(both.rows[1], Level { bid_px: 9.0, bid_qty: 2.0, ..Level::default() });
    assert_eq!((asks.book.bids, asks.book.asks, asks.book.head.event_ns), (0, 2, 0));
}

#[test]
fn a_book_out_of_order_or_with_holes_is_refused() {
    for (row, reason) in [
        ("77,5,99,9,1,9,2,11,3,12,4", "bid_px2 \"9\" is not worse than the level before"),
        ("77,5,99,10,1,9,2,11,3,10.5,4", "ask_px2 \"10.5\" is not worse than the level before"),
        ("77,5,99,,,9,2,11,3,12,4", "bid_px2 \"9\" follows a level that is absent"),
        ("77,5,99,10,1,9,,11,3,12,4", "bid_qty2 \"\" is no number"),
        ("77,5,99,10,1,9,-2,11,3,12,4", "bid_qty2 \"-2\" is not above 0"),
    ] {
        assert_eq!(refusal(&format!("{BOOK2}{row}\n")), (2, Some(77), reason.to_owned()), "{row}");
    }
}

#[test]
fn numbers_that_are_none_are_refused_with_their_column() {
    for (row, reason) in [
        ("60000,NaN,3,1,2,5", "open \"NaN\" is not finite"),
        ("60000,2,inf,1,2,5", "high \"inf\" is not finite"),
        ("60000,2,1e400,1,2,5", "high \"1e400\" is not finite"),
        ("60000,2,3,0,2,5", "low \"0\" is not above 0"),
        ("60000,2,3,1,-2,5", "close \"-2\" is not above 0"),
        ("60000,2,3,1,2,-5", "volume \"-5\" is below 0"),
        ("60000,2,3,1, 2,5", "close \" 2\" is no number"),
        ("60000,2,3,1,x,5", "close \"x\" is no number"),
        ("60000,2,1.9,1,1.5,5", "high \"1.9\" is below open, close or low"),
        ("60000,2,3,2.5,3,5", "low \"2.5\" is above open or close"),
        ("60000,2,3,1,2", "5 columns where the header has 6"),
        ("60000,2,3,1,2,5,6", "7 columns where the header has 6"),
        ("60000,2,3,1,2,\"5", "a quote that does not close"),
        ("60000,2,3,1,\"2\"5,5", "text after a closing quote"),
    ] {
        assert_eq!(refusal(&format!("{CANDLES}{row}\n")), (2, Some(2 * MINUTE), reason.to_owned()), "{row}");
    }
}

#[test]
fn times_are_checked_and_never_wrap() {
    for (text, reason) in [
        (format!("{CANDLES}x,2,3,1,2,5\n"), "open_time_ms \"x\" is no whole number"),
        (format!("{CANDLES},2,3,1,2,5\n"), "open_time_ms \"\" is no whole number"),
        (format!("{CANDLES}-60000,2,3,1,2,5\n"), "open_time_ms \"-60000\" is before 1970"),
        (format!("{CANDLES}9223372036855,2,3,1,2,5\n"), "open_time_ms \"9223372036855\" is out of range"),
        (format!("{CANDLES}9223372036854,2,3,1,2,5\n"), "open_time_ms \"9223372036854\" is out of range"),
        (format!("{TRADES}9223372036854775807,9,sell,1,2\n"), "time_ms \"9223372036854775807\" is out of range"),
        (format!("{TRADES}9223372036854775808,9,sell,1,2\n"), "time_ms \"9223372036854775808\" is no whole number"),
    ] {
        assert_eq!(refusal(&text), (2, None, reason.to_owned()), "{text}");
    }
    let event = refusal(&format!("{BBO}77,9223372036855,,9,1,2,3,4\n"));
    assert_eq!(event, (2, Some(77), "event_ms \"9223372036855\" is out of range".to_owned()));
}

#[test]
fn bad_ids_and_sides_are_refused() {
    for (row, reason) in [
        ("5,x9,sell,1,2", "trade_id \"x9\" is no whole number"),
        ("5,-9,sell,1,2", "trade_id \"-9\" is no whole number"),
        ("5,9,SELL,1,2", "side \"SELL\" is neither buy nor sell nor empty"),
        ("5,9,sell,0,2", "price \"0\" is not above 0"),
        ("5,9,sell,1,0", "qty \"0\" is not above 0"),
    ] {
        assert_eq!(refusal(&format!("{TRADES}{row}\n")), (2, Some(5_000_000), reason.to_owned()), "{row}");
    }
}

#[test]
fn a_candle_off_the_grid_is_refused_and_a_gap_is_not() {
    let text = format!("{CANDLES}30000,2,3,1,2,5\n90000,2,3,1,2,5\n100000,2,3,1,2,5\n390000,2,3,1,2,5\n");
    let reason = "open_time_ms \"100000\" is no multiple of the interval, 60000 ms, after the rows before";
    assert_eq!(refusal(&text), (4, Some(160_000_000_000), reason.to_owned()));
    assert_eq!(rows(&text).len(), 4);
}

#[test]
fn line_numbers_are_physical() {
    let bad = "5,9,sell,1,x";
    for (text, line) in [
        (format!("{TRADES}{bad}"), 2),
        (format!("{TRADES}5,8,sell,1,1\n{bad}\n"), 3),
        (format!("{TRADES}\n\n{bad}\n5,8,sell,1,1\n"), 4),
        (format!("\n\r\n{TRADES}5,8,sell,1,1\n\n\n{bad}\n"), 7),
        (format!("{TRADES}5,8,sell,1,1\n\n{bad}\n").replace('\n', "\r\n"), 4),
        (format!("{TRADES}\"5\",\"8\",\"sell\",1,\"1\"\n{bad}\n"), 3),
    ] {
        assert_eq!(refusal(&text), (line, Some(5_000_000), "qty \"x\" is no number".to_owned()), "{text:?}");
    }
}

#[test]
fn an_open_quote_spoils_its_row_only() {
    let read = rows(&format!("{TRADES}5,\"8,sell,1,1\n6,9,sell,1,1\n"));
    assert_eq!(read.len(), 2);
    assert!(matches!(&read[0], Row::Refused { known_ns: Some(5_000_000), line: 2, .. }), "{read:?}");
    assert!(matches!(&read[1], Row::Event(_)), "{read:?}");
}

#[test]
fn plain_gzip_members_and_byte_order_mark_read_alike() {
    let plain = format!("{TRADES}5,8,sell,1,1\n6,9,buy,1,1\n");
    let expected = rows(&plain);
    let members = [gzip(&plain.as_bytes()[..40]), gzip(&plain.as_bytes()[40..])].concat();
    assert_eq!(rows_of(&gzip(plain.as_bytes())).unwrap(), expected);
    assert_eq!(rows_of(&members).unwrap(), expected);
    assert_eq!(rows(&format!("\u{feff}{plain}")), expected);
}

#[test]
fn a_truncated_gzip_gives_its_rows_and_then_an_error() {
    let mut text = TRADES.to_owned();
    (0..20_000).for_each(|row| text.push_str(&format!("{},{row},sell,1.{},2\n", row * 7, row * row % 997)));
    let zipped = gzip(text.as_bytes());
    let (_folder, reader) = reader(&zipped[..zipped.len() / 2]);
    let mut reader = reader.unwrap();
    let mut count = 0;
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => count += 1,
            Ok(None) => panic!("a truncated file ended well"),
            Err(error) => break error,
        }
    };
    assert!((1..20_000).contains(&count));
    assert_eq!(error.status(), Status::Corrupt);
    assert!(error.text().ends_with(&format!("after line {}: the gzip data ends early, the file is truncated", count + 1)), "{error}");
}

#[test]
fn damaged_files_are_told_apart() {
    assert_eq!(error(b"").0, Status::Corrupt);
    assert!(error(b"").1.ends_with("the file is empty, it has not even a header line"));
    assert!(error(&gzip(b"\n\n")).1.ends_with("the file is empty, it has not even a header line"));
    assert!(error(&[gzip(TRADES.as_bytes()), b"rubbish that is no member".to_vec()].concat()).1.contains("after line 1: the gzip data is damaged"));
    assert!(error(&[b'x'; 70_000]).1.contains("the next line is longer than"));
    assert_eq!(rows(TRADES), []);
}

#[test]
fn an_unknown_header_is_shown_beside_the_known() {
    let (status, text) = error(b"time,price\n1,2\n");
    assert_eq!(status, Status::Unsupported);
    for part in ["table.csv.gz", "\"time,price\"", "trades: time_ms,trade_id,side,price,qty", "bid_px10", "depth (no reader yet)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn known_schemas_without_a_reader_are_named() {
    assert_eq!(Header::of("local_ns,event_ms,tx_ms,first_id,last_id,prev_id,kind,price,qty"), Some(Header::NoReader("depth")));
    assert_eq!(Header::of("time_ms,gas_price_gwei"), Some(Header::NoReader("gas prices")));
    assert_eq!(Header::of("time_ms,gas_price_gwei,more"), None);
    assert_eq!(Header::of(BOOK2.trim_end()), Some(Header::Read(Layout::Books(2))));
}

#[test]
fn the_interval_is_the_smallest_difference_of_the_first_rows() {
    let of = |rows: &str| {
        let (_folder, path) = file(format!("{CANDLES}{rows}").as_bytes());
        interval_of_file(&path)
    };
    assert_eq!(of("0,1\n300000,1\n360000,1\n\nx,1\n420000,1\n"), Ok(Some(MINUTE)));
    assert_eq!(of(""), Ok(None));
    assert!(of("0,1\n0,1\n").unwrap_err().text().ends_with("give --interval-ms"));
    assert!(of("0,1\n").is_err());
}

proptest::proptest! {
    #[test]
    fn whatever_a_file_holds_each_line_is_one_row(lines in proptest::collection::vec("[0-9a-z,.\"\r-]{0,24}|[0-9]{1,19},[0-9]{1,20},(buy|sell|),[0-9.e-]{1,6},[0-9]{1,3}", 0..20)) {
        let read = rows(&format!("{TRADES}{}", lines.join("\n")));
        let kept: Vec<u64> = (2..).zip(&lines).filter(|(_, line)| !["", "\r"].contains(&line.as_str())).map(|(number, _)| number).collect();
        proptest::prop_assert_eq!(read.len(), kept.len());
        for (row, number) in read.iter().zip(kept) {
            match row {
                Row::Refused { line, .. } => proptest::prop_assert_eq!(*line, number),
                Row::Event(Event::Trade(trade)) => proptest::prop_assert!(trade.price.is_finite() && trade.price > 0.0 && trade.head.known_ns >= 0),
                Row::Event(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), zipped in proptest::bool::ANY) {
        let text = [TRADES.as_bytes(), &bytes].concat();
        let _ = rows_of(&if zipped { [gzip(TRADES.as_bytes()), bytes].concat() } else { text });
    }
}

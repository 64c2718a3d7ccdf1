//! Merge order, ends, choice of files, and what goes wrong when opening.

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;
use crate::error::Status;

const TRADES: &str = "time_ms,trade_id,side,price,qty\n";
const BBO: &str = "local_ns,event_ms,tx_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n";
const CANDLES: &str = "open_time_ms,open,high,low,close,volume\n";
const FLOW: &str = "open_time_ms,open,high,low,close,volume,quote_volume,num_trades,taker_buy_base,taker_buy_quote\n";
const DEPTH: &str = "local_ns,event_ms,tx_ms,first_id,last_id,prev_id,kind,price,qty\n";

struct Folder(TempDir);

impl Folder {
    fn of(files: &[(&str, String)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = folder.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, options: &Options) -> Result<Recording> {
        Recording::open(&[self.0.path().to_owned()], options)
    }
}

fn trades(times: &[i64]) -> String {
    times.iter().fold(TRADES.to_owned(), |text, time| text + &format!("{time},{time},buy,1,1\n"))
}

fn bbo(times: &[i64]) -> String {
    times.iter().fold(BBO.to_owned(), |text, time| text + &format!("{}000000,,,{time},1,1,2,1\n", time))
}

/// Items as short texts: stream, what, time in ms.
fn story(recording: &mut Recording) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(item) = recording.next().unwrap() {
        told.push(match item {
            Item::Event { stream, event } => format!("{stream} {} {}", event.kind().name(), event.known_ns() / 1_000_000),
            Item::Refused { stream, known_ns, row } => format!("{stream} refused {:?} line {}", known_ns.map(|ns| ns / 1_000_000), row.line),
            Item::End { stream, last_known_ns } => format!("{stream} end {}", last_known_ns / 1_000_000),
        });
    }
    told
}

fn text_of(result: Result<Recording>) -> (Status, String) {
    let error = result.unwrap_err();
    (error.status(), error.text().to_owned())
}

#[test]
fn rows_are_merged_by_time_stream_file_and_row() {
    let folder = Folder::of(&[
        ("coinbase_BTCUSD_trades.csv", trades(&[1, 3, 3])),
        ("coinbase_BTCUSD_bbo.csv", bbo(&[3, 4])),
        ("binance_spot_BTCUSDT_trades.csv", trades(&[2, 3, 9])),
    ]);
    let mut recording = folder.open(&Options::default()).unwrap();
    let names: Vec<&str> = recording.streams().iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["binance_spot:BTCUSDT", "coinbase:BTCUSD"]);
    let expected = ["1 trade 1", "0 trade 2", "0 trade 3", "1 quote 3", "1 trade 3", "1 trade 3", "1 quote 4", "1 end 4", "0 trade 9", "0 end 9"];
    assert_eq!(story(&mut recording), expected);
    assert_eq!(recording.next(), Ok(None));
}

#[test]
fn a_stream_ends_after_all_that_was_known_by_then() {
    let folder = Folder::of(&[("binance_spot_A_trades.csv", trades(&[5])), ("binance_spot_B_trades.csv", trades(&[5, 5, 6]))]);
    let told = story(&mut folder.open(&Options::default()).unwrap());
    assert_eq!(told, ["0 trade 5", "1 trade 5", "1 trade 5", "0 end 5", "1 trade 6", "1 end 6"]);
}

#[test]
fn refused_rows_keep_their_place_and_their_time() {
    let bad = format!("{TRADES}2,1,buy,1,1\n\nx,2,buy,1,1\n4,3,buy,0,1\n");
    let folder = Folder::of(&[("binance_spot_A_trades.csv", bad), ("binance_spot_B_trades.csv", trades(&[3, 9]))]);
    let mut recording = folder.open(&Options::default()).unwrap();
    let told = story(&mut recording);
    assert_eq!(told, ["0 trade 2", "0 refused None line 4", "1 trade 3", "0 refused Some(4) line 5", "0 end 4", "1 trade 9", "1 end 9"]);
    assert_eq!(recording.progress().rows, 5);
}

#[test]
fn a_bad_row_is_shown_as_file_line_and_reason() {
    let folder = Folder::of(&[("binance_spot_A_trades.csv", format!("{TRADES}2,1,buy,0,1\n"))]);
    let item = folder.open(&Options::default()).unwrap().next().unwrap();
    let Some(Item::Refused { row, .. }) = item else { panic!("{item:?}") };
    assert_eq!(row.to_string(), format!("{}:2: price \"0\" is not above 0", folder.path("binance_spot_A_trades.csv").display()));
}

#[test]
fn times_that_go_back_are_passed_through() {
    let folder = Folder::of(&[("binance_spot_A_trades.csv", trades(&[5, 2, 3])), ("binance_spot_B_trades.csv", trades(&[4, 5]))]);
    let told = story(&mut folder.open(&Options::default()).unwrap());
    assert_eq!(told, ["1 trade 4", "0 trade 5", "0 trade 2", "0 trade 3", "1 trade 5", "0 end 5", "1 end 5"]);
}

#[test]
fn a_stream_without_rows_has_no_end() {
    let folder = Folder::of(&[("binance_spot_A_trades.csv", trades(&[])), ("binance_spot_1m/B.csv", CANDLES.to_owned())]);
    let mut recording = Recording::open(&[folder.path(""), folder.path("binance_spot_1m")], &Options::default()).unwrap();
    assert_eq!((recording.streams().len(), recording.streams()[1].interval_ns), (2, None));
    assert_eq!(story(&mut recording), [""; 0]);
}

#[test]
fn streams_say_what_they_give() {
    let candle = |header: &str, more: &str| format!("{header}0,1,1,1,1,1{more}\n60000,1,1,1,1,1{more}\n");
    let folder = Folder::of(&[
        ("binance_spot_A_bbo.csv", bbo(&[1])),
        ("binance_spot_A_trades.csv", trades(&[1])),
        ("binance_spot_B.csv", candle(CANDLES, "")),
        ("binance_spot_B_trades.csv", trades(&[1])),
        ("binance_spot_C.csv", candle(FLOW, ",1,1,1,1")),
        ("binance_spot_D_bbo.csv", bbo(&[1])),
    ]);
    let recording = folder.open(&Options::default()).unwrap();
    let told: Vec<_> = recording.streams().iter().map(|stream| (stream.kinds.as_slice(), stream.taker_known, stream.interval_ns)).collect();
    assert_eq!(
        told,
        [
            (&[Kind::Trade, Kind::Quote][..], true, None),
            (&[Kind::Trade, Kind::Bar][..], false, Some(60_000_000_000)),
            (&[Kind::Bar][..], true, Some(60_000_000_000)),
            (&[Kind::Quote][..], false, None),
        ]
    );
    assert!(recording.streams()[0].gives(Kind::Quote) && !recording.streams()[0].gives(Kind::Bar));
}

#[test]
fn bars_of_two_lengths_do_not_make_one_stream() {
    let folder = Folder::of(&[
        ("binance_spot_A_1m.csv", format!("{CANDLES}0,1,1,1,1,1\n60000,1,1,1,1,1\n")),
        ("binance_spot_A_5m.csv", format!("{CANDLES}0,1,1,1,1,1\n300000,1,1,1,1,1\n")),
    ]);
    let (status, text) = text_of(folder.open(&Options::default()));
    assert_eq!(status, Status::Conflict);
    assert!(text.contains("candles of 60000 ms") && text.contains("of 300000 ms in"), "{text}");
    let given = Options { interval_ns: Some(60_000_000_000), ..Options::default() };
    assert_eq!(folder.open(&given).unwrap().streams()[0].interval_ns, Some(60_000_000_000));
}

#[test]
fn folders_are_flat_and_say_what_they_leave_out() {
    let folder = Folder::of(&[
        ("binance_spot_A_trades.csv", trades(&[1])),
        ("binance_spot_A_depth.csv", DEPTH.to_owned()),
        ("notes.md", String::new()),
        ("inner/binance_spot_B_trades.csv", trades(&[1])),
    ]);
    let twice = [folder.path("binance_spot_A_trades.csv"), folder.path("")];
    let recording = Recording::open(&twice, &Options::default()).unwrap();
    assert_eq!(recording.streams()[0].files.len(), 1);
    let skipped: Vec<(String, &str)> =
        recording.skipped().iter().map(|(path, why)| (path.file_name().unwrap().to_string_lossy().into_owned(), why.as_str())).collect();
    let expected = [
        ("inner".to_owned(), "a folder within a folder; name it to read it"),
        ("notes.md".to_owned(), "neither .csv nor .csv.gz"),
        ("binance_spot_A_depth.csv".to_owned(), "no reader yet for the schema of depth"),
    ];
    assert_eq!(skipped, expected);
}

#[test]
fn names_are_given_and_chosen() {
    let folder = Folder::of(&[("mine.csv", trades(&[1])), ("coinbase_X_trades.csv", trades(&[2]))]);
    let (status, text) = text_of(folder.open(&Options::default()));
    assert!(status == Status::InvalidArgument && text.contains("mine.csv") && text.contains("--stream NAME"), "{text}");

    let named = Options { stream: Some("my:OWN".to_owned()), ..Options::default() };
    let names = |recording: Recording| recording.streams().iter().map(|stream| stream.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(folder.open(&named).unwrap()), ["coinbase:X", "my:OWN"]);
    assert_eq!(names(Recording::open(&[folder.path("coinbase_X_trades.csv")], &named).unwrap()), ["my:OWN"]);

    let only = |name: &str| Options { only: vec![name.to_owned()], ..Options::default() };
    assert_eq!(names(folder.open(&only("coinbase:X")).unwrap()), ["coinbase:X"]);
    let (status, text) = text_of(folder.open(&only("coinbase:Y")));
    assert!(status == Status::NotFound && text.contains("--only coinbase:Y") && text.contains("coinbase:X"), "{text}");
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let options = [Options { interval_ns: Some(0), ..Options::default() }, Options { stream: Some("a b".to_owned()), ..Options::default() }];
    for options in options {
        assert_eq!(text_of(Recording::open(&[PathBuf::from("x.csv")], &options)).0, Status::InvalidArgument);
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let folder = Folder::of(&[("coinbase_X.csv", "a,b\n".to_owned()), ("coinbase_Y.csv", String::new()), ("mine.csv", trades(&[1]))]);
    let (_, text) = text_of(folder.open(&Options::default()));
    for part in ["coinbase_X.csv", "coinbase_Y.csv", "mine.csv", "no known schema", "is empty", "--stream"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn having_nothing_to_read_is_an_error() {
    assert_eq!(text_of(Recording::open(&[PathBuf::from("absent/x.csv")], &Options::default())).0, Status::NotFound);
    assert_eq!(text_of(Recording::open(&[], &Options::default())).0, Status::NotFound);
    let folder = Folder::of(&[("coinbase_X_depth.csv", DEPTH.to_owned())]);
    for only in [vec![], vec!["coinbase:X".to_owned()]] {
        let (status, text) = text_of(folder.open(&Options { only, ..Options::default() }));
        assert!(status == Status::NotFound && text.contains("no reader yet"), "{text}");
    }
}

fn write_truncated(path: &Path, text: &str) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let zipped = encoder.finish().unwrap();
    std::fs::write(path, &zipped[..zipped.len() / 2]).unwrap();
}

#[test]
fn a_file_that_breaks_is_an_error_once_and_the_others_go_on() {
    let folder = Folder::of(&[("binance_spot_A_trades.csv", trades(&[1, 2_000_000]))]);
    write_truncated(&folder.path("binance_spot_B_trades.csv.gz"), &trades(&(0..50_000).collect::<Vec<_>>()));
    let mut recording = folder.open(&Options::default()).unwrap();
    let (mut errors, mut ends, mut rows) = (Vec::new(), Vec::new(), 0);
    loop {
        match recording.next() {
            Ok(None) => break,
            Ok(Some(Item::End { stream, .. })) => ends.push(stream),
            Ok(Some(_)) => rows += 1,
            Err(error) => errors.push(error),
        }
    }
    assert_eq!((errors.len(), ends), (1, vec![1, 0]));
    assert!(errors[0].text().contains("binance_spot_B_trades.csv.gz") && errors[0].status() == Status::Corrupt, "{}", errors[0]);
    let progress = recording.progress();
    assert!(rows > 1000 && progress.rows == rows && progress.bytes_read == progress.bytes_total, "{progress:?}");
}

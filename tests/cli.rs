//! The command as a user meets it: real files, wrong ones too, exit codes, and what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::bundle::{self, Options};

fn foretick(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretick")).args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const MINUTE_MS: i64 = 60_000;

/// Candles of a minute whose close goes up and down.
fn candles(rows: usize) -> String {
    let mut text = "open_time_ms,open,high,low,close,volume\n".to_owned();
    let mut open = 100.0;
    for row in 0..rows {
        let close = 100.0 + f64::from((row * 7 % 11) as u32);
        let (high, low) = (f64::max(open, close), f64::min(open, close));
        let _ = writeln!(text, "{},{open},{high},{low},{close},{}", 1_700_000_040_000 + row as i64 * MINUTE_MS, row % 5 + 1);
        open = close;
    }
    text
}

/// A folder with candles of `test:X` and a bundle that applies to it.
fn prepare(candles: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("candles.csv"), candles).unwrap();
    let bundle = folder.path().join("tiny/v3");
    std::fs::create_dir_all(&bundle).unwrap();
    bundle::write(&bundle, &Options::default());
    folder
}

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn replay_writes_a_prediction_a_step_and_the_same_every_time() {
    let folder = prepare(&candles(50));
    let (bundle, file) = (path(&folder, "tiny"), path(&folder, "candles.csv"));
    let first = foretick(&["replay", "--bundle", &bundle, "--stream", "test:X", &file]);
    assert!(first.status.success(), "{}", stderr(&first));
    let lines: Vec<Value> = stdout(&first).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 50);
    assert_eq!(lines[0]["action"], "ABSTAIN");
    assert_eq!(lines[0]["reasons"][0], "NOT_READY");
    assert!(lines[1..].iter().all(|line| ["BUY", "SELL", "HOLD"].contains(&line["action"].as_str().unwrap())));
    assert_eq!(lines[9]["members"]["lr"]["up"]["weight"], 1.0);
    let second = foretick(&["replay", "--bundle", &bundle, "--stream", "test:X", &file]);
    assert_eq!(first.stdout, second.stdout);
    let out = path(&folder, "out.csv");
    let third = foretick(&["--json", "replay", "--bundle", &bundle, "--stream", "test:X", "--out", &out, &file]);
    let summary: Value = serde_json::from_str(&stdout(&third)).unwrap();
    assert_eq!((summary["predictions"].as_u64(), summary["abstained_by"]["NOT_READY"].as_u64()), (Some(50), Some(1)));
    assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), 51);
}

#[test]
fn rows_are_written_for_every_step() {
    let folder = prepare(&candles(30));
    let rows = path(&folder, "rows.csv");
    let done = foretick(&["replay", "--rows", &rows, "--stream", "test:X", &path(&folder, "candles.csv")]);
    assert!(done.status.success(), "{}", stderr(&done));
    let text = std::fs::read_to_string(&rows).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!((header[0], header[1], header[26], header.len()), ("time_ns", "price_change", "valid_mask", 27));
    assert_eq!(text.lines().count(), 31);
    assert_eq!(text.lines().nth(1).unwrap().split(',').next(), Some("1700000100000000000"), "the close is open + interval");
}

#[test]
fn bad_rows_are_named_by_file_and_line_and_the_rest_goes_on() {
    let mut text = candles(20);
    text = text.replacen("1700000340000,", "1700000340000,NaN", 1);
    text.push_str("1700001240000,1,1,1,1,-5\nnonsense\n");
    let folder = prepare(&text);
    let (file, rows) = (path(&folder, "candles.csv"), path(&folder, "rows.csv"));
    let done = foretick(&["--json", "replay", "--rows", &rows, "--stream", "test:X", &file]);
    assert!(done.status.success(), "{}", stderr(&done));
    let summary: Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!((summary["bad_rows"].as_u64(), summary["steps"].as_u64()), (Some(3), Some(19)));
    for line in ["candles.csv:7:", "candles.csv:22:", "candles.csv:23:"] {
        assert!(stderr(&done).contains(line), "{line} is not in {}", stderr(&done));
    }
    let strict = foretick(&["replay", "--strict", "--rows", &rows, "--stream", "test:X", &file]);
    assert_eq!(strict.status.code(), Some(4));
    assert!(stderr(&strict).contains("candles.csv:7:"));
}

#[test]
fn rows_that_come_twice_or_late_are_named_too() {
    let mut text = candles(20);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    text.push_str(&format!("{}\n{}\n", lines[20], lines[5]));
    let folder = prepare(&text);
    let (file, rows, bad) = (path(&folder, "candles.csv"), path(&folder, "rows.csv"), path(&folder, "bad.txt"));
    let done = foretick(&["--json", "replay", "--rows", &rows, "--stream", "test:X", "--bad-rows", &bad, &file]);
    assert!(done.status.success(), "{}", stderr(&done));
    let summary: Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!((summary["bad_rows"].as_u64(), summary["skipped"].as_u64(), summary["steps"].as_u64()), (Some(2), Some(2), Some(20)));
    let listed = std::fs::read_to_string(bad).unwrap();
    assert!(listed.contains("candles.csv:22: not applied: DUPLICATE") && listed.contains("candles.csv:23: not applied: CLOCK_BACK"), "{listed}");
}

#[test]
fn candles_of_another_length_are_refused() {
    // Every fifth candle of a minute: five minutes apart, as a file of 5-minute candles is.
    let text: Vec<String> = candles(100).lines().enumerate().filter(|(at, _)| *at == 0 || at % 5 == 1).map(|(_, line)| line.to_owned()).collect();
    let folder = prepare(&(text.join("\n") + "\n"));
    let (bundle, file, out) = (path(&folder, "tiny"), path(&folder, "candles.csv"), path(&folder, "out.jsonl"));
    let replay = |more: &[&str]| foretick(&[&["replay", "--bundle", &bundle, "--stream", "test:X", "--out", &out, &file], more].concat());
    let done = replay(&[]);
    assert!(!done.status.success() && stderr(&done).contains("300000 ms apart, the schema samples candles of 60000 ms"), "{}", stderr(&done));
    let done = replay(&["--interval-ms", "300000"]);
    assert_eq!(done.status.code(), Some(2), "{}", stderr(&done));
    assert!(replay(&["--interval-ms", "60000"]).status.success(), "somebody says that the others are missing");
}

#[test]
fn an_output_never_overwrites_an_input_or_a_pipe() {
    let folder = prepare(&candles(5));
    let (bundle, file, rows) = (path(&folder, "tiny"), path(&folder, "candles.csv"), path(&folder, "rows.csv"));
    let before = std::fs::read(&file).unwrap();
    let done = foretick(&["replay", "--bundle", &bundle, "--stream", "test:X", "--out", &file, &file]);
    assert_eq!((done.status.code(), std::fs::read(&file).unwrap()), (Some(2), before), "{}", stderr(&done));
    let fifo = path(&folder, "fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let reader = Command::new("cat").arg(&fifo).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let done = foretick(&["replay", "--bundle", &bundle, "--stream", "test:X", "--out", &fifo, "--rows", &rows, &file]);
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(String::from_utf8(reader.wait_with_output().unwrap().stdout).unwrap().lines().count(), 5);
}

#[test]
fn a_full_standard_output_is_an_error_and_leaves_no_part() {
    let folder = prepare(&candles(50));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let args = ["replay", "--bundle", &path(&folder, "tiny"), "--stream", "test:X", "--rows", &path(&folder, "rows.csv"), &path(&folder, "candles.csv")];
    let done = Command::new(env!("CARGO_BIN_EXE_foretick")).args(args).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(4), "{}", stderr(&done));
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(files.into_iter().all(|name| !name.ends_with(".part") && name != "rows.csv"));
}

#[test]
fn a_file_without_a_usable_row_is_an_error() {
    let folder = prepare("open_time_ms,open,high,low,close,volume\n1700000040000,1,1,1,NaN,1\n");
    let done = foretick(&["replay", "--bundle", &path(&folder, "tiny"), "--stream", "test:X", &path(&folder, "candles.csv")]);
    assert_eq!(done.status.code(), Some(4));
    assert!(stderr(&done).contains("1 bad of 1 read"), "{}", stderr(&done));
}

#[test]
fn wrong_input_is_refused_with_the_remedy() {
    let folder = prepare(&candles(5));
    let (bundle, file) = (path(&folder, "tiny"), path(&folder, "candles.csv"));
    std::fs::write(folder.path().join("other.csv"), "a,b,c\n1,2,3\n").unwrap();
    std::fs::create_dir(folder.path().join("broken")).unwrap();
    std::fs::write(folder.path().join("broken/manifest.toml"), "format = 1\n").unwrap();
    let (other, broken, missing) = (path(&folder, "other.csv"), path(&folder, "broken"), path(&folder, "nowhere"));
    let cases: [(&[&str], i32, &str); 9] = [
        (&["replay", &file], 2, "--bundle"),
        (&["replay", "--rows", "x.csv", &file], 2, "--stream"),
        (&["replay", "--rows", "x.csv", "--stream", "test:X", &other], 4, "a,b,c"),
        (&["replay", "--rows", "x.csv", &missing], 4, "nowhere"),
        (&["replay", "--bundle", &missing, &file], 4, "nowhere"),
        (&["replay", "--bundle", &broken, &file], 3, "name is missing"),
        (&["replay", "--bundle", &bundle, "--stream", "else:Y", &file], 3, "--any-stream"),
        (&["replay", "--bundle", &bundle, "--stream", "test:X", "--bind", "leader=test:X", &file], 3, "the roles are self"),
        (&["features", "--schema", &missing], 4, "baseline25"),
    ];
    for (args, code, remedy) in cases {
        let done = foretick(args);
        assert!(stderr(&done).contains(remedy), "{args:?}: {remedy} is not in {}", stderr(&done));
        assert_eq!(done.status.code(), Some(code), "{args:?}: {}", stderr(&done));
    }
    assert!(!Path::new("x.csv").exists(), "a run that failed leaves no file");
}

#[test]
fn features_and_inspect_answer_json() {
    let folder = prepare(&candles(5));
    let list: Value = serde_json::from_str(&stdout(&foretick(&["--json", "features"]))).unwrap();
    assert!(list.as_array().unwrap().iter().any(|op| op["op"] == "role_return"));
    let schema: Value = serde_json::from_str(&stdout(&foretick(&["--json", "features", "--schema", "baseline25"]))).unwrap();
    assert_eq!((schema["features"].as_array().unwrap().len(), schema["ready"].as_u64()), (25, Some(600)));
    let bundle: Value = serde_json::from_str(&stdout(&foretick(&["--json", "inspect", &path(&folder, "tiny")]))).unwrap();
    assert_eq!((bundle["name"].as_str(), bundle["members"][0]["backend"].as_str()), (Some("tiny"), Some("native")));
}

#[test]
fn the_doctor_names_a_sick_bundle() {
    let folder = prepare(&candles(5));
    let well = foretick(&["doctor", &path(&folder, "tiny")]);
    assert!(well.status.success(), "{}", stdout(&well));
    std::fs::write(folder.path().join("tiny/v3/golden.csv"), "changed").unwrap();
    let sick = foretick(&["doctor", &path(&folder, "tiny")]);
    assert_eq!(sick.status.code(), Some(1));
    assert!(stdout(&sick).contains("golden.csv"), "{}", stdout(&sick));
}

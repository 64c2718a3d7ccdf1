//! `foretick bench`, a few calls of it: the keys of its JSON, its table, and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretick"));
    command.args(["bench", "--quick", "--quiet", "--core", "0", "--models", "nowhere"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The keys that README promises are there, with numbers where numbers are promised.
#[test]
fn json_has_the_keys_that_are_documented() {
    let done = bench(&["--only", "features", "--only", "lr", "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    for key in ["cores", "core", "fma_gflops", "l1_gb_s", "l2_gb_s", "sum_1024_ns"] {
        assert!(report["machine"][key].is_number(), "machine.{key}");
    }
    let names: Vec<&str> = report["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["features", "lr"]);
    for case in report["cases"].as_array().unwrap() {
        let runs = case["runs"].as_array().unwrap();
        let conditions: Vec<&str> = runs.iter().map(|run| run["condition"].as_str().unwrap()).collect();
        assert_eq!(conditions, ["hot", "cold", "idle", "swap"]);
        assert!(runs[0]["empty"]["p50_ns"].as_f64().is_some_and(|empty| empty > 0.0), "{}", runs[0]["empty"]);
        assert!(runs[1..].iter().all(|run| run["empty"].is_null()));
        for times in runs.iter().map(|run| &run["foretick"]) {
            assert!(
                ["p50_ns", "p99_ns", "max_ns", "calls", "calls_a_second"].iter().all(|key| times[key].as_f64().is_some_and(|value| value > 0.0)),
                "{times}"
            );
        }
    }
}

/// A model that no kernel runs is said to be so, and the others are timed.
#[test]
fn the_table_has_a_line_a_case_and_condition() {
    let done = bench(&["--only", "stac_gbt_a"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let table = text(&done.stdout);
    assert_eq!(table.lines().filter(|line| line.starts_with("stac_gbt_a ")).count(), 5, "{table}");
    assert!(table.contains("250 trees") && table.contains("5,218 nodes") && table.contains("p99 at most 1.60 us"), "{table}");
    assert!(table.contains("few calls (--quick)"), "{table}");
}

/// One file without anything outside it, with a drawing.
#[test]
fn the_page_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let done = bench(&["--only", "lr", "--html", &page.to_string_lossy()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("name=\"viewport\"") && page.contains("<svg viewBox") && page.contains("after 10 ms idle"), "{page}");
    assert!(!["src=", "href=", "http", "@import", "url("].iter().any(|outside| page.contains(outside)), "{page}");
}

/// ONNX Runtime runs the same rows and gives the same. Skipped where its library is missing.
#[test]
fn onnx_runtime_runs_in_turns_with_ours() {
    if !std::env::var_os("ORT_DYLIB_PATH").is_some_and(|path| std::path::Path::new(&path).is_file()) {
        eprintln!("skipped: ORT_DYLIB_PATH names no library of ONNX Runtime (make test installs one)");
        return;
    }
    let done = bench(&["--only", "lr", "--only", "rf", "--peers", "--peers-json", "nowhere", "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    for case in report["cases"].as_array().unwrap() {
        let peer = &case["runs"][0]["peers"][0];
        assert_eq!(peer["name"], "ONNX Runtime, C API", "{case}");
        assert!(peer["ratio_p50"].as_f64().is_some_and(|ratio| ratio > 0.0), "{case}");
        assert!(peer["apart"].as_f64().is_some_and(|apart| apart < 1e-5), "{case}");
    }
}

/// What a peer's own program has measured stands beside ours, and a loss is said.
#[test]
fn peers_from_elsewhere_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let found = folder.path().join("peers.json");
    let run = r#"{"case": "features", "condition": "hot", "peer": "a faster one", "p50_ns": 1, "p99_ns": 2, "p999_ns": null, "max_ns": 3,
        "calls": 4, "calls_a_second": 5.0, "shares": [[1.0, 1.0]]}"#;
    std::fs::write(&found, format!(r#"{{"notes": ["a slower one: not installed"], "runs": [{run}]}}"#)).unwrap();
    let done = bench(&["--only", "features", "--peers", "--peers-json", &found.to_string_lossy()]);
    let table = text(&done.stdout);
    let line = table.lines().find(|line| line.contains("a faster one")).unwrap();
    assert!(line.ends_with("slower than the peer") && table.contains("a slower one: not installed"), "{table}");
}

/// Rows and models for other programs.
#[test]
fn rows_and_models_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    assert!(bench(&["--only", "lr", "--export", &folder.path().to_string_lossy()]).status.success());
    let rows = std::fs::read(folder.path().join("rows_25.npy")).unwrap();
    assert!(rows.starts_with(b"\x93NUMPY") && rows.len() > 20_000 * 25 * 4);
    assert!(folder.path().join("lr.onnx").is_file());
}

#[test]
fn unknown_names_are_refused_with_those_that_are_known() {
    let done = bench(&["--only", "nothing"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("--only nothing: the names are decision, decision_stateful, push"), "{}", text(&done.stderr));
}

//! `foretick score` as a user meets it: files of every kind, every backend, what is said and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::onnx;
use support::ort::library;

/// Agreement of a graph with the library that trained it, and of two backends.
const CLOSE: f64 = 1e-6;

fn score(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_foretick")).args(["--json", "score", "--quiet"]).args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Figures of a run whose scores went to a file.
#[track_caller]
fn figures(args: &[&str]) -> Value {
    let done = score(args);
    assert!(done.status.success(), "{}", stderr(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

#[track_caller]
fn refused(args: &[&str], code: i32, parts: &[&str]) {
    let done = score(args);
    assert_eq!(done.status.code(), Some(code), "{}", stderr(&done));
    parts.iter().for_each(|part| assert!(stderr(&done).contains(part), "{part} is not in {}", stderr(&done)));
}

fn root(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).to_string_lossy().into_owned()
}

/// A folder of a test.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_string_lossy().into_owned()
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// What `numpy.save` writes.
fn npy(descr: &str, shape: &str, data: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let header = format!("{:<117}\n", format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"));
    [b"\x93NUMPY\x01\x00v\x00".as_slice(), header.as_bytes(), &data.into_iter().collect::<Vec<u8>>()].concat()
}

fn f32s(shape: &str, values: &[f32]) -> Vec<u8> {
    npy("<f4", shape, values.iter().flat_map(|value| value.to_le_bytes()))
}

/// Shape as text, and the numbers.
fn read_npy(path: &str) -> (String, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..10 + length].to_vec()).unwrap();
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00") && (10 + length).is_multiple_of(64) && header.contains("'descr': '<f4', 'fortran_order': False"));
    let shape = header.split_once("'shape': ").unwrap().1.split_once(')').unwrap().0.to_owned() + ")";
    (shape, bytes[10 + length..].chunks_exact(4).map(|chunk| f32::from_le_bytes(chunk.try_into().unwrap())).collect())
}

/// Header and rows of a CSV; NaN for an empty cell.
fn read_csv(text: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut lines = text.lines();
    let header = lines.next().unwrap().split(',').map(str::to_owned).collect();
    (header, lines.map(|line| line.split(',').map(|cell| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() }).collect()).collect())
}

fn near(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= CLOSE + 10.0 * CLOSE * theirs.abs()
}

#[test]
fn fixtures_give_what_their_library_gave() {
    for name in ["sk_logistic_2", "sk_forest_3", "xgb_2_missing", "lgb_value", "sk_scaled_logistic"] {
        let table = root(&format!("models/fixtures/{name}.csv"));
        let done = score(&[&root(&format!("models/fixtures/{name}.onnx")), &table, "--columns", "x0,x1,x2,3-4"]);
        assert!(done.status.success(), "{name}: {}", stderr(&done));
        let said: Value = serde_json::from_str(stderr(&done).lines().last().unwrap()).unwrap();
        assert_eq!((said["backend"].as_str(), said["because"].as_str()), (Some("native"), Some("a native kernel exists for this graph")));
        let (ours_names, ours) = read_csv(&String::from_utf8(done.stdout).unwrap());
        let (names, rows) = read_csv(&std::fs::read_to_string(&table).unwrap());
        assert_eq!(ours.len(), rows.len());
        for (column, name) in ours_names.iter().enumerate() {
            let Some(theirs) = names.iter().position(|known| known == name) else { continue };
            rows.iter().zip(&ours).for_each(|(row, ours)| assert!(near(ours[column], row[theirs]), "{name}: {} {}", ours[column], row[theirs]));
        }
        assert!(names.iter().any(|name| ours_names.contains(name)), "{names:?} {ours_names:?}");
    }
}

/// A shipped model's column beside the golden values of its member; values at a window's last row.
#[track_caller]
fn check_shipped(member: &str, column: &str, window: usize) -> Value {
    let (golden, folder) = (root("models/sim/v2/golden.csv"), Folder::new());
    let (names, rows) = read_csv(&std::fs::read_to_string(&golden).unwrap());
    let theirs = names.iter().position(|name| *name == format!("{member}.up_1")).unwrap();
    let features = names.iter().position(|name| name.contains('.')).unwrap();
    let (model, out, columns) = (root(&format!("models/sim/v2/{member}.onnx")), folder.path("out.csv"), format!("0-{}", features - 1));
    let windows = window.to_string();
    let window_of: &[&str] = if window > 1 { &["--window", &windows] } else { &[] };
    let done = figures(&[&[model.as_str(), &golden, "--columns", &columns, "--out", &out], window_of].concat());
    assert_eq!(done["rows"].as_u64(), Some((rows.len() + 1 - window) as u64));
    let (ours_names, ours) = read_csv(&std::fs::read_to_string(&out).unwrap());
    let column = ours_names.iter().position(|name| name == column).unwrap();
    let listed = ours.iter().zip(&rows[window - 1..]).filter(|(_, row)| row[theirs].is_finite());
    assert!(listed.clone().count() > 10);
    listed.for_each(|(ours, row)| assert!(near(ours[column], row[theirs]), "{member}: {} {}", ours[column], row[theirs]));
    done
}

#[test]
fn shipped_models_give_their_golden_values() {
    let done = check_shipped("xgb", "probabilities[1]", 1);
    assert_eq!(done["not_float"][0], "label");
    assert!(done["row_p50_ns"].as_u64().unwrap() <= done["row_p99_ns"].as_u64().unwrap() && done["load_ms"].as_f64().unwrap() > 0.0, "{done}");
    assert_eq!(check_shipped("lstm", "p[0]", 60)["family"], "lstm");
}

#[test]
fn backends_agree() {
    let Some(library) = library() else { return };
    let (folder, library) = (Folder::new(), library.to_string_lossy().into_owned());
    for (graph, table, columns) in [
        ("xgb_3", "xgb_3", "0-4"),
        ("sk_logistic_3", "sk_logistic_3", "0-4"),
        ("lgb_2_missing", "lgb_2_missing", "0-4"),
        ("nets/lstm_2.script17", "nets/lstm_2", "0-17"),
        ("nets/cnn_padded.script17", "nets/cnn_padded", "0-23"),
    ] {
        let (model, rows) = (root(&format!("models/fixtures/{graph}.onnx")), root(&format!("models/fixtures/{table}.csv")));
        let [native, ort] = ["native", "ort"].map(|backend| {
            let out = folder.path(&format!("{backend}.npy"));
            let done = figures(&[&model, &rows, "--columns", columns, "--backend", backend, "--ort-library", &library, "--out", &out]);
            assert_eq!((done["backend"].as_str(), done["because"].as_str()), (Some(backend), Some("asked for")));
            read_npy(&out)
        });
        assert_eq!(native.0, ort.0);
        native.1.iter().zip(&ort.1).for_each(|(native, ort)| assert!(near(f64::from(*native), f64::from(*ort)), "{graph}: {native} {ort}"));
    }
}

#[test]
fn numbers_of_every_kind_of_file_are_the_same_numbers() {
    let folder = Folder::new();
    let model = folder.put("m.onnx", onnx::logistic(&[4.0, 0.5], 0.25));
    let values = [1.0f32, -2.0, 0.0, 3.0, 7.0, 5.0];
    let files = [
        folder.put("a.npy", f32s("(3, 2)", &values)),
        folder.put("b.npy", npy("<f8", "(3, 2)", values.iter().flat_map(|value| f64::from(*value).to_le_bytes()))),
        folder.put("c.npy", npy("<i8", "(3, 2)", values.iter().flat_map(|value| (*value as i64).to_le_bytes()))),
        folder.put("d.npy", npy("<i4", "(3, 1, 2)", values.iter().flat_map(|value| (*value as i32).to_le_bytes()))),
        folder.put("e.csv", "a,b\n1,-2\n0,3\n7,5\n"),
        folder.put("f.csv", "1,-2\n0,3\n7,5"),
        folder.put("g.csv", "t,b,a\n9,-2,1\n9,3,0\n9,5,7\n"),
    ];
    let scores: Vec<_> = files
        .iter()
        .map(|file| {
            let out = folder.path("out.npy");
            let columns: &[&str] = if file.ends_with("g.csv") { &["--columns", "a,b"] } else { &[] };
            figures(&[&[model.as_str(), file, "--out", &out], columns].concat());
            read_npy(&out)
        })
        .collect();
    assert_eq!(scores[0].0, "(3, 2)");
    assert!((f64::from(scores[0].1[1]) - 1.0 / (1.0 + (-3.25f64).exp())).abs() < CLOSE);
    scores.iter().zip(&files).for_each(|(score, file)| assert_eq!(*score, scores[0], "{file}"));
    let one = folder.put("one.npy", f32s("(2,)", &values[..2]));
    figures(&[&model, &one, "--out", &folder.path("out.npy")]);
    assert_eq!(read_npy(&folder.path("out.npy")), ("(1, 2)".to_owned(), scores[0].1[..2].to_vec()));
    let none = folder.put("none.npy", f32s("(0, 2)", &[]));
    assert_eq!(figures(&[&model, &none, "--out", &folder.path("out.npy")])["rows"], 0);
    assert_eq!(read_npy(&folder.path("out.npy")), ("(0, 2)".to_owned(), Vec::new()));
    assert!(folder.names().iter().all(|name| !name.ends_with(".part")), "{:?}", folder.names());
}

#[test]
fn rows_become_windows() {
    let folder = Folder::new();
    let model = folder.put("w.onnx", onnx::logistic(&[0.5, -1.0, 0.25, 2.0, -0.75, 0.1], 0.0));
    let values: Vec<f32> = (0..10).map(|at| (at * 7 % 5) as f32 - 2.0).collect();
    let table = folder.put("table.csv", values.chunks(2).map(|row| format!("{},{}\n", row[0], row[1])).collect::<String>());
    let slid: Vec<f32> = values.windows(6).step_by(2).flatten().copied().collect();
    let windows = folder.put("windows.npy", f32s("(3, 3, 2)", &slid));
    let flat = folder.put("flat.npy", f32s("(3, 6)", &slid));
    let out = folder.path("out.npy");
    let scores: Vec<_> = [vec![table.as_str(), "--window", "3"], vec![&windows], vec![&flat, "--shape", "3,2"], vec![&flat]]
        .iter()
        .map(|rows| {
            figures(&[&[model.as_str(), "--out", &out], rows.as_slice()].concat());
            read_npy(&out)
        })
        .collect();
    assert_eq!(scores[0].0, "(3, 2)");
    scores.iter().for_each(|score| assert_eq!(*score, scores[0]));
    refused(&[&model, &table, "--window", "6"], 4, &["table.csv", "5 rows are no window of 6"]);
    refused(&[&model, &flat, "--shape", "4,2"], 4, &["flat.npy", "6 values"]);
    refused(&[&model, &table], 4, &["table.csv", "a row has 2 values", "input x reads", "6", "--window"]);
}

#[test]
fn states_go_from_row_to_row() {
    if library().is_none() {
        return;
    }
    let folder = Folder::new();
    let model = folder.put("sum.onnx", onnx::sum());
    let by_ort = ["--backend", "ort"];
    let (x, first) = (folder.put("x.npy", f32s("(4,)", &[1.0, 2.0, 3.0, 4.0])), folder.put("h.npy", f32s("(1, 1)", &[10.0])));
    let each = folder.path("{output}.npy");
    for (backend, name) in [(&[][..], "native"), (&by_ort, "ort")] {
        let done = figures(&[&[&model, &x, "--carry", "sum=h", "--out", &each], backend].concat());
        assert_eq!(done["backend"], name, "{done}");
        assert_eq!(read_npy(&folder.path("sum.npy")).1, [1.0, 3.0, 6.0, 10.0]);
        figures(&[&[&model, &x, "--carry", "sum=h", "--input", &format!("h={first}"), "--out", &each], backend].concat());
        assert_eq!(read_npy(&folder.path("sum.npy")).1, [11.0, 13.0, 16.0, 20.0]);
    }
    figures(&[&model, "--input", &format!("x={x}"), "--input", &format!("h={first}"), "--out", &each]);
    assert_eq!(read_npy(&folder.path("sum.npy")).1, [11.0, 12.0, 13.0, 14.0], "one row serves every row");
    refused(&[&model, &x], 2, &["the inputs x, h have no file", "--input NAME=FILE"]);
    refused(&[&model, &x, "--carry", "sum=y"], 2, &["no input y; its inputs are x, h"]);
    refused(&[&model, &x, "--carry", "total=h"], 2, &["no float output total; it has sum"]);
    refused(&[&model, &x, "--carry", "sum=h", "--input", &format!("h={x}")], 4, &["x.npy", "4 rows", "first state of h is one row"]);
    refused(&[&model, "--carry", "sum=h", "--carry", "sum=x"], 2, &["no input reads rows: every one is carried"]);
    let three = folder.put("three.npy", f32s("(3, 1)", &[1.0; 3]));
    refused(&[&model, &x, "--input", &format!("h={three}")], 4, &["three.npy", "3 rows", "x.npy has 4"]);
}

#[test]
fn a_recurrent_network_carries_its_state_natively() {
    let folder = Folder::new();
    let steps = |name: &str| format!("{}/models/fixtures/steps/{name}", env!("CARGO_MANIFEST_DIR"));
    let (model, table, out) = (steps("lstm_2.carry.onnx"), steps("lstm_2.csv"), folder.path("{output}.npy"));
    let rows = [&model, &table, "--columns", "0-2", "--carry", "hn=h0", "--out", &out];
    let done = figures(&[&rows[..], &["--carry", "cn=c0"]].concat());
    assert_eq!((&done["backend"], done["family"].as_str()), (&"native".into(), Some("lstm")));
    let expected = std::fs::read_to_string(&table).unwrap();
    let expected = expected.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse::<f32>().unwrap());
    read_npy(&folder.path("p.npy")).1.iter().zip(expected).for_each(|(ours, theirs)| assert!((ours - theirs).abs() < 1e-6));
    // One state of two is not carried.
    refused(&[&rows[..], &["--backend", "native"]].concat(), 2, &["the inputs x, c0 have no file"]);
}

#[test]
fn numbers_that_no_model_can_read_are_named() {
    let folder = Folder::new();
    let model = folder.put("m.onnx", onnx::logistic(&[4.0, 0.5], 0.25));
    let csv = folder.put("rows.csv", "a,b\n1,2\n3,\n");
    refused(&[&model, &csv], 4, &["rows.csv", "row 1, column 1", "(b)", "no missing values"]);
    let infinite = folder.put("rows.npy", f32s("(1, 2)", &[1.0, f32::INFINITY]));
    refused(&[&model, &infinite], 4, &["rows.npy", "row 0, column 1", "inf"]);
    let gaps = folder.put("gaps.csv", "1,,3,,5\n");
    let done = score(&[&root("models/fixtures/xgb_2_missing.onnx"), &gaps]);
    assert!(done.status.success(), "trees that were trained with gaps take them: {}", stderr(&done));
}

#[test]
fn outputs_that_are_no_numbers_end_the_run_unless_they_are_wanted() {
    let folder = Folder::new();
    let model = folder.put("ratio.onnx", onnx::ratio(2));
    let rows = folder.put("rows.npy", f32s("(3, 2)", &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]));
    let out = folder.path("out.npy");
    refused(&[&model, &rows, "--out", &out], 3, &["ratio.onnx", "row 1 gives NaN as y[1]", "--allow-nan"]);
    assert_eq!(folder.names(), ["ratio.onnx", "rows.npy"], "nothing is left behind");
    let done = figures(&[&model, &rows, "--allow-nan", "--out", &out]);
    assert_eq!(done["rows_not_finite"], 2);
    let (_, values) = read_npy(&out);
    assert_eq!(values.iter().map(|value| value.is_nan()).collect::<Vec<_>>(), [false, false, false, true, true, true]);
}

#[test]
fn an_endless_run_ends_at_its_deadline() {
    if library().is_none() {
        return;
    }
    let folder = Folder::new();
    let rows = folder.put("rows.csv", "0\n0\n2\n");
    let began = std::time::Instant::now();
    refused(&[&root("tests/graphs/endless.onnx"), &rows, "--deadline-us", "20000"], 3, &["row 2", "20000 us"]);
    assert!(began.elapsed().as_secs() < 8, "the watchdog did not end the run");
}

#[test]
fn what_is_wrong_with_the_call_is_said() {
    let folder = Folder::new();
    let (model, rows) = (folder.put("m.onnx", onnx::logistic(&[4.0, 0.5], 0.25)), folder.put("rows.csv", "1,2\n"));
    refused(&[&model, &rows, "--backend", "rten"], 3, &["LinearClassifier"]);
    refused(&[&model, &rows, "--backend", "ort", "--ort-library", &folder.path("none.so")], 3, &["none.so", "pip install onnxruntime"]);
    refused(&[&model, &rows, "--out", &rows], 2, &["rows.csv is an input too"]);
    refused(&[&model, &rows, "--out", &folder.path("o.txt")], 2, &[".npy or .csv"]);
    refused(&[&model], 2, &["the inputs x have no file"]);
    refused(&[&model, &rows, "--input", &format!("x={rows}")], 2, &["name every input of the graph already"]);
    refused(&[&model, "--input", "x"], 2, &["--input x: a = is missing"]);
    refused(&[&model, "--input", &format!("y={rows}")], 2, &["no input y; its inputs are x"]);
    refused(&[&model, &folder.path("none.csv")], 4, &["none.csv"]);
    refused(&[&folder.path("none.onnx"), &rows], 4, &["none.onnx"]);
    refused(&[&rows, &rows], 3, &["rows.csv", "ONNX"]);
    refused(&[&model, &folder.put("rows.txt", "1,2\n")], 2, &["rows.txt", ".npy and .csv"]);
    refused(&[&model, &folder.put("cut.npy", &f32s("(2, 2)", &[1.0; 4])[..140])], 4, &["cut.npy", "damaged"]);
    refused(&[&model, &folder.put("big.npy", f32s("(9999999999, 9999999999)", &[1.0]))], 4, &["big.npy", "more than memory"]);
    refused(&[&model, &folder.put("text.csv", "1,2\n3,x\n")], 4, &["text.csv:2: column 1: \"x\" is no number"]);
    refused(&[&model, &rows, "--columns", "a"], 2, &["\"a\" is none of its 2 columns"]);
    let wide = folder.put("wide.csv", "1,2,3\n");
    refused(&[&model, &wide], 4, &["wide.csv", "a row has 3 values", "--columns"]);
}

#[test]
fn scores_on_standard_output_can_be_piped() {
    let folder = Folder::new();
    let (model, rows) = (folder.put("m.onnx", onnx::logistic(&[4.0, 0.5], 0.25)), folder.put("rows.csv", "1,2\n0,-0.5\n"));
    let done = Command::new(env!("CARGO_BIN_EXE_foretick")).args(["score", "--quiet", &model, &rows]).output().unwrap();
    let lines: Vec<String> = String::from_utf8(done.stdout.clone()).unwrap().lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[0].as_str(), lines[2].as_str()), (3, "probabilities[0],probabilities[1]", "0.5,0.5"));
    for part in ["backend          native", "because          a native kernel exists", "row p99 ns", "inputs           x [1, 2] from", "not float        label"]
    {
        assert!(stderr(&done).contains(part), "{part} is not in {}", stderr(&done));
    }
}

//! Graphs that hand their state from step to step: against float64, against the same network over whole windows, and what is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretick::Status;
use foretick::model::backend::Backend;
use foretick::model::carried::CarriedState;
use foretick::model::native::{self, Level};
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;
use foretick::types::prediction::backend::{NATIVE, STATEFUL};

/// Values of a row.
const FEATURES: usize = 3;
/// |ours - theirs| <= ABS + REL |theirs|
const ABS: f64 = 1e-6;
const REL: f64 = 1e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fixtures/steps")
}

fn parsed(name: &str) -> Graph {
    Graph::parse(&fs::read(folder().join(name)).unwrap()).unwrap()
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".onnx"));
    names.sort();
    names
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(output, input)| ((*output).to_owned(), (*input).to_owned())).collect()
}

/// What a fixture carries by name.
fn carry(name: &str) -> Vec<(String, String)> {
    match name {
        name if name.contains(".layers") => Vec::new(),
        name if name.starts_with("gru") => pairs(&[("hn", "h0")]),
        _ => pairs(&[("hn", "h0"), ("cn", "c0")]),
    }
}

fn step(name: &str, level: Level) -> Arc<dyn Backend> {
    native::compile_step_for(&parsed(name), FEATURES, &carry(name), level).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rows of a fixture's sequence with what belongs to each.
fn table(name: &str) -> Vec<(Vec<f32>, f64)> {
    let case = name.split('.').next().unwrap();
    let text = fs::read_to_string(folder().join(format!("{case}.csv"))).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[..FEATURES].iter().map(|cell| cell.parse().unwrap()).collect(), cells[FEATURES].parse().unwrap())
    };
    text.lines().skip(1).map(row).collect()
}

/// What a model gives first behind each row of a sequence.
fn run(model: &Arc<dyn Backend>, rows: &[&[f32]]) -> Vec<f32> {
    let (mut state, mut instance) = (CarriedState::new(0, &**model), model.clone().instance(&RunLimit::none()).unwrap());
    let mut one = |row: &&[f32]| {
        state.step(model.carries(), &mut *instance, |input| input.copy_from_slice(row)).unwrap();
        state.out()[0]
    };
    rows.iter().map(&mut one).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_step_gives_what_float64_gives() {
    assert!(names().len() >= 8, "fixtures are missing");
    for name in names() {
        let (model, table) = (step(&name, Level::best()), table(&name));
        let rows: Vec<&[f32]> = table.iter().map(|(row, _)| row.as_slice()).collect();
        for (at, (ours, (_, theirs))) in run(&model, &rows).into_iter().zip(&table).enumerate() {
            assert!((f64::from(ours) - theirs).abs() <= ABS + REL * theirs.abs(), "{name} row {at}: {ours} is not {theirs}");
        }
        assert_eq!((model.bits(), model.inputs()[0].width()), (NATIVE | STATEFUL, FEATURES));
    }
}

/// The same network over a window that holds all rows so far, and with its state among inputs and outputs: the same bits, at every level.
#[test]
fn a_step_gives_the_bits_of_the_window_that_holds_all_rows() {
    for name in names() {
        let table = table(&name);
        let rows: Vec<&[f32]> = table.iter().map(|(row, _)| row.as_slice()).collect();
        let expected = bits(&run(&step(&name, Level::best()), &rows));
        for level in Level::available() {
            assert_eq!(bits(&run(&step(&name, level), &rows)), expected, "{name} {}", level.name());
        }
        let layers = parsed(&format!("{}.layers.onnx", name.split('.').next().unwrap()));
        for count in [1, 2, 17, rows.len()] {
            let window = native::compile(&layers, Some(&[count, FEATURES])).unwrap();
            let mut out = vec![0.0; window.output_width()];
            window.clone().instance(&RunLimit::none()).unwrap().run(&rows[..count].concat(), &mut out).unwrap();
            assert_eq!(out[0].to_bits(), expected[count - 1], "{name} over {count} rows");
        }
    }
}

#[test]
fn a_state_that_is_no_number_begins_anew() {
    let model = step("lstm_2.carry.onnx", Level::best());
    let table = table("lstm_2");
    let rows: Vec<&[f32]> = table.iter().map(|(row, _)| row.as_slice()).collect();
    let nan = [f32::NAN; FEATURES];
    let given = run(&model, &[&rows[..5], &[&nan], &rows[..8]].concat());
    assert!(given[5].is_nan());
    assert_eq!(bits(&given[6..]), bits(&run(&model, &rows[..8])));
}

#[test]
fn models_say_what_they_carry() {
    let named = step("lstm_2.carry.onnx", Level::best());
    assert_eq!(named.summary(), "LSTM 18, 18 on 3; dense 18-1; 72 values carried");
    let ports = |model: &Arc<dyn Backend>| {
        let shown = |ports: &[foretick::model::backend::Port]| ports.iter().map(|port| format!("{} {:?}", port.name, port.dims)).collect::<Vec<_>>().join(", ");
        (shown(model.inputs()), shown(model.outputs()))
    };
    assert_eq!(ports(&named), ("x [1, 1, 3], h0 [2, 1, 18], c0 [2, 1, 18]".into(), "p [1, 1], hn [2, 1, 18], cn [2, 1, 18]".into()));
    let places: Vec<_> = named.carries().iter().map(|carry| (carry.from.clone(), carry.to.clone())).collect();
    assert_eq!(places, [(1..37, 3..39), (37..73, 39..75)]);
    let layers = step("lstm_stored.layers.onnx", Level::best());
    assert_eq!((layers.inputs().len(), layers.outputs().len(), layers.carries().len()), (5, 5, 4), "state and cell of both layers");
    assert!(layers.carries().iter().all(|carry| carry.first.iter().all(|value| *value != 0.0)), "which begin with stored numbers");
    assert!(layers.ahead().is_none() && named.ahead().is_none());
}

#[test]
fn what_cannot_be_carried_is_refused_by_name() {
    let refused = |name: &str, columns: usize, carry: &[(&str, &str)]| {
        let error = native::compile_step(&parsed(name), columns, &pairs(carry)).unwrap_err();
        assert_eq!(error.status(), Status::Operator, "{error}");
        error.text().to_owned()
    };
    for (carry, text) in [
        (&[("hn", "h0")][..], "2 inputs that are not carried (`x`, `c0`)"),
        (&[("hn", "h0"), ("cn", "c9")], "no input `c9`, which is to be carried; it has `x`, `h0`, `c0`"),
        (&[("hn", "h0"), ("cx", "c0")], "no float32 output `cx`, which is to be carried; it has `p`, `hn`, `cn`"),
        (&[("p", "h0"), ("cn", "c0")], "the output `p` has dimensions [1, 1], the input `h0` that carries it on [2, 1, 18]"),
        (&[("hn", "h0"), ("cn", "c0"), ("hn", "h0")], "the input `h0` is carried twice"),
        (&[("hn", "h0"), ("cn", "c0"), ("p", "x")], "0 inputs that are not carried"),
        (&[], "3 inputs that are not carried (`x`, `h0`, `c0`)"),
    ] {
        let error = refused("lstm_2.carry.onnx", FEATURES, carry);
        assert!(error.contains(text), "{error}");
    }
    assert!(refused("../nets/lstm_2.script17.onnx", FEATURES, &[]).contains("reads 6 steps and a stateful model one"));
    assert!(refused("../nets/mlp_relu.script17.onnx", 5, &[]).contains("no LSTM or GRU layer that carries a state"));
    // Without a word of state several inputs are no row.
    assert!(native::compile(&parsed("lstm_2.carry.onnx"), None).unwrap_err().text().contains("3 inputs where a row is one"));
}

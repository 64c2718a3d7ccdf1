//! Neural networks that nobody should serve: damaged, hostile, or of a kind that no kernel runs. Each answers an error, none a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/graphs.rs"]
mod graphs;

use std::fs;
use std::path::Path;

use foretick::Status;
use graphs::wire::{bytes, int};
use graphs::{Layer, attempt, attr, floats, ints, model, node, refused, stack, texts, value, weights, whole};

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/fixtures/nets/{name}.onnx"))).unwrap()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    attr(name, 3, bytes(4, value))
}

fn number(name: &str, value: i64) -> Vec<u8> {
    attr(name, 2, int(3, value))
}

#[track_caller]
fn layer_refused(op: &'static str, change: impl FnOnce(&mut Layer), status: Status, text: &str) {
    let mut layer = Layer::new(op, 5, 3, 2);
    change(&mut layer);
    refused(&layer.file(), status, text);
}

#[test]
fn the_writer_writes_good_networks() {
    assert_eq!(attempt(&Layer::new("LSTM", 5, 3, 2).file()).unwrap(), "LSTM 2 on 5 x 3");
    assert_eq!(attempt(&stack("LSTM", 5, 3, &[20, 2])).unwrap(), "LSTM 20, 2 on 5 x 3; dense 2-4");
    assert_eq!(attempt(&stack("GRU", 5, 3, &[17, 70])).unwrap(), "GRU 17, 70 on 5 x 3; dense 70-4");
}

#[test]
fn a_network_cut_anywhere_is_refused() {
    for name in ["lstm_1.script17", "gru_1.dynamo18_static", "cnn_padded.dynamo18"] {
        let whole = fixture(name);
        attempt(&whole).unwrap();
        for len in 0..whole.len() {
            let error = attempt(&whole[..len]).expect_err("a part of a file is no model");
            assert_eq!(error.status(), Status::Model, "{name} cut to {len}: {error}");
        }
    }
}

#[test]
fn changed_bytes_of_networks_never_panic() {
    for name in ["lstm_1.dynamo18", "gru_1.script17", "cnn_padded.script17", "cnn_residual.dynamo18", "mlp_gelu_layernorm.dynamo18", "keras_lstm_1.keras2_17"] {
        let whole = fixture(name);
        for index in 0..whole.len() {
            for change in [0x01, 0x04, 0x40, 0x80, 0xff, whole[index]] {
                let mut file = whole.clone();
                file[index] ^= change;
                let _ = attempt(&file);
            }
        }
    }
}

#[test]
fn layers_whose_sizes_contradict_are_refused() {
    for op in ["LSTM", "GRU"] {
        layer_refused(op, |layer| layer.weights[0][2] = 4, Status::Model, "for 3 features");
        layer_refused(op, |layer| layer.weights[0][1] += 1, Status::Model, "weights W");
        layer_refused(op, |layer| layer.weights[0][0] = 2, Status::Model, "weights W");
        layer_refused(op, |layer| layer.weights[1][2] = 3, Status::Model, "R [1,");
        layer_refused(op, |layer| layer.weights[1] = vec![1, 0, 0], Status::Model, "weights W");
        layer_refused(op, |layer| layer.weights[1] = vec![2], Status::Model, "recurrent weights R");
        layer_refused(op, |layer| layer.weights[2][1] -= 1, Status::Model, "B Some");
        layer_refused(op, |layer| layer.weights[1][2] = -2, Status::Model, "-2");
        layer_refused(op, |layer| layer.attrs = number("hidden_size", i64::MAX), Status::Model, "hidden_size 9223372036854775807");
        layer_refused(op, |layer| layer.attrs = number("hidden_size", -1), Status::Model, "hidden_size -1");
        layer_refused(op, |layer| layer.attrs = text("hidden_size", "2"), Status::Model, "another type");
        layer_refused(op, |layer| layer.steps = 0, Status::Operator, "rows fixed");
        layer_refused(op, |layer| layer.steps = 1 << 40, Status::Operator, "values or none");
    }
}

/// Nodes on an input of 4 steps of one channel, [1, 1, 4].
fn sequence(nodes: &[Vec<u8>], stored: &[Vec<u8>], dims: &[i64]) -> Vec<u8> {
    model(&[nodes.concat(), stored.concat(), value(11, "x", dims), value(12, "y", &[1, 1])].concat(), 17)
}

#[test]
fn a_kernel_with_more_dimensions_than_its_value_is_refused() {
    let conv = node("Conv", "", &["x", "w"], &["y"], &[]);
    refused(&sequence(&[conv], &[weights("w", &[1, 1, 1, 3])], &[1, 1, 1]), Status::Operator, "Conv");
}

/// The attribute belongs to pooling: a convolution that obeyed it would read behind its input.
#[test]
fn a_convolution_rounds_its_windows_down() {
    let attrs = [number("ceil_mode", 1), ints("strides", &[2])].concat();
    let conv = node("Conv", "", &["x", "w"], &["y"], &attrs);
    attempt(&sequence(&[conv], &[weights("w", &[1, 1, 3])], &[1, 1, 4])).unwrap();
}

#[test]
fn values_of_nothing_are_refused() {
    let slice = node("Slice", "", &["x", "zero", "zero", "axes"], &["none"], &[]);
    let sum = node("ReduceSum", "", &["none"], &["y"], &number("keepdims", 1));
    let stored = [whole("zero", &[0]), whole("axes", &[2])];
    refused(&sequence(&[slice, sum], &stored, &[1, 1, 4]), Status::Operator, "leaves nothing");
}

/// Many layers over one small stored tensor must not take memory without end.
#[test]
fn layers_that_multiply_one_tensor_are_bounded() {
    let layers: Vec<Vec<u8>> = (0..64).map(|at| node("MatMul", "", &["x", "w"], &[&format!("y{at}")], &[])).collect();
    let names: Vec<String> = (0..64).map(|at| format!("y{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let joined = [node("Concat", "", &names, &["all"], &number("axis", 1)), node("Relu", "", &["all"], &["y"], &[])];
    let width = 1 << 20;
    let file = model(&[layers.concat(), joined.concat(), weights("w", &[width, 1]), value(11, "x", &[1, width]), value(12, "y", &[1, 64])].concat(), 17);
    refused(&file, Status::Operator, "bytes of weights together");
}

#[test]
fn variants_without_a_kernel_are_named() {
    for op in ["LSTM", "GRU"] {
        let with = |attrs: Vec<u8>| move |layer: &mut Layer| layer.attrs.extend(attrs);
        layer_refused(op, with(text("direction", "bidirectional")), Status::Operator, "bidirectional: it reads the window from its end");
        layer_refused(op, with(text("direction", "reverse")), Status::Operator, "reverse");
        layer_refused(op, with(text("direction", "sideways")), Status::Model, "sideways");
        layer_refused(op, with(attr("clip", 1, graphs::wire::float(2, 3.0))), Status::Operator, "clip");
        layer_refused(op, with(texts("activations", &["Relu", "Tanh", "Tanh"])), Status::Operator, "Relu");
        layer_refused(op, with(ints("activation_alpha", &[1])), Status::Model, "activation_alpha");
        layer_refused(op, with(number("layout", 1)), Status::Operator, "one window");
        let lengths = |layer: &mut Layer| (layer.inputs, layer.stored) = (vec!["n"], whole("n", &[4]));
        layer_refused(op, lengths, Status::Operator, "sequence_lens");
        let state = |layer: &mut Layer| (layer.inputs, layer.stored) = (vec!["", "h0"], weights("h0", &[1, 1, 3]));
        layer_refused(op, state, Status::Model, "initial state");
        layer_refused(op, |layer| layer.inputs = vec!["", "x"], Status::Model, "begins with a state with dimensions");
        let mut whole_window = Layer::new(op, 5, 3, 2);
        (whole_window.inputs, whole_window.stored) = (vec!["n"], whole("n", &[5]));
        attempt(&whole_window.file()).unwrap();
    }
    layer_refused("LSTM", |layer| layer.attrs.extend(number("input_forget", 1)), Status::Operator, "input_forget");
    let peepholes = |layer: &mut Layer| (layer.inputs, layer.stored) = (vec!["", "", "", "P"], weights("P", &[1, 6]));
    layer_refused("LSTM", peepholes, Status::Operator, "peepholes");
}

/// A graph of one input of two values, its nodes and stored tensors.
fn graph(parts: &[Vec<u8>]) -> Vec<u8> {
    model(&[parts.concat(), value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat(), 17)
}

fn add(name: &str) -> Vec<u8> {
    node("Add", "", &["x", name], &["y"], &[])
}

/// Small files that ask for much memory.
#[test]
fn constants_are_not_made_from_a_claimed_size() {
    let filled = |dims: &[i64]| graph(&[whole("n", dims), node("ConstantOfShape", "", &["n"], &["c"], &[]), add("c")]);
    attempt(&filled(&[1, 2])).unwrap();
    refused(&filled(&[1 << 40]), Status::Operator, "constants of more than");
    refused(&filled(&[i64::MAX, i64::MAX, 0]), Status::Operator, "constants of more than");
    refused(&filled(&[1 << 23]), Status::Operator, "constants of more than");
    refused(&filled(&[-1]), Status::Model, "whole numbers from 0 on");
    refused(&filled(&[3]), Status::Operator, "Add");
    let expanded = |dims: &[i64]| graph(&[whole("n", dims), weights("w", &[1]), node("Expand", "", &["w", "n"], &["c"], &[]), add("c")]);
    attempt(&expanded(&[1, 2])).unwrap();
    refused(&expanded(&[1 << 30, 2]), Status::Operator, "Expand");
    refused(&expanded(&[-1, 2]), Status::Operator, "negative");
    let range = |limit: i64, step: i64| {
        let bounds = [whole("a", &[0]), whole("b", &[limit]), whole("c", &[step])].concat();
        let cast = node("Cast", "", &["r"], &["f"], &number("to", 1));
        graph(&[bounds, node("Range", "", &["a", "b", "c"], &["r"], &[]), cast, add("f")])
    };
    attempt(&range(2, 1)).unwrap();
    refused(&range(i64::MAX, 1), Status::Operator, "constants of more than");
    refused(&range(i64::MIN, -1), Status::Operator, "constants of more than");
    refused(&range(2, 0), Status::Model, "steps of 0");
    // Each is small enough, all together are not.
    let many = (0..8).flat_map(|i| node("ConstantOfShape", "", &["n"], &[&format!("c{i}")], &[])).collect();
    let sum = node("Add", "", &["c0", "c1"], &["c"], &[]);
    let rest: Vec<u8> = (2..8).flat_map(|i| node("Add", "", &["x", &format!("c{i}")], &[&format!("y{i}")], &[])).collect();
    let outputs: Vec<u8> = (2..8).flat_map(|i| value(12, &format!("y{i}"), &[1])).collect();
    refused(&graph(&[whole("n", &[1 << 22]), many, sum, add("c"), rest, outputs]), Status::Operator, "constants of more than");
}

#[test]
fn what_moves_values_stays_inside_them() {
    let stored = |numbers: &[i64]| whole("n", numbers);
    let moved =
        |op: &str, numbers: &[i64], attrs: &[u8]| graph(&[stored(numbers), node(op, "", &["x", "n"], &["z"], attrs), node("Neg", "", &["z"], &["y"], &[])]);
    refused(&moved("Gather", &[2], &number("axis", 1)), Status::Operator, "place 2 of 2");
    refused(&moved("Gather", &[i64::MIN], &number("axis", 1)), Status::Operator, "of 2");
    refused(&moved("Gather", &[0], &number("axis", 7)), Status::Operator, "axis 7");
    refused(&moved("Split", &[i64::MAX, 3], &number("axis", 1)), Status::Operator, "Split");
    refused(&moved("Unsqueeze", &[0, 0], &[]), Status::Operator, "Unsqueeze");
    refused(&moved("Unsqueeze", &(0..40).collect::<Vec<_>>(), &[]), Status::Operator, "Unsqueeze");
    refused(&moved("Expand", &[1 << 31, 1 << 31, 2], &[]), Status::Operator, "Expand");
    refused(&moved("Pad", &[0, 1 << 40, 0, 0], &[]), Status::Operator, "Pad");
    refused(&moved("Pad", &[0, -1, 0, 0], &[]), Status::Operator, "Pad");
    refused(&moved("Pad", &[0, 1], &[]), Status::Operator, "Pad");
    refused(&moved("Pad", &[1 << 20, 1 << 20, 0, 0], &[]), Status::Operator, "constants of more than");
    attempt(&moved("Pad", &[0, 1, 0, 3], &[])).unwrap();
    let turned = |perm: &[i64]| graph(&[node("Transpose", "", &["x"], &["y"], &ints("perm", perm))]);
    attempt(&turned(&[1, 0])).unwrap();
    refused(&turned(&[0, 0]), Status::Operator, "Transpose");
    refused(&turned(&[0]), Status::Operator, "Transpose");
    let cut = |start: i64, end: i64, step: i64| {
        let bounds = [whole("a", &[start]), whole("b", &[end]), whole("c", &[1]), whole("d", &[step])].concat();
        graph(&[bounds, node("Slice", "", &["x", "a", "b", "c", "d"], &["z"], &[]), node("Neg", "", &["z"], &["y"], &[])])
    };
    attempt(&cut(i64::MIN, i64::MAX, 1)).unwrap();
    attempt(&cut(i64::MAX, i64::MIN, -1)).unwrap();
    attempt(&cut(-1, 9, 5)).unwrap();
    refused(&cut(0, 2, 0), Status::Operator, "steps of 0");
    refused(&cut(0, 2, i64::MIN), Status::Operator, "steps of");
    refused(&cut(2, 1, 1), Status::Operator, "leaves nothing");
}

#[test]
fn convolutions_that_contradict_themselves_are_refused() {
    let conv = |dims: &[i64], attrs: &[u8]| {
        let parts = [node("Conv", "", &["x", "w"], &["y"], attrs), weights("w", dims), value(11, "x", &[1, 4, 6]), value(12, "y", &[1, 2, 6])];
        model(&parts.concat(), 17)
    };
    attempt(&conv(&[2, 4, 3], &ints("pads", &[1, 1]))).unwrap();
    attempt(&conv(&[4, 2, 3], &number("group", 2))).unwrap();
    refused(&conv(&[2, 3, 3], &[]), Status::Model, "for 4 channels");
    refused(&conv(&[3, 2, 3], &number("group", 2)), Status::Model, "for 4 channels");
    refused(&conv(&[2, 4, 3], &number("group", 0)), Status::Model, "for 4 channels");
    refused(&conv(&[2, 4, 3], &number("group", i64::MAX)), Status::Model, "for 4 channels");
    refused(&conv(&[2, 4, 7], &[]), Status::Model, "7 of 6 steps");
    refused(&conv(&[2, 4, 0], &[]), Status::Model, "kernel of 0");
    refused(&conv(&[2, 4], &[]), Status::Operator, "one sequence");
    refused(&conv(&[2, 4, 3, 3], &[]), Status::Operator, "one sequence");
    refused(&conv(&[2, 4, 3], &ints("strides", &[0])), Status::Model, "strides [0]");
    refused(&conv(&[2, 4, 3], &ints("strides", &[1, 1])), Status::Model, "strides [1, 1]");
    refused(&conv(&[2, 4, 3], &ints("dilations", &[i64::MAX])), Status::Model, "dilations");
    refused(&conv(&[2, 4, 3], &ints("pads", &[-1, 0])), Status::Model, "pads [-1, 0]");
    refused(&conv(&[2, 4, 3], &ints("pads", &[i64::MAX, 0])), Status::Model, "pads");
    refused(&conv(&[2, 4, 3], &ints("kernel_shape", &[5])), Status::Operator, "one sequence");
    refused(&conv(&[2, 4, 3], &text("auto_pad", "SIDEWAYS")), Status::Operator, "SIDEWAYS");
    refused(&conv(&[2, 4, 3], &floats("strides", &[1.0])), Status::Model, "another type");
    attempt(&conv(&[2, 4, 3], &[text("auto_pad", "SAME_LOWER"), ints("strides", &[2])].concat())).unwrap();
    let pool = |attrs: &[u8]| {
        let parts = [node("MaxPool", "", &["x"], &["y"], attrs), value(11, "x", &[1, 4, 6]), value(12, "y", &[1, 4, 3])];
        model(&parts.concat(), 17)
    };
    attempt(&pool(&ints("kernel_shape", &[2]))).unwrap();
    let long = [node("MaxPool", "", &["x"], &["y"], &ints("kernel_shape", &[1 << 19])), value(11, "x", &[1, 1, 1 << 20]), value(12, "y", &[1, 1, 1])];
    refused(&model(&long.concat(), 17), Status::Operator, "multiplications");
    refused(&pool(&[]), Status::Operator, "one sequence");
    refused(&pool(&ints("kernel_shape", &[-2])), Status::Operator, "one sequence");
    refused(&pool(&[ints("kernel_shape", &[2]), ints("strides", &[i64::MIN])].concat()), Status::Model, "strides");
}

//! ONNX files written field by field: those that no library would write, and networks of any size.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "each test uses a part of it, and fails by panicking")]

use foretick::model::native;
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;
use foretick::{Error, Status};

/// Just enough of protobuf's wire format to write files that no library would write.
pub mod wire {
    pub fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }
    pub fn int(field: u64, value: i64) -> Vec<u8> {
        [varint(field << 3), varint(value as u64)].concat()
    }
    pub fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
        let content = content.as_ref();
        [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    }
    pub fn float(field: u64, value: f32) -> Vec<u8> {
        [varint(field << 3 | 5), value.to_le_bytes().to_vec()].concat()
    }
}
use wire::{bytes, int};

/// A file of a graph's bytes for one version of `ai.onnx`.
pub fn model(graph: &[u8], opset: i64) -> Vec<u8> {
    let import = |domain: &str, version| bytes(8, [bytes(1, domain), int(2, version)].concat());
    [int(1, 8), bytes(7, graph), import("", opset), import("ai.onnx.ml", 3)].concat()
}

/// A float32 input (field 11) or output (field 12).
pub fn value(field: u64, name: &str, dims: &[i64]) -> Vec<u8> {
    let shape: Vec<u8> = dims.iter().flat_map(|dim| bytes(1, int(1, *dim))).collect();
    bytes(field, [bytes(1, name), bytes(2, bytes(1, [int(1, 1), bytes(2, shape)].concat()))].concat())
}

/// An attribute of one kind.
pub fn attr(name: &str, kind: i64, content: Vec<u8>) -> Vec<u8> {
    bytes(5, [bytes(1, name), content, int(20, kind)].concat())
}

/// An attribute of whole numbers.
pub fn ints(name: &str, values: &[i64]) -> Vec<u8> {
    attr(name, 7, values.iter().flat_map(|value| int(8, *value)).collect())
}

/// An attribute of floats.
pub fn floats(name: &str, values: &[f32]) -> Vec<u8> {
    attr(name, 6, values.iter().flat_map(|value| wire::float(7, *value)).collect())
}

/// An attribute of texts.
pub fn texts(name: &str, values: &[&str]) -> Vec<u8> {
    attr(name, 8, values.iter().flat_map(|value| bytes(9, value)).collect())
}

/// A node.
pub fn node(op: &str, domain: &str, inputs: &[&str], outputs: &[&str], attrs: &[u8]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
    let outputs: Vec<u8> = outputs.iter().flat_map(|name| bytes(2, name)).collect();
    bytes(1, [inputs, outputs, bytes(4, op), attrs.to_vec(), bytes(7, domain)].concat())
}

/// A stored float32 tensor.
pub fn tensor(name: &str, dims: &[i64], data: Vec<u8>) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| int(1, *dim)).collect();
    [dims, int(2, 1), bytes(8, name), data].concat()
}

/// Its values.
pub fn raw(values: &[f32]) -> Vec<u8> {
    bytes(9, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// A stored tensor of whole numbers.
pub fn whole(name: &str, values: &[i64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes(5, [int(1, values.len() as i64), int(2, 7), bytes(8, name), bytes(9, data)].concat())
}

/// A stored tensor of as many small numbers as its dimensions say; a negative one counts as 0.
pub fn weights(name: &str, dims: &[i64]) -> Vec<u8> {
    let count: i64 = dims.iter().map(|dim| (*dim).max(0)).product();
    let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin() * 0.2).collect();
    bytes(5, tensor(name, dims, raw(&values)))
}

/// One recurrent layer over a window, from its parts, so that tests can break one.
pub struct Layer {
    pub op: &'static str,
    pub steps: i64,
    pub features: i64,
    /// Dimensions of W, R and B.
    pub weights: [Vec<i64>; 3],
    /// Further inputs, from `sequence_lens` on.
    pub inputs: Vec<&'static str>,
    pub attrs: Vec<u8>,
    /// Further stored tensors.
    pub stored: Vec<u8>,
}

impl Layer {
    pub fn new(op: &'static str, steps: i64, features: i64, hidden: i64) -> Layer {
        let rows = hidden * if op == "LSTM" { 4 } else { 3 };
        let weights = [vec![1, rows, features], vec![1, rows, hidden], vec![1, 2 * rows]];
        Layer { op, steps, features, weights, inputs: Vec::new(), attrs: attr("hidden_size", 2, int(3, hidden)), stored: Vec::new() }
    }

    pub fn file(&self) -> Vec<u8> {
        let inputs = [&["x", "W", "R", "B"][..], &self.inputs].concat();
        let [w, r, b] = &self.weights;
        let stored = [weights("W", w), weights("R", r), weights("B", b), self.stored.clone()].concat();
        let hidden = r.last().copied().unwrap_or(1).max(1);
        let graph =
            [node(self.op, "", &inputs, &["", "h"], &self.attrs), stored, value(11, "x", &[self.steps, 1, self.features]), value(12, "h", &[1, 1, hidden])];
        model(&graph.concat(), 17)
    }
}

/// Recurrent layers on one another over a window, and a dense layer of four outputs on the last state.
pub fn stack(op: &'static str, steps: i64, features: i64, layers: &[i64]) -> Vec<u8> {
    let gates = if op == "LSTM" { 4 } else { 3 };
    let (mut graph, mut below, mut width) = (Vec::new(), "x".to_owned(), features);
    for (index, hidden) in layers.iter().enumerate() {
        let named = |what: &str| format!("{what}{index}");
        graph.extend(weights(&named("W"), &[1, gates * hidden, width]));
        graph.extend(weights(&named("R"), &[1, gates * hidden, *hidden]));
        graph.extend(weights(&named("B"), &[1, 2 * gates * hidden]));
        let inputs = [below.clone(), named("W"), named("R"), named("B")];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let attrs = [attr("hidden_size", 2, int(3, *hidden)), attr("linear_before_reset", 2, int(3, 1))];
        let attrs = if op == "GRU" { attrs.concat() } else { attrs[0].clone() };
        graph.extend(node(op, "", &inputs, &[&named("y"), &named("h")], &attrs));
        graph.extend(node("Squeeze", "", &[&named("y"), "axis"], &[&named("s")], &[]));
        (below, width) = (named("s"), *hidden);
    }
    let last = format!("h{}", layers.len() - 1);
    let head = [
        whole("axis", &[1]),
        node("Squeeze", "", &[&last, "axis"], &["last"], &[]),
        weights("head", &[width, 4]),
        node("MatMul", "", &["last", "head"], &["z"], &[]),
        node("Sigmoid", "", &["z"], &["p"], &[]),
        value(11, "x", &[steps, 1, features]),
        value(12, "p", &[1, 4]),
    ];
    graph.extend(head.concat());
    model(&graph, 17)
}

/// Reads, compiles and runs a file; what it is.
pub fn attempt(file: &[u8]) -> Result<String, Error> {
    Graph::parse(file).and_then(|graph| native::compile(&graph, None)).map(|backend| {
        let (mut instance, mut out) = (backend.clone().instance(&RunLimit::none()).unwrap(), vec![0.0; backend.output_width()]);
        instance.run(&vec![0.25; backend.input_width()], &mut out).unwrap();
        instance.run(&vec![f32::NAN; backend.input_width()], &mut out).unwrap();
        backend.summary()
    })
}

/// The file gives an error of this status whose text holds `text`.
#[track_caller]
pub fn refused(file: &[u8], status: Status, text: &str) {
    match attempt(file) {
        Ok(summary) => panic!("accepted: {summary}"),
        Err(error) => assert!(error.status() == status && error.text().contains(text), "{error}"),
    }
}

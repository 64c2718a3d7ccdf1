//! Networks with seeded weights, in the form that PyTorch's exporters write.

use super::models::Work;
use super::onnx::{Attr, Graph};
use super::random::Random;

/// A network's file and what one run of it costs at the least.
pub struct Net {
    pub file: Vec<u8>,
    pub work: Work,
    /// Outputs that are inputs of the next step.
    pub carry: Carry,
}

/// Output and input.
pub type Carry = &'static [(&'static str, &'static str)];

/// State and cell of an LSTM.
const LSTM_CARRY: Carry = &[("hn", "h0"), ("cn", "c0")];

/// A network while it is written: weights, multiplications, bytes of weights that must be read.
struct Writer {
    graph: Graph,
    random: Random,
    work: Work,
}

impl Writer {
    fn new(seed: u64) -> Writer {
        Writer { graph: Graph::default(), random: Random::new(seed), work: Work::default() }
    }

    /// Weights that are used `times` a run and read from memory `reads` times.
    fn weights(&mut self, name: &str, dims: &[usize], fan_in: usize, [times, reads]: [usize; 2]) {
        let count = dims.iter().product::<usize>() as f64;
        self.graph.weights(name, dims, fan_in, &mut self.random);
        self.work.flops += 2.0 * count * times as f64;
        self.work.bytes += 4.0 * count * reads as f64;
        self.work.resident += 4.0 * count;
    }

    fn bias(&mut self, name: &str, width: usize) {
        self.weights(name, &[width], 16, [0, 1]);
    }

    /// `to` = activation(`from` x weights + bias) on `rows` rows.
    fn dense(&mut self, from: &str, to: &str, [inputs, outputs]: [usize; 2], activation: &str) {
        let [w, b, z] = ["w", "b", "z"].map(|what| format!("{to}.{what}"));
        self.weights(&w, &[outputs, inputs], inputs, [1, 1]);
        self.bias(&b, outputs);
        self.graph.op("Gemm", &[from, &w, &b], &z, &[("transB", Attr::Int(1))]);
        self.graph.op(activation, &[&z], to, &[]);
    }

    /// Dense layers from `from` to the one output `p`.
    fn head(mut self, from: &str, sizes: &[usize]) -> Net {
        let mut below = from.to_owned();
        for (layer, pair) in sizes.windows(2).enumerate() {
            let name = format!("d{layer}");
            self.dense(&below, &name, [pair[0], pair[1]], "Relu");
            below = name;
        }
        self.dense(&below, "p", [sizes.last().copied().unwrap_or(1), 1], "Sigmoid");
        self.graph.output("p", &[1, 1]);
        Net { file: self.graph.file(), work: self.work, carry: &[] }
    }
}

/// Dense layers on one row.
pub fn mlp(sizes: &[usize], seed: u64) -> Net {
    let mut writer = Writer::new(seed);
    writer.graph.input("x", &[1, sizes[0]]);
    writer.head("x", sizes)
}

/// LSTM layers over a window, dense layers on the last state.
pub fn lstm(window: usize, features: usize, layers: &[usize], dense: &[usize], seed: u64) -> Net {
    let mut writer = Writer::new(seed);
    writer.graph.input("x", &[1, window, features]);
    writer.graph.op("Transpose", &["x"], "t", &[("perm", Attr::Ints(&[1, 0, 2]))]);
    writer.graph.whole("axis", &[1]);
    writer.graph.whole("first", &[0]);
    let (mut below, mut width) = ("t".to_owned(), features);
    for (number, hidden) in layers.iter().copied().enumerate() {
        let [w, r, b, y, h, s] = ["W", "R", "B", "y", "h", "s"].map(|what| format!("{what}{number}"));
        // The states of one step are wanted by the next, so R is read at every step; W can serve all steps at once.
        writer.weights(&w, &[1, 4 * hidden, width], width, [window, 1]);
        writer.weights(&r, &[1, 4 * hidden, hidden], hidden, [window, window]);
        writer.bias_of_lstm(&b, hidden);
        writer.graph.node(false, "LSTM", &[&below, &w, &r, &b], &[&y, &h], &[("hidden_size", Attr::Int(hidden as i64))]);
        writer.graph.op("Squeeze", &[&y, "axis"], &s, &[]);
        (below, width) = (s, hidden);
    }
    let last = format!("h{}", layers.len() - 1);
    writer.graph.op("Squeeze", &[&last, "first"], "last", &[]);
    writer.head("last", &[&[width], dense].concat())
}

/// One step of LSTM layers of the same size, which takes and returns its state, with dense layers on it; weights as those of [`lstm`].
pub fn lstm_step(features: usize, layers: usize, hidden: usize, seed: u64) -> Net {
    let mut writer = Writer::new(seed);
    writer.graph.input("x", &[1, 1, features]);
    for (_, state) in LSTM_CARRY {
        writer.graph.input(state, &[layers, 1, hidden]);
    }
    writer.graph.op("Transpose", &["x"], "t", &[("perm", Attr::Ints(&[1, 0, 2]))]);
    writer.graph.whole("axis", &[1]);
    writer.graph.whole("0", &[0]);
    let (mut below, mut width) = ("t".to_owned(), features);
    for number in 0..layers {
        let [w, r, b, y, s, h, c] = ["W", "R", "B", "y", "s", "hn", "cn"].map(|what| format!("{what}{number}"));
        let (from, to) = (number.to_string(), (number + 1).to_string());
        writer.graph.whole(&to, &[number as i64 + 1]);
        let [first, cell] = ["h0", "c0"].map(|state| {
            let part = format!("{state}.{number}");
            writer.graph.op("Slice", &[state, &from, &to, "0"], &part, &[]);
            part
        });
        writer.weights(&w, &[1, 4 * hidden, width], width, [1, 1]);
        writer.weights(&r, &[1, 4 * hidden, hidden], hidden, [1, 1]);
        writer.bias_of_lstm(&b, hidden);
        writer.graph.node(false, "LSTM", &[&below, &w, &r, &b, "", &first, &cell], &[&y, &h, &c], &[("hidden_size", Attr::Int(hidden as i64))]);
        writer.graph.op("Squeeze", &[&y, "axis"], &s, &[]);
        (below, width) = (s, hidden);
    }
    for (state, _) in LSTM_CARRY {
        let parts: Vec<String> = (0..layers).map(|number| format!("{state}{number}")).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        writer.graph.op("Concat", &parts, state, &[("axis", Attr::Int(0))]);
        writer.graph.output(state, &[layers, 1, hidden]);
    }
    writer.graph.op("Squeeze", &[&format!("hn{}", layers - 1), "0"], "last", &[]);
    let Net { file, work, .. } = writer.head("last", &[width]);
    Net { file, work, carry: LSTM_CARRY }
}

impl Writer {
    fn bias_of_lstm(&mut self, name: &str, hidden: usize) {
        self.weights(name, &[1, 8 * hidden], 16, [0, 1]);
    }

    /// `to` = relu(convolution of `from`), causal, over `window` steps.
    fn conv(&mut self, from: &str, to: &str, window: usize, [inputs, outputs, taps]: [usize; 3]) {
        let [w, b, padded, z] = ["w", "b", "padded", "z"].map(|what| format!("{to}.{what}"));
        let pads = format!("{to}.pads");
        self.graph.whole(&pads, &[0, 0, taps as i64 - 1, 0, 0, 0]);
        self.graph.op("Pad", &[from, &pads], &padded, &[]);
        self.weights(&w, &[outputs, inputs, taps], inputs * taps, [window, 1]);
        self.bias(&b, outputs);
        self.graph.op("Conv", &[&padded, &w, &b], &z, &[("kernel_shape", Attr::Ints(&[taps as i64]))]);
        self.graph.op("Relu", &[&z], to, &[]);
    }
}

/// Causal convolutions of three taps over a window, a dense layer on the newest step.
pub fn cnn(window: usize, features: usize, channels: &[usize], seed: u64) -> Net {
    let mut writer = Writer::new(seed);
    writer.graph.input("x", &[1, window, features]);
    writer.graph.op("Transpose", &["x"], "t", &[("perm", Attr::Ints(&[0, 2, 1]))]);
    let (mut below, mut width) = ("t".to_owned(), features);
    for (number, size) in channels.iter().copied().enumerate() {
        let name = format!("c{number}");
        writer.conv(&below, &name, window, [width, size, 3]);
        (below, width) = (name, size);
    }
    writer.graph.whole("newest", &[-1]);
    writer.graph.op("Gather", &[&below, "newest"], "g", &[("axis", Attr::Int(2))]);
    writer.graph.whole("axis", &[2]);
    writer.graph.op("Squeeze", &["g", "axis"], "last", &[]);
    writer.head("last", &[width])
}

impl Writer {
    /// `to` = `from` x weights + bias over the rows of a window, as `nn.Linear` is written.
    fn linear(&mut self, from: &str, to: &str, window: usize, [inputs, outputs]: [usize; 2]) {
        let [w, b, z] = ["w", "b", "z"].map(|what| format!("{to}.{what}"));
        self.weights(&w, &[inputs, outputs], inputs, [window, 1]);
        self.bias(&b, outputs);
        self.graph.op("MatMul", &[from, &w], &z, &[]);
        self.graph.op("Add", &[&z, &b], to, &[]);
    }

    /// `to` = layer norm of `a` + `b`.
    fn added(&mut self, a: &str, b: &str, to: &str, width: usize) {
        let [sum, scale, shift] = ["sum", "scale", "shift"].map(|what| format!("{to}.{what}"));
        self.graph.floats(&scale, &[width], &vec![1.0; width]);
        self.bias(&shift, width);
        self.graph.op("Add", &[a, b], &sum, &[]);
        self.graph.op("LayerNormalization", &[&sum, &scale, &shift], to, &[("axis", Attr::Int(-1))]);
    }

    /// Queries, keys or values of every head: [1, heads, window, width / heads], the last two turned for keys.
    fn split(&mut self, from: &str, to: &str, [window, width]: [usize; 2], turn: &[i64]) {
        let [all, parts] = ["all", "parts"].map(|what| format!("{to}.{what}"));
        self.linear(from, &all, window, [width, width]);
        self.graph.op("Reshape", &[&all, "heads"], &parts, &[]);
        self.graph.op("Transpose", &[&parts], to, &[("perm", Attr::Ints(turn))]);
    }

    /// Scores without those of later steps.
    fn masked(&mut self, scores: &str) -> String {
        let seen = format!("{scores}.seen");
        self.graph.op("Add", &[scores, "mask"], &seen, &[]);
        seen
    }

    /// Self-attention over a window.
    fn attention(&mut self, from: &str, to: &str, [window, width]: [usize; 2], is_causal: bool) {
        let name = |what: &str| format!("{to}.{what}");
        let [q, k, v, dots, scaled, shares, mixed, turned, joined] = ["q", "k", "v", "dots", "scaled", "shares", "mixed", "turned", "joined"].map(name);
        self.split(from, &q, [window, width], &[0, 2, 1, 3]);
        self.split(from, &k, [window, width], &[0, 2, 3, 1]);
        self.split(from, &v, [window, width], &[0, 2, 1, 3]);
        self.graph.op("MatMul", &[&q, &k], &dots, &[]);
        self.graph.op("Mul", &[&dots, "scale"], &scaled, &[]);
        let scaled = if is_causal { self.masked(&scaled) } else { scaled };
        self.graph.op("Softmax", &[&scaled], &shares, &[("axis", Attr::Int(-1))]);
        self.graph.op("MatMul", &[&shares, &v], &mixed, &[]);
        self.graph.op("Transpose", &[&mixed], &turned, &[("perm", Attr::Ints(&[0, 2, 1, 3]))]);
        self.graph.op("Reshape", &[&turned, "whole"], &joined, &[]);
        self.linear(&joined, to, window, [width, width]);
        self.work.flops += 4.0 * (window * window * width) as f64;
    }
}

/// A Transformer encoder over a window (attention, a dense layer four times as wide, norms after each), a dense layer on the newest step.
/// In a causal one no step sees a later one.
pub fn transformer(window: usize, features: usize, [width, heads, layers]: [usize; 3], is_causal: bool, seed: u64) -> Net {
    let mut writer = Writer::new(seed);
    if is_causal {
        let mask: Vec<f32> = (0..window * window).map(|at| if at % window > at / window { f32::NEG_INFINITY } else { 0.0 }).collect();
        writer.graph.floats("mask", &[window, window], &mask);
    }
    writer.graph.input("x", &[1, window, features]);
    writer.graph.whole("heads", &[1, window as i64, heads as i64, (width / heads) as i64]);
    writer.graph.whole("whole", &[1, window as i64, width as i64]);
    writer.graph.floats("scale", &[1], &[((width / heads) as f32).sqrt().recip()]);
    writer.linear("x", "projected", window, [features, width]);
    writer.weights("place", &[1, window, width], 16, [0, 1]);
    writer.graph.op("Add", &["projected", "place"], "e0", &[]);
    for layer in 0..layers {
        let from = format!("e{layer}");
        let [attended, first, wide, active, narrow] = ["attended", "first", "wide", "active", "narrow"].map(|what| format!("{what}{layer}"));
        writer.attention(&from, &attended, [window, width], is_causal);
        writer.added(&from, &attended, &first, width);
        writer.linear(&first, &wide, window, [width, 4 * width]);
        writer.graph.op("Relu", &[&wide], &active, &[]);
        writer.linear(&active, &narrow, window, [4 * width, width]);
        writer.added(&first, &narrow, &format!("e{}", layer + 1), width);
    }
    writer.graph.whole("newest", &[-1]);
    writer.graph.op("Gather", &[&format!("e{layers}"), "newest"], "g", &[("axis", Attr::Int(1))]);
    writer.graph.whole("axis", &[1]);
    writer.graph.op("Squeeze", &["g", "axis"], "last", &[]);
    writer.head("last", &[width])
}

//! Small Transformer encoders for tests, as exporters write them.

use std::collections::BTreeMap;

use crate::model::onnx_ir::{Attr, Data, Dim, Graph, Node, Tensor, Value};

pub(super) const STEPS: usize = 12;
const FEATURES: usize = 3;
const WIDTH: usize = 16;
const HEADS: usize = 4;

/// How a graph says that a step sees no later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It does not.
    Open,
    /// 0 and minus infinity are added to the scores.
    Added,
    /// The same, and the mask is cut to the last five steps.
    Near,
    /// Scores where a condition holds, minus infinity elsewhere.
    Chosen,
    /// Minus infinity where a condition holds.
    ChosenElsewhere,
    /// One operator, which is told so.
    Operator,
    /// One operator with a mask of truths.
    OperatorMask,
    /// Scores of keys that were turned and laid in order before, shares copied.
    Turned,
}

/// What an encoder is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    pub(super) form: Form,
    pub(super) norm_first: bool,
    pub(super) gelu: bool,
    /// The mean of all steps instead of the last one.
    pub(super) mean: bool,
}

struct Writer {
    graph: Graph,
    seed: u32,
}

fn name(of: &str, what: &str) -> String {
    format!("{of}.{what}")
}

impl Writer {
    /// Between -1 and 1.
    fn random(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.seed >> 8) as f32 / 8_388_608.0 - 1.0
    }

    fn store(&mut self, name: &str, dims: &[usize], data: Data) {
        self.graph.initialisers.insert(name.to_owned(), Tensor { dims: dims.to_vec(), data });
    }

    fn whole(&mut self, name: &str, values: &[i64]) {
        self.store(name, &[values.len()], Data::I64(values.to_vec()));
    }

    fn weights(&mut self, name: &str, dims: &[usize], size: f32) {
        let values = (0..dims.iter().product()).map(|_| self.random() * size).collect();
        self.store(name, dims, Data::F32(values));
    }

    fn op(&mut self, op: &str, inputs: &[&str], output: &str, attrs: &[(&str, Attr)]) {
        let attrs = attrs.iter().map(|(name, attr)| ((*name).to_owned(), attr.clone())).collect();
        let inputs = inputs.iter().map(|name| (*name).to_owned()).collect();
        self.graph.nodes.push(Node { op: op.to_owned(), domain: String::new(), inputs, outputs: vec![output.to_owned()], attrs });
    }

    fn linear(&mut self, from: &str, to: &str, inputs: usize, outputs: usize) {
        let [w, b, z] = ["w", "b", "z"].map(|what| name(to, what));
        self.weights(&w, &[inputs, outputs], 2.0 / (inputs as f32).sqrt());
        self.weights(&b, &[outputs], 0.3);
        self.op("MatMul", &[from, &w], &z, &[]);
        self.op("Add", &[&z, &b], to, &[]);
    }

    fn norm(&mut self, from: &str, to: &str) {
        let [scale, shift] = ["scale", "shift"].map(|what| name(to, what));
        self.store(&scale, &[WIDTH], Data::F32(vec![1.0; WIDTH]));
        self.weights(&shift, &[WIDTH], 0.3);
        self.op("LayerNormalization", &[from, &scale, &shift], to, &[]);
    }

    fn split(&mut self, from: &str, to: &str, perm: &[i64]) {
        let [all, parts] = ["all", "parts"].map(|what| name(to, what));
        self.linear(from, &all, WIDTH, WIDTH);
        self.op("Reshape", &[&all, "heads"], &parts, &[]);
        self.op("Transpose", &[&parts], to, &[("perm", Attr::Ints(perm.to_vec()))]);
    }

    fn attention(&mut self, from: &str, to: &str, form: Form) {
        let [q, k, v, mixed, turned, joined] = ["q", "k", "v", "mixed", "turned", "joined"].map(|what| name(to, what));
        let by_operator = matches!(form, Form::Operator | Form::OperatorMask);
        self.split(from, &q, &[0, 2, 1, 3]);
        self.split(from, &k, if by_operator { &[0, 2, 1, 3] } else { &[0, 2, 3, 1] });
        self.split(from, &v, &[0, 2, 1, 3]);
        match form {
            Form::Operator => self.op("Attention", &[&q, &k, &v], &mixed, &[("is_causal", Attr::Int(1))]),
            Form::OperatorMask => self.op("Attention", &[&q, &k, &v, "seen"], &mixed, &[]),
            _ => self.products(to, form, [&q, &k, &v, &mixed]),
        }
        self.op("Transpose", &[&mixed], &turned, &[("perm", Attr::Ints(vec![0, 2, 1, 3]))]);
        self.op("Reshape", &[&turned, "whole"], &joined, &[]);
        self.linear(&joined, to, WIDTH, WIDTH);
    }

    fn products(&mut self, to: &str, form: Form, [q, k, v, mixed]: [&str; 4]) {
        let [dots, scaled, masked, shares, laid, copied] = ["dots", "scaled", "masked", "shares", "laid", "copied"].map(|what| name(to, what));
        let k = if form == Form::Turned { self.relaid(k, &laid, &[HEADS, WIDTH / HEADS, STEPS]) } else { k.to_owned() };
        self.op("MatMul", &[q, &k], &dots, &[]);
        self.op("Mul", &[&dots, "scale"], &scaled, &[]);
        match form {
            Form::Open => self.op("Identity", &[&scaled], &masked, &[]),
            Form::Chosen => self.op("Where", &["seen", &scaled, "hidden"], &masked, &[]),
            Form::ChosenElsewhere => self.op("Where", &["unseen", "hidden", &scaled], &masked, &[]),
            _ => self.op("Add", &["mask", &scaled], &masked, &[]),
        }
        self.op("Softmax", &[&masked], &shares, &[("axis", Attr::Int(-1))]);
        let shares = if form == Form::Turned { self.relaid(&shares, &copied, &[1, HEADS, STEPS, STEPS]) } else { shares };
        self.op("MatMul", &[&shares, v], mixed, &[]);
    }

    /// Other dimensions, for which values are laid in order.
    fn relaid(&mut self, from: &str, to: &str, dims: &[usize]) -> String {
        let [inner, back] = ["dims", "back"].map(|what| name(to, what));
        self.whole(&inner, &dims.iter().map(|dim| *dim as i64).collect::<Vec<_>>());
        self.whole(&back, &[&[1, HEADS as i64][..], &dims[dims.len() - 2..].iter().map(|dim| *dim as i64).collect::<Vec<_>>()].concat());
        self.op("Reshape", &[from, &inner], &name(to, "flat"), &[]);
        self.op("Reshape", &[&name(to, "flat"), &back], to, &[]);
        to.to_owned()
    }

    fn layer(&mut self, from: &str, to: &str, encoder: Encoder) {
        let [normed, attended, first, again, wide, active, narrow, sum] =
            ["normed", "attended", "first", "again", "wide", "active", "narrow", "sum"].map(|what| name(to, what));
        let one = name(to, "one");
        let read = if encoder.norm_first {
            self.norm(from, &normed);
            normed.as_str()
        } else {
            from
        };
        self.attention(read, &attended, encoder.form);
        self.op("Add", &[from, &attended], &one, &[]);
        if !encoder.norm_first {
            self.norm(&one, &first)
        }
        let (kept, read) = if encoder.norm_first {
            self.norm(&one, &again);
            (one.as_str(), again.as_str())
        } else {
            (first.as_str(), first.as_str())
        };
        self.linear(read, &wide, WIDTH, 2 * WIDTH);
        self.op(if encoder.gelu { "Gelu" } else { "Relu" }, &[&wide], &active, &[]);
        self.linear(&active, &narrow, 2 * WIDTH, WIDTH);
        self.op("Add", &[kept, &narrow], if encoder.norm_first { to } else { &sum }, &[]);
        if !encoder.norm_first {
            self.norm(&sum, to)
        }
    }

    fn masks(&mut self, form: Form) {
        let seen: Vec<bool> = (0..STEPS * STEPS).map(|at| at % STEPS <= at / STEPS && (form != Form::Near || at % STEPS + 5 > at / STEPS)).collect();
        self.store("mask", &[STEPS, STEPS], Data::F32(seen.iter().map(|seen| if *seen { 0.0 } else { f32::NEG_INFINITY }).collect()));
        self.store("seen", &[STEPS, STEPS], Data::U8(seen.iter().map(|seen| u8::from(*seen)).collect()));
        self.store("unseen", &[1, 1, STEPS, STEPS], Data::U8(seen.iter().map(|seen| u8::from(!*seen)).collect()));
        self.store("hidden", &[], Data::F32(vec![f32::NEG_INFINITY]));
    }
}

fn value(name: &str, dims: &[usize]) -> Value {
    Value { name: name.to_owned(), elem_type: 1, dims: Some(dims.iter().map(|dim| Dim::Fixed(*dim)).collect()) }
}

impl Encoder {
    /// Two layers over a window and a dense layer on its end.
    pub(super) fn graph(self) -> Graph {
        let graph = Graph {
            opsets: BTreeMap::from([(String::new(), 23)]),
            inputs: vec![value("x", &[1, STEPS, FEATURES])],
            outputs: vec![value("p", &[1, 1])],
            nodes: Vec::new(),
            initialisers: BTreeMap::new(),
        };
        let mut writer = Writer { graph, seed: 7 };
        writer.masks(self.form);
        writer.whole("heads", &[1, STEPS as i64, HEADS as i64, (WIDTH / HEADS) as i64]);
        writer.whole("whole", &[1, STEPS as i64, WIDTH as i64]);
        writer.store("scale", &[1], Data::F32(vec![0.5]));
        writer.weights("places", &[1, STEPS, WIDTH], 1.0);
        writer.linear("x", "embedded", FEATURES, WIDTH);
        writer.op("Add", &["embedded", "places"], "e0", &[]);
        writer.layer("e0", "e1", self);
        writer.layer("e1", "e2", self);
        if self.mean {
            writer.op("ReduceMean", &["e2"], "last", &[("axes", Attr::Ints(vec![1])), ("keepdims", Attr::Int(0))]);
        } else {
            writer.store("newest", &[], Data::I64(vec![-1]));
            writer.op("Gather", &["e2", "newest"], "last", &[("axis", Attr::Int(1))]);
        }
        writer.linear("last", "z", WIDTH, 1);
        writer.op("Sigmoid", &["z"], "p", &[]);
        writer.graph
    }
}

//! Just enough of ONNX to write the benchmark's models.

use super::random::Random;

/// A graph that grows node by node.
#[derive(Default)]
pub struct Graph(Vec<u8>);

/// What an attribute holds.
pub enum Attr<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Floats(&'a [f32]),
    Text(&'a str),
    Texts(&'a [&'a str]),
}

impl Graph {
    /// An operator; one of `ai.onnx.ml` when `ml` is set.
    pub fn node(&mut self, ml: bool, op: &str, inputs: &[&str], outputs: &[&str], attrs: &[(&str, Attr<'_>)]) {
        let inputs: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name)).collect();
        let outputs: Vec<u8> = outputs.iter().flat_map(|name| bytes(2, name)).collect();
        let attrs: Vec<u8> = attrs.iter().flat_map(|(name, attr)| bytes(5, attr.encoded(name))).collect();
        let domain = bytes(7, if ml { "ai.onnx.ml" } else { "" });
        self.0.extend(bytes(1, [inputs, outputs, bytes(4, op), attrs, domain].concat()));
    }

    /// An operator of the standard domain.
    pub fn op(&mut self, op: &str, inputs: &[&str], output: &str, attrs: &[(&str, Attr<'_>)]) {
        self.node(false, op, inputs, &[output], attrs);
    }

    /// A stored float32 tensor.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let dims: Vec<u8> = dims.iter().flat_map(|dim| int(1, *dim as i64)).collect();
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.extend(bytes(5, [dims, int(2, FLOAT), bytes(8, name), bytes(9, raw)].concat()));
    }

    /// A stored tensor of weights drawn evenly from both sides of 0, as wide as keeps sums over `fan_in` inputs near 1.
    pub fn weights(&mut self, name: &str, dims: &[usize], fan_in: usize, random: &mut Random) {
        let most = (fan_in as f32).sqrt().recip();
        let values: Vec<f32> = (0..dims.iter().product::<usize>()).map(|_| (2.0 * random.uniform() as f32 - 1.0) * most).collect();
        self.floats(name, dims, &values);
    }

    /// A stored list of whole numbers.
    pub fn whole(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.extend(bytes(5, [int(1, values.len() as i64), int(2, INT64), bytes(8, name), bytes(9, raw)].concat()));
    }

    /// The graph reads this float32 tensor.
    pub fn input(&mut self, name: &str, dims: &[usize]) {
        self.0.extend(bytes(11, value(name, FLOAT, dims)));
    }

    /// The graph gives this float32 tensor.
    pub fn output(&mut self, name: &str, dims: &[usize]) {
        self.0.extend(bytes(12, value(name, FLOAT, dims)));
    }

    /// The graph gives a label.
    pub fn label(&mut self, name: &str) {
        self.0.extend(bytes(12, value(name, INT64, &[FREE])));
    }

    /// The file.
    pub fn file(self) -> Vec<u8> {
        let import = |domain: &str, version| bytes(8, [bytes(1, domain), int(2, version)].concat());
        let named = [self.0, bytes(2, "bench")].concat();
        [int(1, 8), bytes(7, named), import("", 17), import("ai.onnx.ml", 3)].concat()
    }
}

/// A dimension that a caller may choose: rows.
pub const FREE: usize = 0;
/// ONNX's numbers of element types.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

impl Attr<'_> {
    fn encoded(&self, name: &str) -> Vec<u8> {
        let (kind, content) = match self {
            Attr::Int(value) => (2, int(3, *value)),
            Attr::Text(text) => (3, bytes(4, text)),
            Attr::Floats(values) => (6, values.iter().flat_map(|value| [varint(7 << 3 | 5), value.to_le_bytes().to_vec()].concat()).collect()),
            Attr::Ints(values) => (7, values.iter().flat_map(|value| int(8, *value)).collect()),
            Attr::Texts(values) => (8, values.iter().flat_map(|value| bytes(9, value)).collect()),
        };
        [bytes(1, name), content, int(20, kind)].concat()
    }
}

fn value(name: &str, element: i64, dims: &[usize]) -> Vec<u8> {
    let named = |dim: &usize| if *dim == FREE { bytes(2, "N") } else { int(1, *dim as i64) };
    let shape: Vec<u8> = dims.iter().flat_map(|dim| bytes(1, named(dim))).collect();
    [bytes(1, name), bytes(2, bytes(1, [int(1, element), bytes(2, shape)].concat()))].concat()
}

/// Protobuf's whole number.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(2);
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn int(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut out = varint(field << 3 | 2);
    out.extend(varint(content.len() as u64));
    out.extend_from_slice(content);
    out
}

//! The dimensions of what an operator gives, from those of what it reads: how much memory a run takes is known before it begins.
//!
//! Whole numbers that shapes are made of are followed too, as far as exporters compute with them.

mod layers;
mod moves;
mod values;

use crate::model::onnx_ir::{Attr, Data, Node, Tensor};
use layers::{attention, conv, gemm, pooled, product, recurrent};
use moves::{concat, flatten, gather, padded, reshape, slice, split, squeezed, transposed};
use values::{filled, joined, reduced, shape};

/// Most whole numbers of a value that are followed.
const MOST_WHOLE: usize = 64;

/// What is known of a value before a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Its dimensions.
    pub dims: Vec<usize>,
    /// Its values, where they are few whole numbers that no row decides.
    pub whole: Option<Vec<i64>>,
}

impl Known {
    /// Of a value whose numbers do not matter.
    pub(super) fn of(dims: Vec<usize>) -> Known {
        Known { dims, whole: None }
    }

    /// Of a stored tensor.
    pub(super) fn stored(tensor: &Tensor) -> Known {
        let few = tensor.len() <= MOST_WHOLE && matches!(tensor.data, Data::I64(_) | Data::I32(_) | Data::U8(_));
        Known { dims: tensor.dims.clone(), whole: if few { tensor.to_i64() } else { None } }
    }

    fn list(whole: Vec<i64>) -> Known {
        Known { dims: vec![whole.len()], whole: Some(whole) }
    }

    /// How many values it has.
    pub(super) fn count(&self) -> usize {
        self.dims.iter().fold(1, |count, dim| count.saturating_mul(*dim))
    }
}

/// Operators that give what they read other values.
const SAME: [&str; 56] = [
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Cos",
    "Cosh",
    "CumSum",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "Neg",
    "Not",
    "PRelu",
    "RMSNormalization",
    "Reciprocal",
    "Relu",
    "ReverseSequence",
    "Round",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softmax",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "Trilu",
    "CastLike",
    "QuantizeLinear",
    "DequantizeLinear",
    "ScatterElements",
    "ScatterND",
    "Scatter",
];
/// Operators that join their inputs by broadcasting.
const JOINED: [&str; 19] = [
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Sum",
    "Where",
    "Xor",
];

/// What a node gives, one an output that is known; `None` when that cannot be said, or the node contradicts itself.
pub(super) fn given(node: &Node, inputs: &[Option<&Known>]) -> Option<Vec<Known>> {
    let input = |at: usize| inputs.get(at).copied().flatten();
    let first = input(0)?;
    let one = |dims: Vec<usize>| Some(vec![Known::of(dims)]);
    if !node.domain.is_empty() {
        return None;
    }
    match node.op.as_str() {
        "Identity" | "Cast" => Some(vec![first.clone()]),
        op if SAME.contains(&op) => one(first.dims.clone()),
        op if JOINED.contains(&op) => joined(node, inputs),
        op if op.starts_with("Reduce") || op.starts_with("Arg") => reduced(node, first, input(1)),
        "Shape" => shape(node, first),
        "Size" => Some(vec![Known { dims: Vec::new(), whole: Some(vec![i64::try_from(first.count()).ok()?]) }]),
        "ConstantOfShape" => filled(node, first),
        "Expand" => one(broadcast(&first.dims, &sizes(input(1)?)?)?),
        "Reshape" => Some(vec![Known { dims: reshape(node, &first.dims, input(1)?.whole.as_ref()?)?, whole: first.whole.clone() }]),
        "Flatten" => flatten(node, &first.dims),
        "Transpose" => transposed(node, first),
        "Squeeze" | "Unsqueeze" => squeezed(node, first, input(1)),
        "Concat" => concat(node, inputs),
        "Slice" => slice(node, first, inputs),
        "Split" => split(node, first, input(1)),
        "Gather" => gather(node, first, input(1)?),
        "Pad" => padded(node, first, input(1), input(3)),
        "Attention" => attention(node, &first.dims, &input(1)?.dims, &input(2)?.dims),
        "GatherElements" => one(input(1)?.dims.clone()),
        "MatMul" => one(product(&first.dims, &input(1)?.dims)?),
        "Gemm" => gemm(node, &first.dims, &input(1)?.dims),
        "Conv" => conv(node, &first.dims, &input(1)?.dims),
        "MaxPool" | "AveragePool" => one(pooled(node, &first.dims, ints(node, "kernel_shape"))?),
        "GlobalAveragePool" | "GlobalMaxPool" => one([first.dims.get(..2)?, &vec![1; first.dims.len() - 2]].concat()),
        "LSTM" => recurrent(node, &first.dims, input(1)?, input(2)?, 4),
        "GRU" => recurrent(node, &first.dims, input(1)?, input(2)?, 3),
        _ => None,
    }
}

fn int(node: &Node, name: &str, default: i64) -> i64 {
    if let Some(Attr::Int(value)) = node.attr(name) { *value } else { default }
}

fn ints<'n>(node: &'n Node, name: &str) -> &'n [i64] {
    if let Some(Attr::Ints(values)) = node.attr(name) { values } else { &[] }
}

/// The place of an axis, counted from the end when negative.
fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    usize::try_from(if axis < 0 { axis.checked_add(rank)? } else { axis }).ok().filter(|axis| (*axis as i64) < rank)
}

fn sizes(known: &Known) -> Option<Vec<usize>> {
    known.whole.as_ref()?.iter().map(|dim| usize::try_from(*dim).ok()).collect()
}

fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], at: usize| (at + dims.len()).checked_sub(rank).map_or(1, |at| dims[at]);
    let joined = |at| match (dim(a, at), dim(b, at)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    (0..rank).map(joined).collect()
}

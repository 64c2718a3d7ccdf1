//! Which operators are known, and which graphs are neural networks.

use std::collections::BTreeSet;

use super::moves::is_move;
use super::{Graph, ML, Node, Result, shown, unable};

/// Elementwise operators broadcast as today since this version of `ai.onnx`.
const OLDEST_OPSET: i64 = 7;

/// Operators that only neural networks have.
const NEURAL: [&str; 26] = [
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "Clip",
    "Conv",
    "Elu",
    "Erf",
    "GRU",
    "Gelu",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "HardSwish",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "LogSoftmax",
    "MaxPool",
    "PRelu",
    "Pad",
    "ReduceMean",
    "Relu",
    "Selu",
    "Softplus",
    "Softsign",
    "Tanh",
];

/// Operators of numbers, and of constants only.
const VALUES: [&str; 19] = [
    "Abs",
    "Add",
    "Concat",
    "Div",
    "Dropout",
    "Exp",
    "Gemm",
    "Log",
    "MatMul",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "ReduceMax",
    "ReduceMin",
    "ReduceSum",
    "Sqrt",
    "Sub",
    "Sum",
];
const LINKS: [&str; 3] = ["Cast", "Sigmoid", "Softmax"];

/// Operators that are computed while the graph is compiled.
const FOLDED: [&str; 18] = [
    "And",
    "ConstantOfShape",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Not",
    "Or",
    "Range",
    "ReduceProd",
    "Shape",
    "Size",
    "Trilu",
    "Where",
];

/// Names every operator that is not known, not only the first.
pub(super) fn refuse_unknown(graph: &Graph, nodes: &[&Node]) -> Result<()> {
    let unknown: BTreeSet<String> = nodes.iter().filter(|node| !is_known(node)).map(|node| shown(&node.title())).collect();
    if !unknown.is_empty() {
        let list = unknown.into_iter().collect::<Vec<_>>().join(", ");
        return Err(unable(format!("the graph has the operators {list}")));
    }
    if graph.opset("") < OLDEST_OPSET && nodes.iter().any(|node| node.domain.is_empty()) {
        return Err(unable(format!("the graph is of ai.onnx {}; export with target_opset=15", graph.opset(""))));
    }
    Ok(())
}

fn is_known(node: &Node) -> bool {
    let op = node.op.as_str();
    match node.domain.as_str() {
        ML => matches!(op, "LinearClassifier" | "LinearRegressor" | "Normalizer" | "Scaler" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor"),
        "" => is_move(op) || VALUES.contains(&op) || LINKS.contains(&op) || FOLDED.contains(&op) || NEURAL.contains(&op),
        _ => false,
    }
}

/// A network has an operator that only networks have, more than one dense layer, or a window to read.
pub(super) fn is_neural(nodes: &[&Node], input: &[usize]) -> bool {
    let layers = nodes.iter().filter(|node| matches!(node.op.as_str(), "Gemm" | "MatMul")).count();
    layers > 1 || input.len() > 2 || nodes.iter().any(|node| node.domain.is_empty() && NEURAL.contains(&node.op.as_str()))
}

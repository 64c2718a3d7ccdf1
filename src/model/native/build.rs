//! From a graph to a plan: which nodes matter, and one step or renaming for each.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Kernel, Place, Plan, Step};
use super::{attrs, faulty, linear, shape, shown, tree, unable};
use crate::error::{Error, Result};
use crate::model::backend::Port;
use crate::model::onnx_ir::{Graph, ML, Node, Tensor};

mod arithmetic;
mod classical;
mod reshape;

/// The ONNX number of float32.
const FLOAT: i32 = 1;
/// Elementwise operators broadcast as today since this version of `ai.onnx`.
const OLDEST_OPSET: i64 = 7;

/// A value that steps have made.
#[derive(Clone, Debug)]
struct Slot {
    place: Place,
    shape: Vec<usize>,
}

impl Slot {
    fn width(&self) -> usize {
        shape::width(&self.shape)
    }
}

/// Compiles a graph.
pub(super) fn plan(graph: &Graph) -> Result<Plan> {
    refuse_maps(graph)?;
    let needed = needed(graph);
    refuse_unknown(graph, &needed)?;
    let (mut builder, input_width) = Builder::new(graph)?;
    for (_, node) in graph.nodes.iter().enumerate().filter(|(index, _)| needed.contains(index)) {
        builder.node(node)?;
    }
    builder.finish(input_width)
}

/// A graph that gives maps would be read by nobody, and its probabilities are inside them.
fn refuse_maps(graph: &Graph) -> Result<()> {
    let outputs: BTreeSet<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    let zips = |node: &&Node| node.op == "ZipMap" && node.outputs.iter().any(|name| outputs.contains(name.as_str()));
    match graph.nodes.iter().find(zips) {
        None => Ok(()),
        Some(_) => Err(unable("the graph's probabilities are maps (ZipMap); export with zipmap=False")),
    }
}

/// Nodes on which some float32 output depends. The others make labels, which are not exposed.
fn needed(graph: &Graph) -> BTreeSet<usize> {
    let mut names: BTreeSet<&str> = graph.outputs.iter().filter(|output| output.elem_type == FLOAT).map(|output| output.name.as_str()).collect();
    let mut needed = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if node.outputs.iter().any(|name| names.contains(name.as_str())) {
            needed.insert(index);
            names.extend(node.inputs.iter().map(String::as_str));
        }
    }
    needed
}

/// Names every operator that has no step, not only the first.
fn refuse_unknown(graph: &Graph, needed: &BTreeSet<usize>) -> Result<()> {
    let nodes = needed.iter().filter_map(|index| graph.nodes.get(*index));
    let unknown: BTreeSet<String> = nodes.filter(|node| !is_known(node)).map(|node| shown(&node.title())).collect();
    if !unknown.is_empty() {
        let list = unknown.into_iter().collect::<Vec<_>>().join(", ");
        return Err(unable(format!("the graph has the operators {list}")));
    }
    let old = graph.opset("") < OLDEST_OPSET && needed.iter().any(|index| graph.nodes.get(*index).is_some_and(|node| node.domain.is_empty()));
    if old {
        return Err(unable(format!("the graph is of ai.onnx {}; export with target_opset=15", graph.opset(""))));
    }
    Ok(())
}

fn is_known(node: &Node) -> bool {
    let op = node.op.as_str();
    match node.domain.as_str() {
        ML => matches!(op, "LinearClassifier" | "LinearRegressor" | "Normalizer" | "Scaler" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor"),
        "" => {
            let shapes = matches!(op, "Cast" | "Concat" | "Flatten" | "Identity" | "Reshape" | "Squeeze" | "Unsqueeze");
            let values = matches!(op, "Add" | "Div" | "Exp" | "Gemm" | "MatMul" | "Mul" | "Neg" | "Sigmoid" | "Softmax" | "Sub" | "Sum");
            shapes || values
        }
        _ => false,
    }
}

/// A plan while it grows.
struct Builder<'a> {
    graph: &'a Graph,
    slots: BTreeMap<&'a str, Slot>,
    steps: Vec<Step>,
    next: usize,
    scratch_len: usize,
    input_shape: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph) -> Result<(Builder<'a>, usize)> {
        let [input] = graph.inputs.as_slice() else {
            return Err(unable(format!("the graph has {} inputs where a row is one", graph.inputs.len())));
        };
        if input.elem_type != FLOAT {
            return Err(unable(format!("the graph's input {} is not float32; export it with a float32 input", shown(&input.name))));
        }
        let shape = shape::of_input(input)?;
        let width = shape::width(&shape);
        let slots = BTreeMap::from([(input.name.as_str(), Slot { place: Place::Row, shape: shape.clone() })]);
        Ok((Builder { graph, slots, steps: Vec::new(), next: 0, scratch_len: 0, input_shape: shape }, width))
    }

    fn node(&mut self, node: &'a Node) -> Result<()> {
        match node.op.as_str() {
            "LinearClassifier" | "LinearRegressor" | "Normalizer" | "Scaler" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => self.classical(node),
            "Gemm" | "MatMul" => self.dense(node),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.arithmetic(node),
            "Sigmoid" | "Exp" | "Neg" | "Softmax" => self.function(node),
            _ => self.reshaping(node),
        }
    }

    /// The value that a node's input names.
    fn slot(&self, node: &Node, input: usize) -> Result<Slot> {
        let name = node.inputs.get(input).map(String::as_str).unwrap_or_default();
        self.slots.get(name).cloned().ok_or_else(|| self.no_value(node, name))
    }

    fn no_value(&self, node: &Node, name: &str) -> Error {
        if name.is_empty() {
            return faulty(format!("{} lacks an input", shown(&node.title())));
        }
        unable(format!("{} reads {}, which is a constant or a label where a value of the row is wanted", shown(&node.title()), shown(name)))
    }

    /// The stored tensor that a node's input names.
    fn constant(&self, node: &Node, input: usize) -> Option<&'a Tensor> {
        self.graph.initialisers.get(node.inputs.get(input)?)
    }

    /// A stored tensor that the operator cannot do without.
    fn stored(&self, node: &Node, input: usize) -> Result<&'a Tensor> {
        self.constant(node, input).ok_or_else(|| unable(format!("{} has input {input} computed where a stored tensor is wanted", shown(&node.title()))))
    }

    /// Adds a step behind everything made so far; where its result lies.
    fn push(&mut self, kernel: Kernel, from: &Slot, shape: Vec<usize>) -> Result<Slot> {
        let slot = Slot { place: Place::Scratch(self.next), shape };
        let step = Step { kernel, from: from.place, from_width: from.width(), at: self.next, width: slot.width() };
        self.next = self.claim(self.next, step.width)?;
        let end = self.claim(self.next, step.extra())?;
        self.scratch_len = self.scratch_len.max(end);
        self.steps.push(step);
        Ok(slot)
    }

    /// The end of `len` values of scratch memory; small files must not ask for much.
    fn claim(&self, start: usize, len: usize) -> Result<usize> {
        let end = start.checked_add(len).filter(|end| *end <= 1 << 24);
        end.ok_or_else(|| unable("the graph needs over 64 MiB of scratch memory a row"))
    }

    /// Names a node's only float output.
    fn name(&mut self, node: &'a Node, output: usize, slot: Slot) {
        if let Some(name) = node.outputs.get(output).filter(|name| !name.is_empty()) {
            self.slots.insert(name, slot);
        }
    }

    fn finish(self, input_width: usize) -> Result<Plan> {
        let (mut ports, mut places) = (Vec::new(), Vec::new());
        for output in self.graph.outputs.iter().filter(|output| output.elem_type == FLOAT) {
            let slot = self.slots.get(output.name.as_str()).ok_or_else(|| unable(format!("the output {} is no value of the row", shown(&output.name))))?;
            ports.push(Port { name: output.name.clone(), dims: slot.shape.clone() });
            places.push(slot.place);
        }
        if ports.is_empty() {
            return Err(unable("the graph has no float32 output"));
        }
        let inputs = self.graph.inputs.iter().map(|input| Port { name: input.name.clone(), dims: self.input_shape.clone() }).collect();
        Ok(Plan { inputs, input_width, steps: self.steps, ports, places, scratch_len: self.scratch_len })
    }
}

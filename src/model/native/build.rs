//! From a graph to a plan: which nodes matter, and one step or renaming for each.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::demand::demand;
use super::fixed::narrow;
use super::plan::{Kernel, Place, Plan, Step};
use super::view::View;
use super::{Kept, Level, attrs, faulty, linear, shape, shown, tree, unable};
use crate::error::{Error, Result};
use crate::model::backend::Port;
use crate::model::native::Carried;
use crate::model::onnx_ir::{Graph, ML, Node, Tensor};
use crate::model::precision::Precision;
use carry::States;
use direct::is_direct;
use fuse::fuse;

mod arithmetic;
mod attention;
mod carry;
mod classical;
mod constants;
mod convolution;
mod dense;
mod direct;
mod fold;
mod functions;
mod fuse;
mod known;
mod moves;
mod numbers;
mod recurrent;
mod reduce;

/// The ONNX number of float32.
const FLOAT: i32 = 1;

/// Most multiplications of a run: some tenths of a second. Native runs have no deadline, and small files can ask for much.
const MOST_COST: u64 = 1 << 34;
/// Most bytes of weights in the kernels' order: several nodes may each take a copy of one stored tensor.
const MOST_WEIGHTS: usize = 1 << 31;

/// A value that steps have made, or a view of one.
#[derive(Clone, Debug)]
struct Slot {
    place: Place,
    /// From `place` on; its offset is 0.
    view: View,
}

impl Slot {
    fn plain(place: Place, shape: Vec<usize>) -> Slot {
        Slot { place, view: View::plain(shape) }
    }

    /// Another view of the same values.
    fn seen(&self, view: View) -> Slot {
        Slot { place: self.place.shifted(view.offset), view: View { offset: 0, ..view } }
    }

    fn shape(&self) -> &[usize] {
        &self.view.shape
    }

    fn width(&self) -> usize {
        self.view.width()
    }
}

/// Compiles a graph.
pub(super) fn plan(graph: &Graph, hint: Option<&[usize]>, carried: Carried<'_>, level: Level, kept: Kept<'_>) -> Result<Plan> {
    refuse_maps(graph)?;
    let needed = needed(graph);
    let nodes: Vec<&Node> = needed.iter().filter_map(|index| graph.nodes.get(*index)).collect();
    known::refuse_unknown(graph, &nodes)?;
    let mut builder = Builder::new(graph, hint, carried, &nodes, (level, kept))?;
    for node in nodes {
        builder.node(node)?;
    }
    let plan = builder.finish()?;
    if let (Some(descent), false) = (kept.descent, plan.steps.iter().any(|step| matches!(step.kernel, Kernel::Trees(_)))) {
        return Err(unable(format!("trees descend {}, and this graph has none", descent.name())));
    }
    let is_smaller = kept.precision == Precision::F32 || plan.steps.iter().any(|step| matches!(step.kernel, Kernel::Lstm(_) | Kernel::Gru(_)));
    if is_smaller { Ok(plan) } else { Err(unable(format!("{} is kept by LSTM and GRU layers, and this graph has none", kept.precision.name()))) }
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

/// A plan while it grows.
struct Builder<'a> {
    graph: &'a Graph,
    /// The row, then what is carried.
    inputs: Vec<Port>,
    /// How many values those have together.
    input_width: usize,
    /// What is carried from step to step.
    states: States<'a>,
    /// Values of the row by name.
    slots: BTreeMap<&'a str, Slot>,
    /// Constants that were computed from others, or from shapes.
    folded: BTreeMap<&'a str, Rc<Tensor>>,
    /// How many values those have together.
    folded_len: usize,
    /// The graph is a neural network: its dense layers sum in f32 and denormals count as zero.
    neural: bool,
    level: Level,
    kept: Kept<'a>,
    steps: Vec<Step>,
    /// Multiplications and additions of all steps.
    cost: u64,
    /// Bytes of weights of the steps so far.
    weights: usize,
    next: usize,
    scratch_len: usize,
}

impl<'a> Builder<'a> {
    fn new(graph: &'a Graph, hint: Option<&[usize]>, carried: Carried<'a>, nodes: &[&Node], (level, kept): (Level, Kept<'a>)) -> Result<Builder<'a>> {
        let input = carry::row(graph, carried)?;
        if input.elem_type != FLOAT {
            return Err(unable(format!("the graph's input {} is not float32; export it with a float32 input", shown(&input.name))));
        }
        let shape = shape::of_input(input, hint)?;
        let slots = BTreeMap::from([(input.name.as_str(), Slot::plain(Place::Row(0), shape.clone()))]);
        let neural = known::is_neural(nodes, &shape);
        let (input_width, inputs) = (shape::width(&shape), vec![Port { name: input.name.clone(), dims: shape }]);
        let mut builder = Builder {
            graph,
            inputs,
            input_width,
            states: States::new(carried),
            slots,
            folded: BTreeMap::new(),
            folded_len: 0,
            neural,
            level,
            kept,
            steps: Vec::new(),
            cost: 0,
            weights: 0,
            next: 0,
            scratch_len: 0,
        };
        builder.name_carried()?;
        Ok(builder)
    }

    fn node(&mut self, node: &'a Node) -> Result<()> {
        if self.fold(node)? {
            return Ok(());
        }
        match node.op.as_str() {
            "LinearClassifier" | "LinearRegressor" | "Normalizer" | "Scaler" | "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => self.classical(node),
            "Gemm" | "MatMul" if self.neural => self.product(node),
            "Gemm" | "MatMul" => self.dense(node),
            "Conv" => self.convolution(node),
            "Attention" => self.attention(node),
            "LSTM" => self.lstm(node),
            "GRU" => self.gru(node),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Max" | "Min" | "PRelu" => self.arithmetic(node),
            "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => self.arithmetic(node),
            "Pow" => self.power(node),
            "Where" => self.choice(node),
            "Pad" => self.padded(node),
            "MaxPool" | "AveragePool" => self.pool(node),
            "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" | "ReduceMax" | "ReduceMin" | "ReduceSum" => self.reduce(node),
            "BatchNormalization" | "LayerNormalization" => self.normalization(node),
            "Concat" => self.concat(node),
            "Cast" | "Dropout" => self.renamed(node),
            op if moves::is_move(op) => self.moving(node),
            _ => self.function(node),
        }
    }

    /// The value that a node's input names, in whatever order it lies.
    fn value(&self, node: &Node, input: usize) -> Result<Slot> {
        let name = node.inputs.get(input).map(String::as_str).unwrap_or_default();
        self.slots.get(name).cloned().ok_or_else(|| self.no_value(node, name))
    }

    /// The value that a node's input names, its values in order.
    fn slot(&mut self, node: &Node, input: usize) -> Result<Slot> {
        let value = self.value(node, input)?;
        self.ordered(&value)
    }

    fn no_value(&self, node: &Node, name: &str) -> Error {
        if name.is_empty() {
            return faulty(format!("{} lacks an input", shown(&node.title())));
        }
        unable(format!("{} reads {}, which is a constant or a label where a value of the row is wanted", shown(&node.title()), shown(name)))
    }

    /// The same value with its values in order: itself, or copied by a step.
    fn ordered(&mut self, value: &Slot) -> Result<Slot> {
        if value.view.is_plain() {
            return Ok(value.clone());
        }
        self.claim(self.next, value.width())?;
        self.pick(value, value.view.index(), value.shape().to_vec())
    }

    /// The values at these places of a value's memory.
    fn pick(&mut self, from: &Slot, index: Vec<usize>, shape: Vec<usize>) -> Result<Slot> {
        let span = index.iter().max().map_or(0, |last| last + 1);
        let index = index.into_iter().map(|at| at as u32).collect();
        let read = Slot::plain(from.place, vec![span]);
        self.push(Kernel::Pick { index, fill: 0.0 }, &read, shape)
    }

    /// Adds a step behind everything made so far; where its result lies.
    fn push(&mut self, kernel: Kernel, from: &Slot, shape: Vec<usize>) -> Result<Slot> {
        self.push_as(kernel, from, View::plain(shape))
    }

    /// Adds a step whose result lies in another order than that of its shape.
    fn push_as(&mut self, kernel: Kernel, from: &Slot, view: View) -> Result<Slot> {
        if view.width() == 0 {
            return Err(unable(format!("a value of the row has dimensions {:?}, which is no value", view.shape)));
        }
        self.cost = self.cost.saturating_add(kernel.cost());
        if self.cost > MOST_COST {
            return Err(unable(format!("a run takes over {MOST_COST} multiplications, which no caller should wait for")));
        }
        let slot = Slot { place: Place::Scratch(self.next), view };
        let flushed = self.neural && !matches!(kernel, Kernel::Trees(_) | Kernel::Linear(_) | Kernel::Scaler(_) | Kernel::Normalizer(_));
        let step = Step::new(kernel, (from.place, from.view.span()), (self.next, slot.width()), flushed);
        self.weights = self.weights.saturating_add(step.memory_bytes());
        if self.weights > MOST_WEIGHTS {
            return Err(unable(format!("the graph's layers hold over {MOST_WEIGHTS} bytes of weights together")));
        }
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

    /// Names a node's output.
    fn name(&mut self, node: &'a Node, output: usize, slot: Slot) {
        if let Some(name) = node.outputs.get(output).filter(|name| !name.is_empty()) {
            self.slots.insert(name, slot);
        }
    }

    fn finish(mut self) -> Result<Plan> {
        let (mut ports, mut places) = (Vec::new(), Vec::new());
        for output in self.graph.outputs.iter().filter(|output| output.elem_type == FLOAT) {
            let value = self.slots.get(output.name.as_str()).cloned();
            let slot = value.ok_or_else(|| unable(format!("the output {} is no value of the row", shown(&output.name))))?;
            let slot = self.ordered(&slot)?;
            ports.push(Port { name: output.name.clone(), dims: slot.shape().to_vec() });
            places.push(slot.place);
        }
        if ports.is_empty() {
            return Err(unable("the graph has no float32 output"));
        }
        let carries = self.finish_carried(&mut ports, &mut places)?;
        let (inputs, input_width, scratch_len, level, precision) = (self.inputs, self.input_width, self.scratch_len, self.level, self.kept.precision);
        fuse(&mut self.steps, &places);
        let outputs = places.iter().zip(&ports).map(|(place, port): (&Place, &Port)| (*place, port.width()));
        narrow(&mut self.steps, scratch_len);
        demand(&mut self.steps, outputs, scratch_len);
        let output_width = ports.iter().map(Port::width).sum();
        let direct = is_direct(&self.steps, &places, output_width);
        Ok(Plan { inputs, input_width, steps: self.steps, ports, places, carries, scratch_len, level, precision, output_width, direct })
    }
}

//! `LSTM` and `GRU`.

use super::{Builder, Kernel, Node, Place, Result, Slot, attrs, faulty, shown, unable};
use crate::model::native::factor::{Factor, Reads, Stored as Weights};
use crate::model::native::recurrent::{Initial, Size, column, unit};
use crate::model::native::view::View;
use crate::model::native::{gru, lstm};
use crate::model::onnx_ir::Attr;
use crate::model::precision::Precision;

/// Stored weights of a layer, in the graph's order: gate by gate, unit by unit.
struct Stored {
    size: Size,
    input: Vec<f32>,
    state: Vec<f32>,
    /// Of the inputs, then of the state; empty for zeros.
    bias: Vec<f32>,
}

impl Stored {
    fn of_input(&self, gate: usize, unit: usize, input: usize) -> f32 {
        self.input[(gate * self.size.hidden + unit) * self.size.features + input]
    }

    fn of_state(&self, gate: usize, unit: usize, input: usize) -> f32 {
        self.state[(gate * self.size.hidden + unit) * self.size.hidden + input]
    }

    fn input_bias(&self, gate: usize, unit: usize) -> f32 {
        self.bias.get(gate * self.size.hidden + unit).copied().unwrap_or(0.0)
    }

    fn state_bias(&self, gates: usize, gate: usize, unit: usize) -> f32 {
        self.bias.get((gates + gate) * self.size.hidden + unit).copied().unwrap_or(0.0)
    }
}

impl<'a> Builder<'a> {
    pub(super) fn lstm(&mut self, node: &'a Node) -> Result<()> {
        const GATES: usize = lstm::GATES;
        if node.inputs.get(7).is_some_and(|name| !name.is_empty()) {
            return Err(unable("LSTM has peepholes (input P); train it without them"));
        }
        if attrs::int(node, "input_forget", 0)? != 0 {
            return Err(unable("LSTM couples its input and forget gates (input_forget); train it with both"));
        }
        check_variant(node, &["Sigmoid", "Tanh", "Tanh"])?;
        let value = self.window(node)?;
        let stored = self.layer(node, GATES, &value)?;
        let size = stored.size;
        let reads = self.reads(&value, size);
        let input = self.factor(
            (size.features, GATES, reads),
            size,
            |input, unit, gate| stored.of_input(gate, unit, input),
            |unit, gate| stored.input_bias(gate, unit) + stored.state_bias(GATES, gate, unit),
        )?;
        let state = self.factor((size.hidden, GATES, Reads::States), size, |input, unit, gate| stored.of_state(gate, unit, input), |_, _| 0.0)?;
        let (hidden, cell) = (self.first(node, 5, size)?, self.first(node, 6, size)?);
        let ends = [hidden.place(), cell.place()];
        let layer = lstm::Lstm { size, input, state, hidden, cell };
        let width = layer.width();
        let made = self.push(Kernel::Lstm(layer), &value, vec![width])?;
        self.name_states(node, made.place, size)?;
        let cell = Slot::plain(made.place.shifted(size.steps * size.hidden), vec![1, 1, size.hidden]);
        self.leave(ends[0], made.place.shifted((size.steps - 1) * size.hidden));
        self.leave(ends[1], cell.place);
        self.name(node, 2, cell);
        Ok(())
    }

    pub(super) fn gru(&mut self, node: &'a Node) -> Result<()> {
        const GATES: usize = gru::GATES;
        check_variant(node, &["Sigmoid", "Tanh"])?;
        let linear_before_reset = attrs::int(node, "linear_before_reset", 0)? != 0;
        let value = self.window(node)?;
        let stored = self.layer(node, GATES, &value)?;
        let size = stored.size;
        // The candidate's state bias stays with the state when the reset gate scales both.
        let apart = |gate: usize| linear_before_reset && gate == gru::EARLY;
        if self.kept.precision != Precision::F32 && !linear_before_reset {
            let what = shown(&node.title());
            return Err(unable(format!("{what} resets its state before the product (linear_before_reset = 0), which is made in f32 alone")));
        }
        let reads = self.reads(&value, size);
        let input = self.factor(
            (size.features, GATES, reads),
            size,
            |input, unit, gate| stored.of_input(gate, unit, input),
            |unit, gate| stored.input_bias(gate, unit) + if apart(gate) { 0.0 } else { stored.state_bias(GATES, gate, unit) },
        )?;
        let early = self.factor((size.hidden, gru::EARLY, Reads::States), size, |input, unit, gate| stored.of_state(gate, unit, input), |_, _| 0.0)?;
        let candidate = self.factor(
            (size.hidden, 1, Reads::States),
            size,
            |input, unit, _| stored.of_state(gru::EARLY, unit, input),
            |unit, _| {
                if linear_before_reset { stored.state_bias(GATES, gru::EARLY, unit) } else { 0.0 }
            },
        )?;
        let hidden = self.first(node, 5, size)?;
        let end = hidden.place();
        let layer = gru::Gru { size, input, early, candidate, linear_before_reset, hidden };
        let width = layer.width();
        let made = self.push(Kernel::Gru(layer), &value, vec![width])?;
        self.leave(end, made.place.shifted(width - size.hidden));
        self.name_states(node, made.place, size)
    }

    /// The layer's input, step by step.
    fn window(&mut self, node: &Node) -> Result<Slot> {
        let value = self.slot(node, 0)?;
        let by_batch = attrs::int(node, "layout", 0)? != 0;
        match (value.shape(), by_batch) {
            ([_, 1, _], false) | ([1, _, _], true) => Ok(value),
            (shape, _) => Err(unable(format!("{} reads a value with dimensions {shape:?} where the steps of one window are wanted", shown(&node.title())))),
        }
    }

    /// The layer's weights, once their sizes agree with one another and with the input.
    fn layer(&self, node: &Node, gates: usize, value: &Slot) -> Result<Stored> {
        let what = shown(&node.title());
        let [input, state] = [self.stored(node, 1)?, self.stored(node, 2)?];
        let bias = self.optional(node, 3)?;
        let features = value.shape()[2];
        let steps = value.width() / features;
        let [1, rows, hidden] = state.dims.as_slice() else {
            return Err(faulty(format!("{what} has recurrent weights R with dimensions {:?}", state.dims)));
        };
        let size = Size { steps, features, hidden: *hidden };
        let named = attrs::int(node, "hidden_size", *hidden as i64)?;
        let sound = *hidden > 0 && hidden.checked_mul(gates) == Some(*rows) && usize::try_from(named) == Ok(*hidden);
        let input_fits = input.dims == [1, *rows, features];
        let bias_fits = bias.as_ref().is_none_or(|bias| bias.dims == [1, rows.saturating_mul(2)]);
        if !(sound && input_fits && bias_fits) {
            let bias = bias.map(|bias| bias.dims.clone());
            return Err(faulty(format!(
                "{what} has hidden_size {named} and weights W {:?}, R {:?}, B {bias:?} for {features} features",
                input.dims, state.dims
            )));
        }
        self.check_lengths(node, steps)?;
        let values = |tensor: &super::Tensor| tensor.as_f32().map(<[f32]>::to_vec).ok_or_else(|| unable(format!("{what} has weights that are not float32")));
        let bias = bias.map_or_else(|| Ok(Vec::new()), |bias| values(&bias))?;
        Ok(Stored { size, input: values(&input)?, state: values(&state)?, bias })
    }

    /// Every window is read whole.
    fn check_lengths(&self, node: &Node, steps: usize) -> Result<()> {
        match self.integers(node, 4)? {
            Some(lengths) if lengths != [steps as i64] => {
                Err(unable(format!("{} reads {lengths:?} steps (sequence_lens) of a window of {steps}", shown(&node.title()))))
            }
            _ => Ok(()),
        }
    }

    /// What a layer's state or cell begins with: what the graph computes or is given, else stored numbers, which a stateful model
    /// begins with and then carries on.
    fn first(&mut self, node: &Node, input: usize, size: Size) -> Result<Initial> {
        let what = shown(&node.title());
        if node.inputs.get(input).is_some_and(|name| self.slots.contains_key(name.as_str())) {
            let state = self.slot(node, input)?;
            let fits = state.width() == size.hidden;
            let wrong = || faulty(format!("{what} begins with a state with dimensions {:?} for {} units", state.shape(), size.hidden));
            return if fits { Ok(Initial::At(state.place)) } else { Err(wrong()) };
        }
        let stored = self.stored_state(node, input, size)?;
        Ok(self.carried(&what, input, stored, size.hidden))
    }

    /// A stored state; empty where it is left out or all zeros.
    fn stored_state(&self, node: &Node, input: usize, size: Size) -> Result<Vec<f32>> {
        let what = shown(&node.title());
        let Some(state) = self.optional(node, input)? else { return Ok(Vec::new()) };
        let values = state.as_f32().filter(|values| values.len() == size.hidden && values.iter().all(|value| value.is_finite()));
        let values = values.ok_or_else(|| faulty(format!("{what} has an initial state with dimensions {:?} for {} units", state.dims, size.hidden)))?;
        Ok(if values.iter().all(|value| *value == 0.0) { Vec::new() } else { values.to_vec() })
    }

    /// Names the states of all steps and that of the last one.
    fn name_states(&mut self, node: &'a Node, place: Place, size: Size) -> Result<()> {
        let Size { steps, hidden, .. } = size;
        let all = if attrs::int(node, "layout", 0)? == 0 { vec![steps, 1, 1, hidden] } else { vec![1, steps, 1, hidden] };
        self.name(node, 0, Slot { place, view: View::plain(all) });
        self.name(node, 1, Slot::plain(place.shifted((steps - 1) * hidden), vec![1, 1, hidden]));
        Ok(())
    }
}

/// Refuses what the kernels do not do, with the reason.
fn check_variant(node: &Node, activations: &[&str]) -> Result<()> {
    let what = shown(&node.title());
    match attrs::text(node, "direction", "forward")? {
        "forward" => {}
        direction @ ("bidirectional" | "reverse") => {
            return Err(unable(format!(
                "{what} is {direction}: it reads the window from its end, so the whole of it must be run again for every new row; train it forward"
            )));
        }
        other => return Err(faulty(format!("{what} has the direction {}", shown(other)))),
    }
    if node.attr("clip").is_some() {
        return Err(unable(format!("{what} clips its gates (clip); train it without")));
    }
    let named = attrs::texts(node, "activations")?;
    if !named.is_empty() && named != activations {
        return Err(unable(format!("{what} has activations {named:?}; the native kernels have {activations:?}")));
    }
    match ["activation_alpha", "activation_beta"].into_iter().find(|name| !matches!(node.attr(name), None | Some(Attr::Floats(_)))) {
        Some(name) => Err(faulty(format!("{what} has an attribute {name} that is no list of floats"))),
        None => Ok(()),
    }
}

impl<'a> Builder<'a> {
    /// What a layer reads: other values that are computed count as states.
    fn reads(&self, value: &Slot, size: Size) -> Reads<'a> {
        match value.place {
            Place::Row(0) if self.kept.ranges.len() == size.features => Reads::Rows(self.kept.ranges),
            Place::Row(_) => Reads::Rows(&[]),
            Place::Scratch(_) => Reads::States,
        }
    }

    /// The weights of `gates` gates for a layer's inputs or state, with the gates of a block of units beside one another.
    fn factor(
        &self,
        (inputs, gates, reads): (usize, usize, Reads<'_>),
        size: Size,
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: impl Fn(usize, usize) -> f32,
    ) -> Result<Factor> {
        let outputs = column(size.blocks() * super::super::block::WIDTH, 0, gates);
        let of = |at: usize, value: &dyn Fn(usize, usize) -> f32| unit(at, gates, size.hidden).map_or(0.0, |(unit, gate)| value(unit, gate));
        let weight = |input: usize, output: usize| of(output, &|unit, gate| weight(input, unit, gate));
        let stored = Weights { inputs, outputs, weight: &weight, bias: &|output| of(output, &bias), what: "a recurrent layer" };
        Factor::new(&stored, self.kept.precision, reads, self.level)
    }
}

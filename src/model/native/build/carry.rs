//! What a stateful model carries from step to step: inputs behind the row, and the outputs that they are in the next step.

use super::{Builder, FLOAT, Place, Result, Slot, shape, shown, unable};
use crate::error::Error;
use crate::model::backend::{Carry, Port};
use crate::model::native::Carried;
use crate::model::native::recurrent::Initial;
use crate::model::onnx_ir::{Dim, Graph, Value};

/// What is carried, as far as it is known.
pub(super) struct States<'a> {
    carried: Carried<'a>,
    layers: Vec<LayerState>,
}

/// The state of a layer, which the graph does not name.
struct LayerState {
    name: String,
    /// Where it stands among the inputs.
    at: usize,
    first: Box<[f32]>,
    /// Where a step leaves it.
    end: Option<Place>,
}

impl<'a> States<'a> {
    pub(super) fn new(carried: Carried<'a>) -> States<'a> {
        States { carried, layers: Vec::new() }
    }
}

/// The input that is the row: the one that is not carried.
pub(super) fn row<'g>(graph: &'g Graph, carried: Carried<'_>) -> Result<&'g Value> {
    let pairs = if let Carried::Named(pairs) = carried { pairs } else { &[] };
    if let Some((_, name)) = pairs.iter().find(|(_, name)| !graph.inputs.iter().any(|input| input.name == *name)) {
        return Err(unable(format!("the graph has no input {}, which is to be carried; it has {}", shown(name), names(&graph.inputs))));
    }
    let rows: Vec<&Value> = graph.inputs.iter().filter(|input| !pairs.iter().any(|(_, name)| *name == input.name)).collect();
    match (rows.as_slice(), carried) {
        ([row], Carried::Layers) => one_step(row),
        ([row], _) => Ok(row),
        (rows, Carried::Nothing) => Err(unable(format!("the graph has {} inputs where a row is one", rows.len()))),
        (rows, _) => Err(unable(format!("the graph has {} inputs that are not carried ({}) where the row is one", rows.len(), names(rows.iter().copied())))),
    }
}

/// A graph over sequences whose layers carry their states reads one row of it a step.
fn one_step(row: &Value) -> Result<&Value> {
    let steps = match row.dims.as_deref().unwrap_or_default() {
        [Dim::Fixed(steps @ 2..), _, _] | [_, Dim::Fixed(steps @ 2..), _] => steps,
        _ => return Ok(row),
    };
    Err(unable(format!(
        "the graph reads {steps} steps and a stateful model one: export it with a free number of steps (dynamic_axes, dynamic_shapes), or with 1"
    )))
}

fn names<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    values.into_iter().map(|value| shown(&value.name)).collect::<Vec<_>>().join(", ")
}

impl<'a> Builder<'a> {
    /// Gives the inputs that are carried by name their places behind the row, in the order in which they are named.
    pub(super) fn name_carried(&mut self) -> Result<()> {
        let Carried::Named(pairs) = self.states.carried else { return Ok(()) };
        let graph = self.graph;
        for (at, (output, name)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(_, other)| other == name) {
                return Err(unable(format!("the input {} is carried twice", shown(name))));
            }
            let Some(input) = graph.inputs.iter().find(|input| input.name == *name) else { continue };
            let dims = dims(input).ok_or_else(|| unable(format!("the input {}, which is carried, is not float32 with known dimensions", shown(name))))?;
            let place = self.behind(Port { name: name.clone(), dims: dims.clone() });
            self.slots.insert(&input.name, Slot::plain(place, dims));
            if !graph.outputs.iter().any(|given| given.name == *output && given.elem_type == FLOAT) {
                return Err(unable(format!("the graph has no float32 output {}, which is to be carried; it has {}", shown(output), names(&graph.outputs))));
            }
        }
        Ok(())
    }

    /// One more input.
    fn behind(&mut self, port: Port) -> Place {
        let place = Place::Row(self.input_width);
        self.input_width += port.width();
        self.inputs.push(port);
        place
    }

    /// The first state of a layer: where layers carry theirs, it comes in behind the row.
    pub(super) fn carried(&mut self, layer: &str, input: usize, stored: Vec<f32>, hidden: usize) -> Initial {
        if self.states.carried != Carried::Layers {
            return Initial::Stored(stored.into());
        }
        let name = format!("{layer}.{}", if input == 5 { "h" } else { "c" });
        let at = self.input_width;
        let place = self.behind(Port { name: name.clone(), dims: vec![1, hidden] });
        let first = if stored.is_empty() { vec![0.0; hidden] } else { stored };
        self.states.layers.push(LayerState { name, at, first: first.into(), end: None });
        Initial::At(place)
    }

    /// A layer that began with what lies at `first` leaves its state at `end`.
    pub(super) fn leave(&mut self, first: Option<Place>, end: Place) {
        let own = self.states.layers.iter_mut().find(|layer| Some(Place::Row(layer.at)) == first);
        own.into_iter().for_each(|layer| layer.end = Some(end));
    }

    /// What is carried, once every step is there; states of layers become outputs behind those of the graph.
    pub(super) fn finish_carried(&mut self, ports: &mut Vec<Port>, places: &mut Vec<Place>) -> Result<Vec<Carry>> {
        match self.states.carried {
            Carried::Nothing => Ok(Vec::new()),
            Carried::Named(pairs) => pairs.iter().map(|(output, input)| self.named(ports, output, input)).collect(),
            Carried::Layers if self.states.layers.is_empty() => Err(nothing_to_carry()),
            Carried::Layers => Ok(std::mem::take(&mut self.states.layers).into_iter().filter_map(|layer| layer.finish(ports, places)).collect()),
        }
    }

    fn named(&self, ports: &[Port], output: &str, input: &str) -> Result<Carry> {
        let [(from, given), (to, taken)] = [place(ports, output)?, place(&self.inputs, input)?];
        if given.width() != taken.width() {
            let (given, taken) = (&given.dims, &taken.dims);
            return Err(unable(format!("the output {} has dimensions {given:?}, the input {} that carries it on {taken:?}", shown(output), shown(input))));
        }
        let width = taken.width();
        Ok(Carry { from: from..from + width, to: to..to + width, first: vec![0.0; width].into() })
    }
}

impl LayerState {
    fn finish(self, ports: &mut Vec<Port>, places: &mut Vec<Place>) -> Option<Carry> {
        let (width, from) = (self.first.len(), ports.iter().map(Port::width).sum());
        places.push(self.end?);
        ports.push(Port { name: self.name, dims: vec![1, width] });
        Some(Carry { from: from..from + width, to: self.at..self.at + width, first: self.first })
    }
}

fn nothing_to_carry() -> Error {
    unable("the graph has no LSTM or GRU layer that carries a state, and no other is named (carry = { output = \"input\" })")
}

/// A port and where it begins among all values.
fn place<'p>(ports: &'p [Port], name: &str) -> Result<(usize, &'p Port)> {
    let at = ports.iter().position(|port| port.name == name).ok_or_else(|| unable(format!("{} is not carried", shown(name))))?;
    Ok((ports[..at].iter().map(Port::width).sum(), &ports[at]))
}

/// Dimensions of a state: open ones are those of a batch, which is 1.
fn dims(input: &Value) -> Option<Vec<usize>> {
    let dims = input.dims.as_ref().filter(|_| input.elem_type == FLOAT)?;
    let dims: Vec<usize> = dims.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { 1 }).collect();
    shape::bounded(&dims, 1 << 22).filter(|width| *width > 0).map(|_| dims)
}

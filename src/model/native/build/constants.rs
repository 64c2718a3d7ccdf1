//! Constants of a graph: stored in the file, or computed while it is compiled.

use std::ops::Deref;
use std::rc::Rc;

use super::{Builder, Node, Result, Tensor, shape, shown, unable};
use crate::model::native::view::View;
use crate::model::onnx_ir::Data;

/// Most values of one computed constant: 16 MiB of f32.
pub(super) const MOST: usize = 1 << 22;
/// Most values of all computed constants together.
const MOST_TOGETHER: usize = 1 << 24;

/// A constant.
pub(super) enum Constant<'a> {
    Stored(&'a Tensor),
    Folded(Rc<Tensor>),
}

impl Deref for Constant<'_> {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        match self {
            Constant::Stored(tensor) => tensor,
            Constant::Folded(tensor) => tensor,
        }
    }
}

impl<'a> Builder<'a> {
    /// The constant that a node's input names.
    pub(super) fn constant(&self, node: &Node, input: usize) -> Option<Constant<'a>> {
        let name = node.inputs.get(input).filter(|name| !name.is_empty())?;
        let stored = || self.graph.initialisers.get(name).map(Constant::Stored);
        self.folded.get(name.as_str()).map(|tensor| Constant::Folded(tensor.clone())).or_else(stored)
    }

    /// A constant that the operator cannot do without.
    pub(super) fn stored(&self, node: &Node, input: usize) -> Result<Constant<'a>> {
        self.constant(node, input).ok_or_else(|| unable(format!("{} has input {input} computed where a stored tensor is wanted", shown(&node.title()))))
    }

    /// An optional constant; `None` when the node leaves it out.
    pub(super) fn optional(&self, node: &Node, input: usize) -> Result<Option<Constant<'a>>> {
        match node.inputs.get(input).is_some_and(|name| !name.is_empty()) {
            true => self.stored(node, input).map(Some),
            false => Ok(None),
        }
    }

    /// An optional constant of whole numbers.
    pub(super) fn integers(&self, node: &Node, input: usize) -> Result<Option<Vec<i64>>> {
        let Some(tensor) = self.optional(node, input)? else { return Ok(None) };
        let numbers = tensor.to_i64();
        numbers.map(Some).ok_or_else(|| unable(format!("{} has an input {input} of numbers that are not whole", shown(&node.title()))))
    }

    /// An optional constant of one f32.
    pub(super) fn scalar(&self, node: &Node, input: usize) -> Result<Option<f32>> {
        let Some(tensor) = self.optional(node, input)? else { return Ok(None) };
        match tensor.as_f32() {
            Some([value]) => Ok(Some(*value)),
            _ => Err(unable(format!("{} has an input {input} that is not one float32", shown(&node.title())))),
        }
    }

    /// Names a computed constant.
    pub(super) fn keep(&mut self, node: &'a Node, output: usize, tensor: Tensor) -> Result<()> {
        self.folded_len += tensor.len();
        if self.folded_len > MOST_TOGETHER {
            return Err(too_large(node));
        }
        if let Some(name) = node.outputs.get(output).filter(|name| !name.is_empty()) {
            self.folded.insert(name, Rc::new(tensor));
        }
        Ok(())
    }
}

/// How many values a computed constant will have; checked before any are made.
pub(super) fn room(node: &Node, dims: &[usize]) -> Result<usize> {
    shape::bounded(dims, MOST).ok_or_else(|| too_large(node))
}

fn too_large(node: &Node) -> super::Error {
    unable(format!("{} makes constants of more than {MOST} values, or {MOST_TOGETHER} together", shown(&node.title())))
}

/// A view of a constant's values, in order.
pub(super) fn seen(node: &Node, tensor: &Tensor, view: &View) -> Result<Tensor> {
    room(node, &view.shape)?;
    Ok(Tensor { dims: view.shape.clone(), data: picked(node, &tensor.data, &view.index())? })
}

/// The values at these places.
pub(super) fn picked(node: &Node, data: &Data, index: &[usize]) -> Result<Data> {
    fn at<T: Copy>(values: &[T], index: &[usize]) -> Vec<T> {
        index.iter().map(|at| values[*at]).collect()
    }
    Ok(match data {
        Data::F32(values) => Data::F32(at(values, index)),
        Data::F64(values) => Data::F64(at(values, index)),
        Data::I64(values) => Data::I64(at(values, index)),
        Data::I32(values) => Data::I32(at(values, index)),
        Data::U8(values) => Data::U8(at(values, index)),
        Data::Other(kind) => return Err(unable(format!("{} has a constant of the element type {kind}", shown(&node.title())))),
    })
}

/// The values of all, behind one another; whole numbers of any size as i64. `None` when their types differ otherwise.
pub(super) fn joined(parts: &[Constant<'_>]) -> Option<Data> {
    match &parts.first()?.data {
        Data::F32(_) => parts.iter().map(|part| part.as_f32()).collect::<Option<Vec<_>>>().map(|parts| Data::F32(parts.concat())),
        _ => parts.iter().map(|part| part.to_i64()).collect::<Option<Vec<_>>>().map(|parts| Data::I64(parts.concat())),
    }
}

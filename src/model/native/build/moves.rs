//! Operators that move, cut, repeat or rename values, of the row and of constants alike.

use std::cmp::Reverse;

use super::constants::{picked, room, seen};
use super::{Builder, FLOAT, Kernel, Node, Place, Result, Slot, Tensor, attrs, shape, shown, unable};
use crate::model::native::view::View;

/// The operators of [`Builder::moved`].
pub(super) fn is_move(op: &str) -> bool {
    matches!(op, "Expand" | "Flatten" | "Gather" | "Identity" | "Reshape" | "Slice" | "Split" | "Squeeze" | "Transpose" | "Unsqueeze")
}

/// What becomes of a tensor's values.
pub(super) enum Moved {
    /// One view for each output.
    Views(Vec<View>),
    /// The values at these places of the tensor's memory.
    Scattered { index: Vec<usize>, shape: Vec<usize> },
}

impl<'a> Builder<'a> {
    /// A move of a value of the row.
    pub(super) fn moving(&mut self, node: &'a Node) -> Result<()> {
        let value = self.value(node, 0)?;
        // Only values in order can get other dimensions.
        let value = if matches!(node.op.as_str(), "Reshape" | "Flatten") { self.ordered(&value)? } else { value };
        match self.moved(node, value.view.clone())? {
            Moved::Views(views) if views.iter().any(|view| view.width() == 0) => {
                return Err(unable(format!("{} leaves nothing of a value with dimensions {:?}", shown(&node.title()), value.shape())));
            }
            Moved::Views(views) => views.into_iter().enumerate().for_each(|(output, view)| self.name(node, output, value.seen(view))),
            Moved::Scattered { index, shape } => {
                self.claim(self.next, index.len())?;
                let slot = self.pick(&value, index, shape)?;
                self.name(node, 0, slot);
            }
        }
        Ok(())
    }

    /// A move of a constant.
    pub(super) fn fold_move(&mut self, node: &'a Node, tensor: &Tensor) -> Result<()> {
        room(node, &tensor.dims)?;
        match self.moved(node, View::plain(tensor.dims.clone()))? {
            Moved::Views(views) => {
                for (output, view) in views.iter().enumerate() {
                    self.keep(node, output, seen(node, tensor, view)?)?;
                }
            }
            Moved::Scattered { index, shape } => {
                room(node, &shape)?;
                self.keep(node, 0, Tensor { data: picked(node, &tensor.data, &index)?, dims: shape })?;
            }
        }
        Ok(())
    }

    fn moved(&self, node: &Node, view: View) -> Result<Moved> {
        let one = |view| Ok(Moved::Views(vec![view]));
        match node.op.as_str() {
            "Expand" => one(self.expanded(node, &view)?),
            "Gather" => self.gathered(node, view),
            "Slice" => self.sliced(node, view),
            "Split" => Ok(Moved::Views(self.split(node, &view)?)),
            "Squeeze" => one(self.squeezed(node, view)?),
            "Unsqueeze" => one(self.unsqueezed(node, view)?),
            "Transpose" => one(transposed(node, &view)?),
            "Flatten" => one(reshaped(node, &view, shape::flatten(&view.shape, attrs::int(node, "axis", 1)?)?)?),
            "Reshape" => {
                let to = self.integers(node, 1)?.ok_or_else(|| lacks(node, "a shape"))?;
                one(reshaped(node, &view, shape::reshape(&view.shape, &to, attrs::int(node, "allowzero", 0)? != 0)?)?)
            }
            _ => one(view),
        }
    }

    fn expanded(&self, node: &Node, view: &View) -> Result<View> {
        let to = self.integers(node, 1)?.ok_or_else(|| lacks(node, "a shape"))?;
        let to = to.iter().map(|dim| usize::try_from(*dim)).collect::<Result<Vec<_>, _>>();
        let to = to.map_err(|_| unable(format!("Expand of {:?} to a negative dimension", view.shape)))?;
        let to = shape::broadcast(&view.shape, &to, "Expand")?;
        view.expanded(&to).ok_or_else(|| unable(format!("Expand of {:?} to {to:?}", view.shape)))
    }

    fn gathered(&self, node: &Node, view: View) -> Result<Moved> {
        let axis = shape::axis(attrs::int(node, "axis", 0)?, view.shape.len(), "Gather")?;
        let indices = self.stored(node, 1)?;
        let rows = indices.to_i64().ok_or_else(|| unable("Gather with indices that are not whole numbers"))?;
        let dim = view.shape[axis];
        let place = |index: &i64| {
            let from_start = if *index < 0 { index.saturating_add(dim as i64) } else { *index };
            usize::try_from(from_start).ok().filter(|index| *index < dim).ok_or_else(|| unable(format!("Gather of place {index} of {dim}")))
        };
        let rows = rows.iter().map(place).collect::<Result<Vec<usize>>>()?;
        match (rows.as_slice(), indices.dims.len()) {
            ([row], 0) => Ok(Moved::Views(vec![view.at(axis, *row)])),
            ([row], 1) => Ok(Moved::Views(vec![view.sliced(axis, *row, 1, 1)])),
            (rows, _) => {
                let shape = [&view.shape[..axis], &indices.dims, &view.shape[axis + 1..]].concat();
                room(node, &shape)?;
                let places = view.index();
                let index = scattered(&view.shape, axis, rows).into_iter().map(|at| places[at]).collect();
                Ok(Moved::Scattered { index, shape })
            }
        }
    }

    /// Bounds are attributes before operator set 10 and inputs since.
    fn sliced(&self, node: &Node, mut view: View) -> Result<Moved> {
        let numbers = |input, name| match self.integers(node, input)? {
            Some(numbers) => Ok(numbers),
            None => attrs::ints(node, name).map(<[i64]>::to_vec),
        };
        let (starts, ends, axes) = (numbers(1, "starts")?, numbers(2, "ends")?, numbers(3, "axes")?);
        let steps = self.integers(node, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let axes = if axes.is_empty() { (0..starts.len() as i64).collect() } else { axes };
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(unable("Slice with bounds, axes and steps of different lengths"));
        }
        let mut backwards = Vec::new();
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = shape::axis(*axis, view.shape.len(), "Slice")?;
            let cut = Cut::of(*start, *end, *step, view.shape[axis]).ok_or_else(|| unable(format!("Slice in steps of {step}")))?;
            view = view.sliced(axis, cut.first, cut.len, cut.step);
            backwards.extend((*step < 0).then_some(axis));
        }
        if backwards.is_empty() {
            return Ok(Moved::Views(vec![view]));
        }
        room(node, &view.shape)?;
        Ok(Moved::Scattered { index: view.index_backwards(&backwards), shape: view.shape })
    }

    fn split(&self, node: &Node, view: &View) -> Result<Vec<View>> {
        let axis = shape::axis(attrs::int(node, "axis", 0)?, view.shape.len(), "Split")?;
        let (dim, parts) = (view.shape[axis], node.outputs.len());
        let sizes = match (self.integers(node, 1)?, attrs::ints(node, "split")?) {
            (Some(sizes), _) => sizes,
            (None, []) => equal(dim, parts),
            (None, sizes) => sizes.to_vec(),
        };
        let sizes: Vec<usize> = sizes.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
        if sizes.len() != parts || sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size)) != Some(dim) {
            return Err(unable(format!("Split of {dim} values into {sizes:?} for {parts} outputs")));
        }
        let mut start = 0;
        let part = |size: &usize| {
            start += size;
            view.clone().sliced(axis, start - size, *size, 1)
        };
        Ok(sizes.iter().map(part).collect())
    }

    /// Axes are an attribute before operator set 13 and an input since.
    pub(super) fn axes(&self, node: &Node) -> Result<Option<Vec<i64>>> {
        if let Some(axes) = self.integers(node, 1)? {
            return Ok(Some(axes));
        }
        let axes = attrs::ints(node, "axes")?;
        Ok((!axes.is_empty()).then(|| axes.to_vec()))
    }

    fn squeezed(&self, node: &Node, mut view: View) -> Result<View> {
        let rank = view.shape.len();
        let axes = match self.axes(node)? {
            Some(axes) => axes.iter().map(|axis| shape::axis(*axis, rank, "Squeeze")).collect::<Result<Vec<_>>>()?,
            None => (0..rank).filter(|axis| view.shape[*axis] == 1).collect(),
        };
        if axes.iter().any(|axis| view.shape[*axis] != 1) {
            return Err(unable(format!("Squeeze of {:?} along {axes:?}", view.shape)));
        }
        (0..rank).rev().filter(|axis| axes.contains(axis)).for_each(|axis| view.without(axis));
        Ok(view)
    }

    fn unsqueezed(&self, node: &Node, mut view: View) -> Result<View> {
        let axes = self.axes(node)?.unwrap_or_default();
        let rank = view.shape.len() + axes.len();
        let mut places = axes.iter().map(|axis| shape::axis(*axis, rank, "Unsqueeze")).collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        if rank > MOST_AXES || places.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(unable(format!("Unsqueeze of {:?} along {axes:?}", view.shape)));
        }
        places.into_iter().for_each(|axis| view.with(axis));
        Ok(view)
    }

    /// `Cast` of a value to what it is, and `Dropout`, which does nothing but in training.
    pub(super) fn renamed(&mut self, node: &'a Node) -> Result<()> {
        if node.op == "Cast" && attrs::int(node, "to", 0)? != i64::from(FLOAT) {
            return Err(unable(format!("Cast of a value to the element type {}; export in float32", attrs::int(node, "to", 0)?)));
        }
        let trains = node.op == "Dropout" && self.integers(node, 2)?.is_some_and(|mode| mode != [0]);
        if trains {
            return Err(unable("Dropout in training mode; export the model in evaluation mode (model.eval())"));
        }
        let slot = self.value(node, 0)?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// `Pad` with a constant. The places beside the value are picked from nowhere.
    pub(super) fn padded(&mut self, node: &'a Node) -> Result<()> {
        let value = self.value(node, 0)?;
        let mode = attrs::text(node, "mode", "constant")?;
        if mode != "constant" {
            return Err(unable(format!("Pad in the mode {}", shown(mode))));
        }
        let fill = self.scalar(node, 2)?.map_or_else(|| attrs::float(node, "value", 0.0), Ok)?;
        let pads = self.pads(node, value.shape().len())?;
        // In the order in which the values lie, so that rows of channels stay so.
        let mut order: Vec<usize> = (0..value.shape().len()).collect();
        order.sort_by_key(|axis| Reverse(value.view.strides[*axis]));
        let from = value.view.permuted(&order);
        let shape: Vec<usize> = order.iter().map(|axis| pads[*axis].0 + value.shape()[*axis] + pads[*axis].1).collect();
        self.claim(self.next, room(node, &shape)?)?;
        let pads: Vec<(usize, usize)> = order.iter().map(|axis| pads[*axis]).collect();
        let index = surrounded(&from, &pads);
        let read = value.seen(View::plain(vec![value.view.span()]));
        let slot = self.push(Kernel::Pick { index: index.into(), fill }, &read, shape)?;
        let back: Vec<usize> = (0..order.len()).map(|axis| order.iter().position(|from| *from == axis).unwrap_or(axis)).collect();
        self.name(node, 0, slot.seen(slot.view.permuted(&back)));
        Ok(())
    }

    /// Values before and behind along every axis.
    fn pads(&self, node: &Node, rank: usize) -> Result<Vec<(usize, usize)>> {
        let numbers = self.integers(node, 1)?.map_or_else(|| attrs::ints(node, "pads").map(<[i64]>::to_vec), Ok)?;
        let axes = self.integers(node, 3)?.unwrap_or_else(|| (0..rank as i64).collect());
        let sizes: Vec<usize> = numbers.iter().filter_map(|pad| usize::try_from(*pad).ok()).filter(|pad| *pad <= 1 << 20).collect();
        if numbers.len() != 2 * axes.len() || sizes.len() != numbers.len() {
            return Err(unable(format!("Pad by {numbers:?} along {axes:?}")));
        }
        let mut pads = vec![(0, 0); rank];
        for (index, axis) in axes.iter().enumerate() {
            pads[shape::axis(*axis, rank, "Pad")?] = (sizes[index], sizes[index + axes.len()]);
        }
        Ok(pads)
    }

    /// Values behind one another along an axis.
    pub(super) fn concat(&mut self, node: &'a Node) -> Result<()> {
        let parts = (0..node.inputs.len()).map(|input| self.slot(node, input)).collect::<Result<Vec<_>>>()?;
        let shapes: Vec<&[usize]> = parts.iter().map(Slot::shape).collect();
        let joint = joint(node, &shapes)?;
        let start = self.next;
        for part in &parts {
            self.push(Kernel::Copy, part, part.shape().to_vec())?;
        }
        let copies = Slot::plain(Place::Scratch(start), joint.shape.clone());
        let slot = match joint.index {
            None => copies,
            Some(index) => self.pick(&copies, index, joint.shape)?,
        };
        self.name(node, 0, slot);
        Ok(())
    }
}

/// More than any operator here makes sense of.
const MOST_AXES: usize = 16;

/// A concatenation: its shape and, unless the parts behind one another are already in order, where each value lies among them.
pub(super) struct Joint {
    pub(super) shape: Vec<usize>,
    pub(super) index: Option<Vec<usize>>,
}

pub(super) fn joint(node: &Node, shapes: &[&[usize]]) -> Result<Joint> {
    let Some(first) = shapes.first() else { return Err(unable("Concat of nothing")) };
    let axis = shape::axis(attrs::int(node, "axis", 1)?, first.len(), "Concat")?;
    let fits = |shape: &&[usize]| shape.len() == first.len() && shape[..axis] == first[..axis] && shape[axis + 1..] == first[axis + 1..];
    if !shapes.iter().all(fits) {
        return Err(unable(format!("Concat along axis {axis} of values with dimensions {shapes:?}")));
    }
    let mut joined = first.to_vec();
    joined[axis] = shapes.iter().map(|shape| shape[axis]).sum();
    room(node, &joined)?;
    let index = (shape::width(&joined[..axis]) != 1).then(|| interleaved(shapes, axis));
    Ok(Joint { shape: joined, index })
}

/// A stretch of each part after the other, for each place before the axis.
fn interleaved(shapes: &[&[usize]], axis: usize) -> Vec<usize> {
    let before = shape::width(&shapes[0][..axis]);
    let stretch = |shape: &[usize]| shape::width(&shape[axis..]);
    let starts = shapes.iter().scan(0, |next, shape| {
        let start = *next;
        *next += shape::width(shape);
        Some((start, stretch(shape)))
    });
    let starts: Vec<(usize, usize)> = starts.collect();
    (0..before).flat_map(|row| starts.iter().flat_map(move |(start, len)| (start + row * len)..(start + (row + 1) * len))).collect()
}

/// Where the values of a padded view lie; those that are padding lie nowhere.
fn surrounded(view: &View, pads: &[(usize, usize)]) -> Vec<u32> {
    let mut index = vec![Some(view.offset)];
    for (axis, (before, behind)) in pads.iter().enumerate() {
        let (dim, stride) = (view.shape[axis], view.strides[axis]);
        let place = |at: Option<usize>, i: usize| at.filter(|_| i >= *before && i < before + dim).map(|at| at + (i - before) * stride);
        index = index.iter().flat_map(|at| (0..before + dim + behind).map(move |i| place(*at, i))).collect();
    }
    index.into_iter().map(|at| at.map_or(u32::MAX, |at| at as u32)).collect()
}

/// Places of the values along an axis of a tensor whose values lie in order.
fn scattered(shape: &[usize], axis: usize, rows: &[usize]) -> Vec<usize> {
    let (before, after) = (shape::width(&shape[..axis]), shape::width(&shape[axis + 1..]));
    let stretch = move |outer: usize, row: usize| {
        let start = (outer * shape[axis] + row) * after;
        start..start + after
    };
    (0..before).flat_map(|outer| rows.iter().flat_map(move |row| stretch(outer, *row))).collect()
}

/// What a slice takes of an axis, counted forwards whichever way it goes.
struct Cut {
    first: usize,
    len: usize,
    step: usize,
}

impl Cut {
    fn of(start: i64, end: i64, step: i64, dim: usize) -> Option<Cut> {
        let size = usize::try_from(step.unsigned_abs()).ok().filter(|step| (1..=1 << 24).contains(step))?;
        let from_start = |at: i64| if at < 0 { at.saturating_add(dim as i64) } else { at };
        if step > 0 {
            let within = |at: i64| from_start(at).clamp(0, dim as i64) as usize;
            return Some(Cut { first: within(start), len: within(end).saturating_sub(within(start)).div_ceil(size), step: size });
        }
        // Backwards from the start, down to but without the end, which may lie before the first place.
        let within = |at: i64| from_start(at).clamp(-1, dim as i64 - 1);
        let len = usize::try_from(within(start) - within(end)).unwrap_or(0).div_ceil(size);
        let last = usize::try_from(within(start)).unwrap_or(0);
        Some(Cut { first: last.saturating_sub(len.saturating_sub(1) * size), len, step: size })
    }
}

/// Equal parts, the last one smaller when need be.
fn equal(dim: usize, parts: usize) -> Vec<i64> {
    let size = dim.div_ceil(parts.max(1));
    (0..parts).map(|part| dim.saturating_sub(part * size).min(size) as i64).collect()
}

fn transposed(node: &Node, view: &View) -> Result<View> {
    let rank = view.shape.len();
    let axes = match attrs::ints(node, "perm")? {
        [] => (0..rank).rev().collect(),
        perm => perm.iter().map(|axis| shape::axis(*axis, rank, "Transpose")).collect::<Result<Vec<_>>>()?,
    };
    if axes.len() != rank || (0..rank).any(|axis| !axes.contains(&axis)) {
        return Err(unable(format!("Transpose of {rank} dimensions to {axes:?}")));
    }
    Ok(view.permuted(&axes))
}

fn reshaped(node: &Node, view: &View, shape: Vec<usize>) -> Result<View> {
    if shape.len() > MOST_AXES {
        return Err(unable(format!("{} to {} dimensions", shown(&node.title()), shape.len())));
    }
    view.reshaped(shape).ok_or_else(|| unable(format!("{} of a value with dimensions {:?}", shown(&node.title()), view.shape)))
}

fn lacks(node: &Node, what: &str) -> super::Error {
    super::faulty(format!("{} lacks {what}", shown(&node.title())))
}

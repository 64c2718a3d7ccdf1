//! Shapes of values while a graph is compiled, for one row: the batch dimension is 1.

use super::unable;
use crate::error::Result;
use crate::model::onnx_ir::{Dim, Value};

/// How many values a shape has.
pub(super) fn width(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The shape without its dimensions of 1: what is left says in which order the values lie.
fn core(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|dim| *dim != 1).collect()
}

/// The shape of the graph's input for one row.
pub(super) fn of_input(input: &Value) -> Result<Vec<usize>> {
    let dims = input.dims.as_deref().unwrap_or_default();
    let (batch, columns) = match dims {
        [columns] => (None, columns),
        [batch, columns] => (Some(batch), columns),
        _ => return Err(unable(format!("the graph's input has {} dimensions where a row has 1 or 2", dims.len()))),
    };
    if let Some(Dim::Fixed(rows @ (0 | 2..))) = batch {
        return Err(unable(format!("the graph's input has {rows} rows fixed; export it with a free batch dimension, or with 1")));
    }
    match columns {
        Dim::Fixed(columns) if *columns > 0 && *columns <= 1 << 20 => Ok(if batch.is_some() { vec![1, *columns] } else { vec![*columns] }),
        Dim::Fixed(columns) => Err(unable(format!("the graph's input has {columns} columns"))),
        _ => Err(unable("the graph's input does not say how many columns it has; export it with a fixed number")),
    }
}

/// An axis as ONNX counts it, negative ones from the end.
pub(super) fn axis(axis: i64, rank: usize, what: &str) -> Result<usize> {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    let found = usize::try_from(from_start).ok().filter(|axis| *axis < rank);
    found.ok_or_else(|| unable(format!("{what} has the axis {axis} on a value of {rank} dimensions")))
}

/// The shape of two values joined element by element. Either they have the same order of values, or one has a single value.
pub(super) fn broadcast(a: &[usize], b: &[usize], what: &str) -> Result<Vec<usize>> {
    if core(a) != core(b) && width(a) != 1 && width(b) != 1 {
        return Err(unable(format!("{what} joins values with dimensions {a:?} and {b:?}")));
    }
    let wide = if width(a) >= width(b) { a } else { b };
    let missing = a.len().max(b.len()) - wide.len();
    let shape: Vec<usize> = std::iter::repeat_n(1, missing).chain(wide.iter().copied()).collect();
    // [n, 1] with [1, n] would be a table: the dimensions that are not 1 must lie at the same distance from the end.
    let aligned = |other: &[usize]| other.iter().rev().zip(shape.iter().rev()).all(|(dim, of)| *dim == 1 || dim == of);
    if aligned(a) && aligned(b) { Ok(shape) } else { Err(unable(format!("{what} joins values with dimensions {a:?} and {b:?}"))) }
}

/// `Reshape`.
pub(super) fn reshape(from: &[usize], to: &[i64], allow_zero: bool) -> Result<Vec<usize>> {
    let refuse = || unable(format!("Reshape from {from:?} to {to:?}"));
    let mut shape = Vec::new();
    for (index, dim) in to.iter().enumerate() {
        shape.push(match dim {
            0 if !allow_zero => from.get(index).copied().ok_or_else(refuse)?,
            -1 => 1,
            dim => usize::try_from(*dim).map_err(|_| refuse())?,
        });
    }
    let known = shape.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim)).filter(|known| *known > 0).ok_or_else(refuse)?;
    let mut free = to.iter().enumerate().filter(|(_, dim)| **dim == -1).map(|(index, _)| index);
    if let (Some(index), None) = (free.next(), free.next()) {
        shape[index] = width(from) / known;
    }
    if width(&shape) == width(from) { Ok(shape) } else { Err(refuse()) }
}

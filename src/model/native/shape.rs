//! Shapes of values while a graph is compiled, for one row or one window: the batch dimension is 1.

use super::unable;
use crate::error::Result;
use crate::model::onnx_ir::{Dim, Value};

/// Most values of a row or window.
const MOST: usize = 1 << 22;

/// How many values a shape has.
pub(super) fn width(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// How many values a shape of any origin has, when they are at most `most`.
pub(super) fn bounded(shape: &[usize], most: usize) -> Option<usize> {
    // A dimension of 0 must not hide others whose product overflows: strides are made of them.
    let others = shape.iter().filter(|dim| **dim != 0).try_fold(1_usize, |product, dim| product.checked_mul(*dim));
    others.filter(|count| *count <= most).map(|count| if shape.contains(&0) { 0 } else { count })
}

/// The shape of the graph's input for one row or one window; `hint` is rows by features of what will be fed.
pub(super) fn of_input(input: &Value, hint: Option<&[usize]>) -> Result<Vec<usize>> {
    let dims = input.dims.as_deref().unwrap_or_default();
    let shape = match dims {
        [columns] => vec![features(columns, None)?],
        [rows, columns] if is_window(rows, columns, hint) => hint.unwrap_or_default().to_vec(),
        [batch, columns] => vec![one(batch)?, features(columns, None)?],
        [rows, batch, columns] if is_step_first(rows, batch, hint) => vec![steps(rows, hint)?, 1, features(columns, hint)?],
        [batch, rows, columns] => vec![one(batch)?, steps(rows, hint)?, features(columns, hint)?],
        _ => return Err(unable(format!("the graph's input has {} dimensions where a row has 1 or 2 and a window 3", dims.len()))),
    };
    if bounded(&shape, MOST).is_none_or(|width| width == 0) {
        return Err(unable(format!("the graph's input has dimensions {shape:?}, more than {MOST} values or none")));
    }
    Ok(shape)
}

/// Both dimensions are those of the window that will be fed, so the first one is no batch.
fn is_window(rows: &Dim, columns: &Dim, hint: Option<&[usize]>) -> bool {
    matches!((rows, columns, hint), (Dim::Fixed(rows @ 2..), Dim::Fixed(columns), Some([fed, width])) if (fed, width) == (rows, columns))
}

/// The first dimension is the window's, the second one the batch.
fn is_step_first(rows: &Dim, batch: &Dim, hint: Option<&[usize]>) -> bool {
    match (rows, batch) {
        (Dim::Fixed(2..), Dim::Fixed(1)) => true,
        (Dim::Fixed(rows @ 2..), Dim::Named(_) | Dim::Free) => hint.is_some_and(|hint| hint.first() == Some(rows)),
        _ => false,
    }
}

/// The batch dimension.
fn one(batch: &Dim) -> Result<usize> {
    match batch {
        Dim::Fixed(rows @ (0 | 2..)) => Err(unable(format!("the graph's input has {rows} rows fixed; export it with a free batch dimension, or with 1"))),
        _ => Ok(1),
    }
}

/// The rows of a window.
fn steps(rows: &Dim, hint: Option<&[usize]>) -> Result<usize> {
    match (rows, hint) {
        (Dim::Fixed(rows), Some([fed, _])) if rows != fed => Err(unable(format!(
            "the graph's input has {rows} rows and the window {fed}; rows of the window come first, then features: transpose inside the graph"
        ))),
        (Dim::Fixed(rows), _) => Ok(*rows),
        (_, Some([fed, _])) => Ok(*fed),
        _ => Err(unable("the graph's input does not say how many rows a window has; export it with a fixed number, or give the window's shape")),
    }
}

/// The columns of a row.
fn features(columns: &Dim, hint: Option<&[usize]>) -> Result<usize> {
    match (columns, hint) {
        (Dim::Fixed(columns), Some([_, fed])) if columns != fed => Err(unable(format!("the graph's input has {columns} features and the window {fed}"))),
        (Dim::Fixed(columns), _) if *columns > 0 => Ok(*columns),
        (Dim::Fixed(columns), _) => Err(unable(format!("the graph's input has {columns} columns"))),
        (_, Some([_, fed])) => Ok(*fed),
        _ => Err(unable("the graph's input does not say how many columns it has; export it with a fixed number")),
    }
}

/// An axis as ONNX counts it, negative ones from the end.
pub(super) fn axis(axis: i64, rank: usize, what: &str) -> Result<usize> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    let found = usize::try_from(from_start).ok().filter(|axis| *axis < rank);
    found.ok_or_else(|| unable(format!("{what} has the axis {axis} on a value of {rank} dimensions")))
}

/// The shape of two values joined element by element.
pub(super) fn broadcast(a: &[usize], b: &[usize], what: &str) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let joined = |axis| match (dim(a, axis), dim(b, axis)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    let shape: Option<Vec<usize>> = (0..rank).map(joined).collect();
    shape.filter(|shape| bounded(shape, MOST).is_some()).ok_or_else(|| unable(format!("{what} joins values with dimensions {a:?} and {b:?}")))
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

/// `Flatten`.
pub(super) fn flatten(from: &[usize], axis: i64) -> Result<Vec<usize>> {
    let at = if usize::try_from(axis) == Ok(from.len()) { from.len() } else { self::axis(axis, from.len(), "Flatten")? };
    Ok(vec![width(&from[..at]), width(&from[at..])])
}

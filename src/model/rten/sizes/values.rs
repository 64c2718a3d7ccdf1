//! Operators that compute with values one by one, or ask for dimensions.

use super::{Known, MOST_WHOLE, axis, broadcast, int, ints, sizes};
use crate::model::onnx_ir::{Attr, Node};

pub(super) fn joined(node: &Node, inputs: &[Option<&Known>]) -> Option<Vec<Known>> {
    let inputs: Vec<&Known> = inputs.iter().copied().collect::<Option<_>>()?;
    let dims = inputs.iter().try_fold(Vec::new(), |dims, input| broadcast(&dims, &input.dims))?;
    let whole = if dims.len() < 2 { arithmetic(node, &inputs, dims.first().copied().unwrap_or(1)) } else { None };
    Some(vec![Known { dims, whole }])
}

/// What exporters compute shapes with.
fn arithmetic(node: &Node, inputs: &[&Known], count: usize) -> Option<Vec<i64>> {
    let at = |input: usize, place: usize| {
        let values = inputs.get(input)?.whole.as_ref()?;
        values.get(if values.len() == 1 { 0 } else { place }).copied()
    };
    let value = |place| {
        let (a, b) = (at(0, place)?, at(1, place)?);
        match node.op.as_str() {
            "Add" => a.checked_add(b),
            "Sub" => a.checked_sub(b),
            "Mul" => a.checked_mul(b),
            "Div" => a.checked_div(b),
            "Mod" => a.checked_rem_euclid(b),
            "Equal" => Some(i64::from(a == b)),
            "Where" => Some(if a != 0 { b } else { at(2, place)? }),
            _ => None,
        }
    };
    if count > MOST_WHOLE {
        return None;
    }
    (0..count).map(value).collect()
}

pub(super) fn reduced(node: &Node, from: &Known, axes: Option<&Known>) -> Option<Vec<Known>> {
    let given: Vec<i64> = match axes {
        Some(axes) => axes.whole.clone()?,
        None if node.op.starts_with("Arg") => vec![int(node, "axis", 0)],
        None => ints(node, "axes").to_vec(),
    };
    let rank = from.dims.len();
    let mut over = given.iter().map(|at| axis(*at, rank)).collect::<Option<Vec<_>>>()?;
    if over.is_empty() && int(node, "noop_with_empty_axes", 0) == 0 {
        over = (0..rank).collect();
    }
    let keeps = int(node, "keepdims", 1) != 0;
    let kept = from.dims.iter().enumerate().filter(|(at, _)| keeps || !over.contains(at));
    Some(vec![Known::of(kept.map(|(at, dim)| if over.contains(&at) { 1 } else { *dim }).collect())])
}

pub(super) fn shape(node: &Node, of: &Known) -> Option<Vec<Known>> {
    let rank = of.dims.len() as i64;
    let bound = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let part = of.dims.get(bound(int(node, "start", 0))..bound(int(node, "end", rank))).unwrap_or_default();
    Some(vec![Known::list(part.iter().map(|dim| i64::try_from(*dim).ok()).collect::<Option<_>>()?)])
}

pub(super) fn filled(node: &Node, shape: &Known) -> Option<Vec<Known>> {
    let dims = sizes(shape)?;
    let count = Known::of(dims.clone()).count();
    let whole = match node.attr("value") {
        Some(Attr::Tensor(value)) if value.len() == 1 && count <= MOST_WHOLE => Known::stored(value).whole.map(|value| value.repeat(count)),
        _ => None,
    };
    Some(vec![Known { dims, whole }])
}

//! Operators that move, cut, join or rename values.

use super::{Known, MOST_WHOLE, axis, int, ints};
use crate::model::onnx_ir::Node;

pub(super) fn reshape(node: &Node, from: &[usize], to: &[i64]) -> Option<Vec<usize>> {
    let copies = int(node, "allowzero", 0) == 0;
    let dim = |(at, dim): (usize, &i64)| match dim {
        0 if copies => from.get(at).copied(),
        -1 => Some(1),
        dim => usize::try_from(*dim).ok(),
    };
    let mut dims = to.iter().enumerate().map(dim).collect::<Option<Vec<_>>>()?;
    let (count, known) = (Known::of(from.to_vec()).count(), Known::of(dims.clone()).count());
    if let Some(at) = to.iter().position(|dim| *dim == -1) {
        dims[at] = count.checked_div(known)?;
    }
    (Known::of(dims.clone()).count() == count).then_some(dims)
}

pub(super) fn flatten(node: &Node, from: &[usize]) -> Option<Vec<Known>> {
    let at = int(node, "axis", 1);
    let at = if at == from.len() as i64 { from.len() } else { axis(at, from.len())? };
    let count = |dims: &[usize]| Known::of(dims.to_vec()).count();
    Some(vec![Known::of(vec![count(&from[..at]), count(&from[at..])])])
}

pub(super) fn transposed(node: &Node, from: &Known) -> Option<Vec<Known>> {
    let rank = from.dims.len();
    let order: Vec<usize> = match ints(node, "perm") {
        [] => (0..rank).rev().collect(),
        order => order.iter().map(|at| axis(*at, rank)).collect::<Option<_>>()?,
    };
    let dims: Vec<usize> = order.iter().map(|at| from.dims[*at]).collect();
    let back = |places: Vec<usize>| {
        let mut there = vec![0; rank];
        order.iter().zip(places).for_each(|(at, place)| there[*at] = place);
        Some(there)
    };
    (dims.len() == rank).then(|| vec![Known { whole: arranged(from, &dims, back), dims }])
}

/// Whole numbers in other dimensions; `back` says where each stood.
fn arranged(from: &Known, dims: &[usize], back: impl Fn(Vec<usize>) -> Option<Vec<usize>>) -> Option<Vec<i64>> {
    let (values, count) = (from.whole.as_ref()?, Known::of(dims.to_vec()).count());
    let value = |number: usize| {
        let there = back(places(number, dims))?;
        values.get(there.iter().zip(&from.dims).fold(0, |at, (place, dim)| at * dim + place)).copied()
    };
    if count > MOST_WHOLE { None } else { (0..count).map(value).collect() }
}

/// The place of a value in each dimension.
fn places(mut number: usize, dims: &[usize]) -> Vec<usize> {
    let mut places = vec![0; dims.len()];
    for (place, dim) in places.iter_mut().zip(dims).rev() {
        (*place, number) = (number % dim, number / dim);
    }
    places
}

pub(super) fn squeezed(node: &Node, from: &Known, axes: Option<&Known>) -> Option<Vec<Known>> {
    let given = if let Some(axes) = axes { axes.whole.clone()? } else { ints(node, "axes").to_vec() };
    let opens = node.op == "Unsqueeze";
    let rank = from.dims.len() + if opens { given.len() } else { 0 };
    let at = given.iter().map(|at| axis(*at, rank)).collect::<Option<Vec<_>>>()?;
    let dims = if opens {
        let mut rest = from.dims.iter();
        (0..rank).map(|place| if at.contains(&place) { Some(1) } else { rest.next().copied() }).collect::<Option<_>>()?
    } else {
        let leaves = |(place, dim): &(usize, &usize)| if at.is_empty() { **dim == 1 } else { at.contains(place) };
        from.dims.iter().enumerate().filter(|dim| !leaves(dim)).map(|(_, dim)| *dim).collect()
    };
    Some(vec![Known { dims, whole: from.whole.clone() }])
}

pub(super) fn concat(node: &Node, inputs: &[Option<&Known>]) -> Option<Vec<Known>> {
    let inputs: Vec<&Known> = inputs.iter().copied().collect::<Option<_>>()?;
    let mut dims = inputs.first()?.dims.clone();
    let at = axis(int(node, "axis", 0), dims.len())?;
    dims[at] = inputs.iter().try_fold(0_usize, |sum, input| sum.checked_add(*input.dims.get(at)?))?;
    let whole: Option<Vec<Vec<i64>>> = inputs.iter().map(|input| input.whole.clone()).collect();
    let whole = whole.map(|parts| parts.concat()).filter(|whole| dims.len() == 1 && whole.len() <= MOST_WHOLE);
    Some(vec![Known { dims, whole }])
}

/// Bounds are attributes before operator set 10 and inputs since.
pub(super) fn slice(node: &Node, from: &Known, inputs: &[Option<&Known>]) -> Option<Vec<Known>> {
    let numbers = |at: usize, name: &str| match inputs.get(at).copied().flatten() {
        Some(input) => input.whole.clone(),
        None => Some(ints(node, name).to_vec()),
    };
    let (starts, ends, axes, steps) = (numbers(1, "starts")?, numbers(2, "ends")?, numbers(3, "axes")?, numbers(4, "")?);
    let mut sliced = from.clone();
    for (place, (start, end)) in starts.iter().zip(&ends).enumerate() {
        let at = axis(axes.get(place).copied().unwrap_or(place as i64), sliced.dims.len())?;
        let (first, count, step) = taken(*start, *end, steps.get(place).copied().unwrap_or(1), i64::try_from(sliced.dims[at]).ok()?)?;
        let back = |mut places: Vec<usize>| {
            places[at] = usize::try_from(first + places[at] as i64 * step).ok()?;
            Some(places)
        };
        let mut dims = sliced.dims.clone();
        dims[at] = count;
        sliced = Known { whole: arranged(&sliced, &dims, back), dims };
    }
    Some(vec![sliced])
}

/// The first place that is taken of a dimension, how many, and the step from one to the next.
fn taken(start: i64, end: i64, step: i64, dim: i64) -> Option<(i64, usize, i64)> {
    let from_start = |at: i64| if at < 0 { at.saturating_add(dim) } else { at };
    let (first, span) = match step {
        1.. => {
            let first = from_start(start).clamp(0, dim);
            (first, from_start(end).clamp(0, dim) - first)
        }
        0 => return None,
        _ => {
            let first = from_start(start).clamp(-1, dim - 1);
            (first, first - from_start(end).clamp(-1, dim - 1))
        }
    };
    let count = u64::try_from(span.max(0)).ok()?.div_ceil(step.unsigned_abs());
    Some((first, usize::try_from(count).ok()?, step))
}

/// Pads are an attribute before operator set 11 and an input since.
pub(super) fn padded(node: &Node, from: &Known, pads: Option<&Known>, axes: Option<&Known>) -> Option<Vec<Known>> {
    let pads = if let Some(pads) = pads { pads.whole.clone()? } else { ints(node, "pads").to_vec() };
    let axes = if let Some(axes) = axes { axes.whole.clone()? } else { (0..from.dims.len() as i64).collect() };
    let mut dims = from.dims.clone();
    for (place, at) in axes.iter().enumerate() {
        let at = axis(*at, dims.len())?;
        let more = pads.get(place)?.checked_add(*pads.get(place + axes.len())?)?;
        dims[at] = usize::try_from(i64::try_from(dims[at]).ok()?.checked_add(more)?).ok()?;
    }
    Some(vec![Known::of(dims)])
}

pub(super) fn split(node: &Node, from: &Known, sizes: Option<&Known>) -> Option<Vec<Known>> {
    let at = axis(int(node, "axis", 0), from.dims.len())?;
    let given = if let Some(sizes) = sizes { sizes.whole.clone()? } else { ints(node, "split").to_vec() };
    let equal = from.dims[at].div_ceil(node.outputs.len().max(1)) as i64;
    let parts = if given.is_empty() { vec![equal; node.outputs.len()] } else { given };
    let part = |size: &i64| {
        let mut dims = from.dims.clone();
        dims[at] = usize::try_from(*size).ok().filter(|size| *size <= dims[at])?;
        Some(Known::of(dims))
    };
    parts.iter().map(part).collect()
}

pub(super) fn gather(node: &Node, from: &Known, places: &Known) -> Option<Vec<Known>> {
    let at = axis(int(node, "axis", 0), from.dims.len())?;
    let dims = [&from.dims[..at], &places.dims, &from.dims[at + 1..]].concat();
    let value = |values: &Vec<i64>, place: &i64| values.get(axis(*place, values.len())?).copied();
    let whole = from.whole.as_ref().filter(|_| from.dims.len() == 1).zip(places.whole.as_ref());
    let whole = whole.and_then(|(values, places)| places.iter().map(|place| value(values, place)).collect());
    Some(vec![Known { dims, whole }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_followed_through_dimensions() {
        let table = Known { dims: vec![2, 3], whole: Some(vec![1, 2, 3, 4, 5, 6]) };
        let node = Node { op: "Transpose".to_owned(), domain: String::new(), inputs: Vec::new(), outputs: Vec::new(), attrs: Default::default() };
        let turned = transposed(&node, &table).unwrap();
        assert_eq!(turned, [Known { dims: vec![3, 2], whole: Some(vec![1, 4, 2, 5, 3, 6]) }]);
        let bound = |value| Known { dims: vec![1], whole: Some(vec![value]) };
        let (start, end, at, step) = (bound(-1), bound(i64::MIN), bound(0), bound(-1));
        let upside_down = slice(&node, &table, &[Some(&table), Some(&start), Some(&end), Some(&at), Some(&step)]).unwrap();
        assert_eq!(upside_down[0].whole.as_deref(), Some(&[4, 5, 6, 1, 2, 3][..]));
    }

    #[test]
    fn bounds_count_from_either_end() {
        assert_eq!(taken(1, i64::MAX, 2, 6), Some((1, 3, 2)));
        assert_eq!(taken(-3, -1, 1, 6), Some((3, 2, 1)));
        assert_eq!(taken(-1, i64::MIN, -1, 6), Some((5, 6, -1)));
        assert_eq!(taken(4, 2, 1, 6), Some((4, 0, 1)));
        assert_eq!(taken(0, 1, 0, 6), None);
    }
}

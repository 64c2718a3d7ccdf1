//! Layers of networks.

use super::{Known, broadcast, int, ints};
use crate::model::onnx_ir::{Attr, Node};

/// Heads lie in a dimension of their own, or side by side in the last one. What follows the result are nobody's values: the scores.
pub(super) fn attention(node: &Node, query: &[usize], key: &[usize], value: &[usize]) -> Option<Vec<Known>> {
    let heads = |name: &str| usize::try_from(int(node, name, 0)).ok().filter(|heads| *heads > 0);
    let (given, heads, asked, seen) = match (query, key, value) {
        ([batch, heads, asked, _], [_, _, seen, _], [_, _, _, width]) => (vec![*batch, *heads, *asked, *width], *heads, *asked, *seen),
        ([batch, asked, _], [_, seen, _], [_, _, width]) => {
            let (many, few) = (heads("q_num_heads")?, heads("kv_num_heads")?);
            (vec![*batch, *asked, width.checked_div(few)?.checked_mul(many)?], many, *asked, *seen)
        }
        _ => return None,
    };
    let scores = Known::of(vec![given[0], heads, asked, seen]);
    // With an earlier part of the sequence more outputs are asked for, which are not sized here.
    (node.outputs.len() == 1).then(|| vec![Known::of(given), scores])
}

pub(super) fn product(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (a_wide, b_wide) = (if a.len() == 1 { [&[1], a].concat() } else { a.to_vec() }, if b.len() == 1 { [b, &[1]].concat() } else { b.to_vec() });
    let ([a_rest @ .., rows, inner], [b_rest @ .., b_inner, columns]) = (&a_wide[..], &b_wide[..]) else { return None };
    if inner != b_inner {
        return None;
    }
    let rows = if a.len() == 1 { &[][..] } else { &[*rows] };
    let columns = if b.len() == 1 { &[][..] } else { &[*columns] };
    Some([&broadcast(a_rest, b_rest)?, rows, columns].concat())
}

pub(super) fn gemm(node: &Node, a: &[usize], b: &[usize]) -> Option<Vec<Known>> {
    let ([a0, a1], [b0, b1]) = (a, b) else { return None };
    let (rows, inner) = if int(node, "transA", 0) == 0 { (a0, a1) } else { (a1, a0) };
    let (b_inner, columns) = if int(node, "transB", 0) == 0 { (b0, b1) } else { (b1, b0) };
    (inner == b_inner).then(|| vec![Known::of(vec![*rows, *columns])])
}

/// The second is nobody's value: the copy of the input that a convolution may make.
pub(super) fn conv(node: &Node, x: &[usize], weights: &[usize]) -> Option<Vec<Known>> {
    let ([_, channels, ..], [filters, _, kernel @ ..]) = (x, weights) else { return None };
    let kernel: Vec<i64> = kernel.iter().map(|dim| i64::try_from(*dim).ok()).collect::<Option<_>>()?;
    let stated = ints(node, "kernel_shape");
    if !stated.is_empty() && stated != kernel {
        return None;
    }
    let mut dims = pooled(node, x, &kernel)?;
    let mut copy = dims.clone();
    (dims[1], copy[1]) = (*filters, *channels);
    copy.extend(&weights[2..]);
    Some(vec![Known::of(dims), Known::of(copy)])
}

/// Batch and channels stay.
pub(super) fn pooled(node: &Node, x: &[usize], kernel: &[i64]) -> Option<Vec<usize>> {
    let spatial = x.get(2..).filter(|spatial| !spatial.is_empty() && spatial.len() == kernel.len())?;
    let (strides, dilations, pads) = (ints(node, "strides"), ints(node, "dilations"), ints(node, "pads"));
    let same = matches!(node.attr("auto_pad"), Some(Attr::Text(how)) if how.starts_with("SAME"));
    let size = |(at, dim): (usize, &usize)| {
        let stride = strides.get(at).copied().unwrap_or(1);
        let dim = i64::try_from(*dim).ok()?;
        if stride < 1 {
            return None;
        }
        if same {
            return usize::try_from(dim.checked_add(stride - 1)? / stride).ok();
        }
        let padded = dim.checked_add(*pads.get(at).unwrap_or(&0))?.checked_add(*pads.get(at + spatial.len()).unwrap_or(&0))?;
        let reach = dilations.get(at).copied().unwrap_or(1).checked_mul(kernel[at].checked_sub(1)?)?.checked_add(1)?;
        let free = padded.checked_sub(reach)?;
        // One more where the size is rounded up.
        usize::try_from(free / stride + 1 + int(node, "ceil_mode", 0).clamp(0, 1)).ok()
    };
    Some([&x[..2], &spatial.iter().enumerate().map(size).collect::<Option<Vec<_>>>()?].concat())
}

pub(super) fn recurrent(node: &Node, x: &[usize], weights: &Known, state: &Known, gates: usize) -> Option<Vec<Known>> {
    let ([steps, batch, features], [directions, rows, read]) = (x, &weights.dims[..]) else { return None };
    let [state_directions, state_rows, hidden] = state.dims[..] else { return None };
    let stated = usize::try_from(int(node, "hidden_size", hidden as i64)).ok()?;
    let fits = stated == hidden && features == read && *rows == gates.checked_mul(hidden)? && state_rows == *rows && state_directions == *directions;
    if !fits || int(node, "layout", 0) != 0 {
        return None;
    }
    let last = Known::of(vec![*directions, *batch, hidden]);
    Some(vec![Known::of(vec![*steps, *directions, *batch, hidden]), last.clone(), last])
}

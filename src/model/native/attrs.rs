//! Attributes of a node with the types that an operator wants.

use super::{faulty, unable};
use crate::error::{Error, Result};
use crate::model::onnx_ir::{Attr, Node, shown};

fn mistyped(node: &Node, name: &str) -> Error {
    faulty(format!("{}: the attribute {name} has another type than the operator defines", shown(&node.title())))
}

/// A whole number, or `default` when the node does not have it.
pub(super) fn int(node: &Node, name: &str, default: i64) -> Result<i64> {
    match node.attr(name) {
        None => Ok(default),
        Some(Attr::Int(value)) => Ok(*value),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// A float, or `default`.
pub(super) fn float(node: &Node, name: &str, default: f32) -> Result<f32> {
    match node.attr(name) {
        None => Ok(default),
        Some(Attr::Float(value)) => Ok(*value),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// A text, or `default`.
pub(super) fn text<'a>(node: &'a Node, name: &str, default: &'a str) -> Result<&'a str> {
    match node.attr(name) {
        None => Ok(default),
        Some(Attr::Text(value)) => Ok(value),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// Whole numbers; none when the node does not have them.
pub(super) fn ints<'a>(node: &'a Node, name: &str) -> Result<&'a [i64]> {
    match node.attr(name) {
        None => Ok(&[]),
        Some(Attr::Ints(values)) => Ok(values),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// Floats; none when the node does not have them.
pub(super) fn floats<'a>(node: &'a Node, name: &str) -> Result<&'a [f32]> {
    match node.attr(name) {
        None => Ok(&[]),
        Some(Attr::Floats(values)) => Ok(values),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// Texts; none when the node does not have them.
pub(super) fn texts<'a>(node: &'a Node, name: &str) -> Result<&'a [String]> {
    match node.attr(name) {
        None => Ok(&[]),
        Some(Attr::Texts(values)) => Ok(values),
        Some(_) => Err(mistyped(node, name)),
    }
}

/// Floats as f64, from the attribute or from its `_as_tensor` twin, which may hold doubles.
pub(super) fn numbers(node: &Node, name: &str) -> Result<Vec<f64>> {
    let twin = format!("{name}_as_tensor");
    let Some(attr) = node.attr(&twin) else {
        return Ok(floats(node, name)?.iter().map(|value| f64::from(*value)).collect());
    };
    if node.attr(name).is_some() {
        return Err(faulty(format!("{}: both {name} and {twin} are given", shown(&node.title()))));
    }
    match attr {
        Attr::Tensor(tensor) => tensor.to_f64().ok_or_else(|| mistyped(node, &twin)),
        _ => Err(mistyped(node, &twin)),
    }
}

/// Refuses attributes that older operator sets gave another meaning.
pub(super) fn refuse(node: &Node, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| node.attr(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(unable(format!("{} has the attribute {name} of an old operator set", shown(&node.title())))),
    }
}

/// How many class labels a classifier has; texts or integers, whichever attribute of the two is there.
pub(super) fn labels(node: &Node, of_ints: &str) -> Result<usize> {
    let (texts, ints) = (texts(node, "classlabels_strings")?.len(), ints(node, of_ints)?.len());
    match (texts, ints) {
        (0, 0) => Err(faulty(format!("{} has no class labels", shown(&node.title())))),
        (0, count) | (count, 0) => Ok(count),
        _ => Err(faulty(format!("{} has both integer and text labels", shown(&node.title())))),
    }
}

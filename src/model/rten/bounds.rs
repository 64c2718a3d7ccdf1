//! Which graphs are given to rten: those whose runs end, and whose every value has dimensions that are known before.
//!
//! rten bounds neither a run's time nor its memory, cannot be told to stop, and a Rust program ends when memory cannot be had. So a
//! graph is walked first, with the dimensions of its inputs. Read in rten 0.27.0.

use std::collections::BTreeMap;

use super::sizes::{Known, given};
use crate::error::{Error, Result, Status};
use crate::model::onnx_ir::{Graph, Node, shown};

/// The longest way through a graph: rten plans a run by recursion.
const DEEPEST: usize = 2_000;
/// Most values of a tensor: 256 MiB of f32.
const MOST: usize = 1 << 26;
/// Most values of all tensors together: 1 GiB of f32.
const MOST_TOGETHER: usize = 1 << 28;

/// Operators that rten has and does badly: a bundle's golden rows need not show it.
const FAULTY: [(&str, &str); 1] = [("Softplus", "it gives infinity from 89 on")];

/// Passes a graph for inputs of these dimensions.
///
/// # Errors
/// `OPERATOR` with the operator that stands in the way.
pub(super) fn check(graph: &Graph, shapes: &[Vec<usize>]) -> Result<()> {
    let mut values: BTreeMap<&str, (Known, usize)> = BTreeMap::new();
    values.extend(graph.initialisers.iter().map(|(name, tensor)| (name.as_str(), (Known::stored(tensor), 0))));
    values.extend(graph.inputs.iter().zip(shapes).map(|(input, dims)| (input.name.as_str(), (Known::of(dims.clone()), 0))));
    let mut together = 0_usize;
    for node in &graph.nodes {
        let inputs: Vec<Option<&(Known, usize)>> = node.inputs.iter().map(|name| values.get(name.as_str())).collect();
        if let Some((_, fault)) = FAULTY.iter().find(|(op, _)| *op == node.op) {
            return Err(refused(node, fault));
        }
        if let Some(missing) = node.inputs.iter().find(|name| !name.is_empty() && !values.contains_key(name.as_str())) {
            return Err(refused(node, &format!("the dimensions of {} are not known before a run", shown(missing))));
        }
        let depth = 1 + inputs.iter().flatten().map(|(_, depth)| *depth).max().unwrap_or(0);
        if depth > DEEPEST {
            return Err(refused(node, &format!("more than {DEEPEST} operators follow on one another")));
        }
        let known: Vec<Option<&Known>> = inputs.iter().map(|input| input.map(|(known, _)| known)).collect();
        let given = given(node, &known).ok_or_else(|| refused(node, "it is none of those whose results have a size that is known before a run"))?;
        let largest = given.iter().map(Known::count).max().unwrap_or(0);
        together = given.iter().fold(together, |sum, known| sum.saturating_add(known.count()));
        if largest > MOST || together > MOST_TOGETHER {
            return Err(refused(
                node,
                &format!("it makes {largest} values, all operators until there {together}; at most {MOST} and {MOST_TOGETHER} are allowed"),
            ));
        }
        values.extend(node.outputs.iter().zip(given).map(|(name, known)| (name.as_str(), (known, depth))));
    }
    Ok(())
}

fn refused(node: &Node, what: &str) -> Error {
    let makes = node.outputs.first().map_or_else(String::new, |name| shown(name));
    Error::new(Status::Operator, format!("rten is not given {} (which makes {makes}): {what}", shown(&node.title())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::onnx_ir::{Data, Tensor, Value};

    fn node(op: &str, inputs: &[&str], output: &str) -> Node {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Node { op: op.to_owned(), domain: String::new(), inputs: names(inputs), outputs: names(&[output]), attrs: BTreeMap::new() }
    }

    /// `x` has the dimensions 1, 1,000; `wide` is 1,000,000 whole numbers' dimensions.
    fn verdict(nodes: Vec<Node>) -> Result<()> {
        let x = Value { name: "x".to_owned(), elem_type: 1, dims: None };
        let stored = |dims: &[usize], values: &[i64]| Tensor { dims: dims.to_vec(), data: Data::I64(values.to_vec()) };
        let initialisers = [("wide", stored(&[2], &[1_000_000, 1])), ("one", stored(&[], &[1])), ("zeros", stored(&[1_000_000, 1], &[0; 1_000_000]))];
        let initialisers = initialisers.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        check(&Graph { opsets: BTreeMap::new(), inputs: vec![x], outputs: Vec::new(), nodes, initialisers }, &[vec![1, 1_000]])
    }

    #[track_caller]
    fn refused(nodes: Vec<Node>, text: &str) {
        let error = verdict(nodes).unwrap_err();
        assert_eq!(error.status(), Status::Operator, "{error}");
        assert!(error.text().contains(text), "{error}");
    }

    #[test]
    fn sizes_come_from_shapes_and_never_from_values() {
        let sized = |from| vec![node(from, &["x"], "s"), node("Gather", &["s", "one"], "n"), node("Expand", &["x", "n"], "h")];
        assert_eq!(verdict(sized("Shape")), Ok(()));
        refused(sized("Cast"), "`Expand` (which makes `h`)");
    }

    #[test]
    fn memory_is_bounded_before_anything_is_made() {
        refused(vec![node("ConstantOfShape", &["wide"], "a"), node("Add", &["a", "x"], "b")], "`Add` (which makes `b`): it makes 1000000000 values");
        refused(vec![node("Mul", &["zeros", "x"], "a")], "1000000000 values");
        let twenty = (0..300).map(|at| node("ConstantOfShape", &["wide"], &format!("v{at}"))).collect();
        refused(twenty, "all operators until there");
    }

    #[test]
    fn what_may_not_end_or_is_done_badly_is_named() {
        for op in ["Loop", "If", "Scan", "NonZero", "SequenceConstruct", "Softplus", "Einsum"] {
            refused(vec![node(op, &["x"], "y")], op);
        }
    }

    #[test]
    fn a_way_is_bounded() {
        let chain =
            |count: usize| (0..count).map(|at| node("Relu", &[&if at == 0 { "x".to_owned() } else { format!("v{at}") }], &format!("v{}", at + 1))).collect();
        assert_eq!(verdict(chain(DEEPEST)), Ok(()));
        refused(chain(DEEPEST + 1), "follow on one another");
    }
}

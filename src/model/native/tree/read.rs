//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor` of `ai.onnx.ml` 1 to 3 (and unchanged in 4): their attributes, checked.

use super::super::attrs;
use super::super::faulty;
use super::super::scores::{Link, Second, Transform};
use super::super::simd::Level;
use super::{Aggregate, Descent, Trees, layout, titled, unable};
use crate::error::Result;
use crate::model::onnx_ir::Node as GraphNode;

/// How a branch compares, as the graph says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
    Leaf,
}

impl Mode {
    fn parse(text: &str) -> Option<Mode> {
        Some(match text {
            "BRANCH_LEQ" => Mode::Leq,
            "BRANCH_LT" => Mode::Lt,
            "BRANCH_GTE" => Mode::Gte,
            "BRANCH_GT" => Mode::Gt,
            "BRANCH_EQ" => Mode::Eq,
            "BRANCH_NEQ" => Mode::Neq,
            "LEAF" => Mode::Leaf,
            _ => return None,
        })
    }

    pub(super) fn sign(self) -> &'static str {
        match self {
            Mode::Leq => "<=",
            Mode::Lt => "<",
            Mode::Gte => ">=",
            Mode::Gt => ">",
            Mode::Eq => "==",
            Mode::Neq => "!=",
            Mode::Leaf => "leaf",
        }
    }
}

/// A node as the graph says it.
#[derive(Clone, Debug)]
pub(super) struct RawNode {
    pub(super) tree: i64,
    pub(super) id: i64,
    pub(super) feature: i64,
    pub(super) mode: Mode,
    pub(super) value: f64,
    pub(super) yes: i64,
    pub(super) no: i64,
    pub(super) missing: bool,
}

/// A leaf's value for one target.
#[derive(Clone, Debug)]
pub(super) struct RawWeight {
    pub(super) tree: i64,
    pub(super) node: i64,
    pub(super) target: usize,
    pub(super) value: f32,
}

/// An ensemble as the graph says it.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) what: String,
    pub(super) nodes: Vec<RawNode>,
    pub(super) weights: Vec<RawWeight>,
    pub(super) aggregate: Aggregate,
    /// One a target.
    pub(super) base: Vec<f64>,
    pub(super) link: Link,
}

/// A classifier.
pub(in super::super) fn classifier(node: &GraphNode, inputs: usize, level: Level, asked: Option<Descent>) -> Result<Trees> {
    let what = titled(node);
    let classes = attrs::labels(node, "classlabels_int64s")?;
    let transform = Transform::parse(attrs::text(node, "post_transform", "NONE")?, &what)?;
    let mut weights = weights(node, "class", classes)?;
    let base = attrs::numbers(node, "base_values")?;
    let second = match classes {
        1 => {
            transform.only_none(&what)?;
            None
        }
        2 => second(&weights, base.len(), transform, &what)?,
        _ => None,
    };
    let targets = if second.is_some() { 1 } else { classes };
    if second.is_some() {
        weights.iter_mut().for_each(|weight| weight.target = 0);
    }
    let link = second.map_or(Link::Each(transform), Link::Both);
    let raw = Raw { nodes: nodes(node)?, weights, aggregate: Aggregate::Sum, base: self::base(base, targets, &what)?, what, link };
    layout::build(&raw, inputs, level, asked)
}

/// How a binary classifier gives its two values, `None` when every class has scores of its own.
///
/// Exporters of boosted trees write the scores of the positive class and file them under class 0; ONNX Runtime follows that,
/// by rules of its own which differ from the ONNX text in several corners. Those corners are refused.
fn second(weights: &[RawWeight], bases: usize, transform: Transform, what: &str) -> Result<Option<Second>> {
    let (first, other) = (weights.iter().any(|weight| weight.target == 0), weights.iter().any(|weight| weight.target == 1));
    match (first, other, bases) {
        (true, true, 0) => return Ok(None),
        (true, false, 0 | 1) => {}
        _ => {
            return Err(unable(format!(
                "{what} is binary with weights and base values on which runtimes differ; give weights of class 0 only and at most one base value, or of both classes and none"
            )));
        }
    }
    let positive = weights.iter().all(|weight| weight.value >= 0.0);
    match (transform, positive) {
        (Transform::Logistic, _) => Ok(Some(Second::Logistic)),
        (Transform::None, true) => Ok(Some(Second::Complement)),
        _ => Err(unable(format!(
            "{what} has scores for one of two classes and no LOGISTIC post_transform, on which runtimes differ; use LOGISTIC, or weights for both classes"
        ))),
    }
}

/// A regressor.
pub(in super::super) fn regressor(node: &GraphNode, inputs: usize, level: Level, asked: Option<Descent>) -> Result<Trees> {
    let what = titled(node);
    let weights_len = attrs::ints(node, "target_ids")?.len();
    let targets = usize::try_from(attrs::int(node, "n_targets", 1)?).unwrap_or(0);
    if targets == 0 || (targets > 1 && targets > weights_len) {
        return Err(faulty(format!("{what} has {targets} targets and {weights_len} leaf values")));
    }
    let transform = Transform::parse(attrs::text(node, "post_transform", "NONE")?, &what)?;
    if targets == 1 {
        transform.only_none(&what)?;
    }
    let base = base(attrs::numbers(node, "base_values")?, targets, &what)?;
    let aggregate = Aggregate::parse(attrs::text(node, "aggregate_function", "SUM")?)?;
    let raw = Raw { nodes: nodes(node)?, weights: weights(node, "target", targets)?, aggregate, base, what, link: Link::Each(transform) };
    layout::build(&raw, inputs, level, asked)
}

fn base(base: Vec<f64>, targets: usize, what: &str) -> Result<Vec<f64>> {
    if base.iter().any(|value| !value.is_finite()) {
        return Err(faulty(format!("{what} has a base value that is not finite")));
    }
    match base.len() {
        0 => Ok(vec![0.0; targets]),
        count if count == targets => Ok(base),
        count => Err(faulty(format!("{what} has {count} base values for {targets} scores"))),
    }
}

fn nodes(node: &GraphNode) -> Result<Vec<RawNode>> {
    let what = titled(node);
    let ids = attrs::ints(node, "nodes_nodeids")?;
    let count = ids.len();
    if count == 0 {
        return Err(faulty(format!("{what} has no nodes")));
    }
    let same = |name: &str, len: usize| same_count(&what, name, len, count);
    let ints = |name: &str| {
        let values = attrs::ints(node, name)?;
        same(name, values.len()).map(|()| values)
    };
    let (trees, features) = (ints("nodes_treeids")?, ints("nodes_featureids")?);
    let (yes, no) = (ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?);
    let modes = attrs::texts(node, "nodes_modes")?;
    same("nodes_modes", modes.len())?;
    let values = attrs::numbers(node, "nodes_values")?;
    same("nodes_values", values.len())?;
    let missing = attrs::ints(node, "nodes_missing_value_tracks_true")?;
    if !missing.is_empty() {
        same("nodes_missing_value_tracks_true", missing.len())?;
    }
    let one = |i: usize| {
        let mode = Mode::parse(&modes[i]).ok_or_else(|| unable(format!("{what} has the node mode {}", super::shown(&modes[i]))))?;
        let missing = missing.get(i).is_some_and(|tracks| *tracks != 0);
        Ok(RawNode { tree: trees[i], id: ids[i], feature: features[i], mode, value: values[i], yes: yes[i], no: no[i], missing })
    };
    (0..count).map(one).collect()
}

fn weights(node: &GraphNode, kind: &str, targets: usize) -> Result<Vec<RawWeight>> {
    let what = titled(node);
    let name = |field: &str| format!("{kind}_{field}");
    let ids = attrs::ints(node, &name("ids"))?;
    let (trees, nodes) = (attrs::ints(node, &name("treeids"))?, attrs::ints(node, &name("nodeids"))?);
    let values = attrs::numbers(node, &name("weights"))?;
    for (field, len) in [("treeids", trees.len()), ("nodeids", nodes.len()), ("weights", values.len())] {
        same_count(&what, &name(field), len, ids.len())?;
    }
    let one = |i: usize| {
        let target = usize::try_from(ids[i]).ok().filter(|target| *target < targets);
        let target = target.ok_or_else(|| faulty(format!("{what} has a leaf value for the score {} of {targets}", ids[i])))?;
        let value = values[i] as f32;
        if !value.is_finite() {
            return Err(faulty(format!("{what} has a leaf value that is not finite")));
        }
        Ok(RawWeight { tree: trees[i], node: nodes[i], target, value })
    };
    (0..ids.len()).map(one).collect()
}

fn same_count(what: &str, name: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(faulty(format!("{what} has {found} values in {name} where {expected} belong")))
}

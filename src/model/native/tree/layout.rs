//! From the nodes of a graph to one block in which a descent cannot loop or leave the block.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::simd::Level;
use super::super::{faulty, unable};
use super::plain::{BRANCH, EQUAL, FEATURE, MISSING, Node, Plain};
use super::read::{Mode, Raw, RawNode};
use super::sum::{Leaves, Sum};
use super::{About, Descent, Trees};
use crate::error::Result;

/// The deepest tree that is run: a row takes as many steps as its deepest tree, and real ones have some tens.
const MAX_DEPTH: u32 = 1024;

/// Leaves may leave this many scores unsaid for each that they say.
const MOST_UNSAID: usize = 64;

/// Where a graph's nodes are: (tree, id) to their index.
type Index = BTreeMap<(i64, i64), usize>;

/// Lays the trees out, or says what is wrong with them.
pub(super) fn build(raw: &Raw, inputs: usize, level: Level, asked: Option<Descent>) -> Result<Trees> {
    let index = index(raw)?;
    let roots = roots(raw, &index)?;
    let leaves = LeafTable::new(raw, &index, &roots)?;
    let mut block = Block { raw, inputs, index: &index, leaves: &leaves, nodes: Vec::with_capacity(raw.nodes.len()) };
    let (mut places, mut depths) = (Vec::new(), Vec::new());
    for root in leaves.order(&roots) {
        let (place, depth) = block.tree(root)?;
        places.push(place);
        depths.push(depth);
    }
    let plain = Plain::new(block.nodes, places, depths);
    let about = about(raw, plain.depth(), plain.nodes.len());
    let sum = Sum { leaves: leaves.into_leaves(raw.base.len()), aggregate: raw.aggregate, base: raw.base.clone().into(), link: raw.link };
    Trees::new(plain, inputs, level, asked, sum, about)
}

fn index(raw: &Raw) -> Result<Index> {
    let mut index = Index::new();
    for (at, node) in raw.nodes.iter().enumerate() {
        if index.insert((node.tree, node.id), at).is_some() {
            return Err(faulty(format!("{}: tree {} has node {} twice", raw.what, node.tree, node.id)));
        }
    }
    match u32::try_from(raw.nodes.len()) {
        Ok(count) if count < FEATURE => Ok(index),
        _ => Err(unable(format!("{} has {} nodes", raw.what, raw.nodes.len()))),
    }
}

/// The index of a branch's child.
fn child(raw: &Raw, index: &Index, node: &RawNode, id: i64) -> Result<usize> {
    let found = index.get(&(node.tree, id)).copied();
    found.ok_or_else(|| faulty(format!("{}: node {} of tree {} has the child {id}, which does not exist", raw.what, node.id, node.tree)))
}

/// The root of each tree, by ascending tree: the one node that is nobody's child. Every other node has one parent, so whatever a
/// descent from a root reaches, it reaches once.
fn roots(raw: &Raw, index: &Index) -> Result<Vec<usize>> {
    let mut owned = vec![false; raw.nodes.len()];
    for node in raw.nodes.iter().filter(|node| node.mode != Mode::Leaf) {
        for id in [node.yes, node.no] {
            let at = child(raw, index, node, id)?;
            if std::mem::replace(&mut owned[at], true) {
                return Err(faulty(format!("{}: node {id} of tree {} has two parents", raw.what, node.tree)));
            }
        }
    }
    let mut roots: BTreeMap<i64, usize> = BTreeMap::new();
    for (at, node) in raw.nodes.iter().enumerate().filter(|(at, _)| !owned[*at]) {
        if roots.insert(node.tree, at).is_some() {
            return Err(faulty(format!("{}: tree {} has two roots", raw.what, node.tree)));
        }
    }
    match raw.nodes.iter().find(|node| !roots.contains_key(&node.tree)) {
        None => Ok(roots.into_values().collect()),
        Some(node) => Err(cycle(raw, node.tree)),
    }
}

fn cycle(raw: &Raw, tree: i64) -> crate::error::Error {
    faulty(format!("{}: tree {tree} has a cycle", raw.what))
}

/// The block while it grows.
struct Block<'a> {
    raw: &'a Raw,
    inputs: usize,
    index: &'a Index,
    leaves: &'a LeafTable,
    nodes: Vec<Node>,
}

impl Block<'_> {
    /// Appends a tree, breadth first; its root's place and its depth.
    fn tree(&mut self, root: usize) -> Result<(u32, u32)> {
        let tree = self.raw.nodes[root].tree;
        let start = self.nodes.len();
        self.nodes.push(Node { value: 0.0, first: 0, bits: 0 });
        let mut waiting = VecDeque::from([(root, start, 0_u32)]);
        let mut deepest = 0;
        while let Some((at, place, depth)) = waiting.pop_front() {
            deepest = deepest.max(depth);
            if let Some([yes, no]) = self.node(at, place)? {
                let first = self.nodes[place].first as usize;
                waiting.push_back((yes, first, depth + 1));
                waiting.push_back((no, first + 1, depth + 1));
            }
        }
        if deepest > MAX_DEPTH {
            return Err(unable(format!("{}: tree {tree} is {deepest} deep, more than {MAX_DEPTH}", self.raw.what)));
        }
        let of_tree = self.index.range((tree, i64::MIN)..=(tree, i64::MAX)).count();
        if self.nodes.len() - start != of_tree {
            return Err(cycle(self.raw, tree));
        }
        Ok((start as u32, deepest))
    }

    /// Fills one place; a branch's children in the order in which the kernel takes them.
    fn node(&mut self, at: usize, place: usize) -> Result<Option<[usize; 2]>> {
        let node = &self.raw.nodes[at];
        if node.mode == Mode::Leaf {
            self.nodes[place] = Node { value: self.leaves.value(at), first: place as u32, bits: 0 };
            return Ok(None);
        }
        let first = self.nodes.len() as u32;
        let (packed, swapped) = branch(self.raw, node, self.inputs, first)?;
        self.nodes[place] = packed;
        self.nodes.extend([packed; 2]);
        let yes = child(self.raw, self.index, node, node.yes)?;
        let no = child(self.raw, self.index, node, node.no)?;
        Ok(Some(if swapped { [no, yes] } else { [yes, no] }))
    }
}

/// A branch as the kernel compares, and whether its children change places.
fn branch(raw: &Raw, node: &RawNode, inputs: usize, first: u32) -> Result<(Node, bool)> {
    let feature = usize::try_from(node.feature).ok().filter(|feature| *feature < inputs && *feature <= FEATURE as usize);
    let feature = feature.ok_or_else(|| faulty(format!("{}: a node reads column {} of {inputs}", raw.what, node.feature)))?;
    if node.value.is_nan() {
        return Err(faulty(format!("{}: node {} of tree {} has the threshold NaN", raw.what, node.id, node.tree)));
    }
    let (value, swapped) = match node.mode {
        Mode::Lt => (below(node.value), false),
        Mode::Gt => (floor(node.value), true),
        Mode::Gte => (below(node.value), true),
        Mode::Eq => (exact(node.value), false),
        Mode::Neq => (exact(node.value), true),
        Mode::Leq | Mode::Leaf => (floor(node.value), false),
    };
    let equal = matches!(node.mode, Mode::Eq | Mode::Neq);
    // A missing value fails every comparison but `!=`, unless the node tracks it to the true side. With swapped children the
    // kernel's first child is the graph's false side.
    let to_true = node.missing || node.mode == Mode::Neq;
    let flags = if to_true != swapped { MISSING } else { 0 } | if equal { EQUAL } else { 0 };
    Ok((Node { value, first, bits: BRANCH | flags | feature as u32 }, swapped))
}

/// The greatest f32 that is not above: `x <= t` for every f32 x is `x <= floor(t)`.
fn floor(t: f64) -> f32 {
    let near = t as f32;
    if f64::from(near) > t { near.next_down() } else { near }
}

/// The threshold of `<=` that is `x < t`. NaN, which nothing is below or equal to, when t is minus infinity.
fn below(t: f64) -> f32 {
    let floor = floor(t);
    if t == f64::NEG_INFINITY {
        return f32::NAN;
    }
    if f64::from(floor) == t { floor.next_down() } else { floor }
}

/// NaN, which nothing equals, when no f32 is t.
fn exact(t: f64) -> f32 {
    let near = t as f32;
    if f64::from(near) == t { near } else { f32::NAN }
}

/// What the leaves hold, by index of their node.
struct LeafTable {
    /// `Some` when every tree speaks of one target: the target of each root, in the order of the roots.
    targets: Option<Vec<usize>>,
    /// By node: its value, or its number's bits.
    values: Vec<f32>,
    rows: Vec<f32>,
}

impl LeafTable {
    fn new(raw: &Raw, index: &Index, roots: &[usize]) -> Result<LeafTable> {
        let by_leaf = by_leaf(raw, index)?;
        let targets = single_targets(raw, roots);
        let mut table = LeafTable { targets, values: vec![raw.aggregate.neutral(); raw.nodes.len()], rows: Vec::new() };
        if table.targets.is_some() {
            by_leaf.iter().for_each(|((at, _), value)| table.values[*at] = *value);
        } else {
            table.fill_rows(raw, &by_leaf)?;
        }
        Ok(table)
    }

    fn fill_rows(&mut self, raw: &Raw, by_leaf: &BTreeMap<(usize, usize), f32>) -> Result<()> {
        let targets = raw.base.len();
        let leaves: Vec<usize> = (0..raw.nodes.len()).filter(|at| raw.nodes[*at].mode == Mode::Leaf).collect();
        // Memory is bounded by what the file says, not by the product of two numbers in it.
        let size = leaves.len().checked_mul(targets).filter(|size| *size <= MOST_UNSAID * (raw.weights.len() + MOST_UNSAID));
        let size = size.ok_or_else(|| unable(format!("{} has {} leaves of {targets} scores", raw.what, leaves.len())))?;
        self.rows = vec![raw.aggregate.neutral(); size];
        for (number, at) in leaves.iter().enumerate() {
            self.values[*at] = f32::from_bits(number as u32);
            for ((_, target), value) in by_leaf.range((*at, 0)..=(*at, usize::MAX)) {
                self.rows[number * targets + target] = *value;
            }
        }
        Ok(())
    }

    fn value(&self, at: usize) -> f32 {
        self.values[at]
    }

    /// The roots, target by target where every tree has one.
    fn order(&self, roots: &[usize]) -> Vec<usize> {
        let Some(targets) = &self.targets else { return roots.to_vec() };
        let mut order: Vec<(usize, usize)> = targets.iter().copied().zip(roots.iter().copied()).collect();
        order.sort_by_key(|(target, _)| *target);
        order.into_iter().map(|(_, root)| root).collect()
    }

    fn into_leaves(self, targets: usize) -> Leaves {
        let Some(of_trees) = self.targets else { return Leaves::Rows { targets, values: self.rows.into() } };
        let mut starts = vec![0_u32; targets + 1];
        of_trees.iter().for_each(|target| starts[target + 1] += 1);
        for target in 0..targets {
            starts[target + 1] += starts[target];
        }
        Leaves::Single { starts: starts.into() }
    }
}

/// Values by (index of the leaf's node, target).
fn by_leaf(raw: &Raw, index: &Index) -> Result<BTreeMap<(usize, usize), f32>> {
    let mut by_leaf = BTreeMap::new();
    for weight in &raw.weights {
        let at = index.get(&(weight.tree, weight.node)).copied().filter(|at| raw.nodes[*at].mode == Mode::Leaf);
        let at = at.ok_or_else(|| faulty(format!("{}: node {} of tree {} has a value and is no leaf", raw.what, weight.node, weight.tree)))?;
        if by_leaf.insert((at, weight.target), weight.value).is_some() {
            return Err(faulty(format!("{}: leaf {} of tree {} has two values for one score", raw.what, weight.node, weight.tree)));
        }
    }
    Ok(by_leaf)
}

/// The target of each tree, `None` when some tree speaks of several.
fn single_targets(raw: &Raw, roots: &[usize]) -> Option<Vec<usize>> {
    let mut of_trees: BTreeMap<i64, usize> = BTreeMap::new();
    for weight in &raw.weights {
        if *of_trees.entry(weight.tree).or_insert(weight.target) != weight.target {
            return None;
        }
    }
    Some(roots.iter().map(|root| of_trees.get(&raw.nodes[*root].tree).copied().unwrap_or(0)).collect())
}

fn about(raw: &Raw, depth: u32, nodes: usize) -> About {
    let branches = || raw.nodes.iter().filter(|node| node.mode != Mode::Leaf);
    let mut thresholds: Vec<(usize, f32)> = branches().map(|node| (node.feature as usize, floor(node.value))).collect();
    thresholds.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    thresholds.dedup();
    let modes: BTreeSet<Mode> = branches().map(|node| node.mode).collect();
    let comparisons = modes.iter().map(|mode| mode.sign()).collect::<Vec<_>>().join(" ");
    let comparisons = if comparisons.is_empty() { "no comparison".to_owned() } else { comparisons };
    About { thresholds, comparisons, tracks_missing: branches().any(|node| node.missing), depth, nodes }
}

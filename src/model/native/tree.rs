//! Tree ensembles: every tree of one model in one block of nodes.
//!
//! All comparisons are brought to one, `x <= threshold`, when the model is compiled. That is exact for every f32: `x < t` is
//! `x <= next below t`, `>` and `>=` are those with the children swapped, and a threshold stored as a double is rounded towards
//! minus infinity, which decides every f32 as the double would. Denormals are compared as they are.
//!
//! A row descends all trees first, in groups of 16 without branches (a leaf stays where it is), and the leaves are summed after,
//! in the canonical order: lane i takes the trees i, i + 16, ... of a target.

mod layout;
mod read;
mod sum;

use super::{shown, unable};
use crate::error::Result;
use crate::model::onnx_ir::Node as GraphNode;

pub(super) use read::{classifier, regressor};
use sum::Leaves;

/// How the trees' values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Aggregate {
    fn parse(text: &str) -> Result<Aggregate> {
        Ok(match text {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(unable(format!("the tree ensemble has the aggregate_function {}", shown(other)))),
        })
    }
}

/// The bit of [`Node::bits`] that a branch has and a leaf has not.
const BRANCH: u32 = 1 << 31;
/// A missing value takes the first child.
const MISSING: u32 = 1 << 30;
/// The comparison is `x == threshold`.
const EQUAL: u32 = 1 << 29;
/// The column of the row; a leaf's is 0.
const FEATURE: u32 = EQUAL - 1;

/// A branch, or a leaf: 12 bytes, children side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    /// A branch's threshold. A leaf's value, or the bits of its number where leaves have several values.
    value: f32,
    /// A branch's first child, taken when the comparison holds; the second is next to it. A leaf's own place.
    first: u32,
    /// Column and flags.
    bits: u32,
}

impl Node {
    /// The place after this node. A leaf adds nothing to its own place, so that descending on is harmless.
    fn next<const MISSES: bool, const EQUALS: bool>(&self, row: &[f32]) -> u32 {
        let x = row[(self.bits & FEATURE) as usize];
        let holds = if EQUALS && self.bits & EQUAL != 0 { x == self.value } else { x <= self.value };
        // `|` and `&`, not `||` and `&&`: a branch here would be mispredicted at every other node.
        let holds = holds | (MISSES & x.is_nan() & (self.bits & MISSING != 0));
        self.first + (u32::from(!holds) & (self.bits >> 31))
    }
}

/// How many trees descend side by side.
const GROUP: usize = 16;

/// A tree ensemble that is ready to run.
#[derive(Debug)]
pub(super) struct Trees {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    /// The depth of the deepest tree of each group of roots.
    depths: Vec<u32>,
    leaves: Leaves,
    aggregate: Aggregate,
    /// One a target.
    base: Vec<f64>,
    /// Some node lets a missing value take its first child.
    misses: bool,
    /// Some node compares for equality.
    equals: bool,
    about: About,
}

/// What people are told about an ensemble.
#[derive(Debug)]
struct About {
    /// Distinct (column, threshold) as the graph has them.
    thresholds: Vec<(usize, f32)>,
    /// Comparisons as the graph has them: `"<="`.
    comparisons: String,
    /// The graph sends missing values somewhere else than where the comparison does.
    tracks_missing: bool,
    depth: u32,
}

impl Trees {
    /// How many scores it gives.
    pub(super) fn targets(&self) -> usize {
        self.base.len()
    }

    /// One place a tree.
    pub(super) fn scratch_len(&self) -> usize {
        self.roots.len()
    }

    /// Writes one score a target; `scratch` has `scratch_len` values.
    pub(super) fn run(&self, row: &[f32], scratch: &mut [f32], scores: &mut [f32]) {
        let places: &mut [u32] = bytemuck::cast_slice_mut(&mut scratch[..self.roots.len()]);
        match (self.misses, self.equals) {
            (false, false) => self.descend::<false, false>(row, places),
            (true, false) => self.descend::<true, false>(row, places),
            (false, true) => self.descend::<false, true>(row, places),
            (true, true) => self.descend::<true, true>(row, places),
        }
        for (target, score) in scores.iter_mut().enumerate() {
            *score = (self.total(places, target) + self.base[target]) as f32;
        }
    }

    fn descend<const MISSES: bool, const EQUALS: bool>(&self, row: &[f32], places: &mut [u32]) {
        let groups = self.roots.chunks(GROUP).zip(places.chunks_mut(GROUP));
        for ((roots, places), depth) in groups.zip(&self.depths) {
            let mut at = [roots[0]; GROUP];
            at[..roots.len()].copy_from_slice(roots);
            for _ in 0..*depth {
                for place in &mut at {
                    *place = self.nodes[*place as usize].next::<MISSES, EQUALS>(row);
                }
            }
            places.copy_from_slice(&at[..roots.len()]);
        }
    }

    /// The graph says where missing values go.
    pub(super) fn tracks_missing(&self) -> bool {
        self.about.tracks_missing
    }

    pub(super) fn thresholds(&self) -> &[(usize, f32)] {
        &self.about.thresholds
    }

    pub(super) fn summary(&self) -> String {
        let missing = if self.about.tracks_missing { ", missing values" } else { "" };
        let count = |count: usize, one: &str| format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" });
        let trees = count(self.roots.len(), "tree");
        format!("{trees}, depth {}, {}, {}{missing}", self.about.depth, count(self.nodes.len(), "node"), self.about.comparisons)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let words = self.roots.len() + self.depths.len();
        size_of_val(self.nodes.as_slice()) + words * 4 + self.leaves.memory_bytes() + size_of_val(self.about.thresholds.as_slice())
    }
}

/// Digits in groups of three.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How errors name the operator.
fn titled(node: &GraphNode) -> String {
    shown(&node.title())
}

#[cfg(test)]
mod tests;

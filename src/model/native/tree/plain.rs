//! Nodes that can do everything: what rows with missing values take where branches say what becomes of those, and ensembles that
//! nothing faster can run.

use crate::model::params::{Params, Visit};

/// The bit of [`Node::bits`] that a branch has and a leaf has not.
pub(super) const BRANCH: u32 = 1 << 31;
/// A missing value takes the first child.
pub(super) const MISSING: u32 = 1 << 30;
/// The comparison is `x == threshold`.
pub(super) const EQUAL: u32 = 1 << 29;
/// The column of the row; a leaf's is 0.
pub(super) const FEATURE: u32 = EQUAL - 1;

/// Where no node is.
pub(super) const NOWHERE: u32 = u32::MAX;

/// A branch, or a leaf: 12 bytes, children side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// A branch's threshold. A leaf's value, or the bits of its number where leaves have several values.
    pub(super) value: f32,
    /// A branch's first child, taken when the comparison holds; the second is next to it. A leaf's own place.
    pub(super) first: u32,
    /// Column and flags.
    pub(super) bits: u32,
}

impl Node {
    /// The first child of a branch.
    pub(super) fn child(&self) -> Option<u32> {
        (self.bits & BRANCH != 0).then_some(self.first)
    }

    pub(super) fn column(&self) -> u32 {
        self.bits & FEATURE
    }

    /// The place after this node. A leaf adds nothing to its own place, so that descending on is harmless.
    #[inline(always)]
    fn next<const MISSES: bool, const EQUALS: bool>(&self, row: &[f32]) -> u32 {
        let x = row[self.column() as usize];
        let holds = if EQUALS && self.bits & EQUAL != 0 { x == self.value } else { x <= self.value };
        // `|` and `&`, not `||` and `&&`: a branch here would be mispredicted at every other node.
        let holds = holds | (MISSES & x.is_nan() & (self.bits & MISSING != 0));
        self.first + (u32::from(!holds) & (self.bits >> 31))
    }
}

/// How many trees descend side by side.
const GROUP: usize = 16;

/// An ensemble's trees, in the order in which they are summed.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) nodes: Params<Node>,
    pub(super) roots: Params<u32>,
    /// The depth of each tree.
    pub(super) depths: Vec<u32>,
    /// The depth of the deepest tree of each group of roots.
    steps: Params<u32>,
    /// Some node lets a missing value take its first child.
    pub(super) misses: bool,
    /// Some node compares for equality.
    pub(super) equals: bool,
}

impl Plain {
    pub(super) fn new(nodes: Vec<Node>, roots: Vec<u32>, depths: Vec<u32>) -> Plain {
        let any = |bit: u32| nodes.iter().any(|node| node.bits & bit != 0);
        let steps = depths.chunks(GROUP).map(|group| group.iter().copied().max().unwrap_or(0)).collect();
        Plain { misses: any(MISSING), equals: any(EQUAL), steps, nodes: nodes.into(), roots: roots.into(), depths }
    }

    /// The depth of the deepest tree.
    pub(super) fn depth(&self) -> u32 {
        self.depths.iter().copied().max().unwrap_or(0)
    }

    /// How many branches all trees have.
    pub(super) fn branches(&self) -> usize {
        (self.nodes.len() - self.roots.len()) / 2
    }

    /// How many nodes stand below this one, itself included.
    pub(super) fn count(&self, at: u32) -> usize {
        let below = |first: u32| self.count(first) + self.count(first + 1);
        1 + self.nodes[at as usize].child().map_or(0, below)
    }

    /// Writes what the leaf that each tree reaches holds.
    pub(super) fn descend(&self, row: &[f32], reached: &mut [f32]) {
        match (self.misses, self.equals) {
            (false, false) => self.walk::<false, false>(row, reached),
            (true, false) => self.walk::<true, false>(row, reached),
            (false, true) => self.walk::<false, true>(row, reached),
            (true, true) => self.walk::<true, true>(row, reached),
        }
    }

    fn walk<const MISSES: bool, const EQUALS: bool>(&self, row: &[f32], reached: &mut [f32]) {
        for ((roots, reached), steps) in self.roots.chunks(GROUP).zip(reached.chunks_mut(GROUP)).zip(&self.steps) {
            let mut at = [roots[0]; GROUP];
            at[..roots.len()].copy_from_slice(roots);
            for _ in 0..*steps {
                for place in &mut at {
                    *place = self.nodes[*place as usize].next::<MISSES, EQUALS>(row);
                }
            }
            for (value, place) in reached.iter_mut().zip(&at[..roots.len()]) {
                *value = self.nodes[*place as usize].value;
            }
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.roots);
        visit(&mut self.steps);
        visit(&mut self.nodes);
    }
}

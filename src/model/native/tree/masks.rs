//! Trees of at most 32 leaves as masks: each keeps the leaves that the row may still reach, one bit each from the first child's side on,
//! and every branch that sends the row to its second child clears those below its first. The first leaf that is left is the one reached
//! (QuickScorer, Lucchese et al. 2015).

use super::plain::Plain;
use crate::cpu::apart;

/// The most leaves of a tree.
pub(super) const LEAVES: usize = 32;

/// What the leaves of a tree hold.
pub(super) type Leaves = [f32; LEAVES];

/// Writes what the first leaf holds that is left of each tree.
#[inline(always)]
pub(super) fn pick(left: &[u32], leaves: &[Leaves], reached: &mut [f32]) {
    for ((reached, leaves), left) in reached.iter_mut().zip(leaves).zip(left) {
        *reached = leaves[left.trailing_zeros() as usize % LEAVES];
        apart();
    }
}

/// A branch.
pub(super) struct Cut {
    /// Where it stands.
    pub(super) at: u32,
    /// What it leaves of its tree when the row goes to the second child.
    pub(super) left: u32,
}

/// A tree of at most 32 leaves.
pub(super) struct Masked {
    pub(super) leaves: Leaves,
    pub(super) cuts: Vec<Cut>,
}

impl Masked {
    pub(super) fn new(plain: &Plain, root: u32) -> Masked {
        let mut tree = Masked { leaves: [0.0; LEAVES], cuts: Vec::new() };
        tree.node(plain, 0, root);
        tree
    }

    /// Takes in a subtree whose first leaf is this one; the leaf behind it.
    fn node(&mut self, plain: &Plain, leaf: usize, at: u32) -> usize {
        let node = plain.nodes[at as usize];
        let Some(first) = node.child() else {
            self.leaves[leaf] = node.value;
            return leaf + 1;
        };
        let middle = self.node(plain, leaf, first);
        let cleared = ((1 << (middle - leaf)) - 1) << leaf;
        self.cuts.push(Cut { at, left: !cleared });
        self.node(plain, middle, first + 1)
    }
}

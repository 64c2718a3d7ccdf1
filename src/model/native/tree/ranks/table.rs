//! From trees to their branches by column and rank, where that pays.

use super::super::super::simd::Level;
use super::super::ordinal::{NEVER, threshold};
use super::super::plain::{MISSING, Plain};
use super::{Column, EVERY, GROUP, Group, LEAVES, Line, Ranks};

/// The fewest leaves of the largest tree: smaller trees descend in fewer steps than this takes.
const FEWEST_LEAVES: usize = 17;
/// The fewest branches for each column that branches look at: a column costs as much as the descent of some four trees.
const FEWEST_BRANCHES: usize = 128;
/// The largest rows of masks, in bytes: with what else a decision needs they stay in the second cache of a core.
const MOST_BYTES: usize = 640 << 10;
/// Above every value and below a missing one.
const MISSES: u32 = NEVER - 1;

/// A branch of some tree.
struct Branch {
    column: u32,
    threshold: u32,
    tree: usize,
    /// What it leaves of its tree when the row goes to the second child.
    mask: u32,
    /// Missing values go there.
    second: bool,
}

impl Ranks {
    /// `None` where trees are too small, too large, or too few for their columns.
    pub(in super::super) fn new(plain: &Plain, level: Level) -> Option<Ranks> {
        let trees = plain.roots.len();
        let leaves = plain.roots.iter().map(|root| plain.count(*root).div_ceil(2)).max()?;
        if !(FEWEST_LEAVES..=LEAVES).contains(&leaves) {
            return None;
        }
        let mut all = Branches { plain, branches: Vec::with_capacity(plain.branches()), leaves: vec![[0.0; LEAVES]; trees] };
        for (tree, root) in plain.roots.iter().enumerate() {
            all.node(tree, 0, *root);
        }
        all.branches.sort_by_key(|branch| (branch.column, branch.threshold));
        let by_column: Vec<&[Branch]> = all.branches.chunk_by(|a, b| a.column == b.column).collect();
        let width = super::lines::<u32>(trees);
        let rows: usize = by_column.iter().map(|branches| branches.len().div_ceil(GROUP)).sum();
        if all.branches.len() < FEWEST_BRANCHES * by_column.len() || rows * width * size_of::<Line>() > MOST_BYTES {
            return None;
        }
        let mut table = Table { columns: Vec::new(), bounds: Vec::new(), groups: Vec::new(), rows: vec![EVERY; width], width };
        by_column.into_iter().for_each(|branches| table.column(branches));
        let Table { columns, bounds, groups, rows, width } = table;
        #[cfg(not(target_arch = "x86_64"))]
        let _ = level;
        Some(Ranks {
            #[cfg(target_arch = "x86_64")]
            wide: level.wide(),
            columns: columns.into(),
            bounds: bounds.into(),
            groups: groups.into(),
            rows: rows.into(),
            width,
            leaves: all.leaves.into(),
        })
    }
}

/// What grows column by column.
struct Table {
    columns: Vec<Column>,
    bounds: Vec<[u32; GROUP]>,
    groups: Vec<Group>,
    rows: Vec<Line>,
    width: usize,
}

impl Table {
    /// Appends the branches of a column.
    fn column(&mut self, branches: &[Branch]) {
        let groups = branches.chunks(GROUP);
        let mut bounds: Vec<u32> = groups.clone().map(|group| group[group.len() - 1].threshold).collect();
        if let Some(last) = bounds.last_mut() {
            *last = MISSES;
        }
        self.columns.push(Column {
            column: branches[0].column,
            bounds: bounds.len().div_ceil(GROUP) as u32,
            group: self.groups.len() as u32,
            row: (self.rows.len() / self.width) as u32 - 1,
        });
        bounds.resize(bounds.len().next_multiple_of(GROUP), NEVER);
        self.bounds.extend(bounds.as_chunks().0);
        for (index, group) in groups.enumerate() {
            self.groups.push(Group::new(group));
            if index > 0 {
                self.row(branches[..index * GROUP].iter());
            }
        }
        self.groups.push(Group::new(&[]));
        self.row(branches.iter().filter(|branch| branch.second));
    }

    /// Appends a row of masks with what these branches leave.
    fn row<'a>(&mut self, passed: impl Iterator<Item = &'a Branch>) {
        let mut row = vec![EVERY; self.width];
        let masks: &mut [u32] = bytemuck::cast_slice_mut(&mut row);
        passed.for_each(|branch| masks[branch.tree] &= branch.mask);
        self.rows.extend(row);
    }
}

impl Group {
    fn new(branches: &[Branch]) -> Group {
        // What fills it up is never passed.
        let mut group = Group { thresholds: [NEVER; GROUP], cuts: [0; GROUP] };
        for (index, branch) in branches.iter().enumerate() {
            group.thresholds[index] = branch.threshold;
            group.cuts[index] = (branch.tree as u64) << 32 | u64::from(branch.mask);
        }
        group
    }
}

/// The branches while they are collected.
struct Branches<'a> {
    plain: &'a Plain,
    branches: Vec<Branch>,
    leaves: Vec<[f32; LEAVES]>,
}

impl Branches<'_> {
    /// Takes in a subtree whose first leaf is this one of its tree; the leaf behind it.
    fn node(&mut self, tree: usize, leaf: usize, at: u32) -> usize {
        let node = self.plain.nodes[at as usize];
        let Some(first) = node.child() else {
            self.leaves[tree][leaf] = node.value;
            return leaf + 1;
        };
        let middle = self.node(tree, leaf, first);
        let cleared = ((1 << (middle - leaf)) - 1) << leaf;
        let second = node.bits & MISSING == 0;
        self.branches.push(Branch { column: node.column(), threshold: threshold(node.value), tree, mask: !cleared, second });
        self.node(tree, middle, first + 1)
    }
}

//! Nodes of 8 bytes that name their children: the fast way on every processor, and below the [crown](super::crown) the one for trees
//! of uneven depth.
//!
//! A node is one number: the place of its threshold in the order of floats, its first child, its column. The row is numbers of the
//! same kind without child and column, so that one comparison of whole nodes decides, and its carry is added to the first child. A
//! leaf holds its value where a branch has its threshold, is its own first child, and looks at a column behind the row that is 0,
//! which is above nothing.

use std::collections::VecDeque;

use super::ordinal::{ordinal, threshold};
use super::plain::{NOWHERE, Plain};
use crate::model::params::{Params, Visit};

/// How many trees descend side by side: as many as keep their places in registers.
pub(super) const GROUP: usize = 8;
/// How many of a node's bits are its column, where rows have fewer than 256.
pub(super) const NARROW_BITS: u32 = 8;
/// Nodes of a cache line.
const LINE: usize = 8;

/// A cache line of nodes.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u64; LINE]);

/// Trees, or what is left of them below a crown.
#[derive(Debug)]
pub(super) struct Chain {
    /// For every branch both children are in here, for every leaf its own place; every column is one of the row or the one behind.
    lines: Params<Line>,
    columns: usize,
    /// How many of a node's bits are its column.
    column_bits: u32,
    /// Where a descent begins, one after the other.
    starts: Params<u32>,
    /// Which tree the descents of a group belong to; those that fill the last group are behind all trees.
    order: Params<u32>,
    /// The steps of each group.
    steps: Params<u32>,
}

/// A chain's parts; what is said there of them holds.
#[cfg(target_arch = "x86_64")]
pub(super) struct Parts<'a> {
    pub(super) nodes: &'a [u64],
    pub(super) starts: &'a [u32],
    pub(super) order: &'a [u32],
    pub(super) steps: &'a [u32],
    pub(super) columns: usize,
}

/// What descents begin with.
pub(super) struct Plan<'a> {
    /// The node of `plain` at each start, or [`NOWHERE`]; of [`padded`] many trees, each has equally many.
    pub(super) starts: &'a [u32],
    /// The trees by ascending depth.
    pub(super) order: &'a [u32],
    /// The levels above the starts.
    pub(super) above: u32,
    pub(super) columns: usize,
}

/// The trees by ascending depth, so that a group's steps are few for all of its trees.
pub(super) fn by_depth(plain: &Plain) -> Vec<u32> {
    let mut order: Vec<u32> = (0..plain.roots.len() as u32).collect();
    order.sort_by_key(|tree| plain.depths[*tree as usize]);
    order
}

impl Chain {
    /// Whole trees. `None` where a node's child and column do not fit into 32 bits.
    pub(super) fn whole(plain: &Plain, columns: usize) -> Option<Chain> {
        let order = by_depth(plain);
        let mut starts: Vec<u32> = order.iter().map(|tree| plain.roots[*tree as usize]).collect();
        starts.resize(padded(order.len()), NOWHERE);
        Chain::new(plain, &Plan { starts: &starts, order: &order, above: 0, columns })
    }

    pub(super) fn new(plain: &Plain, plan: &Plan) -> Option<Chain> {
        let column_bits = [NARROW_BITS, 10, 16].into_iter().find(|bits| plan.columns < 1 << bits)?;
        // A leaf in front, for descents that fill a group.
        let mut nodes = Nodes { plain, nodes: vec![plan.columns as u64], column_bits, columns: plan.columns };
        let starts = plan.starts.iter().map(|at| if *at == NOWHERE { Some(0) } else { nodes.tree(*at) }).collect::<Option<_>>()?;
        let (trees, padded) = (plan.order.len(), padded(plan.order.len()));
        let depths = plan.order.chunks(GROUP).map(|group| group.iter().map(|tree| plain.depths[*tree as usize]).max().unwrap_or(0));
        let mut steps: Vec<u32> = depths.map(|depth| depth.saturating_sub(plan.above)).collect();
        steps.resize(padded / GROUP, 0);
        let order = plan.order.iter().copied().chain(trees as u32..padded as u32).collect();
        Some(Chain { lines: nodes.lines(), columns: plan.columns, column_bits, starts, order, steps: steps.into() })
    }

    /// How many values of scratch memory it needs.
    pub(super) fn scratch_len(&self) -> usize {
        // Two for a number of 8 bytes, and one to align them.
        2 * (self.columns + 1) + 1
    }

    /// Writes what the leaf that each tree reaches holds.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], scratch: &mut [f32], reached: &mut [f32]) {
        let (starts, _) = self.starts.as_chunks::<GROUP>();
        self.keyed(row, scratch, starts.iter().copied(), reached);
    }

    /// The same from starts on that a crown has chosen, by their number.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn descend_from(&self, row: &[f32], scratch: &mut [f32], taken: &[u32], reached: &mut [f32]) {
        let (taken, _) = taken.as_chunks::<GROUP>();
        let starts = taken.iter().map(|taken| std::array::from_fn(|i| self.starts[taken[i] as usize]));
        self.keyed(row, scratch, starts, reached);
    }

    #[inline(always)]
    fn keyed(&self, row: &[f32], scratch: &mut [f32], starts: impl Iterator<Item = [u32; GROUP]>, reached: &mut [f32]) {
        let (_, keys, _) = bytemuck::pod_align_to_mut::<f32, u64>(scratch);
        let keys = &mut keys[..=self.columns];
        keys[self.columns] = 0;
        for (key, x) in keys.iter_mut().zip(&row[..self.columns]) {
            *key = u64::from(ordinal(*x)) << 32;
        }
        match self.column_bits {
            NARROW_BITS => self.walk::<NARROW_BITS>(keys, starts, reached),
            10 => self.walk::<10>(keys, starts, reached),
            _ => self.walk::<16>(keys, starts, reached),
        }
    }

    /// Descends from starts of this chain.
    #[inline(always)]
    fn walk<const COLUMN_BITS: u32>(&self, keys: &[u64], starts: impl Iterator<Item = [u32; GROUP]>, reached: &mut [f32]) {
        let nodes: &[u64] = bytemuck::cast_slice(&self.lines);
        let (order, _) = self.order.as_chunks::<GROUP>();
        assert!(keys.len() == self.columns + 1 && COLUMN_BITS == self.column_bits && reached.len() >= self.order.len());
        for ((mut at, order), steps) in starts.zip(order).zip(&self.steps) {
            for _ in 0..*steps {
                for place in &mut at {
                    // SAFETY: starts and children are nodes, and columns are keys: `Nodes` gives no others, and this is their number of bits.
                    let (node, key) = unsafe {
                        let node = *nodes.get_unchecked(*place as usize);
                        (node, *keys.get_unchecked((node & ((1 << COLUMN_BITS) - 1)) as usize))
                    };
                    *place = (node as u32 >> COLUMN_BITS) + u32::from(node < key);
                }
            }
            for (tree, place) in order.iter().zip(at) {
                // SAFETY: places as above; the order has the numbers below its length, and `reached` is as long.
                unsafe { *reached.get_unchecked_mut(*tree as usize) = f32::from_bits((nodes.get_unchecked(place as usize) >> 32) as u32) };
            }
        }
    }

    /// What another way down reads.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn parts(&self) -> Parts<'_> {
        let Chain { lines, starts, order, steps, columns, .. } = self;
        Parts { nodes: bytemuck::cast_slice(lines), starts, order, steps, columns: *columns }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.starts);
        visit(&mut self.order);
        visit(&mut self.steps);
        visit(&mut self.lines);
    }
}

/// A number of trees with those that fill the last group of 16.
pub(super) fn padded(trees: usize) -> usize {
    trees.next_multiple_of(16)
}

/// The nodes while they grow.
struct Nodes<'a> {
    plain: &'a Plain,
    nodes: Vec<u64>,
    column_bits: u32,
    columns: usize,
}

impl Nodes<'_> {
    /// Appends a subtree, the first three levels one after the other and then pair below pair, which crosses the fewest lines.
    /// `None` when it does not fit.
    fn tree(&mut self, root: u32) -> Option<u32> {
        self.align(self.plain.count(root));
        let start = self.nodes.len();
        self.nodes.push(0);
        let mut waiting = VecDeque::from([(root, start, 0)]);
        while let Some((from, place, level)) = next(&mut waiting) {
            if let Some(first) = self.node(from, place)? {
                let child = self.nodes.len() - 2;
                waiting.extend([(first + 1, child + 1, level + 1), (first, child, level + 1)]);
            }
        }
        u32::try_from(start).ok()
    }

    /// A subtree that a line's rest does not hold begins so that the pairs of its first levels share a line.
    fn align(&mut self, count: usize) {
        let used = self.nodes.len() % LINE;
        if count > 1 && used + count > LINE {
            let line = if used > 1 { self.nodes.len().next_multiple_of(LINE) } else { self.nodes.len() - used };
            self.nodes.resize(line + 1, 0);
        }
    }

    /// Fills one place; the first child in `plain` of a branch, whose pair it appends.
    fn node(&mut self, from: u32, place: usize) -> Option<Option<u32>> {
        let node = self.plain.nodes[from as usize];
        let Some(first) = node.child() else {
            self.nodes[place] = self.packed(node.value.to_bits(), place, self.columns)?;
            return Some(None);
        };
        self.nodes[place] = self.packed(threshold(node.value), self.nodes.len(), node.column() as usize)?;
        self.nodes.extend([0; 2]);
        Some(Some(first))
    }

    fn packed(&self, value: u32, first: usize, column: usize) -> Option<u64> {
        let first = u32::try_from(first).ok().filter(|first| *first < 1 << (32 - self.column_bits))?;
        Some(u64::from(value) << 32 | u64::from(first << self.column_bits) | column as u64)
    }

    fn lines(&self) -> Params<Line> {
        let (whole, rest) = self.nodes.as_chunks::<LINE>();
        let mut last = [0; LINE];
        last[..rest.len()].copy_from_slice(rest);
        whole.iter().copied().chain([last]).map(Line).collect()
    }
}

/// A node to be placed: its place in `plain`, its place here, its level.
type Waiting = VecDeque<(u32, usize, u32)>;

fn next(waiting: &mut Waiting) -> Option<(u32, usize, u32)> {
    if waiting.front()?.2 < 2 { waiting.pop_front() } else { waiting.pop_back() }
}

//! Trees of 17 to 32 leaves: each keeps a mask of the leaves that the row may still reach, and every branch that sends the row to its
//! second child clears those below its first. The first leaf that is left is the one reached (QuickScorer, Lucchese et al. 2015).
//!
//! The branches of a column stand by ascending threshold, so those that a row passes are the first ones: how many is its rank. They
//! stand in groups of 16, and before each group there is a row of masks of all trees from which everything before it is already
//! cleared. So a column costs two comparisons of 16 thresholds, one row of masks, and at most 16 masks of single trees; no step waits
//! for another one's answer. A missing value has a rank of its own behind all others, with a row of masks that sends it where each
//! branch says.
//!
//! Groups of 8 make a table that leaves the second cache, those of 32 double the single masks: both lost (`crate::docs::performance`).

mod table;

#[cfg(target_arch = "x86_64")]
use super::super::simd::Wide;
use super::ordinal::ordinal;
use crate::cpu::apart;
use crate::model::params::{Params, Visit};

/// Branches of a group, and thresholds that are compared at once.
const GROUP: usize = 16;
/// The most leaves of a tree: one bit each.
const LEAVES: usize = 32;
/// Lines of masks that stay in registers.
const TILE: usize = 4;

/// A cache line of masks.
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u32; 16]);

/// All leaves are left.
const EVERY: Line = Line([u32::MAX; 16]);

/// 16 branches of one column by ascending threshold; behind the last one [`NEVER`](super::ordinal::NEVER).
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Group {
    thresholds: [u32; GROUP],
    /// The tree of each, and below that what the branch leaves of it.
    cuts: [u64; GROUP],
}

/// A column that branches look at.
#[derive(Clone, Copy, Debug)]
struct Column {
    column: u32,
    /// How many blocks of `bounds` it has.
    bounds: u32,
    /// Its first group.
    group: u32,
    /// Where its first row of masks would stand, if the one before all branches were not the same for all columns.
    row: u32,
}

/// The branches of all trees by column and rank.
#[derive(Debug)]
pub(super) struct Ranks {
    #[cfg(target_arch = "x86_64")]
    wide: Option<Wide>,
    columns: Params<Column>,
    /// The highest threshold of each group, column by column, in blocks; a missing value is above that of the last group.
    bounds: Params<[u32; GROUP]>,
    /// Every cut is of a tree.
    groups: Params<Group>,
    /// Rows of `width` lines: what is left of each tree before a group. In front one with everything.
    rows: Params<Line>,
    width: usize,
    /// What the leaves of each tree hold.
    leaves: Params<[f32; LEAVES]>,
}

/// Working memory of one row.
struct Work<'a> {
    /// Where the row of masks of each column begins.
    rows: &'a mut [u32],
    /// Those of the groups' branches that the row passes.
    cuts: &'a mut [u64],
    left: &'a mut [Line],
}

/// How many lines hold `count` values.
fn lines<T>(count: usize) -> usize {
    (count * size_of::<T>()).div_ceil(size_of::<Line>())
}

impl Ranks {
    /// How many values of scratch memory it needs.
    pub(super) fn scratch_len(&self) -> usize {
        let columns = self.columns.len();
        let lines = lines::<u32>(columns) + lines::<u64>(columns * GROUP) + self.width;
        // One more to align them.
        (lines + 1) * (size_of::<Line>() / size_of::<f32>())
    }

    #[inline(always)]
    fn work<'a>(&self, scratch: &'a mut [f32]) -> Work<'a> {
        let columns = self.columns.len();
        let (_, rest, _) = bytemuck::pod_align_to_mut::<f32, Line>(scratch);
        let (rows, rest) = rest.split_at_mut(lines::<u32>(columns));
        let (left, rest) = rest.split_at_mut(self.width);
        Work { rows: &mut bytemuck::cast_slice_mut(rows)[..columns], cuts: bytemuck::cast_slice_mut(rest), left }
    }

    /// Writes what the leaf that each tree reaches holds.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], scratch: &mut [f32], reached: &mut [f32]) {
        let mut work = self.work(scratch);
        let passed = self.ranked(row, &mut work);
        self.meet(&mut work);
        let left: &mut [u32] = bytemuck::cast_slice_mut(work.left);
        assert!(left.len() >= self.leaves.len());
        for cut in &work.cuts[..passed] {
            // SAFETY: cuts are copies of those in groups, which are of trees, and each tree has a mask.
            *unsafe { left.get_unchecked_mut((cut >> 32) as usize) } &= *cut as u32;
        }
        for ((reached, leaves), left) in reached.iter_mut().zip(&self.leaves).zip(left) {
            *reached = leaves[left.trailing_zeros() as usize % LEAVES];
            apart();
        }
    }

    #[inline(always)]
    fn ranked(&self, row: &[f32], work: &mut Work) -> usize {
        #[cfg(target_arch = "x86_64")]
        if self.wide.is_some() {
            // SAFETY: a `Wide` is made only where the processor has these instructions.
            return unsafe { self.ranked_wide(row, work) };
        }
        self.rank(row, work, below)
    }

    /// As a loop it would be sums of bytes in registers of 16.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
    fn ranked_wide(&self, row: &[f32], work: &mut Work) -> usize {
        self.rank(row, work, |thresholds, key| super::row::below(thresholds, super::row::all(key)))
    }

    /// Finds each column's row of masks, and lists the cuts of its group that the row passes: how many.
    #[inline(always)]
    fn rank(&self, row: &[f32], work: &mut Work, below: impl Fn(&[[u32; GROUP]], u32) -> u32) -> usize {
        let (mut passed, mut rest) = (0, &self.bounds[..]);
        for (column, from) in self.columns.iter().zip(work.rows.iter_mut()) {
            let key = ordinal(row[column.column as usize]);
            let (bounds, behind) = rest.split_at(column.bounds as usize);
            rest = behind;
            let before = below(bounds, key);
            *from = if before == 0 { 0 } else { (column.row + before) * self.width as u32 };
            let group = &self.groups[(column.group + before) as usize];
            // All of them, which takes no branch; the next column's overwrite those that the row does not pass.
            work.cuts[passed..passed + GROUP].copy_from_slice(&group.cuts);
            passed += below(&[group.thresholds], key) as usize;
        }
        passed
    }

    /// What the rows of masks of all columns leave of each tree.
    #[inline(always)]
    fn meet(&self, work: &mut Work) {
        let (tiles, rest) = work.left.as_chunks_mut::<TILE>();
        for (index, tile) in tiles.iter_mut().enumerate() {
            *tile = self.tile(work.rows, index * TILE);
        }
        for (index, line) in rest.iter_mut().enumerate() {
            [*line] = self.tile(work.rows, tiles.len() * TILE + index);
        }
    }

    #[inline(always)]
    fn tile<const LINES: usize>(&self, rows: &[u32], from: usize) -> [Line; LINES] {
        let mut left = [EVERY; LINES];
        for row in rows {
            let lines = &self.rows[*row as usize + from..][..LINES];
            for (left, line) in left.iter_mut().zip(lines) {
                left.0.iter_mut().zip(&line.0).for_each(|(left, mask)| *left &= mask);
            }
        }
        left
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.columns);
        visit(&mut self.bounds);
        visit(&mut self.groups);
        visit(&mut self.rows);
        visit(&mut self.leaves);
    }
}

/// How many thresholds are below a key. Compilers keep sums in this order in vectors.
#[inline(always)]
fn below(thresholds: &[[u32; GROUP]], key: u32) -> u32 {
    let mut counts = [0; GROUP];
    for block in thresholds {
        counts.iter_mut().zip(block).for_each(|(count, threshold)| *count += u32::from(*threshold < key));
    }
    for half in [8, 4, 2, 1] {
        let (low, high) = counts.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(a, b)| *a += *b);
    }
    counts[0]
}

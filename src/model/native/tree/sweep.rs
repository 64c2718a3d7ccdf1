//! Trees of at most 64 leaves on processors with AVX-512: all branches of 32 trees are decided, side by side, from the first leaf to the last.
//!
//! A branch stands between two leaves, the last below its first child and the first below its second. Taken in this order, each tree keeps
//! the first leaf that the row may still reach: a branch that sends the row to its second child takes the leaves below its first away, and
//! where the kept one is among them, the next is the leaf behind the branch. Nothing depends on the trees' shape, no step looks for what
//! another one points to, and memory is read from one end to the other. (QuickScorer, Lucchese et al. 2015, keeps a bit a leaf instead.)
//!
//! Branches compare ranks: a value is above the thresholds of its column whose rank is below the value's own, which is found first, by two
//! comparisons of 16 thresholds a column. So 32 branches fit into a register.

use std::arch::x86_64::{
    __m256i, __m512i, _mm256_add_epi8, _mm256_cmple_epu8_mask, _mm256_loadu_si256, _mm256_mask_mov_epi8, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_storeu_si256, _mm512_cmplt_epu16_mask, _mm512_cvtepu8_epi16, _mm512_loadu_si512, _mm512_permutex2var_epi16, _mm512_permutexvar_epi16,
};

use super::super::simd::Wide;
use super::ordinal::{NEVER, threshold};
use super::plain::Plain;
use super::row::{COLUMNS, HALF, Row, SIDE, all, below, looked};
use crate::cpu::apart;
use crate::model::params::{Params, Visit};

/// Trees side by side.
const TREES: usize = 32;
/// The most leaves of a tree: with more, it has fewer steps from the root to a leaf than branches by far.
const LEAVES: usize = 64;
/// The places for branches, and for leaves, are at most this many times the branches, and the leaves.
const MOST_PLACES: usize = 2;
/// A rank that is below no value's.
const LAST: u16 = u16::MAX;

/// All branches, group by group of 32 trees.
#[derive(Debug)]
pub(super) struct Sweep {
    _wide: Wide,
    /// Of the row.
    width: usize,
    /// Some branch lets a missing value take its first child.
    misses: bool,
    columns: Params<Column>,
    /// The highest threshold of each group but a column's last, column by column, in blocks.
    bounds: Params<[u32; SIDE]>,
    /// The thresholds of each column, ascending, in groups.
    thresholds: Params<[u32; SIDE]>,
    /// How many branches the largest tree of each group has.
    steps: Params<u32>,
    branches: Params<Branches>,
    /// How many leaves the largest tree has: as many places has each.
    places: usize,
    /// What they hold.
    leaves: Params<f32>,
}

/// A column that branches look at.
#[derive(Clone, Copy, Debug)]
struct Column {
    column: u32,
    /// How many blocks of `bounds` it has.
    bounds: u32,
    /// Its first group of thresholds.
    first: u32,
}

/// A branch of each of 32 trees.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Branches {
    /// The ranks of their thresholds.
    ranks: [u16; TREES],
    looked: [u8; TREES],
    /// The first leaf below each.
    firsts: [u8; TREES],
}

/// The ranks of a row's values, and behind 32 columns those again with missing ones below all others.
#[repr(align(64))]
struct Ranks([u16; COLUMNS]);

impl Sweep {
    /// `None` where a tree has too many leaves, too many have too few beside the largest, or a column has too many thresholds.
    pub(super) fn new(plain: &Plain, width: usize, wide: Wide) -> Option<Sweep> {
        debug_assert!(width <= COLUMNS && !plain.equals);
        let sizes: Vec<usize> = plain.roots.iter().map(|root| plain.count(*root) / 2).collect();
        let most = sizes.iter().copied().max()?;
        let steps: Vec<u32> = sizes.chunks(TREES).map(|group| group.iter().copied().max().unwrap_or(0) as u32).collect();
        let rows: usize = steps.iter().map(|steps| *steps as usize).sum();
        let (places, trees) = (most + 1, steps.len() * TREES);
        let room = |used: usize| MOST_PLACES * used + TREES * LEAVES;
        if most >= LEAVES || rows * TREES > room(plain.branches()) || places * trees > room(plain.branches() + plain.roots.len()) {
            return None;
        }
        let table = Table::new(plain, width)?;
        let none = Branches { ranks: [LAST; TREES], looked: [0; TREES], firsts: [0; TREES] };
        let mut grown = Grown { plain, width, by_column: &table.by_column, branches: vec![none; rows], leaves: vec![0.0; places * trees] };
        let mut first = 0;
        for (group, (roots, steps)) in plain.roots.chunks(TREES).zip(&steps).enumerate() {
            for (lane, root) in roots.iter().enumerate() {
                grown.subtree(Place { branches: first, lane, leaves: (group * TREES + lane) * places }, 0, *root);
            }
            first += *steps as usize;
        }
        let Grown { branches, leaves, .. } = grown;
        let Table { columns, bounds, thresholds, .. } = table;
        Some(Sweep {
            _wide: wide,
            width,
            misses: plain.misses,
            columns: columns.into(),
            bounds: bounds.into(),
            thresholds: thresholds.into(),
            steps: steps.into(),
            branches: branches.into(),
            places,
            leaves: leaves.into(),
        })
    }

    /// Whether missing values take the child that each branch says.
    pub(super) fn takes_missing(&self) -> bool {
        self.width <= HALF
    }

    /// Writes what the leaf that each tree reaches holds; `kept` has a byte for each tree and those that fill the last group of 32.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], kept: &mut [u8], reached: &mut [f32]) {
        let kept = &mut kept[..self.steps.len() * TREES];
        assert!(reached.len() <= kept.len());
        // SAFETY: a `Wide` is made only where the processor has these instructions. There is room for every group's bytes, and all are written.
        unsafe { self.choose(&row[..self.width], kept) };
        let mut leaves = self.leaves.as_ptr();
        for (reached, kept) in reached.iter_mut().zip(kept) {
            // SAFETY: each tree has its places, one more than its group has steps, and keeps a leaf between the first and the one behind a step.
            *reached = unsafe { *leaves.add(usize::from(*kept)) };
            leaves = leaves.wrapping_add(self.places);
            apart();
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
    fn choose(&self, row: &[f32], kept: &mut [u8]) {
        let mut ranks = Ranks([0; COLUMNS]);
        if self.width > HALF {
            self.rank(Row::wide(row), &mut ranks);
            return self.walk::<false>(&ranks, kept);
        }
        let (places, misses) = Row::narrow(row);
        self.rank(places, &mut ranks);
        if !(self.misses && misses) {
            return self.walk::<true>(&ranks, kept);
        }
        for (column, x) in row.iter().enumerate() {
            ranks.0[HALF + column] = if x.is_nan() { 0 } else { ranks.0[column] };
        }
        self.walk::<false>(&ranks, kept);
    }

    /// How many thresholds of its column each value is above.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
    fn rank<const NARROW: bool>(&self, row: Row<NARROW>, ranks: &mut Ranks) {
        let mut rest = &self.bounds[..];
        for column in &self.columns {
            let place = row.places(all(column.column));
            let bounds;
            (bounds, rest) = rest.split_at(column.bounds as usize);
            let before = below(bounds, place);
            let group = &self.thresholds[(column.first + before) as usize];
            ranks.0[column.column as usize % COLUMNS] = (before * SIDE as u32 + below(std::slice::from_ref(group), place)) as u16;
        }
    }

    /// Two groups at a time: a step waits for the one before of its own group.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,popcnt")]
    fn walk<const NARROW: bool>(&self, ranks: &Ranks, kept: &mut [u8]) {
        let ranks = halves(ranks);
        let (mut branches, mut to) = (&self.branches[..], kept.as_chunks_mut::<TREES>().0.iter_mut());
        let mut take = |steps: u32| {
            let of_group;
            (of_group, branches) = branches.split_at(steps as usize);
            of_group
        };
        let (pairs, last) = self.steps.as_chunks();
        for [a, b] in pairs {
            // Values first: a zip that ends has taken one more of its first side.
            together::<NARROW>(ranks, take(*a), take(*b)).into_iter().zip(to.by_ref()).for_each(|(kept, to)| store(to, kept));
        }
        for steps in last {
            let kept = alone::<NARROW>(ranks, take(*steps), _mm256_setzero_si256(), _mm256_set1_epi8(1));
            [kept].into_iter().zip(to.by_ref()).for_each(|(kept, to)| store(to, kept));
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.columns);
        visit(&mut self.bounds);
        visit(&mut self.thresholds);
        visit(&mut self.steps);
        visit(&mut self.branches);
        visit(&mut self.leaves);
    }
}

/// The leaves that the trees of two groups keep.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn together<const NARROW: bool>(ranks: [__m512i; 2], a: &[Branches], b: &[Branches]) -> [__m256i; 2] {
    let both = a.len().min(b.len());
    let ((a, rest_of_a), (b, rest_of_b)) = (a.split_at(both), b.split_at(both));
    let (mut of_a, mut of_b, mut behind) = (_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_set1_epi8(1));
    for (a, b) in a.iter().zip(b) {
        of_a = step::<NARROW>(ranks, a, of_a, behind);
        of_b = step::<NARROW>(ranks, b, of_b, behind);
        behind = _mm256_add_epi8(behind, _mm256_set1_epi8(1));
    }
    [alone::<NARROW>(ranks, rest_of_a, of_a, behind), alone::<NARROW>(ranks, rest_of_b, of_b, behind)]
}

/// The leaves that the trees of a group keep, from what they kept before and the leaf behind the first of these branches.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn alone<const NARROW: bool>(ranks: [__m512i; 2], branches: &[Branches], mut kept: __m256i, mut behind: __m256i) -> __m256i {
    for branches in branches {
        kept = step::<NARROW>(ranks, branches, kept, behind);
        behind = _mm256_add_epi8(behind, _mm256_set1_epi8(1));
    }
    kept
}

/// What 32 trees keep after a branch of each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn step<const NARROW: bool>([low, high]: [__m512i; 2], branches: &Branches, kept: __m256i, behind: __m256i) -> __m256i {
    // SAFETY: 32 bytes are there.
    let (looked, firsts) = unsafe { (_mm256_loadu_si256(branches.looked.as_ptr().cast()), _mm256_loadu_si256(branches.firsts.as_ptr().cast())) };
    // SAFETY: 64 bytes are there.
    let ranks = unsafe { _mm512_loadu_si512(branches.ranks.as_ptr().cast()) };
    let columns = _mm512_cvtepu8_epi16(looked);
    let values = if NARROW { _mm512_permutexvar_epi16(columns, low) } else { _mm512_permutex2var_epi16(low, columns, high) };
    let second = _mm512_cmplt_epu16_mask(ranks, values);
    // Before what is kept is known, so that a step waits for one comparison.
    let firsts = _mm256_mask_mov_epi8(_mm256_set1_epi8(-1), second, firsts);
    _mm256_mask_mov_epi8(kept, _mm256_cmple_epu8_mask(firsts, kept), behind)
}

/// 32 columns in a register each.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(Ranks(ranks): &Ranks) -> [__m512i; 2] {
    let (low, high) = ranks.split_at(HALF);
    // SAFETY: 64 bytes are in each.
    unsafe { [_mm512_loadu_si512(low.as_ptr().cast()), _mm512_loadu_si512(high.as_ptr().cast())] }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [u8; TREES], kept: __m256i) {
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), kept) };
}

/// What ranks are found by.
struct Table {
    columns: Vec<Column>,
    bounds: Vec<[u32; SIDE]>,
    thresholds: Vec<[u32; SIDE]>,
    /// The thresholds of each column of the row, ascending.
    by_column: Vec<Vec<u32>>,
}

impl Table {
    /// `None` where a column has more thresholds than there are ranks.
    fn new(plain: &Plain, width: usize) -> Option<Table> {
        let mut by_column = vec![Vec::new(); width];
        for node in plain.nodes.iter().filter(|node| node.child().is_some()) {
            by_column[node.column() as usize].push(threshold(node.value));
        }
        let mut table = Table { columns: Vec::new(), bounds: Vec::new(), thresholds: Vec::new(), by_column: Vec::new() };
        for (column, thresholds) in by_column.iter_mut().enumerate() {
            thresholds.sort_unstable();
            thresholds.dedup();
            if thresholds.len() >= usize::from(LAST) {
                return None;
            }
            table.column(column as u32, thresholds);
        }
        Some(Table { by_column, ..table })
    }

    fn column(&mut self, column: u32, thresholds: &[u32]) {
        if thresholds.is_empty() {
            return;
        }
        // Behind the highest of all groups but the last the last one begins.
        let groups = thresholds.len().div_ceil(SIDE);
        let highest: Vec<u32> = thresholds.iter().skip(SIDE - 1).step_by(SIDE).take(groups - 1).copied().collect();
        self.columns.push(Column { column, bounds: highest.len().div_ceil(SIDE) as u32, first: self.thresholds.len() as u32 });
        self.bounds.extend(filled(&highest));
        self.thresholds.extend(filled(thresholds));
    }
}

/// Groups of 16, the last of which is filled up with what is below no value.
fn filled(thresholds: &[u32]) -> impl Iterator<Item = [u32; SIDE]> {
    thresholds.chunks(SIDE).map(|chunk| std::array::from_fn(|at| chunk.get(at).copied().unwrap_or(NEVER)))
}

/// The branches and leaves while they are collected.
struct Grown<'a> {
    plain: &'a Plain,
    width: usize,
    by_column: &'a [Vec<u32>],
    branches: Vec<Branches>,
    leaves: Vec<f32>,
}

impl Grown<'_> {
    /// Takes in the subtree below a node, whose first leaf is this one of its tree; the leaf behind it.
    fn subtree(&mut self, tree: Place, leaf: usize, at: u32) -> usize {
        let node = self.plain.nodes[at as usize];
        let Some(child) = node.child() else {
            self.leaves[tree.leaves + leaf] = node.value;
            return leaf + 1;
        };
        let middle = self.subtree(tree, leaf, child);
        let rank = self.by_column[node.column() as usize].partition_point(|below| *below < threshold(node.value));
        let branches = &mut self.branches[tree.branches + middle - 1];
        branches.ranks[tree.lane] = rank as u16;
        branches.looked[tree.lane] = looked(&node, self.width);
        branches.firsts[tree.lane] = leaf as u8;
        self.subtree(tree, middle, child + 1)
    }
}

/// Where a tree is collected.
#[derive(Clone, Copy)]
struct Place {
    /// Its group's first branches.
    branches: usize,
    lane: usize,
    /// Its first leaf.
    leaves: usize,
}

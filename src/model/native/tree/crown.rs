//! The top levels of 16 trees at once, for processors with AVX-512.
//!
//! A row of few columns fits into registers, where one instruction looks up the columns of 16 nodes. So the nodes of a level stand
//! tree beside tree, each tree's is picked by the comparisons before, and no node is fetched from where another one points to.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm_mask_mov_epi8, _mm_setzero_si128, _mm512_add_epi32, _mm512_cvtepu8_epi32, _mm512_mask_mov_epi32, _mm512_maskz_set1_epi32,
    _mm512_or_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512,
};

use super::super::simd::Wide;
use super::ordinal::{NEVER, threshold};
use super::plain::{NOWHERE, Plain};
use super::row::{Columns, HALF, Row, SIDE, Thresholds, bytes, load, looked};
use crate::model::params::{Params, Visit};

/// The most levels.
pub(super) const LEVELS: u32 = 4;

/// The top of each tree.
#[derive(Debug)]
pub(super) struct Crown {
    _wide: Wide,
    levels: u32,
    /// Group by group of 16 trees, level by level, node by node.
    thresholds: Params<Thresholds>,
    columns: Params<Columns>,
}

impl Crown {
    /// The tops of the trees with these roots over rows of so many columns, and the node below each of their exits: [`NOWHERE`] below
    /// one that no row takes.
    pub(super) fn new(plain: &Plain, roots: &[u32], levels: u32, columns: usize, wide: Wide) -> (Crown, Vec<u32>) {
        let groups = roots.len().div_ceil(SIDE);
        let mut tops = Tops::new(plain, columns, levels, groups);
        for (tree, root) in roots.iter().enumerate() {
            tops.fill(tree, *root, (0, 0));
        }
        (Crown { _wide: wide, levels, thresholds: tops.thresholds.into(), columns: tops.looked.into() }, tops.exits)
    }

    /// [`Crown::descend`] for a row that is not in registers yet.
    #[inline(always)]
    pub(super) fn exits(&self, row: &[f32], taken: &mut [u32]) {
        // SAFETY: a `Wide` is made only where the processor has these instructions.
        unsafe { if row.len() <= HALF { self.descend(Row::narrow(row).0, taken) } else { self.descend(Row::wide(row), taken) } }
    }

    /// Writes the exit that each tree takes: those of tree t are numbered from t times their number on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn descend<const NARROW: bool>(&self, row: Row<NARROW>, taken: &mut [u32]) {
        match self.levels {
            1 => self.walk::<NARROW, 1>(row, taken),
            2 => self.walk::<NARROW, 2>(row, taken),
            3 => self.walk::<NARROW, 3>(row, taken),
            _ => self.walk::<NARROW, 4>(row, taken),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn walk<const NARROW: bool, const LEVELS: u32>(&self, row: Row<NARROW>, taken: &mut [u32]) {
        let nodes = (1 << LEVELS) - 1;
        let first_of: [u32; SIDE] = std::array::from_fn(|tree| (tree as u32) << LEVELS);
        let mut first = load(&first_of);
        let (groups, _) = taken.as_chunks_mut::<SIDE>();
        for ((taken, thresholds), columns) in groups.iter_mut().zip(self.thresholds.chunks_exact(nodes)).zip(self.columns.chunks_exact(nodes)) {
            let exits = _mm512_add_epi32(first, group::<NARROW, LEVELS>(row, thresholds, columns));
            // SAFETY: 64 bytes are there.
            unsafe { _mm512_storeu_si512(taken.as_mut_ptr().cast(), exits) };
            first = _mm512_add_epi32(first, _mm512_set1_epi32((SIDE << LEVELS) as i32));
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.thresholds);
        visit(&mut self.columns);
    }
}

/// The tops while they grow.
struct Tops<'a> {
    plain: &'a Plain,
    /// Of the row.
    columns: usize,
    levels: u32,
    thresholds: Vec<Thresholds>,
    looked: Vec<Columns>,
    exits: Vec<u32>,
}

impl Tops<'_> {
    fn new(plain: &Plain, columns: usize, levels: u32, groups: usize) -> Tops<'_> {
        let nodes = groups * ((1 << levels) - 1);
        let (thresholds, looked) = (vec![Thresholds([NEVER; SIDE]); nodes], vec![[0; SIDE]; nodes]);
        Tops { plain, columns, levels, thresholds, looked, exits: vec![NOWHERE; (groups * SIDE) << levels] }
    }

    /// Fills a subtree from its level and place in that on. Below a leaf stands the same leaf, by way of first children.
    fn fill(&mut self, tree: usize, at: u32, (level, place): (u32, usize)) {
        if level == self.levels {
            self.exits[(tree << self.levels) + place] = at;
            return;
        }
        let node = &self.plain.nodes[at as usize];
        let Some(first) = node.child() else {
            return self.fill(tree, at, (level + 1, 2 * place));
        };
        let index = tree / SIDE * ((1 << self.levels) - 1) + (1 << level) - 1 + place;
        self.thresholds[index].0[tree % SIDE] = threshold(node.value);
        self.looked[index][tree % SIDE] = looked(node, self.columns);
        self.fill(tree, first, (level + 1, 2 * place));
        self.fill(tree, first + 1, (level + 1, 2 * place + 1));
    }
}

/// The exits of 16 trees.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn group<const NARROW: bool, const LEVELS: u32>(row: Row<NARROW>, thresholds: &[Thresholds], columns: &[Columns]) -> __m512i {
    let bit = |level: u32, second: __mmask16| _mm512_maskz_set1_epi32(second, 1 << (LEVELS - 1 - level));
    let a = level::<NARROW, 1>(row, thresholds, columns, &[]);
    let mut exits = bit(0, a);
    if LEVELS > 1 {
        let b = level::<NARROW, 2>(row, thresholds, columns, &[a]);
        exits = _mm512_or_si512(exits, bit(1, b));
        if LEVELS > 2 {
            let c = level::<NARROW, 4>(row, thresholds, columns, &[a, b]);
            exits = _mm512_or_si512(exits, bit(2, c));
            if LEVELS > 3 {
                exits = _mm512_or_si512(exits, bit(3, level::<NARROW, 8>(row, thresholds, columns, &[a, b, c])));
            }
        }
    }
    exits
}

/// Which of 16 trees the row leaves by the second child, on the level of so many nodes; `above` says the same of the levels before,
/// and each of those halves the nodes that are left, long before the last one is known.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn level<const NARROW: bool, const NODES: usize>(row: Row<NARROW>, thresholds: &[Thresholds], columns: &[Columns], above: &[__mmask16]) -> __mmask16 {
    let (thresholds, columns) = (&thresholds[NODES - 1..2 * NODES - 1], &columns[NODES - 1..2 * NODES - 1]);
    let (mut threshold, mut column) = ([_mm512_setzero_si512(); NODES], [_mm_setzero_si128(); NODES]);
    for node in 0..NODES {
        (threshold[node], column[node]) = (load(&thresholds[node].0), bytes(&columns[node]));
    }
    let mut left = NODES;
    for second in above {
        left /= 2;
        for node in 0..left {
            threshold[node] = _mm512_mask_mov_epi32(threshold[node], *second, threshold[left + node]);
            column[node] = _mm_mask_mov_epi8(column[node], *second, column[left + node]);
        }
    }
    row.second(threshold[0], _mm512_cvtepu8_epi32(column[0]))
}

//! The top levels of 16 trees at once, for processors with AVX-512.
//!
//! A row of few columns fits into registers, where one instruction looks up the columns of 16 nodes. So the nodes of a level stand
//! tree beside tree, each tree's is picked by the comparisons before, and no node is fetched from where another one points to.

use std::arch::x86_64::{
    __m512i, __mmask16, _mm_loadu_si128, _mm512_add_epi32, _mm512_cmplt_epu32_mask, _mm512_cvtepu8_epi32, _mm512_loadu_si512, _mm512_mask_add_epi32,
    _mm512_mask_mov_epi32, _mm512_permutex2var_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_test_epi32_mask,
};

use super::super::simd::Wide;
use super::ordinal::{NEVER, ordinal, threshold};
use super::plain::Plain;
use crate::model::params::{Params, Visit};

/// Trees side by side.
pub(super) const SIDE: usize = 16;
/// The widest row.
pub(super) const COLUMNS: usize = 64;
/// The most levels.
pub(super) const LEVELS: u32 = 4;

/// The places of a row's values in the order of floats.
#[repr(align(64))]
pub(super) struct Keys([u32; COLUMNS]);

impl Keys {
    #[inline(always)]
    pub(super) fn new(row: &[f32]) -> Keys {
        let mut keys = Keys([0; COLUMNS]);
        for (key, x) in keys.0.iter_mut().zip(row) {
            *key = ordinal(*x);
        }
        keys
    }
}

/// A row in registers, which half are looked at when it has 32 columns or fewer.
#[derive(Clone, Copy)]
pub(super) struct Row<const HALF: bool>([__m512i; 4]);

impl<const HALF: bool> Row<HALF> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn new(keys: &Keys) -> Row<HALF> {
        let (quarters, _) = keys.0.as_chunks::<SIDE>();
        Row([load(&quarters[0]), load(&quarters[1]), load(&quarters[2]), load(&quarters[3])])
    }

    /// Which of 16 branches send the row to their second child.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn second(&self, thresholds: __m512i, columns: __m512i) -> __mmask16 {
        let [a, b, c, d] = self.0;
        let values = _mm512_permutex2var_epi32(a, columns, b);
        if HALF {
            return _mm512_cmplt_epu32_mask(thresholds, values);
        }
        let others = _mm512_permutex2var_epi32(c, columns, d);
        let is_other = _mm512_test_epi32_mask(columns, _mm512_set1_epi32(32));
        _mm512_cmplt_epu32_mask(thresholds, _mm512_mask_mov_epi32(values, is_other, others))
    }
}

/// 16 branches.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Thresholds(pub(super) [u32; SIDE]);
pub(super) type Columns = [u8; SIDE];

/// 16 numbers in a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(numbers: &[u32; SIDE]) -> __m512i {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// The same of columns.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn columns(columns: &Columns) -> __m512i {
    // SAFETY: 16 bytes are there.
    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(columns.as_ptr().cast()) })
}

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
    /// The tops of the trees with these roots, and the node below each of their exits; `nowhere` below an exit that no row takes.
    pub(super) fn new(plain: &Plain, roots: &[u32], levels: u32, wide: Wide, nowhere: u32) -> (Crown, Vec<u32>) {
        let nodes = (1 << levels) - 1;
        let groups = roots.len().div_ceil(SIDE);
        let mut crown =
            Crown { _wide: wide, levels, thresholds: vec![Thresholds([NEVER; SIDE]); groups * nodes].into(), columns: vec![[0; SIDE]; groups * nodes].into() };
        let mut exits = vec![nowhere; (groups * SIDE) << levels];
        for (tree, root) in roots.iter().enumerate() {
            crown.fill(plain, tree, *root, (0, 0), &mut exits);
        }
        (crown, exits)
    }

    /// Fills a subtree from its level and place in that on. Below a leaf stands the same leaf, by way of first children.
    fn fill(&mut self, plain: &Plain, tree: usize, at: u32, (level, place): (u32, usize), exits: &mut [u32]) {
        if level == self.levels {
            exits[(tree << self.levels) + place] = at;
            return;
        }
        let Some(first) = plain.nodes[at as usize].child() else {
            return self.fill(plain, tree, at, (level + 1, 2 * place), exits);
        };
        let index = tree / SIDE * ((1 << self.levels) - 1) + (1 << level) - 1 + place;
        self.thresholds[index].0[tree % SIDE] = threshold(plain.nodes[at as usize].value);
        self.columns[index][tree % SIDE] = plain.nodes[at as usize].column() as u8;
        self.fill(plain, tree, first, (level + 1, 2 * place), exits);
        self.fill(plain, tree, first + 1, (level + 1, 2 * place + 1), exits);
    }

    /// [`Crown::descend`] for a row that is not in registers yet.
    #[inline(always)]
    pub(super) fn exits(&self, row: &[f32], taken: &mut [u32]) {
        let keys = Keys::new(row);
        // SAFETY: a `Wide` is made only where the processor has these instructions.
        unsafe { if row.len() <= 32 { self.descend(Row::<true>::new(&keys), taken) } else { self.descend(Row::<false>::new(&keys), taken) } }
    }

    /// Writes the exit that each tree takes: those of tree t are numbered from t times their number on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn descend<const HALF: bool>(&self, row: Row<HALF>, taken: &mut [u32]) {
        match self.levels {
            1 => self.walk::<HALF, 1>(row, taken),
            2 => self.walk::<HALF, 2>(row, taken),
            3 => self.walk::<HALF, 3>(row, taken),
            _ => self.walk::<HALF, 4>(row, taken),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn walk<const HALF: bool, const LEVELS: u32>(&self, row: Row<HALF>, taken: &mut [u32]) {
        let nodes = (1 << LEVELS) - 1;
        let first_of: [u32; SIDE] = std::array::from_fn(|tree| (tree as u32) << LEVELS);
        let mut first = load(&first_of);
        let (groups, _) = taken.as_chunks_mut::<SIDE>();
        for ((taken, thresholds), columns) in groups.iter_mut().zip(self.thresholds.chunks_exact(nodes)).zip(self.columns.chunks_exact(nodes)) {
            let exits = _mm512_add_epi32(first, group::<HALF, LEVELS>(row, thresholds, columns));
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

/// The exits of 16 trees.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn group<const HALF: bool, const LEVELS: u32>(row: Row<HALF>, thresholds: &[Thresholds], column: &[Columns]) -> __m512i {
    // Which trees the row is in at each node of a level.
    let mut at: [__mmask16; SIDE] = [__mmask16::MAX; SIDE];
    let mut exit = _mm512_setzero_si512();
    for level in 0..LEVELS {
        let (width, first) = (1 << level, (1 << level) - 1);
        let (mut threshold, mut looked) = (load(&thresholds[first].0), columns(&column[first]));
        for node in 1..width {
            threshold = _mm512_mask_mov_epi32(threshold, at[node], load(&thresholds[first + node].0));
            looked = _mm512_mask_mov_epi32(looked, at[node], columns(&column[first + node]));
        }
        let second = row.second(threshold, looked);
        for node in (0..width).rev().filter(|_| level + 1 < LEVELS) {
            (at[2 * node], at[2 * node + 1]) = (at[node] & !second, at[node] & second);
        }
        exit = _mm512_add_epi32(exit, exit);
        exit = _mm512_mask_add_epi32(exit, second, exit, _mm512_set1_epi32(1));
    }
    exit
}

//! Trees of at most 32 leaves by [masks](super::masks), on processors with AVX-512: all branches of 16 trees are decided, one of each tree
//! at a time, and none waits for another one's answer. So the trees' shape costs nothing, and memory is read from one end to the other.

use std::arch::x86_64::{_mm512_mask_and_epi32, _mm512_set1_epi32, _mm512_storeu_si512};

use super::super::simd::Wide;
use super::masks::{LEAVES, Leaves, Masked, pick};
use super::ordinal::{NEVER, threshold};
use super::plain::Plain;
use super::row::{Columns, HALF, Row, SIDE, Thresholds, columns, load, looked};
use crate::model::params::{Params, Visit};

/// The places for branches are at most this many times the branches.
const MOST_PLACES: usize = 2;

/// All branches, group by group of 16 trees.
#[derive(Debug)]
pub(super) struct Cuts {
    _wide: Wide,
    columns: usize,
    /// Some branch lets a missing value take its first child.
    misses: bool,
    /// The branches of the largest tree of each group.
    steps: Params<u32>,
    branches: Params<Branches>,
    looked: Params<Columns>,
    /// What the leaves of each tree hold.
    leaves: Params<Leaves>,
}

/// A branch of each of 16 trees.
#[derive(Clone, Copy, Debug)]
struct Branches {
    thresholds: Thresholds,
    /// What it leaves of its tree when the row goes to the second child.
    left: Thresholds,
}

impl Cuts {
    /// `None` where trees have too many leaves, or too few beside the largest of their group.
    pub(super) fn new(plain: &Plain, columns: usize, wide: Wide) -> Option<Cuts> {
        let branches = |root: &u32| plain.count(*root) / 2;
        let steps: Vec<u32> = plain.roots.chunks(SIDE).map(|group| group.iter().map(branches).max().unwrap_or(0) as u32).collect();
        let rows: usize = steps.iter().map(|steps| *steps as usize).sum();
        if steps.iter().any(|steps| *steps as usize >= LEAVES) || rows * SIDE > MOST_PLACES * plain.branches() + SIDE * LEAVES {
            return None;
        }
        let none = Branches { thresholds: Thresholds([NEVER; SIDE]), left: Thresholds([0; SIDE]) };
        let (mut branches, mut looks, mut leaves) = (vec![none; rows], vec![[0; SIDE]; rows], vec![[0.0; LEAVES]; steps.len() * SIDE]);
        let mut first = 0;
        for (group, (roots, steps)) in plain.roots.chunks(SIDE).zip(&steps).enumerate() {
            for (lane, root) in roots.iter().enumerate() {
                let tree = Masked::new(plain, *root);
                for (row, cut) in (first..).zip(&tree.cuts) {
                    let node = &plain.nodes[cut.at as usize];
                    branches[row].thresholds.0[lane] = threshold(node.value);
                    branches[row].left.0[lane] = cut.left;
                    looks[row][lane] = looked(node, columns);
                }
                leaves[group * SIDE + lane] = tree.leaves;
            }
            first += *steps as usize;
        }
        Some(Cuts { _wide: wide, columns, misses: plain.misses, steps: steps.into(), branches: branches.into(), looked: looks.into(), leaves: leaves.into() })
    }

    /// Whether missing values take the child that each branch says.
    pub(super) fn takes_missing(&self) -> bool {
        self.columns <= HALF
    }

    /// Writes what the leaf that each tree reaches holds; `left` has a place for each tree and those that fill the last group of 16.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], left: &mut [u32], reached: &mut [f32]) {
        // SAFETY: a `Wide` is made only where the processor has these instructions.
        unsafe { self.choose(&row[..self.columns], left) };
        pick(left, &self.leaves, reached);
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn choose(&self, row: &[f32], left: &mut [u32]) {
        if self.columns > HALF {
            return self.walk(Row::wide(row), left);
        }
        let (row, misses) = Row::narrow(row);
        if self.misses && misses { self.walk(row.missing(), left) } else { self.walk(row, left) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn walk<const NARROW: bool>(&self, row: Row<NARROW>, left: &mut [u32]) {
        let (mut branches, mut looked) = (&self.branches[..], &self.looked[..]);
        for (steps, to) in self.steps.iter().zip(left.as_chunks_mut::<SIDE>().0) {
            let (of_group, looked_at);
            (of_group, branches) = branches.split_at(*steps as usize);
            (looked_at, looked) = looked.split_at(*steps as usize);
            let mut left = _mm512_set1_epi32(-1);
            for (branch, looked) in of_group.iter().zip(looked_at) {
                let second = row.second(load(&branch.thresholds.0), columns(looked));
                left = _mm512_mask_and_epi32(left, second, left, load(&branch.left.0));
            }
            // SAFETY: 64 bytes are there.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), left) };
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.steps);
        visit(&mut self.branches);
        visit(&mut self.looked);
        visit(&mut self.leaves);
    }
}

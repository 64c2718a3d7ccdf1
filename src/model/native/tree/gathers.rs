//! Below a [crown](super::crown), the nodes of a [chain](super::chain) by gathers: eight trees a vector, four vectors at once.
//!
//! The [rule](super::fast) does not choose it: a gather makes one step of eight trees, which processors so far do no faster than eight loads.
//! Where it is measured to be faster, `backend.lock` says so. Its scalar twin is [`Crowned::descend`].

use std::arch::x86_64::{
    __m512i, _mm256_loadu_si256, _mm512_and_si512, _mm512_cmpneq_epi64_mask, _mm512_cvtepu32_epi64, _mm512_i64gather_epi64, _mm512_mask_cmplt_epu64_mask,
    _mm512_mask_sub_epi64, _mm512_set1_epi64, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_storeu_si512,
};

use super::super::simd::Wide;
use super::chain::{GROUP, NARROW_BITS, Parts};
use super::crowned::Crowned;
use super::plain::Plain;
use super::row::{HALF, Row};
use crate::model::params::Visit;

/// Vectors side by side: as many as hide a gather's latency.
const VECTORS: usize = 4;

/// Crown and chain with another way down the chain.
#[derive(Debug)]
pub(super) struct Gathers {
    crowned: Crowned,
    /// The chain runs on processors without AVX-512 too.
    _wide: Wide,
}

impl Gathers {
    /// `None` where a node does not fit into 8 bytes.
    pub(super) fn new(plain: &Plain, columns: usize, wide: Wide) -> Option<Gathers> {
        Some(Gathers { crowned: Crowned::new(plain, columns, wide)?, _wide: wide })
    }

    /// Writes what the leaf that each tree reaches holds; `taken` is as long as `reached`.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], taken: &mut [u32], reached: &mut [f32]) {
        let parts = self.crowned.exits(row, taken);
        // SAFETY: there is a `Wide`.
        unsafe { descend(&parts, row, taken, reached) }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.crowned.params(visit);
    }
}

/// A function of its own, so that gathers are found where they belong.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn descend(parts: &Parts<'_>, row: &[f32], taken: &[u32], reached: &mut [f32]) {
    if parts.columns <= HALF { walk(parts, Row::narrow(row).0, taken, reached) } else { walk(parts, Row::wide(row), taken, reached) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn walk<const NARROW: bool>(parts: &Parts<'_>, row: Row<NARROW>, taken: &[u32], reached: &mut [f32]) {
    let (groups, _) = taken.as_chunks::<GROUP>();
    let (orders, _) = parts.order.as_chunks::<GROUP>();
    for ((groups, orders), steps) in groups.chunks(VECTORS).zip(orders.chunks(VECTORS)).zip(parts.steps.chunks(VECTORS)) {
        // What is missing of the last four begins at the leaf in front.
        let mut places = [_mm512_set1_epi64(0); VECTORS];
        for (places, group) in places.iter_mut().zip(groups) {
            let starts = group.map(|taken| parts.starts[taken as usize]);
            // SAFETY: 32 bytes are there.
            *places = _mm512_cvtepu32_epi64(unsafe { _mm256_loadu_si256(starts.as_ptr().cast()) });
        }
        for _ in 0..steps.iter().copied().max().unwrap_or(0) {
            for places in &mut places {
                *places = step(parts, row, *places);
            }
        }
        for (places, order) in places.iter().zip(orders) {
            let mut at = [0_u64; GROUP];
            // SAFETY: 64 bytes are there.
            unsafe { _mm512_storeu_si512(at.as_mut_ptr().cast(), *places) };
            for (tree, place) in order.iter().zip(at) {
                reached[*tree as usize] = f32::from_bits((parts.nodes[place as usize] >> 32) as u32);
            }
        }
    }
}

/// One step of eight trees.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn step<const NARROW: bool>(parts: &Parts<'_>, row: Row<NARROW>, places: __m512i) -> __m512i {
    // SAFETY: starts and children of nodes are nodes.
    let node = unsafe { _mm512_i64gather_epi64::<8>(places, parts.nodes.as_ptr().cast()) };
    let column = _mm512_and_si512(node, _mm512_set1_epi64((1 << NARROW_BITS) - 1));
    // A leaf looks behind the row, where registers hold no 0.
    let branches = _mm512_cmpneq_epi64_mask(column, _mm512_set1_epi64(parts.columns as i64));
    let key = _mm512_slli_epi64::<32>(row.places(column));
    let second = _mm512_mask_cmplt_epu64_mask(branches, node, key);
    let first = _mm512_srli_epi64::<NARROW_BITS>(_mm512_and_si512(node, _mm512_set1_epi64(0xffff_ffff)));
    _mm512_mask_sub_epi64(first, second, first, _mm512_set1_epi64(-1))
}

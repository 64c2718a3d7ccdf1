//! Chains over weights in half precision on processors with AVX-512: 16 weights widened by one instruction.

use std::arch::x86_64::{__m512, _mm256_loadu_si256, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};

use super::super::block::{Block, WIDTH, filled};
use super::super::factor::Rows;
use super::super::simd::Wide;
use super::super::sums::PANEL;
use super::{Chains, Half, Halves, Panel, Sums};

impl Wide {
    /// All rows times the weights.
    #[inline(always)]
    pub(super) fn halves(self, matrix: &Half, rows: Rows<'_>) {
        // SAFETY: a `Wide` is made only where the processor has these instructions.
        unsafe { product(self, matrix, rows) }
    }
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2,f16c,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
fn product(wide: Wide, matrix: &Half, rows: Rows<'_>) {
    matrix.run(wide, rows);
}

impl Chains for Wide {
    #[inline(always)]
    fn chains<const ROWS: usize>(self, sums: &Sums, rows: &[&[f32]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
        // SAFETY: as above.
        unsafe { chains(sums, rows, weights) }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn chains<const ROWS: usize>(sums: &Sums, rows: &[&[f32]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
    let rows: [&[f32]; ROWS] = filled(&[], |row| &rows[row][..weights.len()]);
    let mut chains = [[load(&sums[0]), load(&sums[1]), load(&sums[2]), load(&sums[3])]; ROWS];
    for (input, weights) in weights.iter().enumerate() {
        let weights = [widened(&weights[0]), widened(&weights[1]), widened(&weights[2]), widened(&weights[3])];
        for row in 0..ROWS {
            let x = _mm512_set1_ps(rows[row][input]);
            for block in 0..PANEL {
                chains[row][block] = _mm512_fmadd_ps(weights[block], x, chains[row][block]);
            }
        }
    }
    let mut stored = [[[0.0; WIDTH]; PANEL]; ROWS];
    for row in 0..ROWS {
        for block in 0..PANEL {
            store(&mut stored[row][block], chains[row][block]);
        }
    }
    stored
}

#[inline]
#[target_feature(enable = "avx512f")]
fn widened(halves: &Halves) -> __m512 {
    // SAFETY: 32 bytes are there.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(halves.0.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(sums: &Block) -> __m512 {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_ps(sums.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut Block, sums: __m512) {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), sums) }
}

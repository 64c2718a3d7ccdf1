//! Sums of products of bytes on processors with AVX-512 VNNI: 64 products an instruction.

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_storeu_si512};

use super::super::block::{WIDTH, filled};
use super::super::factor::Rows;
use super::super::simd::Vnni;
use super::super::sums::PANEL;
use super::{Dots, Int8, Ints, Panel, Quad, Quads, Sums};

impl Vnni {
    /// All rows times the weights.
    #[inline(always)]
    pub(super) fn product(self, matrix: &Int8, rows: Rows<'_>) {
        // SAFETY: a `Vnni` is made only where the processor has these instructions.
        unsafe { product(self, matrix, rows) }
    }
}

#[target_feature(enable = "avx2,fma,bmi1,bmi2,f16c,lzcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni")]
fn product(vnni: Vnni, matrix: &Int8, rows: Rows<'_>) {
    matrix.run(vnni, rows);
}

impl Dots for Vnni {
    #[inline(always)]
    fn dots<const ROWS: usize>(self, rows: &[&[Quad]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
        // SAFETY: as above.
        unsafe { dots(rows, weights) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dots<const ROWS: usize>(rows: &[&[Quad]; ROWS], weights: &[Panel]) -> [Sums; ROWS] {
    let rows: [&[Quad]; ROWS] = filled(&[], |row| &rows[row][..weights.len()]);
    let mut sums = [[_mm512_setzero_si512(); PANEL]; ROWS];
    for (input, weights) in weights.iter().enumerate() {
        let weights = [load(&weights[0]), load(&weights[1]), load(&weights[2]), load(&weights[3])];
        for row in 0..ROWS {
            let values = _mm512_set1_epi32(i32::from_ne_bytes(rows[row][input]));
            for block in 0..PANEL {
                sums[row][block] = _mm512_dpbusd_epi32(sums[row][block], values, weights[block]);
            }
        }
    }
    let mut stored = [[[0; WIDTH]; PANEL]; ROWS];
    for row in 0..ROWS {
        for block in 0..PANEL {
            store(&mut stored[row][block], sums[row][block]);
        }
    }
    stored
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(weights: &Quads) -> __m512i {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_si512(weights.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut Ints, sums: __m512i) {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) }
}

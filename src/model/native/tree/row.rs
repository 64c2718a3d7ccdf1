//! A row in registers, for processors with AVX-512: one instruction looks up the columns of 16 branches, another compares them.

use std::arch::x86_64::{
    __m128i, __m512i, __mmask16, _mm_loadl_epi64, _mm_loadu_si128, _mm256_cmplt_epu32_mask, _mm256_cvtepu8_epi32, _mm256_loadu_si256, _mm512_castsi512_si256,
    _mm512_cmpeq_epi32_mask, _mm512_cmpgt_epu32_mask, _mm512_cmplt_epu32_mask, _mm512_loadu_si512, _mm512_mask_mov_epi32, _mm512_maskz_loadu_epi32,
    _mm512_or_si512, _mm512_permutex2var_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srai_epi32, _mm512_test_epi32_mask,
    _mm512_xor_si512, _mm512_zextsi256_si512,
};

use super::ordinal::NEVER;
use super::plain::{MISSING, Node};

/// Branches side by side.
pub(super) const SIDE: usize = 16;
/// The widest row.
pub(super) const COLUMNS: usize = 64;
/// The widest row that two registers hold.
pub(super) const HALF: usize = 32;

/// The thresholds of 16 branches, as the places of floats in their order.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Thresholds(pub(super) [u32; SIDE]);
/// Where they look.
pub(super) type Columns = [u8; SIDE];

/// 7 branches.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Seven {
    pub(super) thresholds: [u32; 7],
    /// As many columns as a register takes.
    pub(super) looked: [u8; 8],
}

/// The column at which a branch looks. In a narrow row one that lets a missing value take its first child looks 32 columns further,
/// where [`Row::missing`] has what does; [`Row::narrow`] does not look at that bit.
pub(super) fn looked(node: &Node, columns: usize) -> u8 {
    let further = columns <= HALF && node.bits & MISSING != 0;
    node.column() as u8 | if further { HALF as u8 } else { 0 }
}

/// The places of a row's values in the order of floats.
#[derive(Clone, Copy)]
pub(super) struct Row<const NARROW: bool>([__m512i; 4]);

impl Row<true> {
    /// At most 32 columns, and whether one of them is missing.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn narrow(row: &[f32]) -> (Row<true>, bool) {
        let [(a, misses), (b, misses_too)] = [ordinals(row, 0), ordinals(row, SIDE)];
        let none = _mm512_setzero_si512();
        (Row([a, b, none, none]), (misses | misses_too) != 0)
    }

    /// The same with missing values that are above everything, as always, and again with ones that are above nothing.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn missing(self) -> Row<false> {
        let Row([a, b, ..]) = self;
        Row([a, b, lowered(a), lowered(b)])
    }
}

impl Row<false> {
    /// At most 64 columns.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn wide(row: &[f32]) -> Row<false> {
        Row([ordinals(row, 0).0, ordinals(row, SIDE).0, ordinals(row, 2 * SIDE).0, ordinals(row, 3 * SIDE).0])
    }
}

impl<const NARROW: bool> Row<NARROW> {
    /// Which of 16 branches send the row to their second child.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn second(&self, thresholds: __m512i, columns: __m512i) -> __mmask16 {
        _mm512_cmplt_epu32_mask(thresholds, self.places(columns))
    }

    /// The places of the values in 16 columns.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn places(&self, columns: __m512i) -> __m512i {
        let [a, b, c, d] = self.0;
        let values = _mm512_permutex2var_epi32(a, columns, b);
        if NARROW {
            return values;
        }
        let others = _mm512_permutex2var_epi32(c, columns, d);
        _mm512_mask_mov_epi32(values, _mm512_test_epi32_mask(columns, _mm512_set1_epi32(HALF as i32)), others)
    }

    /// Which of 7 branches do; the eighth bit says nothing.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn second_of_seven(&self, seven: &Seven) -> u8 {
        // SAFETY: 8 bytes are there.
        let columns = unsafe { _mm_loadl_epi64(seven.looked.as_ptr().cast()) };
        let values = self.places(_mm512_zextsi256_si512(_mm256_cvtepu8_epi32(columns)));
        // SAFETY: 28 bytes are there, and those of `looked` behind them.
        let thresholds = unsafe { _mm256_loadu_si256((&raw const *seven).cast()) };
        _mm256_cmplt_epu32_mask(thresholds, _mm512_castsi512_si256(values))
    }
}

/// [`ordinal`](super::ordinal::ordinal) of up to 16 values of a row, and which of them are missing.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn ordinals(row: &[f32], from: usize) -> (__m512i, __mmask16) {
    let count = row.len().saturating_sub(from).min(SIDE);
    let there = ((1_u32 << count) - 1) as __mmask16;
    // Of nothing, at the row itself: a masked load from memory that is not there takes 50 ns, even where it loads nothing.
    let values = &row[if count > 0 { from } else { 0 }..];
    // SAFETY: only values that are there are read.
    let bits = unsafe { _mm512_maskz_loadu_epi32(there, values.as_ptr().cast()) };
    let sign = _mm512_set1_epi32(i32::MIN);
    let bits = _mm512_mask_mov_epi32(bits, _mm512_cmpeq_epi32_mask(bits, sign), _mm512_setzero_si512());
    let places = _mm512_xor_si512(bits, _mm512_or_si512(_mm512_srai_epi32::<31>(bits), sign));
    let infinity = _mm512_set1_epi32((f32::INFINITY.to_bits() << 1) as i32);
    let missing = _mm512_cmpgt_epu32_mask(_mm512_slli_epi32::<1>(bits), infinity);
    (_mm512_mask_mov_epi32(places, missing, _mm512_set1_epi32(NEVER as i32)), missing)
}

/// The same with missing values below all others.
#[inline]
#[target_feature(enable = "avx512f")]
fn lowered(places: __m512i) -> __m512i {
    let missing = _mm512_cmpeq_epi32_mask(places, _mm512_set1_epi32(NEVER as i32));
    _mm512_mask_mov_epi32(places, missing, _mm512_setzero_si512())
}

/// How many thresholds are below a place that is in all lanes.
#[inline]
#[target_feature(enable = "avx512f,popcnt")]
pub(super) fn below(thresholds: &[[u32; SIDE]], place: __m512i) -> u32 {
    thresholds.iter().map(|block| _mm512_cmplt_epu32_mask(load(block), place).count_ones()).sum()
}

/// A number in all lanes.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn all(number: u32) -> __m512i {
    _mm512_set1_epi32(number as i32)
}

/// 16 numbers in a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(numbers: &[u32; SIDE]) -> __m512i {
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// 16 columns in a register.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn bytes(columns: &Columns) -> __m128i {
    // SAFETY: 16 bytes are there.
    unsafe { _mm_loadu_si128(columns.as_ptr().cast()) }
}

#[cfg(test)]
mod tests {
    use super::super::super::simd::Level;
    use super::super::ordinal::ordinal;
    use super::*;

    /// A register's numbers.
    #[target_feature(enable = "avx512f")]
    fn numbers(register: __m512i) -> [u32; SIDE] {
        let mut numbers = [0; SIDE];
        // SAFETY: 64 bytes are there.
        unsafe { std::arch::x86_64::_mm512_storeu_si512(numbers.as_mut_ptr().cast(), register) };
        numbers
    }

    #[test]
    fn registers_hold_the_ordinals_of_a_row() {
        if Level::best().wide().is_none() {
            return;
        }
        let tiny = f32::from_bits(1);
        let values = [0.0, -0.0, tiny, -tiny, 1.5, -1.5, f32::MIN_POSITIVE, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN];
        for count in 0..=2 * HALF {
            let row: Vec<f32> = values.into_iter().cycle().skip(count).take(count).collect();
            let expected: Vec<u32> = row.iter().map(|x| ordinal(*x)).collect();
            // SAFETY: there is a `Wide`.
            let (held, lowered) = unsafe {
                let Row(registers) = Row::wide(&row);
                (registers.map(|register| numbers(register)), registers.map(|register| numbers(lowered(register))))
            };
            assert_eq!(held.as_flattened()[..count], expected);
            for (place, expected) in lowered.as_flattened().iter().zip(&expected) {
                assert_eq!(*place, if *expected == NEVER { 0 } else { *expected });
            }
            if count <= HALF {
                // SAFETY: as above.
                let (Row([a, b, ..]), misses) = unsafe { Row::narrow(&row) };
                // SAFETY: as above.
                assert_eq!(unsafe { [numbers(a), numbers(b)] }.as_flattened()[..count], expected);
                assert_eq!(misses, row.iter().any(|x| x.is_nan()));
            }
        }
    }
}

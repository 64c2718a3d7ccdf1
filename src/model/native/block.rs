//! Blocks of 16 values and the functions of neural networks, in f32 from multiplications, additions and bits only.
//!
//! Nothing here depends on a platform's library or on how a compiler vectorises, so every instruction set gives the same bits (which
//! NaN a NaN is excepted). A NaN goes in and comes out.

/// Values side by side: one register of the widest instruction set.
pub(super) const WIDTH: usize = 16;

/// Values anywhere in memory.
pub(super) type Block = [f32; WIDTH];

/// Stored weights, each block on a cache line of its own.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
pub(super) struct Weights(pub(super) Block);

/// How many blocks hold `count` values.
pub(super) fn blocks(count: usize) -> usize {
    count.div_ceil(WIDTH)
}

/// An array of what `of` gives for each place. The standard library's `from_fn` is now and then compiled by itself, for the target's
/// instructions instead of its caller's, and called once a place.
#[inline(always)]
pub(super) fn filled<T: Copy, const N: usize>(first: T, of: impl Fn(usize) -> T) -> [T; N] {
    let mut all = [first; N];
    for (at, place) in all.iter_mut().enumerate() {
        *place = of(at);
    }
    all
}

/// A function of each value.
#[inline(always)]
pub(super) fn each(from: &Block, function: impl Fn(f32) -> f32) -> Block {
    let mut to = [0.0; WIDTH];
    for i in 0..WIDTH {
        to[i] = function(from[i]);
    }
    to
}

/// A function of each value of both.
#[inline(always)]
pub(super) fn both(a: &Block, b: &Block, function: impl Fn(f32, f32) -> f32) -> Block {
    let mut to = [0.0; WIDTH];
    for i in 0..WIDTH {
        to[i] = function(a[i], b[i]);
    }
    to
}

/// Adds to each sum its weight times `x`, rounded once.
#[inline(always)]
pub(super) fn fused(sums: &mut Block, x: f32, weights: &Block) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = weight.mul_add(x, *sum);
    }
}

/// x between both bounds. NaN stays NaN.
#[inline(always)]
pub(super) fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// exp(x) = 2^n (1 + p) with |p| < 0.42: n as the exponent's bits, which may wrap, and p. For |x| below 2^21.
#[inline(always)]
fn parts(x: f32) -> (u32, f32) {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2: f32 = std::f32::consts::LN_2;
    /// ln 2 less its nearest f32.
    const LN_2_REST: f32 = -1.904_654_2e-9;
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = (-n).mul_add(LN_2, x);
    let r = (-n).mul_add(LN_2_REST, r);
    // (exp(r) - 1 - r) / r^2, minimax on |r| <= ln 2 / 2; the relative error of exp(r) - 1 stays below 1.4e-8.
    let q = 1.388_250_9e-3_f32.mul_add(r, 8.366_58e-3).mul_add(r, 4.166_72e-2).mul_add(r, 1.666_654_3e-1).mul_add(r, 5e-1);
    (shifted.to_bits() << 23, q.mul_add(r * r, r))
}

const ONE_EXPONENT: u32 = 1.0_f32.to_bits();
const HALF_EXPONENT: u32 = 0.5_f32.to_bits();

/// exp(x), infinite above 88.73 and 0 below -86.6.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let (n, p) = parts(clamp(x, -87.0, 89.0));
    // 2^128 is no f32, twice 2^127 times something below 1 is.
    let half = f32::from_bits(n.wrapping_add(HALF_EXPONENT));
    let half = p.mul_add(half, half);
    half + half
}

/// exp(x) - 1 for x <= 0, -1 at the end.
#[inline(always)]
pub(super) fn exp_minus_1(x: f32) -> f32 {
    let (n, p) = parts(clamp(x, -40.0, 0.0));
    let power = f32::from_bits(n.wrapping_add(ONE_EXPONENT));
    power.mul_add(p, power - 1.0)
}

/// 1 / (1 + exp(-x)); 0 and 1 at the ends.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh(x); -1 and 1 at the ends.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let m = exp_minus_1(-2.0 * x.abs());
    let size = -m / (m + 2.0);
    size.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance in units of the last place of `theirs`.
    fn ulps(ours: f32, theirs: f64) -> f64 {
        let near = theirs as f32;
        let unit = f64::from(f32::from_bits(near.abs().to_bits() + 1)) - f64::from(near.abs());
        (f64::from(ours) - theirs).abs() / unit
    }

    fn sweep() -> impl Iterator<Item = f32> {
        let dense = (-200_000..200_000).map(|i| i as f32 * 1.031e-4);
        let small = (0..2_000).flat_map(|i| {
            let x = f32::from_bits(0x0080_0000 + i * 0x7_0000);
            [x, -x]
        });
        dense.chain(small).filter(|x| x.abs() < 80.0)
    }

    #[test]
    fn functions_are_within_a_few_units_of_the_last_place() {
        let mut worst = [0.0_f64; 4];
        for x in sweep() {
            let exact = f64::from(x);
            let found = [
                ulps(tanh(x), libm::tanh(exact)),
                ulps(sigmoid(x), 1.0 / (1.0 + libm::exp(-exact))),
                ulps(exp(x), libm::exp(exact)),
                if x <= 0.0 { ulps(exp_minus_1(x), libm::expm1(exact)) } else { 0.0 },
            ];
            for (worst, found) in worst.iter_mut().zip(found) {
                *worst = worst.max(found);
            }
        }
        println!("tanh, sigmoid, exp, exp - 1: {worst:.2?}");
        assert!(worst.iter().zip([2.5, 2.5, 1.5, 2.0]).all(|(worst, most)| *worst < most), "{worst:?}");
    }

    #[test]
    fn ends_are_exact_and_nan_stays() {
        for huge in [100.0, 1.0e10, f32::MAX, f32::INFINITY] {
            assert_eq!((tanh(huge), tanh(-huge)), (1.0, -1.0));
            assert_eq!((sigmoid(huge), sigmoid(-huge)), (1.0, 0.0));
            assert_eq!((exp(huge), exp(-huge), exp_minus_1(-huge)), (f32::INFINITY, 0.0, -1.0));
        }
        assert_eq!((tanh(0.0).to_bits(), tanh(-0.0).to_bits(), sigmoid(0.0)), (0, 1 << 31, 0.5));
        assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan() && exp(f32::NAN).is_nan() && exp_minus_1(f32::NAN).is_nan());
        assert!(clamp(f32::NAN, 0.0, 1.0).is_nan());
    }
}

//! The normal distribution's share beyond a value, and what is made of it: the error function and GELU, in f32.
//!
//! As in `block.rs` from multiplications, additions and one division alone, so that every instruction set gives the same bits. Errors are
//! in units of the last place, against f64: below 3 for the error function, below 6 for GELU and below 9 where it is smaller than 2e-6
//! (left of -5); left of -12.5, where it is smaller than 1e-34, the share is no normal f32 and less exact, then 0.

use super::block::{clamp, exp};

/// The share of the distribution beyond `t` >= 0, as exp(-t^2 / 2) times a smooth function; `t` is at most 14, where it is 0 in f32.
#[inline(always)]
fn beyond(t: f32) -> f32 {
    // In s = (t - 3) / (t + 3), minimax for t from 0 to 13.5 with a relative error below 7e-9.
    let s = (t - 3.0) / (t + 3.0);
    let smooth = 5.415_086e-5_f32.mul_add(s, 1.160_373_9e-4).mul_add(s, -3.399_113e-4).mul_add(s, -9.841_828e-4).mul_add(s, 2.904_702_7e-3);
    let smooth = smooth.mul_add(s, 6.132_183e-3).mul_add(s, -4.621_331_4e-2).mul_add(s, 1.232_250_2e-1).mul_add(s, -2.064_026_1e-1);
    let smooth = smooth.mul_add(s, 1.215_139_5e-1);
    // What rounding takes from the square is a factor of its own.
    let square = t * t;
    let rest = t.mul_add(t, -square);
    let power = exp(-0.5 * square);
    power.mul_add(-0.5 * rest, power) * smooth
}

/// x times the share of the distribution below x.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    let beyond = beyond(clamp(x.abs(), 0.0, 14.0));
    x * if x < 0.0 { beyond } else { 1.0 - beyond }
}

/// The error function; -1 and 1 at the ends.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let size = clamp(x.abs(), 0.0, 5.0);
    // erf(x) / x in x^2, minimax below 1 with a relative error of 1.3e-9.
    let square = size * size;
    let near = 7.853_861_5e-5_f32.mul_add(square, -8.010_193_7e-4).mul_add(square, 5.188_327_7e-3).mul_add(square, -2.685_381_3e-2);
    let near = near.mul_add(square, 1.128_358_5e-1).mul_add(square, -3.761_262_6e-1).mul_add(square, std::f32::consts::FRAC_2_SQRT_PI);
    let far = beyond(size * std::f32::consts::SQRT_2).mul_add(-2.0, 1.0);
    let of_size = if size < 1.0 { near * size } else { far };
    of_size.copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(ours: f32, theirs: f64) -> f64 {
        let near = theirs as f32;
        let unit = f64::from(f32::from_bits(near.abs().to_bits() + 1)) - f64::from(near.abs());
        (f64::from(ours) - theirs).abs() / unit
    }

    fn exact_gelu(x: f32) -> f64 {
        let x = f64::from(x);
        // erfc keeps the small shares far on the left, where 1 + erf would be 0.
        0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
    }

    #[test]
    fn functions_are_within_a_few_units_of_the_last_place() {
        let dense = (-130_000..130_000).map(|i| i as f32 * 1.000_3e-4);
        let small = (0..1_900).flat_map(|i| [1.0, -1.0].map(|sign| sign * f32::from_bits(0x0180_0000 + i * 0x7_0000)));
        let mut worst = [0.0_f64; 3];
        for x in dense.chain(small).filter(|x| *x > -12.5 && *x != 0.0) {
            worst[0] = worst[0].max(ulps(erf(x), libm::erf(f64::from(x))));
            let low = 1 + usize::from(x < -5.0);
            worst[low] = worst[low].max(ulps(gelu(x), exact_gelu(x)));
        }
        println!("erf, gelu, gelu below -5: {worst:.2?}");
        assert!(worst.iter().zip([3.0, 6.0, 9.0]).all(|(worst, most)| *worst < most), "{worst:?}");
    }

    #[test]
    fn ends_are_exact_and_nan_stays() {
        for huge in [14.0, 100.0, f32::MAX, f32::INFINITY] {
            assert_eq!((erf(huge), erf(-huge), gelu(huge)), (1.0, -1.0, huge));
            assert!(gelu(-huge) == 0.0 || huge == f32::INFINITY);
        }
        assert_eq!([erf(0.0), erf(-0.0), gelu(0.0), gelu(-0.0)].map(f32::to_bits), [0, 1 << 31, 0, 1 << 31]);
        assert!(erf(f32::NAN).is_nan() && gelu(f32::NAN).is_nan() && gelu(f32::NEG_INFINITY).is_nan());
    }
}

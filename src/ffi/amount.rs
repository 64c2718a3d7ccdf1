//! Amounts of up to 256 bits: text and bytes into limbs, limbs into a value.

use std::ffi::c_char;

use super::abi::StatusCode;
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::pointer::{Out, array, text};
use crate::types::amount::{self, AmountError, Limbs};

/// Bytes of an amount as chains encode it.
const BYTES: usize = 32;

/// The units of a decimal text: "1.5" with 6 decimals is 1,500,000. Exact, or refused: nothing is rounded.
///
/// threads: ANY. cost: hot, by the length of the text.
/// text: borrows (call), digits with at most one point between them, without sign, exponent or separator.
/// decimals: from 0 to 77.
/// limbs: borrows (call), 4 values, the least first.
/// errors: PRECISION for a digit other than 0 beyond the decimals, RANGE above 2^256 - 1 units, NOT_UTF8;
/// INVALID_ARGUMENT for what is no amount, such as an empty text, and for decimals above 77.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_amount_parse(text: *const c_char, text_len: usize, decimals: u32, limbs: *mut u64) -> StatusCode {
    guard("foretick_amount_parse", || {
        // SAFETY: the header's rule of pointers.
        let (text, out) = unsafe { (self::text(text, text_len, "text")?, limbs_out(limbs)?) };
        out.put(amount::parse(text, decimals)?);
        Ok(())
    })
}

/// The units of 32 bytes, the most significant first, as chains encode them.
///
/// threads: ANY. cost: hot.
/// bytes: borrows (call), 32 bytes. limbs: borrows (call), 4 values, the least first.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_amount_from_bytes(bytes: *const u8, limbs: *mut u64) -> StatusCode {
    guard("foretick_amount_from_bytes", || {
        // SAFETY: the header's rule of pointers.
        let (bytes, out) = unsafe { (array(bytes.cast::<[u8; BYTES]>(), 1, "bytes")?, limbs_out(limbs)?) };
        out.put(amount::from_bytes(&bytes[0]));
        Ok(())
    })
}

/// Units / 10^decimals, rounded once, to the nearest double and to the even one of two.
///
/// threads: ANY. cost: hot.
/// limbs: borrows (call), 4 values, the least first. decimals: from 0 to 77. value: borrows (call).
/// errors: INVALID_ARGUMENT for decimals above 77.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_amount_to_f64(limbs: *const u64, decimals: u32, value: *mut f64) -> StatusCode {
    guard("foretick_amount_to_f64", || {
        // SAFETY: the header's rule of pointers.
        let (limbs, out) = unsafe { (array(limbs.cast::<Limbs>(), 1, "limbs")?, Out::of(value, "value")?) };
        out.put(amount::to_f64(&limbs[0], decimals)?);
        Ok(())
    })
}

/// # Safety
/// When not NULL, `limbs` is writable for four values.
unsafe fn limbs_out(limbs: *mut u64) -> Outcome<Out<Limbs>> {
    // SAFETY: passed on as it came.
    unsafe { Out::of(limbs.cast::<Limbs>(), "limbs") }
}

impl From<AmountError> for Fail {
    fn from(error: AmountError) -> Fail {
        Fail::Plain(error.status(), error.text())
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;
    use proptest::prelude::*;

    use super::super::*;
    use super::*;

    /// A case is slow under Miri, which sees the same pointers each time.
    const CASES: u32 = if cfg!(miri) { 4 } else { 4096 };
    const UNTOUCHED: Limbs = [0xAB; 4];

    fn parsed(text: &[u8], decimals: u32) -> Result<Limbs, i32> {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        let mut limbs = UNTOUCHED;
        // SAFETY: a text of its own length, four limbs.
        let status = unsafe { foretick_amount_parse(text.as_ptr().cast(), text.len(), decimals, limbs.as_mut_ptr()) };
        assert!(status == FORETICK_OK || limbs == UNTOUCHED, "an output is written on success only");
        if status == FORETICK_OK { Ok(limbs) } else { Err(status) }
    }

    fn of_bytes(bytes: &[u8; 32]) -> Limbs {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        let mut limbs = UNTOUCHED;
        // SAFETY: 32 bytes, four limbs.
        assert_eq!(unsafe { foretick_amount_from_bytes(bytes.as_ptr(), limbs.as_mut_ptr()) }, FORETICK_OK);
        limbs
    }

    fn value(limbs: &Limbs, decimals: u32) -> Result<f64, i32> {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        let mut value = -7.0;
        // SAFETY: four limbs, one value.
        let status = unsafe { foretick_amount_to_f64(limbs.as_ptr(), decimals, &mut value) };
        assert!(status == FORETICK_OK || value == -7.0, "an output is written on success only");
        if status == FORETICK_OK { Ok(value) } else { Err(status) }
    }

    fn big(limbs: &Limbs) -> BigUint {
        limbs.iter().rev().fold(BigUint::ZERO, |sum, limb| (sum << 64) + limb)
    }

    /// n / d to the nearest double, ties to even, in whole numbers alone: 64 bits of the quotient and whether any follow.
    fn nearest(n: &BigUint, d: &BigUint) -> f64 {
        if *n == BigUint::ZERO {
            return 0.0;
        }
        let shift = 64 + d.bits() as i64 - n.bits() as i64;
        let (n, d) = if shift >= 0 { (n << shift as u64, d.clone()) } else { (n.clone(), d << -shift as u64) };
        let (quotient, rest) = (&n / &d, &n % &d);
        let spare = quotient.bits() - 53;
        let half = BigUint::from(1u8) << (spare - 1);
        let (kept, cut) = (&quotient >> spare, &quotient & ((BigUint::from(1u8) << spare) - 1u8));
        let up = cut > half || cut == half && (rest != BigUint::ZERO || kept.bit(0));
        let kept = u64::try_from(kept + u8::from(up)).unwrap();
        // A power of two by its bits: `powi` may round, and under Miri does.
        kept as f64 * f64::from_bits(((1023 + spare as i64 - shift) as u64) << 52)
    }

    #[test]
    fn the_oracle_rounds_to_the_nearest_and_to_even() {
        let of = |n: u64, d: u64| nearest(&n.into(), &d.into());
        assert_eq!([of(1, 10), of(1, 3), of(3, 1), of(0, 7)], [0.1, 1.0 / 3.0, 3.0, 0.0]);
        assert_eq!([of((1 << 53) + 1, 1), of((1 << 53) + 3, 1)], [9_007_199_254_740_992.0, 9_007_199_254_740_996.0]);
        assert_eq!(of(u64::MAX, 1), 18_446_744_073_709_551_616.0);
    }

    #[test]
    fn what_is_no_amount_is_refused_by_name() {
        let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(parsed(b"9007199254740993", 0), Ok([(1 << 53) + 1, 0, 0, 0]));
        assert_eq!(parsed(most.as_bytes(), 0), Ok([u64::MAX; 4]));
        assert_eq!(parsed(format!("{}{most}", "0".repeat(10_000)).as_bytes(), 0), Ok([u64::MAX; 4]), "leading zeros say nothing");
        assert_eq!(parsed(b"0.00", 1), Ok([0; 4]));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1E3", "0x1", " 1", "1 ", "1_0", "1,0", "1.0.0", "nan", "١٢", "１"] {
            assert_eq!(parsed(text.as_bytes(), 6), Err(FORETICK_INVALID_ARGUMENT), "{text:?}");
        }
        assert_eq!(parsed(b"1\xFF", 6), Err(FORETICK_NOT_UTF8));
        assert_eq!([parsed(b"0.1234567", 6), parsed(b"0.1", 0)], [Err(FORETICK_PRECISION); 2]);
        let (above, many) = (most.replace("935", "936"), "9".repeat(if cfg!(miri) { 500 } else { 100_000 }));
        assert_eq!([parsed(above.as_bytes(), 0), parsed(most.as_bytes(), 1), parsed(many.as_bytes(), 0), parsed(b"2", 77)], [Err(FORETICK_RANGE); 4]);
        assert_eq!((parsed(b"1", 78), parsed(b"1", u32::MAX), value(&[1, 0, 0, 0], 78)), (Err(1), Err(1), Err(FORETICK_INVALID_ARGUMENT)));
    }

    #[test]
    fn wrong_pointers_are_refused_and_those_that_overlap_are_not() {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
        let (mut limbs, mut number) = ([7u64; 5], 0.0);
        let odd = limbs.as_mut_ptr().cast::<u8>().wrapping_add(1);
        // SAFETY: live locals, NULL, or pointers that are refused before they are read.
        unsafe {
            assert_eq!(foretick_amount_parse(std::ptr::null(), 1, 0, limbs.as_mut_ptr()), FORETICK_NULL_POINTER);
            assert_eq!(foretick_amount_parse(std::ptr::null(), 0, 0, limbs.as_mut_ptr()), FORETICK_INVALID_ARGUMENT);
            assert_eq!(foretick_amount_parse(c"1".as_ptr(), usize::MAX, 0, limbs.as_mut_ptr()), FORETICK_SHAPE);
            assert_eq!(foretick_amount_parse(c"1".as_ptr(), 1, 0, std::ptr::null_mut()), FORETICK_NULL_POINTER);
            assert_eq!(foretick_amount_parse(c"1".as_ptr(), 1, 0, odd.cast()), FORETICK_ALIGNMENT);
            assert_eq!(foretick_amount_from_bytes(std::ptr::null(), limbs.as_mut_ptr()), FORETICK_NULL_POINTER);
            assert_eq!(foretick_amount_to_f64(odd.cast_const().cast(), 0, &mut number), FORETICK_ALIGNMENT);
            assert_eq!(foretick_amount_to_f64(limbs.as_ptr(), 0, std::ptr::null_mut()), FORETICK_NULL_POINTER);
            assert_eq!(limbs, [7; 5]);
            let here = limbs.as_mut_ptr();
            assert_eq!(foretick_amount_from_bytes(here.cast_const().cast::<u8>().wrapping_add(8), here), FORETICK_OK);
            assert_eq!(foretick_amount_to_f64(here, 0, here.cast()), FORETICK_OK);
        }
        assert_eq!(limbs[1..], [7 << 56, 7 << 56, 7 << 56, 7]);
        assert_eq!(f64::from_bits(limbs[0]), nearest(&big(&[7 << 56; 4]), &1u8.into()));
    }

    /// Limbs of every size, and those near a tie between two doubles.
    fn units() -> impl Strategy<Value = Limbs> {
        let sized = (any::<Limbs>(), 0u64..=256).prop_map(|(limbs, bits)| {
            let cut = big(&limbs) >> (256 - bits);
            let bytes = cut.to_bytes_le();
            std::array::from_fn(|at| bytes.iter().skip(8 * at).take(8).rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte)))
        });
        let tie = (any::<u64>(), 1u32..=192, -1i64..=1).prop_map(|(head, zeros, off)| {
            let units = (BigUint::from(head >> 10 | 1 << 53 | 1) << zeros) + 2u8 - (1 - off) as u8 - 1u8;
            let digits = units.to_u64_digits();
            std::array::from_fn(|at| digits.get(at).copied().unwrap_or_default())
        });
        prop_oneof![sized, tie]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

        #[test]
        fn a_value_is_the_nearest_double(limbs in units(), decimals in 0u32..=77) {
            let exact = nearest(&big(&limbs), &BigUint::from(10u8).pow(decimals));
            prop_assert_eq!(value(&limbs, decimals), Ok(exact));
        }

        #[test]
        fn bytes_are_units(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(big(&of_bytes(&bytes)), BigUint::from_bytes_be(&bytes));
        }

        #[test]
        fn a_text_is_exact_or_refused(whole in "0{0,3}[0-9]{1,80}", fraction in proptest::option::of("[0-9]{1,80}0{0,9}"), decimals in 0u32..=77) {
            let text = fraction.as_ref().map_or(whole.clone(), |fraction| format!("{whole}.{fraction}"));
            // The digits over 10^(their number behind the point), times 10^decimals, is whole or loses digits.
            let behind = fraction.as_ref().map_or(0, String::len) as u32;
            let digits: BigUint = text.replace('.', "").parse().unwrap();
            let (scaled, over) = (digits * BigUint::from(10u8).pow(decimals), BigUint::from(10u8).pow(behind));
            let wanted = match (&scaled % &over == BigUint::ZERO, &scaled / &over) {
                (false, _) => Err(FORETICK_PRECISION),
                (true, units) if units.bits() > 256 => Err(FORETICK_RANGE),
                (true, units) => Ok(units),
            };
            prop_assert_eq!(parsed(text.as_bytes(), decimals).map(|limbs| big(&limbs)), wanted);
        }
    }
}

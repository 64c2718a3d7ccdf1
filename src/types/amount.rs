//! Amounts of up to 256 bits, as tokens count them: whole units with a stated number of decimals.
//!
//! An amount never passes through an unscaled f64, which holds 53 bits: text and bytes become limbs
//! exactly or are refused, and [`to_f64`] divides and rounds in one.

use std::fmt::{self, Write};

use ruint::aliases::U256;

use crate::error::{Error, Status};

/// Four limbs, the least first.
pub type Limbs = [u64; 4];

/// Most decimals: 10^77 is the greatest power of ten below 2^256.
pub const DECIMALS_MOST: u32 = 77;

/// Why a text or a number of decimals is no amount; made without allocating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not digits with at most one point between them.
    Malformed,
    /// A digit other than 0 beyond the decimals.
    Precision,
    /// Above 2^256 - 1 units.
    Range,
    /// More than [`DECIMALS_MOST`] decimals.
    Decimals,
}

impl AmountError {
    /// Its status.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            AmountError::Malformed | AmountError::Decimals => Status::InvalidArgument,
            AmountError::Precision => Status::Precision,
            AmountError::Range => Status::Range,
        }
    }

    /// What is wrong, and what an amount is.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            AmountError::Malformed => "an amount is digits with at most one point between them, such as 12 or 0.5: no sign, exponent, space or separator",
            AmountError::Precision => "the amount has digits beyond its decimals, which would be lost: state more decimals or round it yourself",
            AmountError::Range => "the amount is above 2^256 - 1 units",
            AmountError::Decimals => "decimals must be from 0 to 77",
        }
    }
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<AmountError> for Error {
    fn from(error: AmountError) -> Error {
        Error::new(error.status(), error.text())
    }
}

fn checked_decimals(decimals: u32) -> Result<usize, AmountError> {
    if decimals <= DECIMALS_MOST { Ok(decimals as usize) } else { Err(AmountError::Decimals) }
}

/// The units of a decimal text: `"1.5"` with 6 decimals is 1,500,000.
///
/// # Errors
/// [`AmountError`]; a digit that would be lost is refused, never rounded.
pub fn parse(text: &str, decimals: u32) -> Result<Limbs, AmountError> {
    let decimals = checked_decimals(decimals)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return Err(AmountError::Malformed);
    }
    let (kept, lost) = fraction.map_or((&b""[..], &b""[..]), |fraction| fraction.as_bytes().split_at(fraction.len().min(decimals)));
    if lost.iter().any(|digit| *digit != b'0') {
        return Err(AmountError::Precision);
    }
    let zeros = std::iter::repeat_n(&b'0', decimals - kept.len());
    let units = whole
        .as_bytes()
        .iter()
        .chain(kept)
        .chain(zeros)
        .try_fold(U256::ZERO, |units, digit| units.checked_mul(U256::from(10))?.checked_add(U256::from(digit - b'0')));
    units.map(U256::into_limbs).ok_or(AmountError::Range)
}

/// The units of 32 bytes, the most significant first, as chains encode them.
#[must_use]
pub fn from_bytes(bytes: &[u8; 32]) -> Limbs {
    U256::from_be_bytes(*bytes).into_limbs()
}

/// Units / 10^decimals, rounded once to the nearest f64, ties to even.
///
/// # Errors
/// [`AmountError::Decimals`].
pub fn to_f64(limbs: &Limbs, decimals: u32) -> Result<f64, AmountError> {
    let decimals = checked_decimals(decimals)?;
    let mut text = Digits::default();
    // The text of units and a decimal exponent is exact; reading it rounds correctly and once.
    write!(text, "{}e-{decimals}", U256::from_limbs(*limbs)).map_err(|_| AmountError::Range)?;
    text.as_str().parse().map_err(|_| AmountError::Range)
}

/// Room for 78 digits and an exponent, on the stack.
struct Digits {
    bytes: [u8; 96],
    length: usize,
}

impl Default for Digits {
    fn default() -> Digits {
        Digits { bytes: [0; 96], length: 0 }
    }
}

impl Digits {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

    #[test]
    fn units_beyond_53_bits_are_exact() {
        let units = (1u64 << 53) + 1;
        assert_eq!(parse("9007199254740993", 0), Ok([units, 0, 0, 0]));
        assert_eq!(parse("0.009007199254740993", 18), Ok([units, 0, 0, 0]));
        assert_eq!(parse("9007199254.740993", 6), Ok([units, 0, 0, 0]));
        assert_eq!(to_f64(&[units, 0, 0, 0], 0), Ok(9_007_199_254_740_992.0), "a tie goes to even");
        assert_eq!(to_f64(&[units, 0, 0, 0], 1), Ok(900_719_925_474_099.3), "scaled before it is rounded");
    }

    #[test]
    fn the_greatest_amount_is_taken_and_one_more_is_not() {
        assert_eq!(parse(MOST, 0), Ok([u64::MAX; 4]));
        assert_eq!(from_bytes(&[0xFF; 32]), [u64::MAX; 4]);
        assert_eq!(to_f64(&[u64::MAX; 4], 0), Ok(2f64.powi(256)));
        assert_eq!(to_f64(&[u64::MAX; 4], 77), Ok(1.157_920_892_373_161_9));
        assert_eq!(parse(&(MOST[..77].to_owned() + "6"), 0), Err(AmountError::Range));
        assert_eq!(parse(MOST, 1), Err(AmountError::Range));
        assert_eq!(parse("1", 77), parse(&format!("1{}", "0".repeat(77)), 0));
        assert_eq!(parse("2", 77), Err(AmountError::Range));
        assert_eq!(parse(&"9".repeat(10_000), 0), Err(AmountError::Range));
    }

    #[test]
    fn digits_are_never_rounded_away() {
        assert_eq!(parse("1.0000001", 6), Err(AmountError::Precision));
        assert_eq!(parse("0.1", 0), Err(AmountError::Precision));
        assert_eq!(parse("1.500000000", 6), Ok([1_500_000, 0, 0, 0]), "zeros lose nothing");
        assert_eq!(parse("0001.50", 6), Ok([1_500_000, 0, 0, 0]));
        assert_eq!(parse("0", 18), Ok([0; 4]));
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["", ".", "1.", ".5", "-1", "+1", " 1", "1 ", "1e3", "0x10", "1_000", "1,5", "1.2.3", "NaN", "inf", "١", "1\0"] {
            assert_eq!(parse(text, 6), Err(AmountError::Malformed), "{text:?}");
        }
        for decimals in [78, u32::MAX] {
            assert_eq!((parse("0", decimals), to_f64(&[0; 4], decimals)), (Err(AmountError::Decimals), Err(AmountError::Decimals)));
        }
        let statuses = [AmountError::Malformed, AmountError::Precision, AmountError::Range].map(|error| Error::from(error).status());
        assert_eq!(statuses, [Status::InvalidArgument, Status::Precision, Status::Range]);
    }

    #[test]
    fn bytes_come_most_significant_first() {
        let mut bytes = [0; 32];
        (bytes[0], bytes[15], bytes[31]) = (1, 2, 3);
        assert_eq!(from_bytes(&bytes), [3, 0, 2, 1 << 56]);
    }

    #[test]
    fn a_value_is_rounded_once() {
        assert_eq!(to_f64(&[1, 0, 0, 0], 1), Ok(0.1));
        assert_eq!(to_f64(&[1_234_567, 0, 0, 0], 6), Ok(1.234_567));
        let units = 690_560_699_852_663_089u64;
        assert_eq!(to_f64(&[units, 0, 0, 0], 18), Ok(0.690_560_699_852_663_1));
        assert_eq!(units as f64 / 1e18, 0.690_560_699_852_663, "in two roundings, of units and of the quotient, it would come out lower");
    }

    proptest! {
        #[test]
        fn text_and_limbs_round_trip(limbs in any::<Limbs>(), decimals in 0u32..=77) {
            let digits = format!("{:0>width$}", U256::from_limbs(limbs).to_string(), width = decimals as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals as usize);
            let text = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(parse(&text, decimals), Ok(limbs));
            prop_assert_eq!(to_f64(&limbs, decimals), Ok(text.parse::<f64>().unwrap()));
            let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
            prop_assert_eq!(from_bytes(&bytes.try_into().unwrap()), limbs);
        }

        #[test]
        fn no_text_panics(text in "[0-9.]{0,90}|\\PC{0,20}", decimals in 0u32..90) {
            let _ = parse(&text, decimals);
        }
    }
}

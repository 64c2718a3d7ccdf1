//! Floats as whole numbers of the same order: a comparison is then one instruction, the same for every value.

/// Above every value, so that a branch that has it always takes its first child.
pub(super) const NEVER: u32 = u32::MAX;

/// The place of a row's value in the order of all f32. Both zeros have one place; NaN is above everything, so that it takes the
/// second child of every branch, as `x <= t` does.
#[inline(always)]
pub(super) fn ordinal(x: f32) -> u32 {
    let bits = x.to_bits();
    let bits = if bits == 1 << 31 { 0 } else { bits };
    let negative = (bits as i32 >> 31) as u32;
    if bits << 1 > f32::INFINITY.to_bits() << 1 { NEVER } else { bits ^ (negative | 1 << 31) }
}

/// The place of a threshold, such that `x <= t` is `ordinal(x) <= threshold(t)`. Nothing is below or equal to NaN.
pub(super) fn threshold(t: f32) -> u32 {
    if t.is_nan() { 0 } else { ordinal(t) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_decide_as_floats_do() {
        let tiny = f32::from_bits(1);
        let mut values = vec![f32::INFINITY, f32::MAX, 1.0, 1.0_f32.next_up(), f32::MIN_POSITIVE, tiny, 2.0 * tiny, 0.0, f32::NAN];
        values.extend(values.clone().iter().map(|value| -value));
        for x in &values {
            for t in &values {
                assert_eq!(ordinal(*x) <= threshold(*t), x <= t, "{x:?} {t:?}");
            }
        }
    }
}

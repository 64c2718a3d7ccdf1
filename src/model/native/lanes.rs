//! The canonical order of sums: 16 virtual lanes and a fixed reduction.

/// How many elements run side by side.
pub(super) const LANES: usize = 16;

/// The lanes of a sum in progress.
pub(super) type Lanes = [f64; LANES];

/// Lane i + lane i + 8, then + 4, + 2, + 1: the order of every backend and instruction set.
#[inline(always)]
pub(super) fn reduce(mut lanes: Lanes, join: impl Fn(f64, f64) -> f64) -> f64 {
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high.iter()) {
            *a = join(*a, *b);
        }
    }
    lanes[0]
}

/// The sum of products of two rows of one length.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes: Lanes = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        add_products(&mut lanes, a, b);
    }
    add_products(&mut lanes, a_rest, b_rest);
    reduce(lanes, |a, b| a + b)
}

#[inline(always)]
fn add_products(lanes: &mut Lanes, a: &[f32], b: &[f32]) {
    for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
        *lane += f64::from(*a) * f64::from(*b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_follows_the_canonical_order() {
        let a: Vec<f32> = (0..53).map(|i| (i as f32).sin() * 3.0e3).collect();
        let b: Vec<f32> = (0..53).map(|i| (i as f32).cos() * 7.0e-3).collect();
        let mut lanes: Lanes = [0.0; LANES];
        for i in 0..53 {
            lanes[i % LANES] = f64::from(a[i]).mul_add(f64::from(b[i]), lanes[i % LANES]);
        }
        let eight: Vec<f64> = (0..8).map(|i| lanes[i] + lanes[i + 8]).collect();
        let four: Vec<f64> = (0..4).map(|i| eight[i] + eight[i + 4]).collect();
        let expected = (four[0] + four[2]) + (four[1] + four[3]);
        assert_eq!(dot(&a, &b).to_bits(), expected.to_bits());
    }
}

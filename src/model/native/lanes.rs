//! The canonical order of sums: 16 virtual lanes and a fixed reduction.

/// How many elements run side by side.
pub(super) const LANES: usize = 16;

/// The lanes of a sum in progress.
pub(super) type Lanes = [f64; LANES];

/// Lane i + lane i + 8, then + 4, + 2, + 1: the order of every backend and instruction set.
#[inline(always)]
pub(super) fn reduce(lanes: Lanes, join: impl Fn(f64, f64) -> f64) -> f64 {
    let mut eight = [0.0; LANES / 2];
    for (lane, value) in eight.iter_mut().enumerate() {
        *value = join(lanes[lane], lanes[LANES / 2 + lane]);
    }
    reduce_half(eight, join)
}

/// The rest of that.
#[inline(always)]
pub(super) fn reduce_half(mut lanes: [f64; LANES / 2], join: impl Fn(f64, f64) -> f64) -> f64 {
    for half in [4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high.iter()) {
            *a = join(*a, *b);
        }
    }
    lanes[0]
}

/// Values side by side.
pub(super) type Chunk = [f32; LANES];

/// Values as chunks, the last of which is filled with zeros.
pub(super) fn chunked(values: &[f32]) -> Vec<Chunk> {
    let chunk = |values: &[f32]| std::array::from_fn(|lane| values.get(lane).copied().unwrap_or(0.0));
    values.chunks(LANES).map(chunk).collect()
}

/// The sum of products of a row with stored weights of as many chunks.
#[inline(always)]
pub(super) fn dot(weights: &[Chunk], row: &[f32]) -> f64 {
    let mut lanes: Lanes = [0.0; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for (weights, values) in weights.iter().zip(chunks) {
        add_products::<LANES>(&mut lanes, weights, values, 0);
    }
    if let Some(weights) = weights.get(chunks.len()) {
        add_rest(&mut lanes, weights, rest);
    }
    reduce(lanes, |a, b| a + b)
}

/// Fewer values than lanes, as eight, four, two and one: pieces whose places are known when this is compiled.
#[inline(always)]
fn add_rest(lanes: &mut Lanes, weights: &Chunk, rest: &[f32]) {
    match rest.split_first_chunk::<8>() {
        Some((values, rest)) => {
            add_products(lanes, weights, values, 0);
            add_few(lanes, weights, rest, 8);
        }
        None => add_few(lanes, weights, rest, 0),
    }
}

#[inline(always)]
fn add_few(lanes: &mut Lanes, weights: &Chunk, rest: &[f32], from: usize) {
    match rest.split_first_chunk::<4>() {
        Some((values, rest)) => {
            add_products(lanes, weights, values, from);
            add_last(lanes, weights, rest, from + 4);
        }
        None => add_last(lanes, weights, rest, from),
    }
}

#[inline(always)]
fn add_last(lanes: &mut Lanes, weights: &Chunk, rest: &[f32], from: usize) {
    match *rest {
        [a, b, c, ..] => add_products(lanes, weights, &[a, b, c], from),
        [a, b] => add_products(lanes, weights, &[a, b], from),
        [a] => add_products(lanes, weights, &[a], from),
        [] => (),
    }
}

#[inline(always)]
fn add_products<const N: usize>(lanes: &mut Lanes, weights: &Chunk, values: &[f32; N], from: usize) {
    for i in 0..N {
        lanes[from + i] += f64::from(weights[from + i]) * f64::from(values[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_follows_the_canonical_order() {
        for count in [1, 3, 16, 31, 32, 53] {
            let a: Vec<f32> = (0..count).map(|i| (i as f32).sin() * 3.0e3).collect();
            let b: Vec<f32> = (0..count).map(|i| (i as f32).cos() * 7.0e-3).collect();
            let mut lanes: Lanes = [0.0; LANES];
            for i in 0..count {
                lanes[i % LANES] = f64::from(a[i]).mul_add(f64::from(b[i]), lanes[i % LANES]);
            }
            let eight: Vec<f64> = (0..8).map(|i| lanes[i] + lanes[i + 8]).collect();
            let four: Vec<f64> = (0..4).map(|i| eight[i] + eight[i + 4]).collect();
            let expected = (four[0] + four[2]) + (four[1] + four[3]);
            assert_eq!(dot(&chunked(&a), &b).to_bits(), expected.to_bits(), "{count}");
        }
    }
}

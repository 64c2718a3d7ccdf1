//! The canonical order of sums: 16 virtual lanes and a fixed reduction.

use super::block::filled;
use super::sums::Registers;

/// How many elements run side by side.
pub(super) const LANES: usize = 16;

/// The lanes of a sum in progress.
pub(super) type Lanes = [f64; LANES];

/// Lane i + lane i + 8, then + 4, + 2, + 1: the order of every backend and instruction set.
#[inline(always)]
pub(super) fn reduce(lanes: Lanes, join: impl Fn(f64, f64) -> f64) -> f64 {
    reduce_half(filled(0.0, |lane| join(lanes[lane], lanes[LANES / 2 + lane])), join)
}

#[inline(always)]
fn reduce_half(mut lanes: Half, join: impl Fn(f64, f64) -> f64) -> f64 {
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

/// Half of the lanes: as many as the widest register holds. Of all in one array compilers make pairs.
type Half = [f64; LANES / 2];

/// Lanes of a sum in progress, as they stay in registers.
#[derive(Clone, Copy)]
pub(super) struct Halves([Half; 2]);

impl Halves {
    /// All lanes of this value.
    #[inline(always)]
    pub(super) fn new(value: f64) -> Halves {
        Halves([[value; LANES / 2]; 2])
    }

    /// Joins a value to each lane.
    #[inline(always)]
    pub(super) fn join(&mut self, values: &Chunk, join: impl Fn(f64, f64) -> f64) {
        let Halves([low, high]) = self;
        let [first, second] = doubles(values);
        *low = filled(0.0, |lane| join(low[lane], first[lane]));
        *high = filled(0.0, |lane| join(high[lane], second[lane]));
    }

    /// Adds to each lane the product of a weight and a value, which is exact.
    #[inline(always)]
    fn add_products(&mut self, weights: &Chunk, values: &Chunk) {
        let Halves([low, high]) = self;
        let ([w, v], [x, y]) = (doubles(weights), doubles(values));
        *low = filled(0.0, |lane| low[lane] + w[lane] * x[lane]);
        *high = filled(0.0, |lane| high[lane] + v[lane] * y[lane]);
    }

    /// [`reduce`] of these lanes.
    #[inline(always)]
    pub(super) fn reduce(self, join: impl Fn(f64, f64) -> f64) -> f64 {
        let Halves([low, high]) = self;
        reduce_half(filled(0.0, |lane| join(low[lane], high[lane])), join)
    }
}

#[inline(always)]
fn doubles(values: &Chunk) -> [Half; 2] {
    [filled(0.0, |lane| f64::from(values[lane])), filled(0.0, |lane| f64::from(values[LANES / 2 + lane]))]
}

/// The sum of products of a row with stored weights of as many chunks. What is behind the row's end is a zero in both, and a lane, which is
/// never -0, stays as it is.
#[inline(always)]
pub(super) fn dot<R: Registers>(weights: &[Chunk], row: &[f32]) -> f64 {
    let mut lanes = Halves::new(0.0);
    let (chunks, rest) = row.as_chunks::<LANES>();
    for (weights, values) in weights.iter().zip(chunks) {
        lanes.add_products(weights, values);
    }
    if let Some(weights) = weights.get(chunks.len()) {
        lanes.add_products(weights, &R::filled_up(rest, 0.0));
    }
    lanes.reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Level, Work};
    use super::*;

    struct Dot<'a> {
        weights: &'a [Chunk],
        row: &'a [f32],
        to: &'a mut f64,
    }

    impl Work for Dot<'_> {
        #[inline(always)]
        fn run<R: Registers>(self) {
            *self.to = dot::<R>(self.weights, self.row);
        }
    }

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
            let mut given = f64::NAN;
            for level in Level::available() {
                level.run(Dot { weights: &chunked(&a), row: &b, to: &mut given });
                assert_eq!(given.to_bits(), expected.to_bits(), "{count} {}", level.name());
            }
        }
    }
}

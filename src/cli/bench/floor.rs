//! What the core can do at most: multiplications and additions, and reads from the first two caches.

use std::hint::black_box;
use std::time::Instant;

use super::models::Work;

/// The measured floor of one core.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Multiplications and additions of f32 by fused instructions, GFLOP/s.
    pub fma_gflops: f64,
    /// Reads, GB/s.
    pub l1_gbs: f64,
    pub l2_gbs: f64,
    /// A sum of [`PRODUCTS`] products of f32 in whatever order is fastest, ns: what the order that all instruction sets share is beside.
    pub sum_ns: f64,
}

/// Products of the sum that is measured.
pub const PRODUCTS: usize = 1_024;
/// Sums of a run.
const SUMS: usize = 1_000;

/// Bytes that lie in the first cache; the smallest of today's has 32 KB.
const L1_BYTES: usize = 24 << 10;
/// Bytes that lie in the second and not in the first.
const L2_BYTES: usize = 512 << 10;
/// Runs of which the fastest counts.
const RUNS: usize = 30;
/// Sums that run side by side, so that no instruction waits for the one before.
const CHAINS: usize = 12;
/// Steps of a run of multiplications.
const STEPS: usize = 20_000;
/// Bytes that a run reads.
const READ_BYTES: usize = 8 << 20;

/// A cache line of values.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([f32; 16]);

impl Floor {
    /// Measures on the calling thread.
    pub fn measure() -> Floor {
        let level = Level::best();
        let flops = (STEPS * CHAINS * level.lanes() * 2) as f64;
        let read = |bytes: usize| {
            let lines = vec![Line([1.0; 16]); bytes / size_of::<Line>()];
            let times = READ_BYTES / bytes;
            (times * bytes) as f64 / fastest_ns(|| (0..times).map(|_| level.read(black_box(&lines))).sum())
        };
        let [a, b] = [1.5, 0.5].map(|value| vec![Line([value; 16]); PRODUCTS / 16]);
        let sum_ns = fastest_ns(|| (0..SUMS).map(|_| level.dot(black_box(&a), black_box(&b))).sum()) / SUMS as f64;
        Floor { fma_gflops: flops / fastest_ns(|| level.fma()), l1_gbs: read(L1_BYTES), l2_gbs: read(L2_BYTES), sum_ns }
    }

    /// The least time that a model's run can take on this core, ns.
    pub fn least_ns(&self, work: &Work) -> f64 {
        let reads = if work.resident <= L1_BYTES as f64 { self.l1_gbs } else { self.l2_gbs };
        (work.flops / self.fma_gflops).max(work.bytes / reads)
    }
}

fn fastest_ns(work: impl Fn() -> f32) -> f64 {
    let run = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_nanos() as f64
    };
    (0..RUNS).map(run).fold(f64::INFINITY, f64::min).max(1.0)
}

/// Instructions that the processor has.
#[derive(Clone, Copy)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    V3,
    #[cfg(target_arch = "x86_64")]
    V4,
}

impl Level {
    fn best() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Level::V4;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Level::V3;
            }
        }
        Level::Portable
    }

    /// Values of a vector.
    fn lanes(self) -> usize {
        match self {
            Level::Portable => 4,
            #[cfg(target_arch = "x86_64")]
            Level::V3 => 8,
            #[cfg(target_arch = "x86_64")]
            Level::V4 => 16,
        }
    }

    fn fma(self) -> f32 {
        match self {
            Level::Portable => portable::fma(),
            // SAFETY: this level is made only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Level::V3 => unsafe { v3::fma() },
            // SAFETY: this level is made only where the processor has AVX-512.
            #[cfg(target_arch = "x86_64")]
            Level::V4 => unsafe { v4::fma() },
        }
    }

    fn read(self, lines: &[Line]) -> f32 {
        match self {
            Level::Portable => portable::read(lines),
            // SAFETY: this level is made only where the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Level::V3 => unsafe { v3::read(lines) },
            // SAFETY: this level is made only where the processor has AVX-512.
            #[cfg(target_arch = "x86_64")]
            Level::V4 => unsafe { v4::read(lines) },
        }
    }
}

impl Level {
    fn dot(self, a: &[Line], b: &[Line]) -> f32 {
        match self {
            Level::Portable => portable::dot(a, b),
            // SAFETY: this level is made only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Level::V3 => unsafe { v3::dot(a, b) },
            // SAFETY: this level is made only where the processor has AVX-512.
            #[cfg(target_arch = "x86_64")]
            Level::V4 => unsafe { v4::dot(a, b) },
        }
    }
}

/// Loops that the compiler makes of what it has; a multiplication and an addition instead of a fused one.
mod portable {
    use super::{CHAINS, Line, STEPS, black_box};

    pub fn fma() -> f32 {
        let (by, plus) = (black_box(0.999f32), black_box(0.001f32));
        let mut sums = [[black_box(1.0f32); 4]; CHAINS];
        for _ in 0..STEPS {
            sums.iter_mut().flatten().for_each(|sum| *sum = *sum * by + plus);
        }
        sums.iter().flatten().sum()
    }

    pub fn read(lines: &[Line]) -> f32 {
        let mut sums = [0.0f32; 16];
        lines.iter().for_each(|line| sums.iter_mut().zip(&line.0).for_each(|(sum, value)| *sum += value));
        sums.iter().sum()
    }

    pub fn dot(a: &[Line], b: &[Line]) -> f32 {
        let mut sums = [0.0f32; 16];
        for (a, b) in a.iter().zip(b) {
            sums.iter_mut().zip(a.0.iter().zip(&b.0)).for_each(|(sum, (a, b))| *sum += a * b);
        }
        sums.iter().sum()
    }
}

/// The loops for one set of vector instructions.
#[cfg(target_arch = "x86_64")]
macro_rules! level {
    ($name:ident, $features:literal, $vector:ident, $set:ident, $fma:ident, $add:ident, $load:ident, $first:ident, $lanes:literal) => {
        mod $name {
            use super::{CHAINS, Line, STEPS, black_box};
            use std::arch::x86_64::{$add, $first, $fma, $load, $set, $vector};

            #[target_feature(enable = $features)]
            pub fn fma() -> f32 {
                let (by, plus) = ($set(black_box(0.999)), $set(black_box(0.001)));
                let mut sums = [$set(black_box(1.0)); CHAINS];
                for _ in 0..STEPS {
                    sums.iter_mut().for_each(|sum| *sum = $fma(*sum, by, plus));
                }
                first(sums)
            }

            #[target_feature(enable = $features)]
            pub fn read(lines: &[Line]) -> f32 {
                let mut sums = [$set(0.0); 8];
                for lines in lines.chunks_exact(8 * $lanes / 16) {
                    for (number, sum) in sums.iter_mut().enumerate() {
                        let place = number * $lanes;
                        // SAFETY: 8 vectors are as long as the chunk of lines, whose start is aligned to 64 bytes.
                        let values = unsafe { $load(lines.as_ptr().cast::<f32>().add(place)) };
                        *sum = $add(*sum, values);
                    }
                }
                first(sums)
            }

            #[target_feature(enable = $features)]
            pub fn dot(a: &[Line], b: &[Line]) -> f32 {
                let mut sums = [$set(0.0); 8];
                for (a, b) in a.chunks_exact(8 * $lanes / 16).zip(b.chunks_exact(8 * $lanes / 16)) {
                    for (number, sum) in sums.iter_mut().enumerate() {
                        let place = number * $lanes;
                        // SAFETY: 8 vectors are as long as the chunk of lines, whose start is aligned to 64 bytes.
                        let (a, b) = unsafe { ($load(a.as_ptr().cast::<f32>().add(place)), $load(b.as_ptr().cast::<f32>().add(place))) };
                        *sum = $fma(a, b, *sum);
                    }
                }
                first(sums)
            }

            /// A value that depends on all sums.
            #[target_feature(enable = $features)]
            fn first<const N: usize>(sums: [$vector; N]) -> f32 {
                $first(sums.into_iter().fold($set(0.0), |all, sum| $add(all, sum)))
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
level!(v3, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, _mm256_load_ps, _mm256_cvtss_f32, 8);
#[cfg(target_arch = "x86_64")]
level!(v4, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps, _mm512_load_ps, _mm512_cvtss_f32, 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_measured_and_the_nearer_cache_is_faster() {
        let floor = Floor::measure();
        assert!(floor.fma_gflops > 0.1 && floor.l1_gbs > 0.1 && floor.l2_gbs > 0.1 && floor.sum_ns > 1.0, "{floor:?}");
        let lines = |value: f32| vec![Line([value; 16]); PRODUCTS / 16];
        // Of vectors one value is looked at.
        assert!([768.0, 96.0, 48.0].contains(&Level::best().dot(&lines(1.5), &lines(0.5))));
    }

    #[test]
    fn the_slower_of_reading_and_computing_is_the_floor() {
        let floor = Floor { fma_gflops: 100.0, l1_gbs: 200.0, l2_gbs: 50.0, sum_ns: 30.0 };
        let work = |flops, bytes, resident| floor.least_ns(&Work { flops, bytes, resident });
        assert_eq!([work(1e5, 1e5, 1e4), work(1e5, 1e5, 1e6), work(1e3, 4e3, 1e4)], [1_000.0, 2_000.0, 20.0]);
    }
}

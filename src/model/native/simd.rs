//! Kernels by instruction set: each is compiled with as many sums in registers as a set has room for.
//!
//! Work is written as plain loops over blocks of 16 values with `mul_add`; see [`crate::cpu`].

pub use crate::cpu::Level;
use crate::cpu::{Instructions, Loops};

#[cfg(target_arch = "x86_64")]
use super::sums::Large;
use super::sums::{Called, Registers, Small};

/// The processor has AVX-512 VNNI beside what a level has: only [`Level::vnni`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Vnni(());

/// The processor has AVX-512 F, BW, CD, DQ and VL, and what came before (popcnt): only [`Level::wide`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide(());

impl Level {
    /// Whether hand-written AVX-512 may run.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn wide(self) -> Option<Wide> {
        self.is_wide().then_some(Wide(()))
    }

    /// Whether hand-written sums of products of bytes may run.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn vnni(self) -> Option<Vnni> {
        self.wide().and_then(|_| std::arch::is_x86_feature_detected!("avx512vnni").then_some(Vnni(())))
    }

    /// Runs `work` with this level's instructions.
    #[inline]
    pub(super) fn run(self, work: impl Work) {
        self.run_loops(Kernel(work));
    }
}

/// Loops that are compiled for every level. Implementations are `#[inline(always)]`, or they would be compiled for the portable
/// level only.
pub(super) trait Work {
    /// Does it all.
    fn run<R: Registers>(self);
}

/// Work with as many sums in registers as the level has room for.
pub(super) struct Kernel<W>(pub(super) W);

impl<W: Work> Loops for Kernel<W> {
    #[inline(always)]
    fn run<I: Instructions>(self) {
        #[cfg(target_arch = "x86_64")]
        if I::WIDE {
            return self.0.run::<Large<I>>();
        }
        if I::FUSED { self.0.run::<Small<I>>() } else { self.0.run::<Called<I>>() }
    }
}

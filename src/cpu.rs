//! Instruction sets: one source without intrinsics, compiled once for each, chosen once.
//!
//! Work is written as plain loops over arrays. The compiler turns them into vector instructions of the set that it compiles for;
//! every operation is correctly rounded and in a fixed order, so that all sets give the same bits.

/// A set of instructions that this processor has: only [`Level::best`] and [`Level::available`] make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    V3,
    #[cfg(target_arch = "x86_64")]
    V4,
}

impl Level {
    /// Every level of this processor, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Level> {
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut, reason = "other processors have one level"))]
        let mut levels = vec![Level(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(has_v3().then_some(Level(Set::V3)));
            levels.extend((has_v3() && has_v4()).then_some(Level(Set::V4)));
        }
        levels
    }

    /// The fastest level of this processor.
    #[must_use]
    pub fn best() -> Level {
        Level::available().pop().unwrap_or(Level(Set::Portable))
    }

    /// `"x86-64-v4"`, `"x86-64-v3"` or `"portable"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::V3 => "x86-64-v3",
            #[cfg(target_arch = "x86_64")]
            Set::V4 => "x86-64-v4",
        }
    }

    /// The processor has AVX-512 F, BW, CD, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn is_wide(self) -> bool {
        self.0 == Set::V4
    }

    /// Runs `work` with this level's instructions.
    #[inline]
    pub(crate) fn run_loops(self, work: impl Loops) {
        match self.0 {
            Set::Portable => portable(work),
            // SAFETY: a `Level` of this set is made only where the processor has been asked for the set's features.
            #[cfg(target_arch = "x86_64")]
            Set::V3 => unsafe { v3(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::V4 => unsafe { v4(work) },
        }
    }
}

/// Loops that are compiled for every level. Implementations are `#[inline(always)]`, or they would be compiled for the portable
/// level only.
pub(crate) trait Loops {
    /// Does it all.
    fn run<I: Instructions>(self);
}

/// What loops may ask of the instructions that they are compiled for. Only [`Level::run_loops`] names one, to loops that then run with
/// these instructions.
pub(crate) trait Instructions {
    /// There are 32 registers of 64 bytes.
    #[cfg(target_arch = "x86_64")]
    const WIDE: bool;
    /// A multiplication and an addition that are rounded once are an instruction, not a call.
    const FUSED: bool;
    /// Runs other loops with these instructions, by a call: wherever they are part of others they are compiled once.
    fn call(work: impl Loops);

    /// Up to 16 values, and `none` behind them.
    #[inline(always)]
    fn filled_up(values: &[f32], none: f32) -> [f32; 16] {
        let mut all = [none; 16];
        for (place, value) in all.iter_mut().zip(values) {
            *place = *value;
        }
        all
    }
}

/// Keeps rounds of a loop apart: compilers would make one of several, which look their values up by gathers, and those take several times
/// as long as loads on many processors.
#[inline(always)]
pub(crate) fn apart() {
    // SAFETY: nothing is done.
    #[cfg(not(miri))]
    unsafe {
        std::arch::asm!("", options(nomem, nostack, preserves_flags));
    }
}

/// What every processor of the target has.
enum Portable {}

impl Instructions for Portable {
    #[cfg(target_arch = "x86_64")]
    const WIDE: bool = false;
    // A processor that is not listed may have one: then it loses speed, and no bit.
    const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

    #[inline(always)]
    fn call(work: impl Loops) {
        portable(work);
    }
}

#[cfg(target_arch = "x86_64")]
enum V3 {}

#[cfg(target_arch = "x86_64")]
impl Instructions for V3 {
    const WIDE: bool = false;
    const FUSED: bool = true;

    #[inline(always)]
    fn call(work: impl Loops) {
        // SAFETY: the caller's loops run with this set's instructions already.
        unsafe { v3(work) }
    }
}

#[cfg(target_arch = "x86_64")]
enum V4 {}

#[cfg(target_arch = "x86_64")]
impl Instructions for V4 {
    const WIDE: bool = true;
    const FUSED: bool = true;

    #[inline(always)]
    fn call(work: impl Loops) {
        // SAFETY: as above.
        unsafe { v4(work) }
    }

    #[inline(always)]
    fn filled_up(values: &[f32], none: f32) -> [f32; 16] {
        // SAFETY: as above.
        unsafe { filled_up(values, none) }
    }
}

/// In a register: written to memory piece by piece, the values would have to arrive there before they can be read as one.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn filled_up(values: &[f32], none: f32) -> [f32; 16] {
    use std::arch::x86_64::{_mm512_mask_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps};
    let there = ((1_u32 << values.len().min(16)) - 1) as u16;
    let mut all = [none; 16];
    // SAFETY: only values that are there are read, and 16 are written.
    unsafe { _mm512_storeu_ps(all.as_mut_ptr(), _mm512_mask_loadu_ps(_mm512_set1_ps(none), there, values.as_ptr())) };
    all
}

#[cfg_attr(target_arch = "x86_64", inline(never))]
fn portable(work: impl Loops) {
    work.run::<Portable>();
}

#[cfg(target_arch = "x86_64")]
fn has_v3() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("f16c") && has!("lzcnt") && has!("movbe") && has!("popcnt")
}

#[cfg(target_arch = "x86_64")]
fn has_v4() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,f16c,lzcnt,movbe,popcnt")]
fn v3(work: impl Loops) {
    work.run::<V3>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,f16c,lzcnt,movbe,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
fn v4(work: impl Loops) {
    work.run::<V4>();
}

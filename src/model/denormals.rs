//! The mode of floating-point arithmetic: denormal numbers count as zero while a model runs, because one alone can make a step a
//! hundred times slower, and calls from C find the mode that Rust takes for granted, whatever the caller's is.
//!
//! The mode belongs to the caller's thread, so it is put back whatever happens. Arithmetic that must see the mode has to stand behind a
//! call that is not inlined, as it does in [`flushed`]: a compiler may move a lone sum past the instructions that change the mode.

/// Runs `work` with denormal inputs and results counted as zero and no floating-point exception trapped; then the caller's whole
/// control word is back, its sticky exception flags included, and also when `work` panics. Does nothing but run `work` on processors
/// whose mode is not known here, and under Miri.
pub fn flushed<R>(work: impl FnOnce() -> R) -> R {
    let _mode = Mode::of(control::flushing);
    apart(work)
}

/// Runs `work` in the mode that Rust's arithmetic takes for granted: rounded to the nearest, denormals kept, no exception trapped.
/// Then the caller's whole control word is back, as with [`flushed`].
#[inline]
pub fn ordinary<R>(work: impl FnOnce() -> R) -> R {
    let _mode = Mode::of(control::ordinary);
    work()
}

/// Keeps arithmetic of `work` between the two changes of mode.
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The caller's control word, put back when this is dropped.
struct Mode(control::Word);

impl Mode {
    #[inline]
    fn of(wanted: impl Fn(control::Word) -> control::Word) -> Mode {
        let before = control::read();
        if wanted(before) != before {
            control::write(wanted(before));
        }
        Mode(before)
    }
}

impl Drop for Mode {
    #[inline]
    fn drop(&mut self) {
        // Without a look: reading the word waits for all arithmetic that is under way (20 ns on an EPYC), writing the one that is
        // there costs 1 ns.
        control::write(self.0);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod control {
    use std::arch::asm;

    /// MXCSR.
    pub(super) type Word = u32;

    const FLUSH_TO_ZERO: Word = 1 << 15;
    const DENORMALS_ARE_ZERO: Word = 1 << 6;
    /// One bit each: no exception traps.
    const MASKS: Word = 0x3f << 7;
    /// Both bits 0: to the nearest, ties to even.
    const ROUNDING: Word = 3 << 13;

    /// The mode of a run, whatever the caller's is.
    pub(super) fn flushing(word: Word) -> Word {
        (word | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | MASKS) & !ROUNDING
    }

    /// The mode that a program starts with, and the caller's sticky flags.
    #[inline]
    pub(super) fn ordinary(word: Word) -> Word {
        (word | MASKS) & !(FLUSH_TO_ZERO | DENORMALS_ARE_ZERO | ROUNDING)
    }

    #[inline]
    pub(super) fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: stores four bytes at the address of a local of four bytes.
        unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
        word
    }

    #[inline]
    pub(super) fn write(word: Word) {
        // SAFETY: loads four bytes from the address of a local of four bytes. The word came from `stmxcsr` and differs from it only in
        // bits that every x86-64 processor has, so no reserved bit is set. `Mode` puts the caller's word back before the caller runs on.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags)) };
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod control {
    use std::arch::asm;

    /// FPCR, and FPSR with the sticky flags.
    pub(super) type Word = (u64, u64);

    const FLUSH_TO_ZERO: u64 = 1 << 24;
    /// Trap enable bits, one each: IOE, DZE, OFE, UFE, IXE, IDE.
    const TRAPS: u64 = 0x9f << 8;
    /// Both bits 0: to the nearest, ties to even.
    const ROUNDING: u64 = 3 << 22;

    /// The mode of a run, whatever the caller's is.
    pub(super) fn flushing(word: Word) -> Word {
        ((word.0 | FLUSH_TO_ZERO) & !(TRAPS | ROUNDING), word.1)
    }

    /// The mode that a program starts with, and the caller's sticky flags.
    #[inline]
    pub(super) fn ordinary(word: Word) -> Word {
        (word.0 & !(FLUSH_TO_ZERO | TRAPS | ROUNDING), word.1)
    }

    pub(super) fn read() -> Word {
        let (control, status): (u64, u64);
        // SAFETY: reads two system registers that user code may read.
        unsafe { asm!("mrs {}, fpcr", "mrs {}, fpsr", out(reg) control, out(reg) status, options(nomem, nostack, preserves_flags)) };
        (control, status)
    }

    pub(super) fn write((control, status): Word) {
        // SAFETY: writes two system registers that user code may write, with words read from them in which only defined bits differ.
        // `Mode` puts the caller's words back before the caller runs on.
        unsafe { asm!("msr fpcr, {}", "msr fpsr, {}", in(reg) control, in(reg) status, options(nostack, preserves_flags)) };
    }
}

#[cfg(any(not(any(target_arch = "x86_64", target_arch = "aarch64")), miri))]
mod control {
    /// Nothing is known of the mode.
    pub(super) type Word = [u8; 0];

    pub(super) fn flushing(word: Word) -> Word {
        word
    }

    pub(super) fn ordinary(word: Word) -> Word {
        word
    }

    pub(super) fn read() -> Word {
        []
    }

    pub(super) fn write(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod tests {
    use std::hint::black_box;
    use std::panic;

    use super::*;

    const TINY: f32 = 1.0e-30;

    fn product() -> f32 {
        black_box(TINY) * black_box(1.0e-10)
    }

    #[test]
    fn a_denormal_product_is_zero_inside_only() {
        assert!(product() > 0.0);
        assert_eq!(flushed(product), 0.0);
        assert!(product() > 0.0);
    }

    #[test]
    fn a_denormal_operand_counts_as_zero() {
        let scaled = || black_box(1.0e-40_f32) * black_box(1.0e30);
        assert!(scaled() > 0.0);
        assert_eq!(flushed(scaled), 0.0);
    }

    #[test]
    fn the_control_word_is_back_after_a_return_and_a_panic() {
        let before = control::read();
        assert_eq!(flushed(|| 7), 7);
        assert_eq!(control::read(), before);
        let caught = panic::catch_unwind(|| flushed(|| panic::resume_unwind(Box::new("stop"))));
        assert!(caught.is_err());
        assert_eq!(control::read(), before);
    }

    #[test]
    fn runs_may_nest() {
        let (inner, outer) = flushed(|| (flushed(product), product()));
        assert_eq!((inner, outer), (0.0, 0.0));
        assert!(product() > 0.0);
    }

    /// An inexact quotient raises a flag, which the caller must not find afterwards.
    #[test]
    fn sticky_flags_are_the_callers() {
        let before = control::read();
        let third = flushed(|| black_box(1.0_f32) / black_box(3.0));
        let after = control::read();
        assert!(third > 0.3);
        assert_eq!(after, before);
    }

    /// Where a host traps or flushes, features are computed as everywhere else.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn an_unusual_mode_is_put_aside_and_back() {
        const INVALID_TRAPS: u32 = 1 << 7;
        let before = control::read();
        let unusual = (control::flushing(before) | 3 << 13) & !INVALID_TRAPS;
        control::write(unusual);
        let (tiny, nan) = ordinary(|| apart(|| (product(), black_box(0.0_f32) / black_box(0.0))));
        let found = control::read();
        control::write(before);
        assert_eq!(found, unusual);
        assert!(tiny > 0.0 && nan.is_nan());
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn a_caller_that_traps_and_rounds_upwards_gets_neither_inside() {
        const DIVISION_TRAPS: u32 = 1 << 9;
        const UPWARDS: u32 = 2 << 13;
        let before = control::read();
        let unusual = (before & !DIVISION_TRAPS) | UPWARDS;
        control::write(unusual);
        let (infinity, third) = flushed(|| (black_box(1.0_f32) / black_box(0.0), black_box(1.0_f32) / black_box(3.0)));
        let found = control::read();
        control::write(before);
        assert_eq!(found, unusual);
        assert!(infinity.is_infinite());
        assert_eq!(third.to_bits(), (1.0_f32 / 3.0).to_bits());
    }
}

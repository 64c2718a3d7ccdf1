//! Result memory: the newest prediction of a track in 128 bytes of the caller's, written by one lane, read by any thread or
//! process that maps them.
//!
//! **Writing.** The stamp turns odd; after a release fence follow the body as relaxed words and, last of them, the signal; then
//! the stamp turns even. The signal goes in while the stamp is odd, since behind the even stamp a whole copy could hold the new
//! body with the old action.
//!
//! **Reading.** The signal alone is one load of 8 bytes. A whole copy is the stamp, the other words, and the stamp again behind an
//! acquire fence: when both looks gave the same even stamp, all words are of one prediction.
//!
//! **What a reader may conclude.** A signal is complete in itself. Who has seen a signal gets, by a whole copy made afterwards,
//! that prediction or a newer one, or BUSY while one is being written; never an older one. Who has a whole copy sees, from then
//! on, its signal or a newer one. Two predictions may have the same signal: that it has not changed does not say that nothing was
//! written; the copy's stamp says that. A signal of 0 means that nothing was predicted yet.
//!
//! A writer that died half way leaves an odd stamp: whole copies are BUSY, signals stay readable, and the next
//! [`ResultWriter::attach`] begins anew.

use std::fmt;
use std::ptr::NonNull;

use crate::sync::{AtomicU64, Fault, Ordering, fence, ordering, planted};
use crate::types::Prediction;

/// Words of a prediction.
const WORDS: usize = size_of::<Prediction>() / 8;
/// Places of the words that are not body.
const SIGNAL: usize = 0;
const STAMP: usize = 1;

/// Times that a whole copy is tried. A write takes some ten ns; one whose thread was put to sleep is not waited for.
const READ_TRIES: usize = 64;

/// Words under a sequence lock: the signal, the stamp, the body. A model takes fewer than a prediction has.
#[repr(transparent)]
struct Locked<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Locked<WORDS> {
    fn zeroed() -> Locked<WORDS> {
        Locked(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// A relaxed load and a fence: an acquire load is not promised to work on memory that may only be read.
    #[inline]
    fn load(&self, at: usize) -> u64 {
        let word = self.0[at].load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        word
    }

    /// A copy of all words by one try; `None` while they are being written.
    #[inline]
    fn copy(&self) -> Option<[u64; WORDS]> {
        let stamp = self.load(STAMP);
        if stamp & 1 == 1 {
            return None;
        }
        let mut words = [stamp; WORDS];
        for (word, place) in words.iter_mut().zip(&self.0).enumerate().filter(|(at, _)| *at != STAMP).map(|(_, pair)| pair) {
            *word = place.load(Ordering::Relaxed);
        }
        if !planted(Fault::ResultReadFence) {
            fence(Ordering::Acquire);
        }
        (planted(Fault::ResultOneLook) || self.0[STAMP].load(Ordering::Relaxed) == stamp).then_some(words)
    }

    /// Writes all words but the stamp, which goes on from an even one; answers the next even one.
    #[inline]
    fn write(&self, stamp: u64, words: &[u64; WORDS]) -> u64 {
        self.0[STAMP].store(stamp.wrapping_add(1), Ordering::Relaxed);
        if !planted(Fault::ResultWriteFence) {
            fence(Ordering::Release);
        }
        for (place, word) in self.0.iter().zip(words).skip(STAMP + 1) {
            place.store(*word, Ordering::Relaxed);
        }
        let signal = || self.0[SIGNAL].store(words[SIGNAL], Ordering::Release);
        if !planted(Fault::ResultSignalLate) {
            signal();
        }
        let next = stamp.wrapping_add(2);
        self.0[STAMP].store(next, ordering(Ordering::Release, Fault::ResultStamp));
        if planted(Fault::ResultSignalLate) {
            signal();
        }
        next
    }
}

/// 128 bytes, 8-byte aligned, shared by one writer and any readers.
#[repr(transparent)]
pub struct ResultMemory(Locked<WORDS>);

#[cfg(not(loom))]
const _: () = assert!(size_of::<ResultMemory>() == size_of::<Prediction>() && align_of::<ResultMemory>() == 8);

impl Default for ResultMemory {
    fn default() -> ResultMemory {
        ResultMemory(Locked::zeroed())
    }
}

impl fmt::Debug for ResultMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResultMemory")
    }
}

impl ResultMemory {
    /// The newest signal: action, flags, sequence and probability, 0 when nothing was predicted yet. Memory that may only be
    /// read will do.
    #[inline]
    #[must_use]
    pub fn signal(&self) -> u64 {
        self.0.load(SIGNAL)
    }

    /// A whole copy of the newest prediction, with an even stamp; `None` when it was being written at each of a bounded number
    /// of tries. Memory that may only be read will do.
    #[inline]
    #[must_use]
    pub fn read(&self) -> Option<Prediction> {
        for _ in 0..READ_TRIES {
            if let Some(words) = self.0.copy() {
                return Some(bytemuck::must_cast(words));
            }
            std::hint::spin_loop();
        }
        None
    }
}

/// The one writer of a result memory.
#[derive(Debug)]
pub struct ResultWriter {
    memory: NonNull<ResultMemory>,
    /// The even stamp of what was written last. Kept here: what stands in the caller's memory is not relied on.
    stamp: u64,
}

// SAFETY: the memory is touched by atomic operations alone, so it does not matter which thread does.
unsafe impl Send for ResultWriter {}

impl ResultWriter {
    /// Takes memory for writing and marks it as not predicted yet, whatever stands there. The stamp goes on from the one that is
    /// there, odd or even, so that a reader of what was there before sees the change.
    ///
    /// # Safety
    /// `memory` is aligned and points to 128 bytes that may be read and written until the writer is dropped. Meanwhile nobody
    /// else writes them, and others read them by atomic loads alone.
    #[must_use]
    pub unsafe fn attach(memory: NonNull<ResultMemory>) -> ResultWriter {
        let mut writer = ResultWriter { memory, stamp: 0 };
        writer.stamp = writer.memory().0.0[STAMP].load(Ordering::Relaxed) & !1;
        writer.write(&Prediction::default());
        writer
    }

    /// Writes a prediction, all of it or, for readers, none. Its stamp is not looked at.
    #[inline]
    pub fn write(&mut self, prediction: &Prediction) {
        self.stamp = self.memory().0.write(self.stamp, bytemuck::must_cast_ref::<Prediction, [u64; WORDS]>(prediction));
    }

    #[inline]
    fn memory(&self) -> &ResultMemory {
        // SAFETY: `attach` was promised that the memory is there as long as the writer.
        unsafe { self.memory.as_ref() }
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::sync::check;

    /// A copy is of one write; it is not older than a signal seen before it, nor newer than one seen after it.
    fn no_copy_is_torn() {
        let memory = Arc::new(Locked::<4>::zeroed());
        let shared = memory.clone();
        // Near the end, so that the stamp wraps.
        shared.0[STAMP].store(u64::MAX - 1, Ordering::Relaxed);
        let writing = thread::spawn(move || (1..3).fold(u64::MAX - 1, |stamp, number| shared.write(stamp, &[number; 4])));
        let before = memory.load(SIGNAL);
        if let Some([signal, stamp, first, second]) = memory.copy() {
            assert!([first, second] == [signal; 2] && stamp & 1 == 0, "torn: {signal} {first} {second}");
            assert!(signal >= before && memory.load(SIGNAL) >= signal);
        }
        assert_eq!(writing.join().unwrap(), 2);
    }

    #[test]
    fn result_memory() {
        let faults = [Fault::ResultWriteFence, Fault::ResultReadFence, Fault::ResultOneLook, Fault::ResultSignalLate, Fault::ResultStamp];
        check(no_copy_is_torn, &faults);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Action;

    /// A prediction whose every part follows from one number.
    fn numbered(number: u64) -> Prediction {
        Prediction {
            signal: Prediction::pack_signal(Action::Buy, number as u8, number, number as f32),
            id_counter: number,
            step: number,
            known_ns: number as i64,
            reasons: number,
            value: number as f32,
            track: number as u32,
            ..Prediction::default()
        }
    }

    fn whole(copy: &Prediction) -> bool {
        copy.same_decision(&numbered(copy.step)) && copy.stamp & 1 == 0
    }

    fn attached(memory: &ResultMemory) -> ResultWriter {
        // SAFETY: the memory outlives the writer in every test, and nobody else writes it.
        unsafe { ResultWriter::attach(NonNull::from(memory)) }
    }

    #[test]
    fn what_is_written_is_read() {
        let memory = ResultMemory::default();
        let mut writer = attached(&memory);
        let nothing = memory.read().unwrap();
        assert_eq!((memory.signal(), nothing.action(), nothing.rung), (0, Action::None, crate::types::prediction::rung::NONE));
        for number in 1..5 {
            writer.write(&numbered(number));
            let copy = memory.read().unwrap();
            assert!(whole(&copy) && copy.step == number && memory.signal() == copy.signal);
            assert_eq!(copy.stamp, 2 * (number + 1));
        }
    }

    #[test]
    fn any_bytes_of_128_do() {
        let mut bytes = [[0xA5u8; 8]; 17];
        // As the caller's: 8-byte aligned and no more.
        let place = bytes.as_mut_ptr().cast::<u8>();
        // SAFETY: at most 7 bytes of 136 are skipped, so 128 bytes follow.
        let memory: NonNull<ResultMemory> = unsafe { NonNull::new(place.add(place.align_offset(8)).cast()).unwrap() };
        // SAFETY: the bytes outlive the writer, and nobody else writes them.
        let mut writer = unsafe { ResultWriter::attach(memory) };
        writer.write(&numbered(3));
        // SAFETY: as above.
        assert!(whole(&unsafe { memory.as_ref() }.read().unwrap()));
    }

    #[test]
    fn the_stamp_wraps() {
        let memory = ResultMemory::default();
        memory.0.0[STAMP].store(u64::MAX - 5, Ordering::Relaxed);
        let mut writer = attached(&memory);
        let stamps = [1, 2, 3].map(|number| {
            writer.write(&numbered(number));
            memory.read().unwrap().stamp
        });
        assert_eq!(stamps, [u64::MAX - 1, 0, 2].map(|stamp: u64| stamp & !1));
    }

    #[test]
    fn a_writer_that_died_half_way_is_busy_until_the_next_attaches() {
        let memory = ResultMemory::default();
        attached(&memory).write(&numbered(1));
        let before = memory.read().unwrap().stamp;
        memory.0.0[STAMP].store(before + 1, Ordering::Relaxed);
        memory.0.0[5].store(99, Ordering::Relaxed);
        assert!(memory.read().is_none());
        assert_eq!(memory.signal(), numbered(1).signal, "the signal can still be read");
        let mut writer = attached(&memory);
        assert_eq!(memory.read().map(|copy| (copy.action(), copy.stamp)), Some((Action::None, before + 2)));
        writer.write(&numbered(2));
        assert!(whole(&memory.read().unwrap()));
    }

    #[test]
    fn threads_never_read_a_torn_prediction() {
        let writes: u64 = if cfg!(miri) { 60 } else { 300_000 };
        let memory = ResultMemory::default();
        let mut writer = attached(&memory);
        writer.write(&numbered(1));
        std::thread::scope(|scope| {
            scope.spawn(move || (2..=writes).for_each(|number| writer.write(&numbered(number))));
            for _ in 0..2 {
                scope.spawn(|| {
                    let (mut step, mut stamp) = (0, 0);
                    while step < writes {
                        let signal = memory.signal();
                        let Some(copy) = memory.read() else { continue };
                        assert!(whole(&copy), "torn: {copy:?}");
                        assert!(copy.step >= step && copy.stamp >= stamp, "an older one after a newer");
                        assert!(f32::from_bits((signal >> 32) as u32) <= copy.step as f32, "older than the signal that was seen before");
                        (step, stamp) = (copy.step, copy.stamp);
                    }
                });
            }
        });
    }
}

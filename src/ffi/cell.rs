//! An object behind an owner word: one caller at a time, found stale, in use or broken by one atomic.
//!
//! The word holds a generation and a phase. Who swaps OPEN for BUSY owns the content until he stores the
//! next phase; everyone else only ever reads the word. No lock, so a second caller is told and not held.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::Fail;
use super::handle::INVALID;
use crate::error::Status;

const DEAD: u64 = 0;
const OPEN: u64 = 1;
const BUSY: u64 = 2;
const POISONED: u64 = 3;
const CLOSING: u64 = 4;

fn word(generation: u32, phase: u64) -> u64 {
    u64::from(generation) << 8 | phase
}

/// Why an object could not be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Closed, or another object by now.
    Stale,
    /// Another caller is inside.
    Busy,
    /// A panic left it half changed.
    Poisoned,
    /// It is being closed.
    Closing,
}

impl From<Refused> for Fail {
    fn from(refused: Refused) -> Fail {
        match refused {
            Refused::Stale => INVALID,
            Refused::Busy => Fail::Plain(Status::Busy, "another caller is inside"),
            Refused::Poisoned => Fail::Plain(Status::Poisoned, "a panic left it half changed: only close works"),
            Refused::Closing => Fail::Plain(Status::Closing, "it is being closed"),
        }
    }
}

/// A place for one object; aligned so that the words of two objects never share a cache line.
#[repr(align(128))]
pub struct OwnerCell<T> {
    word: AtomicU64,
    content: UnsafeCell<Option<T>>,
}

// SAFETY: the content is touched only by the owner of the word (who swapped OPEN, POISONED or DEAD for
// BUSY or CLOSING), one thread at a time; acquire and release on the word order one owner after another.
unsafe impl<T: Send> Sync for OwnerCell<T> {}

impl<T> Default for OwnerCell<T> {
    fn default() -> OwnerCell<T> {
        OwnerCell { word: AtomicU64::new(word(0, DEAD)), content: UnsafeCell::new(None) }
    }
}

impl<T> OwnerCell<T> {
    /// Puts an object into a place that is free; gives it back when it is not.
    pub fn open(&self, generation: u32, object: T) -> Result<(), T> {
        let found = self.word.load(Ordering::Relaxed);
        let free = found & 0xFF == DEAD;
        if !free || self.word.compare_exchange(found, word(generation, CLOSING), Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(object);
        }
        // SAFETY: the swap from DEAD made this thread the owner.
        unsafe { *self.content.get() = Some(object) };
        self.word.store(word(generation, OPEN), Ordering::Release);
        Ok(())
    }

    /// Lets `work` have the object; when it panics the object is poisoned.
    #[inline]
    pub fn with<R>(&self, generation: u32, work: impl FnOnce(&mut T) -> R) -> Result<R, Refused> {
        self.swap(generation, OPEN, BUSY)?;
        let mut leave = Leave { word: &self.word, next: word(generation, POISONED) };
        // SAFETY: the swap from OPEN made this thread the owner, until `leave` stores the next phase.
        let object = unsafe { &mut *self.content.get() };
        let answer = object.as_mut().map(work).ok_or(Refused::Stale)?;
        leave.next = word(generation, OPEN);
        Ok(answer)
    }

    /// Takes the object for closing, poisoned or not; others are told that it is being closed.
    pub fn claim(&self, generation: u32) -> Result<Claim<'_, T>, Refused> {
        let before = match self.swap(generation, OPEN, CLOSING) {
            Err(Refused::Poisoned) => self.swap(generation, POISONED, CLOSING).map(|()| POISONED)?,
            other => other.map(|()| OPEN)?,
        };
        Ok(Claim { cell: self, next: word(generation, before) })
    }

    /// The generation of the object that is there, open or not.
    pub fn occupant(&self) -> Option<u32> {
        let found = self.word.load(Ordering::Acquire);
        (found & 0xFF != DEAD).then_some((found >> 8) as u32)
    }

    #[inline]
    fn swap(&self, generation: u32, from: u64, to: u64) -> Result<(), Refused> {
        let swapped = self.word.compare_exchange(word(generation, from), word(generation, to), Ordering::Acquire, Ordering::Acquire);
        swapped.map(|_| ()).map_err(|found| why(generation, found))
    }
}

#[cold]
fn why(generation: u32, found: u64) -> Refused {
    match (found >> 8 == u64::from(generation), found & 0xFF) {
        (true, BUSY) => Refused::Busy,
        (true, POISONED) => Refused::Poisoned,
        // OPEN: another thread left between the swap and the look; to the caller it was busy.
        (true, OPEN) => Refused::Busy,
        (true, CLOSING) => Refused::Closing,
        _ => Refused::Stale,
    }
}

/// Stores the next phase, on a panic's way out too.
struct Leave<'c> {
    word: &'c AtomicU64,
    next: u64,
}

impl Drop for Leave<'_> {
    #[inline]
    fn drop(&mut self) {
        self.word.store(self.next, Ordering::Release);
    }
}

/// An object that is about to be closed; dropping this lets it go on as it was.
pub struct Claim<'c, T> {
    cell: &'c OwnerCell<T>,
    next: u64,
}

impl<T> Claim<'_, T> {
    /// The generation of the object.
    pub fn generation(&self) -> u32 {
        (self.next >> 8) as u32
    }

    /// Closes: `last` sees the object while nobody else can, then it is given out and its handle is stale.
    pub fn close(mut self, last: impl FnOnce(&mut T)) -> Option<T> {
        // SAFETY: the claim made this thread the owner, until it is dropped.
        let content = unsafe { &mut *self.cell.content.get() };
        content.as_mut().map(last);
        self.next = word(self.generation(), DEAD);
        content.take()
    }
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        self.cell.word.store(self.next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::AtomicBool;

    fn opened(generation: u32) -> OwnerCell<Vec<u64>> {
        let cell = OwnerCell::default();
        cell.open(generation, Vec::new()).unwrap();
        cell
    }

    #[test]
    fn a_second_caller_and_a_stale_one_are_told() {
        let cell = opened(7);
        let inner = cell.with(7, |list| {
            list.push(1);
            (cell.with(7, |_| ()), cell.claim(7).map(|_| ()))
        });
        assert_eq!(inner, Ok((Err(Refused::Busy), Err(Refused::Busy))));
        assert_eq!(cell.with(8, |_| ()), Err(Refused::Stale));
        assert!(cell.open(8, Vec::new()).is_err(), "the place is taken");
        assert_eq!(cell.claim(7).ok().and_then(|claim| claim.close(|list| list.push(2))), Some(vec![1, 2]));
        assert_eq!((cell.with(7, |_| ()), cell.occupant()), (Err(Refused::Stale), None));
        cell.open(9, vec![5]).unwrap();
        assert_eq!((cell.with(7, |_| ()), cell.with(9, |list| list[0])), (Err(Refused::Stale), Ok(5)));
    }

    #[test]
    fn a_claim_that_is_dropped_changes_nothing() {
        let cell = opened(7);
        let claim = cell.claim(7).ok().unwrap();
        assert_eq!(cell.with(7, |_| ()), Err(Refused::Closing));
        drop(claim);
        assert_eq!(cell.with(7, |_| 3), Ok(3));
    }

    #[test]
    fn a_panic_poisons_and_close_still_works() {
        let cell = opened(7);
        let panicked = catch_unwind(AssertUnwindSafe(|| cell.with(7, |_| std::panic::resume_unwind(Box::new(())))));
        assert!(panicked.is_err());
        assert_eq!(cell.with(7, |_| ()), Err(Refused::Poisoned));
        drop(cell.claim(7));
        assert_eq!(cell.with(7, |_| ()), Err(Refused::Poisoned), "a claim given up leaves it poisoned");
        assert!(cell.claim(7).ok().unwrap().close(|_| ()).is_some());
    }

    #[test]
    fn threads_take_turns_and_none_is_inside_with_another() {
        const TURNS: u64 = if cfg!(miri) { 20 } else { 20_000 };
        let cell = opened(7);
        let stop = AtomicBool::new(false);
        let taken: u64 = std::thread::scope(|scope| {
            let turn = || {
                let mut taken = 0;
                while taken < TURNS {
                    taken += u64::from(cell.with(7, |list| list.push(list.len() as u64)).is_ok());
                    std::thread::yield_now();
                }
                taken
            };
            let workers = [scope.spawn(turn), scope.spawn(turn)];
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    drop(cell.claim(7));
                    std::thread::yield_now();
                }
            });
            let sum = workers.map(|worker| worker.join().unwrap()).iter().sum();
            stop.store(true, Ordering::Relaxed);
            sum
        });
        let list = cell.claim(7).ok().unwrap().close(|_| ()).unwrap();
        assert_eq!(taken, 2 * TURNS);
        assert!(list.iter().enumerate().all(|(at, value)| at as u64 == *value) && list.len() as u64 == taken);
    }
}

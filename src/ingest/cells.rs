//! Slots that two threads share and take turns on. Who may touch which when is the affair of the ring and the mailboxes.

use std::cell::UnsafeCell;
use std::fmt;

use crate::sync::{AtomicU64, Ordering, Watch};
use crate::types::Slot;
use crate::types::event::SLOT_BYTES;

/// A slot on a cache line of its own: across two it would take twice as long to another core.
#[repr(C, align(64))]
struct Cell(UnsafeCell<Slot>);

const _: () = assert!(size_of::<Cell>() == SLOT_BYTES);

/// A row of slots without a lock.
pub struct Cells {
    slots: Box<[Cell]>,
    watch: Watch,
    /// loom's atomics are no words of memory.
    #[cfg(loom)]
    firsts: Box<[AtomicU64]>,
}

// SAFETY: slots are plain words; whoever calls `write` or `read` promises that nobody else writes them meanwhile.
unsafe impl Sync for Cells {}

impl Cells {
    /// So many slots, all zero.
    #[must_use]
    pub fn new(slots: usize) -> Cells {
        Cells {
            slots: (0..slots).map(|_| Cell(UnsafeCell::new(Slot::default()))).collect(),
            watch: Watch::new(slots),
            #[cfg(loom)]
            firsts: (0..slots).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Where so many slots lie, one behind the other.
    #[inline]
    fn place(&self, at: usize, slots: usize) -> *mut Slot {
        UnsafeCell::raw_get(self.slots[at..][..slots].as_ptr().cast())
    }

    /// Copies slots to a place.
    ///
    /// # Safety
    /// Nobody else reads or writes these slots until this call has returned and the caller has published them.
    #[inline]
    pub unsafe fn write(&self, at: usize, slots: &[Slot]) {
        self.watch.write(at..at + slots.len());
        let place = self.place(at, slots.len());
        // SAFETY: the place has room for them, as `place` has checked, and is the caller's alone. One slot is the usual
        // case and needs no call of memcpy.
        unsafe {
            match slots {
                [slot] => place.write(*slot),
                _ => place.copy_from_nonoverlapping(slots.as_ptr(), slots.len()),
            }
        }
    }

    /// Copies slots to a place, without the first word of the first one, which [`Cells::set_first`] stores.
    ///
    /// # Safety
    /// As [`Cells::write`], but for the first word, which others may look at by [`Cells::first`].
    #[inline]
    pub unsafe fn write_rest(&self, at: usize, slots: &[Slot]) {
        let Some((head, others)) = slots.split_first() else { return };
        self.watch.write(at..at + slots.len());
        let place = self.place(at, slots.len()).cast::<u64>();
        // SAFETY: the place has room for them, as `place` has checked, and all but its first word is the caller's alone.
        unsafe {
            place.add(1).cast::<[u64; 7]>().write([head.0[1], head.0[2], head.0[3], head.0[4], head.0[5], head.0[6], head.0[7]]);
            place.add(8).cast::<Slot>().copy_from_nonoverlapping(others.as_ptr(), others.len());
        }
    }

    /// The first word of a slot, by a load that acquires.
    ///
    /// # Safety
    /// Nobody writes the word meanwhile but by [`Cells::set_first`].
    #[inline]
    pub unsafe fn first(&self, at: usize) -> u64 {
        self.first_word(at).load(Ordering::Acquire)
    }

    /// Stores the first word of a slot.
    ///
    /// # Safety
    /// Others read the word meanwhile only by [`Cells::first`].
    #[inline]
    pub unsafe fn set_first(&self, at: usize, word: u64, ordering: Ordering) {
        #[cfg(loom)]
        {
            self.watch.write(at..at + 1);
            // SAFETY: loom runs one thread at a time; the slot is there, as `place` has checked.
            unsafe { self.place(at, 1).cast::<u64>().write(word) };
        }
        self.first_word(at).store(word, ordering);
    }

    #[cfg(not(loom))]
    #[inline]
    fn first_word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: a slot's first word is there, as `place` has checked, and aligned; callers of `first` and `set_first` promise
        // that it is not touched in another way meanwhile.
        unsafe { AtomicU64::from_ptr(self.place(at, 1).cast()) }
    }

    #[cfg(loom)]
    fn first_word(&self, at: usize) -> &AtomicU64 {
        &self.firsts[at]
    }

    /// So many slots from a place.
    ///
    /// # Safety
    /// They were published to the caller, and nobody writes them as long as the answer lives.
    #[inline]
    pub unsafe fn read(&self, at: usize, slots: usize) -> &[Slot] {
        self.touch(at, slots);
        let place = self.place(at, slots);
        // SAFETY: the slots are there, as `place` has checked, initialised, and nobody writes them meanwhile.
        unsafe { std::slice::from_raw_parts(place, slots) }
    }

    /// Tells a model that slots which were lent by `read` are still being read.
    #[inline(always)]
    pub fn touch(&self, at: usize, slots: usize) {
        self.watch.read(at..at + slots);
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cells({})", self.slots.len())
    }
}

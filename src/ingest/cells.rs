//! Slots that two threads share and take turns on. Who may touch which when is the affair of the ring and the mailboxes.

use std::cell::UnsafeCell;
use std::fmt;

use crate::sync::Watch;
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
}

// SAFETY: slots are plain words; whoever calls `write` or `read` promises that nobody else writes them meanwhile.
unsafe impl Sync for Cells {}

impl Cells {
    /// So many slots, all zero.
    #[must_use]
    pub fn new(slots: usize) -> Cells {
        Cells { slots: (0..slots).map(|_| Cell(UnsafeCell::new(Slot::default()))).collect(), watch: Watch::new(slots) }
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

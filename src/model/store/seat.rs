//! One lane's working copies, and where publishers leave newer ones.
//!
//! The lane takes its copies out when it enters and puts them back when it is done: one swap each way, so that housekeeping can
//! change the copies of a lane that is idle, and nobody waits for a lane that is not. What a publisher leaves for several slots is
//! taken over as a whole. Old copies stay on a list until [`Seat::pop_old`], so a lane frees nothing.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use crate::sync::{Fault, Handoff, Mutex, planted};

/// A lane's place. `C` is a working copy of what one slot serves.
pub struct Seat<C> {
    /// `None` while the lane is inside.
    working: Handoff<Working<C>>,
    left: Mutex<Left<C>>,
}

/// Copies by place, one a slot that the lane reads.
#[derive(Debug)]
struct Working<C> {
    copies: Vec<C>,
    /// The publish that the copies are of, all of them.
    epoch: u64,
    /// Copies that were changed for newer ones and not counted yet.
    moved: u64,
}

/// What was left since the lane last took over.
#[derive(Debug)]
struct Left<C> {
    /// Number of the slot, by place.
    slots: Vec<u16>,
    next: Vec<Option<C>>,
    /// With room for every copy that is in use, so that taking over allocates nothing.
    old: Vec<C>,
    epoch: u64,
    /// Since when something waits.
    since: Option<Instant>,
}

impl<C: fmt::Debug> fmt::Debug for Seat<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<C> Seat<C> {
    /// A place without copies, as of a publish.
    #[must_use]
    pub fn new(epoch: u64) -> Seat<C> {
        let working = Working { copies: Vec::new(), epoch, moved: 0 };
        let left = Left { slots: Vec::new(), next: Vec::new(), old: Vec::new(), epoch, since: None };
        Seat { working: Handoff::new(Box::new(working)), left: Mutex::new(left) }
    }

    /// Enters; `epoch` is the newest publish. Only the lane calls this, one caller at a time.
    #[inline]
    pub fn enter(&self, epoch: u64) -> Inside<'_, C> {
        match self.working.take() {
            Some(working) if working.epoch >= epoch => Inside { seat: self, working: Some(working) },
            found => self.take_over(found),
        }
    }

    #[cold]
    fn take_over(&self, found: Option<Box<Working<C>>>) -> Inside<'_, C> {
        // Held by others only while they move some pointers.
        let mut left = self.left.lock();
        // Housekeeping had the copies out, and put them back before it let go of the lock.
        let mut working = found.or_else(|| self.working.take());
        working.iter_mut().for_each(|working| left.give(working));
        drop(left);
        Inside { seat: self, working }
    }

    /// Takes over what waits, for a lane that is idle; false when the lane is inside and will do so itself.
    pub fn take_over_idle(&self) -> bool {
        let early = if planted(Fault::SeatUnlocked) { self.working.take() } else { None };
        let mut left = self.left.lock();
        let Some(mut working) = early.or_else(|| self.working.take()) else { return false };
        left.give(&mut working);
        self.working.put(working);
        true
    }

    /// Leaves copies of one publish, by number of the slot; answers those that were left before and never taken, and those of
    /// slots that the lane does not read.
    pub fn leave(&self, copies: Vec<(u16, C)>, epoch: u64, now: Instant) -> Vec<C> {
        let mut untaken = Vec::new();
        let mut left = self.left.lock();
        for (slot, copy) in copies {
            if planted(Fault::SeatSplit) {
                drop(left);
                left = self.left.lock();
            }
            match left.slots.iter().position(|known| *known == slot) {
                Some(place) => untaken.extend(left.next[place].replace(copy)),
                None => untaken.push(copy),
            }
        }
        let room = left.next.len();
        left.old.reserve(room);
        left.epoch = epoch;
        left.since.get_or_insert(now);
        untaken
    }

    /// Since when copies wait to be taken over.
    pub fn waits_since(&self) -> Option<Instant> {
        self.left.lock().since
    }

    /// Slots that the lane reads, by number.
    pub fn slots(&self) -> Vec<u16> {
        self.left.lock().slots.clone()
    }

    /// A copy that the lane no longer uses. It is freed by the caller, without the lock.
    pub fn pop_old(&self) -> Option<C> {
        self.left.lock().old.pop()
    }
}

impl<C> Left<C> {
    /// Changes copies for those that wait.
    fn give(&mut self, working: &mut Working<C>) {
        for (copy, next) in working.copies.iter_mut().zip(&mut self.next) {
            if let Some(next) = next.take() {
                self.old.push(std::mem::replace(copy, next));
                working.moved += 1;
            }
        }
        working.epoch = self.epoch;
        self.since = None;
    }
}

/// A lane that is inside: its copies are of one publish until this is dropped.
#[derive(Debug)]
pub struct Inside<'s, C> {
    seat: &'s Seat<C>,
    /// `None` only if the lane were inside twice.
    working: Option<Box<Working<C>>>,
}

impl<C> Inside<'_, C> {
    /// Adds a copy of a slot; its place is the number of those before.
    pub fn add(&mut self, slot: u16, copy: C) {
        let Some(working) = &mut self.working else { return };
        let mut left = self.seat.left.lock();
        left.slots.push(slot);
        left.next.push(None);
        let room = left.next.len();
        left.old.reserve(room);
        working.copies.push(copy);
    }

    /// How many copies were changed for newer ones since this was last asked.
    #[inline]
    pub fn moved(&mut self) -> u64 {
        self.working.as_mut().map_or(0, |working| std::mem::take(&mut working.moved))
    }
}

impl<C> Deref for Inside<'_, C> {
    type Target = [C];

    #[inline]
    fn deref(&self) -> &[C] {
        self.working.as_ref().map_or(&[], |working| &working.copies)
    }
}

impl<C> DerefMut for Inside<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [C] {
        self.working.as_mut().map_or(&mut [], |working| &mut working.copies)
    }
}

impl<C> Drop for Inside<'_, C> {
    #[inline]
    fn drop(&mut self) {
        if let Some(working) = self.working.take() {
            self.seat.working.put(working);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock::moment;

    fn seat(slots: &[u16]) -> Seat<u64> {
        let seat = Seat::new(0);
        slots.iter().for_each(|slot| seat.enter(0).add(*slot, 0));
        seat
    }

    fn copies(slots: &[u16], of: u64) -> Vec<(u16, u64)> {
        slots.iter().map(|slot| (*slot, of)).collect()
    }

    #[test]
    fn a_lane_takes_over_when_the_epoch_moves_and_leaves_the_old_behind() {
        let seat = seat(&[3, 5]);
        assert_eq!(seat.leave(copies(&[3, 9], 1), 1, moment()), [1], "slot 9 is not read here");
        assert_eq!(&*seat.enter(0), [0, 0], "the publish is not complete");
        let mut inside = seat.enter(1);
        assert_eq!((inside.to_vec(), inside.moved(), inside.moved()), (vec![1, 0], 1, 0));
        drop(inside);
        assert_eq!((seat.pop_old(), seat.pop_old(), seat.waits_since()), (Some(0), None, None));
        assert!(seat.leave(copies(&[5], 2), 2, moment()).is_empty());
        assert_eq!(seat.leave(copies(&[5], 3), 3, moment()), [2], "never taken");
        assert_eq!(&*seat.enter(3), [1, 3]);
    }

    #[test]
    fn an_idle_lane_is_given_its_copies_and_a_busy_one_is_let_be() {
        let seat = seat(&[0]);
        let inside = seat.enter(0);
        seat.leave(copies(&[0], 1), 1, moment());
        assert!(!seat.take_over_idle() && inside[0] == 0);
        drop(inside);
        assert!(seat.take_over_idle() && seat.pop_old() == Some(0));
        let mut inside = seat.enter(1);
        assert_eq!((inside[0], inside.moved()), (1, 1));
    }
}

/// A model for loom: it holds as the code is, and notices its faults.
#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::clock::moment;
    use crate::sync::{AtomicU64, Ordering, check};
    use loom::sync::Arc;
    use loom::thread;

    /// Two slots are published twice while housekeeping hands over: a lane always has copies of both, of one publish, never of an
    /// older one than before, and at last of the newest.
    fn a_lane_sees_whole_publishes() {
        let (seat, epoch) = (Arc::new(Seat::new(0)), Arc::new(AtomicU64::new(0)));
        for slot in 0..2 {
            seat.enter(0).add(slot, 0);
        }
        let publishing = {
            let (seat, epoch) = (seat.clone(), epoch.clone());
            thread::spawn(move || {
                for publish in 1..=2 {
                    seat.leave(vec![(0, publish), (1, publish)], publish, moment());
                    epoch.store(publish, Ordering::Release);
                }
            })
        };
        let tidying = {
            let seat = seat.clone();
            thread::spawn(move || seat.take_over_idle())
        };
        let mut last = 0;
        let mut look = || {
            let inside = seat.enter(epoch.load(Ordering::Acquire));
            assert!(inside.len() == 2 && inside[0] == inside[1] && inside[0] >= last, "{:?} after {last}", &*inside);
            last = inside[0];
        };
        look();
        look();
        publishing.join().unwrap();
        tidying.join().unwrap();
        assert_eq!(&*seat.enter(epoch.load(Ordering::Acquire)), [2, 2]);
    }

    #[test]
    fn seat() {
        check(a_lane_sees_whole_publishes, &[Fault::SeatSplit, Fault::SeatUnlocked]);
    }
}

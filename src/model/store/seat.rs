//! One lane's working copies, and where publishers leave newer ones.
//!
//! A lane marks that it is inside and looks whether somebody tends its copies; housekeeping marks that it tends and looks whether
//! the lane is inside. With a fence between mark and look on both sides, not both go on. The lane's fence is the light one of a
//! pair, so entering costs a store, a look and a comparison; housekeeping, which pays for the heavy one, changes the copies of a
//! lane that is idle and lets be one that is not. What a publisher leaves for several slots is taken over as a whole. Old copies
//! stay on a list until [`Seat::pop_old`], so a lane frees nothing.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use crate::sync::{AtomicBool, Fault, Mutex, Ordering, Watch, heavy, light, planted, prepare};

/// What publishers and housekeeping see of a lane. `C` is a working copy of what one slot serves.
pub struct Seat<C> {
    /// The lane is inside; it alone writes this.
    inside: AtomicBool,
    /// The copies are being changed for an idle lane. Only set while `left` is locked.
    tended: AtomicBool,
    working: UnsafeCell<Working<C>>,
    watch: Watch,
    left: Mutex<Left<C>>,
}

// SAFETY: `working` is touched by the lane while it is inside and by housekeeping while it tends, never by both (see the module);
// `left` is behind its lock.
unsafe impl<C: Send> Sync for Seat<C> {}

/// The lane's end: one a seat, entered by one caller at a time.
#[derive(Debug)]
pub struct Place<C>(Arc<Seat<C>>);

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

/// A seat without copies, as of a publish: what publishers hold, and the lane's end.
#[must_use]
pub fn seat<C>(epoch: u64) -> (Arc<Seat<C>>, Place<C>) {
    prepare();
    let working = UnsafeCell::new(Working { copies: Vec::new(), epoch, moved: 0 });
    let left = Mutex::new(Left { slots: Vec::new(), next: Vec::new(), old: Vec::new(), epoch, since: None });
    let seat = Arc::new(Seat { inside: AtomicBool::new(false), tended: AtomicBool::new(false), working, watch: Watch::new(1), left });
    (seat.clone(), Place(seat))
}

impl<C: fmt::Debug> fmt::Debug for Seat<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<C> Place<C> {
    /// Enters; `epoch` is the newest publish.
    #[inline]
    pub fn enter(&mut self, epoch: u64) -> Inside<'_, C> {
        let seat = &*self.0;
        seat.inside.store(true, Ordering::Relaxed);
        if !planted(Fault::SeatLight) {
            light();
        }
        // Acquire: what was tended before is seen.
        let tended = seat.tended.load(Ordering::Acquire) && !planted(Fault::SeatUntended);
        let mut inside = Inside { seat };
        if tended || inside.working().epoch < epoch {
            inside.take_over(tended);
        }
        inside
    }
}

impl<C> Seat<C> {
    /// Takes over what waits, for a lane that is idle; false when the lane is inside and will do so itself.
    pub fn take_over_idle(&self) -> bool {
        let mut left = self.left.lock();
        self.tended.store(true, Ordering::Relaxed);
        let ordered = planted(Fault::SeatHeavy) || heavy();
        let idle = (ordered && !self.inside.load(Ordering::Acquire)) || planted(Fault::SeatUnlooked);
        if idle {
            self.watch.write(0..1);
            // SAFETY: the lane was not inside when `tended` could be seen by all, and waits for the lock when it comes.
            left.give(unsafe { &mut *self.working.get() });
        }
        self.tended.store(false, Ordering::Release);
        idle
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
}

impl<C> Inside<'_, C> {
    #[inline]
    fn working(&mut self) -> &mut Working<C> {
        self.seat.watch.write(0..1);
        // SAFETY: the lane is inside, once (`Place::enter` borrows it mutably), and nobody tends (see the module).
        unsafe { &mut *self.seat.working.get() }
    }

    /// Takes over what was left; where housekeeping tends the copies, it is waited for: it only moves some pointers.
    #[cold]
    fn take_over(&mut self, tended: bool) {
        if tended {
            self.seat.inside.store(false, Ordering::Release);
        }
        let mut left = self.seat.left.lock();
        // Under the lock nobody tends, and who takes it next sees the mark.
        self.seat.inside.store(true, Ordering::Relaxed);
        left.give(self.working());
    }

    /// Adds a copy of a slot; its place is the number of those before.
    pub fn add(&mut self, slot: u16, copy: C) {
        let mut left = self.seat.left.lock();
        left.slots.push(slot);
        left.next.push(None);
        let room = left.next.len();
        left.old.reserve(room);
        drop(left);
        self.working().copies.push(copy);
    }

    /// How many copies were changed for newer ones since this was last asked.
    #[inline]
    pub fn moved(&mut self) -> u64 {
        std::mem::take(&mut self.working().moved)
    }
}

impl<C> Deref for Inside<'_, C> {
    type Target = [C];

    #[inline]
    fn deref(&self) -> &[C] {
        self.seat.watch.read(0..1);
        // SAFETY: as in `working`, and `&self` lets nobody write.
        unsafe { &(*self.seat.working.get()).copies }
    }
}

impl<C> DerefMut for Inside<'_, C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [C] {
        &mut self.working().copies
    }
}

impl<C> Drop for Inside<'_, C> {
    #[inline]
    fn drop(&mut self) {
        self.seat.inside.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::clock::moment;

    fn seated(slots: &[u16]) -> (Arc<Seat<u64>>, Place<u64>) {
        let (seat, mut place) = seat(0);
        slots.iter().for_each(|slot| place.enter(0).add(*slot, 0));
        (seat, place)
    }

    fn copies(slots: &[u16], of: u64) -> Vec<(u16, u64)> {
        slots.iter().map(|slot| (*slot, of)).collect()
    }

    #[test]
    fn a_lane_takes_over_when_the_epoch_moves_and_leaves_the_old_behind() {
        let (seat, mut place) = seated(&[3, 5]);
        assert_eq!(seat.leave(copies(&[3, 9], 1), 1, moment()), [1], "slot 9 is not read here");
        assert_eq!(&*place.enter(0), [0, 0], "the publish is not complete");
        let mut inside = place.enter(1);
        assert_eq!((inside.to_vec(), inside.moved(), inside.moved()), (vec![1, 0], 1, 0));
        drop(inside);
        assert_eq!((seat.pop_old(), seat.pop_old(), seat.waits_since()), (Some(0), None, None));
        assert!(seat.leave(copies(&[5], 2), 2, moment()).is_empty());
        assert_eq!(seat.leave(copies(&[5], 3), 3, moment()), [2], "never taken");
        assert_eq!(&*place.enter(3), [1, 3]);
    }

    #[test]
    fn an_idle_lane_is_given_its_copies_and_a_busy_one_is_let_be() {
        let (seat, mut place) = seated(&[0]);
        let inside = place.enter(0);
        seat.leave(copies(&[0], 1), 1, moment());
        assert!(!seat.take_over_idle() && inside[0] == 0);
        drop(inside);
        assert!(seat.take_over_idle() && seat.pop_old() == Some(0));
        let mut inside = place.enter(1);
        assert_eq!((inside[0], inside.moved()), (1, 1));
    }

    #[test]
    fn a_lane_and_housekeeping_take_turns() {
        const PUBLISHES: u64 = if cfg!(miri) { 20 } else { 2_000 };
        let (seat, mut place) = seat::<Box<u64>>(0);
        place.enter(0).add(0, Box::new(0));
        let epoch = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for publish in 1..=PUBLISHES {
                    drop(seat.leave(vec![(0, Box::new(publish))], publish, moment()));
                    epoch.store(publish, Ordering::Release);
                    seat.take_over_idle();
                    drop(seat.pop_old());
                }
            });
            let mut last = 0;
            while last < PUBLISHES {
                let now = epoch.load(Ordering::Acquire);
                let inside = place.enter(now);
                assert!(*inside[0] >= last.max(now));
                last = *inside[0];
            }
        });
    }
}

/// A model for loom: it holds as the code is, and notices its faults.
#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use crate::clock::moment;
    use crate::sync::{AtomicU64, check};
    use loom::thread;

    /// Two slots are published while housekeeping hands over: a lane always has copies of both, of one publish, never of an older
    /// one than before, and at last of the newest.
    fn a_lane_sees_whole_publishes() {
        let ((seat, mut place), epoch) = (seat(0), loom::sync::Arc::new(AtomicU64::new(0)));
        for slot in 0..2 {
            place.enter(0).add(slot, 0);
        }
        let publishing = {
            let (seat, epoch) = (seat.clone(), epoch.clone());
            thread::spawn(move || {
                seat.leave(vec![(0, 1), (1, 1)], 1, moment());
                epoch.store(1, Ordering::Release);
            })
        };
        let tidying = thread::spawn(move || {
            seat.take_over_idle();
        });
        let mut last = 0;
        let mut look = |place: &mut Place<u64>| {
            let inside = place.enter(epoch.load(Ordering::Acquire));
            assert!(inside.len() == 2 && inside[0] == inside[1] && inside[0] >= last, "{:?} after {last}", &*inside);
            last = inside[0];
        };
        look(&mut place);
        look(&mut place);
        publishing.join().unwrap();
        tidying.join().unwrap();
        assert_eq!(&*place.enter(epoch.load(Ordering::Acquire)), [1, 1]);
    }

    #[test]
    fn seat_is_taken_over_whole() {
        check(a_lane_sees_whole_publishes, &[Fault::SeatSplit, Fault::SeatUnlooked, Fault::SeatUntended, Fault::SeatLight, Fault::SeatHeavy]);
    }
}

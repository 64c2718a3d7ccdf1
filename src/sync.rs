//! What threads share without a lock, by one name: the standard library's, or under `--cfg loom` those of loom, which tries
//! every order in which threads may run and every value that a load may see.
//!
//! A model breaks its protocol on purpose by planting a [`Fault`]; outside loom none can be planted and the looks cost nothing.

#[cfg(not(loom))]
mod barrier;
mod counter;
#[cfg(loom)]
mod modelled;

pub use counter::Counter;
pub use std::sync::atomic::Ordering;

#[cfg(all(test, loom))]
pub use modelled::check;
#[cfg(loom)]
pub use modelled::{AtomicBool, AtomicU64, Mutex, Watch, fence, heavy, light, planted, prepare};

#[cfg(not(loom))]
pub use barrier::{heavy, light, prepare};
#[cfg(not(loom))]
pub use parking_lot::Mutex;
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicU64, fence};

/// A way to break a protocol that its model must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A ring's slots are published without a release store.
    RingPublish,
    /// A ring's slots are given back without a release store.
    RingGiveBack,
    /// A slot is given back while its first word still shows an event.
    RingShownAgain,
    /// The producer's end is looked at after the last look for slots.
    RingClosedLate,
    /// A mailbox's content is posted without a release.
    MailPost,
    /// A buffer goes back to the producer without a release.
    MailGiveBack,
    /// A token is not compared with the one that is to deliver.
    MailStaleToken,
    /// A token is published before the mailbox names it.
    MailTokenFirst,
    /// A token's room is given back after its content was taken.
    MailRoomLate,
    /// Newer content waits at a token behind which more of its stream was pushed.
    MailOvertake,
    /// Result memory: no release fence after the odd stamp.
    ResultWriteFence,
    /// Result memory: no acquire fence before the second look at the stamp.
    ResultReadFence,
    /// Result memory: the even stamp is stored without a release.
    ResultStamp,
    /// Result memory: no second look at the stamp.
    ResultOneLook,
    /// Result memory: the signal is stored after the even stamp.
    ResultSignalLate,
    /// A publish's copies are left for a lane one by one.
    SeatSplit,
    /// Housekeeping does not look whether the lane is inside.
    SeatUnlooked,
    /// A lane does not look whether housekeeping is at its copies.
    SeatUntended,
    /// No light fence between a lane's mark and its look.
    SeatLight,
    /// No heavy fence between housekeeping's mark and its look.
    SeatHeavy,
}

/// Whether a model has planted the fault.
#[cfg(not(loom))]
#[inline(always)]
#[must_use]
pub const fn planted(_: Fault) -> bool {
    false
}

/// The ordering, or none where a model has planted the fault.
#[inline(always)]
#[must_use]
pub fn ordering(ordering: Ordering, fault: Fault) -> Ordering {
    if planted(fault) { Ordering::Relaxed } else { ordering }
}

/// Tells loom which places are read and which are written; outside loom it is nothing.
#[cfg(not(loom))]
#[derive(Debug)]
pub struct Watch;

#[cfg(not(loom))]
impl Watch {
    /// Watches so many places.
    #[must_use]
    pub fn new(_places: usize) -> Watch {
        Watch
    }

    /// Places are read.
    #[inline(always)]
    pub fn read(&self, _places: std::ops::Range<usize>) {}

    /// Places are written.
    #[inline(always)]
    pub fn write(&self, _places: std::ops::Range<usize>) {}
}

/// A value on cache lines of its own: neighbouring lines are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct OwnLine<T>(pub T);

//! The host's veto of a track, from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Switches a track off and on from any thread, without its lane; a prediction that begins after [`TrackSwitch::set`] has
/// returned obeys. Clones are the same switch.
#[derive(Clone, Debug, Default)]
pub struct TrackSwitch(Arc<AtomicU64>);

/// Bit 0 of the word is set while the track is off; above it stands the owner.
const OFF: u64 = 1;

impl TrackSwitch {
    /// Predictions are permitted.
    #[inline]
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst) & OFF == 0
    }

    /// Permits predictions, or vetoes them: then they abstain with `HOST_VETO`.
    pub fn set(&self, on: bool) {
        match on {
            true => self.0.fetch_and(!OFF, Ordering::SeqCst),
            false => self.0.fetch_or(OFF, Ordering::SeqCst),
        };
    }

    /// The switch serves another track from now on, which is on. A table that keeps one switch a place names the owner, so
    /// that who still means the track before is told so.
    pub fn hand_over(&self, owner: u32) {
        self.0.store(u64::from(owner) << 1, Ordering::SeqCst);
    }

    /// As [`TrackSwitch::set`], if the switch still serves that owner; else `false`, and nothing changes.
    pub fn set_for(&self, owner: u32, on: bool) -> bool {
        let next = u64::from(owner) << 1 | if on { 0 } else { OFF };
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| (word >> 1 == u64::from(owner)).then_some(next)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_the_same_switch() {
        let switch = TrackSwitch::default();
        let other = switch.clone();
        other.set(false);
        other.set(false);
        assert!(!switch.is_on());
        other.set(true);
        assert!(switch.is_on());
    }

    #[test]
    fn only_the_owner_is_switched() {
        let switch = TrackSwitch::default();
        switch.hand_over(7);
        assert!(switch.set_for(7, false) && !switch.is_on());
        assert!(switch.set_for(7, false) && !switch.is_on());
        assert!(!switch.set_for(8, true) && !switch.is_on());
        switch.hand_over(8);
        assert!(switch.is_on(), "a new owner begins on");
        assert!(!switch.set_for(7, false) && switch.is_on(), "and the one before is told");
        assert!(switch.set_for(8, true) && switch.is_on());
    }
}

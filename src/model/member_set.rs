//! A set of a bundle's members.

/// Members by number, of the 64 that a bundle may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSet(u64);

impl MemberSet {
    /// No member.
    pub const NONE: MemberSet = MemberSet(0);
    /// Every member.
    pub const ALL: MemberSet = MemberSet(u64::MAX);

    /// The members whose bits are set.
    #[must_use]
    pub const fn from_bits(bits: u64) -> MemberSet {
        MemberSet(bits)
    }

    /// One bit a member.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The member is in it.
    #[inline]
    #[must_use]
    pub fn contains(self, member: usize) -> bool {
        self.0 & bit(member) != 0
    }

    /// With one member more, or less.
    #[must_use]
    pub fn with(self, member: usize, on: bool) -> MemberSet {
        MemberSet(if on { self.0 | bit(member) } else { self.0 & !bit(member) })
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: MemberSet) -> MemberSet {
        MemberSet(self.0 & other.0)
    }
}

impl FromIterator<usize> for MemberSet {
    fn from_iter<I: IntoIterator<Item = usize>>(members: I) -> MemberSet {
        members.into_iter().fold(MemberSet::NONE, |set, member| set.with(member, true))
    }
}

/// No bit beyond the 64th: a manifest with more members is refused.
fn bit(member: usize) -> u64 {
    u32::try_from(member).ok().and_then(|member| 1u64.checked_shl(member)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go() {
        let set: MemberSet = [0, 63].into_iter().collect();
        assert_eq!((set.bits(), set.contains(63), set.contains(1)), (1 << 63 | 1, true, false));
        assert_eq!(set.with(63, false).with(5, true), MemberSet::from_bits(33));
        assert_eq!(set.with(64, true), set, "there is no 65th");
        assert!(MemberSet::ALL.contains(63) && !MemberSet::ALL.contains(64) && !MemberSet::NONE.contains(0));
        assert_eq!(set.and(MemberSet::from_bits(3)).bits(), 1);
    }
}

//! Which members of a generation are switched on, by the manifest and by call.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::bundle::Member;
use crate::model::member_set::MemberSet;

/// One bit a member. Any thread reads; who writes holds the slot's lock.
#[derive(Debug)]
pub struct Switches {
    on: AtomicU64,
    /// Those that were switched by call: a later generation's member of the same name is switched alike.
    by_call: AtomicU64,
}

impl Switches {
    /// As the manifest says.
    #[must_use]
    pub fn of(members: &[Member]) -> Switches {
        let on: MemberSet = members.iter().enumerate().filter(|(_, member)| member.spec.enabled).map(|(number, _)| number).collect();
        Switches { on: AtomicU64::new(on.bits()), by_call: AtomicU64::new(0) }
    }

    /// Members that are switched on now.
    #[inline]
    #[must_use]
    pub fn on(&self) -> MemberSet {
        MemberSet::from_bits(self.on.load(Ordering::SeqCst))
    }

    /// Switches one member by call.
    pub fn set(&self, member: usize, on: bool) {
        let one = MemberSet::NONE.with(member, true).bits();
        self.by_call.fetch_or(one, Ordering::SeqCst);
        match on {
            true => self.on.fetch_or(one, Ordering::SeqCst),
            false => self.on.fetch_and(!one, Ordering::SeqCst),
        };
    }

    /// Takes over what was switched by call in the generation before, by the members' names.
    pub fn carry(&self, members: &[Member], before: &Switches, members_before: &[Member]) {
        let (on, by_call) = (before.on(), MemberSet::from_bits(before.by_call.load(Ordering::SeqCst)));
        for (number, member) in members.iter().enumerate() {
            let earlier = members_before.iter().position(|other| other.spec.name == member.spec.name);
            if let Some(earlier) = earlier.filter(|earlier| by_call.contains(*earlier)) {
                self.set(number, on.contains(earlier));
            }
        }
    }
}

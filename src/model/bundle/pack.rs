//! One block of memory for what all models of a bundle read.

use std::sync::Arc;

use super::Member;
use crate::model::params::{Packer, Visit};

/// Moves the parameters of all members into one block, while nobody runs them yet.
pub(super) fn pack(members: &mut [Member]) {
    let mut each = |visit: &mut Visit<'_>| members.iter_mut().filter_map(|member| Arc::get_mut(&mut member.backend)).for_each(|model| model.params(visit));
    let mut room = 0;
    each(&mut |params| room += params.room());
    let mut packer = Packer::new(room);
    each(&mut |params| params.pack(&mut packer));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Backends;
    use crate::model::bundle::Bundle;

    use super::*;

    /// Member behind member, line behind line; a copy that somebody held on to would have kept a member out.
    #[test]
    fn the_parameters_of_a_bundle_are_one_block() {
        let native = Backends { native: true, ort: false, ..Backends::default() };
        let mut bundle = Bundle::open_alone(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2"), &native).unwrap();
        let (mut end, mut count) = (None, 0);
        for member in &mut bundle.members {
            Arc::get_mut(&mut member.backend).unwrap().params(&mut |params| {
                let start = params.address();
                assert!(start.is_multiple_of(64) && end.is_none_or(|end| end == start), "{}: {start:#x} behind {end:x?}", member.spec.name);
                (end, count) = (Some(start + params.room()), count + 1);
            });
        }
        assert!(count > bundle.members.len(), "{count}");
    }
}

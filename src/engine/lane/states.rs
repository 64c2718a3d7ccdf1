//! What stateful models carry, in a snapshot: it is that of one bundle, and another one's models begin as after a swap.

use crate::model::backend::Carry;
use crate::model::carried::CarriedState;
use crate::model::instances::Instances;
use crate::types::state::{Pass, State};

/// Most stateful members of a bundle, and most values of one.
const MEMBERS_MOST: usize = 64;
const VALUES_MOST: usize = 1 << 25;

/// The states of one track.
pub(super) fn pass_states(instances: &mut Instances, room: usize, pass: &mut Pass<'_>) {
    let Instances { generation, carried, .. } = instances;
    let bundle = &generation.bundle;
    let states = carried.get_mut(room).map_or(&mut [][..], |states| &mut states[..]);
    let count = pass.below(states.len(), MEMBERS_MOST + 1);
    let ours = pass.bytes(bundle.digest) == bundle.digest && count == states.len();
    for at in 0..count {
        match states.get_mut(at).filter(|_| ours) {
            Some(state) => pass_state(state, bundle.members[state.member].backend.carries(), pass),
            None => pass_by(pass),
        }
    }
    if !ours && pass.loads() {
        states.iter_mut().for_each(|state| state.leave(bundle.members[state.member].backend.carries()));
    }
}

/// The state itself is among what its newest step gave.
fn pass_state(state: &mut CarriedState, carries: &[Carry], pass: &mut Pass<'_>) {
    pass.each([&mut state.next, &mut state.read, &mut state.life]);
    state.out_mut().state(pass);
    if pass.loads() {
        state.resume(carries);
    }
}

/// A state of another bundle's.
fn pass_by(pass: &mut Pass<'_>) {
    pass.each([&mut None::<u64>, &mut 0_u64, &mut 0_u64]);
    for _ in 0..pass.below(0, VALUES_MOST) {
        0_f32.state(pass);
    }
}

//! Stateful models along a track: each reads every closed step once, in their order, asked for or not.
//!
//! A state reads what is due when a prediction is asked for. Steps that nobody asks for wait in the track's window; before the oldest of
//! them would leave it, all of them are read. So no answer depends on which steps were asked for, and a step that nobody needs yet costs
//! nothing while events are pushed. The rules by which a state begins anew are those of `model::manifest::StatePolicy`.

use super::feed::Feed;
use super::members::{Rows, fill_rows};
use super::predict::lacks;
use crate::error::{Result, Status};
use crate::model::backend::Instance;
use crate::model::bundle::{Bundle, Member};
use crate::model::carried::CarriedState;
use crate::model::instances::Instances;
use crate::model::manifest::StatePolicy;

/// When a state looks at its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A step has closed.
    Closed,
    /// Its answer is asked for.
    Asked,
    /// The answer is out: the next step will be the first that a state answers which has not begun.
    Answered,
}

/// The states of a track that was just opened: its first step will be theirs.
pub fn open(instances: &mut Instances, room: usize) {
    let Instances { generation, carried, .. } = instances;
    for state in carried.get_mut(room).into_iter().flat_map(|states| states.iter_mut()) {
        state.begin(generation.bundle.members[state.member].backend.carries());
        (state.next, state.life) = (Some(0), 0);
    }
}

/// Lets every state of a track follow it.
pub fn follow(instances: &mut Instances, room: usize, feed: &Feed, moment: Moment) {
    let Instances { generation, members, carried, .. } = instances;
    for state in carried.get_mut(room).into_iter().flat_map(|states| states.iter_mut()) {
        // A native model never fails.
        let _ = follow_one(state, &generation.bundle, &mut *members[state.member], feed, moment);
    }
}

/// Lets one state follow its track. At a close it reads only what would be lost with the next one.
fn follow_one(state: &mut CarriedState, bundle: &Bundle, instance: &mut dyn Instance, feed: &Feed, moment: Moment) -> Result<()> {
    let (member, window) = (&bundle.members[state.member], bundle.schema.window as u64);
    let since = feed.rows.since();
    let (life, oldest) = (feed.steps.saturating_sub(since), feed.steps.saturating_sub(since.min(window)));
    let next = state.next.unwrap_or_else(|| first(member, window, feed, moment)).max(oldest);
    // Rows of another life, or before a gap.
    if state.life != life || state.next.is_some_and(|waits| waits < next) {
        state.begin(member.backend.carries());
    }
    (state.next, state.life) = (Some(next), life);
    if moment == Moment::Closed && feed.steps.saturating_sub(next) < window {
        return Ok(());
    }
    for number in next..feed.steps {
        let at = (window - (feed.steps - number)) as usize;
        read(state, bundle, instance, row(feed, at), number - life)?;
    }
    state.next = Some(feed.steps);
    Ok(())
}

/// Reads up to the newest step, whether the member is to be run or not; `Err` holds why it has no value there.
pub fn follow_and_answer(state: &mut CarriedState, bundle: &Bundle, instance: &mut dyn Instance, feed: &Feed, running: bool) -> Result<(), Status> {
    let read = follow_one(state, bundle, instance, feed, Moment::Asked).map_err(|error| error.status());
    match running {
        false => Err(Status::WrongState),
        true if state.read < bundle.schema.window as u64 => read.and(Err(Status::NoPrediction)),
        true => read,
    }
}

/// The first step of a state that meets a track after a swap.
fn first(member: &Member, window: u64, feed: &Feed, moment: Moment) -> u64 {
    let rows = if member.spec.state == StatePolicy::Replay { window } else { 1 };
    (feed.steps + u64::from(moment == Moment::Answered)).saturating_sub(rows)
}

/// A row of the window.
fn row(feed: &Feed, at: usize) -> Rows<'_> {
    let (width, words) = (feed.schema.width(), feed.schema.width().div_ceil(64));
    Rows { values: &feed.window.values()[at * width..][..width], valid: &feed.window.valid()[at * words..][..words] }
}

/// Reads a row, `since` rows after the track's first; behind one that cannot be read a state begins anew.
fn read(state: &mut CarriedState, bundle: &Bundle, instance: &mut dyn Instance, row: Rows<'_>, since: u64) -> Result<()> {
    let carries = bundle.members[state.member].backend.carries();
    // Once a row was read all that follow are ready.
    let ready = state.read > 0 || since >= bundle.ready;
    if !ready || lacks(row.valid, &bundle.needed) {
        if state.read > 0 {
            state.begin(carries);
        }
        return Ok(());
    }
    state.step(carries, instance, |input| fill_rows(&bundle.schema, row, input))
}

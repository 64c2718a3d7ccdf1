//! The loop that times calls, in a pinned thread.

use std::thread;
use std::time::Instant;

use foretick::engine::pin_to_core;
use foretick::{Error, Result, Status};

use super::condition::{Condition, PUBLISH_EVERY, Sweep};
use super::spin::Spin;
use super::subject::{Empty, Peer, Subject};
use super::times::{Figures, Times};

/// How calls are timed.
pub struct Loop<'l> {
    pub core: u32,
    pub quick: bool,
    /// One in so many of the usual calls is made.
    pub share: u64,
    /// What a timed call of nothing takes, ns.
    pub empty_ns: u64,
    /// Told of every hundredth part of a run.
    pub on_part: &'l (dyn Fn(u64) + Sync),
}

/// Our durations, and others' in the same turns.
pub struct Turns {
    pub ours: Option<Figures>,
    /// A peer's on the same inputs.
    pub peer: Option<Figures>,
    /// An empty loop's that is as long as our call; when hot.
    pub empty: Option<Figures>,
    /// Greatest difference between what both gave, where both give a model's outputs.
    pub apart: Option<f32>,
}

/// Parts of a run that are told.
pub const PARTS: u64 = 100;
/// After so many parts an empty loop is measured off anew: seldom, as that takes the caches from the next call.
const NEXT_SPIN: u64 = 10;
/// Calls before the first that is timed.
const WARM_CALLS: u64 = 200;

impl Loop<'_> {
    /// Times calls under a condition; `publish` is what another thread does meanwhile.
    pub fn run(
        &self,
        condition: Condition,
        subject: &mut dyn Subject,
        peer: &mut Option<Box<dyn Peer>>,
        publish: &(dyn Fn() -> Result<()> + Sync),
    ) -> Result<Turns> {
        thread::scope(|scope| {
            let worker = scope.spawn(|| pin_to_core(self.core).and_then(|()| self.calls(condition, subject, peer)));
            while condition == Condition::Swap && !worker.is_finished() {
                publish()?;
                thread::sleep(PUBLISH_EVERY);
            }
            worker.join().unwrap_or_else(|_| Err(panicked()))
        })
    }

    fn calls(&self, condition: Condition, subject: &mut dyn Subject, peer: &mut Option<Box<dyn Peer>>) -> Result<Turns> {
        let (calls, least, sweep) = (condition.calls(self.quick, self.share), condition.least(self.quick), Sweep::new());
        let (mut ours, mut theirs, mut differences) = (Times::new(self.empty_ns)?, Times::new(self.empty_ns)?, Vec::new());
        let part = (calls / PARTS).max(1);
        // Made when a first part of the calls tells how long they are, and anew as more of them do.
        let (mut spin, mut empty) = (None::<Spin>, Times::new(self.empty_ns)?);
        for _ in 0..WARM_CALLS.min(calls) {
            turn(condition, &sweep, true, subject, peer)?;
        }
        let (began, mut turns) = (Instant::now(), 0);
        while turns < calls || began.elapsed() < least {
            let (ns, peers_ns) = turn(condition, &sweep, turns % 2 == 0, subject, peer)?;
            ours.record(ns);
            peers_ns.into_iter().for_each(|ns| theirs.record(ns));
            if let Some(spin) = &spin {
                empty.record(timed(condition, &sweep, || spin.run())?);
            }
            turns += 1;
            if turns <= calls && turns.is_multiple_of(part) {
                (self.on_part)(1);
                if condition == Condition::Hot && turns / part % NEXT_SPIN == 1 {
                    spin = Some(Spin::new(ours.figures().p50_ns));
                }
                differences.extend(peer.as_deref().and_then(|peer| apart(subject.given(), &peer.given())));
            }
        }
        Ok(Turns {
            ours: Some(ours.figures()),
            peer: peer.as_ref().map(|_| theirs.figures()),
            empty: spin.map(|_| empty.figures()),
            apart: differences.into_iter().reduce(f32::max),
        })
    }
}

/// Work in a thread of its own, which stays on a core.
pub fn pinned<T: Send>(core: u32, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| scope.spawn(|| pin_to_core(core).and_then(|()| work())).join().unwrap_or_else(|_| Err(panicked())))
}

fn panicked() -> Error {
    Error::new(Status::Internal, "the thread that times calls has panicked")
}

/// One call of each, ours first or second, on one input.
#[inline(always)]
fn turn(condition: Condition, sweep: &Sweep, ours_first: bool, subject: &mut dyn Subject, peer: &mut Option<Box<dyn Peer>>) -> Result<(u64, Option<u64>)> {
    subject.prepare()?;
    let Some(peer) = peer else {
        return Ok((timed(condition, sweep, || subject.call())?, None));
    };
    peer.fill(subject.input());
    if ours_first {
        let ours = timed(condition, sweep, || subject.call())?;
        return Ok((ours, Some(timed(condition, sweep, || peer.call())?)));
    }
    let theirs = timed(condition, sweep, || peer.call())?;
    Ok((timed(condition, sweep, || subject.call())?, Some(theirs)))
}

#[inline(always)]
fn timed(condition: Condition, sweep: &Sweep, call: impl FnOnce() -> Result<()>) -> Result<u64> {
    condition.set(sweep);
    let start = Instant::now();
    let done = call();
    let ns = start.elapsed().as_nanos() as u64;
    done.map(|()| ns)
}

fn apart(ours: &[f32], theirs: &[f32]) -> Option<f32> {
    ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).reduce(f32::max)
}

/// Durations of a call of nothing, as many as of a hot case.
pub fn empty_loop(core: u32, quick: bool) -> Result<Figures> {
    let plain = Loop { core, quick, share: 1, empty_ns: 0, on_part: &|_| {} };
    let turns = plain.run(Condition::Hot, &mut Empty, &mut None, &|| Ok(()))?;
    turns.ours.ok_or_else(|| Error::new(Status::Internal, "the empty loop was not timed"))
}

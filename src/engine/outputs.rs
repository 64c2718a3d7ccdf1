//! From the members' values to outputs: weights, agreement, calibration, and why an output has none.

use super::answer::{Answer, MemberAnswer, OutputAnswer};
use crate::ensemble::calibration::calibrate;
use crate::ensemble::combine::{Combined, Vote, combine};
use crate::error::Status;
use crate::model::bundle::Bundle;
use crate::model::manifest::Policy;
use crate::model::member_set::MemberSet;
use crate::types::Phase;
use crate::types::reason;

/// Who counts: the members of the phase's set, by the phase's weights.
#[derive(Clone, Copy, Debug)]
pub struct Voting<'b> {
    bundle: &'b Bundle,
    weights: &'b [f64],
    /// Members of the phase's set, switched off or not: those that are off count against the quorum.
    set: MemberSet,
    /// Those of them that are switched on.
    running: MemberSet,
}

impl<'b> Voting<'b> {
    /// Of a bundle in a phase; `enabled` are the members that are switched on.
    pub fn of(bundle: &'b Bundle, phase: Phase, enabled: MemberSet) -> Voting<'b> {
        let ensemble = &bundle.manifest.ensemble;
        let set = ensemble.set_in(phase);
        Voting { bundle, weights: ensemble.weights_in(phase), set, running: set.and(enabled) }
    }

    /// The bundle's policy.
    pub fn policy(&self) -> &'b Policy {
        &self.bundle.manifest.policy
    }

    /// Members that are to be run.
    pub fn running(&self) -> MemberSet {
        self.running
    }

    fn has_weight(&self, answer: &MemberAnswer) -> bool {
        self.set.contains(answer.member) && self.weights[answer.member] > 0.0
    }
}

/// What the members say together about the outputs that the policy looks at.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// The policy's output.
    pub value: Combined,
    /// The output of its edge.
    pub edge: Option<Combined>,
}

impl Answer {
    /// Combines and calibrates every output; answers those of the policy.
    pub(super) fn combine_outputs(&mut self, voting: &Voting<'_>) -> Chosen {
        let policy = voting.policy();
        for output in 0..self.outputs.len() {
            self.use_weights(output, voting);
        }
        let mut chosen = Chosen { value: Combined::NONE, edge: policy.edge().map(|_| Combined::NONE) };
        for (number, spec) in voting.bundle.manifest.outputs.iter().enumerate() {
            let votes = votes(&self.members, number, voting);
            let opinions = opinions(&self.members, number, voting);
            let combined = combine(votes, opinions, voting.bundle.manifest.ensemble.mix, spec.is_probability());
            let raw = combined.value.unwrap_or(f64::NAN);
            let value = combined.value.map_or(f64::NAN, |raw| calibrate(&voting.bundle.manifest.calibration[number], raw));
            self.outputs[number] = OutputAnswer { value, raw, agreement: combined.agreement };
            if number == policy.output {
                chosen.value = combined;
            } else if policy.edge().is_some_and(|edge| edge.output == number) {
                chosen.edge = Some(combined);
            }
        }
        chosen
    }

    /// Weights as used: over the members that answered they add up to 1.
    fn use_weights(&mut self, output: usize, voting: &Voting<'_>) {
        let answered = |answer: &&mut MemberAnswer| answer.output == output && answer.status == Status::Ok;
        let total: f64 = self.members.iter_mut().filter(answered).map(|answer| voting.weights[answer.member]).sum();
        for answer in self.members.iter_mut().filter(answered).filter(|_| total > 0.0) {
            answer.weight = voting.weights[answer.member] / total;
        }
    }

    /// Why members of an output did not answer, and how many failed. `MODEL_OUTPUT`, `DEADLINE` and `WARMING` stand only where the output
    /// is silent: else the others answer for it.
    pub(super) fn member_reasons(&self, output: usize, voting: &Voting<'_>) -> (u64, u64) {
        let of_output = || self.members.iter().filter(|answer| answer.output == output);
        if !of_output().any(|answer| voting.running.contains(answer.member) && voting.has_weight(answer)) {
            return (reason::NO_MODEL, 0);
        }
        let failed = of_output().filter(|answer| !matches!(answer.status, Status::Ok | Status::WrongState));
        let count = failed.clone().count() as u64;
        let silent = self.outputs[output].raw.is_nan();
        let why = failed.filter(|answer| silent && voting.has_weight(answer)).fold(0, |bits, answer| bits | failure(answer.status));
        (why | if count > 0 { reason::MEMBER_FAILED } else { 0 }, count)
    }
}

/// The reason bit of a member's status.
fn failure(status: Status) -> u64 {
    match status {
        Status::Deadline => reason::DEADLINE,
        Status::ModelOutput => reason::MODEL_OUTPUT,
        Status::NoPrediction => reason::WARMING,
        // What a backend says has no bit of its own: QUORUM stands for it, the status is in the details.
        _ => 0,
    }
}

fn votes<'a>(members: &'a [MemberAnswer], output: usize, voting: &'a Voting<'_>) -> impl Iterator<Item = Vote> + Clone + 'a {
    let counted = members.iter().filter(move |answer| answer.output == output && voting.set.contains(answer.member));
    counted.map(|answer| Vote { weight: voting.weights[answer.member], value: (answer.status == Status::Ok).then_some(answer.value) })
}

/// Who must agree: a meta-model's weight is shared equally by the members that it reads for the output, so that one model over
/// others does not claim that they agree. One that reads nothing of the output speaks for itself.
fn opinions<'a>(members: &'a [MemberAnswer], output: usize, voting: &'a Voting<'_>) -> impl Iterator<Item = Vote> + Clone + 'a {
    let answered = members.iter().filter(move |answer| answer.output == output && answer.status == Status::Ok && voting.set.contains(answer.member));
    answered.flat_map(move |answer| {
        let weight = voting.weights[answer.member];
        let sources = voting.bundle.members[answer.member].sources.iter().map(|source| &members[*source]);
        let read = sources.filter(move |source| source.output == output);
        let count = read.clone().count();
        let shared = read.map(move |source| Vote { weight: weight / count as f64, value: Some(source.value) });
        shared.chain((count == 0).then_some(Vote { weight, value: Some(answer.value) }))
    })
}

//! One prediction of one track: what it is made from, members, outputs, policy, record.

use std::sync::Arc;

use super::answer::Answer;
use super::caller_row::CallerRow;
use super::carry::{Moment, follow};
use super::members::{Rows, Runners, prepare};
use super::outputs::{Chosen, Voting};
use super::track::Track;
use crate::clock::Timer;
use crate::decision::limits::{self, Facts};
use crate::decision::phase::phase;
use crate::decision::policy::{decide, ensemble_reasons, quorum_reasons};
use crate::features::row::RowFacts;
use crate::model::bundle::Bundle;
use crate::model::instances::Instances;
use crate::model::member_set::MemberSet;
use crate::model::store::Generation;
use crate::monitor::metrics::LaneCounters;
use crate::types::prediction::{Action, Phase, Prediction, flag, rung};
use crate::types::reason;

/// Identity and time of a new prediction.
#[derive(Clone, Copy, Debug)]
pub struct PredictionId {
    pub epoch: u64,
    pub counter: u64,
    pub decided_ns: i64,
    /// Time from when the host knew the event that closed the step to the decision; 0 inline.
    pub queue_ns: u32,
    /// Runs since the call began.
    pub timer: Timer,
    /// Members are timed one by one.
    pub sampled: bool,
}

impl PredictionId {
    /// Notes how long the prediction of this name took, when it is one that is timed.
    pub fn note(&self, prediction: &Prediction, counters: &LaneCounters) {
        if self.sampled {
            counters.predict_ns.record(prediction.compute_ns);
        }
    }
}

/// A row of the caller's, and the generation that it was scaled for.
#[derive(Debug)]
pub struct RowQuestion<'a> {
    pub generation: &'a Arc<Generation>,
    /// Working copies of that generation.
    pub instances: &'a mut Instances,
    pub slot_on: bool,
    pub row: CallerRow<'a>,
}

/// What a prediction is made from, besides the bundle.
#[derive(Clone, Copy, Debug)]
struct Basis<'a> {
    rows: Rows<'a>,
    facts: RowFacts,
    /// Reasons that data and host give.
    reasons: u64,
    /// The members may be run.
    runnable: bool,
    phase: (Phase, f64),
    /// Number of the newest closed step.
    step: u64,
    /// Newest input used.
    known_ns: i64,
    valid_until_ns: i64,
    /// Number of the track.
    track: u32,
}

impl Track {
    /// The prediction of the newest step, and whether it was made now: one that was made before is flagged REPEAT.
    pub fn predict(&mut self, instances: &mut Instances, slot_on: bool, id: PredictionId, counters: &LaneCounters) -> (Prediction, bool) {
        let step = self.feed.steps.checked_sub(1);
        self.due = false;
        let vetoes = self.vetoes(slot_on);
        if let Some((_, prediction)) = self.asked.filter(|(asked, _)| *asked == step) {
            return (repeated(prediction, vetoes), false);
        }
        let generation = instances.generation.clone();
        self.meet(&generation);
        let bundle = &*generation.bundle;
        let facts = self.limit_facts(bundle, id.decided_ns);
        let known = limits::reasons(&facts, &bundle.manifest.policy) | self.scope_reasons(bundle, self.feed.step.map(|step| step.close_ns));
        let (raw, valid) = self.feed.rows.raw();
        let basis = Basis {
            rows: Rows { values: self.feed.window.values(), valid: self.feed.window.valid() },
            facts: self.feed.rows.facts(),
            reasons: std::mem::take(&mut self.feed.pending) | vetoes | known,
            runnable: vetoes == 0 && facts.ready && !facts.needed_missing && !facts.beyond_f32,
            phase: phase_of(bundle, raw, valid, self.feed.step.map(|step| step.close)),
            step: step.unwrap_or(0),
            known_ns: self.feed.used_ns,
            valid_until_ns: self.feed.step.map_or(0, |step| step.close_ns + bundle.manifest.policy.valid_for_ns),
            track: self.number,
        };
        match self.feed.window.newest() {
            Some((_, valid)) => self.answer.valid.copy_from_slice(valid),
            None => self.answer.valid.fill(0),
        }
        let mut runners = Runners { instances, ahead: &mut self.ahead, carried: Some((self.room, &self.feed)), counters };
        let prediction = self.answer.make(&generation, &mut runners, &basis, &id);
        self.asked = Some((step, prediction));
        (prediction, true)
    }

    /// The prediction of a row of the caller's, who vouches for it: it is as new as the decision. The step stays unasked.
    pub fn predict_row(&mut self, asked: RowQuestion<'_>, id: PredictionId, counters: &LaneCounters) -> Prediction {
        let RowQuestion { generation, instances, slot_on, row } = asked;
        self.meet(generation);
        let bundle = &*generation.bundle;
        let policy = &bundle.manifest.policy;
        let vetoes = self.vetoes(slot_on);
        let facts = Facts {
            ready: true,
            self_known_ns: id.decided_ns,
            decided_ns: id.decided_ns,
            trained_until_ns: bundle.manifest.trained_until_ns,
            max_age_ns: bundle.manifest.max_age_ns,
            needed_missing: lacks(row.rows.valid, &bundle.needed),
            beyond_f32: row.facts.beyond_f32,
            out_of_range: row.facts.out_of_range,
        };
        let basis = Basis {
            rows: row.rows,
            facts: row.facts,
            reasons: vetoes | limits::reasons(&facts, policy) | self.scope_reasons(bundle, Some(id.decided_ns)),
            runnable: vetoes == 0 && !facts.needed_missing && !facts.beyond_f32,
            phase: phase_of(bundle, row.raw, row.rows.valid, self.feed.step.map(|step| step.close)),
            step: self.feed.steps.saturating_sub(1),
            known_ns: id.decided_ns,
            valid_until_ns: id.decided_ns.saturating_add(policy.valid_for_ns),
            track: self.number,
        };
        self.answer.valid.copy_from_slice(row.rows.valid);
        self.answer.make(generation, &mut Runners { instances, ahead: &mut self.ahead, carried: None, counters }, &basis, &id)
    }

    /// Works out what the next step's answer can be known by before the step closes. Nothing before the window is full.
    pub fn prepare(&mut self, instances: &mut Instances) {
        // One that has not begun waits for the first step that it may be asked for.
        if self.is_asked() {
            follow(instances, self.room, &self.feed, Moment::Answered);
        }
        if self.feed.window.full() {
            let rows = Rows { values: self.feed.window.values(), valid: self.feed.window.valid() };
            prepare(instances, &mut self.ahead, rows);
            self.ahead.step = self.feed.steps.checked_sub(1);
        }
    }

    /// The newest step was asked for, and nothing was worked out behind it yet.
    pub fn is_to_prepare(&self) -> bool {
        self.is_asked() && self.feed.steps.checked_sub(1) != self.ahead.step
    }

    /// The newest step was asked for.
    fn is_asked(&self) -> bool {
        self.asked.is_some_and(|(step, _)| step.is_some() && step == self.feed.steps.checked_sub(1))
    }

    /// Takes a generation over, when it is another than that of the answer.
    fn meet(&mut self, generation: &Arc<Generation>) {
        if self.answer.generation != generation.number {
            self.take_over(generation);
        }
    }

    /// What the host forbids.
    fn vetoes(&self, slot_on: bool) -> u64 {
        let slot = if slot_on { 0 } else { reason::DISABLED };
        slot | if self.switch.is_on() { 0 } else { reason::HOST_VETO }
    }

    fn limit_facts(&self, bundle: &Bundle, decided_ns: i64) -> Facts {
        let rows = bundle.rows_needed() as u64;
        let facts = self.feed.rows.facts();
        let valid = self.feed.window.valid();
        let seen = &valid[if rows == 1 { valid.len() - bundle.needed.len() } else { 0 }..];
        Facts {
            ready: self.feed.rows.since() >= bundle.ready + rows,
            self_known_ns: self.feed.self_newest_ns,
            decided_ns,
            trained_until_ns: bundle.manifest.trained_until_ns,
            max_age_ns: bundle.manifest.max_age_ns,
            needed_missing: self.feed.rows.since() > 0 && lacks(seen, &bundle.needed),
            beyond_f32: facts.beyond_f32,
            out_of_range: facts.out_of_range,
        }
    }

    /// `at_ns` is the time that may lie in the training span.
    fn scope_reasons(&self, bundle: &Bundle, at_ns: Option<i64>) -> u64 {
        let manifest = &bundle.manifest;
        let in_sample = at_ns.is_some_and(|at_ns| (manifest.trained_from_ns..manifest.trained_until_ns).contains(&at_ns));
        let scope = if self.out_of_scope { reason::OUT_OF_SCOPE } else { 0 };
        scope | if in_sample { reason::IN_SAMPLE } else { 0 }
    }
}

/// The prediction that was made of this step, as it is asked for again: forbidden meanwhile it abstains.
fn repeated(mut prediction: Prediction, vetoes: u64) -> Prediction {
    if vetoes != 0 {
        prediction.signal = prediction.signal & !0xFF | Action::Abstain as u64;
        prediction.reasons |= vetoes;
    }
    prediction.signal |= u64::from(flag::REPEAT) << 8;
    prediction
}

/// A needed feature is missing in one of the rows.
pub(super) fn lacks(valid: &[u64], needed: &[u64]) -> bool {
    match needed {
        // All are looked at, so that no branch is among them.
        [needed] => valid.iter().fold(false, |any, row| any | (needed & !row != 0)),
        _ => valid.chunks_exact(needed.len()).any(|row| row.iter().zip(needed).any(|(valid, needed)| needed & !valid != 0)),
    }
}

fn phase_of(bundle: &Bundle, raw: &[f64], valid: &[u64], close: Option<f64>) -> (Phase, f64) {
    match (&bundle.manifest.ensemble.phase, close) {
        (Some(spec), Some(close)) => phase(spec, raw, valid, close),
        _ => (Phase::Unknown, f64::NAN),
    }
}

impl Answer {
    /// Runs the members, combines them, decides; what stands behind the prediction is kept.
    fn make(&mut self, generation: &Generation, runners: &mut Runners<'_>, basis: &Basis<'_>, id: &PredictionId) -> Prediction {
        let counters = runners.counters;
        let (phase, confidence) = basis.phase;
        let voting = Voting::of(&generation.bundle, phase, generation.switches.on());
        let running = if basis.runnable { voting.running() } else { MemberSet::NONE };
        self.run_members(runners, running, basis.rows, id.sampled.then_some(id.timer));
        let chosen = self.combine_outputs(&voting);
        let mut reasons = basis.reasons | self.policy_reasons(&voting, counters);
        if basis.runnable {
            reasons |= chosen_reasons(&chosen, &generation.bundle);
        }
        (self.phase_confidence, self.made) = (confidence, true);
        self.expected_net = generation.bundle.manifest.policy.edge().map_or(f64::NAN, |edge| self.outputs[edge.output].value);
        self.prediction = self.record(generation, basis, id, reasons, &chosen);
        let abstained = self.prediction.action() == Action::Abstain;
        counters.predictions.add(1);
        if abstained { &counters.abstentions } else { &counters.decisions }.add(1);
        self.prediction.compute_ns = id.timer.elapsed_ns();
        self.prediction
    }

    /// Why members did not answer, of the outputs that the policy looks at.
    fn policy_reasons(&self, voting: &Voting<'_>, counters: &LaneCounters) -> u64 {
        let policy = voting.policy();
        let outputs = std::iter::once(policy.output).chain(policy.edge().map(|edge| edge.output));
        outputs.fold(0, |bits, output| {
            let (reasons, failed) = self.member_reasons(output, voting);
            counters.member_failures.add(failed);
            bits | reasons
        })
    }

    fn record(&self, generation: &Generation, basis: &Basis<'_>, id: &PredictionId, reasons: u64, chosen: &Chosen) -> Prediction {
        let bundle = &*generation.bundle;
        let policy = &bundle.manifest.policy;
        let output = self.outputs[policy.output];
        let action = decide(policy, output.value, self.expected_net, reasons);
        let used = self.members.iter().filter(|answer| answer.output == policy.output && answer.weight > 0.0);
        Prediction {
            signal: Prediction::pack_signal(action, flags(output.value, reasons), basis.step, output.value as f32),
            id_epoch: id.epoch,
            id_counter: id.counter,
            step: basis.step,
            known_ns: basis.known_ns,
            decided_ns: id.decided_ns,
            valid_until_ns: basis.valid_until_ns,
            generation: generation.number,
            reasons,
            value: output.value as f32,
            raw: output.raw as f32,
            agreement: chosen.value.agreement as f32,
            edge: self.expected_net as f32,
            queue_ns: id.queue_ns,
            track: basis.track,
            slot: generation.slot,
            backend: used.clone().fold(0, |bits, answer| bits | answer.backend),
            missing: basis.facts.missing,
            out_of_range: basis.facts.out_of_range,
            phase: basis.phase.0 as u8,
            rung: rung::CHAMPION,
            members_used: used.count() as u8,
            members_total: bundle.members.len() as u8,
            ..Prediction::default()
        }
    }
}

/// Quorum and agreement of what the policy looks at.
fn chosen_reasons(chosen: &Chosen, bundle: &Bundle) -> u64 {
    let quorum = bundle.manifest.ensemble.quorum;
    let edge = chosen.edge.map_or(0, |edge| quorum_reasons(&edge, quorum));
    edge | ensemble_reasons(&chosen.value, quorum, &bundle.manifest.policy)
}

fn flags(value: f64, reasons: u64) -> u8 {
    let mut flags = if value.is_nan() { 0 } else { flag::VALUE };
    for (bit, flag) in [(reason::OUT_OF_SCOPE, flag::OUT_OF_SCOPE), (reason::IN_SAMPLE, flag::IN_SAMPLE), (reason::MEMBER_FAILED, flag::DEGRADED)] {
        flags |= if reasons & bit != 0 { flag } else { 0 };
    }
    flags
}

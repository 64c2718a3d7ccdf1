//! One prediction of one track: members, ensemble, calibration, policy, record.

use std::sync::Arc;

use super::track::Track;
use crate::clock::Timer;
use crate::decision::limits::{self, Facts};
use crate::decision::phase::phase;
use crate::decision::policy::{decide, ensemble_reasons};
use crate::ensemble::calibration::calibrate;
use crate::ensemble::combine::{Combined, Vote, combine, sigmoid};
use crate::error::Status;
use crate::features::spec::Schema;
use crate::model::bundle::Bundle;
use crate::model::instances::Instances;
use crate::model::manifest::{Form, InputShape};
use crate::model::store::Generation;
use crate::monitor::metrics::LaneCounters;
use crate::types::prediction::{Action, Phase, Prediction, flag, rung};
use crate::types::reason;
use crate::window::rolling::Rolling;

/// One output of the newest prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputAnswer {
    /// Calibrated value; NaN without one.
    pub value: f64,
    /// Before calibration; NaN without one.
    pub raw: f64,
    /// Agreement of its members; NaN without one.
    pub agreement: f64,
}

/// One member's part in one output of the newest prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberAnswer {
    /// Number of the member.
    pub member: usize,
    /// Number of the output.
    pub output: usize,
    /// OK, MODEL_OUTPUT, what the backend said (BACKEND, DEADLINE, CLOSING), or WRONG_STATE for a member that is switched off or
    /// was not run.
    pub status: Status,
    /// Its value: a probability, or in the output's unit; NaN without one.
    pub value: f64,
    /// Weight as used, after renormalising; 0 when left out.
    pub weight: f64,
    /// Backend bits.
    pub backend: u16,
    /// Time of the member's run, ns; 0 by the host's clock.
    pub compute_ns: u32,
}

/// The newest prediction of a track with all that stands behind it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The record.
    pub prediction: Prediction,
    /// Outputs by number.
    pub outputs: Vec<OutputAnswer>,
    /// One a member and output that it gives, in the manifest's order.
    pub members: Vec<MemberAnswer>,
    /// Validity words of the row that was used.
    pub valid: Vec<u64>,
    /// Confidence of the phase, NaN when unknown.
    pub phase_confidence: f64,
    /// The generation that the lists fit.
    pub(super) generation: Arc<Generation>,
    pub(super) made: bool,
    pub(super) step: Option<u64>,
}

impl Answer {
    pub(super) fn new(generation: &Arc<Generation>) -> Answer {
        let words = generation.bundle.schema.width().div_ceil(64);
        let mut answer = Answer {
            prediction: Prediction::default(),
            outputs: Vec::new(),
            members: Vec::new(),
            valid: vec![0; words],
            phase_confidence: f64::NAN,
            generation: generation.clone(),
            made: false,
            step: None,
        };
        answer.fit(generation);
        answer
    }

    /// Makes the lists fit a generation's outputs and members.
    pub(super) fn fit(&mut self, generation: &Arc<Generation>) {
        let bundle = &generation.bundle;
        self.outputs.clear();
        self.outputs.resize(bundle.manifest.outputs.len(), OutputAnswer { value: f64::NAN, raw: f64::NAN, agreement: f64::NAN });
        self.members.clear();
        for (number, member) in bundle.members.iter().enumerate() {
            self.members.extend(member.spec.gives.iter().map(|give| MemberAnswer {
                member: number,
                output: give.output,
                status: Status::WrongState,
                value: f64::NAN,
                weight: 0.0,
                backend: member.backend.bits(),
                compute_ns: 0,
            }));
        }
        self.generation = generation.clone();
    }

    /// Number of the generation that the lists fit.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.outputs.capacity() * size_of::<OutputAnswer>() + self.members.capacity() * size_of::<MemberAnswer>() + self.valid.len() * 8
    }
}

/// Identity and time of a new prediction.
#[derive(Clone, Copy, Debug)]
pub struct PredictionId {
    pub epoch: u64,
    pub counter: u64,
    pub decided_ns: i64,
    /// Runs since the call began.
    pub timer: Timer,
    /// Members are timed one by one.
    pub sampled: bool,
}

impl Track {
    /// Makes the prediction of the newest step, unless that was done: then the same one is flagged
    /// REPEAT and `false` is answered.
    pub fn predict(&mut self, instances: &mut Instances, id: PredictionId, counters: &LaneCounters) -> bool {
        let step = self.feed.steps.checked_sub(1);
        self.due = false;
        if self.answer.made && self.answer.step == step {
            self.answer.prediction.signal |= u64::from(flag::REPEAT) << 8;
            return false;
        }
        let generation = instances.generation.clone();
        if self.answer.generation.number != generation.number {
            self.take_over(&generation);
        }
        let bundle = &*generation.bundle;
        let policy = &bundle.manifest.policy;
        let facts = self.limit_facts(bundle, id.decided_ns);
        let mut reasons = std::mem::take(&mut self.feed.pending) | limits::reasons(&facts, policy) | self.scope_reasons(bundle);
        let runnable = facts.ready && !facts.needed_missing && !facts.beyond_f32;
        let (phase, confidence) = self.phase(bundle);
        self.run_members(instances, runnable, &id);
        let combined = self.combine_outputs(bundle, phase);
        reasons |= self.member_reasons(bundle, policy.output, counters);
        if runnable {
            reasons |= ensemble_reasons(&combined, bundle.manifest.ensemble.quorum, policy);
        }
        (self.answer.phase_confidence, self.answer.step, self.answer.made) = (confidence, step, true);
        self.keep_valid();
        self.answer.prediction = self.record(&generation, &id, reasons, &combined, phase);
        counters.predictions.add(1);
        let abstained = self.answer.prediction.action() == Action::Abstain;
        if abstained {
            counters.abstentions.add(1)
        } else {
            counters.decisions.add(1)
        }
        self.answer.prediction.compute_ns = id.timer.elapsed_ns();
        true
    }

    fn limit_facts(&self, bundle: &Bundle, decided_ns: i64) -> Facts {
        let rows = if bundle.members.iter().any(|member| member.spec.input == InputShape::Window) { bundle.schema.window as u64 } else { 1 };
        let facts = self.feed.rows.facts();
        let missing = |words: &[u64]| words.iter().zip(&bundle.needed).any(|(valid, needed)| needed & !valid != 0);
        let valid = self.feed.window.valid();
        let newest = &valid[valid.len() - bundle.needed.len()..];
        Facts {
            ready: self.feed.rows.since() >= bundle.schema.ready() + rows,
            self_known_ns: self.feed.self_newest_ns,
            decided_ns,
            trained_until_ns: bundle.manifest.trained_until_ns,
            max_age_ns: bundle.manifest.max_age_ns,
            needed_missing: self.feed.rows.since() > 0 && if rows == 1 { missing(newest) } else { valid.chunks_exact(bundle.needed.len()).any(missing) },
            beyond_f32: facts.beyond_f32,
            out_of_range: facts.out_of_range,
        }
    }

    fn scope_reasons(&self, bundle: &Bundle) -> u64 {
        let manifest = &bundle.manifest;
        let in_sample = self.feed.step.is_some_and(|step| (manifest.trained_from_ns..manifest.trained_until_ns).contains(&step.close_ns));
        let mut bits = if self.out_of_scope { reason::OUT_OF_SCOPE } else { 0 };
        if in_sample {
            bits |= reason::IN_SAMPLE;
        }
        bits
    }

    fn phase(&self, bundle: &Bundle) -> (Phase, f64) {
        let (raw, valid) = self.feed.rows.raw();
        match (&bundle.manifest.ensemble.phase, &self.feed.step) {
            (Some(spec), Some(step)) => phase(spec, raw, valid, step.close),
            _ => (Phase::Unknown, f64::NAN),
        }
    }

    /// Runs every enabled member once and notes its value for each output that it gives.
    fn run_members(&mut self, instances: &mut Instances, runnable: bool, id: &PredictionId) {
        let Instances { generation, members, input, out } = instances;
        let bundle = &generation.bundle;
        let mut answers = self.answer.members.iter_mut();
        for (member, instance) in bundle.members.iter().zip(members) {
            let timer = id.sampled.then_some(id.timer);
            let before = timer.map_or(0, |timer| timer.elapsed_ns());
            let (input, out) = (&mut input[..member.backend.input_width()], &mut out[..member.backend.output_width()]);
            let status = if runnable && member.spec.enabled {
                fill_input(&bundle.schema, &self.feed.window, input);
                instance.run(input, out).map_or_else(|error| error.status(), |()| Status::Ok)
            } else {
                Status::WrongState
            };
            let compute_ns = timer.map_or(0, |timer| timer.elapsed_ns() - before);
            for (place, answer) in member.places.iter().zip(answers.by_ref()) {
                let value = (status == Status::Ok).then(|| checked(f64::from(out[*place]), member.spec.form));
                (answer.status, answer.value) = match value {
                    Some(Some(value)) => (Status::Ok, value),
                    Some(None) => (Status::ModelOutput, f64::NAN),
                    None => (status, f64::NAN),
                };
                (answer.weight, answer.compute_ns) = (0.0, compute_ns);
            }
        }
    }

    /// Combines and calibrates every output; answers the policy's.
    fn combine_outputs(&mut self, bundle: &Bundle, phase: Phase) -> Combined {
        let ensemble = &bundle.manifest.ensemble;
        let weights = match phase {
            Phase::Unknown => &ensemble.weights,
            known => ensemble.phase_weights[known as usize - 1].as_ref().unwrap_or(&ensemble.weights),
        };
        let mut chosen = Combined { value: None, agreement: f64::NAN, share: 0.0 };
        for (number, spec) in bundle.manifest.outputs.iter().enumerate() {
            let votes = self
                .answer
                .members
                .iter()
                .filter(|answer| answer.output == number)
                .map(|answer| Vote { weight: weights[answer.member], value: (answer.status == Status::Ok).then_some(answer.value) });
            let combined = combine(votes, ensemble.mix, spec.is_probability());
            let raw = combined.value.unwrap_or(f64::NAN);
            let value = combined.value.map_or(f64::NAN, |raw| calibrate(&bundle.manifest.calibration[number], raw));
            self.answer.outputs[number] = OutputAnswer { value, raw, agreement: combined.agreement };
            self.use_weights(number, weights);
            if number == bundle.manifest.policy.output {
                chosen = combined;
            }
        }
        chosen
    }

    /// Weights as used: over the members that answered they add up to 1.
    fn use_weights(&mut self, output: usize, weights: &[f64]) {
        let answered = |answer: &&mut MemberAnswer| answer.output == output && answer.status == Status::Ok;
        let total: f64 = self.answer.members.iter_mut().filter(answered).map(|answer| weights[answer.member]).sum();
        for answer in self.answer.members.iter_mut().filter(answered).filter(|_| total > 0.0) {
            answer.weight = weights[answer.member] / total;
        }
    }

    fn member_reasons(&self, bundle: &Bundle, output: usize, counters: &LaneCounters) -> u64 {
        let of_output = || self.answer.members.iter().filter(|answer| answer.output == output);
        if !of_output().any(|answer| bundle.members[answer.member].spec.enabled) {
            return reason::NO_MODEL;
        }
        let failed = of_output().filter(|answer| !matches!(answer.status, Status::Ok | Status::WrongState));
        let count = failed.clone().count() as u64;
        if count == 0 {
            return 0;
        }
        counters.member_failures.add(count);
        let silent = of_output().all(|answer| answer.status != Status::Ok);
        let why = failed.fold(0, |bits, answer| bits | if answer.status == Status::Deadline { reason::DEADLINE } else { reason::MODEL_OUTPUT });
        reason::MEMBER_FAILED | if silent { why } else { 0 }
    }

    fn keep_valid(&mut self) {
        match self.feed.window.newest() {
            Some((_, valid)) => self.answer.valid.copy_from_slice(valid),
            None => self.answer.valid.fill(0),
        }
    }

    fn record(&self, generation: &Generation, id: &PredictionId, reasons: u64, combined: &Combined, phase: Phase) -> Prediction {
        let bundle = &*generation.bundle;
        let policy = &bundle.manifest.policy;
        let output = self.answer.outputs[policy.output];
        let action = decide(policy, output.value, reasons);
        let used = self.answer.members.iter().filter(|answer| answer.output == policy.output && answer.weight > 0.0);
        let step = self.feed.steps.saturating_sub(1);
        let facts = self.feed.rows.facts();
        Prediction {
            signal: Prediction::pack_signal(action, flags(output.value, reasons), step, output.value as f32),
            id_epoch: id.epoch,
            id_counter: id.counter,
            step,
            known_ns: self.feed.used_ns,
            decided_ns: id.decided_ns,
            valid_until_ns: self.feed.step.map_or(0, |step| step.close_ns + policy.valid_for_ns),
            generation: generation.number,
            reasons,
            value: output.value as f32,
            raw: output.raw as f32,
            agreement: combined.agreement as f32,
            track: self.number,
            slot: generation.slot,
            backend: used.clone().fold(0, |bits, answer| bits | answer.backend),
            missing: facts.missing,
            out_of_range: facts.out_of_range,
            phase: phase as u8,
            rung: rung::CHAMPION,
            members_used: used.count() as u8,
            members_total: bundle.members.len() as u8,
            ..Prediction::default()
        }
    }
}

fn flags(value: f64, reasons: u64) -> u8 {
    let mut flags = if value.is_nan() { 0 } else { flag::VALUE };
    for (bit, flag) in [(reason::OUT_OF_SCOPE, flag::OUT_OF_SCOPE), (reason::IN_SAMPLE, flag::IN_SAMPLE), (reason::MEMBER_FAILED, flag::DEGRADED)] {
        flags |= if reasons & bit != 0 { flag } else { 0 };
    }
    flags
}

/// The newest rows as a model reads them: what is missing is replaced as the schema says.
fn fill_input(schema: &Schema, window: &Rolling, input: &mut [f32]) {
    let (width, words) = (schema.width(), schema.width().div_ceil(64));
    let (values, valid) = (window.values(), window.valid());
    let rows = input.len() / width;
    input.copy_from_slice(&values[values.len() - input.len()..]);
    let valid = &valid[valid.len() - rows * words..];
    for (row, valid) in input.chunks_exact_mut(width).zip(valid.chunks_exact(words)) {
        if valid.iter().map(|word| word.count_ones() as usize).sum::<usize>() == width {
            continue;
        }
        for (index, feature) in schema.features.iter().enumerate().filter(|(index, _)| valid[index / 64] >> (index % 64) & 1 == 0) {
            // Where nothing may stand for it the prediction abstains, and the model is not run.
            row[index] = feature.missing.replacement().unwrap_or(0.0);
        }
    }
}

/// How far a probability may leave 0..1 by rounding.
const PROBABILITY_SLACK: f64 = 1e-5;

/// The member's value in the output's unit; `None` for NaN, infinity, or what is no probability.
fn checked(value: f64, form: Form) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    match form {
        Form::Value => Some(value),
        Form::Logit => Some(sigmoid(value)),
        Form::Probability => (-PROBABILITY_SLACK..=1.0 + PROBABILITY_SLACK).contains(&value).then(|| value.clamp(0.0, 1.0)),
    }
}

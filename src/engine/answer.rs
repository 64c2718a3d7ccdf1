//! What stands behind a track's newest prediction.

use std::sync::Arc;

use crate::error::Status;
use crate::model::manifest::Manifest;
use crate::model::store::Generation;
use crate::types::Prediction;

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

impl OutputAnswer {
    const NONE: OutputAnswer = OutputAnswer { value: f64::NAN, raw: f64::NAN, agreement: f64::NAN };
}

/// One member's part in one output of the newest prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberAnswer {
    /// Number of the member.
    pub member: usize,
    /// Number of the output.
    pub output: usize,
    /// OK; MODEL_OUTPUT; what the backend said (BACKEND, DEADLINE, CLOSING); WRONG_STATE for a member that was not run, because
    /// it is switched off, stands outside the phase's set, or the row did not permit it; NO_PREDICTION for a stateful one whose state
    /// began anew with this generation and has not read as many rows as a window has. A meta-model that a value is missing
    /// for has the status of the first member that owes it one.
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
    /// The edge of an opportunity in its unit, NaN without one.
    pub expected_net: f64,
    /// Number of the generation that the lists fit.
    pub(super) generation: u64,
    /// What that one's bundle says of itself. The generation is not held: an answer that nobody renews must not pin its models.
    pub(super) manifest: Arc<Manifest>,
    pub(super) made: bool,
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
            expected_net: f64::NAN,
            generation: generation.number,
            manifest: generation.bundle.manifest.clone(),
            made: false,
        };
        answer.fit(generation);
        answer
    }

    /// Makes the lists fit a generation's outputs and members.
    pub(super) fn fit(&mut self, generation: &Arc<Generation>) {
        let bundle = &generation.bundle;
        self.outputs.clear();
        self.outputs.resize(bundle.manifest.outputs.len(), OutputAnswer::NONE);
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
        (self.generation, self.manifest) = (generation.number, bundle.manifest.clone());
    }

    /// Number of the generation that the lists fit.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.outputs.capacity() * size_of::<OutputAnswer>() + self.members.capacity() * size_of::<MemberAnswer>() + self.valid.len() * 8
    }
}

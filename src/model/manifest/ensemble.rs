//! How members are combined, and how the result is calibrated.

use super::members::{MemberSpec, OutputSpec};
use super::switching::{PHASES, read_sets};
use crate::config::text::Section;
use crate::features::spec::Schema;
use crate::model::member_set::MemberSet;
use crate::types::prediction::Phase;

/// What is averaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Logits, clipped to +-16.
    Logit,
    /// The members' own values.
    Probability,
}

/// Thresholds of the market phase and the features that it is read from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseSpec {
    /// Volatile where atr_14 / close is at least this.
    pub volatile_above: f64,
    /// Else trending where |sma_5 - sma_20| / atr_14 is at least this.
    pub trending_above: f64,
    /// Numbers of atr_14, sma_5 and sma_20 in the row.
    pub features: [usize; 3],
}

/// How members are combined.
#[derive(Clone, Debug, PartialEq)]
pub struct EnsembleSpec {
    /// What is averaged.
    pub mix: Mix,
    /// Least share of an output's weight that must have answered.
    pub quorum: f64,
    /// Weights by member.
    pub weights: Vec<f64>,
    /// Market phase, when the bundle knows it.
    pub phase: Option<PhaseSpec>,
    /// Weights by member in a phase: ranging, trending, volatile; `None` uses `weights`.
    pub phase_weights: [Option<Vec<f64>>; 3],
    /// Members that run in a phase: ranging, trending, volatile.
    pub sets: [MemberSet; 3],
}

impl EnsembleSpec {
    /// Weights by member in a phase.
    #[must_use]
    pub fn weights_in(&self, phase: Phase) -> &[f64] {
        let own = (phase as usize).checked_sub(1).and_then(|at| self.phase_weights[at].as_deref());
        own.unwrap_or(&self.weights)
    }

    /// Members that run in a phase; all of them where it is unknown.
    #[must_use]
    pub fn set_in(&self, phase: Phase) -> MemberSet {
        (phase as usize).checked_sub(1).map_or(MemberSet::ALL, |at| self.sets[at])
    }
}

/// From the combined value to a probability that can be believed.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// As it is.
    None,
    /// p = 1 / (1 + exp(-(a logit(raw) + b))).
    Platt {
        /// Slope.
        a: f64,
        /// Offset.
        b: f64,
    },
    /// Linear between knots, flat outside.
    Isotonic {
        /// Raw values, ascending.
        x: Vec<f64>,
        /// Calibrated values, not descending.
        y: Vec<f64>,
    },
}

/// Weights are shares of each other; this leaves their sums exact enough.
const WEIGHT_MOST: f64 = 1e6;

pub(super) fn read_ensemble(root: &mut Section<'_>, members: &[MemberSpec], outputs: &[OutputSpec], schema: Option<&Schema>) -> Option<EnsembleSpec> {
    let mut section = root.need_table("ensemble")?;
    section.need::<String>("mix");
    let mix = [Mix::Logit, Mix::Probability][section.choice("mix", 0, &["logit", "probability"])];
    let quorum = section.need::<f64>("quorum").unwrap_or(0.0);
    if !(0.0..=1.0).contains(&quorum) {
        section.wrong("quorum", &format!("{quorum}: a share of weight is in 0 to 1"));
    }
    let weights = section.need_table("weights").map(|table| read_weights(table, members)).unwrap_or_default();
    let thresholds = section.table("phase");
    let has_phase = thresholds.is_some();
    let phase = thresholds.and_then(|table| read_phase(table, schema));
    let phase_weights = PHASES.map(|key| section.table(key).map(|table| read_weights(table, members)));
    let sets = section.table("sets").map(|table| read_sets(table, members));
    if !has_phase && phase_weights.iter().any(Option::is_some) {
        section.wrong("phase", "weights by phase need the thresholds of [ensemble.phase]");
    }
    if !has_phase && sets.is_some() {
        section.wrong("sets", "sets by phase need the thresholds of [ensemble.phase]");
    }
    let spec = EnsembleSpec { mix, quorum, weights, phase, phase_weights, sets: sets.unwrap_or([MemberSet::ALL; 3]) };
    check_weights(&section, &spec, members, outputs);
    section.finish();
    Some(spec)
}

/// Every output has weight among the members that may run: all of them, and those of each set.
fn check_weights(section: &Section<'_>, spec: &EnsembleSpec, members: &[MemberSpec], outputs: &[OutputSpec]) {
    for weights in std::iter::once(&spec.weights).chain(spec.phase_weights.iter().flatten()) {
        if let Some(output) = weightless_output(members, weights, MemberSet::ALL) {
            section.wrong("weights", &format!("the members that give {} have no weight together", outputs[output].name));
        }
    }
    for (phase, name) in [Phase::Ranging, Phase::Trending, Phase::Volatile].into_iter().zip(PHASES) {
        let set = spec.set_in(phase);
        if set != MemberSet::ALL
            && let Some(output) = weightless_output(members, spec.weights_in(phase), set)
        {
            section.wrong("sets", &format!("{name}: the members of the set that give {} have no weight together in that phase", outputs[output].name));
        }
    }
}

/// Number of an output whose members' weights in the set add up to nothing.
fn weightless_output(members: &[MemberSpec], weights: &[f64], set: MemberSet) -> Option<usize> {
    if weights.iter().any(|weight| *weight < 0.0) {
        return None;
    }
    let running = || members.iter().zip(weights).enumerate().filter(|(number, _)| set.contains(*number)).map(|(_, pair)| pair);
    let total = |output: usize| -> f64 { running().filter(|(member, _)| member.gives_output(output)).map(|(_, weight)| weight).sum() };
    running().flat_map(|(member, _)| member.gives.iter().map(|give| give.output)).find(|output| total(*output) <= 0.0)
}

fn read_weights(mut table: Section<'_>, members: &[MemberSpec]) -> Vec<f64> {
    let weights: Vec<f64> = members.iter().map(|member| table.need(&member.name).unwrap_or(0.0)).collect();
    for (member, weight) in members.iter().zip(&weights) {
        if *weight < 0.0 {
            table.wrong(&member.name, "a weight is at least 0");
        } else if *weight > WEIGHT_MOST {
            table.wrong(&member.name, &format!("a weight is at most {WEIGHT_MOST}"));
        }
    }
    table.finish();
    weights
}

fn read_phase(mut table: Section<'_>, schema: Option<&Schema>) -> Option<PhaseSpec> {
    let (volatile_above, trending_above) = (table.need::<f64>("volatile_above"), table.need::<f64>("trending_above"));
    for (key, value) in [("volatile_above", volatile_above), ("trending_above", trending_above)] {
        if value.is_some_and(|value| value <= 0.0) {
            table.wrong(key, "must be above 0");
        }
    }
    let find = |name: &str| schema?.features.iter().position(|feature| feature.name == name);
    let features = [find("atr_14"), find("sma_5"), find("sma_20")];
    if schema.is_some() && features.iter().any(Option::is_none) {
        table.wrong("volatile_above", "the phase needs the features atr_14, sma_5 and sma_20 in the schema");
    }
    table.finish();
    let [Some(atr), Some(short), Some(long)] = features else { return None };
    Some(PhaseSpec { volatile_above: volatile_above?, trending_above: trending_above?, features: [atr, short, long] })
}

pub(super) fn read_calibration(root: &mut Section<'_>, outputs: &[OutputSpec]) -> Vec<Calibration> {
    let mut found = vec![Calibration::None; outputs.len()];
    let Some(mut section) = root.table("calibration") else { return found };
    for (output, place) in outputs.iter().zip(&mut found) {
        let Some(table) = section.table(&output.name) else { continue };
        if !output.is_probability() {
            section.wrong(&output.name, "only probabilities are calibrated");
        }
        *place = read_method(table);
    }
    section.finish();
    found
}

fn read_method(mut table: Section<'_>) -> Calibration {
    table.need::<String>("method");
    let method = match table.choice("method", 0, &["none", "platt", "isotonic"]) {
        1 => Calibration::Platt { a: table.need("a").unwrap_or(1.0), b: table.need("b").unwrap_or(0.0) },
        2 => {
            let (x, y): (Vec<f64>, Vec<f64>) = (table.need("x").unwrap_or_default(), table.need("y").unwrap_or_default());
            let ordered = x.windows(2).all(|pair| pair[0] < pair[1]) && y.windows(2).all(|pair| pair[0] <= pair[1]);
            if x.is_empty() || x.len() != y.len() || !ordered || y.iter().any(|y| !(0.0..=1.0).contains(y)) {
                table.wrong("x", "x ascends, y does not descend and is in 0 to 1, both have as many knots");
                Calibration::None
            } else {
                Calibration::Isotonic { x, y }
            }
        }
        _ => Calibration::None,
    };
    table.finish();
    method
}

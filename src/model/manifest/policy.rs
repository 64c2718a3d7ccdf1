//! What is done with the policy's output.

use super::ensemble::EnsembleSpec;
use super::members::{MemberSpec, OutputSpec};
use super::switching::PHASES;
use crate::config::text::Section;
use crate::model::member_set::MemberSet;

/// Limits of every decision, and the thresholds of its kind; ABSTAIN beyond the limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Number of the output, whose unit is a probability.
    pub output: usize,
    /// Thresholds.
    pub kind: PolicyKind,
    /// Least agreement.
    pub min_agreement: f64,
    /// Most features out of the trained range.
    pub max_out_of_range: u16,
    /// Greatest age of the newest event of role self at the decision, ns.
    pub max_data_age_ns: i64,
    /// How long a decision holds after the step's close, ns.
    pub valid_for_ns: i64,
}

/// From a value within the limits to an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PolicyKind {
    /// BUY at or above one threshold, SELL at or below another, HOLD between.
    Direction {
        /// BUY where the value is at least this.
        buy_at: f64,
        /// SELL where the value is at most this.
        sell_at: f64,
    },
    /// EXECUTE at or above one threshold where the edge is large enough too, WAIT at or above another, else SKIP. What is likely
    /// enough but has too small an edge is a WAIT: costs such as gas move while the odds stand.
    Opportunity {
        /// EXECUTE where the value is at least this.
        execute_at: f64,
        /// WAIT where the value is at least this.
        wait_at: f64,
        /// What executing must bring.
        edge: Option<EdgeSpec>,
    },
}

/// The net edge that an opportunity must have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeSpec {
    /// Number of the output that gives it, net of costs, in the output's unit.
    pub output: usize,
    /// EXECUTE needs at least this, in the same unit.
    pub min_edge: f64,
}

impl Policy {
    /// The output that gives the edge.
    #[must_use]
    pub fn edge(&self) -> Option<EdgeSpec> {
        match self.kind {
            PolicyKind::Direction { .. } => None,
            PolicyKind::Opportunity { edge, .. } => edge,
        }
    }
}

pub(super) fn read_policy(root: &mut Section<'_>, outputs: &[OutputSpec], members: &[MemberSpec], ensemble: Option<&EnsembleSpec>) -> Option<Policy> {
    let mut section = root.need_table("policy")?;
    section.need::<String>("kind");
    let kind = section.choice("kind", 0, &["direction", "opportunity"]);
    let given = Given { outputs, members, ensemble };
    let output = given.read(&mut section, "output", true);
    let kind = if kind == 0 { read_direction(&mut section) } else { read_opportunity(&mut section, &given) };
    let min_agreement = section.need::<f64>("min_agreement");
    if min_agreement.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
        section.wrong("min_agreement", "is in 0 to 1");
    }
    let max_out_of_range = section.need::<u16>("max_out_of_range");
    let (max_age, valid_for) = (read_ms(&mut section, "max_data_age_ms"), read_ms(&mut section, "valid_for_ms"));
    section.finish();
    Some(Policy {
        output: output?,
        kind: kind?,
        min_agreement: min_agreement?,
        max_out_of_range: max_out_of_range?,
        max_data_age_ns: max_age?,
        valid_for_ns: valid_for?,
    })
}

fn read_direction(section: &mut Section<'_>) -> Option<PolicyKind> {
    let (buy_at, sell_at) = (section.need::<f64>("buy_at"), section.need::<f64>("sell_at"));
    check_order(section, ["sell_at", "buy_at"], [sell_at, buy_at]);
    Some(PolicyKind::Direction { buy_at: buy_at?, sell_at: sell_at? })
}

fn read_opportunity(section: &mut Section<'_>, given: &Given<'_>) -> Option<PolicyKind> {
    let (execute_at, wait_at) = (section.need::<f64>("execute_at"), section.need::<f64>("wait_at"));
    check_order(section, ["wait_at", "execute_at"], [wait_at, execute_at]);
    let has_edge = section.raw("edge").is_some();
    let edge = if has_edge { given.read(section, "edge", false) } else { None };
    let min_edge = if has_edge { section.need::<f64>("min_edge") } else { section.get("min_edge") };
    if !has_edge && min_edge.is_some() {
        section.wrong("min_edge", "needs edge, the output that it is compared with");
    }
    let edge = if has_edge { Some(EdgeSpec { output: edge?, min_edge: min_edge? }) } else { None };
    Some(PolicyKind::Opportunity { execute_at: execute_at?, wait_at: wait_at?, edge })
}

/// Both thresholds are shares, the second above the first.
fn check_order(section: &Section<'_>, [low, high]: [&str; 2], values: [Option<f64>; 2]) {
    if let [Some(below), Some(above)] = values
        && !(0.0 <= below && below < above && above <= 1.0)
    {
        section.wrong(high, &format!("needs 0 <= {low} < {high} <= 1, found {below} and {above}"));
    }
}

/// What a policy may name.
struct Given<'m> {
    outputs: &'m [OutputSpec],
    members: &'m [MemberSpec],
    ensemble: Option<&'m EnsembleSpec>,
}

impl Given<'_> {
    /// Number of the output that a key names: of the unit that is asked for, and given by a member.
    fn read(&self, section: &mut Section<'_>, key: &str, probability: bool) -> Option<usize> {
        let name: String = section.need(key)?;
        let output = self.outputs.iter().position(|output| output.name == name && output.is_probability() == probability);
        let unit = if probability { "with unit \"probability\"" } else { "with another unit than \"probability\"" };
        match output {
            None => section.wrong(key, &format!("\"{name}\" is no output of [outputs] {unit}")),
            Some(output) if !self.is_given(output, MemberSet::ALL) => section.wrong(key, &format!("no member gives {name}")),
            Some(output) => self.check_sets(section, key, output),
        }
        output
    }

    fn is_given(&self, output: usize, set: MemberSet) -> bool {
        self.members.iter().enumerate().any(|(number, member)| set.contains(number) && member.gives_output(output))
    }

    /// A phase whose members do not give the output could never decide.
    fn check_sets(&self, section: &Section<'_>, key: &str, output: usize) {
        for (phase, set) in PHASES.iter().zip(self.ensemble.iter().flat_map(|ensemble| ensemble.sets)) {
            if !self.is_given(output, set) {
                section.wrong(key, &format!("no member of ensemble.sets.{phase} gives {}", self.outputs[output].name));
            }
        }
    }
}

fn read_ms(section: &mut Section<'_>, key: &str) -> Option<i64> {
    let ms = section.need::<u64>(key)?;
    let ns = i64::try_from(ms).ok().and_then(|ms| ms.checked_mul(1_000_000)).filter(|ns| *ns > 0 && *ns <= crate::types::event::TIME_SPAN_MOST_NS);
    if ns.is_none() {
        section.wrong(key, &format!("{ms}: must be from 1 ms to 100 years"));
    }
    ns
}

//! Outputs and members of a bundle.

use super::precision::read_precision;
use super::stacking::{MemberRead, read_reads};
use super::stateful::{StatePolicy, read_state};
use super::{FileRef, read_file_keys};
use crate::config::text::Section;
use crate::model::precision::Precision;
use crate::types::probability::sigmoid;

/// What an output says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Task {
    /// P(price rises).
    Direction = 0,
    /// A price or return.
    Value = 1,
    /// A volatility.
    Volatility = 2,
    /// P(an opportunity succeeds).
    Success = 3,
    /// A time.
    Duration = 4,
    /// A risk.
    Risk = 5,
}

const TASKS: [(&str, Task); 6] = [
    ("direction", Task::Direction),
    ("value", Task::Value),
    ("volatility", Task::Volatility),
    ("success", Task::Success),
    ("duration", Task::Duration),
    ("risk", Task::Risk),
];

/// One output of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSpec {
    /// Name.
    pub name: String,
    /// What it says.
    pub task: Task,
    /// How many steps ahead.
    pub horizon: u32,
    /// `probability`, or the unit of the value.
    pub unit: String,
}

impl OutputSpec {
    /// Its values are probabilities.
    #[must_use]
    pub fn is_probability(&self) -> bool {
        self.unit == "probability"
    }
}

/// What a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputShape {
    /// The newest row, [1, F].
    Row,
    /// The window, [1, W, F], oldest first.
    Window,
    /// Values of members that stand before it, [1, n]: a meta-model over them.
    Members,
}

impl InputShape {
    /// The name used in manifests: `"row"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            InputShape::Row => "row",
            InputShape::Window => "window",
            InputShape::Members => "members",
        }
    }
}

/// What a graph gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A probability.
    Probability,
    /// ln(p / (1 - p)).
    Logit,
    /// A value in the output's unit.
    Value,
}

/// How far a probability may leave 0..1 by rounding.
const PROBABILITY_SLACK: f64 = 1e-5;

impl Form {
    /// What a graph gave, in the output's unit; `None` for NaN, infinity, or what is no probability.
    #[must_use]
    pub fn value(self, given: f64) -> Option<f64> {
        if !given.is_finite() {
            return None;
        }
        match self {
            Form::Value => Some(given),
            Form::Logit => Some(sigmoid(given)),
            Form::Probability => (-PROBABILITY_SLACK..=1.0 + PROBABILITY_SLACK).contains(&given).then(|| given.clamp(0.0, 1.0)),
        }
    }
}

/// Which backend the manifest asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendChoice {
    /// The fixed choice.
    Default,
    /// A native kernel or nothing.
    Native,
    /// ONNX Runtime.
    Ort,
    /// rten.
    Rten,
}

/// Where a member's value for an output stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Give {
    /// Number of the output.
    pub output: usize,
    /// Name of the graph's tensor.
    pub tensor: String,
    /// Column of it.
    pub column: usize,
}

/// One member of a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberSpec {
    /// Name.
    pub name: String,
    /// Its graph.
    pub file: FileRef,
    /// What it reads.
    pub input: InputShape,
    /// The values of a meta-model's input, in its order; empty for others.
    pub reads: Vec<MemberRead>,
    /// What it carries from step to step.
    pub state: StatePolicy,
    /// Outputs of its graph with the inputs that they are in the next step; empty when its layers carry their own states.
    pub carry: Vec<(String, String)>,
    /// What it gives.
    pub form: Form,
    /// Where, for which outputs.
    pub gives: Vec<Give>,
    /// Absolute part of the tolerance against golden rows.
    pub abs: f64,
    /// Relative part.
    pub rel: f64,
    /// Asked backend.
    pub backend: BackendChoice,
    /// Most time of a run on a foreign backend, us.
    pub deadline_us: Option<u64>,
    /// How its weights are kept.
    pub precision: Precision,
    /// Largest allowed absolute error of each output against the golden rows, in the output's unit, where the weights are kept smaller
    /// than f32 (`precision_error`): of a probability also when the graph gives a logit. It takes the place of `abs` and `rel`, which
    /// the graph as it is stored must still meet.
    pub precision_error: Option<f64>,
    /// It takes part unless switched off.
    pub enabled: bool,
}

impl MemberSpec {
    /// It gives the output of this number.
    #[must_use]
    pub fn gives_output(&self, output: usize) -> bool {
        self.gives.iter().any(|give| give.output == output)
    }
}

pub(super) fn read_outputs(root: &mut Section<'_>) -> Vec<OutputSpec> {
    let Some(mut section) = root.need_table("outputs") else { return Vec::new() };
    let mut outputs = Vec::new();
    for name in section.keys() {
        section.check_name(&name, &name);
        let Some(mut output) = section.table(&name) else { continue };
        let task: String = output.need("task").unwrap_or_else(|| "direction".into());
        let found = TASKS.iter().find(|(known, _)| *known == task).map(|(_, task)| *task);
        if found.is_none() {
            output.wrong("task", &format!("\"{task}\" is none of {}", TASKS.map(|(name, _)| name).join(", ")));
        }
        let horizon = output.need::<u32>("horizon").unwrap_or(1);
        if horizon == 0 {
            output.wrong("horizon", "is in steps, from 1");
        }
        let unit: String = output.need("unit").unwrap_or_default();
        if unit.is_empty() {
            output.wrong("unit", "must be \"probability\" or the unit of the value");
        }
        output.finish();
        outputs.push(OutputSpec { name, task: found.unwrap_or(Task::Direction), horizon, unit });
    }
    section.finish();
    if outputs.is_empty() || outputs.len() > 64 {
        root.wrong("outputs", "a bundle has 1 to 64 outputs");
    }
    outputs
}

pub(super) fn read_members(root: &mut Section<'_>, outputs: &[OutputSpec]) -> Vec<MemberSpec> {
    let Some(mut section) = root.need_table("models") else { return Vec::new() };
    let mut members = Vec::new();
    for name in section.keys() {
        section.check_name(&name, &name);
        let Some(member) = section.table(&name) else { continue };
        let read = read_member(name, member, outputs, &members);
        members.extend(read);
    }
    section.finish();
    if root.keys().iter().any(|key| key == "models") && (members.len() > 64) {
        root.wrong("models", "a bundle has at most 64 members");
    }
    members
}

fn read_member(name: String, mut section: Section<'_>, outputs: &[OutputSpec], before: &[MemberSpec]) -> Option<MemberSpec> {
    let file = read_file_keys(&mut section);
    let inputs = [InputShape::Row, InputShape::Window, InputShape::Members];
    let input = inputs[needed_choice(&mut section, "input", &inputs.map(InputShape::name))];
    let reads = read_reads(&mut section, input, before, outputs);
    let form = [Form::Probability, Form::Logit, Form::Value][needed_choice(&mut section, "form", &["probability", "logit", "value"])];
    let gives = read_gives(&mut section, outputs, form);
    let (abs, rel) = (tolerance(&mut section, "abs"), tolerance(&mut section, "rel"));
    let choices = [BackendChoice::Default, BackendChoice::Native, BackendChoice::Ort, BackendChoice::Rten];
    let backend = choices[section.choice("backend", 0, &["default", "native", "ort", "rten"])];
    let (state, carry) = read_state(&mut section, input, backend);
    let enabled = section.or("enabled", true);
    let (precision, precision_error) = read_precision(&mut section, backend, state);
    later_keys(&mut section);
    let deadline_us = section.get::<u64>("deadline_us");
    if deadline_us == Some(0) {
        section.wrong("deadline_us", "must be above 0; leave it out for the default of 1 s");
    }
    section.finish();
    Some(MemberSpec { name, file: file?, input, reads, state, carry, form, gives, abs, rel, backend, deadline_us, precision, precision_error, enabled })
}

/// A key whose other values come with later backends.
fn later_keys(section: &mut Section<'_>) {
    if let Some(device) = section.get::<String>("device").filter(|device| device != "cpu") {
        section.wrong("device", &format!("\"{device}\" is not in this build, only \"cpu\""));
    }
}

fn needed_choice(section: &mut Section<'_>, key: &str, choices: &[&str]) -> usize {
    section.need::<String>(key);
    section.choice(key, 0, choices)
}

fn tolerance(section: &mut Section<'_>, key: &str) -> f64 {
    let value = section.need::<f64>(key).unwrap_or(0.0);
    if !(0.0..=0.1).contains(&value) {
        section.wrong(key, &format!("{value}: a tolerance is from 0 to 0.1"));
    }
    value
}

fn read_gives(section: &mut Section<'_>, outputs: &[OutputSpec], form: Form) -> Vec<Give> {
    let Some(mut table) = section.need_table("gives") else { return Vec::new() };
    let mut gives = Vec::new();
    for name in table.keys() {
        let Some(place) = table.get::<String>(&name) else { continue };
        let output = outputs.iter().position(|output| output.name == name);
        let parsed = place.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        let column = parsed.and_then(|(tensor, column)| Some((tensor.to_owned(), column.parse().ok()?)));
        match (output, column) {
            (Some(output), Some((tensor, column))) => {
                if outputs[output].is_probability() == (form == Form::Value) {
                    table.wrong(&name, "form and the output's unit do not match: a probability or logit for unit \"probability\", a value for others");
                }
                gives.push(Give { output, tensor, column });
            }
            (None, _) => table.wrong(&name, "is no output of [outputs]"),
            (_, None) => table.wrong(&name, &format!("\"{place}\" must be a tensor with a column, such as \"probabilities[1]\"")),
        }
    }
    table.finish();
    if gives.is_empty() {
        section.wrong("gives", "a member gives at least one output");
    }
    gives
}

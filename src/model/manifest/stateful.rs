//! What a stateful member carries from step to step (`state`, `carry`).
//!
//! A *stateful* model reads one row a step and hands what it makes of it to the next step: it has seen every row of a track, not the last
//! W, and costs one row's work. It is another model than one over windows. It reads every closed step once, in their order, whether or
//! not anybody asks for a prediction of it. Its state begins anew
//!
//! - where the track's own state does: when it is opened, after `reset_after` missing steps, at a RESET mark;
//! - behind a row in which a feature that must not be missing is, since a state is that of rows without a gap; rows before every
//!   feature is ready are not read;
//! - with a new generation: `reset` from its first values, `replay` from the last W rows, which the new model reads at once. A state that
//!   was rebuilt by `replay` is that of a model over windows at its first step, and has read one row more with each further one.
//!
//! Until a state has read W rows (`window.rows`) its member has no value: after a `reset` it is left out so long, and where no other
//! member answers, the prediction abstains with WARMING. Elsewhere NOT_READY and FEATURE_MISSING say so as for a window.

use super::members::{BackendChoice, InputShape};
use crate::config::text::Section;

/// What becomes of a member's state when a new generation serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatePolicy {
    /// The member carries none: every run stands alone.
    #[default]
    None,
    /// It begins anew.
    Reset,
    /// It is rebuilt from the rows of the window.
    Replay,
}

impl StatePolicy {
    const ALL: [StatePolicy; 3] = [StatePolicy::None, StatePolicy::Reset, StatePolicy::Replay];

    /// The name used in manifests: `"reset"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            StatePolicy::None => "none",
            StatePolicy::Reset => "reset",
            StatePolicy::Replay => "replay",
        }
    }
}

/// `state`, and `carry`: outputs of the graph with the inputs that they are in the next step.
pub(super) fn read_state(section: &mut Section<'_>, input: InputShape, backend: BackendChoice) -> (StatePolicy, Vec<(String, String)>) {
    let state = StatePolicy::ALL[section.choice("state", 0, &StatePolicy::ALL.map(StatePolicy::name))];
    let carry = read_carry(section);
    if state == StatePolicy::None {
        if !carry.is_empty() {
            section.wrong("carry", "only a member with state = \"reset\" or \"replay\" carries something");
        }
        return (state, carry);
    }
    if input != InputShape::Row {
        section.wrong("input", &format!("a stateful model (state = \"{}\") reads one row a step: \"row\"", state.name()));
    }
    if !matches!(backend, BackendChoice::Default | BackendChoice::Native) {
        section.wrong("backend", "native kernels alone carry a state: \"default\" or \"native\"");
    }
    (state, carry)
}

fn read_carry(section: &mut Section<'_>) -> Vec<(String, String)> {
    let Some(mut table) = section.table("carry") else { return Vec::new() };
    let pairs: Vec<_> = table.keys().into_iter().filter_map(|output| table.get::<String>(&output).map(|input| (output, input))).collect();
    table.finish();
    if pairs.is_empty() {
        section.wrong("carry", "names at least one output with the input that it is in the next step, such as { hn = \"h0\" }");
    }
    pairs
}

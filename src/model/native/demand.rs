//! What the outputs ask for: the rest of a plan is not made.
//!
//! A network that looks at the last step of a window needs only some rows of its last layers, such as one query of an attention.

use super::plan::{Place, Step};
use super::units::{Units, chosen};

/// For each step the units that some output depends on; `None` for all.
pub(super) fn demanded(steps: &[Step], outputs: impl Iterator<Item = (Place, usize)>, scratch_len: usize) -> Vec<Option<Units>> {
    let mut asked = vec![false; scratch_len];
    let mut ask = |place: Place, from: usize, to: usize| {
        if let Place::Scratch(at) = place {
            asked[at + from..at + to].fill(true);
        }
    };
    outputs.for_each(|(place, width)| ask(place, 0, width));
    let mut demanded: Vec<Option<Units>> = steps.iter().rev().map(|step| of_step(step, &mut asked)).collect();
    demanded.reverse();
    demanded
}

fn of_step(step: &Step, asked: &mut [bool]) -> Option<Units> {
    let width = step.unit;
    let units = chosen(step.units(), |unit| asked[step.at + unit * width..step.at + (unit + 1) * width].contains(&true));
    let mut mark = |place: Place, values: std::ops::Range<usize>| {
        if let Place::Scratch(at) = place {
            asked[at + values.start..at + values.end].fill(true);
        }
    };
    let all = 0..step.units();
    units.as_deref().unwrap_or(std::slice::from_ref(&all)).iter().for_each(|units| step.reads_of(units.clone(), &mut mark));
    units
}

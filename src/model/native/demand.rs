//! What the outputs ask for: the rest of a plan is not made.
//!
//! A network that looks at the last step of a window needs only some rows of its last layers, such as one query of an attention.

use std::ops::Range;

use super::pairs::{Pairs, Sight, around};
use super::plan::{Kernel, Place, Step};
use super::units::{Units, chosen};

/// Finds for each step the units that some output depends on, and for products the values of each row.
pub(super) fn demand(steps: &mut [Step], outputs: impl Iterator<Item = (Place, usize)>, scratch_len: usize) {
    let mut asked = vec![false; scratch_len];
    let mut ask = |place: Place, from: usize, to: usize| {
        if let Place::Scratch(at) = place {
            asked[at + from..at + to].fill(true);
        }
    };
    outputs.for_each(|(place, width)| ask(place, 0, width));
    steps.iter_mut().rev().for_each(|step| of_step(step, &mut asked));
}

fn of_step(step: &mut Step, asked: &mut [bool]) {
    let (at, width) = (step.at, step.unit);
    let units = chosen(step.units(), |unit| asked[at + unit * width..at + (unit + 1) * width].contains(&true));
    if let Kernel::Pairs { pairs, .. } = &mut step.kernel {
        pairs.columns_seen = columns_seen(pairs, &asked[at..at + step.width]);
    }
    let mut mark = |place: Place, values: Range<usize>| {
        if let Place::Scratch(at) = place {
            asked[at + values.start..at + values.end].fill(true);
        }
    };
    let all = 0..step.units();
    units.as_deref().unwrap_or(std::slice::from_ref(&all)).iter().for_each(|units| step.reads_of(units.clone(), &mut mark));
    step.wanted = units.and_then(|units| if is_by_value(&step.kernel) { without_gaps(units, step.units()) } else { Some(units) });
}

/// Scores that a mask hides are not asked for.
fn columns_seen(pairs: &Pairs, asked: &[bool]) -> Option<Sight> {
    Sight::of(asked.chunks_exact(pairs.columns).map(|row| around(row.iter().copied())), pairs.columns)
}

/// Each value is made of one of each source by arithmetic alone, so that those between others can be made of whatever is there.
fn is_by_value(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Activation(_) | Kernel::Constant { .. } | Kernel::Binary { .. })
}

/// Units that are made although nobody asks for them: beginning anew costs more.
const GAP: usize = 128;

/// Joins stretches that lie near one another; `None` where that leaves all units.
fn without_gaps(units: Units, count: usize) -> Option<Units> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for units in units {
        match joined.last_mut() {
            Some(last) if units.start - last.end <= GAP => last.end = units.end,
            _ => joined.push(units),
        }
    }
    (joined != [0..count]).then(|| joined.into())
}

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
    step.wanted = units.and_then(|units| if is_by_value(&step.kernel) { without_gaps(units, step.unit, step.units()) } else { Some(units) });
}

/// Scores that a mask hides are not asked for.
fn columns_seen(pairs: &Pairs, asked: &[bool]) -> Option<Sight> {
    Sight::of(asked.chunks_exact(pairs.columns).map(|row| around(row.iter().copied())), pairs.columns)
}

/// Each value is made of one of each source by arithmetic alone, so that those between others can be made of whatever is there.
fn is_by_value(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Activation(_) | Kernel::Constant { .. } | Kernel::Binary { .. })
}

/// Values that are made although nobody asks for them: beginning anew costs more.
const GAP: usize = 128;

/// Joins stretches of units of `width` values that lie near one another; `None` where that leaves all `count` units.
fn without_gaps(units: Units, width: usize, count: usize) -> Option<Units> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for units in units {
        match joined.last_mut() {
            Some(last) if (units.start - last.end) * width <= GAP => last.end = units.end,
            _ => joined.push(units),
        }
    }
    (joined.as_slice() != std::slice::from_ref(&(0..count))).then(|| joined.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::mask::{Cell, Mask};
    use crate::model::native::rowwise::Binary;

    const SCORES: usize = 9;

    /// Three queries and keys of two values, scaled and masked as a causal network does; the outputs are `asked` rows of the result.
    fn plan(asked: Range<usize>) -> Vec<Step> {
        let hidden = |at: usize| if at % 3 > at / 3 { Cell::added(f32::NEG_INFINITY) } else { Cell::KEPT };
        let pairs = Pairs { starts: vec![(0, 0)], rows: 3, inner: 2, columns: 3, a: (2, 1), b: (1, 2), inner_seen: None, columns_seen: None };
        let product = Kernel::Pairs { pairs, other: Place::Scratch(6), other_width: 6 };
        let mut steps = vec![
            Step::new(Kernel::Copy, (Place::Row(0), 6), (0, 6), true),
            Step::new(Kernel::Copy, (Place::Row(0), 6), (6, 6), true),
            Step::new(product, (Place::Scratch(0), 6), (12, SCORES), true),
            Step::new(Kernel::Constant { op: Binary::Mul, constant: vec![0.5].into(), first: false }, (Place::Scratch(12), SCORES), (21, SCORES), true),
            Step::new(Kernel::Masked(Mask::new(&(0..9).map(hidden).collect::<Vec<_>>())), (Place::Scratch(21), SCORES), (30, SCORES), true),
        ];
        demand(&mut steps, std::iter::once((Place::Scratch(30 + asked.start * 3), asked.len() * 3)), 39);
        steps
    }

    #[test]
    fn what_a_mask_hides_is_not_asked_for() {
        let steps = plan(0..2);
        let Kernel::Pairs { pairs, .. } = &steps[2].kernel else { panic!("no product") };
        let seen = pairs.columns_seen.as_ref().unwrap();
        assert_eq!([0, 1].map(|row| seen.around(row..row + 1)), [0..1, 0..2]);
        let wanted = |step: usize| steps[step].wanted.as_deref().unwrap().to_vec();
        let one = |units: Range<usize>| std::iter::once(units).collect::<Vec<_>>();
        assert_eq!(wanted(2), one(0..2), "rows of queries");
        assert_eq!(wanted(3), one(0..5), "with the gap of one row");
        assert_eq!((wanted(0), wanted(1)), (one(0..4), one(0..4)), "two queries, two keys");
    }

    #[test]
    fn rows_that_see_all_are_whole() {
        let steps = plan(2..3);
        let Kernel::Pairs { pairs, .. } = &steps[2].kernel else { panic!("no product") };
        assert!(pairs.columns_seen.is_none() && steps[1].wanted.is_none());
        assert_eq!(steps[0].wanted.as_deref(), Some(std::slice::from_ref(&(4..6))));
    }

    #[test]
    fn only_small_gaps_are_filled() {
        let units: Units = [0..1, 3..4, 40..41].into();
        assert_eq!(without_gaps(units.clone(), 4, 50).as_deref(), Some(&[0..4, 40..41][..]));
        assert_eq!(without_gaps(units, 1, 41), None);
    }
}

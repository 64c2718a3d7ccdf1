//! Values that are the same whatever the row is: cells that a mask hides, and the shares that a softmax leaves them.
//!
//! A share of 0 has no part in what it weighs, so a product of shares and values sums over the others alone. That is what a network of
//! numbers gives anyway; where a value that is not seen is infinite or NaN, plain arithmetic would have 0 times it make the whole sum NaN.
//! A NaN among the scores that are seen is a NaN among the shares that are seen, so it still comes out.

use super::mask::Cell;
use super::pairs::{Pairs, Sight, around};
use super::plan::{Kernel, Place, Step};
use super::rowwise::Binary;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    /// It is minus infinity.
    Masked,
    /// It is 0, or NaN with everything beside it.
    Zero,
}

/// Tells every product which of its shares are always 0. Plans without masks are left as they are.
pub(super) fn narrow(steps: &mut [Step], scratch_len: usize) {
    if !steps.iter().any(|step| matches!(step.kernel, Kernel::Masked(_))) {
        return;
    }
    let mut known = vec![Known::Nothing; scratch_len];
    for step in steps {
        let Place::Scratch(from) = step.from else { continue };
        let (before, rest) = known.split_at_mut(step.at);
        let (to, width) = (&mut rest[..step.width], step.from_width);
        match &mut step.kernel {
            Kernel::Pairs { pairs, .. } => pairs.inner_seen = inner_seen(pairs, &before[from..from + width]),
            kernel => follow(kernel, &before[from..from + width], to),
        }
    }
}

/// What is known of the values that a kernel makes of others.
fn follow(kernel: &Kernel, from: &[Known], to: &mut [Known]) {
    match kernel {
        Kernel::Masked(mask) => to.iter_mut().zip(from).enumerate().for_each(|(at, (to, from))| *to = masked(mask.cell(at), *from)),
        Kernel::Copy => to.copy_from_slice(from),
        Kernel::Pick { index, .. } => {
            // A share of 0 is NaN where its row is: it stands for itself only among that row.
            let in_order = index.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
            let moved = |known: Known| if in_order || known == Known::Masked { known } else { Known::Nothing };
            to.iter_mut().zip(index).for_each(|(to, index)| *to = from.get(*index as usize).copied().map_or(Known::Nothing, moved));
        }
        Kernel::Constant { op: Binary::Mul, constant, .. } if from.len() == to.len() && constant.iter().all(|factor| factor.is_normal() && *factor > 0.0) => {
            to.copy_from_slice(from);
        }
        Kernel::Softmax { columns } => to.chunks_exact_mut(*columns).zip(from.chunks_exact(*columns)).for_each(|(to, from)| shares(from, to)),
        _ => {}
    }
}

fn masked(cell: Cell, from: Known) -> Known {
    match cell {
        Cell::Hidden { fill: f32::NEG_INFINITY } => Known::Masked,
        Cell::Seen { term } if term.is_finite() && from == Known::Masked => Known::Masked,
        _ => Known::Nothing,
    }
}

/// A row of which nothing is seen has NaN for shares.
fn shares(from: &[Known], to: &mut [Known]) {
    if from.iter().any(|known| *known != Known::Masked) {
        to.iter_mut().zip(from).filter(|(_, from)| **from == Known::Masked).for_each(|(to, _)| *to = Known::Zero);
    }
}

/// What is not 0 of each row of shares, where they lie side by side as the softmax has left them.
fn inner_seen(pairs: &Pairs, shares: &[Known]) -> Option<Sight> {
    if pairs.a.1 != 1 {
        return None;
    }
    let row = |start: usize| around(shares[start..start + pairs.inner].iter().map(|share| *share != Known::Zero));
    let whole = 0..pairs.inner;
    let seen = |start: usize| Some(row(start)).filter(|seen| !seen.is_empty()).unwrap_or(whole.clone());
    let starts = pairs.starts.iter().flat_map(|(start, _)| (0..pairs.rows).map(move |row| start + row * pairs.a.0));
    Sight::of(starts.map(seen), pairs.inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::mask::Mask;

    const HIDDEN: Cell = Cell::Hidden { fill: f32::NEG_INFINITY };

    fn step(kernel: Kernel, from: Place, at: usize, len: usize) -> Step {
        Step::new(kernel, (from, len), (at, len), true)
    }

    fn product(at: usize) -> Step {
        let pairs = Pairs { starts: vec![(0, 0)], rows: 3, inner: 3, columns: 1, a: (3, 1), b: (1, 1), inner_seen: None, columns_seen: None };
        Step::new(Kernel::Pairs { pairs, other: Place::Row(0), other_width: 3 }, (Place::Scratch(at), 9), (at + 9, 3), true)
    }

    fn seen(mut steps: Vec<Step>) -> Option<Vec<std::ops::Range<usize>>> {
        narrow(&mut steps, 64);
        let Some(Kernel::Pairs { pairs, .. }) = steps.pop().map(|step| step.kernel) else { panic!("no product") };
        pairs.inner_seen.map(|seen| (0..3).map(|row| seen.around(row..row + 1)).collect())
    }

    #[test]
    fn shares_of_what_is_hidden_are_left_out() {
        let cells = [Cell::KEPT, HIDDEN, HIDDEN, HIDDEN, Cell::KEPT, Cell::KEPT, HIDDEN, HIDDEN, HIDDEN];
        let masked = || step(Kernel::Masked(Mask::new(&cells)), Place::Row(0), 0, 9);
        let second = Mask::new(&[Cell::added(0.5)]);
        let plan = |first: Step| {
            vec![
                step(Kernel::Copy, Place::Row(0), 0, 9),
                Step { from: Place::Scratch(0), at: 9, ..first },
                step(Kernel::Masked(Mask::new(&[Cell::added(1.5)])), Place::Scratch(9), 18, 9),
                step(Kernel::Softmax { columns: 3 }, Place::Scratch(18), 27, 9),
                step(Kernel::Pick { index: (0..9).collect(), fill: 0.0 }, Place::Scratch(27), 36, 9),
                product(36),
            ]
        };
        // Of the last row nothing is seen: all shares are NaN, so nothing is left out.
        assert_eq!(seen(plan(masked())), Some(vec![0..1, 1..3, 0..3]));
        assert_eq!(seen(plan(step(Kernel::Masked(second), Place::Row(0), 0, 9))), None);
    }
}

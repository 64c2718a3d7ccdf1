//! What the rows of a product see of an axis, and sums that stop there.

use std::ops::Range;

use super::{Pairs, SIDE};
use crate::model::native::block::{Block, WIDTH};

/// For every row of all matrices the stretch of an axis that matters to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Sight(Box<[Range<u32>]>);

impl Sight {
    /// `None` when every row that sees something sees all of `len`.
    pub(in super::super) fn of(rows: impl Iterator<Item = Range<usize>>, len: usize) -> Option<Sight> {
        let rows: Box<[Range<u32>]> = rows.map(|row| row.start as u32..row.end as u32).collect();
        let is_less = |row: &Range<u32>| !row.is_empty() && row.len() < len;
        rows.iter().any(is_less).then_some(Sight(rows))
    }

    /// The smallest stretch around what `rows` see.
    pub(in super::super) fn around(&self, rows: Range<usize>) -> Range<usize> {
        let seen = self.0[rows].iter().filter(|row| !row.is_empty());
        let around = seen.cloned().reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
        around.start as usize..around.end as usize
    }

    fn row(&self, row: usize) -> Range<usize> {
        self.0[row].start as usize..self.0[row].end as usize
    }
}

/// The smallest stretch around the places that are chosen.
pub(in super::super) fn around(places: impl Iterator<Item = bool>) -> Range<usize> {
    let mut around = 0..0;
    for (at, _) in places.enumerate().filter(|(_, is_chosen)| *is_chosen) {
        around = if around.is_empty() { at..at + 1 } else { around.start..at + 1 };
    }
    around
}

impl Pairs {
    /// Rows one by one over columns that lie side by side, from `unit` of all matrices on.
    #[inline(always)]
    pub(super) fn few(&self, unit: usize, a: &[f32], b: &[f32], to: &mut [f32]) {
        for (row, to) in to.chunks_exact_mut(self.columns).enumerate() {
            let (a, inner) = (&a[row * self.a.0..], self.inner_of(unit + row..unit + row + 1));
            for (block, to) in to.chunks_mut(WIDTH).enumerate() {
                let (mut sums, weights) = ([0.0; WIDTH], &b[block * WIDTH..]);
                for inner in inner.clone() {
                    let (x, weights) = (a[inner * self.a.1], &weights[inner * self.b.0..][..to.len()]);
                    match <&Block>::try_from(weights) {
                        Ok(weights) => add(&mut sums, weights, x),
                        Err(_) => add(&mut sums, weights, x),
                    }
                }
                to.copy_from_slice(&sums[..to.len()]);
            }
        }
    }

    /// As [`Pairs::matrix`], for rows that begin with `unit` of all matrices: blocks of columns that none of some neighbours needs are
    /// left as they are, and each row's sums are over what it sees alone.
    #[inline(always)]
    pub(super) fn matrix_in_sight(&self, unit: usize, a: &[f32], packed: &[Block], to: &mut [f32]) {
        let rows = to.len() / self.columns;
        for (block, packed) in packed.chunks_exact(self.inner).enumerate() {
            let place = block * WIDTH..self.columns.min((block + 1) * WIDTH);
            let mut row = 0;
            while row < rows {
                let side = if row + SIDE <= rows { SIDE } else { 1 };
                let columns = self.columns_of(unit + row..unit + row + side);
                if columns.start < place.end && place.start < columns.end {
                    let (a, to) = (&a[row * self.a.0..], &mut to[row * self.columns..]);
                    match (&self.inner_seen, side) {
                        (None, SIDE) => self.side::<SIDE>(a, packed, to, place.clone()),
                        (None, _) => self.side::<1>(a, packed, to, place.clone()),
                        (Some(seen), SIDE) => self.side_in_sight::<SIDE>(seen, unit + row, a, packed, to, place.clone()),
                        (Some(seen), _) => self.side_in_sight::<1>(seen, unit + row, a, packed, to, place.clone()),
                    }
                }
                row += side;
            }
        }
    }

    /// As [`Pairs::side`]: what all rows see side by side, and what lies before and behind that each row by itself.
    #[inline(always)]
    fn side_in_sight<const N: usize>(&self, seen: &Sight, unit: usize, a: &[f32], packed: &[Block], to: &mut [f32], place: Range<usize>) {
        let seen: [Range<usize>; N] = std::array::from_fn(|row| seen.row(unit + row));
        let start = seen.iter().map(|seen| seen.start).max().unwrap_or(0);
        let end = seen.iter().map(|seen| seen.end).min().unwrap_or(0).max(start);
        let rows: [&[f32]; N] = std::array::from_fn(|row| &a[row * self.a.0..]);
        let mut sums = [[0.0; WIDTH]; N];
        for (row, sums) in sums.iter_mut().enumerate() {
            self.add_alone(sums, seen[row].start..seen[row].end.min(start), rows[row], packed);
        }
        let mut sums = self.add_together(sums, &rows, start, &packed[start..end]);
        for (row, sums) in sums.iter_mut().enumerate() {
            self.add_alone(sums, seen[row].start.max(end)..seen[row].end, rows[row], packed);
        }
        self.store(&sums, to, place);
    }

    /// Sums of their own, which stay in registers.
    #[inline(always)]
    fn add_together<const N: usize>(&self, mut sums: [Block; N], rows: &[&[f32]; N], start: usize, packed: &[Block]) -> [Block; N] {
        for (inner, weights) in packed.iter().enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                add(sums, weights, row[(start + inner) * self.a.1]);
            }
        }
        sums
    }

    #[inline(always)]
    fn add_alone(&self, sums: &mut Block, stretch: Range<usize>, row: &[f32], packed: &[Block]) {
        let mut sum = *sums;
        for inner in stretch {
            add(&mut sum, &packed[inner], row[inner * self.a.1]);
        }
        *sums = sum;
    }
}

#[inline(always)]
fn add(sums: &mut Block, weights: &[f32], x: f32) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = weight.mul_add(x, *sum);
    }
}

//! Products of two values that the row has made, such as the scores of an attention and what they weigh.
//!
//! Every value is one chain: from 0 over the inner axis in its order, each step a fused multiply-add in f32.

mod sight;

use std::ops::Range;

use super::block::{Block, WIDTH, blocks, filled};
use super::simd::Work;
use super::sums::Registers;
pub(super) use sight::{Sight, around};

/// Matrices `a` times matrices `b`, one after the other. Where their values lie is told by strides, so nothing is moved before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pairs {
    /// The first value of each matrix of both.
    pub(super) starts: Vec<(usize, usize)>,
    pub(super) rows: usize,
    pub(super) inner: usize,
    pub(super) columns: usize,
    /// From a row of `a` to the next, and from one value of the inner axis to the next.
    pub(super) a: (usize, usize),
    /// From one value of the inner axis of `b` to the next, and from a column to the next.
    pub(super) b: (usize, usize),
    /// What each row's sums are over, where that is not the whole inner axis: the rest has no share, whatever it is.
    pub(super) inner_seen: Option<Sight>,
    /// Around the values of each row that are asked for, where those are not all.
    pub(super) columns_seen: Option<Sight>,
}

impl Pairs {
    /// Visits the stretches that rows of the result are made from, of `a` (`true`) and `b`.
    pub(super) fn reads(&self, rows: Range<usize>, visit: &mut dyn FnMut(bool, Range<usize>)) {
        let is_exact = self.is_narrowed();
        for matrix in rows.start / self.rows..rows.end.div_ceil(self.rows) {
            let (a, b) = self.starts[matrix];
            let (first, end) = (rows.start.max(matrix * self.rows), rows.end.min((matrix + 1) * self.rows));
            let (inner, columns) = (self.inner_of(first..end), self.columns_of(first..end));
            let ours = first - matrix * self.rows..end - matrix * self.rows;
            stretches(a, (ours, self.a.0), (inner.clone(), self.a.1), is_exact, &mut |values| visit(true, values));
            stretches(b, (inner, self.b.0), (columns, self.b.1), is_exact, &mut |values| visit(false, values));
        }
    }

    /// Some rows need less than the whole of both sides.
    fn is_narrowed(&self) -> bool {
        self.inner_seen.is_some() || self.columns_seen.is_some()
    }

    fn inner_of(&self, rows: Range<usize>) -> Range<usize> {
        self.inner_seen.as_ref().map_or(0..self.inner, |seen| seen.around(rows))
    }

    fn columns_of(&self, rows: Range<usize>) -> Range<usize> {
        self.columns_seen.as_ref().map_or(0..self.columns, |seen| seen.around(rows))
    }

    /// One matrix of `b` in blocks of columns.
    pub(super) fn scratch_len(&self) -> usize {
        blocks(self.columns) * self.inner * WIDTH
    }

    pub(super) fn cost(&self) -> u64 {
        [self.starts.len(), self.rows, self.inner, self.columns].iter().fold(1, |cost: u64, size| cost.saturating_mul(*size as u64))
    }
}

/// One run, for some rows of the result.
pub(super) struct PairRun<'a> {
    pub(super) pairs: &'a Pairs,
    /// Rows of all matrices, one behind the other.
    pub(super) units: Range<usize>,
    pub(super) a: &'a [f32],
    pub(super) b: &'a [f32],
    pub(super) scratch: &'a mut [f32],
    /// Those rows.
    pub(super) to: &'a mut [f32],
}

impl Work for PairRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let PairRun { pairs, units, a, b, scratch, to } = self;
        let packed = scratch[..pairs.scratch_len()].as_chunks_mut::<WIDTH>().0;
        let (mut row, mut rest) = (units.start, to);
        while row < units.end {
            let (matrix, first) = (row / pairs.rows, row % pairs.rows);
            let count = (pairs.rows - first).min(units.end - row);
            let (own, more) = rest.split_at_mut(count * pairs.columns);
            let (a_start, b_start) = pairs.starts[matrix];
            let a = &a[a_start + first * pairs.a.0..];
            if pairs.b.1 == 1 && count <= FEW {
                pairs.few::<R>(row, a, &b[b_start..], own);
                (row, rest) = (row + count, more);
                continue;
            }
            pairs.pack(&b[b_start..], packed);
            if pairs.is_narrowed() {
                pairs.matrix_in_sight::<R>(row, a, packed, own);
            } else {
                pairs.matrix::<R>(a, packed, own);
            }
            (row, rest) = (row + count, more);
        }
    }
}

/// The stretches that hold a part of a table, whose two axes begin at `start`: a stretch for each place along the axis whose neighbours
/// lie farther apart, or one around all.
fn stretches(start: usize, one: (Range<usize>, usize), other: (Range<usize>, usize), is_exact: bool, visit: &mut dyn FnMut(Range<usize>)) {
    let ((far, far_stride), (near, near_stride)) = if one.1 >= other.1 { (one, other) } else { (other, one) };
    if far.is_empty() || near.is_empty() {
        return;
    }
    let (first, last) = (start + near.start * near_stride, start + (near.end - 1) * near_stride);
    if is_exact {
        far.for_each(|at| visit(first + at * far_stride..last + at * far_stride + 1));
    } else {
        visit(first + far.start * far_stride..last + (far.end - 1) * far_stride + 1);
    }
}

/// So few rows of a matrix that laying the other one in order costs more than it saves.
const FEW: usize = 2;
/// Rows that run side by side: a chain alone would wait for itself.
const SIDE: usize = 8;

impl Pairs {
    /// Blocks of columns, and in each the inner axis; zeros fill the last one.
    #[inline(always)]
    fn pack(&self, b: &[f32], packed: &mut [Block]) {
        for (block, packed) in packed.chunks_exact_mut(self.inner).enumerate() {
            let columns = (self.columns - block * WIDTH).min(WIDTH);
            for (inner, packed) in packed.iter_mut().enumerate() {
                *packed = [0.0; WIDTH];
                if self.b.1 == 1 {
                    packed[..columns].copy_from_slice(&b[inner * self.b.0 + block * WIDTH..][..columns]);
                }
            }
            // Column by column where columns lie apart, so that what is read lies together.
            let beside = if self.b == (1, self.b.1) && self.b.1 != 1 { columns / 4 * 4 } else { 0 };
            for column in (0..beside).step_by(4) {
                self.turn(&b[(block * WIDTH + column) * self.b.1..], packed, column);
            }
            for column in (beside..columns).filter(|_| self.b.1 != 1) {
                let from = b[(block * WIDTH + column) * self.b.1..].iter().step_by(self.b.0);
                packed.iter_mut().zip(from).for_each(|(packed, x)| packed[column] = *x);
            }
        }
    }

    /// Four columns from `b` on, each of values side by side: one write for a value of each. Compiled for the plain instruction set alone:
    /// for AVX-512 compilers write the values of a column by a scatter, which takes several times as long.
    #[inline(never)]
    fn turn(&self, b: &[f32], packed: &mut [Block], column: usize) {
        let of = |number: usize| b[number * self.b.1..][..self.inner].iter();
        for ((((packed, a), b), c), d) in packed.iter_mut().zip(of(0)).zip(of(1)).zip(of(2)).zip(of(3)) {
            packed[column..column + 4].copy_from_slice(&[*a, *b, *c, *d]);
        }
    }

    /// The rows of one matrix.
    #[inline(always)]
    fn matrix<R: Registers>(&self, a: &[f32], packed: &[Block], to: &mut [f32]) {
        for (block, packed) in packed.chunks_exact(self.inner).enumerate() {
            let place = block * WIDTH..self.columns.min((block + 1) * WIDTH);
            let mut row = 0;
            let rows = to.len() / self.columns;
            while row + SIDE <= rows {
                self.side::<R, SIDE>(&a[row * self.a.0..], packed, &mut to[row * self.columns..], place.clone());
                row += SIDE;
            }
            for row in row..rows {
                self.side::<R, 1>(&a[row * self.a.0..], packed, &mut to[row * self.columns..], place.clone());
            }
        }
    }

    /// One block of columns of `N` rows.
    #[inline(always)]
    fn side<R: Registers, const N: usize>(&self, a: &[f32], packed: &[Block], to: &mut [f32], place: Range<usize>) {
        let mut sums = [[0.0; WIDTH]; N];
        let rows: [&[f32]; N] = filled(&[], |row| &a[row * self.a.0..][..(self.inner - 1) * self.a.1 + 1]);
        for (inner, weights) in packed.iter().enumerate() {
            for (row, sums) in rows.iter().zip(&mut sums) {
                let x = row[inner * self.a.1];
                R::add(sums, x, weights);
            }
        }
        self.store(&sums, to, place);
    }

    #[inline(always)]
    fn store<const N: usize>(&self, sums: &[Block; N], to: &mut [f32], place: Range<usize>) {
        for (row, sums) in sums.iter().enumerate() {
            let to = &mut to[row * self.columns..][place.clone()];
            match <&mut Block>::try_from(&mut *to) {
                Ok(to) => *to = *sums,
                Err(_) => to.copy_from_slice(&sums[..place.len()]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 64 }, ..ProptestConfig::default() })]

        #[test]
        fn every_level_gives_the_chain_of_each_value(
            count in 1usize..4, rows in 1usize..20, inner in 1usize..9, columns in 1usize..40, turned in any::<[bool; 2]>(), part in any::<[prop::sample::Index; 2]>(),
        ) {
            let (a, b) = (if turned[0] { (1, rows) } else { (inner, 1) }, if turned[1] { (1, inner) } else { (columns, 1) });
            let starts = (0..count).map(|at| (at * rows * inner, at * inner * columns)).collect();
            let pairs = Pairs { starts, rows, inner, columns, a, b, inner_seen: None, columns_seen: None };
            let values = |len: usize, seed: f32| (0..len).map(|i| ((i as f32 + seed) * 1.3).sin() * 3.0).collect::<Vec<f32>>();
            let (left, right) = (values(count * rows * inner, 0.5), values(count * inner * columns, 7.5));
            let mut ends = part.map(|index| index.index(count * rows + 1));
            ends.sort_unstable();
            let units = ends[0]..ends[1];
            let value = |unit: usize, column: usize| {
                let (at, row) = (unit / rows, unit % rows);
                (0..inner).fold(0.0f32, |sum, k| {
                    right[at * inner * columns + k * b.0 + column * b.1].mul_add(left[at * rows * inner + row * a.0 + k * a.1], sum)
                })
            };
            let expected: Vec<u32> = units.clone().flat_map(|unit| (0..columns).map(move |column| (unit, column))).map(|(unit, column)| value(unit, column).to_bits()).collect();
            for level in Level::available() {
                let (mut scratch, mut to) = (vec![f32::NAN; pairs.scratch_len()], vec![f32::NAN; units.len() * columns]);
                level.run(PairRun { pairs: &pairs, units: units.clone(), a: &left, b: &right, scratch: &mut scratch, to: &mut to });
                prop_assert_eq!(to.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected.clone());
            }
        }
    }
}

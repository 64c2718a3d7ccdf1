//! What the rows of a product see of an axis, and sums that stop there.

use std::ops::Range;

use super::{Pairs, SIDE};
use crate::model::native::block::{Block, WIDTH, filled};
use crate::model::native::sums::Registers;

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
    pub(super) fn few<R: Registers>(&self, unit: usize, a: &[f32], b: &[f32], to: &mut [f32]) {
        for (row, to) in to.chunks_exact_mut(self.columns).enumerate() {
            let (a, inner) = (&a[row * self.a.0..], self.inner_of(unit + row..unit + row + 1));
            for (block, to) in to.chunks_mut(WIDTH).enumerate() {
                let mut sums = [0.0; WIDTH];
                for inner in inner.clone() {
                    R::add(&mut sums, a[inner * self.a.1], &beside(&b[inner * self.b.0 + block * WIDTH..]));
                }
                to.copy_from_slice(&sums[..to.len()]);
            }
        }
    }

    /// As [`Pairs::matrix`], for rows that begin with `unit` of all matrices: blocks of columns that none of some neighbours needs are
    /// left as they are, and each row's sums are over what it sees alone.
    #[inline(always)]
    pub(super) fn matrix_in_sight<R: Registers>(&self, unit: usize, a: &[f32], packed: &[Block], to: &mut [f32]) {
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
                        (None, SIDE) => self.side::<R, SIDE>(a, packed, to, place.clone()),
                        (None, _) => self.side::<R, 1>(a, packed, to, place.clone()),
                        (Some(seen), SIDE) => self.side_in_sight::<R, SIDE>(seen, unit + row, a, packed, to, place.clone()),
                        (Some(seen), _) => self.side_in_sight::<R, 1>(seen, unit + row, a, packed, to, place.clone()),
                    }
                }
                row += side;
            }
        }
    }

    /// As [`Pairs::side`]: what all rows see side by side, and what lies before and behind that each row by itself. What is not seen is
    /// known of values that lie side by side alone (`fixed.rs`).
    #[inline(always)]
    fn side_in_sight<R: Registers, const N: usize>(&self, seen: &Sight, unit: usize, a: &[f32], packed: &[Block], to: &mut [f32], place: Range<usize>) {
        let starts: [usize; N] = filled(0, |row| seen.row(unit + row).start);
        let ends: [usize; N] = filled(0, |row| seen.row(unit + row).end);
        let start = starts.into_iter().max().unwrap_or(0);
        let end = ends.into_iter().min().unwrap_or(0).max(start);
        let rows: [&[f32]; N] = filled(&[], |row| &a[row * self.a.0..][..self.inner]);
        let mut sums = [[0.0; WIDTH]; N];
        for (row, sums) in sums.iter_mut().enumerate() {
            add_alone::<R>(sums, starts[row]..ends[row].min(start), rows[row], packed);
        }
        let mut sums = add_together::<R, N>(sums, filled(&[], |row| &rows[row][start..end]), &packed[start..end]);
        for (row, sums) in sums.iter_mut().enumerate() {
            add_alone::<R>(sums, starts[row].max(end)..ends[row], rows[row], packed);
        }
        self.store(&sums, to, place);
    }
}

/// Sums of its own, which stay in registers.
#[inline(always)]
fn add_together<R: Registers, const N: usize>(mut sums: [Block; N], rows: [&[f32]; N], packed: &[Block]) -> [Block; N] {
    for (inner, weights) in packed.iter().enumerate() {
        for (row, sums) in rows.iter().zip(&mut sums) {
            R::add(sums, row[inner], weights);
        }
    }
    sums
}

#[inline(always)]
fn add_alone<R: Registers>(sums: &mut Block, stretch: Range<usize>, row: &[f32], packed: &[Block]) {
    if stretch.is_empty() {
        return;
    }
    let mut sum = *sums;
    for (weights, x) in packed[stretch.clone()].iter().zip(&row[stretch]) {
        R::add(&mut sum, *x, weights);
    }
    *sums = sum;
}

/// The first block of values; zeros fill the last one of all.
#[inline(always)]
fn beside(values: &[f32]) -> Block {
    match values.first_chunk() {
        Some(block) => *block,
        None => {
            let mut block = [0.0; WIDTH];
            block[..values.len()].copy_from_slice(values);
            block
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::PairRun;
    use super::*;
    use crate::model::native::simd::Level;

    /// Stretches of an axis of `len`, none of them empty.
    fn stretches(rows: usize, len: usize, seed: u64) -> Vec<Range<usize>> {
        let mut seed = seed;
        let mut next = |most: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % most
        };
        let stretch = |_| {
            let start = next(len);
            start..start + 1 + next(len - start)
        };
        (0..rows).map(stretch).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 128 }, ..ProptestConfig::default() })]

        /// What a row does not see is NaN here, and each value that is asked for is the chain of what the row sees.
        #[test]
        fn rows_sum_what_they_see(
            count in 1usize..3, rows in 1usize..20, inner in 1usize..20, columns in 1usize..40, turned in any::<bool>(), seed in any::<u64>(), part in any::<[prop::sample::Index; 2]>(),
        ) {
            let (seen, asked) = (stretches(count * rows, inner, seed), stretches(count * rows, columns, !seed));
            let starts = (0..count).map(|at| (at * rows * inner, at * inner * columns)).collect();
            let sight = |rows: &[Range<usize>], len| Sight::of(rows.iter().cloned(), len);
            let (inner_seen, columns_seen) = (sight(&seen, inner), sight(&asked, columns));
            let b = if turned { (1, inner) } else { (columns, 1) };
            let pairs = Pairs { starts, rows, inner, columns, a: (inner, 1), b, inner_seen, columns_seen };
            let value = |at: usize, seed: f32| ((at as f32 + seed) * 1.3).sin() * 3.0;
            let left: Vec<f32> = (0..count * rows * inner).map(|at| if seen[at / inner].contains(&(at % inner)) { value(at, 0.5) } else { f32::NAN }).collect();
            let right: Vec<f32> = (0..count * inner * columns).map(|at| value(at, 7.5)).collect();
            let mut ends = part.map(|index| index.index(count * rows + 1));
            ends.sort_unstable();
            let units = ends[0]..ends[1];
            for level in Level::available() {
                let (mut scratch, mut to) = (vec![f32::NAN; pairs.scratch_len()], vec![f32::NAN; units.len() * columns]);
                level.run(PairRun { pairs: &pairs, units: units.clone(), a: &left, b: &right, scratch: &mut scratch, to: &mut to });
                for unit in units.clone() {
                    for column in asked[unit].clone() {
                        let weight = |k: usize| right[unit / rows * inner * columns + k * b.0 + column * b.1];
                        let chain = seen[unit].clone().fold(0.0f32, |sum, k| weight(k).mul_add(left[unit * inner + k], sum));
                        prop_assert_eq!(to[(unit - units.start) * columns + column].to_bits(), chain.to_bits());
                    }
                }
            }
        }
    }
}

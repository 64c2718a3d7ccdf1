//! The mirrored ring: every row is stored twice, so that the last W rows are always one slice.

use crate::types::state::{Pass, State};

/// The last W rows of F scaled f32 values with their validity bits.
#[derive(Clone, Debug)]
pub struct Rolling {
    width: usize,
    rows: usize,
    words: usize,
    /// Where the next row goes, 0 to `rows` - 1.
    next: usize,
    /// Rows since the last clear, saturating at `rows`.
    filled: usize,
    values: Box<[f32]>,
    valid: Box<[u64]>,
}

impl Rolling {
    /// An empty window of `rows` rows of `width` values.
    #[must_use]
    pub fn new(rows: usize, width: usize) -> Rolling {
        let words = width.div_ceil(64);
        let values = vec![0.0; 2 * rows * width].into_boxed_slice();
        let valid = vec![0; 2 * rows * words].into_boxed_slice();
        Rolling { width, rows, words, next: 0, filled: 0, values, valid }
    }

    /// Where the next row is written: fill both slices, then [`Rolling::commit`].
    pub fn next_row(&mut self) -> (&mut [f32], &mut [u64]) {
        let (at, words) = (self.next * self.width, self.next * self.words);
        (&mut self.values[at..at + self.width], &mut self.valid[words..words + self.words])
    }

    /// Mirrors the row just written and makes it the newest.
    pub fn commit(&mut self) {
        let row = self.next * self.width;
        self.values.copy_within(row..row + self.width, (self.next + self.rows) * self.width);
        let word = self.next * self.words;
        self.valid.copy_within(word..word + self.words, (self.next + self.rows) * self.words);
        self.next = if self.next + 1 == self.rows { 0 } else { self.next + 1 };
        self.filled = (self.filled + 1).min(self.rows);
    }

    /// W rows have been written since the last clear.
    #[must_use]
    pub fn full(&self) -> bool {
        self.filled == self.rows
    }

    /// The last W rows as one slice, oldest first; rows before the first are 0.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values[self.next * self.width..(self.next + self.rows) * self.width]
    }

    /// Validity words of the last W rows, oldest first.
    #[must_use]
    pub fn valid(&self) -> &[u64] {
        &self.valid[self.next * self.words..(self.next + self.rows) * self.words]
    }

    /// The newest row; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<(&[f32], &[u64])> {
        let (values, valid) = (self.values(), self.valid());
        (self.filled > 0).then(|| (&values[(self.rows - 1) * self.width..], &valid[(self.rows - 1) * self.words..]))
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        (self.next, self.filled) = (0, 0);
        self.values.fill(0.0);
        self.valid.fill(0);
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.valid)
    }
}

/// The first copy of each row; the second is made from it.
impl State for Rolling {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Rolling { width, rows, words, next, filled, values, valid } = self;
        pass.place(next, *rows);
        pass.place(filled, *rows + 1);
        let (half, half_valid) = (*rows * *width, *rows * *words);
        values[..half].state(pass);
        valid[..half_valid].state(pass);
        values.copy_within(..half, half);
        valid.copy_within(..half_valid, half_valid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push(window: &mut Rolling, row: &[f32], bits: u64) {
        let (values, valid) = window.next_row();
        values.copy_from_slice(row);
        valid[0] = bits;
        window.commit();
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 256 }, ..ProptestConfig::default() })]

        #[test]
        fn the_last_rows_are_one_slice(rows in 1usize..8, width in 1usize..5, pushes in 0usize..40) {
            let mut window = Rolling::new(rows, width);
            let row_of = |i: usize| (0..width).map(|f| (i * 10 + f) as f32).collect::<Vec<_>>();
            for i in 0..pushes {
                push(&mut window, &row_of(i), i as u64);
                let kept = (i + 1).min(rows);
                let expected: Vec<f32> = (i + 1 - kept..=i).flat_map(row_of).collect();
                prop_assert_eq!(&window.values()[(rows - kept) * width..], &expected[..]);
                prop_assert_eq!(window.valid()[rows - 1], i as u64);
                prop_assert_eq!(window.newest().map(|(values, _)| values.to_vec()), Some(row_of(i)));
                prop_assert_eq!(window.full(), i + 1 >= rows);
            }
            window.clear();
            prop_assert!(window.newest().is_none() && window.values().iter().all(|value| *value == 0.0));
        }
    }
}

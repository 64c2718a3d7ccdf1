//! Means and maxima over windows of a sequence, or over all of it.

use super::block::WIDTH;

/// What becomes of the values of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// NaN where any value is NaN.
    Max,
    /// Divided by how many values of the window count.
    Mean,
    Sum,
    Min,
}

/// A pooling over a sequence of rows of `columns` values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    pub(super) pooling: Pooling,
    /// Rows of the sequence.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Values of each window.
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Rows before the sequence and behind it that count as padding.
    pub(super) pads: (usize, usize),
    /// Padding divides a mean.
    pub(super) count_padding: bool,
    /// How many windows.
    pub(super) windows: usize,
}

impl Pool {
    /// Over the whole sequence.
    pub(super) fn whole(pooling: Pooling, rows: usize, columns: usize) -> Pool {
        Pool { pooling, rows, columns, kernel: rows, stride: 1, dilation: 1, pads: (0, 0), count_padding: false, windows: 1 }
    }

    /// Values of `from` for each of `to`; both may be several sequences behind one another.
    pub(super) fn apply(&self, from: &[f32], to: &mut [f32]) {
        let sequences = from.chunks_exact(self.rows * self.columns).zip(to.chunks_exact_mut(self.windows * self.columns));
        for (from, to) in sequences {
            for (window, to) in to.chunks_exact_mut(self.columns).enumerate() {
                self.window(window, from, to);
            }
        }
    }

    /// The rows of the sequence that a window reads.
    pub(super) fn reads(&self, window: usize) -> impl Iterator<Item = usize> {
        let taps = (0..self.kernel).map(move |tap| window * self.stride + tap * self.dilation);
        taps.filter_map(|row| row.checked_sub(self.pads.0)).filter(|row| *row < self.rows)
    }

    /// One window of one sequence.
    pub(super) fn window(&self, window: usize, from: &[f32], to: &mut [f32]) {
        for (block, to) in to.chunks_mut(WIDTH).enumerate() {
            let mut values = [self.start(); WIDTH];
            for row in self.reads(window) {
                let at = row * self.columns + block * WIDTH;
                self.add(&mut values, &from[at..at + to.len()]);
            }
            let count = self.count(window, self.reads(window).count());
            for (to, value) in to.iter_mut().zip(values) {
                *to = if self.pooling == Pooling::Mean { (value / count as f64) as f32 } else { value as f32 };
            }
        }
    }

    fn start(&self) -> f64 {
        match self.pooling {
            Pooling::Max => f64::NEG_INFINITY,
            Pooling::Min => f64::INFINITY,
            Pooling::Mean | Pooling::Sum => 0.0,
        }
    }

    fn add(&self, values: &mut [f64; WIDTH], row: &[f32]) {
        for (value, x) in values.iter_mut().zip(row) {
            let x = f64::from(*x);
            *value = match self.pooling {
                Pooling::Max if x > *value || x.is_nan() => x,
                Pooling::Min if x < *value || x.is_nan() => x,
                Pooling::Max | Pooling::Min => *value,
                Pooling::Mean | Pooling::Sum => *value + x,
            };
        }
    }

    /// Padding counts as far as it was asked for; what lies beyond it (`ceil_mode`) never does.
    fn count(&self, window: usize, inside: usize) -> usize {
        if !self.count_padding {
            return inside;
        }
        let end = self.rows + self.pads.0 + self.pads.1;
        (0..self.kernel).filter(|tap| window * self.stride + tap * self.dilation < end).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled(pool: Pool, from: &[f32]) -> Vec<f32> {
        let mut to = vec![f32::NAN; pool.windows * pool.columns];
        pool.apply(from, &mut to);
        to
    }

    #[test]
    fn windows_skip_or_count_their_padding() {
        let from = [1.0, -1.0, 3.0, -3.0, 5.0, -5.0];
        let mean = Pool { kernel: 2, stride: 2, pads: (1, 0), windows: 2, ..Pool::whole(Pooling::Mean, 3, 2) };
        assert_eq!(pooled(mean, &from), [1.0, -1.0, 4.0, -4.0]);
        assert_eq!(pooled(Pool { count_padding: true, ..mean }, &from), [0.5, -0.5, 4.0, -4.0]);
        assert_eq!(pooled(Pool { pooling: Pooling::Max, ..mean }, &from), [1.0, -1.0, 5.0, -3.0]);
        let dilated = Pool { kernel: 2, dilation: 2, windows: 1, ..Pool::whole(Pooling::Max, 3, 2) };
        assert_eq!(pooled(dilated, &from), [5.0, -1.0]);
    }

    #[test]
    fn a_nan_is_the_largest_and_the_smallest() {
        for from in [[f32::NAN, 1.0, 2.0], [1.0, f32::NAN, 2.0], [1.0, 2.0, f32::NAN]] {
            for pooling in [Pooling::Max, Pooling::Min, Pooling::Mean] {
                assert!(pooled(Pool::whole(pooling, 3, 1), &from)[0].is_nan());
            }
        }
    }
}

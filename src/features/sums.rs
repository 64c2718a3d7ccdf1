//! Compensated sums about an anchor, and what mean and deviation they give: what long windows keep instead of their values.

use crate::types::state::{Pass, State};

/// A sum with the rounding error that it has lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compensated {
    /// As rounded.
    pub sum: f64,
    /// What rounding has taken from it.
    pub lost: f64,
}

impl Compensated {
    /// The error of a sum is exact without asking which part is larger (Knuth's two-sum).
    #[inline(always)]
    fn add(&mut self, value: f64) {
        let total = self.sum + value;
        let taken = total - self.sum;
        self.lost += (self.sum - (total - taken)) + (value - taken);
        self.sum = total;
    }

    fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// Variances between the mean and the anchor from which too little of a sum of squares is about the variance: ten digits.
const FAR: f64 = 1e6;
/// By how much a sum of squares may fall before what it lost at its greatest shows.
const FALL: f64 = 1e9;

/// Sums of the deviations of n values from an anchor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// What deviations are from.
    pub anchor: f64,
    /// Deviations.
    pub sum: Compensated,
    /// Their squares.
    pub squares: Compensated,
    /// The greatest sum of squares since the anchor was set.
    pub peak: f64,
}

impl Sums {
    /// Sums of values about an anchor, in their order.
    pub fn about(anchor: f64, values: impl Iterator<Item = f64>) -> Sums {
        let mut sums = Sums { anchor, ..Sums::default() };
        values.for_each(|value| sums.add(value - anchor));
        sums.peak = sums.squares.value();
        sums
    }

    /// A value enters that deviates from the anchor by so much.
    #[inline(always)]
    pub fn add(&mut self, deviation: f64) {
        self.sum.add(deviation);
        self.squares.add(deviation * deviation);
    }

    /// A value leaves that deviates from the anchor by so much.
    #[inline(always)]
    pub fn remove(&mut self, deviation: f64) {
        self.sum.add(-deviation);
        self.squares.add(-deviation * deviation);
    }

    /// The mean is over 1,000 deviations from the anchor, or the sum of squares has fallen deep. Either is rare: while one old
    /// value is left the deviation is at least its distance / sqrt(n), and n is far below 1e6.
    #[inline(always)]
    pub fn lie_far(&mut self, n: f64) -> bool {
        let (sum, squares) = (self.sum.value(), self.squares.value());
        self.peak = if squares > self.peak { squares } else { self.peak };
        (n * squares < sum * sum * (1.0 + 1.0 / FAR)) | (squares < self.peak / FALL)
    }

    /// Mean and population deviation.
    #[inline(always)]
    #[must_use]
    pub fn mean_and_deviation(&self, n: f64) -> (f64, f64) {
        let shift = self.sum.value() / n;
        let variance = self.squares.value() / n - shift * shift;
        // Rounding may put it below 0; sums that overflowed make it NaN, which must stay.
        (self.anchor + shift, if variance < 0.0 { 0.0 } else { variance }.sqrt())
    }
}

impl State for Compensated {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Compensated { sum, lost } = self;
        pass.each([sum, lost]);
    }
}

impl State for Sums {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Sums { anchor, sum, squares, peak } = self;
        pass.each([anchor, sum, squares, peak]);
    }
}

//! Recursive averages shared by RSI, ATR and MACD.

use crate::types::state::{Pass, State};

/// An average under this is set to 0, so that a long decay ends instead of reaching denormals.
const TINY: f64 = 1e-280;

/// Wilder's average: the plain mean of the first n values, then (average (n - 1) + value) / n.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wilder {
    seen: u32,
    average: f64,
}

impl Wilder {
    /// Takes a value; the average once n values were seen.
    pub fn update(&mut self, value: f64, n: u32) -> Option<f64> {
        let count = f64::from(n);
        if self.seen < n {
            self.seen += 1;
            self.average += value;
            if self.seen < n {
                return None;
            }
            self.average /= count;
        } else {
            self.average = (self.average * (count - 1.0) + value) / count;
        }
        if self.average < TINY {
            self.average = 0.0;
        }
        Some(self.average)
    }
}

/// Exponential average with k = 2 / (n + 1), seeded with the mean of n values.
#[derive(Clone, Copy, Debug)]
pub struct Ema {
    k: f64,
    value: f64,
}

impl Ema {
    /// Of n values.
    #[must_use]
    pub fn new(n: usize) -> Ema {
        Ema { k: 2.0 / (n as f64 + 1.0), value: 0.0 }
    }

    /// Starts at the mean of the values, summed oldest to newest.
    pub fn seed(&mut self, values: &[f64]) -> f64 {
        self.value = values.iter().fold(0.0, |sum, value| sum + value) / values.len() as f64;
        self.value
    }

    /// Takes a value.
    pub fn update(&mut self, value: f64) -> f64 {
        self.value += (value - self.value) * self.k;
        self.value
    }
}

impl State for Wilder {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Wilder { seen, average } = self;
        pass.each([seen, average]);
    }
}

impl State for Ema {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Ema { k: _, value } = self;
        pass.each([value]);
    }
}

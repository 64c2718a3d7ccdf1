//! Difference of two exponential averages of the close.

use super::ema::Ema;
use super::{At, Op};
use crate::features::history::Column;
use crate::types::state::Pass;

/// EMA(fast) - EMA(slow), each seeded at step slow - 1 with the mean of its n values ending there, as
/// TA-Lib's MACD line.
#[derive(Debug)]
pub struct Macd {
    fast: usize,
    slow: usize,
    averages: [Ema; 2],
}

impl Macd {
    /// The line of two periods, `fast` below `slow`.
    #[must_use]
    pub fn new(fast: usize, slow: usize) -> Macd {
        Macd { fast, slow, averages: [Ema::new(fast), Ema::new(slow)] }
    }
}

impl Op for Macd {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let [fast, slow] = &mut self.averages;
        let seed = self.slow as u64 - 1;
        if at.since < seed {
            return None;
        }
        if at.since == seed {
            return Some(fast.seed(at.history.last(Column::Close, self.fast)) - slow.seed(at.history.last(Column::Close, self.slow)));
        }
        Some(fast.update(at.step.close) - slow.update(at.step.close))
    }

    fn reset(&mut self) {
        *self = Macd::new(self.fast, self.slow);
    }

    fn state(&mut self, pass: &mut Pass<'_>) {
        let Macd { fast: _, slow: _, averages } = self;
        pass.each([averages]);
    }
}

//! Average true range.

use super::ema::Wilder;
use super::{At, Op};
use crate::types::state::Pass;

/// Wilder's average of max(high - low, |high - last close|, |low - last close|), as TA-Lib ATR(n).
#[derive(Debug)]
pub struct Atr {
    period: u32,
    last_close: Option<f64>,
    average: Wilder,
}

impl Atr {
    /// Over `period` true ranges.
    #[must_use]
    pub fn new(period: usize) -> Atr {
        Atr { period: period as u32, last_close: None, average: Wilder::default() }
    }
}

impl Op for Atr {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let last = self.last_close.replace(at.step.close)?;
        let (high, low) = (at.step.high, at.step.low);
        let range = (high - low).max((high - last).abs()).max((low - last).abs());
        self.average.update(range, self.period)
    }

    fn reset(&mut self) {
        *self = Atr::new(self.period as usize);
    }

    fn state(&mut self, pass: &mut Pass<'_>) {
        let Atr { period: _, last_close, average } = self;
        pass.each([last_close, average]);
    }
}

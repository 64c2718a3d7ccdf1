//! Relative strength index.

use super::ema::Wilder;
use super::{At, Op};
use crate::types::state::Pass;

/// Wilder's RSI as TA-Lib RSI(n): 100 gain / (gain + loss) of Wilder's averages of rises and falls of
/// the close; 50 where both are 0.
#[derive(Debug)]
pub struct Rsi {
    period: u32,
    last: Option<f64>,
    gain: Wilder,
    loss: Wilder,
}

impl Rsi {
    /// Over `period` changes.
    #[must_use]
    pub fn new(period: usize) -> Rsi {
        Rsi { period: period as u32, last: None, gain: Wilder::default(), loss: Wilder::default() }
    }
}

impl Op for Rsi {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let change = at.step.close - self.last.replace(at.step.close)?;
        let gain = self.gain.update(change.max(0.0), self.period);
        let loss = self.loss.update((-change).max(0.0), self.period);
        let (gain, loss) = (gain?, loss?);
        Some(if gain + loss == 0.0 { 50.0 } else { 100.0 * (gain / (gain + loss)) })
    }

    fn reset(&mut self) {
        *self = Rsi::new(self.period as usize);
    }

    fn state(&mut self, pass: &mut Pass<'_>) {
        let Rsi { period: _, last, gain, loss } = self;
        pass.each([last, gain, loss]);
    }
}

//! Share of volume that takers bought.

use super::windowed::sum;
use super::{At, Op};
use crate::features::history::Column;

/// Taker buy volume / (taker buy + taker sell volume) over the window; 0.5 where both are 0; missing
/// while a step of the window holds a trade whose taker side is not known.
#[derive(Debug)]
pub struct OrderFlowRatio {
    /// Steps.
    pub period: usize,
}

impl Op for OrderFlowRatio {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        if at.history.taker_unknown().is_some_and(|step| at.since < step.saturating_add(self.period as u64)) {
            return None;
        }
        let buy = sum(at.history.last(Column::TakerBuy, self.period));
        let sell = sum(at.history.last(Column::TakerSell, self.period));
        Some(if buy == 0.0 && sell == 0.0 { 0.5 } else { buy / (buy + sell) })
    }
}

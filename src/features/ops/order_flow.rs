//! Share of volume that takers bought.

use super::{At, Op};
use crate::features::history::Column;
use crate::features::shared::{Place, Plan, Statistic};

/// Taker buy volume / (taker buy + taker sell volume) over the window; 0.5 where both are 0; missing
/// while a step of the window holds a trade whose taker side is not known.
#[derive(Debug)]
pub struct OrderFlowRatio {
    period: usize,
    buy: Place,
    sell: Place,
}

impl OrderFlowRatio {
    /// Over `period` steps.
    #[must_use]
    pub fn new(period: usize, plan: &mut Plan) -> OrderFlowRatio {
        let mut sum = |column| plan.want(Statistic::Sum, column, period);
        OrderFlowRatio { period, buy: sum(Column::TakerBuy), sell: sum(Column::TakerSell) }
    }
}

impl Op for OrderFlowRatio {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        if at.history.taker_unknown().is_some_and(|step| at.since < step.saturating_add(self.period as u64)) {
            return None;
        }
        let (buy, sell) = (at.shared.value(self.buy), at.shared.value(self.sell));
        Some(if buy == 0.0 && sell == 0.0 { 0.5 } else { buy / (buy + sell) })
    }
}

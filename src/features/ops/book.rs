//! What the book at the close tells: spread, imbalance, depth.

use super::{At, Op};
use crate::features::shared::DepthPlace;
use crate::types::step::Depth;

/// (ask1 - bid1) / mid; missing unless both sides have a level.
#[derive(Debug)]
pub struct SpreadRatio;

impl Op for SpreadRatio {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let top = at.step.top?;
        top.mid().map(|mid| (top.ask_px - top.bid_px) / mid)
    }
}

/// What is made of the depths B (bids) and A (asks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepthValue {
    /// (B - A) / (B + A); missing where B + A is 0.
    Imbalance,
    /// B / A; missing where A is 0.
    Ratio,
    /// B.
    Bid,
    /// A.
    Ask,
}

/// A value of the summed sizes of the top levels.
#[derive(Debug)]
pub struct BookDepth {
    /// Which.
    pub value: DepthValue,
    /// Of these levels a side.
    pub depth: DepthPlace,
}

impl Op for BookDepth {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let Depth { bid, ask } = at.shared.depth(self.depth)?;
        match self.value {
            DepthValue::Imbalance => (bid + ask != 0.0).then(|| (bid - ask) / (bid + ask)),
            DepthValue::Ratio => (ask != 0.0).then(|| bid / ask),
            DepthValue::Bid => Some(bid),
            DepthValue::Ask => Some(ask),
        }
    }
}

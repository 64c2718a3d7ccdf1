//! What yata has of the 25 features, step by step over a random walk.

use yata::core::{Candle, IndicatorConfig, IndicatorInstance, Method};
use yata::indicators::{BollingerBands, CommodityChannelIndex, MACD, RelativeStrengthIndex, StochasticOscillator};
use yata::methods::{Momentum, RMA, RateOfChange, SMA, StDev, TR};

use crate::Result;
use crate::times::Budget;

/// What is not the same as foretick's work.
pub const DIFFERS: &str = "12 of its methods and indicators over steps that are there; foretick computes 25 features, builds the step and keeps the book";

/// A seeded walk.
fn candles(count: usize) -> Vec<Candle> {
    let (mut state, mut close) = (7u64, 100.0);
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    (0..count)
        .map(|_| {
            let open = close;
            close += (random() - 0.5) * 0.1;
            let (high, low) = (f64::max(open, close) + 0.05 * random(), f64::min(open, close) - 0.05 * random());
            Candle { open, high, low, close, volume: 10.0 * random() }
        })
        .collect()
}

/// Durations of steps, ns.
pub fn taken(budget: &Budget) -> Result<Vec<u64>> {
    let candles = candles(4_096);
    let first = &candles[0];
    let (mut short, mut long, mut deviation) = (SMA::new(5, &first.close)?, SMA::new(20, &first.close)?, StDev::new(20, &first.close)?);
    let (mut momentum, mut change) = (Momentum::new(10, &first.close)?, RateOfChange::new(10, &first.close)?);
    let (mut volume, mut range, mut averaged) = (SMA::new(5, &first.volume)?, TR::new(first)?, RMA::new(14, &(first.high - first.low))?);
    let (mut rsi, mut macd, mut bands) = (RelativeStrengthIndex::default().init(first)?, MACD::default().init(first)?, BollingerBands::default().init(first)?);
    let (mut stochastic, mut cci) = (StochasticOscillator::default().init(first)?, CommodityChannelIndex::default().init(first)?);
    budget.taken(candles.len(), |at| {
        let candle = &candles[at];
        let close = &candle.close;
        let averages = [short.next(close), long.next(close), deviation.next(close), momentum.next(close), change.next(close), volume.next(&candle.volume)];
        let true_range = averaged.next(&range.next(candle));
        let indicators = [rsi.next(candle), macd.next(candle), bands.next(candle), stochastic.next(candle), cci.next(candle)];
        std::hint::black_box((averages, true_range, indicators));
        Ok(())
    })
}

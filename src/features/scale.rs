//! Scaling of one feature, applied left to right, in f64.

use std::fmt;
use std::hint::select_unpredictable;

use crate::features::sums::Sums;
use crate::types::state::{Pass, State};

/// One scale of a feature's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// (x - mean) / deviation of the stats; 0 where the deviation is 0.
    ZScore,
    /// (x - min) / (max - min) of the stats; 0 where they are equal.
    MinMax,
    /// x / close.
    Relative,
    /// (x - mean) / population deviation of the last n values, this one included; 0 where the deviation is 0.
    RollingZScore(usize),
}

/// Most values of a rolling z-score.
const ROLLING_MOST: usize = 100_000;

impl Scale {
    /// Reads `zscore`, `minmax`, `relative`, `rolling_zscore(n)`; `none` is no scale.
    pub fn parse(text: &str) -> Result<Option<Scale>, String> {
        match text {
            "none" => Ok(None),
            "zscore" => Ok(Some(Scale::ZScore)),
            "minmax" => Ok(Some(Scale::MinMax)),
            "relative" => Ok(Some(Scale::Relative)),
            _ => {
                let inner = text.strip_prefix("rolling_zscore(").and_then(|rest| rest.strip_suffix(')'));
                let n = inner.and_then(|n| n.parse().ok()).filter(|n| (2..=ROLLING_MOST).contains(n));
                n.map(|n| Some(Scale::RollingZScore(n)))
                    .ok_or_else(|| format!("scale \"{text}\" is none of none, zscore, minmax, relative, rolling_zscore(n) with n from 2 to {ROLLING_MOST}"))
            }
        }
    }
}

impl Scale {
    /// It needs nothing but the value and the stats: no close, no history.
    #[must_use]
    pub fn is_fixed(self) -> bool {
        matches!(self, Scale::ZScore | Scale::MinMax)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scale::ZScore => f.write_str("zscore"),
            Scale::MinMax => f.write_str("minmax"),
            Scale::Relative => f.write_str("relative"),
            Scale::RollingZScore(n) => write!(f, "rolling_zscore({n})"),
        }
    }
}

/// Parameters of a feature from the training span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// Mean before `zscore`.
    pub mean: f64,
    /// Deviation before `zscore`.
    pub std: f64,
    /// Least value before `minmax`.
    pub min: f64,
    /// Greatest value before `minmax`.
    pub max: f64,
    /// 0.1 % quantile after scaling; below is out of the trained range.
    pub low: f64,
    /// 99.9 % quantile after scaling; above is out of the trained range.
    pub high: f64,
}

impl Stats {
    /// No scaling and no trained range.
    pub const NONE: Stats = Stats { mean: 0.0, std: 1.0, min: 0.0, max: 1.0, low: f64::NEG_INFINITY, high: f64::INFINITY };
}

/// A scale that needs nothing but the stats: (value - shift) / divisor, 0 where the divisor is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed {
    /// Mean or least value.
    pub shift: f64,
    /// Deviation, or greatest less least value.
    pub divisor: f64,
}

impl Fixed {
    /// Changes nothing.
    pub const NONE: Fixed = Fixed { shift: 0.0, divisor: 1.0 };

    /// What a scale does by the stats; `None` for one that needs more.
    #[must_use]
    pub fn of(scale: Scale, stats: &Stats) -> Option<Fixed> {
        match scale {
            Scale::ZScore => Some(Fixed { shift: stats.mean, divisor: stats.std }),
            Scale::MinMax if stats.max == stats.min => Some(Fixed { shift: stats.min, divisor: 0.0 }),
            Scale::MinMax => Some(Fixed { shift: stats.min, divisor: stats.max - stats.min }),
            Scale::Relative | Scale::RollingZScore(_) => None,
        }
    }

    /// The scaled value.
    #[inline(always)]
    #[must_use]
    pub fn apply(self, value: f64) -> f64 {
        // Divided in any case, so that a compiler handles several values side by side.
        select_unpredictable(self.divisor == 0.0, 0.0, (value - self.shift) / self.divisor)
    }
}

/// Scales a value by scales that need nothing but the stats, exactly as a track's own row is scaled; `None` when one of
/// them needs more.
#[must_use]
pub fn scale_fixed(scales: &[Scale], stats: &Stats, value: f64) -> Option<f64> {
    scales.iter().try_fold(value, |value, scale| Fixed::of(*scale, stats).map(|fixed| fixed.apply(value)))
}

/// The scales of one feature of one track, with their state.
#[derive(Clone, Debug)]
pub struct Scaler {
    scales: Box<[Stage]>,
}

#[derive(Clone, Debug)]
enum Stage {
    Fixed(Fixed),
    Relative,
    Rolling(LongWindow),
}

impl Scaler {
    /// The scales in their order.
    #[must_use]
    pub fn new(scales: &[Scale], stats: Stats) -> Scaler {
        let stage = |scale: &Scale| match *scale {
            Scale::RollingZScore(n) => Stage::Rolling(LongWindow::new(n)),
            fixed => Fixed::of(fixed, &stats).map_or(Stage::Relative, Stage::Fixed),
        };
        Scaler { scales: scales.iter().map(stage).collect() }
    }

    /// Scales a value; `None` while a rolling window is not full. Missing values never come here.
    pub fn apply(&mut self, value: f64, close: f64) -> Option<f64> {
        self.scales.iter_mut().try_fold(value, |value, stage| match stage {
            Stage::Fixed(fixed) => Some(fixed.apply(value)),
            Stage::Relative => Some(value / close),
            Stage::Rolling(window) => {
                window.push(value);
                window.full().then(|| {
                    let (mean, deviation) = window.mean_and_deviation();
                    if deviation == 0.0 { 0.0 } else { (value - mean) / deviation }
                })
            }
        })
    }

    /// Forgets rolling windows.
    pub fn reset(&mut self) {
        for stage in &mut self.scales {
            if let Stage::Rolling(window) = stage {
                window.clear();
            }
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let rings = self.scales.iter().map(|stage| if let Stage::Rolling(window) = stage { size_of_val(&*window.ring) } else { 0 });
        size_of_val(&*self.scales) + rings.sum::<usize>()
    }
}

/// The rolling windows; everything else comes from the schema.
impl State for Scaler {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Scaler { scales } = self;
        for stage in scales {
            match stage {
                Stage::Fixed(_) | Stage::Relative => {}
                Stage::Rolling(window) => window.state(pass),
            }
        }
    }
}

/// Mean and deviation of the last n values in O(1): compensated sums of deviations from an anchor, computed anew each n
/// values so that no error lives longer, and when the values have gone far from the anchor or far larger ones have left.
/// The deviation is within 1e-9 of itself, the mean within 2^-51 of the largest value.
#[derive(Clone, Debug)]
pub struct LongWindow {
    ring: Box<[f64]>,
    /// Where the next value goes.
    next: usize,
    full: bool,
    last: f64,
    sums: Sums,
    /// Equal values in a row, so that a constant window has deviation exactly 0.
    equal: usize,
}

impl LongWindow {
    /// An empty window of `n` values.
    #[must_use]
    pub fn new(n: usize) -> LongWindow {
        LongWindow { ring: vec![0.0; n.max(1)].into(), next: 0, full: false, last: f64::NAN, sums: Sums::default(), equal: 0 }
    }

    /// Takes a value.
    pub fn push(&mut self, value: f64) {
        self.equal = if self.last == value { self.equal + 1 } else { 1 };
        self.last = value;
        let at = self.next;
        let leaving = std::mem::replace(&mut self.ring[at], value);
        self.next = at + 1;
        if self.next == self.ring.len() {
            (self.next, self.full) = (0, true);
            return self.anchor_at(self.ring[0]);
        }
        if self.full {
            self.sums.remove(leaving - self.sums.anchor);
        } else if at == 0 {
            self.sums.anchor = value;
        }
        self.sums.add(value - self.sums.anchor);
        if self.full && self.sums.lie_far(self.ring.len() as f64) {
            self.anchor_at(value);
        }
    }

    /// The ring is full: its sums anew, about this value.
    fn anchor_at(&mut self, value: f64) {
        self.sums = Sums::about(value, self.ring.iter().copied());
    }

    /// n.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a window of no values does not exist")]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// n values were seen.
    #[must_use]
    pub fn full(&self) -> bool {
        self.full
    }

    /// Mean and population deviation of a full window.
    #[must_use]
    pub fn mean_and_deviation(&self) -> (f64, f64) {
        if self.equal >= self.ring.len() {
            return (self.ring[0], 0.0);
        }
        self.sums.mean_and_deviation(self.ring.len() as f64)
    }

    /// Forgets all values; the ring is kept and written over.
    pub fn clear(&mut self) {
        (self.next, self.full, self.last, self.equal, self.sums) = (0, false, f64::NAN, 0, Sums::default());
    }
}

impl State for LongWindow {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let LongWindow { ring, next, full, last, sums, equal } = self;
        pass.place(next, ring.len());
        pass.each([ring, full, last, sums, equal]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::batch::mean_and_deviation;
    use proptest::prelude::*;

    #[test]
    fn scales_are_read_and_written() {
        for text in ["zscore", "minmax", "relative", "rolling_zscore(240)"] {
            assert_eq!(Scale::parse(text).unwrap().unwrap().to_string(), text);
        }
        assert_eq!(Scale::parse("none"), Ok(None));
        assert!(Scale::parse("rolling_zscore(1)").is_err() && Scale::parse("log").is_err());
    }

    #[test]
    fn fixed_scales_give_what_a_tracks_own_row_has() {
        let stats = Stats { mean: 0.1, std: 0.3, min: -7.0, max: 11.0, ..Stats::NONE };
        for scales in [&[][..], &[Scale::ZScore], &[Scale::MinMax], &[Scale::ZScore, Scale::MinMax]] {
            for value in [-1e300, -0.7, 0.0, 3.3, 1e300] {
                assert_eq!(scale_fixed(scales, &stats, value), Scaler::new(scales, stats).apply(value, 100.0));
            }
            assert!(scales.iter().all(|scale| scale.is_fixed()));
        }
        for scale in [Scale::Relative, Scale::RollingZScore(3)] {
            assert_eq!((scale_fixed(&[scale], &stats, 1.0), scale.is_fixed()), (None, false));
        }
    }

    #[test]
    fn scales_apply_left_to_right_and_zero_deviation_gives_zero() {
        let stats = Stats { mean: 1.0, std: 2.0, min: 10.0, max: 20.0, ..Stats::NONE };
        assert_eq!(Scaler::new(&[Scale::Relative, Scale::ZScore], stats).apply(10.0, 2.0), Some(2.0));
        assert_eq!(Scaler::new(&[Scale::MinMax], stats).apply(15.0, 2.0), Some(0.5));
        assert_eq!(Scaler::new(&[Scale::ZScore], Stats { std: 0.0, ..stats }).apply(15.0, 2.0), Some(0.0));
        assert_eq!(Scaler::new(&[Scale::MinMax], Stats { max: 10.0, ..stats }).apply(15.0, 2.0), Some(0.0));
        let mut rolling = Scaler::new(&[Scale::RollingZScore(3)], stats);
        assert_eq!([1.0, 1.0, 1.0, 4.0].map(|value| rolling.apply(value, 1.0)), [None, None, Some(0.0), Some((4.0 - 2.0) / 2f64.sqrt())]);
    }

    /// Large values that leave by and by, then noise: little of what the sums were is left; and a level far from the anchor.
    #[test]
    fn a_long_window_forgets_what_has_left_it() {
        const N: usize = 100;
        let noise = |at: usize| 1e-5 * (at as f64 * 0.7).sin();
        let large = (0..N).map(|at| 1e9 + at as f64 * 1e6 / 7.0);
        let falling = (0..40).map(|at| 1e9 * 0.3f64.powi(at));
        let values: Vec<f64> = large.chain(falling).chain((0..3 * N).map(|at| 0.25 + noise(at))).chain((0..3 * N).map(|at| 1e5 + noise(at))).collect();
        let mut window = LongWindow::new(N);
        for (at, value) in values.iter().enumerate() {
            window.push(*value);
            if at + 1 >= N {
                let (_, deviation) = mean_and_deviation(&values[at + 1 - N..=at]);
                let (_, ours) = window.mean_and_deviation();
                assert!((ours - deviation).abs() <= 1e-9 * deviation, "{at}: {ours} {deviation}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_long_window_equals_a_batch(n in 2usize..90, base in -1e6f64..1e6, steps in proptest::collection::vec(-1.0f64..1.0, 1..400)) {
            let mut window = LongWindow::new(n);
            let values: Vec<f64> = steps.iter().map(|step| base + step).collect();
            for (i, value) in values.iter().enumerate() {
                window.push(*value);
                if i + 1 >= n {
                    let (mean, deviation) = mean_and_deviation(&values[i + 1 - n..=i]);
                    let (ours, our_deviation) = window.mean_and_deviation();
                    prop_assert!((ours - mean).abs() <= 1e-12 * mean.abs().max(1.0), "{ours} {mean}");
                    prop_assert!((our_deviation - deviation).abs() <= 1e-9, "{our_deviation} {deviation}");
                }
            }
        }
    }
}

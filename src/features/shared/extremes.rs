//! Highest and lowest values of windows of up to 64 steps: one way back through the steps serves all windows and columns.

use crate::features::recent::{Recent, Row};

/// The extremes of one window: rows of the table.
#[derive(Clone, Debug)]
pub struct Extremes {
    /// Steps.
    pub n: usize,
    /// Highest values.
    pub highest: usize,
    /// Lowest values.
    pub lowest: usize,
}

/// Writes the rows of all windows, which stand from the shortest to the longest.
#[inline(always)]
pub fn update(windows: &[Extremes], recent: &Recent, table: &mut [Row]) {
    let (mut high, mut low) = (Row::all(f64::NEG_INFINITY), Row::all(f64::INFINITY));
    let mut seen = 0;
    for window in windows {
        let steps = recent.last(window.n);
        for step in &steps[..steps.len() - seen] {
            for at in 0..Row::WIDTH {
                let value = step.0[at];
                high.0[at] = if high.0[at] > value { high.0[at] } else { value };
                low.0[at] = if low.0[at] < value { low.0[at] } else { value };
            }
        }
        seen = steps.len();
        (table[window.highest], table[window.lowest]) = (high, low);
    }
}

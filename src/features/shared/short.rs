//! Windows of up to 64 steps: computed anew over their values at each step, all columns side by side.

use super::Statistic;
use crate::features::history::Column;
use crate::features::recent::{Recent, Row};

/// What is asked of the last n steps.
#[derive(Clone, Debug)]
pub struct Short {
    n: usize,
    sum: Option<Asked>,
    /// Deviations and spreads are about it.
    mean: Option<Asked>,
    deviation: Option<Asked>,
    spread: Option<Asked>,
}

/// A row of the table that a statistic is written to.
#[derive(Clone, Copy, Debug)]
struct Asked {
    row: usize,
    /// A column of the row's second half is asked for.
    upper: bool,
}

impl Short {
    /// Nothing of the last `n` steps yet.
    #[must_use]
    pub fn new(n: usize) -> Short {
        Short { n, sum: None, mean: None, deviation: None, spread: None }
    }

    /// Asks for a statistic of a column, and for what it is computed from; `next` gives rows.
    pub fn add(&mut self, statistic: Statistic, column: Column, mut next: impl FnMut() -> usize) {
        let about = matches!(statistic, Statistic::Deviation | Statistic::Spread).then_some(Statistic::Mean);
        for statistic in [Some(statistic), about].into_iter().flatten() {
            if let Some(place) = self.place(statistic) {
                place.get_or_insert_with(|| Asked { row: next(), upper: false }).upper |= column.is_upper();
            }
        }
    }

    /// The row of a statistic.
    #[must_use]
    pub fn row(&self, statistic: Statistic) -> Option<usize> {
        self.clone().place(statistic).and_then(|asked| asked.map(|asked| asked.row))
    }

    fn place(&mut self, statistic: Statistic) -> Option<&mut Option<Asked>> {
        match statistic {
            Statistic::Sum => Some(&mut self.sum),
            Statistic::Mean => Some(&mut self.mean),
            Statistic::Deviation => Some(&mut self.deviation),
            Statistic::Spread => Some(&mut self.spread),
            Statistic::Highest | Statistic::Lowest => None,
        }
    }

    /// Writes the rows of the newest step.
    #[inline(always)]
    pub fn update(&self, recent: &Recent, table: &mut [Row]) {
        let (steps, n) = (recent.last(self.n), self.n as f64);
        if let Some(asked) = self.sum {
            table[asked.row] = fold(steps, asked.upper, |sum, value, _| sum + value);
        }
        let (Some(asked), Some(Row(base))) = (self.mean, steps.first()) else { return };
        let Row(shift) = each(fold(steps, asked.upper, |sum, value, at| sum + (value - base[at])), |sum| sum / n);
        let mean = Row::of(|at| base[at] + shift[at]);
        table[asked.row] = mean;
        if let Some(asked) = self.deviation {
            let squares = fold(steps, asked.upper, |sum, value, at| {
                let deviation = (value - base[at]) - shift[at];
                sum + deviation * deviation
            });
            table[asked.row] = each(squares, |sum| (sum / n).sqrt());
        }
        if let Some(asked) = self.spread {
            table[asked.row] = each(fold(steps, asked.upper, |sum, value, at| sum + (value - mean.0[at]).abs()), |sum| sum / n);
        }
    }
}

/// A sum a column, oldest to newest; the second half of the columns only where one of them is asked for.
#[inline(always)]
fn fold(steps: &[Row], upper: bool, add: impl Fn(f64, f64, usize) -> f64) -> Row {
    match upper {
        true => fold_first::<{ Row::WIDTH }>(steps, add),
        false => fold_first::<{ Row::WIDTH / 2 }>(steps, add),
    }
}

#[inline(always)]
fn fold_first<const COLUMNS: usize>(steps: &[Row], add: impl Fn(f64, f64, usize) -> f64) -> Row {
    let mut sums = [0.0; COLUMNS];
    for step in steps {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum = add(*sum, step.0[at], at);
        }
    }
    let mut row = Row::default();
    row.0[..COLUMNS].copy_from_slice(&sums);
    row
}

#[inline(always)]
fn each(row: Row, function: impl Fn(f64) -> f64) -> Row {
    Row::of(|at| function(row.0[at]))
}

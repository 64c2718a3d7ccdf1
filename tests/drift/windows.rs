//! Mean and deviation of a long window against sums in whole numbers.

use foretick::features::scale::LongWindow;

use super::prices::SCALE;
use crate::Worst;

/// A long window beside the exact sums of the same values. At most 8,192 values: the squares then fit 128 bits.
pub struct Window {
    ours: LongWindow,
    units: Box<[u64]>,
    sum: i128,
    squares: i128,
    /// The greatest of this round of the ring and of the two before.
    most: [u64; 3],
    mean: Worst,
    deviation: Worst,
}

impl Window {
    pub fn new(n: usize) -> Window {
        Window {
            ours: LongWindow::new(n),
            units: vec![0; n].into(),
            sum: 0,
            squares: 0,
            most: [0; 3],
            mean: Worst::new(format!("mean of {n}"), "2^-51 of the greatest value of 3 n"),
            deviation: Worst::new(format!("deviation of {n}"), "1e-9 of itself"),
        }
    }

    pub fn step(&mut self, step: u64, units: u64) {
        let n = self.units.len();
        let at = (step % n as u64) as usize;
        if at == 0 {
            self.most = [0, self.most[0], self.most[1]];
        }
        self.most[0] = self.most[0].max(units);
        let leaving = i128::from(std::mem::replace(&mut self.units[at], units));
        let units = i128::from(units);
        self.sum += units - leaving;
        self.squares += units * units - leaving * leaving;
        self.ours.push(units as f64 / SCALE);
        if self.ours.full() {
            self.compare(step);
        }
    }

    fn compare(&mut self, step: u64) {
        let n = self.units.len() as i128;
        let most = self.most.iter().fold(0, |most, units| *units.max(&most)) as f64 / SCALE;
        let exact_mean = self.sum as f64 / n as f64 / SCALE;
        let exact = ((n * self.squares - self.sum * self.sum) as f64).sqrt() / n as f64 / SCALE;
        let (mean, deviation) = self.ours.mean_and_deviation();
        self.mean.look(step, mean, exact_mean, most * 2f64.powi(-51));
        self.deviation.look(step, deviation, exact, exact * 1e-9);
    }

    pub fn worst(self) -> [Worst; 2] {
        [self.mean, self.deviation]
    }
}

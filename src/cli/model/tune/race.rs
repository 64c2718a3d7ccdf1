//! Backends in turns on the same inputs.

use std::sync::Arc;
use std::time::Instant;

use foretick::Result;
use foretick::model::backend::{Ahead, Backend, Instance};
use foretick::model::watchdog::RunLimit;

use crate::cli::bench::times::{Figures, Times};

/// By how much another backend must be faster than the fixed choice, so that noise decides nothing.
const MARGIN: f64 = 1.05;

/// One backend of a member.
pub struct Runner {
    backend: &'static str,
    instance: Box<dyn Instance>,
    ahead: Option<Box<dyn Ahead>>,
    out: Vec<f32>,
    whole: Times,
    newest: Times,
}

/// What one backend took.
#[derive(Clone, Debug, PartialEq)]
pub struct Lap {
    /// A run of all that it reads.
    pub whole: Figures,
    /// The newest row of a window whose other rows were worked out before.
    pub newest: Option<Figures>,
}

impl Lap {
    /// What it takes on the way of a decision, ns: the median of the faster of both.
    pub fn on_the_way_ns(&self) -> u64 {
        self.newest.iter().map(|figures| figures.p50_ns).chain([self.whole.p50_ns]).min().unwrap_or(u64::MAX)
    }
}

impl Runner {
    pub fn new(name: &'static str, backend: &Arc<dyn Backend>, limit: &RunLimit) -> Result<Runner> {
        Ok(Runner {
            backend: name,
            instance: backend.clone().instance(limit)?,
            ahead: backend.clone().ahead(),
            out: vec![0.0; backend.output_width()],
            whole: Times::new(0)?,
            newest: Times::new(0)?,
        })
    }

    fn turn(&mut self, before: &[f32], input: &[f32]) -> Result<()> {
        let began = Instant::now();
        self.instance.run(input, &mut self.out)?;
        self.whole.record(began.elapsed().as_nanos() as u64);
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        ahead.prepare(before);
        let began = Instant::now();
        if ahead.run(input, &mut self.out) {
            self.newest.record(began.elapsed().as_nanos() as u64);
        }
        Ok(())
    }

    fn lap(&self) -> Lap {
        let newest = self.newest.figures();
        Lap { whole: self.whole.figures(), newest: (newest.calls > 0).then_some(newest) }
    }
}

/// Every backend on every input in turn, each time another one first.
pub fn run(runners: &mut [Runner], inputs: &[Vec<f32>], calls: u32) -> Result<Vec<(&'static str, Lap)>> {
    let count = runners.len();
    for turn in 0..calls as usize {
        let (before, input) = (&inputs[turn % inputs.len()], &inputs[(turn + 1) % inputs.len()]);
        for at in 0..count {
            runners[(turn + at) % count].turn(before, input)?;
        }
    }
    Ok(runners.iter().map(|runner| (runner.backend, runner.lap())).collect())
}

/// The fixed choice, unless another is faster by more than the margin.
pub fn fastest(laps: &[(&'static str, Lap)], fixed: &'static str) -> Option<&'static str> {
    let (best, least) = laps.iter().map(|(backend, lap)| (*backend, lap.on_the_way_ns())).min_by_key(|(_, ns)| *ns)?;
    let stays = laps.iter().any(|(backend, lap)| *backend == fixed && lap.on_the_way_ns() as f64 <= least as f64 * MARGIN);
    Some(if stays { fixed } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lap(whole_ns: u64, newest_ns: Option<u64>) -> Lap {
        let figures = |ns| {
            let mut times = Times::new(0).unwrap();
            times.record(ns);
            times.figures()
        };
        Lap { whole: figures(whole_ns), newest: newest_ns.map(figures) }
    }

    #[test]
    fn noise_decides_nothing_and_a_clear_win_does() {
        let by = |ort: u64| fastest(&[("native", lap(1_000, None)), ("ort", lap(ort, None))], "native");
        assert_eq!((by(2_000), by(970), by(900)), (Some("native"), Some("native"), Some("ort")));
        assert_eq!(fastest(&[], "native"), None);
    }

    #[test]
    fn what_is_worked_out_before_is_not_on_the_way() {
        assert_eq!(fastest(&[("native", lap(3_000, Some(100))), ("ort", lap(2_000, None))], "native"), Some("native"));
    }
}

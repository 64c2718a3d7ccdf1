//! What carries state from step to step stays near the exact answer, however many steps there are.
//!
//! `cargo test --release --test drift -- --ignored --nocapture` drives 10^9 steps (`FORETICK_STEPS`) and prints the
//! worst error of each operator in parts of its bound. Prices are multiples of 2^-20 below 2^30, so sums of them are
//! exact in whole numbers and the oracle of a window is checked at every step; that of a recursion is the same
//! recursion in pairs of doubles, whose own error is 2^50 times smaller.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drift {
    pub mod pair;
    pub mod prices;
    pub mod recursions;
    pub mod windows;
}

use std::time::Instant;

use drift::prices::Prices;
use drift::recursions::Recursions;
use drift::windows::Window;

/// The worst error that an operator has made, in parts of its bound.
#[derive(Debug)]
pub struct Worst {
    name: String,
    bound: &'static str,
    part: f64,
    error: f64,
    step: u64,
}

impl Worst {
    fn new(name: impl Into<String>, bound: &'static str) -> Worst {
        Worst { name: name.into(), bound, part: 0.0, error: 0.0, step: 0 }
    }

    /// Takes note of an answer; one that is no number is worse than any.
    fn look(&mut self, step: u64, ours: f64, exact: f64, bound: f64) {
        let error = (ours - exact).abs();
        let part = if error == 0.0 { 0.0 } else { error / bound };
        if part > self.part || part.is_nan() {
            (self.part, self.error, self.step) = (if part.is_nan() { f64::INFINITY } else { part }, error, step);
        }
    }
}

const PERIODS: [usize; 4] = [20, 240, 1440, 8192];

/// Drives everything for so many steps; what was worst.
fn drive(steps: u64) -> Vec<Worst> {
    let mut prices = Prices::new(7);
    let mut windows: Vec<Window> = PERIODS.iter().map(|n| Window::new(*n)).collect();
    let mut recursions = Recursions::default();
    for step in 0..steps {
        let units = prices.next();
        windows.iter_mut().for_each(|window| window.step(step, units));
        recursions.step(step, units);
    }
    windows.into_iter().flat_map(Window::worst).chain(recursions.worst()).collect()
}

fn within_bounds(steps: u64) {
    let started = Instant::now();
    let all = drive(steps);
    println!("{steps} steps in {:.0?}", started.elapsed());
    println!("{:<24} {:>12} {:>14} {:>14}  bound", "operator", "of its bound", "error", "at step");
    all.iter().for_each(|worst| println!("{:<24} {:>12.4} {:>14.3e} {:>14}  {}", worst.name, worst.part, worst.error, worst.step, worst.bound));
    let above: Vec<_> = all.iter().filter(|worst| worst.part > 1.0).collect();
    assert!(above.is_empty(), "above their bounds: {above:#?}");
}

#[test]
fn a_million_steps_stay_within_their_bounds() {
    within_bounds(1_000_000);
}

#[test]
#[ignore = "takes minutes: FORETICK_STEPS, else 10^9"]
fn a_billion_steps_stay_within_their_bounds() {
    within_bounds(std::env::var("FORETICK_STEPS").map_or(1_000_000_000, |steps| steps.replace('_', "").parse().unwrap()));
}

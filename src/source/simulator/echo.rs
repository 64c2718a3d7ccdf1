//! What some pairs remember: the leader's return of [`ECHO_STEPS`] steps ago moves them once more.

/// How many steps after the leader's return its echo comes. More than one step long and no longer than the first moving
/// average, so that no row holds it, and a short window of rows does.
pub const ECHO_STEPS: usize = 4;
/// Weight of the echo, in typical returns of the pair, in the logit of the next move of a pair that has one.
pub const ECHO_WEIGHT: f64 = 1.0;

/// The leader's newest returns, [`ECHO_STEPS`] of them.
#[derive(Default)]
pub(super) struct Echo {
    returns: [f64; ECHO_STEPS],
    at: usize,
}

impl Echo {
    /// Takes the return of this step and answers that of [`ECHO_STEPS`] steps ago, 0 while there is none.
    pub(super) fn answer(&mut self, leader_return: f64) -> f64 {
        let old = std::mem::replace(&mut self.returns[self.at], leader_return);
        self.at = (self.at + 1) % ECHO_STEPS;
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_comes_so_many_steps_later() {
        let mut echo = Echo::default();
        let answers: Vec<f64> = (1..=3 * ECHO_STEPS).map(|step| echo.answer(step as f64)).collect();
        assert_eq!(answers[..ECHO_STEPS], [0.0; ECHO_STEPS]);
        assert!((ECHO_STEPS..3 * ECHO_STEPS).all(|at| answers[at] == (at + 1 - ECHO_STEPS) as f64), "{answers:?}");
    }
}

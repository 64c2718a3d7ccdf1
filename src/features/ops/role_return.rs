//! Return of another role's mid.

use super::{At, Op};
use crate::types::state::Pass;

/// `ln(mid[t] / mid[t-k])` of a role's stream; missing where either mid is.
#[derive(Debug)]
pub struct RoleReturn {
    role: usize,
    /// Mids of the last k steps, a ring; NaN where there was none.
    mids: Box<[f64]>,
    next: usize,
}

impl RoleReturn {
    /// Over `period` steps of the role with that number.
    #[must_use]
    pub fn new(role: usize, period: usize) -> RoleReturn {
        RoleReturn { role, mids: vec![f64::NAN; period].into(), next: 0 }
    }
}

impl Op for RoleReturn {
    fn update(&mut self, at: &At<'_>) -> Option<f64> {
        let mid = at.mid(self.role);
        let back = std::mem::replace(&mut self.mids[self.next], mid.unwrap_or(f64::NAN));
        self.next = if self.next + 1 == self.mids.len() { 0 } else { self.next + 1 };
        mid.filter(|_| !back.is_nan()).map(|mid| libm::log(mid / back))
    }

    fn reset(&mut self) {
        self.mids.fill(f64::NAN);
        self.next = 0;
    }

    fn state(&mut self, pass: &mut Pass<'_>) {
        let RoleReturn { role: _, mids, next } = self;
        pass.place(next, mids.len());
        pass.each([mids]);
    }
}

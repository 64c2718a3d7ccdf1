//! Steps that work value by value on a row: scaling, normalising, arithmetic.

use super::scores;
use crate::model::params::{Params, Visit};

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Sigmoid,
    Exp,
    Neg,
}

impl Unary {
    pub(super) fn apply(self, from: &[f32], to: &mut [f32]) {
        let function: fn(f32) -> f32 = match self {
            Unary::Sigmoid => scores::logistic,
            Unary::Exp => scores::exp,
            Unary::Neg => |x| -x,
        };
        for (to, from) in to.iter_mut().zip(from) {
            *to = function(*from);
        }
    }
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// NaN where either is.
    Max,
    /// NaN where either is.
    Min,
    /// The first one times the second one where it is below 0.
    PRelu,
    /// 1 or 0; NaN where either is, so that no choice is made by what is missing.
    Greater,
    /// As [`Binary::Greater`].
    GreaterOrEqual,
    /// As [`Binary::Greater`].
    Less,
    /// As [`Binary::Greater`].
    LessOrEqual,
}

impl Binary {
    /// A shorter side is repeated along the other.
    pub(super) fn apply(self, a: &[f32], b: &[f32], to: &mut [f32]) {
        match (a, b) {
            ([a], b) => to.iter_mut().zip(b).for_each(|(to, b)| *to = self.of(*a, *b)),
            (a, [b]) => to.iter_mut().zip(a).for_each(|(to, a)| *to = self.of(*a, *b)),
            (a, b) if a.len() < b.len() => to.chunks_exact_mut(a.len()).zip(b.chunks_exact(a.len())).for_each(|(to, b)| self.each(a, b, to)),
            (a, b) => to.chunks_exact_mut(b.len()).zip(a.chunks_exact(b.len())).for_each(|(to, a)| self.each(a, b, to)),
        }
    }

    fn each(self, a: &[f32], b: &[f32], to: &mut [f32]) {
        to.iter_mut().zip(a.iter().zip(b)).for_each(|(to, (a, b))| *to = self.of(*a, *b));
    }

    fn of(self, a: f32, b: f32) -> f32 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::PRelu => {
                if a < 0.0 {
                    a * b
                } else {
                    a
                }
            }
            _ if a.is_nan() || b.is_nan() => f32::NAN,
            Binary::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
            Binary::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Binary::Greater => truth(a > b),
            Binary::GreaterOrEqual => truth(a >= b),
            Binary::Less => truth(a < b),
            Binary::LessOrEqual => truth(a <= b),
        }
    }
}

fn truth(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

/// Where the condition is not 0 the one, elsewhere the other; NaN where the condition is.
pub(super) fn select(condition: &[f32], yes: &[f32], no: &[f32], to: &mut [f32]) {
    for ((to, condition), (yes, no)) in to.iter_mut().zip(condition).zip(yes.iter().zip(no)) {
        *to = if condition.is_nan() {
            *condition
        } else if *condition != 0.0 {
            *yes
        } else {
            *no
        };
    }
}

/// `Normalizer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Norm {
    L1,
    L2,
}

impl Norm {
    /// A row whose norm is 0 stays as it is.
    pub(super) fn apply(self, from: &[f32], to: &mut [f32]) {
        let values = from.iter().map(|value| f64::from(*value));
        let norm = match self {
            Norm::L1 => values.map(f64::abs).sum::<f64>(),
            Norm::L2 => libm::sqrt(values.map(|value| value * value).sum()),
        };
        let norm = if norm == 0.0 { 1.0 } else { norm };
        for (to, from) in to.iter_mut().zip(from) {
            *to = (f64::from(*from) / norm) as f32;
        }
    }
}

/// `Scaler`: (x - offset) * scale; both as long as the row.
#[derive(Debug)]
pub(super) struct Scaler {
    pub(super) offset: Params<f32>,
    pub(super) scale: Params<f32>,
}

impl Scaler {
    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.offset);
        visit(&mut self.scale);
    }

    pub(super) fn apply(&self, from: &[f32], to: &mut [f32]) {
        let factors = self.offset.iter().zip(&self.scale);
        for ((to, from), (offset, scale)) in to.iter_mut().zip(from).zip(factors) {
            *to = (*from - *offset) * *scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_side_is_repeated() {
        let mut to = [f32::NAN; 4];
        Binary::Sub.apply(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0], &mut to);
        assert_eq!(to, [0.0, 0.0, 2.0, 2.0]);
        Binary::Sub.apply(&[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0], &mut to);
        assert_eq!(to, [0.0, 0.0, -2.0, -2.0]);
        Binary::Div.apply(&[6.0], &[1.0, 2.0, 3.0, 4.0], &mut to);
        assert_eq!(to, [6.0, 3.0, 2.0, 1.5]);
    }

    #[test]
    fn comparisons_and_choices_keep_nan() {
        let mut to = [0.0; 3];
        Binary::Greater.apply(&[1.0, 3.0, f32::NAN], &[2.0], &mut to);
        assert!(to[..2] == [0.0, 1.0] && to[2].is_nan());
        let condition = to;
        select(&condition, &[1.0; 3], &[2.0; 3], &mut to);
        assert!(to[..2] == [2.0, 1.0] && to[2].is_nan());
        for op in [Binary::Max, Binary::Min, Binary::PRelu] {
            op.apply(&[f32::NAN, 1.0, -2.0], &[0.5], &mut to);
            assert!(to[0].is_nan());
        }
        assert_eq!(to[1..], [1.0, -1.0]);
    }

    #[test]
    fn norms_count_sizes_and_leave_zeros() {
        let normed = |norm: Norm, from: [f32; 2]| {
            let mut to = [f32::NAN; 2];
            norm.apply(&from, &mut to);
            to
        };
        assert_eq!(normed(Norm::L1, [1.0, -3.0]), [0.25, -0.75]);
        assert_eq!(normed(Norm::L2, [3.0, -4.0]), [0.6, -0.8]);
        assert_eq!(normed(Norm::L1, [0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(normed(Norm::L2, [3.0e38, 0.0]), [1.0, 0.0]);
    }
}

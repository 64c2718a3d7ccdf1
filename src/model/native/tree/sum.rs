//! From the leaves that a row reached to one score a target, and to what is made of those.

use super::super::block::{Block, filled};
use super::super::lanes::{Halves, LANES};
use super::super::scores::Link;
use super::super::sums::Registers;
use super::Aggregate;
use crate::model::params::{Params, Visit};

/// What leaves hold.
#[derive(Debug)]
pub(super) enum Leaves {
    /// Every tree speaks of one target: its leaves hold their value themselves, and the trees stand target by target. Target t has
    /// the trees from `starts[t]` to `starts[t + 1]`.
    Single { starts: Params<u32> },
    /// Leaves speak of several targets: a leaf holds its number, and `values` has one row of `targets` values a leaf.
    Rows { targets: usize, values: Params<f32> },
}

impl Leaves {
    fn params(&mut self, visit: &mut Visit<'_>) {
        match self {
            Leaves::Single { starts } => visit(starts),
            Leaves::Rows { values, .. } => visit(values),
        }
    }
}

impl Aggregate {
    /// What a leaf without a value stands for.
    pub(super) fn neutral(self) -> f32 {
        match self {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f32::INFINITY,
            Aggregate::Max => f32::NEG_INFINITY,
        }
    }
}

/// How leaves become scores.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) leaves: Leaves,
    pub(super) aggregate: Aggregate,
    /// One a target.
    pub(super) base: Params<f64>,
    pub(super) link: Link,
}

impl Sum {
    /// How many values it gives.
    pub(super) fn outputs(&self) -> usize {
        self.link.width(self.base.len())
    }

    /// Writes those; `reached` is what the leaf that each tree reached holds.
    #[inline(always)]
    pub(super) fn run<R: Registers>(&self, reached: &[f32], to: &mut [f32]) {
        let scores = to.len().saturating_sub(self.base.len());
        for (target, score) in to[scores..].iter_mut().enumerate() {
            *score = (self.total::<R>(reached, target) + self.base[target]) as f32;
        }
        self.link.apply(to);
    }

    /// The trees' values of one target, without the base value.
    #[inline(always)]
    pub(super) fn total<R: Registers>(&self, reached: &[f32], target: usize) -> f64 {
        let none = self.aggregate.neutral();
        match &self.leaves {
            Leaves::Single { starts } => {
                let own = &reached[starts[target] as usize..starts[target + 1] as usize];
                self.aggregated(own, reached.len(), |leaves| R::filled_up(leaves, none))
            }
            Leaves::Rows { targets, values } => {
                let value = |leaf: &f32| values[leaf.to_bits() as usize * targets + target];
                self.aggregated(reached, reached.len(), |leaves| filled(none, |lane| leaves.get(lane).map_or(none, value)))
            }
        }
    }

    /// `values` makes a block of up to 16 trees' leaves, with what is neutral behind them.
    #[inline(always)]
    fn aggregated(&self, reached: &[f32], trees: usize, values: impl Fn(&[f32]) -> Block) -> f64 {
        match self.aggregate {
            Aggregate::Sum => self.joined(reached, values, |a, b| a + b),
            Aggregate::Average => self.joined(reached, values, |a, b| a + b) / trees as f64,
            Aggregate::Min => spoken(self.joined(reached, values, f64::min)),
            Aggregate::Max => spoken(self.joined(reached, values, f64::max)),
        }
    }

    /// A lane stays as it is when what is neutral is joined to it.
    #[inline(always)]
    fn joined(&self, reached: &[f32], values: impl Fn(&[f32]) -> Block, join: impl Fn(f64, f64) -> f64) -> f64 {
        let mut lanes = Halves::new(f64::from(self.aggregate.neutral()));
        let (groups, rest) = reached.as_chunks::<LANES>();
        for group in groups {
            lanes.join(&values(group), &join);
        }
        if !rest.is_empty() {
            lanes.join(&values(rest), &join);
        }
        lanes.reduce(join)
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.leaves.params(visit);
        visit(&mut self.base);
    }
}

/// A target of which no leaf spoke is 0.
fn spoken(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

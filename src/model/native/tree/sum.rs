//! From the leaves that a row reached to one score a target, and to what is made of those.

use super::super::block::filled;
use super::super::lanes::{LANES, reduce_half};
use super::super::scores::Link;
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
    pub(super) fn run(&self, reached: &[f32], to: &mut [f32]) {
        let scores = to.len().saturating_sub(self.base.len());
        for (target, score) in to[scores..].iter_mut().enumerate() {
            *score = (self.total(reached, target) + self.base[target]) as f32;
        }
        self.link.apply(to);
    }

    /// The trees' values of one target, without the base value.
    #[inline(always)]
    pub(super) fn total(&self, reached: &[f32], target: usize) -> f64 {
        match &self.leaves {
            Leaves::Single { starts } => {
                let own = &reached[starts[target] as usize..starts[target + 1] as usize];
                self.aggregated(own, reached.len(), |value| value)
            }
            Leaves::Rows { targets, values } => self.aggregated(reached, reached.len(), |leaf| values[leaf.to_bits() as usize * targets + target]),
        }
    }

    #[inline(always)]
    fn aggregated(&self, reached: &[f32], trees: usize, value: impl Fn(f32) -> f32) -> f64 {
        match self.aggregate {
            Aggregate::Sum => self.joined(reached, value, |a, b| a + b),
            Aggregate::Average => self.joined(reached, value, |a, b| a + b) / trees as f64,
            Aggregate::Min => spoken(self.joined(reached, value, f64::min)),
            Aggregate::Max => spoken(self.joined(reached, value, f64::max)),
        }
    }

    #[inline(always)]
    fn joined(&self, reached: &[f32], value: impl Fn(f32) -> f32, join: impl Fn(f64, f64) -> f64) -> f64 {
        let neutral = self.aggregate.neutral();
        let mut lanes = [[f64::from(neutral); LANES / 2]; 2];
        let (groups, rest) = reached.as_chunks::<LANES>();
        for group in groups {
            join_lanes(&mut lanes, &filled(0.0, |lane| value(group[lane])), &join);
        }
        if !rest.is_empty() {
            // A lane that already has what is neutral stays as it is.
            join_lanes(&mut lanes, &filled(0.0, |lane| rest.get(lane).map_or(neutral, |leaf| value(*leaf))), &join);
        }
        let [low, high] = lanes;
        reduce_half(filled(0.0, |lane| join(low[lane], high[lane])), join)
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.leaves.params(visit);
        visit(&mut self.base);
    }
}

/// Joins a value to each lane. Eight lanes at a time, as many as the widest register holds, or compilers make pairs of them.
#[inline(always)]
fn join_lanes([low, high]: &mut [[f64; LANES / 2]; 2], values: &[f32; LANES], join: impl Fn(f64, f64) -> f64) {
    let (first, second): ([f64; LANES / 2], [f64; LANES / 2]) =
        (filled(0.0, |lane| f64::from(values[lane])), filled(0.0, |lane| f64::from(values[LANES / 2 + lane])));
    for (lane, value) in low.iter_mut().zip(&first) {
        *lane = join(*lane, *value);
    }
    for (lane, value) in high.iter_mut().zip(&second) {
        *lane = join(*lane, *value);
    }
}

/// A target of which no leaf spoke is 0.
fn spoken(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

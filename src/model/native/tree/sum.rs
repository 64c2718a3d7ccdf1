//! From the leaves that a row reached to one score a target.

use super::super::lanes::{LANES, Lanes, reduce};
use super::{Aggregate, Node, Trees};

/// What leaves hold.
#[derive(Debug, PartialEq)]
pub(super) enum Leaves {
    /// Every tree speaks of one target: its leaves hold their value themselves, and the trees stand target by target. Target t has
    /// the trees from `starts[t]` to `starts[t + 1]`.
    Single { starts: Vec<u32> },
    /// Leaves speak of several targets: a leaf holds its number, and `values` has one row of `targets` values a leaf.
    Rows { targets: usize, values: Vec<f32> },
}

impl Leaves {
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Leaves::Single { starts } => starts.len() * 4,
            Leaves::Rows { values, .. } => values.len() * 4,
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

impl Trees {
    /// The trees' values of one target, without the base value.
    pub(super) fn total(&self, places: &[u32], target: usize) -> f64 {
        match &self.leaves {
            Leaves::Single { starts } => {
                let own = &places[starts[target] as usize..starts[target + 1] as usize];
                self.aggregated(own, |node| node.value)
            }
            Leaves::Rows { targets, values } => self.aggregated(places, |node| values[node.value.to_bits() as usize * targets + target]),
        }
    }

    fn aggregated(&self, places: &[u32], value: impl Fn(&Node) -> f32) -> f64 {
        match self.aggregate {
            Aggregate::Sum => self.joined(places, value, |a, b| a + b),
            Aggregate::Average => self.joined(places, value, |a, b| a + b) / self.roots.len() as f64,
            Aggregate::Min => spoken(self.joined(places, value, f64::min)),
            Aggregate::Max => spoken(self.joined(places, value, f64::max)),
        }
    }

    fn joined(&self, places: &[u32], value: impl Fn(&Node) -> f32, join: impl Fn(f64, f64) -> f64) -> f64 {
        let mut lanes: Lanes = [f64::from(self.aggregate.neutral()); LANES];
        for group in places.chunks(LANES) {
            for (lane, place) in lanes.iter_mut().zip(group) {
                *lane = join(*lane, f64::from(value(&self.nodes[*place as usize])));
            }
        }
        reduce(lanes, join)
    }
}

/// A target of which no leaf spoke is 0.
fn spoken(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

//! Trees of uneven depth below a [crown](super::crown).

use super::super::simd::Wide;
use super::chain::{Chain, Parts, Plan, by_depth};
use super::crown::{Crown, LEVELS};
use super::plain::Plain;
use crate::model::params::Visit;

/// The tops of all trees, and what is left below their exits.
#[derive(Debug)]
pub(super) struct Crowned {
    crown: Crown,
    chain: Chain,
}

impl Crowned {
    /// `None` where a node does not fit into 8 bytes.
    pub(super) fn new(plain: &Plain, columns: usize, wide: Wide) -> Option<Crowned> {
        let order = by_depth(plain);
        let roots: Vec<u32> = order.iter().map(|tree| plain.roots[*tree as usize]).collect();
        let (crown, exits) = Crown::new(plain, &roots, LEVELS, columns, wide);
        let chain = Chain::new(plain, &Plan { starts: &exits, order: &order, above: LEVELS, columns })?;
        Some(Crowned { crown, chain })
    }

    /// Beside one place for each of [`padded`](super::chain::padded) many trees.
    pub(super) fn scratch_len(&self) -> usize {
        self.chain.scratch_len()
    }

    /// Writes what the leaf that each tree reaches holds.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], scratch: &mut [f32], reached: &mut [f32]) {
        let (taken, rest) = scratch.split_at_mut(reached.len());
        let taken: &mut [u32] = bytemuck::cast_slice_mut(taken);
        self.crown.exits(row, taken);
        self.chain.descend_from(row, rest, taken, reached);
    }

    /// Writes which start each tree goes on from, for another way down the chain.
    #[inline(always)]
    pub(super) fn exits(&self, row: &[f32], taken: &mut [u32]) -> Parts<'_> {
        self.crown.exits(row, taken);
        self.chain.parts()
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.crown.params(visit);
        self.chain.params(visit);
    }
}

//! Which layout an ensemble gets: a fixed rule on its shape and the level of instructions. All layouts reach the same leaves.

use super::super::simd::Level;
#[cfg(target_arch = "x86_64")]
use super::blocks::Blocks;
use super::chain::Chain;
#[cfg(target_arch = "x86_64")]
use super::crowned::Crowned;
use super::plain::Plain;
use super::ranks::Ranks;
#[cfg(target_arch = "x86_64")]
use super::row::{COLUMNS, HALF};
#[cfg(target_arch = "x86_64")]
use super::sweep::Sweep;
use crate::model::params::Visit;

/// A layout for branches that compare with `<=`. Missing values take the second child everywhere, where [`Fast::takes_missing`] does not
/// say that they take the one that each branch says.
#[derive(Debug)]
pub(super) enum Fast {
    Ranks(Ranks),
    Chain(Chain),
    #[cfg(target_arch = "x86_64")]
    Crowned(Crowned),
    #[cfg(target_arch = "x86_64")]
    Sweep(Sweep),
    #[cfg(target_arch = "x86_64")]
    Blocks(Blocks),
}

impl Fast {
    /// The layout of an ensemble over rows of so many columns; `None` where only plain nodes can run it.
    pub(super) fn new(plain: &Plain, columns: usize, level: Level) -> Option<Fast> {
        if plain.equals {
            return None;
        }
        let ranks = || Ranks::new(plain, level).map(Fast::Ranks);
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = level.wide().filter(|_| columns <= COLUMNS) {
            let blocks = Blocks::new(plain, columns, wide).map(Fast::Blocks);
            let sweep = || Sweep::new(plain, columns, wide).map(Fast::Sweep);
            let crowned = || Crowned::new(plain, columns, wide).map(Fast::Crowned);
            // Wider rows with missing values would go the plain way.
            let ranks_first = if plain.misses && columns > HALF { ranks() } else { None };
            return blocks.or(ranks_first).or_else(sweep).or_else(crowned);
        }
        ranks().or_else(|| Chain::whole(plain, columns).map(Fast::Chain))
    }

    /// What people are told.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Fast::Ranks(_) => "by rank",
            Fast::Chain(_) => "in a chain",
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(_) => "in crown and chain",
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(_) => "in a sweep",
            #[cfg(target_arch = "x86_64")]
            Fast::Blocks(_) => "in blocks",
        }
    }

    /// Whether rows with missing values, which some branch lets take its first child, can take it.
    pub(super) fn takes_missing(&self) -> bool {
        match self {
            Fast::Ranks(_) => true,
            Fast::Chain(_) => false,
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(_) => false,
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(sweep) => sweep.takes_missing(),
            #[cfg(target_arch = "x86_64")]
            Fast::Blocks(blocks) => blocks.takes_missing(),
        }
    }

    /// How many values of scratch memory it needs, beside one for each of [`padded`](super::chain::padded) many trees.
    pub(super) fn scratch_len(&self) -> usize {
        match self {
            Fast::Ranks(ranks) => ranks.scratch_len(),
            Fast::Chain(chain) => chain.scratch_len(),
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(crowned) => crowned.scratch_len(),
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(_) | Fast::Blocks(_) => 0,
        }
    }

    /// Writes what the leaf that each tree reaches holds; `reached` has a place for each of [`padded`](super::chain::padded) many trees.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], scratch: &mut [f32], reached: &mut [f32]) {
        match self {
            Fast::Ranks(ranks) => ranks.descend(row, scratch, reached),
            Fast::Chain(chain) => chain.descend(row, scratch, reached),
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(crowned) => crowned.descend(row, scratch, reached),
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(sweep) => sweep.descend(row, bytemuck::cast_slice_mut(&mut scratch[..reached.len()]), reached),
            #[cfg(target_arch = "x86_64")]
            Fast::Blocks(blocks) => blocks.descend(row, bytemuck::cast_slice_mut(&mut scratch[..reached.len()]), reached),
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        match self {
            Fast::Ranks(ranks) => ranks.params(visit),
            Fast::Chain(chain) => chain.params(visit),
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(crowned) => crowned.params(visit),
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(sweep) => sweep.params(visit),
            #[cfg(target_arch = "x86_64")]
            Fast::Blocks(blocks) => blocks.params(visit),
        }
    }
}

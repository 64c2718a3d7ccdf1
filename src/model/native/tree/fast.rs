//! Which layout an ensemble gets: a fixed rule on its shape and the level of instructions. All layouts reach the same leaves.

use super::super::simd::Level;
#[cfg(target_arch = "x86_64")]
use super::blocks::Blocks;
use super::chain::Chain;
#[cfg(target_arch = "x86_64")]
use super::crowned::Crowned;
use super::descent::Descent;
#[cfg(target_arch = "x86_64")]
use super::gathers::Gathers;
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
    #[cfg(target_arch = "x86_64")]
    Gathers(Gathers),
}

/// The ways down that are tried, in this order, where no registers hold a row.
const ELSEWHERE: &[Descent] = &[Descent::Ranks, Descent::Chain];

/// The ways down that are tried, in this order.
#[cfg(target_arch = "x86_64")]
fn rule(plain: &Plain, columns: usize, level: Level) -> &'static [Descent] {
    // Wider rows with missing values would go the plain way.
    match plain.misses && columns > HALF {
        _ if level.wide().is_none() || columns > COLUMNS => ELSEWHERE,
        true => &[Descent::Blocks, Descent::Ranks, Descent::Sweep, Descent::Crown],
        false => &[Descent::Blocks, Descent::Sweep, Descent::Crown],
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn rule(_: &Plain, _: usize, _: Level) -> &'static [Descent] {
    ELSEWHERE
}

impl Fast {
    /// The layout of an ensemble over rows of so many columns by the rule; `None` where only plain nodes can run it.
    pub(super) fn by_rule(plain: &Plain, columns: usize, level: Level) -> Option<Fast> {
        rule(plain, columns, level).iter().find_map(|descent| Fast::new(*descent, plain, columns, level))
    }

    /// The layout for this way down; `None` where the ensemble or the processor does not have what it [needs](Descent::needs).
    pub(super) fn new(descent: Descent, plain: &Plain, columns: usize, level: Level) -> Option<Fast> {
        if plain.equals {
            return None;
        }
        match descent {
            Descent::Ranks => Ranks::new(plain, level).map(Fast::Ranks),
            Descent::Chain => Chain::whole(plain, columns).map(Fast::Chain),
            Descent::Blocks | Descent::Sweep | Descent::Crown | Descent::Gathers => Fast::in_registers(descent, plain, columns, level),
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn in_registers(descent: Descent, plain: &Plain, columns: usize, level: Level) -> Option<Fast> {
        let wide = level.wide().filter(|_| columns <= COLUMNS)?;
        match descent {
            Descent::Blocks => Blocks::new(plain, columns, wide).map(Fast::Blocks),
            Descent::Sweep => Sweep::new(plain, columns, wide).map(Fast::Sweep),
            Descent::Crown => Crowned::new(plain, columns, wide).map(Fast::Crowned),
            Descent::Gathers => Gathers::new(plain, columns, wide).map(Fast::Gathers),
            Descent::Ranks | Descent::Chain => None,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn in_registers(_: Descent, _: &Plain, _: usize, _: Level) -> Option<Fast> {
        None
    }

    /// Which way down it is.
    pub(super) fn descent(&self) -> Descent {
        match self {
            Fast::Ranks(_) => Descent::Ranks,
            Fast::Chain(_) => Descent::Chain,
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(_) => Descent::Crown,
            #[cfg(target_arch = "x86_64")]
            Fast::Sweep(_) => Descent::Sweep,
            #[cfg(target_arch = "x86_64")]
            Fast::Blocks(_) => Descent::Blocks,
            #[cfg(target_arch = "x86_64")]
            Fast::Gathers(_) => Descent::Gathers,
        }
    }

    /// Whether rows with missing values, which some branch lets take its first child, can take it.
    pub(super) fn takes_missing(&self) -> bool {
        match self {
            Fast::Ranks(_) => true,
            Fast::Chain(_) => false,
            #[cfg(target_arch = "x86_64")]
            Fast::Crowned(_) | Fast::Gathers(_) => false,
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
            Fast::Sweep(_) | Fast::Blocks(_) | Fast::Gathers(_) => 0,
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
            #[cfg(target_arch = "x86_64")]
            Fast::Gathers(gathers) => gathers.descend(row, bytemuck::cast_slice_mut(&mut scratch[..reached.len()]), reached),
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
            #[cfg(target_arch = "x86_64")]
            Fast::Gathers(gathers) => gathers.params(visit),
        }
    }
}

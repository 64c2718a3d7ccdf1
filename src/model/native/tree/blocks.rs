//! Below a [crown](super::crown), trees that are nearly full: blocks of four levels whose 15 branches are decided by one comparison,
//! and whose exits need no addresses because every block has all of its 16.

use super::super::simd::Wide;
use super::crown::{Columns, Crown, Keys, LEVELS, Row, SIDE, Thresholds, columns, load};
use super::ordinal::{NEVER, threshold};
use super::plain::Plain;
use crate::model::params::{Params, Visit};

/// Unless trees have at most four levels, the places for branches are at most this many times the branches.
const MOST_PLACES: usize = 4;
/// The deepest tree that is laid out so.
const MAX_DEPTH: u32 = 12;

/// What is below the crown.
#[derive(Debug)]
pub(super) struct Blocks {
    crown: Crown,
    /// Per level of blocks, as many blocks as the exits above.
    levels: Vec<Level>,
    /// What leaves hold, by exit of the last level.
    leaves: Params<f32>,
    columns: usize,
}

/// The blocks below all exits of what is above. The branches of a block's lowest level stand first, then those of the others from the
/// root on.
#[derive(Debug)]
struct Level {
    thresholds: Params<Thresholds>,
    columns: Params<Columns>,
}

/// Where the lowest three levels begin in a block.
const ROOT: usize = 8;

/// By the decisions of the seven upper branches of a block, bit by bit from the root on: the branch of the lowest level.
const LOWEST: [u8; 128] = lowest();

const fn lowest() -> [u8; 128] {
    let mut table = [0; 128];
    let mut decisions = 0;
    while decisions < 128 {
        let mut node = 1;
        while node < 8 {
            node = 2 * node + (decisions >> (node - 1) & 1);
        }
        table[decisions] = (node - 8) as u8;
        decisions += 1;
    }
    table
}

impl Blocks {
    /// `None` where trees are too uneven.
    pub(super) fn new(plain: &Plain, columns: usize, wide: Wide) -> Option<Blocks> {
        let depth = plain.depth().max(1);
        let below = depth.div_ceil(LEVELS) - 1;
        let top = depth - below * LEVELS;
        let trees = plain.roots.len().next_multiple_of(SIDE);
        let blocks: usize = (0..below).map(|level| trees << (top + level * LEVELS).min(MAX_DEPTH)).sum();
        if below > 0 && (depth > MAX_DEPTH || (trees << top) + blocks * (SIDE - 1) > MOST_PLACES * plain.branches()) {
            return None;
        }
        let (crown, mut exits) = Crown::new(plain, &plain.roots, top, wide, NOWHERE);
        let mut levels = Vec::new();
        for _ in 0..below {
            let (level, below) = Level::new(plain, &exits);
            levels.push(level);
            exits = below;
        }
        let leaves = exits.iter().map(|at| if *at == NOWHERE { 0.0 } else { plain.nodes[*at as usize].value }).collect();
        Some(Blocks { crown, levels, leaves, columns })
    }

    /// Writes what the leaf that each tree reaches holds; `places` has one for each tree and those that fill the last group of 16.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], places: &mut [u32], reached: &mut [f32]) {
        let keys = Keys::new(&row[..self.columns]);
        // SAFETY: the crown has a `Wide`, which is made only where the processor has these instructions.
        unsafe { if self.columns <= 32 { self.walk::<true>(&keys, places, reached) } else { self.walk::<false>(&keys, places, reached) } }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn walk<const HALF: bool>(&self, keys: &Keys, places: &mut [u32], reached: &mut [f32]) {
        let row = Row::<HALF>::new(keys);
        self.crown.descend(row, places);
        let Some((last, above)) = self.levels.split_last() else {
            places.iter().zip(reached).for_each(|(exit, reached)| *reached = self.leaves[*exit as usize]);
            return;
        };
        for level in above {
            let of_level = level.view();
            places.iter_mut().for_each(|place| *place = exit(row, of_level, *place));
        }
        let (of_level, leaves) = (last.view(), &self.leaves[..]);
        for (place, reached) in places.iter().zip(reached) {
            *reached = leaves[exit(row, of_level, *place) as usize];
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.crown.params(visit);
        for level in &mut self.levels {
            visit(&mut level.thresholds);
            visit(&mut level.columns);
        }
        visit(&mut self.leaves);
    }
}

/// Below an exit that no row takes.
const NOWHERE: u32 = u32::MAX;

impl Level {
    /// A block for each exit, and the node below each of theirs.
    fn new(plain: &Plain, above: &[u32]) -> (Level, Vec<u32>) {
        let mut level = Level { thresholds: vec![Thresholds([NEVER; SIDE]); above.len()].into(), columns: vec![[0; SIDE]; above.len()].into() };
        let mut exits = vec![NOWHERE; above.len() * SIDE];
        for (block, at) in above.iter().enumerate().filter(|(_, at)| **at != NOWHERE) {
            level.fill(plain, block, *at, 1, &mut exits);
        }
        (level, exits)
    }

    /// Fills a subtree from a node on, whose children are those with twice its number.
    fn fill(&mut self, plain: &Plain, block: usize, at: u32, node: usize, exits: &mut [u32]) {
        if node >= SIDE {
            exits[block * SIDE + node - SIDE] = at;
            return;
        }
        let Some(first) = plain.nodes[at as usize].child() else {
            return self.fill(plain, block, at, 2 * node, exits);
        };
        let lane = if node >= ROOT { node - ROOT } else { ROOT + node - 1 };
        self.thresholds[block].0[lane] = threshold(plain.nodes[at as usize].value);
        self.columns[block][lane] = plain.nodes[at as usize].column() as u8;
        self.fill(plain, block, first, 2 * node, exits);
        self.fill(plain, block, first + 1, 2 * node + 1, exits);
    }

    /// As slices, which a loop keeps in registers.
    fn view(&self) -> View<'_> {
        (&self.thresholds, &self.columns)
    }
}

type View<'a> = (&'a [Thresholds], &'a [Columns]);

/// The exit of a block that the row takes, numbered through all blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn exit<const HALF: bool>(row: Row<HALF>, (thresholds, column): View, block: u32) -> u32 {
    let second = u32::from(row.second(load(&thresholds[block as usize].0), columns(&column[block as usize])));
    let branch = u32::from(LOWEST[(second >> ROOT & 0x7f) as usize]);
    (block << LEVELS) + 2 * branch + (second >> branch & 1)
}

//! Below a [crown](super::crown), trees that are nearly full: blocks of three levels on one cache line, whose seven branches are decided by
//! one comparison, and whose exits need no addresses because every block has all of its eight.

use super::super::simd::Wide;
use super::crown::{Crown, LEVELS};
use super::ordinal::{NEVER, threshold};
use super::plain::{NOWHERE, Plain};
use super::row::{HALF, Row, SIDE, Seven, looked};
use crate::cpu::apart;
use crate::model::params::{Params, Visit};

/// Unless the crown is all there is, the places for branches are at most this many times the branches.
const MOST_PLACES: usize = 4;
/// The deepest tree that is laid out so.
const MAX_DEPTH: u32 = 13;
/// The levels of a block.
const DEEP: u32 = 3;
/// The exits of a block.
const EXITS: usize = 1 << DEEP;

/// What is below the crown.
#[derive(Debug)]
pub(super) struct Blocks {
    /// With those that fill the last group of 16.
    trees: usize,
    crown: Crown,
    /// Per level of blocks, as many blocks as the exits above.
    levels: Vec<Params<Block>>,
    /// What the last leaf of each block of the last level holds; without any level, what the leaves below the crown's exits do.
    last: Params<f32>,
    columns: usize,
    /// Some branch lets a missing value take its first child.
    misses: bool,
}

/// Seven branches, from the root on level by level.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Block {
    branches: Seven,
    /// On the last level, what the leaves below hold. The eighth finds no room here.
    leaves: [f32; EXITS - 1],
}

const NO_BLOCK: Block = Block { branches: Seven { thresholds: [NEVER; EXITS - 1], looked: [0; EXITS] }, leaves: [0.0; EXITS - 1] };

/// By the decisions of a block, bit by bit from the root on: its exit. The eighth bit says nothing.
const TAKEN: [u8; 256] = taken();

const fn taken() -> [u8; 256] {
    let mut table = [0; 256];
    let mut decisions = 0;
    while decisions < table.len() {
        let mut node = 1;
        while node < EXITS {
            node = 2 * node + (decisions >> (node - 1) & 1);
        }
        table[decisions] = (node - EXITS) as u8;
        decisions += 1;
    }
    table
}

impl Blocks {
    /// `None` where trees are too uneven.
    pub(super) fn new(plain: &Plain, columns: usize, wide: Wide) -> Option<Blocks> {
        let depth = plain.depth().max(1);
        let below = depth.saturating_sub(LEVELS).div_ceil(DEEP);
        let top = depth - below * DEEP;
        let trees = plain.roots.len().next_multiple_of(SIDE);
        let blocks: usize = (0..below).map(|level| trees << (top + level * DEEP).min(MAX_DEPTH)).sum();
        if below > 0 && (depth > MAX_DEPTH || (trees << top) + blocks * (EXITS - 1) > MOST_PLACES * plain.branches()) {
            return None;
        }
        let (crown, mut exits) = Crown::new(plain, &plain.roots, top, columns, wide);
        let mut levels = Vec::new();
        for _ in 0..below {
            let (blocks, below) = level(plain, columns, &exits);
            levels.push(blocks);
            exits = below;
        }
        let held: Vec<f32> = exits.iter().map(|at| if *at == NOWHERE { 0.0 } else { plain.nodes[*at as usize].value }).collect();
        let last = match levels.last_mut() {
            None => held,
            Some(blocks) => {
                let (held, _) = held.as_chunks::<EXITS>();
                blocks.iter_mut().zip(held).for_each(|(block, held)| block.leaves.copy_from_slice(&held[..EXITS - 1]));
                held.iter().map(|held| held[EXITS - 1]).collect()
            }
        };
        Some(Blocks { trees, crown, levels: levels.into_iter().map(Params::from).collect(), last: last.into(), columns, misses: plain.misses })
    }

    /// Whether missing values take the child that each branch says.
    pub(super) fn takes_missing(&self) -> bool {
        self.columns <= HALF
    }

    /// Writes what the leaf that each tree reaches holds; `places` has one for each tree and those that fill the last group of 16.
    #[inline(always)]
    pub(super) fn descend(&self, row: &[f32], places: &mut [u32], reached: &mut [f32]) {
        // SAFETY: the crown has a `Wide`, which is made only where the processor has these instructions.
        unsafe { self.choose(&row[..self.columns], places, reached) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn choose(&self, row: &[f32], places: &mut [u32], reached: &mut [f32]) {
        if self.columns > HALF {
            return self.walk(Row::wide(row), places, reached);
        }
        let (row, misses) = Row::narrow(row);
        if self.misses && misses { self.walk(row.missing(), places, reached) } else { self.walk(row, places, reached) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    fn walk<const NARROW: bool>(&self, row: Row<NARROW>, places: &mut [u32], reached: &mut [f32]) {
        assert!(places.len() == self.trees);
        self.crown.descend(row, places);
        let Some((last, above)) = self.levels.split_last() else {
            for (exit, reached) in places.iter().zip(reached) {
                *reached = self.last[*exit as usize];
                apart();
            }
            return;
        };
        let (places, _) = places.as_chunks_mut::<SIDE>();
        for blocks in above {
            let blocks = &blocks[..];
            for place in places.as_flattened_mut() {
                // SAFETY: the crown has given every tree one of its exits, and a level has a block for each exit of what is above.
                *place = *place << DEEP | exit(row, unsafe { blocks.get_unchecked(*place as usize) });
            }
        }
        let (blocks, eighth) = (&last[..], &self.last[..]);
        for (places, reached) in places.iter().zip(reached.as_chunks_mut::<SIDE>().0) {
            // A group is one round without branches; right behind its crown it took one and a half times as long.
            for (place, reached) in places.iter().zip(reached) {
                // SAFETY: as above.
                let (block, eighth) = unsafe { (blocks.get_unchecked(*place as usize), eighth.get_unchecked(*place as usize)) };
                let exit = exit(row, block) as usize;
                let leaf = std::hint::select_unpredictable(exit < EXITS - 1, block.leaves.as_ptr().wrapping_add(exit), eighth);
                // SAFETY: a leaf of the block or the last one.
                *reached = unsafe { *leaf };
            }
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.crown.params(visit);
        self.levels.iter_mut().for_each(|blocks| visit(blocks));
        visit(&mut self.last);
    }
}

/// A block for each exit of what is above, and the node below each of theirs.
fn level(plain: &Plain, columns: usize, above: &[u32]) -> (Vec<Block>, Vec<u32>) {
    let mut below = Below { plain, columns, blocks: vec![NO_BLOCK; above.len()], exits: vec![NOWHERE; above.len() * EXITS] };
    for (block, at) in above.iter().enumerate().filter(|(_, at)| **at != NOWHERE) {
        below.fill(block, *at, 1);
    }
    (below.blocks, below.exits)
}

/// A level while it grows.
struct Below<'a> {
    plain: &'a Plain,
    columns: usize,
    blocks: Vec<Block>,
    exits: Vec<u32>,
}

impl Below<'_> {
    /// Fills a subtree from a node on, whose children are those with twice its number.
    fn fill(&mut self, block: usize, at: u32, number: usize) {
        if number >= EXITS {
            self.exits[block * EXITS + number - EXITS] = at;
            return;
        }
        let node = &self.plain.nodes[at as usize];
        let Some(first) = node.child() else {
            return self.fill(block, at, 2 * number);
        };
        self.blocks[block].branches.thresholds[number - 1] = threshold(node.value);
        self.blocks[block].branches.looked[number - 1] = looked(node, self.columns);
        self.fill(block, first, 2 * number);
        self.fill(block, first + 1, 2 * number + 1);
    }
}

/// The exit of a block that the row takes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn exit<const NARROW: bool>(row: Row<NARROW>, block: &Block) -> u32 {
    u32::from(TAKEN[usize::from(row.second_of_seven(&block.branches))])
}

//! Sums in progress, as many side by side as a processor's registers hold.
//!
//! Compilers keep an array of four blocks in registers and leave larger ones in memory. So larger tiles are types: a pair holds two of
//! what it is made of, each a variable of its own.

use std::marker::PhantomData;

use super::block::{Block, WIDTH, Weights, fused};
use super::simd::{Kernel, Work};
use crate::cpu::Instructions;

/// Blocks of a panel: what even the smallest set of registers holds sums for.
pub(super) const PANEL: usize = 4;
/// The weights of one input for a panel of outputs.
pub(super) type Panel = [Weights; PANEL];
/// A panel of sums.
pub(super) type Four = [Block; PANEL];

/// Panels of sums of one row.
pub(super) trait Sums: Copy {
    /// How many panels.
    const PANELS: usize;
    /// The sums to begin with: as many blocks of `from`.
    fn load(from: &[Block]) -> Self;
    /// The same from stored blocks.
    fn begin(from: &[Weights]) -> Self;
    /// Adds to each sum the weight that one of the inputs has in its panel times `x`, rounded once.
    fn add<R: Registers>(&mut self, x: f32, panels: &[&[Panel]], input: usize);
    /// Each sum behind what as many blocks of `first` hold.
    fn behind(self, first: &[Block]) -> Self;
    /// Writes the sums to as many blocks of `to`.
    fn store(&self, to: &mut [Block]);
}

impl Sums for Four {
    const PANELS: usize = 1;

    #[inline(always)]
    fn load(from: &[Block]) -> Four {
        from.first_chunk().copied().unwrap_or_default()
    }

    #[inline(always)]
    fn begin(from: &[Weights]) -> Four {
        from.first_chunk().map_or_else(Four::default, |[a, b, c, d]| [a.0, b.0, c.0, d.0])
    }

    #[inline(always)]
    fn add<R: Registers>(&mut self, x: f32, panels: &[&[Panel]], input: usize) {
        add::<R, PANEL>(self, x, &panels[0][input]);
    }

    #[inline(always)]
    fn behind(mut self, first: &[Block]) -> Four {
        for (sums, first) in self.iter_mut().zip(&first[..PANEL]) {
            for (sum, first) in sums.iter_mut().zip(first) {
                *sum += first;
            }
        }
        self
    }

    #[inline(always)]
    fn store(&self, to: &mut [Block]) {
        to[..PANEL].copy_from_slice(self);
    }
}

/// Adds to each sum its weight times `x`, rounded once.
#[inline(always)]
pub(super) fn add<R: Registers, const N: usize>(sums: &mut [Block; N], x: f32, weights: &[Weights; N]) {
    for (sums, weights) in sums.iter_mut().zip(weights) {
        R::add(sums, x, &weights.0);
    }
}

/// Two of a kind, the second one behind the first.
#[derive(Clone, Copy)]
pub(super) struct Pair<T>(T, T);

/// Two panels.
pub(super) type Eight = Pair<Four>;
/// As many blocks as any sums here have.
pub(super) const MOST: usize = PANEL * Eight::PANELS;
/// Zeros for as many sums as there may be.
pub(super) const ZEROS: [Block; MOST] = [[0.0; WIDTH]; MOST];

impl<T: Sums> Sums for Pair<T> {
    const PANELS: usize = 2 * T::PANELS;

    #[inline(always)]
    fn load(from: &[Block]) -> Pair<T> {
        let (first, second) = from.split_at(T::PANELS * PANEL);
        Pair(T::load(first), T::load(second))
    }

    #[inline(always)]
    fn begin(from: &[Weights]) -> Pair<T> {
        let (first, second) = from.split_at(T::PANELS * PANEL);
        Pair(T::begin(first), T::begin(second))
    }

    #[inline(always)]
    fn add<R: Registers>(&mut self, x: f32, panels: &[&[Panel]], input: usize) {
        let (first, second) = panels.split_at(T::PANELS);
        self.0.add::<R>(x, first, input);
        self.1.add::<R>(x, second, input);
    }

    #[inline(always)]
    fn behind(self, first: &[Block]) -> Pair<T> {
        let (first, second) = first.split_at(T::PANELS * PANEL);
        Pair(self.0.behind(first), self.1.behind(second))
    }

    #[inline(always)]
    fn store(&self, to: &mut [Block]) {
        let (first, second) = to.split_at_mut(T::PANELS * PANEL);
        self.0.store(first);
        self.1.store(second);
    }
}

/// A panel of sums for each of several rows.
pub(super) trait Tile: Copy {
    /// How many rows.
    const ROWS: usize;
    /// Every row begins with the same sums.
    fn load(from: &Four) -> Self;
    /// Adds to the sums of each row the weights times one of its inputs.
    fn add<R: Registers>(&mut self, rows: &[&[f32]], input: usize, weights: &Panel);
    /// Writes the sums of each row, `stride` values from one row to the next.
    fn store(&self, to: &mut [f32], stride: usize);
}

impl Tile for Four {
    const ROWS: usize = 1;

    #[inline(always)]
    fn load(from: &Four) -> Four {
        *from
    }

    #[inline(always)]
    fn add<R: Registers>(&mut self, rows: &[&[f32]], input: usize, weights: &Panel) {
        add::<R, PANEL>(self, rows[0][input], weights);
    }

    #[inline(always)]
    fn store(&self, to: &mut [f32], _: usize) {
        to[..PANEL * WIDTH].copy_from_slice(self.as_flattened());
    }
}

impl<T: Tile> Tile for Pair<T> {
    const ROWS: usize = 2 * T::ROWS;

    #[inline(always)]
    fn load(from: &Four) -> Pair<T> {
        Pair(T::load(from), T::load(from))
    }

    #[inline(always)]
    fn add<R: Registers>(&mut self, rows: &[&[f32]], input: usize, weights: &Panel) {
        let (first, second) = rows.split_at(T::ROWS);
        self.0.add::<R>(first, input, weights);
        self.1.add::<R>(second, input, weights);
    }

    #[inline(always)]
    fn store(&self, to: &mut [f32], stride: usize) {
        self.0.store(to, stride);
        self.1.store(&mut to[T::ROWS * stride..], stride);
    }
}

/// As many rows as any tile has.
pub(super) const MOST_ROWS: usize = 4;

/// How much a processor's registers hold. The sizes change the speed and nothing else.
pub(super) trait Registers {
    /// For several rows.
    type Tile: Tile;
    /// For one row.
    type Alone: Sums;
    /// There are registers for four panels of sums.
    const MANY: bool;

    /// Adds to each sum of a block its weight times `x`, rounded once.
    #[inline(always)]
    fn add(sums: &mut Block, x: f32, weights: &Block) {
        fused(sums, x, weights);
    }

    /// Does work that is part of other work.
    fn part(work: impl Work);

    /// Up to a block of values, and `none` behind them.
    fn filled_up(values: &[f32], none: f32) -> Block;
}

/// A part is compiled where it stands, so that it is made for what is known there; in a debug build it is a function of its own for all
/// that have it, which takes half the time to compile. No bit depends on it.
#[inline(always)]
fn part<R: Registers, I: Instructions>(work: impl Work) {
    if I::FUSED && !cfg!(debug_assertions) { work.run::<R>() } else { I::call(Kernel(work)) }
}

/// 32 registers of 16 values.
#[cfg(target_arch = "x86_64")]
pub(super) struct Large<I>(PhantomData<I>);

#[cfg(target_arch = "x86_64")]
impl<I: Instructions> Registers for Large<I> {
    type Tile = Pair<Pair<Four>>;
    type Alone = Eight;
    const MANY: bool = true;

    #[inline(always)]
    fn part(work: impl Work) {
        part::<Self, I>(work);
    }

    #[inline(always)]
    fn filled_up(values: &[f32], none: f32) -> Block {
        I::filled_up(values, none)
    }
}

/// Fewer, shorter or unknown registers.
pub(super) struct Small<I>(PhantomData<I>);

impl<I: Instructions> Registers for Small<I> {
    type Tile = Four;
    type Alone = Four;
    const MANY: bool = false;

    #[inline(always)]
    fn part(work: impl Work) {
        part::<Self, I>(work);
    }

    #[inline(always)]
    fn filled_up(values: &[f32], none: f32) -> Block {
        I::filled_up(values, none)
    }
}

/// None that hold a sum: where the target has no fused multiply-add, each is a call, which may overwrite all registers.
///
/// There nothing is gained from hundreds of them in a row, and compiling those took longer than all the rest. So a block of them is a
/// function, and so is each part of work, in every build.
pub(super) struct Called<I>(PhantomData<I>);

impl<I: Instructions> Registers for Called<I> {
    type Tile = Four;
    type Alone = Four;
    const MANY: bool = false;

    #[inline(always)]
    fn add(sums: &mut Block, x: f32, weights: &Block) {
        called(sums, x, weights);
    }

    #[inline(always)]
    fn part(work: impl Work) {
        part::<Self, I>(work);
    }

    #[inline(always)]
    fn filled_up(values: &[f32], none: f32) -> Block {
        I::filled_up(values, none)
    }
}

#[inline(never)]
fn called(sums: &mut Block, x: f32, weights: &Block) {
    fused(sums, x, weights);
}

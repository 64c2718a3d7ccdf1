//! The last of a row's making: unscaled values become scaled ones, and f64 becomes f32, eight features side by side.
//!
//! Features are told apart by bits: one is on where the value is there. Blocks reach past the last feature; there all bits are off.

use crate::cpu::{Instructions, Loops};
use crate::features::row::RowFacts;
use crate::features::scale::{Fixed, Stats};

/// Features side by side.
pub const LANES: usize = 8;
/// One value of each.
pub type Lanes = [f64; LANES];

/// Blocks of so many features, all of one value.
#[must_use]
pub fn blocks(features: usize, value: f64) -> Box<[Lanes]> {
    vec![[value; LANES]; features.div_ceil(LANES)].into()
}

/// 1 for each feature that is on, 0 for each that is off: as wide as the values, so that a compiler handles both alike.
type Flags = [u64; LANES];

/// Blocks of features in a word of bits.
const BLOCKS: usize = 64 / LANES;

/// The bits of a block.
#[inline(always)]
fn bits_of(valid: &[u64], block: usize) -> u64 {
    valid[block / BLOCKS] >> (block % BLOCKS * LANES) & 0xff
}

/// The flags of bits.
#[inline(always)]
fn flags(bits: u64) -> Flags {
    let mut flags = [0; LANES];
    for (lane, flag) in flags.iter_mut().enumerate() {
        *flag = bits >> lane & 1;
    }
    flags
}

/// Turns off what is on in a block and no longer in `flags`; whether there was any.
#[inline(always)]
fn turn_off(valid: &mut [u64], block: usize, flags: &Flags) -> bool {
    let mut bits = 0;
    for (lane, flag) in flags.iter().enumerate() {
        bits |= flag << lane;
    }
    let off = bits_of(valid, block) & !bits;
    valid[block / BLOCKS] ^= off << (block % BLOCKS * LANES);
    off != 0
}

/// Scales that are one subtraction and one division, as [`Fixed`] is.
#[derive(Clone, Debug)]
pub struct FixedScales {
    shift: Box<[Lanes]>,
    divisor: Box<[Lanes]>,
}

impl FixedScales {
    /// One a feature.
    #[must_use]
    pub fn new(scales: &[Fixed]) -> FixedScales {
        let (mut shift, mut divisor) = (blocks(scales.len(), 0.0), blocks(scales.len(), 1.0));
        for (feature, scale) in scales.iter().enumerate() {
            shift.as_flattened_mut()[feature] = scale.shift;
            divisor.as_flattened_mut()[feature] = scale.divisor;
        }
        FixedScales { shift, divisor }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.shift) + size_of_val(&*self.divisor)
    }
}

/// Turns off what is no finite number, and scales the rest.
pub struct Settle<'r> {
    /// Unscaled values; those that are off become 0.
    pub raw: &'r mut [Lanes],
    /// Their bits.
    pub valid: &'r mut [u64],
    /// How each is scaled.
    pub scales: &'r FixedScales,
    /// Scaled values.
    pub scaled: &'r mut [Lanes],
    /// Set where a bit was turned off.
    pub turned_off: &'r mut bool,
}

impl Loops for Settle<'_> {
    #[inline(always)]
    fn run<I: Instructions>(self) {
        let blocks = self.raw.iter_mut().zip(&mut *self.scaled).zip(self.scales.shift.iter().zip(&self.scales.divisor));
        for (block, ((raw, scaled), (shift, divisor))) in blocks.enumerate() {
            let (was, mut on, from) = (flags(bits_of(self.valid, block)), [0; LANES], *raw);
            for lane in 0..LANES {
                on[lane] = was[lane] & u64::from(from[lane].is_finite());
                // Adding 0 makes -0 a 0.
                raw[lane] = if on[lane] == 0 { 0.0 } else { from[lane] + 0.0 };
            }
            *scaled = fixed(raw, shift, divisor);
            *self.turned_off |= turn_off(self.valid, block, &on);
        }
    }
}

#[inline(always)]
fn fixed(values: &Lanes, shift: &Lanes, divisor: &Lanes) -> Lanes {
    let mut scaled = [0.0; LANES];
    for lane in 0..LANES {
        scaled[lane] = Fixed { shift: shift[lane], divisor: divisor[lane] }.apply(values[lane]);
    }
    scaled
}

/// Least and greatest scaled value of the training span, by feature.
#[derive(Clone, Debug)]
pub struct Trained {
    low: Box<[Lanes]>,
    high: Box<[Lanes]>,
}

impl Trained {
    /// Those of a bundle.
    #[must_use]
    pub fn new(stats: &[Stats]) -> Trained {
        let mut trained = Trained { low: blocks(stats.len(), f64::NEG_INFINITY), high: blocks(stats.len(), f64::INFINITY) };
        trained.take(stats);
        trained
    }

    /// Another bundle's. Allocates nothing.
    pub fn take(&mut self, stats: &[Stats]) {
        let ranges = self.low.as_flattened_mut().iter_mut().zip(self.high.as_flattened_mut());
        for ((low, high), stats) in ranges.zip(stats) {
            (*low, *high) = (stats.low, stats.high);
        }
    }

    /// How many of a row's values that are on lie outside.
    #[must_use]
    pub fn outside(&self, values: &[f32], valid: &[u64]) -> u16 {
        let on = |feature: usize| valid[feature / 64] >> (feature % 64) & 1 == 1;
        let ranges = self.low.as_flattened().iter().zip(self.high.as_flattened());
        values.iter().zip(ranges).enumerate().filter(|(feature, (value, (low, high)))| on(*feature) && outside(**value, **low, **high)).count() as u16
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.low) + size_of_val(&*self.high)
    }
}

#[inline(always)]
fn outside(value: f32, low: f64, high: f64) -> bool {
    let value = f64::from(value);
    !((low <= value) & (value <= high))
}

/// Writes a row of f32.
pub struct Narrow<'r, 'w> {
    /// Scaled values.
    pub scaled: &'r [Lanes],
    /// Their trained range.
    pub trained: &'r Trained,
    /// Where the row goes.
    pub row: &'r mut Narrowing<'w>,
}

impl Loops for Narrow<'_, '_> {
    #[inline(always)]
    fn run<I: Instructions>(self) {
        let Narrow { scaled, trained, row } = self;
        for (block, (scaled, (low, high))) in scaled.iter().zip(trained.low.iter().zip(&trained.high)).enumerate() {
            row.put(block, scaled, low, high);
        }
    }
}

/// A row being written: f64 to f32, with its bits and facts.
pub struct Narrowing<'w> {
    values: &'w mut [f32],
    valid: &'w mut [u64],
    turned_off: bool,
    outside: Flags,
}

impl<'w> Narrowing<'w> {
    /// A value for each feature, and bits that tell which scaled values are there; what does not fit f32 is turned off.
    #[must_use]
    pub fn new(values: &'w mut [f32], valid: &'w mut [u64]) -> Narrowing<'w> {
        Narrowing { values, valid, turned_off: false, outside: [0; LANES] }
    }

    /// A scaled value is there.
    pub fn turn_on(&mut self, feature: usize) {
        self.valid[feature / 64] |= 1 << (feature % 64);
    }

    /// Writes a block of features; a value that is missing or does not fit f32 is 0 with its bit off.
    #[inline(always)]
    pub fn put(&mut self, block: usize, scaled: &Lanes, low: &Lanes, high: &Lanes) {
        let was = flags(bits_of(self.valid, block));
        let (mut values, mut on) = ([0.0f32; LANES], [0; LANES]);
        for lane in 0..LANES {
            // Adding 0 makes -0 a 0, before the cast and after it.
            let narrow = (scaled[lane] + 0.0) as f32 + 0.0;
            on[lane] = was[lane] & u64::from(narrow.is_finite());
            self.outside[lane] += on[lane] & u64::from(outside(narrow, low[lane], high[lane]));
            values[lane] = if on[lane] == 0 { 0.0 } else { narrow };
        }
        self.turned_off |= turn_off(self.valid, block, &on);
        let to = &mut self.values[block * LANES..];
        match to.first_chunk_mut() {
            Some(to) => *to = values,
            None => to.copy_from_slice(&values[..to.len()]),
        }
    }

    /// What is known of the row, all of which has been written.
    #[must_use]
    pub fn facts(self) -> RowFacts {
        let on: u32 = self.valid.iter().map(|word| word.count_ones()).sum();
        RowFacts { missing: self.values.len() as u16 - on as u16, out_of_range: self.outside.iter().sum::<u64>() as u16, beyond_f32: self.turned_off }
    }
}

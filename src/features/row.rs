//! One track's features: steps in, rows out.

use std::sync::Arc;

use crate::cpu::Level;
use crate::features::history::History;
use crate::features::narrow::{FixedScales, LANES, Lanes, Narrow, Narrowing, Settle, Trained, blocks};
use crate::features::ops::{At, Op, Source};
use crate::features::scale::{Fixed, Scale, Scaler, Stats, scale_fixed};
use crate::features::shared::{Cell, Plan, Shared};
use crate::features::spec::{FeatureSpec, Schema};
use crate::ingest::book::RoleBook;
use crate::types::state::{Pass, State};
use crate::types::step::Step;
use crate::window::rolling::Rolling;

/// What is known of the newest row besides its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowFacts {
    /// Features whose bit is off.
    pub missing: u16,
    /// Features outside the trained range.
    pub out_of_range: u16,
    /// A value did not fit f32, so its bit is off.
    pub beyond_f32: bool,
}

/// The operators, scales and newest row of one track.
#[derive(Debug)]
pub struct RowEngine {
    schema: Arc<Schema>,
    level: Level,
    history: History,
    shared: Shared,
    /// Features with operators of their own.
    ops: Box<[(usize, Box<dyn Op>)]>,
    /// Features that are shared statistics.
    cells: Box<[(usize, Cell)]>,
    firsts: Box<[u64]>,
    /// The greatest of the firsts.
    latest: u64,
    fixed: FixedScales,
    /// Features with several scales, or with one that needs more than stats.
    moving: Box<[(usize, Scaler)]>,
    /// Of the bundle that serves.
    trained: Trained,
    raw: Box<[Lanes]>,
    raw_valid: Box<[u64]>,
    scaled: Box<[Lanes]>,
    since: u64,
    facts: RowFacts,
}

impl RowEngine {
    /// Operators in their first state, with the fastest instructions of this processor.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> RowEngine {
        RowEngine::at(Level::best(), schema)
    }

    /// The same with other instructions, which give the same bits.
    #[must_use]
    pub fn at(level: Level, schema: Arc<Schema>) -> RowEngine {
        let (mut plan, mut ops, mut places) = (Plan::default(), Vec::new(), Vec::new());
        for (index, feature) in schema.features.iter().enumerate() {
            match (feature.op.build)(&feature.params, &mut plan) {
                Source::Own(op) => ops.push((index, op)),
                Source::Shared(place) => places.push((index, place)),
            }
        }
        let shared = Shared::new(&mut plan, level);
        let firsts: Box<[u64]> = schema.features.iter().map(FeatureSpec::first).collect();
        let width = schema.width();
        RowEngine {
            level,
            history: History::new(&plan.needs),
            ops: ops.into(),
            cells: places.into_iter().map(|(index, place)| (index, shared.cell(place))).collect(),
            shared,
            latest: firsts.iter().max().copied().unwrap_or(0),
            firsts,
            fixed: FixedScales::new(&fixed_scales(&schema)),
            moving: moving_scales(&schema),
            trained: Trained::new(&schema.stats),
            raw: blocks(width, 0.0),
            raw_valid: vec![0; width.div_ceil(64)].into(),
            scaled: blocks(width, 0.0),
            since: 0,
            facts: RowFacts::default(),
            schema,
        }
    }

    /// Computes the row of a closed step and makes it the window's newest.
    pub fn step(&mut self, step: &Step, books: &[RoleBook], window: &mut Rolling) {
        self.history.push(step, self.since);
        self.shared.update(step, self.since, &self.history, books.first(), self.schema.sampler.max_book_age_ns);
        self.compute(step, books);
        let (values, valid) = window.next_row();
        valid.copy_from_slice(&self.raw_valid);
        let beyond_f32 = self.scale(step.close, valid);
        let mut row = Narrowing::new(values, valid);
        self.level.run_loops(Narrow { scaled: &self.scaled, trained: &self.trained, row: &mut row });
        let facts = row.facts();
        self.facts = RowFacts { beyond_f32: beyond_f32 | facts.beyond_f32, ..facts };
        window.commit();
        self.since += 1;
    }

    /// Unscaled values with their bits.
    fn compute(&mut self, step: &Step, books: &[RoleBook]) {
        let RowEngine { history, shared, since, .. } = self;
        let at = At { step, since: *since, history, shared, books, max_book_age_ns: self.schema.sampler.max_book_age_ns };
        let raw = self.raw.as_flattened_mut();
        for (index, cell) in &self.cells {
            raw[*index] = shared.at(*cell);
        }
        begun(&self.firsts, *since >= self.latest, *since, &mut self.raw_valid);
        for (index, op) in &mut self.ops {
            match op.update(&at) {
                Some(value) => raw[*index] = value,
                None => turn_off(&mut self.raw_valid, *index),
            }
        }
    }

    /// Scaled values; `valid` has the bits of the unscaled ones. Whether one of them was no finite number.
    fn scale(&mut self, close: f64, valid: &mut [u64]) -> bool {
        let mut turned_off = false;
        self.level.run_loops(Settle { raw: &mut self.raw, valid, scales: &self.fixed, scaled: &mut self.scaled, turned_off: &mut turned_off });
        self.raw_valid.copy_from_slice(valid);
        for (index, scaler) in self.moving.iter_mut().filter(|(index, _)| is_on(&self.raw_valid, *index)) {
            match scaler.apply(self.raw.as_flattened()[*index], close) {
                Some(value) => self.scaled.as_flattened_mut()[*index] = value,
                None => turn_off(valid, *index),
            }
        }
        turned_off
    }

    /// Another bundle serves: its trained range counts, for the newest row too. Allocates nothing.
    pub fn take_range(&mut self, stats: &[Stats], window: &Rolling) {
        self.trained.take(stats);
        if let Some((values, valid)) = window.newest() {
            self.facts.out_of_range = self.trained.outside(values, valid);
        }
    }

    /// The newest row's facts.
    #[must_use]
    pub fn facts(&self) -> RowFacts {
        self.facts
    }

    /// The newest row before scaling, in f64, with its validity bits; 0 where a bit is off.
    #[must_use]
    pub fn raw(&self) -> (&[f64], &[u64]) {
        (&self.raw.as_flattened()[..self.schema.width()], &self.raw_valid)
    }

    /// Steps since the last restart.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Forgets everything, as after a long silence.
    pub fn restart(&mut self) {
        self.ops.iter_mut().for_each(|(_, op)| op.reset());
        self.moving.iter_mut().for_each(|(_, scaler)| scaler.reset());
        self.history.clear();
        self.shared.clear();
        self.raw.as_flattened_mut().fill(0.0);
        self.raw_valid.fill(0);
        (self.since, self.facts) = (0, RowFacts::default());
    }

    /// Bytes on the heap, operators' own small state at 64 bytes each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let moving: usize = self.moving.iter().map(|(_, scaler)| scaler.memory_bytes()).sum();
        let own = self.ops.len() * 64 + size_of_val(&*self.ops) + size_of_val(&*self.moving) + moving;
        let of_features = size_of_val(&*self.cells) + size_of_val(&*self.firsts) + size_of_val(&*self.raw_valid) + 2 * size_of_val(&*self.raw);
        self.history.memory_bytes() + self.shared.memory_bytes() + self.fixed.memory_bytes() + self.trained.memory_bytes() + own + of_features
    }
}

/// Scales that are fixed and alone; nothing where there is none, or where a [`Scaler`] scales.
fn fixed_scales(schema: &Schema) -> Vec<Fixed> {
    let fixed = |(feature, stats): (&FeatureSpec, &Stats)| match feature.scale[..] {
        [scale] => Fixed::of(scale, stats).unwrap_or(Fixed::NONE),
        _ => Fixed::NONE,
    };
    schema.features.iter().zip(&schema.stats).map(fixed).collect()
}

/// All other scales.
fn moving_scales(schema: &Schema) -> Box<[(usize, Scaler)]> {
    let is_fixed = |scales: &[Scale]| scales.is_empty() || matches!(scales, [scale] if scale.is_fixed());
    let features = schema.features.iter().zip(&schema.stats).enumerate();
    features.filter(|(_, (feature, _))| !is_fixed(&feature.scale)).map(|(index, (feature, stats))| (index, Scaler::new(&feature.scale, *stats))).collect()
}

/// Bits of the features that may have a value at a step, which all have once they have begun.
fn begun(firsts: &[u64], all: bool, since: u64, valid: &mut [u64]) {
    for (word, firsts) in valid.iter_mut().zip(firsts.chunks(64)) {
        *word = match all {
            true => u64::MAX >> (64 - firsts.len()),
            false => firsts.iter().rev().fold(0, |word, first| word << 1 | u64::from(since >= *first)),
        };
    }
}

fn is_on(valid: &[u64], index: usize) -> bool {
    valid[index / 64] >> (index % 64) & 1 == 1
}

fn turn_off(valid: &mut [u64], index: usize) {
    valid[index / 64] &= !(1 << (index % 64));
}

impl State for RowFacts {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let RowFacts { missing, out_of_range, beyond_f32 } = self;
        pass.each([missing, out_of_range, beyond_f32]);
    }
}

/// The trained range is that of the bundle that serves, so it is not part of the state.
impl State for RowEngine {
    fn state(&mut self, pass: &mut Pass<'_>) {
        #[rustfmt::skip]
        let RowEngine {
            schema, level: _, history, shared, ops, cells: _, firsts: _, latest: _, fixed: _, moving, trained: _, raw, raw_valid, scaled: _, since, facts,
        } = self;
        ops.iter_mut().for_each(|(_, op)| op.state(pass));
        moving.iter_mut().for_each(|(_, scaler)| scaler.state(pass));
        pass.counter(since);
        raw.as_flattened_mut()[..schema.width()].state(pass);
        pass.each([history, shared, raw_valid, facts]);
    }
}

/// Scales a row of the caller's, unscaled and NaN where missing, into what models read; its length is the schema's width.
/// The schema's scales must all be fixed: where one is not, the value counts as missing.
pub fn scale_row(schema: &Schema, raw: &[f64], values: &mut [f32], valid: &mut [u64]) -> RowFacts {
    valid.fill(0);
    let (mut row, features) = (Narrowing::new(values, valid), schema.features.chunks(LANES).zip(schema.stats.chunks(LANES)));
    for (block, (features, stats)) in features.enumerate() {
        let (mut scaled, mut low, mut high) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for (lane, (feature, stats)) in features.iter().zip(stats).enumerate() {
            let index = block * LANES + lane;
            let raw = raw.get(index).copied().filter(|value| !value.is_nan());
            if let Some(value) = raw.and_then(|value| scale_fixed(&feature.scale, stats, value)) {
                row.turn_on(index);
                (scaled[lane], low[lane], high[lane]) = (value, stats.low, stats.high);
            }
        }
        row.put(block, &scaled, &low, &high);
    }
    row.facts()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_row_is_scaled_narrowed_and_counted() {
        let text = "[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\n[window]\nrows = 1\n[schema]\nfeatures = [{ op = \"given\", field = [\"a\", \"b\", \"c\", \"d\"] }]\n";
        let mut schema = Schema::from_text(text).unwrap();
        (schema.features[0].scale, schema.stats[0]) = (vec![Scale::ZScore], Stats { mean: 1.0, std: 2.0, ..Stats::NONE });
        schema.stats[3] = Stats { low: -1.0, high: 1.0, ..Stats::NONE };
        let (mut values, mut valid) = ([9.0; 4], [u64::MAX]);
        let facts = scale_row(&schema, &[5.0, f64::NAN, 1e39, 1.5], &mut values, &mut valid);
        assert_eq!((values, valid), ([2.0, 0.0, 0.0, 1.5], [0b1001]));
        assert_eq!(facts, RowFacts { missing: 2, out_of_range: 1, beyond_f32: true });
        let facts = scale_row(&schema, &[1.0, -0.0, 0.0, 1.0], &mut values, &mut valid);
        assert_eq!((values.map(f32::to_bits), facts), ([0.0f32, 0.0, 0.0, 1.0].map(f32::to_bits), RowFacts::default()));
    }
}

//! One track's features: steps in, rows out.

use std::sync::Arc;

use crate::features::history::{History, Needs};
use crate::features::ops::{At, Op};
use crate::features::scale::{Scaler, Stats, scale_fixed};
use crate::features::spec::Schema;
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
    ops: Box<[Box<dyn Op>]>,
    firsts: Box<[u64]>,
    scalers: Box<[Scaler]>,
    /// Least and greatest scaled value of the training span, of the bundle that serves.
    trained: Box<[(f64, f64)]>,
    history: History,
    raw: Box<[f64]>,
    raw_valid: Box<[u64]>,
    since: u64,
    facts: RowFacts,
}

impl RowEngine {
    /// Operators in their first state.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> RowEngine {
        let mut needs = Needs::default();
        for feature in &schema.features {
            (feature.op.needs)(&feature.params, &mut needs);
        }
        let width = schema.width();
        RowEngine {
            ops: schema.features.iter().map(|feature| (feature.op.build)(&feature.params)).collect(),
            firsts: schema.features.iter().map(|feature| feature.first()).collect(),
            scalers: schema.features.iter().zip(&schema.stats).map(|(feature, stats)| Scaler::new(&feature.scale, *stats)).collect(),
            trained: schema.stats.iter().map(|stats| (stats.low, stats.high)).collect(),
            history: History::new(&needs),
            raw: vec![0.0; width].into(),
            raw_valid: vec![0; width.div_ceil(64)].into(),
            since: 0,
            facts: RowFacts::default(),
            schema,
        }
    }

    /// Computes the row of a closed step and makes it the window's newest.
    pub fn step(&mut self, step: &Step, books: &[RoleBook], window: &mut Rolling) {
        self.history.push(step, self.since);
        let at = At { step, since: self.since, history: &self.history, books, max_book_age_ns: self.schema.sampler.max_book_age_ns };
        let (values, valid) = window.next_row();
        let mut row = Narrowing::begin(values, valid);
        self.raw_valid.fill(0);
        for (index, op) in self.ops.iter_mut().enumerate() {
            let raw = op.update(&at).filter(|_| self.since >= self.firsts[index]);
            row.facts.beyond_f32 |= raw.is_some_and(|value| !value.is_finite());
            let raw = raw.filter(|value| value.is_finite());
            self.raw[index] = raw.map_or(0.0, positive_zero);
            self.raw_valid[index / 64] |= if raw.is_some() { 1u64 << (index % 64) } else { 0 };
            let scaled = raw.and_then(|value| self.scalers[index].apply(value, step.close));
            row.put(index, scaled, self.trained[index]);
        }
        self.facts = row.facts;
        window.commit();
        self.since += 1;
    }

    /// Another bundle serves: its trained range counts, for the newest row too. Allocates nothing.
    pub fn take_range(&mut self, stats: &[Stats], window: &Rolling) {
        for (range, stats) in self.trained.iter_mut().zip(stats) {
            *range = (stats.low, stats.high);
        }
        let Some((values, valid)) = window.newest() else { return };
        let on = |index: usize| valid[index / 64] >> (index % 64) & 1 == 1;
        let outside = |(index, range): &(usize, &(f64, f64))| on(*index) && outside(**range, values[*index]);
        self.facts.out_of_range = self.trained.iter().enumerate().filter(outside).count() as u16;
    }

    /// The newest row's facts.
    #[must_use]
    pub fn facts(&self) -> RowFacts {
        self.facts
    }

    /// The newest row before scaling, in f64, with its validity bits; 0 where a bit is off.
    #[must_use]
    pub fn raw(&self) -> (&[f64], &[u64]) {
        (&self.raw, &self.raw_valid)
    }

    /// Steps since the last restart.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Forgets everything, as after a long silence.
    pub fn restart(&mut self) {
        self.ops.iter_mut().for_each(|op| op.reset());
        self.scalers.iter_mut().for_each(Scaler::reset);
        self.history.clear();
        self.raw.fill(0.0);
        self.raw_valid.fill(0);
        (self.since, self.facts) = (0, RowFacts::default());
    }

    /// Bytes on the heap, operators' own small state at 64 bytes each.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let scalers: usize = self.scalers.iter().map(|scaler| scaler.memory_bytes() + size_of::<Scaler>()).sum();
        let per_feature = size_of::<Box<dyn Op>>() + 64 + size_of::<u64>() + size_of::<f64>() + size_of::<(f64, f64)>();
        self.history.memory_bytes() + scalers + self.ops.len() * per_feature + size_of_val(&*self.raw_valid)
    }
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
        let RowEngine { schema: _, ops, firsts: _, scalers, trained: _, history, raw, raw_valid, since, facts } = self;
        ops.iter_mut().for_each(|op| op.state(pass));
        pass.counter(since);
        pass.each([scalers, history, raw, raw_valid, facts]);
    }
}

/// Scales a row of the caller's, unscaled and NaN where missing, into what models read; its length is the schema's width.
/// The schema's scales must all be fixed: where one is not, the value counts as missing.
pub fn scale_row(schema: &Schema, raw: &[f64], values: &mut [f32], valid: &mut [u64]) -> RowFacts {
    let mut row = Narrowing::begin(values, valid);
    for (index, (feature, stats)) in schema.features.iter().zip(&schema.stats).enumerate() {
        let raw = raw.get(index).copied().filter(|value| !value.is_nan());
        row.put(index, raw.and_then(|value| scale_fixed(&feature.scale, stats, value)), (stats.low, stats.high));
    }
    row.facts
}

/// A row being written: f64 to f32, with its bits and facts.
struct Narrowing<'r> {
    values: &'r mut [f32],
    valid: &'r mut [u64],
    facts: RowFacts,
}

impl<'r> Narrowing<'r> {
    fn begin(values: &'r mut [f32], valid: &'r mut [u64]) -> Narrowing<'r> {
        valid.fill(0);
        Narrowing { values, valid, facts: RowFacts::default() }
    }

    /// Writes a scaled value; one that is missing or does not fit f32 is 0 with its bit off.
    #[inline]
    fn put(&mut self, index: usize, scaled: Option<f64>, trained: (f64, f64)) {
        let narrow = scaled.map(|value| positive_zero(value) as f32 + 0.0).filter(|value| value.is_finite());
        self.facts.beyond_f32 |= scaled.is_some() && narrow.is_none();
        self.values[index] = narrow.unwrap_or(0.0);
        match narrow {
            Some(value) => {
                self.valid[index / 64] |= 1u64 << (index % 64);
                self.facts.out_of_range += u16::from(outside(trained, value));
            }
            None => self.facts.missing += 1,
        }
    }
}

fn outside((low, high): (f64, f64), value: f32) -> bool {
    !(low..=high).contains(&f64::from(value))
}

/// -0 becomes 0.
fn positive_zero(value: f64) -> f64 {
    value + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_row_is_scaled_narrowed_and_counted() {
        let text = "[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\n[window]\nrows = 1\n[schema]\nfeatures = [{ op = \"given\", field = [\"a\", \"b\", \"c\", \"d\"] }]\n";
        let mut schema = Schema::from_text(text).unwrap();
        (schema.features[0].scale, schema.stats[0]) = (vec![crate::features::scale::Scale::ZScore], Stats { mean: 1.0, std: 2.0, ..Stats::NONE });
        schema.stats[3] = Stats { low: -1.0, high: 1.0, ..Stats::NONE };
        let (mut values, mut valid) = ([9.0; 4], [u64::MAX]);
        let facts = scale_row(&schema, &[5.0, f64::NAN, 1e39, 1.5], &mut values, &mut valid);
        assert_eq!((values, valid), ([2.0, 0.0, 0.0, 1.5], [0b1001]));
        assert_eq!(facts, RowFacts { missing: 2, out_of_range: 1, beyond_f32: true });
        let facts = scale_row(&schema, &[1.0, -0.0, 0.0, 1.0], &mut values, &mut valid);
        assert_eq!((values.map(f32::to_bits), facts), ([0.0f32, 0.0, 0.0, 1.0].map(f32::to_bits), RowFacts::default()));
    }
}

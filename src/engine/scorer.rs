//! One model of a generation on rows that the caller has: no track, no clock, no decision.

use std::sync::Arc;

use super::registry::Shared;
use crate::error::{Error, Result, Status};
use crate::features::row::scale_row;
use crate::features::spec::Schema;
use crate::model::backend::{Ahead, Instance};
use crate::model::bundle::{Bundle, Member};
use crate::model::carried::CarriedState;
use crate::model::manifest::InputShape;
use crate::model::store::Generation;

/// Rows are unscaled f64, as features come, instead of scaled f32.
pub const SCORER_RAW: u32 = 1;

/// What a scorer reads and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScorerInfo {
    /// F, values of a row; of a meta-model the values that it reads.
    pub features: usize,
    /// W, rows of a window; 1 for a model that reads single rows. A stateful model reads a window too, row by row, and begins anew
    /// with each.
    pub window: usize,
    /// f32 values that each row (or window) gives: the graph's float outputs one after the other, as the graph gives them; then, of a
    /// stateful model whose layers carry their own states, those.
    pub outputs: usize,
    /// The generation that it stays with.
    pub generation: u64,
    /// Backend bits of the model.
    pub backend: u16,
    /// Rows are unscaled f64.
    pub raw: bool,
}

impl ScorerInfo {
    /// Values of one row, or of one window.
    #[must_use]
    pub fn width(&self) -> usize {
        self.features * self.window
    }
}

/// One row, or one window with its oldest row first, in the form that the scorer was opened for.
#[derive(Clone, Copy, Debug)]
pub enum RowValues<'r> {
    /// As models see it; NaN where missing, for models that take that.
    Scaled(&'r [f32]),
    /// Unscaled; NaN where missing, which the schema replaces.
    Raw(&'r [f64]),
}

/// One model of a generation, with a working copy of its own. It keeps its generation alive: a swap does not change it.
#[derive(Debug)]
pub struct Scorer {
    shared: Arc<Shared>,
    number: u16,
    info: ScorerInfo,
    generation: Arc<Generation>,
    member: usize,
    instance: Box<dyn Instance>,
    /// What was worked ahead, once somebody has asked for it.
    ahead: Option<Box<dyn Ahead>>,
    /// Of a stateful model.
    state: Option<CarriedState>,
    /// NaN among scaled values is the model's to read.
    takes_missing: bool,
    /// The window that was scored last, of a model of windows; the scaled row where rows are unscaled.
    input: Box<[f32]>,
    /// The window that was scored last is the one behind `input`, and this its newest row.
    follows: bool,
    newest: Box<[f32]>,
    /// Bits of one row.
    valid: Box<[u64]>,
    out: Box<[f32]>,
}

impl Scorer {
    pub(super) fn open(shared: Arc<Shared>, slot: &str, model: &str, flags: u32) -> Result<Scorer> {
        if flags & !SCORER_RAW != 0 {
            return Err(Error::new(Status::InvalidArgument, format!("scorer flags {flags:#x}: only SCORER_RAW (1) is known")));
        }
        let generation = shared.store.find(slot).and_then(|slot| slot.current()).ok_or_else(|| shared.serves_none(slot))?;
        let (bundle, raw) = (&generation.bundle, flags & SCORER_RAW != 0);
        let at = find(bundle, model)?;
        let member = &bundle.members[at];
        if raw && let Some(why) = refuses_raw(bundle, member) {
            return Err(Error::new(Status::Unsupported, format!("model {model} takes no unscaled rows: {why}; give it scaled f32 rows, without SCORER_RAW")));
        }
        let instance = shared.store.policy().instance(member)?;
        let info = info(&generation, member, raw);
        let takes_missing = member.backend.accepts_missing();
        let (input, newest, out) = (vec![0.0; info.width()].into(), vec![0.0; info.features].into(), vec![0.0; info.outputs].into());
        let valid = vec![0; info.features.div_ceil(64)].into();
        let state = member.is_stateful().then(|| CarriedState::new(at, &*member.backend));
        let number = shared.take_scorer()?;
        Ok(Scorer { shared, number, info, generation, member: at, instance, ahead: None, state, takes_missing, input, follows: false, newest, valid, out })
    }

    /// Number of the scorer in its engine.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// What it reads and gives.
    #[must_use]
    pub fn info(&self) -> ScorerInfo {
        self.info
    }

    /// Scores rows that stand one after the other, scaled; `out` takes `outputs` values a row. No rows are fine.
    ///
    /// # Errors
    /// `SHAPE` for values that are no whole rows, or another length of `out`; as [`Scorer::score`], with the row's number. What
    /// `out` then holds is not to be used.
    pub fn run(&mut self, rows: &[f32], out: &mut [f32]) -> Result<()> {
        self.run_dense(rows, RowValues::Scaled, out)
    }

    /// As [`Scorer::run`], unscaled, for a scorer that was opened with [`SCORER_RAW`].
    ///
    /// # Errors
    /// As [`Scorer::run`].
    pub fn run_raw(&mut self, rows: &[f64], out: &mut [f32]) -> Result<()> {
        self.run_dense(rows, RowValues::Raw, out)
    }

    fn run_dense<'r, T>(&mut self, rows: &'r [T], values: impl Fn(&'r [T]) -> RowValues<'r>, out: &mut [f32]) -> Result<()> {
        let (width, outputs) = (self.info.width(), self.info.outputs);
        if !rows.len().is_multiple_of(width) || out.len() != rows.len() / width * outputs {
            let text = format!("{} values in, room for {} out: a row has {width} values and gives {outputs}", rows.len(), out.len());
            return Err(Error::new(Status::Shape, text));
        }
        for (number, (row, out)) in rows.chunks_exact(width).zip(out.chunks_exact_mut(outputs)).enumerate() {
            out.copy_from_slice(self.score(values(row)).map_err(|error| error.within(&format!("row {number}")))?);
        }
        Ok(())
    }

    /// Scores one row or window: `outputs` values. Native models allocate nothing, take no lock and make no system call.
    ///
    /// # Errors
    /// `SHAPE` for another number of values; `INVALID_ARGUMENT` for the other form of values than it was opened for;
    /// `NOT_FINITE` naming the value, for infinity, and for NaN where the model or the schema does not take it; `RANGE` for a
    /// value that does not fit f32 when scaled; `MODEL_OUTPUT` for NaN or infinity from the model; `DEADLINE`, `BACKEND` and
    /// `CLOSING` of a foreign backend.
    pub fn score(&mut self, values: RowValues<'_>) -> Result<&[f32]> {
        match values {
            RowValues::Scaled(row) if !self.info.raw => {
                if !self.run_known(row) {
                    self.check_scaled(row)?;
                    // Only a window may have to be known again, for the one behind it.
                    if self.info.window > 1 {
                        self.input.copy_from_slice(row);
                        self.follows = false;
                    }
                    self.run_on(Some(row))?;
                }
            }
            RowValues::Raw(row) if self.info.raw => {
                self.take_raw(row)?;
                self.run_on(None)?;
            }
            RowValues::Scaled(_) => return Err(Error::new(Status::InvalidArgument, "the scorer was opened with SCORER_RAW: its rows are unscaled f64")),
            RowValues::Raw(_) => return Err(Error::new(Status::InvalidArgument, "the scorer was opened without SCORER_RAW: its rows are scaled f32")),
        }
        match self.out.iter().position(|value| !value.is_finite()) {
            None => Ok(&self.out),
            Some(at) => Err(Error::new(Status::ModelOutput, format!("the model gave {} as value {at} of {}", self.out[at], self.out.len()))),
        }
    }

    /// Answers for a window whose rows but the newest are those that were worked ahead with: they were looked at before, and need no
    /// copy. Whether it is such a window.
    fn run_known(&mut self, window: &[f32]) -> bool {
        let (Some(ahead), known) = (&mut self.ahead, self.info.width() - self.info.features) else { return false };
        let Some((_, newest)) = window.split_at_checked(known) else { return false };
        if newest.len() != self.info.features || !is_clean(newest, self.takes_missing) || !ahead.run(window, &mut self.out) {
            return false;
        }
        self.newest.copy_from_slice(newest);
        self.follows = true;
        true
    }

    /// Runs the model on a row of the caller's, or on the one that was scaled.
    fn run_on(&mut self, row: Option<&[f32]>) -> Result<()> {
        let Scorer { generation, member, instance, ahead, state, input: scaled, out, .. } = self;
        let input = row.unwrap_or(scaled);
        let Some(state) = state else {
            // A row of the caller's is none that was worked ahead for.
            let known = row.is_none() && ahead.as_mut().is_some_and(|ahead| ahead.run(input, out));
            return if known { Ok(()) } else { instance.run(input, out) };
        };
        let carries = generation.bundle.members[*member].backend.carries();
        state.begin(carries);
        for row in input.chunks_exact(generation.bundle.schema.width()) {
            state.step(carries, &mut **instance, |to| to.copy_from_slice(row))?;
        }
        out.copy_from_slice(state.out());
        Ok(())
    }

    /// Works out what the window behind the one that was scored last can be known by: all but its newest row. When that window is
    /// then scored, it takes one row's time and gives the same bits; any other window is run whole. The first call takes memory.
    /// Nothing where the model cannot work ahead.
    pub fn prepare(&mut self) {
        if self.ahead.is_none() {
            self.ahead = self.member().backend.clone().ahead();
        }
        if std::mem::take(&mut self.follows) {
            self.input.copy_within(self.info.features.., 0);
            let newest = self.input.len() - self.info.features;
            self.input[newest..].copy_from_slice(&self.newest);
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.prepare(&self.input);
        }
    }

    fn member(&self) -> &Member {
        &self.generation.bundle.members[self.member]
    }

    fn check_scaled(&self, row: &[f32]) -> Result<()> {
        check_length(row.len(), self.info)?;
        if is_clean(row, self.takes_missing) { Ok(()) } else { Err(self.unclean(row)) }
    }

    #[cold]
    fn unclean(&self, row: &[f32]) -> Error {
        let at = row.iter().position(|value| value.is_infinite() || value.is_nan() && !self.takes_missing).unwrap_or(0);
        let why = if row[at].is_nan() { "; the model takes no missing values" } else { "" };
        Error::new(Status::NotFinite, format!("{} is {}{why}", self.place(at), row[at]))
    }

    fn take_raw(&mut self, values: &[f64]) -> Result<()> {
        check_length(values.len(), self.info)?;
        if let Some(at) = values.iter().position(|value| value.is_infinite()) {
            return Err(Error::new(Status::NotFinite, format!("{} is {}", self.place(at), values[at])));
        }
        let schema = &*self.generation.bundle.schema;
        for (step, (raw, scaled)) in values.chunks_exact(schema.width()).zip(self.input.chunks_exact_mut(schema.width())).enumerate() {
            let facts = scale_row(schema, raw, scaled, &mut self.valid);
            if facts.missing > 0
                && let Err((column, status, what)) = replace_missing(schema, raw, scaled, &self.valid)
            {
                return Err(Error::new(status, format!("{} {what}", self.place(step * schema.width() + column))));
            }
        }
        Ok(())
    }

    /// How a person finds a value: `"column 3 (rsi_14)"`, `"row 17 of the window, column 3 (rsi_14)"`.
    fn place(&self, at: usize) -> String {
        let (step, column) = (at / self.info.features, at % self.info.features);
        let window = if self.info.window > 1 { format!("row {step} of the window, ") } else { String::new() };
        let (bundle, member) = (&self.generation.bundle, self.member());
        let name = match member.spec.input {
            InputShape::Members => member.reads(&bundle.manifest).swap_remove(column),
            InputShape::Row | InputShape::Window => bundle.schema.features[column].name.clone(),
        };
        format!("{window}column {column} ({name})")
    }
}

fn find(bundle: &Bundle, model: &str) -> Result<usize> {
    bundle.members.iter().position(|member| member.spec.name == model).ok_or_else(|| {
        let names: Vec<&str> = bundle.members.iter().map(|member| member.spec.name.as_str()).collect();
        Error::new(Status::NotFound, format!("{} has no model \"{model}\"; its models are {}", bundle.manifest.title(), names.join(", ")))
    })
}

/// Why rows cannot be scaled for a model; `None` when they can.
fn refuses_raw(bundle: &Bundle, member: &Member) -> Option<String> {
    match member.spec.input {
        InputShape::Row | InputShape::Window => bundle.schema.refuses_rows(),
        InputShape::Members => Some("it reads other models' values, which have no scale".to_owned()),
    }
}

fn info(generation: &Generation, member: &Member, raw: bool) -> ScorerInfo {
    let schema = &generation.bundle.schema;
    let (features, window) = match member.spec.input {
        InputShape::Row if member.is_stateful() => (schema.width(), schema.window),
        InputShape::Row => (schema.width(), 1),
        InputShape::Window => (schema.width(), schema.window),
        InputShape::Members => (member.spec.reads.len(), 1),
    };
    ScorerInfo { features, window, outputs: member.backend.output_width(), generation: generation.number, backend: member.backend.bits(), raw }
}

fn check_length(length: usize, info: ScorerInfo) -> Result<()> {
    if length == info.width() { Ok(()) } else { Err(wrong_length(length, info)) }
}

#[cold]
fn wrong_length(length: usize, info: ScorerInfo) -> Error {
    let ScorerInfo { features, window, .. } = info;
    Error::new(Status::Shape, format!("{length} values were given, the model reads {} ({window} x {features})", info.width()))
}

/// No value is infinite, nor NaN where that is no missing value. All are looked at, so that no branch is among them.
fn is_clean(row: &[f32], takes_missing: bool) -> bool {
    let all = |is_good: fn(f32) -> bool| row.iter().fold(true, |good, value| good & is_good(*value));
    if takes_missing { all(|value| !value.is_infinite()) } else { all(f32::is_finite) }
}

/// Puts what the schema says in the place of what is off; the column that must not be, with why.
fn replace_missing(schema: &Schema, raw: &[f64], scaled: &mut [f32], valid: &[u64]) -> Result<(), (usize, Status, &'static str)> {
    for (column, feature) in schema.features.iter().enumerate().filter(|(column, _)| valid[column / 64] >> (column % 64) & 1 == 0) {
        if !raw[column].is_nan() {
            return Err((column, Status::Range, "does not fit f32 when it is scaled"));
        }
        scaled[column] = feature.missing.replacement().ok_or((column, Status::NotFinite, "is NaN, and the schema lets nothing stand for it"))?;
    }
    Ok(())
}

impl Drop for Scorer {
    fn drop(&mut self) {
        self.shared.give_back_scorer(self.number);
    }
}

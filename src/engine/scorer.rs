//! One model of a generation on rows that the caller has: no track, no clock, no decision.

mod recent;
mod values;

use std::sync::Arc;

use super::registry::Shared;
use crate::error::{Error, Result, Status};
use crate::model::backend::{Ahead, Instance};
use crate::model::bundle::{Bundle, Member};
use crate::model::carried::CarriedState;
use crate::model::manifest::InputShape;
use crate::model::store::Generation;
use recent::Recent;
use values::is_clean;

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
    /// The window that was scored last, of a model of windows.
    recent: Recent,
    /// Where unscaled rows are scaled, and which values of one are there.
    room: Box<[f32]>,
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
        let (recent, out) = (Recent::new(info.width(), info.features), vec![0.0; info.outputs].into());
        let (room, valid) = (vec![0.0; if raw { info.width() } else { 0 }].into(), vec![0; info.features.div_ceil(64)].into());
        let state = member.is_stateful().then(|| CarriedState::new(at, &*member.backend));
        let number = shared.take_scorer()?;
        Ok(Scorer { shared, number, info, generation, member: at, instance, ahead: None, state, takes_missing, recent, room, valid, out })
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
        self.check_form(values, self.info.window)?;
        match values {
            RowValues::Scaled(row) => {
                if !self.run_known(row) {
                    self.check_scaled(row)?;
                    self.run_on(row)?;
                }
            }
            RowValues::Raw(row) => {
                self.with_room(|scorer, room| {
                    scorer.scale(row, room)?;
                    if scorer.run_known(room) { Ok(()) } else { scorer.run_on(room) }
                })?;
            }
        }
        self.answer()
    }

    /// Scores the window that one more row makes of the one that was scored last, which it then is: `outputs` values, the bits of the
    /// whole window. After [`Scorer::prepare`] it takes one row's time, else a window's. Of a model that reads single rows, the row.
    ///
    /// # Errors
    /// As [`Scorer::score`], and `WRONG_STATE` when no window was scored yet. A row that is refused leaves the window as it was; one
    /// that the model then fails on (`MODEL_OUTPUT`, `DEADLINE`, `BACKEND`, `CLOSING`) is in it.
    pub fn score_next(&mut self, values: RowValues<'_>) -> Result<&[f32]> {
        if self.info.window == 1 {
            return self.score(values);
        }
        self.check_form(values, 1)?;
        if !self.recent.is_known() {
            return Err(Error::new(Status::WrongState, "no window was scored that a row could follow: score a whole one first"));
        }
        match values {
            RowValues::Scaled(row) => {
                self.check_scaled(row)?;
                self.follow(row)?;
            }
            RowValues::Raw(row) => self.with_room(|scorer, room| {
                let room = &mut room[..row.len()];
                scorer.scale(row, room)?;
                scorer.follow(room)
            })?,
        }
        self.answer()
    }

    /// What the model gave, if all of it is a number.
    fn answer(&self) -> Result<&[f32]> {
        match self.out.iter().position(|value| !value.is_finite()) {
            None => Ok(&self.out),
            Some(at) => Err(Error::new(Status::ModelOutput, format!("the model gave {} as value {at} of {}", self.out[at], self.out.len()))),
        }
    }

    /// Answers for a window whose rows but the newest are those that were worked ahead with: they were looked at before, and need no
    /// copy. Whether it is such a window.
    fn run_known(&mut self, window: &[f32]) -> bool {
        let Some(ahead) = &mut self.ahead else { return false };
        let Some(end) = ahead.newest(window) else { return false };
        if !is_clean(end, self.takes_missing) || !ahead.next(end, &mut self.out) {
            return false;
        }
        self.recent.set_known(window, end);
        true
    }

    /// Answers for the window that a row makes of the last one.
    fn follow(&mut self, row: &[f32]) -> Result<()> {
        let prepared = self.recent.is_prepared();
        self.recent.follow(row);
        if prepared && self.ahead.as_mut().is_some_and(|ahead| ahead.next(row, &mut self.out)) {
            return Ok(());
        }
        let Scorer { generation, member, instance, state, recent, out, .. } = self;
        run_whole(&generation.bundle, *member, instance, state, recent.rows(), out)
    }

    /// Runs the model on a row or window.
    fn run_on(&mut self, input: &[f32]) -> Result<()> {
        // Only a window may have to be known again, for the one behind it.
        if self.info.window > 1 {
            self.recent.set(input);
        }
        let Scorer { generation, member, instance, state, out, .. } = self;
        run_whole(&generation.bundle, *member, instance, state, input, out)
    }

    /// Lends the room for scaled values.
    fn with_room(&mut self, work: impl FnOnce(&mut Scorer, &mut [f32]) -> Result<()>) -> Result<()> {
        let mut room = std::mem::take(&mut self.room);
        let done = work(self, &mut room);
        self.room = room;
        done
    }

    /// Works out what the window behind the one that was scored last can be known by: all but its newest row. When that window is
    /// then scored, it takes one row's time and gives the same bits; any other window is run whole. The first call takes memory.
    /// Nothing where the model cannot work ahead.
    pub fn prepare(&mut self) {
        if self.ahead.is_none() {
            self.ahead = self.member().backend.clone().ahead();
        }
        if let Some(ahead) = &mut self.ahead {
            ahead.prepare(self.recent.rows());
            self.recent.prepared();
        }
    }

    fn member(&self) -> &Member {
        &self.generation.bundle.members[self.member]
    }
}

/// Runs a model on a row or window; a stateful one from the beginning on, row by row.
fn run_whole(bundle: &Bundle, member: usize, instance: &mut Box<dyn Instance>, state: &mut Option<CarriedState>, input: &[f32], out: &mut [f32]) -> Result<()> {
    let Some(state) = state else { return instance.run(input, out) };
    let carries = bundle.members[member].backend.carries();
    state.begin(carries);
    for row in input.chunks_exact(bundle.schema.width()) {
        state.step(carries, &mut **instance, |to| to.copy_from_slice(row))?;
    }
    out.copy_from_slice(state.out());
    Ok(())
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

impl Drop for Scorer {
    fn drop(&mut self) {
        self.shared.give_back_scorer(self.number);
    }
}

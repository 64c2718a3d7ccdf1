//! Scorers.

use std::ffi::{c_char, c_void};

use super::abi::{ScorerInfoRecord, StatusCode};
use super::engine_table::with_engine;
use super::error::Outcome;
use super::guard::guard;
use super::handle::{EngineHandle, HandleKind, ScorerHandle};
use super::object_table::{Object, Objects};
use super::pointer::{Out, text};
use super::rows::Places;
use super::sized::{stated, write};
use crate::engine::{RowValues, Scorer};
use crate::error::Result;

impl Object for Scorer {
    const KIND: HandleKind = HandleKind::Scorer;

    fn number(&self) -> u32 {
        u32::from(Scorer::number(self))
    }
}

/// Scorers behind their handles.
pub(super) static SCORERS: Objects<Scorer> = Objects::new();

/// Opens a scorer of one model, by its name in the manifest, of what a slot serves now: the model alone, on
/// rows of the caller's, without track, clock or decision. It stays with its generation when the slot
/// changes. `flags`: FORETICK_SCORER_RAW for unscaled rows, or 0.
///
/// threads: CONTROL. cost: allocates, blocks; up to seconds with a foreign backend.
/// slot, model: borrows (call). scorer: borrows (call).
/// errors: NO_BUNDLE, NOT_FOUND with the models' names, LIMIT (limits.scorers), UNSUPPORTED with RAW when a
/// feature is scaled by what a row does not hold, BACKEND, RUNTIME_*.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_scorer_open(
    engine: EngineHandle,
    slot: *const c_char,
    slot_len: usize,
    model: *const c_char,
    model_len: usize,
    flags: u32,
    scorer: *mut ScorerHandle,
) -> StatusCode {
    guard("foretick_scorer_open", || {
        // SAFETY: the header's rule of pointers.
        let (slot, model, out) = unsafe { (text(slot, slot_len, "slot")?, text(model, model_len, "model")?, Out::of(scorer, "scorer")?) };
        let id = with_engine(engine.id, |entry| SCORERS.open(entry.number, entry.engine.open_scorer(slot, model, flags)?))?;
        out.put(ScorerHandle { id });
        Ok(())
    })
}

/// What a scorer reads and gives.
///
/// threads: ONE LANE, the scorer. cost: hot.
/// info: borrows (call), written on success.
/// errors: BUSY, STRUCT_SIZE.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_scorer_info(scorer: ScorerHandle, info: *mut ScorerInfoRecord) -> StatusCode {
    guard("foretick_scorer_info", || {
        // SAFETY: the header's rule of pointers.
        let size = unsafe { stated(info.cast_const(), "info")? };
        let record = SCORERS.with(scorer.id, |scorer| Ok(ScorerInfoRecord::of(&scorer.info(), size)))?;
        // SAFETY: writable for the size that it states, by the header's rule of pointers.
        unsafe { write(info.cast::<u8>(), size, &record) };
        Ok(())
    })
}

/// Scores `n` rows of F values, or windows of W x F with the oldest row first: float as models see them, or
/// unscaled double with FORETICK_SCORER_RAW. NaN is a missing value: the schema replaces it in unscaled
/// rows; in scaled ones the model must take it. Rows run one by one, so a batch gives what single rows give,
/// bit for bit. n = 0 is OK and touches nothing.
///
/// threads: ONE LANE, the scorer. cost: hot with native models.
/// rows: borrows (call), aligned for its type; `stride` bytes from one row or window to the next, 0 when
/// they stand one after the other, else at least F values: with just those, windows slide by one row.
/// out: borrows (call), n x outputs values of the graph's float outputs as it gives them; not to be used
/// after an error. The two must not overlap.
/// errors: BUFFER_TOO_SMALL when cap (in values) is below n x outputs, SHAPE and ALIGNMENT of the stride,
/// INVALID_ARGUMENT for an overlap; with the first row that it happens in: NOT_FINITE, RANGE for a value
/// beyond float, MODEL_OUTPUT when the model gives NaN or infinity, DEADLINE, BACKEND; BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_scorer_run(scorer: ScorerHandle, rows: *const c_void, n: usize, stride: usize, out: *mut f32, cap: usize) -> StatusCode {
    guard("foretick_scorer_run", || {
        let places = Places { rows, count: n, stride, out, cap };
        // SAFETY: the header's rule of pointers.
        SCORERS.with(scorer.id, |scorer| unsafe { score_each(scorer, &places, scorer.info().width(), Scorer::score) })
    })
}

/// Scores, for each of `n` rows of F values, the window that the row makes of the one that was scored last, here or
/// by foretick_scorer_run; that window is then the last one. The bits are those of the whole window. After
/// foretick_scorer_prepare a row takes one row's time, else a window's. Where W is 1 it is
/// foretick_scorer_run. A row that is refused leaves the window as it was, with the rows before it; one that the
/// model then fails on (MODEL_OUTPUT, DEADLINE, BACKEND) is in it.
///
/// threads: ONE LANE, the scorer. cost: hot with native models.
/// rows, out: as with foretick_scorer_run, `stride` from row to row.
/// errors: WRONG_STATE when no window was scored yet; else as foretick_scorer_run.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_scorer_next(scorer: ScorerHandle, rows: *const c_void, n: usize, stride: usize, out: *mut f32, cap: usize) -> StatusCode {
    guard("foretick_scorer_next", || {
        let places = Places { rows, count: n, stride, out, cap };
        // SAFETY: the header's rule of pointers.
        SCORERS.with(scorer.id, |scorer| unsafe { score_each(scorer, &places, scorer.info().features, Scorer::score_next) })
    })
}

/// How a scorer is asked.
type Ask = for<'s> fn(&'s mut Scorer, RowValues<'_>) -> Result<&'s [f32]>;

/// # Safety
/// As [`Places::of`].
#[inline(always)]
unsafe fn score_each(scorer: &mut Scorer, places: &Places, width: usize, ask: Ask) -> Outcome {
    match (places.count, scorer.info().raw) {
        (0, _) => Ok(()),
        // SAFETY: passed on as it came.
        (_, true) => unsafe { score(scorer, places, width, |scorer, row| ask(scorer, RowValues::Raw(row))) },
        // SAFETY: as above.
        (_, false) => unsafe { score(scorer, places, width, |scorer, row| ask(scorer, RowValues::Scaled(row))) },
    }
}

/// # Safety
/// As [`Places::of`].
#[inline(always)]
unsafe fn score<T>(scorer: &mut Scorer, places: &Places, width: usize, ask: impl for<'s> Fn(&'s mut Scorer, &[T]) -> Result<&'s [f32]>) -> Outcome {
    let info = scorer.info();
    // SAFETY: passed on as it came.
    let (rows, out) = unsafe { places.of::<T>(width, info.features, info.outputs)? };
    for (number, row) in rows.iter().enumerate() {
        out.put(number, ask(scorer, row).map_err(|error| error.within(&format!("row {number}")))?);
    }
    Ok(())
}

/// Works out what the window behind the one that was scored last can be known by: all but its newest row. When
/// that window is scored next, it takes one row's time and gives the same bits; any other is run whole. OK and
/// nothing for models that cannot work ahead (foretick_track_prepare says which can).
///
/// threads: ONE LANE, the scorer. cost: about that of a run, the first time and after a jump up to W times it;
/// the first call allocates.
/// errors: BUSY.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_scorer_prepare(scorer: ScorerHandle) -> StatusCode {
    guard("foretick_scorer_prepare", || {
        SCORERS.with(scorer.id, |scorer| {
            scorer.prepare();
            Ok(())
        })
    })
}

/// Closes a scorer. Closing the zero handle is fine.
///
/// threads: CONTROL. cost: frees.
/// errors: BUSY while a caller is inside: nothing is closed.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_scorer_close(scorer: ScorerHandle) -> StatusCode {
    guard("foretick_scorer_close", || if scorer.id == 0 { Ok(()) } else { SCORERS.close(scorer.id) })
}

//! Scorers behind their handles: found and entered without a lock.

use super::cell::OwnerCell;
use super::claims::Claims;
use super::error::Outcome;
use super::grow::Grow;
use super::handle::{HandleKind, INVALID, Key, NO_ROOM, next_generation};
use crate::engine::Scorer;

/// Scorers by engine; kept for the next engine of the same number.
static SCORERS: Grow<Grow<OwnerCell<Scorer>>> = Grow::new();

/// Gives a new scorer its handle.
pub fn open_scorer(engine: u16, scorer: Scorer) -> Outcome<u64> {
    let key = Key { engine, generation: next_generation(), index: u32::from(scorer.number()) };
    let cell = SCORERS.make(u32::from(engine)).and_then(|scorers| scorers.make(key.index)).ok_or(NO_ROOM)?;
    cell.open(key.generation, scorer).map_err(|_| NO_ROOM)?;
    Ok(key.pack(HandleKind::Scorer))
}

/// Enters a scorer: one caller at a time, BUSY for another.
#[inline]
pub fn with_scorer<R>(handle: u64, work: impl FnOnce(&mut Scorer) -> Outcome<R>) -> Outcome<R> {
    let (cell, key) = scorer_cell(handle)?;
    cell.with(key.generation, work)?
}

#[inline]
fn scorer_cell(handle: u64) -> Outcome<(&'static OwnerCell<Scorer>, Key)> {
    let key = Key::unpack(HandleKind::Scorer, handle)?;
    let cell = SCORERS.get(u32::from(key.engine)).and_then(|scorers| scorers.get(key.index));
    Ok((cell.ok_or(INVALID)?, key))
}

/// Closes a scorer, poisoned or not. It ends after its handle, so that its number is free only when its place is.
pub fn close_scorer(handle: u64) -> Outcome {
    let (cell, key) = scorer_cell(handle)?;
    drop(cell.claim(key.generation)?.close(|_| ()));
    Ok(())
}

/// Scorers of an engine that is about to be closed; dropping this lets them go on.
pub struct ClaimedScorers {
    engine: u16,
    claims: Claims<Scorer>,
}

impl ClaimedScorers {
    /// None yet.
    pub fn new(engine: u16) -> ClaimedScorers {
        ClaimedScorers { engine, claims: Claims::none() }
    }

    /// As [`Claims::take`].
    pub fn take(&mut self) -> bool {
        self.claims.take(SCORERS.get(u32::from(self.engine)).into_iter().flat_map(Grow::iter))
    }

    /// Closes them all.
    pub fn close(self) {
        self.claims.close(|claim| drop(claim.close(|_| ())));
    }
}

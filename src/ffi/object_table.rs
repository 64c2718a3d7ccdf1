//! Objects that stand alone behind their handles, such as links and scorers: found and entered without a lock.

use super::cell::OwnerCell;
use super::claims::Claims;
use super::error::Outcome;
use super::grow::Grow;
use super::handle::{HandleKind, INVALID, Key, NO_ROOM, next_generation};

/// What a table may hold.
pub trait Object: 'static {
    /// What its handles name.
    const KIND: HandleKind;

    /// Its number among those of its engine.
    fn number(&self) -> u32;
}

/// Objects of one kind by engine; their places are kept for the next engine of the same number.
pub struct Objects<T: 'static>(Grow<Grow<OwnerCell<T>>>);

impl<T: Object> Objects<T> {
    /// None yet.
    pub const fn new() -> Objects<T> {
        Objects(Grow::new())
    }

    /// Gives a new object its handle.
    pub fn open(&self, engine: u16, object: T) -> Outcome<u64> {
        let key = Key { engine, generation: next_generation(), index: object.number() };
        let cell = self.0.make(u32::from(engine)).and_then(|objects| objects.make(key.index)).ok_or(NO_ROOM)?;
        cell.open(key.generation, object).map_err(|_| NO_ROOM)?;
        Ok(key.pack(T::KIND))
    }

    /// Enters an object: one caller at a time, BUSY for another.
    #[inline]
    pub fn with<R>(&self, handle: u64, work: impl FnOnce(&mut T) -> Outcome<R>) -> Outcome<R> {
        let (cell, key) = self.find(handle)?;
        cell.with(key.generation, work)?
    }

    #[inline]
    fn find(&self, handle: u64) -> Outcome<(&OwnerCell<T>, Key)> {
        let key = Key::unpack(T::KIND, handle)?;
        let cell = self.0.get(u32::from(key.engine)).and_then(|objects| objects.get(key.index));
        Ok((cell.ok_or(INVALID)?, key))
    }

    /// Closes an object, poisoned or not. It ends after its handle, so that its number is free only when its place is.
    pub fn close(&self, handle: u64) -> Outcome {
        let (cell, key) = self.find(handle)?;
        drop(cell.claim(key.generation)?.close(|_| ()));
        Ok(())
    }

    /// The objects of an engine, of which none is taken yet.
    pub fn claims(&'static self, engine: u16) -> Claimed<T> {
        Claimed { table: self, engine, claims: Claims::none() }
    }
}

/// Objects of an engine that is about to be closed; dropping this lets them go on.
pub struct Claimed<T: 'static> {
    table: &'static Objects<T>,
    engine: u16,
    claims: Claims<T>,
}

impl<T: Object> Claimed<T> {
    /// As [`Claims::take`].
    pub fn take(&mut self) -> bool {
        self.claims.take(self.table.0.get(u32::from(self.engine)).into_iter().flat_map(Grow::iter))
    }

    /// Closes them all.
    pub fn close(self) {
        self.claims.close(|claim| drop(claim.close(|_| ())));
    }
}

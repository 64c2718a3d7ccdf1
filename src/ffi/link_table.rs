//! Links behind their handles: found and entered without a lock.

use super::cell::OwnerCell;
use super::claims::Claims;
use super::error::Outcome;
use super::grow::Grow;
use super::handle::{HandleKind, INVALID, Key, NO_ROOM, next_generation};
use crate::engine::Link;

/// Links by engine; kept for the next engine of the same number.
static LINKS: Grow<Grow<OwnerCell<Link>>> = Grow::new();

/// Gives a new link its handle.
pub fn open_link(engine: u16, link: Link) -> Outcome<u64> {
    let key = Key { engine, generation: next_generation(), index: link.number() };
    let cell = LINKS.make(u32::from(engine)).and_then(|links| links.make(key.index)).ok_or(NO_ROOM)?;
    cell.open(key.generation, link).map_err(|_| NO_ROOM)?;
    Ok(key.pack(HandleKind::Link))
}

/// Enters a link: one producer at a time, BUSY for another.
#[inline]
pub fn with_link<R>(handle: u64, work: impl FnOnce(&mut Link) -> Outcome<R>) -> Outcome<R> {
    let (cell, key) = link_cell(handle)?;
    cell.with(key.generation, work)?
}

#[inline]
fn link_cell(handle: u64) -> Outcome<(&'static OwnerCell<Link>, Key)> {
    let key = Key::unpack(HandleKind::Link, handle)?;
    let cell = LINKS.get(u32::from(key.engine)).and_then(|links| links.get(key.index));
    Ok((cell.ok_or(INVALID)?, key))
}

/// Closes a link, poisoned or not; what was pushed is still drained. It ends after its handle, so that its number is free only when
/// its place is.
pub fn close_link(handle: u64) -> Outcome {
    let (cell, key) = link_cell(handle)?;
    drop(cell.claim(key.generation)?.close(|_| ()));
    Ok(())
}

/// Links of an engine that is about to be closed; dropping this lets them go on.
pub struct ClaimedLinks {
    engine: u16,
    claims: Claims<Link>,
}

impl ClaimedLinks {
    /// None yet.
    pub fn new(engine: u16) -> ClaimedLinks {
        ClaimedLinks { engine, claims: Claims::none() }
    }

    /// As [`Claims::take`].
    pub fn take(&mut self) -> bool {
        self.claims.take(LINKS.get(u32::from(self.engine)).into_iter().flat_map(Grow::iter))
    }

    /// Closes them all.
    pub fn close(self) {
        self.claims.close(|claim| drop(claim.close(|_| ())));
    }
}

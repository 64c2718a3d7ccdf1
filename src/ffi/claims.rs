//! Objects of an engine that is about to be closed.

use super::cell::{Claim, OwnerCell, Refused};

/// Objects that were taken for closing; dropping this lets them go on.
pub struct Claims<T: 'static>(Vec<Claim<'static, T>>);

impl<T> Claims<T> {
    /// None yet.
    pub fn none() -> Claims<T> {
        Claims(Vec::new())
    }

    /// Takes the objects that nobody is inside of, and keeps them: callers are told that they are closing, so busy ones need
    /// not all be idle at one time. True when every object is taken.
    pub fn take(&mut self, cells: impl Iterator<Item = &'static OwnerCell<T>>) -> bool {
        let mut all = true;
        for cell in cells {
            let Some(generation) = cell.occupant().filter(|generation| !self.has(*generation)) else { continue };
            match cell.claim(generation) {
                Ok(claim) => self.0.push(claim),
                // It was closed between the two looks.
                Err(Refused::Stale) => {}
                Err(_) => all = false,
            }
        }
        all
    }

    /// Generations are unique in the process.
    fn has(&self, generation: u32) -> bool {
        self.0.iter().any(|claim| claim.generation() == generation)
    }

    /// Closes them all.
    pub fn close(self, close: impl FnMut(Claim<'static, T>)) {
        self.0.into_iter().for_each(close);
    }
}

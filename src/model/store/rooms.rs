//! How many tracks of a lane ask a slot: for so many its copies carry states.

use parking_lot::Mutex;

/// Rooms by number of the slot; a room that was made stays.
#[derive(Debug, Default)]
pub struct Rooms(Mutex<Vec<(u16, usize)>>);

impl Rooms {
    /// Rooms for a slot.
    pub fn of(&self, slot: u16) -> usize {
        self.0.lock().iter().find(|(known, _)| *known == slot).map_or(0, |(_, rooms)| *rooms)
    }

    /// Makes at least so many.
    pub fn make(&self, slot: u16, rooms: usize) {
        let mut all = self.0.lock();
        match all.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, made)) => *made = rooms.max(*made),
            None => all.push((slot, rooms)),
        }
    }
}

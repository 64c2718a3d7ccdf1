//! What a push or an advance did.

/// What a push, advance or read did, over all tracks of the lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Slots taken from the array.
    pub taken: u64,
    /// Steps closed.
    pub closed: u32,
    /// Events taken but not applied.
    pub skipped: u32,
    /// Why events were skipped: reason bits DUPLICATE, LATE_EVENT, CLOCK_BACK, BOOK_RESYNC.
    pub reasons: u64,
    /// Waiting quotes and books that these replaced, of a link.
    pub conflated: u32,
    /// Predictions made and published, of a poll.
    pub predicted: u32,
    /// Tracks with a closed step that nobody has asked for.
    pub waiting: u32,
}

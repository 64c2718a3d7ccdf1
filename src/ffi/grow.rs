//! A table that grows and never moves: an element is found without a lock while another thread adds some.

use std::sync::OnceLock;

/// Chunks of 1, 2, 4, ... elements; the memory is kept for the life of the process, so that a stale
/// handle finds a place to look at instead of freed memory.
pub struct Grow<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

/// Room for 2^25 - 1 elements, more than an index of 24 bits can name.
const CHUNKS: usize = 25;

fn place(index: u32) -> (usize, usize) {
    let chunk = (index + 1).ilog2();
    (chunk as usize, (index + 1 - (1 << chunk)) as usize)
}

impl<T> Grow<T> {
    /// An empty table.
    pub const fn new() -> Grow<T> {
        Grow { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// The element of an index, when it was made.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        let (chunk, at) = place(index);
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// Every element that was made.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter())
    }
}

impl<T: Default> Grow<T> {
    /// The element of an index, made when it was not there; `None` beyond 24 bits.
    pub fn make(&self, index: u32) -> Option<&T> {
        let (chunk, at) = place(index.min(u32::MAX - 1));
        self.chunks.get(chunk)?.get_or_init(|| (0..1usize << chunk).map(|_| T::default()).collect()).get(at)
    }
}

impl<T> Default for Grow<T> {
    fn default() -> Grow<T> {
        Grow::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_places_of_their_own() {
        assert_eq!([0, 1, 2, 3, 6, 7].map(place), [(0, 0), (1, 0), (1, 1), (2, 0), (2, 3), (3, 0)]);
        assert_eq!(place((1 << 24) - 1), (24, 0));
        let table = Grow::<u8>::new();
        assert_eq!((table.get(5), table.make(5), table.get(4), table.get(2)), (None, Some(&0), Some(&0), None));
        assert_eq!(table.iter().count(), 4);
        assert_eq!(table.get(u32::MAX - 1), None);
    }
}

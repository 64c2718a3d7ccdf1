//! Memory of a caller's that notices what is written to it.

/// Words behind the room that nobody may touch.
const BEHIND: usize = 2;
const FILL: u64 = 0xA5A5_A5A5_A5A5_A5A5;

/// Room for an output, filled with a pattern; what the call has written is seen afterwards.
pub struct Room {
    words: Vec<u64>,
    given: Vec<u64>,
}

impl Room {
    /// Room for so many bytes, rounded up to words.
    pub fn of_bytes(bytes: usize) -> Room {
        let words = vec![FILL; bytes.div_ceil(8) + BEHIND];
        Room { given: words.clone(), words }
    }

    /// Room for a number of values.
    pub fn of<T>(count: usize) -> Room {
        Room::of_bytes(count * size_of::<T>())
    }

    /// Writes what the call is to find there.
    pub fn set(&mut self, at: usize, bytes: &[u8]) {
        let place = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut self.words)[at..at + bytes.len()];
        place.copy_from_slice(bytes);
        self.given.copy_from_slice(&self.words);
    }

    pub fn pointer<T>(&mut self) -> *mut T {
        self.words.as_mut_ptr().cast()
    }

    /// The first value; only of types whose every pattern of bits is a value.
    pub fn first<T: bytemuck::Pod>(&self) -> T {
        bytemuck::pod_read_unaligned(&bytemuck::cast_slice::<u64, u8>(&self.words)[..size_of::<T>()])
    }

    /// The bytes that were given for the call.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice::<u64, u8>(&self.words)[..8 * (self.words.len() - BEHIND)]
    }

    /// Nothing was written.
    pub fn untouched(&self) -> bool {
        self.words == self.given
    }

    /// Nothing was written behind the room.
    pub fn kept_within(&self) -> bool {
        self.words[self.words.len() - BEHIND..] == [FILL; BEHIND]
    }
}

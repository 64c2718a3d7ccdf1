//! Handles: 64 bits that name an object by kind, engine, generation and index.
//!
//! A handle is never a pointer. The generation is a count of everything that was opened in the process,
//! so a handle that outlives its object finds another generation in its place and is refused. It has 24
//! bits: a stale handle could be taken for a live one only after 16,777,215 more opens, by the one that
//! takes the same place with the same count.

use std::sync::atomic::{AtomicU32, Ordering};

use super::error::Fail;
use crate::error::Status;

/// What a handle names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum HandleKind {
    /// An engine.
    Engine = 1,
    /// A bundle.
    Bundle = 2,
    /// A lane.
    Lane = 3,
    /// A track.
    Track = 4,
    /// A scorer.
    Scorer = 5,
    /// A link.
    Link = 6,
}

/// An engine. 0 is no engine; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct EngineHandle {
    /// Opaque.
    pub id: u64,
}

/// A bundle that was read and verified. 0 is no bundle; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct BundleHandle {
    /// Opaque.
    pub id: u64,
}

/// A lane. 0 is no lane; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LaneHandle {
    /// Opaque.
    pub id: u64,
}

/// A track. 0 is no track; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct TrackHandle {
    /// Opaque.
    pub id: u64,
}

/// A link. 0 is no link; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LinkHandle {
    /// Opaque.
    pub id: u64,
}

/// A scorer. 0 is no scorer; closing that one is fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ScorerHandle {
    /// Opaque.
    pub id: u64,
}

/// The parts of a handle without its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Number of the engine, from 1.
    pub engine: u16,
    /// Count of opens in the process, from 1.
    pub generation: u32,
    /// Number within the engine and kind.
    pub index: u32,
}

/// Most engines that can be open at once: 12 bits, 0 is none.
pub const ENGINES_MOST: usize = 4095;

const PART: u32 = 24;
const PART_MASK: u64 = (1 << PART) - 1;

/// What a handle that names nothing is answered with.
pub const INVALID: Fail = Fail::Plain(Status::InvalidHandle, "the handle is zero, closed, or of another kind or engine");

/// What an object is answered with whose place is taken, which its number rules out.
pub const NO_ROOM: Fail = Fail::Plain(Status::Internal, "a number of the engine is in use already");

impl Key {
    /// The handle.
    pub fn pack(self, kind: HandleKind) -> u64 {
        (kind as u64) << 60 | u64::from(self.engine) << 48 | u64::from(self.generation) << PART | u64::from(self.index)
    }

    /// The parts of a handle of this kind.
    ///
    /// # Errors
    /// `INVALID_HANDLE` for another kind, and for an engine that would have an index.
    #[inline]
    pub fn unpack(kind: HandleKind, id: u64) -> Result<Key, Fail> {
        if id >> 60 != kind as u64 || (kind == HandleKind::Engine && id & PART_MASK != 0) {
            return Err(INVALID);
        }
        Ok(Key { engine: (id >> 48) as u16 & 0xFFF, generation: (id >> PART & PART_MASK) as u32, index: (id & PART_MASK) as u32 })
    }
}

/// The generation of the next object; never 0.
pub fn next_generation() -> u32 {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = OPENED.fetch_add(1, Ordering::Relaxed).wrapping_add(1) & PART_MASK as u32;
        if count != 0 {
            return count;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CASES: u32 = if cfg!(miri) { 16 } else { 256 };

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

        #[test]
        fn a_handle_with_a_bit_changed_is_another(engine in 1u16..=4095, generation in 1u32..1 << 24, index in 0u32..1 << 24, bit in 0u32..64) {
            let kinds = [HandleKind::Bundle, HandleKind::Lane, HandleKind::Track, HandleKind::Scorer, HandleKind::Link];
            for (kind, index) in kinds.map(|kind| (kind, index)).into_iter().chain([(HandleKind::Engine, 0)]) {
                let key = Key { engine, generation, index };
                let id = key.pack(kind);
                prop_assert_eq!(Key::unpack(kind, id).ok(), Some(key));
                prop_assert_ne!(Key::unpack(kind, id ^ 1 << bit).ok(), Some(key));
            }
            let indexed = Key { engine, generation, index }.pack(HandleKind::Engine);
            prop_assert_eq!(Key::unpack(HandleKind::Engine, indexed).is_ok(), index == 0);
        }
    }

    #[test]
    fn a_handle_keeps_its_parts() {
        let key = Key { engine: 4095, generation: 0xFF_FFFF, index: 0xAB_CDEF };
        let id = key.pack(HandleKind::Track);
        assert_eq!(Key::unpack(HandleKind::Track, id).ok(), Some(key));
        assert!(Key::unpack(HandleKind::Lane, id).is_err());
        assert!(Key::unpack(HandleKind::Engine, 0).is_err());
        let engine = Key { index: 0, ..key }.pack(HandleKind::Engine);
        assert!(Key::unpack(HandleKind::Engine, engine).is_ok() && Key::unpack(HandleKind::Engine, engine + 1).is_err());
        assert_eq!(id & 0xFF_FFFF, 0xAB_CDEF);
    }
}

//! Arguments: mostly good, then wrong in the ways that callers are.

use std::ffi::c_char;
use std::ptr::null;

use arbitrary::{Result, Unstructured};

/// A text and how it is passed.
pub struct Text {
    bytes: Vec<u8>,
    pointer: *const c_char,
    len: usize,
}

impl Text {
    /// One of the good texts; now and then cut, changed, or anything.
    pub fn of(source: &mut Unstructured<'_>, good: &[&str]) -> Result<Text> {
        let mut bytes = source.choose(good)?.as_bytes().to_vec();
        match source.int_in_range(0..=40u8)? {
            0 => bytes = source.arbitrary::<[u8; 12]>()?.to_vec(),
            1 => bytes.truncate(source.int_in_range(0..=bytes.len())?),
            2 if !bytes.is_empty() => {
                let at = source.choose_index(bytes.len())?;
                bytes[at] = source.arbitrary()?;
            }
            _ => {}
        }
        Text::passed(source, bytes)
    }

    /// These bytes; now and then with a pointer or a length that is none.
    pub fn passed(source: &mut Unstructured<'_>, bytes: Vec<u8>) -> Result<Text> {
        let (mut pointer, mut len) = (bytes.as_ptr().cast(), bytes.len());
        match source.int_in_range(0..=60u8)? {
            0 => pointer = null(),
            1 => (pointer, len) = (null(), 0),
            2 => len = usize::MAX,
            _ => {}
        }
        Ok(Text { bytes, pointer, len })
    }

    pub fn pointer(&self) -> *const c_char {
        self.pointer
    }

    /// The bytes hold these, however they are passed.
    pub fn says(&self, part: &str) -> bool {
        String::from_utf8_lossy(&self.bytes).contains(part)
    }

    pub fn len(&self) -> usize {
        self.len
    }
}

/// A flag that is known, or not.
pub fn flags(source: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match source.int_in_range(0..=20u8)? {
        0 => source.arbitrary()?,
        1..=5 => 1,
        _ => 0,
    })
}

/// A switch's value.
pub fn switch(source: &mut Unstructured<'_>) -> Result<i32> {
    Ok(if source.ratio(1, 20u8)? { source.arbitrary()? } else { i32::from(source.arbitrary::<bool>()?) })
}

/// The size of a struct of `usual` bytes as a caller states it, never above the room of `most`.
pub fn struct_size(source: &mut Unstructured<'_>, usual: usize, most: usize) -> Result<u32> {
    Ok(match source.int_in_range(0..=20u8)? {
        0 => source.int_in_range(0..=most as u32)?,
        1 => most as u32,
        2 => u32::MAX,
        _ => usual as u32,
    })
}

/// How many elements a caller says there is room for, `most` at most; or more than memory holds.
pub fn capacity(source: &mut Unstructured<'_>, most: usize) -> Result<usize> {
    Ok(match source.int_in_range(0..=20u8)? {
        0 => usize::MAX,
        1 => 0,
        2 => source.int_in_range(0..=most)?,
        _ => most,
    })
}

/// The pointer, or NULL, or one that is not aligned. Room behind it must hold 8 bytes more.
pub fn place<T>(source: &mut Unstructured<'_>, pointer: *mut T) -> Result<*mut T> {
    Ok(match source.int_in_range(0..=40u8)? {
        0 => std::ptr::null_mut(),
        1 if align_of::<T>() > 1 => pointer.wrapping_byte_add(1),
        _ => pointer,
    })
}

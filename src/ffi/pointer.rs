//! What comes through a pointer: checked for NULL, alignment and size before anything is read.
//!
//! Every constructor here is `unsafe` for one reason, the header's contract: a pointer that is not NULL
//! refers to as much memory as the call says, until the call returns, and nobody else writes it meanwhile.

use std::ffi::{c_char, c_void};

use super::error::{Fail, Outcome};
use crate::config::utf8;
use crate::error::Status;
use crate::types::Slot;

fn wrong(status: Status, name: &'static str, rule: &'static str) -> Fail {
    Fail::Argument(status, name, rule)
}

/// A pointer that is not NULL and aligned for its type.
#[inline]
pub fn sound<T>(pointer: *const T, name: &'static str) -> Outcome {
    if pointer.is_null() {
        return Err(wrong(Status::NullPointer, name, "must not be NULL"));
    }
    if !pointer.is_aligned() {
        return Err(wrong(Status::Alignment, name, "is not aligned as its type needs"));
    }
    Ok(())
}

/// `count` elements of `stride` bytes fit into memory.
fn fits(count: usize, stride: usize, name: &'static str) -> Outcome {
    match count.checked_mul(stride).filter(|bytes| *bytes <= isize::MAX as usize) {
        Some(_) => Ok(()),
        None => Err(wrong(Status::Shape, name, "the count is more than memory can hold")),
    }
}

/// An array that is only read; NULL with 0 is an empty one.
///
/// # Safety
/// The module's contract, for `count` elements.
#[inline]
pub unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &'static str) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    fits(count, size_of::<T>(), name)?;
    sound(pointer, name)?;
    // SAFETY: not NULL, aligned, of a size that fits, and readable by the contract.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// A text; NULL with 0 is an empty one.
///
/// # Safety
/// The module's contract, for `len` bytes.
pub unsafe fn text<'a>(pointer: *const c_char, len: usize, name: &'static str) -> Outcome<&'a str> {
    // SAFETY: passed on as it came.
    let bytes = unsafe { array(pointer.cast::<u8>(), len, name)? };
    Ok(utf8(bytes, name)?)
}

/// 1 is on, 0 is off; a language's own truth may be any other number, which is refused rather than guessed.
pub fn switch(on: i32) -> Outcome<bool> {
    match on {
        0 | 1 => Ok(on == 1),
        _ => Err(wrong(Status::InvalidArgument, "on", "must be 1 or 0")),
    }
}

/// Events as slots.
///
/// # Safety
/// The module's contract, for `count` slots of 64 bytes.
#[inline]
pub unsafe fn events<'a>(pointer: *const c_void, count: usize) -> Outcome<&'a [Slot]> {
    // SAFETY: passed on as it came.
    unsafe { array(pointer.cast::<Slot>(), count, "events") }
}

/// Where a value goes when the call succeeds.
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// A place that must be there.
    ///
    /// # Safety
    /// The module's contract, for writing one value.
    #[inline]
    pub unsafe fn of(pointer: *mut T, name: &'static str) -> Outcome<Out<T>> {
        sound(pointer, name).map(|()| Out(pointer))
    }

    /// A place that may be NULL: then nothing is written.
    ///
    /// # Safety
    /// As [`Out::of`].
    pub unsafe fn maybe(pointer: *mut T, name: &'static str) -> Outcome<Option<Out<T>>> {
        // SAFETY: passed on as it came.
        if pointer.is_null() { Ok(None) } else { unsafe { Out::of(pointer, name) }.map(Some) }
    }

    /// Writes the value.
    #[inline]
    pub fn put(&self, value: T) {
        // SAFETY: checked by `of`, writable by the contract; what was there is C's and needs no drop.
        unsafe { self.0.write(value) };
    }
}

/// An array that the caller has room for; the length that is needed is written even when it is too small.
pub struct OutArray<T> {
    pointer: *mut T,
    cap: usize,
    len: Out<usize>,
}

impl<T: Copy> OutArray<T> {
    /// NULL with cap 0 asks for the length.
    ///
    /// # Safety
    /// The module's contract, for writing `cap` values and the length.
    pub unsafe fn of(pointer: *mut T, cap: usize, len: *mut usize, name: &'static str) -> Outcome<OutArray<T>> {
        // SAFETY: passed on as it came.
        let len = unsafe { Out::of(len, "len")? };
        fits(cap, size_of::<T>(), name)?;
        if cap > 0 {
            sound(pointer, name)?;
        }
        Ok(OutArray { pointer, cap, len })
    }

    /// Writes the values, or only their number when they do not fit.
    pub fn fill(&self, count: usize, values: impl Iterator<Item = T>) -> Outcome {
        self.len.put(count);
        if count > self.cap {
            return Err(Fail::Plain(Status::BufferTooSmall, "the buffer is too small; the length that is needed was written"));
        }
        for (at, value) in values.take(count).enumerate() {
            // SAFETY: `at` is below `cap`, for which `of` checked the pointer and the contract stands.
            unsafe { self.pointer.add(at).write(value) };
        }
        Ok(())
    }
}

/// Room for a text.
///
/// # Safety
/// As [`OutArray::of`].
pub unsafe fn buffer(pointer: *mut c_char, cap: usize, len: *mut usize) -> Outcome<OutArray<u8>> {
    // SAFETY: passed on as it came.
    unsafe { OutArray::of(pointer.cast::<u8>(), cap, len, "buf") }
}

impl OutArray<u8> {
    /// Writes a text, without a NUL.
    pub fn fill_bytes(&self, bytes: &[u8]) -> Outcome {
        self.fill(bytes.len(), bytes.iter().copied())
    }

    /// Lets `write` fill `count` bytes, which are 0 before; writes only their number when they do not fit.
    pub fn fill_with(&self, count: usize, write: impl FnOnce(&mut [u8]) -> usize) -> Outcome {
        if count > self.cap || count == 0 {
            return self.fill(count, std::iter::empty());
        }
        // SAFETY: `count` is at most `cap`, for which `of` checked the pointer and the contract stands; zeroed, so that a slice may
        // be made of what C has not written.
        let bytes = unsafe {
            self.pointer.write_bytes(0, count);
            std::slice::from_raw_parts_mut(self.pointer, count)
        };
        self.len.put(write(bytes));
        Ok(())
    }
}

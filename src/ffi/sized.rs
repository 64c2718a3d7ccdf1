//! Structs that begin with their size, so that a header older or newer than the library still fits.
//!
//! Input: any size from version 1 on; what is missing is 0, what is not known must be 0. Output: what
//! both know is filled, the rest is zeroed.

use std::mem::MaybeUninit;

use super::error::{Fail, Outcome};
use crate::error::Status;

/// A struct of the header that begins with `uint32_t struct_size`.
///
/// # Safety
/// `repr(C)`, begins with a u32, has no padding, and every pattern of bits is a value of it.
pub unsafe trait Versioned: Copy {
    /// Its size in version 1 of the header.
    const FIRST: usize;
}

/// More than any struct will ever have: a size beyond it is a struct that was not initialised.
const MOST: usize = 4096;

/// A size that a struct of this type may have.
#[inline]
fn allowed<T: Versioned>(size: usize) -> bool {
    size >= T::FIRST && size <= MOST && size.is_multiple_of(align_of::<T>())
}

/// The size that a struct says it has.
///
/// # Safety
/// When not NULL, `pointer` is readable for the 4 bytes of its size.
#[inline]
pub unsafe fn stated<T: Versioned>(pointer: *const T, name: &'static str) -> Outcome<usize> {
    if pointer.is_null() {
        return Err(Fail::Argument(Status::NullPointer, name, "must not be NULL"));
    }
    if !pointer.is_aligned() {
        return Err(Fail::Argument(Status::Alignment, name, "is not aligned as its type needs"));
    }
    // SAFETY: not NULL, aligned, readable by the contract.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if allowed::<T>(size) { Ok(size) } else { Err(Fail::Argument(Status::StructSize, name, "struct_size is none: use the INIT macro")) }
}

/// A copy of an input struct of `size` bytes.
///
/// # Safety
/// `size` came from [`stated`] or an equal check, and `pointer` is readable for so many bytes.
pub unsafe fn read<T: Versioned>(pointer: *const T, size: usize, name: &'static str) -> Outcome<T> {
    let bytes = pointer.cast::<u8>();
    for at in size_of::<T>()..size {
        // SAFETY: below `size`.
        if unsafe { bytes.add(at).read() } != 0 {
            return Err(Fail::Argument(Status::StructSize, name, "a newer header set a field that this library does not know"));
        }
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both hold at least this many bytes, and a local overlaps nothing of the caller.
    unsafe { std::ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast::<u8>(), size.min(size_of::<T>())) };
    // SAFETY: zeroed, and every pattern of bits is a value.
    Ok(unsafe { value.assume_init() })
}

/// Writes an output struct into `size` bytes; the caller of this sets `struct_size`.
///
/// # Safety
/// `pointer` is writable for `size` bytes.
#[inline]
pub unsafe fn write<T: Versioned>(pointer: *mut u8, size: usize, value: &T) {
    let known = size.min(size_of::<T>());
    // SAFETY: both hold at least this many bytes; `value` is ours.
    unsafe { std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), pointer, known) };
    if size > known {
        // SAFETY: below `size`.
        unsafe { pointer.add(known).write_bytes(0, size - known) };
    }
}

/// Copies of an array of input structs, whose first element says how long each of them is.
///
/// # Safety
/// When not NULL, `pointer` is readable for `count` structs of the stated size.
pub unsafe fn read_all<T: Versioned>(pointer: *const T, count: usize, name: &'static str) -> Outcome<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: an array of at least one is readable for its first size.
    let stride = unsafe { stated(pointer, name)? };
    if count.checked_mul(stride).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Fail::Argument(Status::Shape, name, "the count is more than memory can hold"));
    }
    let each = (0..count).map(|at| {
        // SAFETY: `at` elements of `stride` bytes lie before it, all within the array.
        let element = unsafe { pointer.byte_add(at * stride) };
        // SAFETY: the stride keeps the alignment, so this is an element with a size of its own.
        if unsafe { stated(element, name)? } != stride {
            return Err(Fail::Argument(Status::StructSize, name, "all elements must have the first one's struct_size"));
        }
        // SAFETY: `stated` has checked it, and it is readable by the contract.
        unsafe { read(element, stride, name) }
    });
    each.collect()
}

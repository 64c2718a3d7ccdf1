//! Whether a file is ONNX Runtime's library, and new enough: looked at before `ort` opens it, which panics where a library gives
//! nothing, and before the loader maps it, because touching the end of a file that was cut kills the process.

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;

use libloading::{Library, Symbol};

use crate::error::Status;

/// What the library's `OrtGetApiBase` gives.
#[repr(C)]
struct ApiBase {
    get_api: Option<unsafe extern "C" fn(u32) -> *const c_void>,
    get_version: Option<unsafe extern "C" fn() -> *const c_char>,
}

/// A status and what is wrong with the file.
pub type Unusable = (Status, String);

/// Passes a library of at least version 1.`least`, given by path and content.
///
/// # Errors
/// `RUNTIME_MISSING` for what cannot be loaded, `RUNTIME_VERSION` for another library or an older one.
pub fn check(path: &Path, content: &[u8], least: u32) -> Result<(), Unusable> {
    if let Some(whole) = cut(content) {
        return Err((Status::RuntimeMissing, format!("it cannot be loaded: the file was cut, it has {} bytes of at least {whole}", content.len())));
    }
    // SAFETY: opening runs the library's own start, which is what the host asked for by naming it.
    let library = unsafe { Library::new(path) }.map_err(|error| (Status::RuntimeMissing, format!("it cannot be loaded: {error}")))?;
    let foreign = |what: &str| (Status::RuntimeVersion, format!("it is not ONNX Runtime: {what}"));
    // SAFETY: a function of this name has this type, by the runtime's interface.
    let base: Symbol<'_, unsafe extern "C" fn() -> *const ApiBase> =
        unsafe { library.get(b"OrtGetApiBase\0") }.map_err(|_| foreign("it has no OrtGetApiBase"))?;
    // SAFETY: as above; the answer is NULL or a static of the library, which stays open here.
    let base = unsafe { base().as_ref() }.ok_or_else(|| foreign("its OrtGetApiBase gives nothing"))?;
    let version = version(base).ok_or_else(|| foreign("it gives no version"))?;
    let minor = version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor < least) {
        return Err((Status::RuntimeVersion, format!("it is version {version}, at least 1.{least} is needed")));
    }
    // SAFETY: as above; a version that is not there answers NULL.
    let given = base.get_api.is_some_and(|get_api| !unsafe { get_api(least) }.is_null());
    if given { Ok(()) } else { Err((Status::RuntimeVersion, format!("it is version {version} and does not give the functions of 1.{least}"))) }
}

fn version(base: &ApiBase) -> Option<String> {
    // SAFETY: as in `check`; the text is NULL or a static of the library.
    let text = unsafe { base.get_version?() };
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and ends with a NUL by the runtime's interface.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// How long the ELF file should be, when it is shorter: its sections' table and all that it maps must lie in it.
fn cut(content: &[u8]) -> Option<usize> {
    const ELF_64_LITTLE: &[u8] = b"\x7fELF\x02\x01";
    if !content.starts_with(ELF_64_LITTLE) {
        return None;
    }
    let (sections, segments) = (long(content, 0x28)?, long(content, 0x20)?);
    let (segment_size, segment_count) = (short(content, 0x36)?, short(content, 0x38)?);
    let sections_end = sections + short(content, 0x3a)? * short(content, 0x3c)?;
    let segment_end = |at: usize| {
        let header = segments + at * segment_size;
        Some(long(content, header + 8)? + long(content, header + 32)?)
    };
    let ends = (0..segment_count).map(|at| segment_end(at).unwrap_or(segments + segment_count * segment_size));
    let whole = ends.chain([sections_end]).max()?;
    (whole > content.len()).then_some(whole)
}

/// A file offset; those that no file has count as the largest that can be added up.
fn long(content: &[u8], at: usize) -> Option<usize> {
    let bytes = content.get(at..at.checked_add(8)?)?;
    let value = u64::from_le_bytes(bytes.try_into().ok()?);
    Some(usize::try_from(value).unwrap_or(usize::MAX).min(usize::MAX / 8))
}

fn short(content: &[u8], at: usize) -> Option<usize> {
    let bytes = content.get(at..at.checked_add(2)?)?;
    Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_is_told_from_a_whole_one() {
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(cut(&whole), None);
        for len in [64, 200, whole.len() / 4, whole.len() / 2, whole.len() - 1] {
            assert!(cut(&whole[..len]).is_some_and(|wanted| wanted > len), "{len} of {} bytes", whole.len());
        }
    }

    #[test]
    fn what_is_no_such_file_is_left_to_the_loader() {
        for content in [&b""[..], b"\x7fELF", b"\x7fELF\x02\x01", b"#!/bin/sh\n", &[0xff; 4096]] {
            assert_eq!(cut(content), None);
        }
        let mut lies = b"\x7fELF\x02\x01".to_vec();
        lies.resize(64, 0xff);
        assert!(cut(&lies).is_some());
    }
}

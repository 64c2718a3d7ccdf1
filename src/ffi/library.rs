//! The library itself: version, start, clock, texts.

use std::ffi::{CStr, c_char};

use serde_json::json;

use super::abi::StatusCode;
use super::constants::FORETICK_ABI_VERSION;
use super::error::{Outcome, with_last};
use super::fork;
use super::guard::{guard_always, guard_or, guard_silent, not_forked};
use super::pointer::buffer;
use crate::clock::system_ns;
use crate::error::{Error, Status};

/// The version of the library that is loaded: major << 16 | minor.
///
/// threads: ANY. cost: hot. Cannot fail; works before foretick_init.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_abi_version() -> u32 {
    guard_or("foretick_abi_version", FORETICK_ABI_VERSION, || FORETICK_ABI_VERSION)
}

/// Starts the library in this process; call it first, with FORETICK_ABI_VERSION. Calling it again
/// changes nothing.
///
/// threads: ANY. cost: allocates.
/// errors: ABI_MISMATCH names both versions: another major, or a header newer than the library.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_init(abi_version: u32) -> StatusCode {
    guard_always("foretick_init", || {
        not_forked()?;
        check_version(abi_version)?;
        fork::mark();
        Ok(())
    })
}

fn check_version(header: u32) -> Outcome {
    let parts = |version: u32| (version >> 16, version & 0xFFFF);
    let ((major, minor), (our_major, our_minor)) = (parts(header), parts(FORETICK_ABI_VERSION));
    if major == our_major && minor <= our_minor {
        return Ok(());
    }
    let text =
        format!("the program was compiled with foretick.h {major}.{minor}, the library is {our_major}.{our_minor}: compile with the library's own header");
    Err(Error::new(Status::AbiMismatch, text).into())
}

/// What was built, as JSON: version, compiler, target, profile, commit when known, backends.
///
/// threads: ANY. cost: allocates. Works before foretick_init.
/// buf, len: borrows (call); NULL with 0 asks for the length.
/// errors: BUFFER_TOO_SMALL with the needed length.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_build_info(buf: *mut c_char, cap: usize, len: *mut usize) -> StatusCode {
    guard_always("foretick_build_info", || {
        not_forked()?;
        // SAFETY: the header's rule of pointers.
        let out = unsafe { buffer(buf, cap, len)? };
        out.fill_bytes(build_info().as_bytes())
    })
}

fn build_info() -> String {
    let built = [("native", true), ("ort", cfg!(feature = "ort")), ("rten", cfg!(feature = "rten"))];
    let backends: Vec<&str> = built.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
    let abi = format!("{}.{}", FORETICK_ABI_VERSION >> 16, FORETICK_ABI_VERSION & 0xFFFF);
    json!({
        "version": env!("CARGO_PKG_VERSION"), "abi": abi, "rustc": env!("FORETICK_RUSTC"), "target": env!("FORETICK_TARGET"),
        "profile": env!("FORETICK_PROFILE"), "commit": option_env!("FORETICK_COMMIT"), "backends": backends,
    })
    .to_string()
}

/// Nanoseconds since the Unix epoch, UTC: the clock that `now_ns = 0` means.
///
/// threads: ANY. cost: hot. Cannot fail; works before foretick_init.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_now_ns() -> i64 {
    guard_or("foretick_now_ns", 0, system_ns)
}

/// The text of this thread's last failed call, without a NUL; length 0 when none has failed. At most
/// 4,096 bytes. Never changes that text, whatever it answers. Works before foretick_init and in a child.
///
/// threads: ANY, each has its own text. cost: allocates nothing.
/// buf, len: borrows (call); NULL with 0 asks for the length.
/// errors: BUFFER_TOO_SMALL with the needed length.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_last_error(buf: *mut c_char, cap: usize, len: *mut usize) -> StatusCode {
    guard_silent("foretick_last_error", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { buffer(buf, cap, len)? };
        with_last(|text| out.fill_bytes(text))
    })
}

/// The name of a status as a static text: "BUSY"; "UNKNOWN" for other numbers.
///
/// threads: ANY. cost: hot. Cannot fail; works before foretick_init. The text is never freed.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn foretick_status_name(status: StatusCode) -> *const c_char {
    const UNKNOWN: &CStr = c"UNKNOWN";
    guard_or("foretick_status_name", UNKNOWN, || Status::from_number(status).map_or(UNKNOWN, Status::c_name)).as_ptr()
}

//! Bundles.

use std::ffi::c_char;
use std::path::Path;

use super::abi::StatusCode;
use super::engine_table::{beside_engine, close_bundle, with_bundle};
use super::error::{Fail, Outcome};
use super::guard::guard;
use super::handle::{BundleHandle, EngineHandle};
use super::pointer::{Out, buffer, text};
use crate::error::Status;

/// Reads, verifies and compiles a bundle's folder; nothing serves yet.
///
/// threads: CONTROL. cost: allocates, takes seconds.
/// path: borrows (call), UTF-8. flags: 0. bundle: borrows (call).
/// errors: IO, MANIFEST with all problems at once, DIGEST, MODEL, OPERATOR, CONTRACT, GOLDEN,
/// EXTERNAL_DATA, RUNTIME_MISSING, RUNTIME_VERSION, DEADLINE of a first run, FORMAT_VERSION, LIMIT.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_bundle_open(engine: EngineHandle, path: *const c_char, path_len: usize, flags: u32, bundle: *mut BundleHandle) -> StatusCode {
    guard("foretick_bundle_open", || {
        // SAFETY: the header's rule of pointers.
        let (path, out) = unsafe { (text(path, path_len, "path")?, Out::of(bundle, "bundle")?) };
        check_open(path, flags)?;
        let id = beside_engine(engine.id, |entry| entry.add_bundle(entry.engine.open_bundle(Path::new(path))?))?;
        out.put(BundleHandle { id });
        Ok(())
    })
}

fn check_open(path: &str, flags: u32) -> Outcome {
    if path.is_empty() {
        return Err(Fail::Argument(Status::InvalidArgument, "path", "names no folder"));
    }
    if flags != 0 {
        return Err(Fail::Argument(Status::InvalidArgument, "flags", "no flag is known, pass 0"));
    }
    Ok(())
}

/// The bundle as JSON: manifest, digest, features, members with backend and why.
///
/// threads: CONTROL. cost: allocates.
/// buf, len: borrows (call); NULL with 0 asks for the length.
/// errors: BUFFER_TOO_SMALL with the needed length.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn foretick_bundle_describe(bundle: BundleHandle, buf: *mut c_char, cap: usize, len: *mut usize) -> StatusCode {
    guard("foretick_bundle_describe", || {
        // SAFETY: the header's rule of pointers.
        let out = unsafe { buffer(buf, cap, len)? };
        with_bundle(bundle.id, |bundle| out.fill_bytes(bundle.describe().to_string().as_bytes()))
    })
}

/// Closes a bundle's handle; generations made from it live on. Closing the zero handle is fine.
///
/// threads: CONTROL. cost: may free.
#[unsafe(no_mangle)]
pub extern "C" fn foretick_bundle_close(bundle: BundleHandle) -> StatusCode {
    guard("foretick_bundle_close", || if bundle.id == 0 { Ok(()) } else { close_bundle(bundle.id) })
}

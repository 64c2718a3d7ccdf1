//! Where tests find ONNX Runtime's library: `ORT_DYLIB_PATH`, as `make test` sets it.

use std::path::PathBuf;

/// The library's file; says so when there is none, and the test is skipped.
pub fn library() -> Option<PathBuf> {
    let found = std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from).filter(|path| path.is_file());
    if found.is_none() {
        eprintln!("skipped: ORT_DYLIB_PATH names no library of ONNX Runtime (make test installs one)");
    }
    found
}

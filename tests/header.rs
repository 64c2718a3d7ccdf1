//! The committed header is what the generator makes of the sources. `FORETICK_BLESS=1` rewrites it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// Where the header's items stand, in the header's order.
const SOURCES: [&str; 18] = [
    "src/ffi/constants.rs",
    "src/types/event.rs",
    "src/types/prediction.rs",
    "src/ffi/handle.rs",
    "src/ffi/abi.rs",
    "src/ffi/library.rs",
    "src/ffi/engine.rs",
    "src/ffi/stream.rs",
    "src/ffi/bundle.rs",
    "src/ffi/slot.rs",
    "src/ffi/lane.rs",
    "src/ffi/snapshot.rs",
    "src/ffi/link.rs",
    "src/ffi/track.rs",
    "src/ffi/details.rs",
    "src/ffi/result.rs",
    "src/ffi/scorer.rs",
    "src/ffi/amount.rs",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("cbindgen.toml");
    let builder = SOURCES.iter().fold(cbindgen::Builder::new().with_config(config), |builder, source| builder.with_src(root().join(source)));
    let mut bytes = Vec::new();
    builder.generate().expect("the sources are read").write(&mut bytes);
    String::from_utf8(bytes).expect("a header is UTF-8")
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let (path, generated) = (root().join("include/foretick.h"), generated());
    if std::env::var_os("FORETICK_BLESS").is_some() {
        std::fs::write(&path, &generated).expect("include/ can be written");
    }
    let committed = std::fs::read_to_string(Path::new(&path)).unwrap_or_default();
    let differs = committed.lines().zip(generated.lines()).position(|(ours, made)| ours != made);
    assert!(committed == generated, "include/foretick.h differs from line {:?}: run FORETICK_BLESS=1 cargo test --test header", differs.map(|at| at + 1));
}

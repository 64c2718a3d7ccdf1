//! Manifests of bundles.
#![no_main]

#[path = "../../tests/fuzz/driver/mod.rs"]
mod driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| driver::readers::manifest(data));

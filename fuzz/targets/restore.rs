//! Snapshots of lanes that were changed and sealed anew.
#![no_main]

#[path = "../../tests/fuzz/driver/mod.rs"]
mod driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    driver::restore::run(data);
});

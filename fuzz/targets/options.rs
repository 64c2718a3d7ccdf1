//! Options as TOML text.
#![no_main]

#[path = "../../tests/fuzz/driver/mod.rs"]
mod driver;

libfuzzer_sys::fuzz_target!(|data: &[u8]| driver::readers::options(data));

//! The shared library exports the functions of the header and nothing else; its name and flags hold.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use support::capi::{libraries, succeed};
use support::golden::text;

/// `golden.rs` compares the file with the library.
#[test]
fn only_the_functions_of_the_table_are_exported() {
    let symbols = text("symbols.txt");
    let exported: BTreeSet<&str> = symbols.lines().filter_map(|line| line.strip_prefix("T ")).collect();
    assert_eq!(exported, foretick::ffi::EXPORTS.into_iter().collect());
    assert_eq!(symbols.lines().count(), exported.len(), "exported otherwise than as a function");
}

#[test]
fn the_header_declares_the_functions_of_the_table() {
    let header = std::fs::read_to_string(support::capi::root().join("include/foretick.h")).expect("the header");
    let declared: BTreeSet<String> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '*', '#', '/']))
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next().filter(|name| name.starts_with("foretick_")))
        .map(str::to_owned)
        .collect();
    assert_eq!(declared, foretick::ffi::EXPORTS.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn the_library_has_its_name_and_is_never_unloaded() {
    let output = succeed(Command::new("readelf").arg("-d").arg(libraries().join("libforetick.so")));
    let dynamic = String::from_utf8_lossy(&output.stdout);
    assert!(dynamic.contains("[libforetick.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

/// An export without a call in tests/c/float_mode.c fails here.
#[test]
fn every_export_is_called_in_unusual_float_modes() {
    let text = std::fs::read_to_string(support::capi::source("float_mode.c")).expect("the program");
    let called: BTreeSet<&str> = text.split("SAME(").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name).collect();
    let missing: Vec<_> = foretick::ffi::EXPORTS.iter().filter(|name| !called.contains(**name)).collect();
    assert!(missing.is_empty(), "tests/c/float_mode.c does not call {missing:?}");
}

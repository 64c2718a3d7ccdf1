//! The shared library exports the functions of the header and nothing else; its name and flags hold.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use support::capi::{libraries, succeed};

fn tool(name: &str, arguments: &[&str]) -> String {
    let output = succeed(Command::new(name).args(arguments).arg(libraries().join("libforetick.so")));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn only_the_functions_of_the_table_are_exported() {
    let listed = tool("nm", &["-D", "--defined-only"]);
    let exported: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(exported, foretick::ffi::EXPORTS.into_iter().collect());
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
    let dynamic = tool("readelf", &["-d"]);
    assert!(dynamic.contains("[libforetick.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

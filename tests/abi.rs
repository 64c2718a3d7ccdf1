//! The C interface only grows within a major version: the header against the one of the last release,
//! `tests/golden/foretick_abi0.h`, as two compiled libraries.
//!
//! Additions pass as they are. At a release `FORETICK_BLESS=1 cargo test --test abi` makes the header the next baseline, which
//! it refuses for one that breaks: that needs a new major version, and its own baseline file.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::abi::{breaks, has_abidiff};
use support::capi::root;
use support::golden::{is_blessed, path, text};

/// The baseline, for as long as the major version is 0.
const BASELINE: &str = "foretick_abi0.h";

#[test]
fn the_header_has_all_that_the_baseline_has() {
    if !has_abidiff() {
        return;
    }
    let header = std::fs::read_to_string(root().join("include/foretick.h")).expect("the header");
    let baseline = if is_blessed() && !path(BASELINE).is_file() { header.clone() } else { text(BASELINE) };
    let found = breaks(&baseline, &header);
    assert!(found.is_empty(), "programs that were compiled with the last release's header break:\n{}", found.join("\n"));
    if is_blessed() {
        std::fs::write(path(BASELINE), header).expect("tests/golden can be written");
    }
}

/// The baseline with one place changed.
fn planted(from: &str, to: &str) -> String {
    let baseline = text(BASELINE);
    assert!(baseline.contains(from), "the baseline has no place to plant in: {from}");
    baseline.replacen(from, to, 1)
}

#[test]
fn what_is_added_passes() {
    if !has_abidiff() {
        return;
    }
    for (from, to) in [
        ("events in", "events go in"),
        ("#define FORETICK_BUSY 4", "#define FORETICK_BUSY 4\n#define FORETICK_PLANTED 4000"),
        ("uint32_t foretick_abi_version(void);", "uint32_t foretick_abi_version(void);\nint32_t foretick_planted(const char *text, size_t len);"),
        ("typedef int32_t foretick_status_t;", "typedef int32_t foretick_status_t;\ntypedef struct foretick_planted_t { uint64_t id; } foretick_planted_t;"),
        ("typedef int32_t foretick_status_t;", "typedef int32_t foretick_status_t;\ntypedef void (*foretick_planted_t)(void *user);"),
        ("    uint32_t waiting;\n}", "    uint32_t waiting;\n    uint64_t planted;\n}"),
        ("sizeof(foretick_flow_t), 0, 0, 0, 0, 0, 0, 0 }", "sizeof(foretick_flow_t), 0, 0, 0, 0, 0, 0, 0, 0 }"),
        ("#define FORETICK_ABI_VERSION 1", "#define FORETICK_ABI_VERSION 2"),
    ] {
        let found = breaks(&text(BASELINE), &planted(from, to));
        assert!(found.is_empty(), "{to}: {found:?}");
    }
}

#[test]
fn what_is_changed_or_removed_is_seen() {
    if !has_abidiff() {
        return;
    }
    for (what, from, to) in [
        ("a field's type", "    double price;", "    int64_t price;"),
        ("a field's sign", "    uint32_t waiting;", "    int32_t waiting;"),
        ("a field's name", "    double bid_qty;", "    double planted;"),
        ("moved fields", "    uint32_t skipped;\n    // 0 until links are there.\n    uint32_t conflated;", "    uint32_t conflated;\n    uint32_t skipped;"),
        ("a field inside", "    uint64_t taken;", "    uint64_t planted;\n    uint64_t taken;"),
        ("a field removed", "    uint32_t waiting;\n", ""),
        ("a frozen struct that grew", "} foretick_prediction_t;", "    uint64_t planted;\n} foretick_prediction_t;"),
        ("a frozen array that grew", "levels[20];", "levels[21];"),
        ("a type renamed, which no function names", "} foretick_gas_t;", "} foretick_planted_t;"),
        ("a type's size", "typedef int32_t foretick_status_t;", "typedef int64_t foretick_status_t;"),
        (
            "a handle's type",
            "foretick_status_t foretick_engine_close(struct foretick_engine_t engine);",
            "foretick_status_t foretick_engine_close(uint32_t engine);",
        ),
        ("a function removed", "FORETICK_NODISCARD int64_t foretick_now_ns(void);", ""),
        ("a function renamed", "foretick_now_ns(void)", "foretick_planted(void)"),
        ("a result's type", "int64_t foretick_now_ns(void)", "uint64_t foretick_now_ns(void)"),
        ("a parameter's type", "foretick_last_error(char *buf, size_t cap,", "foretick_last_error(char *buf, uint32_t cap,"),
        ("a parameter more", "foretick_last_error(char *buf,", "foretick_last_error(uint32_t planted, char *buf,"),
        ("a parameter's constness", "foretick_engine_open(const char *config,", "foretick_engine_open(char *config,"),
        ("a constant changed", "#define FORETICK_BUSY 4", "#define FORETICK_BUSY 40"),
        ("a constant removed", "#define FORETICK_BUSY 4", ""),
        ("a bit moved", "#define FORETICK_REASON_DISABLED (1ull << 56)", "#define FORETICK_REASON_DISABLED (1ull << 55)"),
        ("an array's length", "#define FORETICK_DELTA_CHANGES 60", "#define FORETICK_DELTA_CHANGES 59"),
        ("a function-like macro", "& 0xFFFFFFu))", "& 0xFFFFFu))"),
        ("an initialiser", "FORETICK_HEAD_INIT(FORETICK_KIND_BOOK, 11)", "FORETICK_HEAD_INIT(FORETICK_KIND_BOOK, 10)"),
        ("the major version", "#define FORETICK_ABI_VERSION 1", "#define FORETICK_ABI_VERSION 65537"),
        ("an older minor version", "#define FORETICK_ABI_VERSION 1", "#define FORETICK_ABI_VERSION 0"),
    ] {
        assert!(!breaks(&text(BASELINE), &planted(from, to)).is_empty(), "{what} is not seen");
    }
}

//! What the library ships is what the golden files say: its crates, its link line, its symbols. A planted change is seen.
//! The ABI has a test file of its own, `abi.rs`.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::capi::{libraries, link_line, link_line_of, root, succeed};
use support::golden::{check, difference, text};

/// The crates inside the static library of a package that is built without the command, with their versions.
fn dependencies(package: &Path) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(package).args(["tree", "--locked", "--offline", "--no-default-features", "--features", "ort"]);
    // A macro's crate works for the compiler and is not in the library.
    let output = succeed(cargo.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--no-dedupe"]));
    let tree = String::from_utf8_lossy(&output.stdout);
    // The first line is the package itself, with its folder.
    let mut crates: Vec<String> = tree.lines().skip(1).map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    crates.sort();
    crates.dedup();
    crates.iter().map(|name| format!("{name}\n")).collect()
}

#[test]
fn the_static_library_has_these_crates() {
    check("dependencies.txt", &dependencies(&root()));
}

#[test]
fn one_crate_more_is_seen() {
    let package = tempfile::tempdir().expect("a folder");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let planted = manifest.replace("[dependencies]\n", "[dependencies]\ntempfile = \"3.27.0\"\n");
    std::fs::write(package.path().join("Cargo.toml"), planted).expect("the folder can be written");
    for name in ["Cargo.lock", "build.rs", "src", "benches"] {
        std::os::unix::fs::symlink(root().join(name), package.path().join(name)).expect("a link");
    }
    let lines = difference(&text("dependencies.txt"), &dependencies(package.path())).expect("a difference");
    assert!(lines.contains("+ tempfile v") && !lines.contains("- "), "{lines}");
}

/// One library a line, in the linker's order.
fn lines(libraries: &[String]) -> String {
    libraries.iter().map(|library| format!("{library}\n")).collect()
}

#[test]
fn the_static_library_is_linked_with_these() {
    check("link_line.txt", &lines(link_line()));
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let command = readme.split("libforetick.a ").find_map(|rest| rest.split_once(" -o ")).expect("the README links a program").0;
    // The C library comes by itself.
    let shown: BTreeSet<&str> = command.split_whitespace().chain(["-lc"]).collect();
    assert_eq!(shown, link_line().iter().map(String::as_str).collect(), "the README's command");
}

#[test]
fn one_library_more_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("planted.rs");
    std::fs::write(&source, "#[link(name = \"z\")]\nunsafe extern \"C\" {}\n").expect("the folder can be written");
    let mut rustc = Command::new("rustc");
    let output =
        succeed(rustc.args(["--edition", "2024", "--crate-type", "staticlib", "--print", "native-static-libs", "--out-dir"]).arg(folder.path()).arg(source));
    let found = lines(&link_line_of(&String::from_utf8_lossy(&output.stderr)));
    let lines = difference(&text("link_line.txt"), &found).expect("a difference");
    assert!(lines.contains("+ -lz"), "{lines}");
}

/// What a shared library defines for others, with the kind of each.
fn symbols(library: &Path) -> String {
    let output = succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let listed = String::from_utf8_lossy(&output.stdout);
    listed.lines().filter_map(|line| line.split_once(' ')).map(|(_, symbol)| format!("{symbol}\n")).collect()
}

#[test]
fn the_shared_library_exports_these() {
    check("symbols.txt", &symbols(&libraries().join("libforetick.so")));
}

#[test]
fn one_symbol_more_or_less_or_of_another_kind_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let golden = text("symbols.txt");
    let names: Vec<&str> = golden.lines().filter_map(|line| line.strip_prefix("T ")).collect();
    let (first, second) = (names[0], names[1]);
    let kept: String = names[2..].iter().map(|name| format!("void {name}(void) {{}}\n")).collect();
    for (plant, wanted) in [
        (format!("void {first}(void) {{}}\nvoid {second}(void) {{}}\n"), None),
        (format!("void {first}(void) {{}}\n"), Some(format!("- T {second}\n"))),
        (format!("void {first}(void) {{}}\nvoid {second}(void) {{}}\nvoid planted(void) {{}}\n"), Some("+ T planted\n".to_owned())),
        (format!("void {first}(void) {{}}\nint {second} = 1;\n"), Some(format!("- T {second}\n+ D {second}\n"))),
    ] {
        let (source, library) = (folder.path().join("planted.c"), folder.path().join("libplanted.so"));
        std::fs::write(&source, kept.clone() + &plant).expect("the folder can be written");
        succeed(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
        assert_eq!(difference(&golden, &symbols(&library)), wanted);
    }
}

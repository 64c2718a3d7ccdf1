//! ONNX Runtime's library: missing, cut, foreign, too old, then the right one, which stays for the life of the process.
//!
//! A process loads it once, so this is a test program of its own, with one test that may load it; what must not is a child.
#![cfg(all(target_os = "linux", feature = "ort"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use foretick::engine::Engine;
use foretick::ffi::{EngineHandle, FORETICK_ABI_VERSION, foretick_engine_close, foretick_engine_open, foretick_init, foretick_last_error};
use foretick::{Error, Status};
use support::bench::{by_volume, open};
use support::bundle::{Graph, Member, Options};
use support::capi::succeed;
use support::ort::library;

/// Libraries that are not what they seem: what is wrong, its source, what is said of it.
const FOREIGN: [(&str, &str, &str); 5] = [
    ("no_function", "int answer(void) { return 42; }", "it is not ONNX Runtime: it has no OrtGetApiBase"),
    ("gives_null", "void *OrtGetApiBase(void) { return 0; }", "it is not ONNX Runtime: its OrtGetApiBase gives nothing"),
    (
        "no_version",
        "static const void *api(unsigned v) { (void)v; return 0; } static const char *version(void) { return 0; }
         static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
         const void *OrtGetApiBase(void) { return &base; }",
        "it is not ONNX Runtime: it gives no version",
    ),
    (
        "too_old",
        "static const void *api(unsigned v) { return v > 10 ? 0 : &api; } static const char *version(void) { return \"1.10.0\"; }
         static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
         const void *OrtGetApiBase(void) { return &base; }",
        "it is version 1.10.0, at least 1.",
    ),
    (
        "boasts",
        "static const void *api(unsigned v) { (void)v; return 0; } static const char *version(void) { return \"1.999.0\"; }
         static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { api, version };
         const void *OrtGetApiBase(void) { return &base; }",
        "it is version 1.999.0 and does not give the functions of 1.",
    ),
];

fn compiled(folder: &Path, name: &str, source: &str) -> PathBuf {
    let (code, library) = (folder.join(format!("{name}.c")), folder.join(format!("lib{name}.so")));
    std::fs::write(&code, source).unwrap();
    succeed(Command::new("cc").args(["-shared", "-fPIC"]).arg(&code).arg("-o").arg(&library));
    library
}

fn options(library: &Path) -> String {
    format!("[models]\nort_library = \"{}\"\n", library.display())
}

/// What opening an engine with this library says, from Rust and through the header alike.
#[track_caller]
fn refused(library: &Path, status: Status, text: &str) {
    let error = Engine::open_text(&options(library)).expect_err("the library cannot be used");
    assert_eq!(error.status(), status, "{error}");
    assert!(error.text().contains(text) && error.text().contains(&library.display().to_string()), "{error}");
    assert_eq!(through_the_header(library), (status as i32, error.text().to_owned()));
}

fn through_the_header(library: &Path) -> (i32, String) {
    let (options, mut engine) = (options(library), EngineHandle::default());
    let (mut text, mut len) = ([0u8; 4096], 0);
    // SAFETY: every pointer is to a live value of the length that is given.
    let status = unsafe {
        assert_eq!(foretick_init(FORETICK_ABI_VERSION), 0);
        let status = foretick_engine_open(options.as_ptr().cast(), options.len(), &raw mut engine);
        assert_eq!(foretick_last_error(text.as_mut_ptr().cast(), text.len(), &raw mut len), 0);
        status
    };
    assert_eq!(foretick_engine_close(engine), 0);
    (status, String::from_utf8(text[..len].to_vec()).unwrap())
}

fn with_a_foreign_member() -> Options {
    Options { members: vec![Member::new("loop", Graph::Foreign("endless"))], ..by_volume() }
}

/// A call that failed may be repeated: each fault in turn, then the real library.
#[test]
fn every_fault_is_named_and_the_right_library_works_afterwards() {
    let Some(real) = library() else { return };
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("libonnxruntime.so");
    refused(&missing, Status::RuntimeMissing, "pip install onnxruntime");
    for (name, source, text) in FOREIGN {
        let library = compiled(folder.path(), name, source);
        refused(&library, Status::RuntimeVersion, text);
        refused(&library, Status::RuntimeVersion, "pip install onnxruntime");
    }
    let whole = std::fs::read(&real).unwrap();
    let cut = folder.path().join("libcut.so");
    for len in [0, 10, 64, 1_000, whole.len() / 3, whole.len() * 9 / 10, whole.len() - 1] {
        std::fs::write(&cut, &whole[..len]).unwrap();
        refused(&cut, Status::RuntimeMissing, "it cannot be loaded");
    }
    std::fs::write(&cut, "#!/bin/sh\n").unwrap();
    refused(&cut, Status::RuntimeMissing, "it cannot be loaded");

    let engine = Engine::open_text(&options(&real)).expect("the real one works after all of them");
    open(&engine, &with_a_foreign_member()).expect("and runs models");
    assert_eq!(through_the_header(&real).0, 0);
    // The same file by other spellings; another file, though it be a copy; no file.
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let roundabout = real.parent().unwrap().join("..").join(real.parent().unwrap().file_name().unwrap()).join(real.file_name().unwrap());
    for spelling in [&link, &roundabout, &real.parent().unwrap().to_owned()] {
        Engine::open_text(&options(spelling)).unwrap_or_else(|error| panic!("{}: {error}", spelling.display()));
    }
    std::fs::write(&cut, whole).unwrap();
    refused(&cut, Status::Conflict, "a process has one");
    refused(&missing, Status::RuntimeMissing, "which is no file");
    let engine = Engine::open_text("").expect("an engine that names none");
    open(&engine, &with_a_foreign_member()).expect("uses what is loaded");
}

/// Where nothing is named and nothing found, engines open, bundles that need no library too, and the others say what is missing.
#[test]
fn a_bundle_that_needs_the_library_says_so_and_opens_when_it_is_there() {
    let Some(real) = library() else { return };
    for named in [None, Some("/no/such/libonnxruntime.so")] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["a_program_without_the_library", "--exact", "--ignored"]).env("FORETICK_REAL", &real).env_remove("ORT_DYLIB_PATH");
        succeed(child.envs(named.map(|path| ("ORT_DYLIB_PATH", path))));
    }
}

#[test]
#[ignore = "a program: a_bundle_that_needs_the_library_says_so_and_opens_when_it_is_there runs it"]
fn a_program_without_the_library() {
    let engine = Engine::open_text("").unwrap();
    open(&engine, &by_volume()).expect("native members need no library");
    let error: Error = open(&engine, &with_a_foreign_member()).unwrap_err();
    assert_eq!(error.status(), Status::RuntimeMissing, "{error}");
    for part in ["model loop (loop.onnx)", "`Loop`", "no native kernel", "ORT_DYLIB_PATH", "pip install onnxruntime", "models.ort_library"] {
        assert!(error.text().contains(part), "{part}: {error}");
    }
    rten_runs_what_it_can_where_nobody_names_a_library(&engine);
    let real = PathBuf::from(std::env::var_os("FORETICK_REAL").unwrap());
    Engine::open_text(&options(&real)).unwrap();
    open(&engine, &with_a_foreign_member()).expect("the engine that was open before finds it too");
}

/// A library that is named and not there is a fault of the host's, which another runtime would only hide.
fn rten_runs_what_it_can_where_nobody_names_a_library(engine: &Engine) {
    let opened = open(engine, &Options { members: vec![Member::new("wave", Graph::Foreign("sine"))], ..by_volume() });
    if std::env::var_os("ORT_DYLIB_PATH").is_some() || !cfg!(feature = "rten") {
        assert_eq!(opened.unwrap_err().status(), Status::RuntimeMissing);
        return;
    }
    let member = &opened.unwrap().describe()["members"][1];
    assert_eq!(member["backend"], "rten");
    for part in ["Sin", "no native kernel", "ONNX Runtime", "pip install onnxruntime"] {
        assert!(member["why"].as_str().unwrap().contains(part), "{part}: {member}");
    }
}

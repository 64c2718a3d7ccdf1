//! Data flows one way: a stage imports only the stages to its left. Third parties and C stay behind
//! their fences.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Stages in the order in which data flows; `types`, `error`, `config`, `clock` and `sync` are everybody's.
const STAGES: [&str; 9] = ["source", "ingest", "window", "features", "model", "ensemble", "decision", "monitor", "engine"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The module that a file belongs to: `src/model/onnx_ir.rs` is `model`.
fn module(file: &Path) -> String {
    let inner = file.strip_prefix("src").unwrap();
    inner.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Code without comments and without the test module at the end.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let tested = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    tested.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Modules of this crate that the code names.
fn imports(code: &str) -> Vec<String> {
    let names = code.split("crate::").skip(1).map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
    names.filter(|name: &String| !name.is_empty()).collect()
}

#[test]
fn a_stage_imports_only_what_stands_to_its_left() {
    for file in sources(Path::new("src")) {
        let module = module(&file);
        let Some(own) = STAGES.iter().position(|stage| *stage == module) else { continue };
        for import in imports(&code(&file)) {
            let theirs = STAGES.iter().position(|stage| *stage == import);
            assert!(theirs.is_none_or(|theirs| theirs <= own), "{} imports {import}, which stands to its right", file.display());
            // Events come from outside or from `source`: no stage but the command knows which.
            assert!(import != "source" || module == "source", "{} imports source", file.display());
            assert!(import != "ffi" && import != "cli", "{} imports {import}", file.display());
        }
    }
}

#[test]
fn shared_modules_import_no_stage() {
    for file in sources(Path::new("src")).iter().filter(|file| ["types", "error", "config", "clock", "sync"].contains(&module(file).as_str())) {
        for import in imports(&code(file)) {
            assert!(!STAGES.contains(&import.as_str()), "{} imports {import}", file.display());
        }
    }
}

/// Files outside `ffi` that may be unsafe: the floating-point mode, what is done at exit, the look at ONNX Runtime's library, the
/// choice of an instruction set, the slots that two threads take turns on, result memory of the caller's, and pinning.
const UNSAFE: [&str; 9] = [
    "src/model/denormals.rs",
    "src/model/exit.rs",
    "src/model/runtime_check.rs",
    "src/model/native/simd.rs",
    "src/ingest/cells.rs",
    "src/ingest/ring.rs",
    "src/ingest/mailbox.rs",
    "src/engine/result.rs",
    "src/engine/pin.rs",
];

/// A word, and whether a file may hold it.
type Fence = (&'static str, fn(&str) -> bool);

#[test]
fn fences_hold() {
    let fences: [Fence; 6] = [
        ("use ort::", |file| file == "src/model/ort.rs"),
        ("arc_swap::", |file| file == "src/model/store.rs"),
        ("prost::", |file| file.starts_with("src/model/onnx_ir")),
        ("libloading::", |file| file == "src/model/runtime_check.rs"),
        ("extern \"C\"", |file| file.starts_with("src/ffi") || UNSAFE.contains(&file)),
        ("unsafe ", |file| file.starts_with("src/ffi") || UNSAFE.contains(&file)),
    ];
    for file in sources(Path::new("src")) {
        let (name, code) = (file.to_string_lossy().replace('\\', "/"), code(&file));
        for (word, allowed) in fences {
            assert!(!code.contains(word) || allowed(&name), "{name} holds `{word}` outside its fence");
        }
    }
}

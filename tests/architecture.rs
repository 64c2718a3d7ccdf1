//! Data flows one way: a stage imports only the stages to its left. Third parties, C, unsafe code and clocks stay behind their
//! fences. Each rule is tried on planted breaches too.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::code::{paths, tokens};

/// Stages in the order in which data flows.
const STAGES: [&str; 9] = ["source", "ingest", "window", "features", "model", "ensemble", "decision", "monitor", "engine"];
/// Everybody's; they import no stage.
const SHARED: [&str; 6] = ["types", "error", "config", "clock", "cpu", "sync"];
/// What stands above the stages and is imported by nobody.
const TOPS: [&str; 5] = ["ffi", "docs", "cli", "lib", "main"];

/// Files outside `ffi` that may be unsafe: the choice of an instruction set, the floating-point mode, what is done at exit, the look at
/// ONNX Runtime's library, products with smaller weights, the nodes of trees, the fences and the seat of a lane's models, the slots that two threads take turns on, result memory of the caller's, and pinning;
/// of the benchmark the calls of the header, the loops that measure the core, and ONNX Runtime's own call.
const UNSAFE: [&str; 24] = [
    "src/cpu.rs",
    "src/model/denormals.rs",
    "src/model/exit.rs",
    "src/model/params.rs",
    "src/model/runtime_check.rs",
    "src/model/native/half/wide.rs",
    "src/model/native/int8/vnni.rs",
    "src/model/native/tree/blocks.rs",
    "src/model/native/tree/chain.rs",
    "src/model/native/tree/crown.rs",
    "src/model/native/tree/gathers.rs",
    "src/model/native/tree/ranks.rs",
    "src/model/native/tree/row.rs",
    "src/model/native/tree/sweep.rs",
    "src/sync/barrier.rs",
    "src/model/store/seat.rs",
    "src/ingest/cells.rs",
    "src/ingest/ring.rs",
    "src/ingest/mailbox.rs",
    "src/engine/pin.rs",
    "src/engine/result.rs",
    "src/cli/bench/host.rs",
    "src/cli/bench/floor.rs",
    "src/cli/bench/onnx_runtime.rs",
];

/// The benchmark times what a host of the header calls, so one file of the command calls it too.
const HOSTS: [&str; 1] = ["src/cli/bench/host.rs"];

/// Files beside `clock.rs` that read a clock: the waits at the process's end and for an engine's callers, the deadlines of foreign
/// runs, the pace of housekeeping, a test's own figure. None is between an event and its decision.
const CLOCKS: [&str; 5] =
    ["src/model/exit.rs", "src/ffi/engine_table.rs", "src/model/watchdog.rs", "src/engine/housekeeping.rs", "src/source/recording/recorded.rs"];

/// Other crates, and the files that may name them (`memmap2`: none needs it yet).
/// `ort` has a second one: the benchmark drives ONNX Runtime as a host would, with nothing of ours before the clock stops.
const CRATES: [(&str, &[&str]); 8] = [
    ("ort", &["src/model/ort.rs", "src/cli/bench/onnx_runtime.rs"]),
    ("rten", &["src/model/rten.rs"]),
    ("rten_tensor", &["src/model/rten.rs"]),
    ("rayon", &["src/model/rten.rs"]),
    ("arc_swap", &["src/model/store.rs"]),
    ("memmap2", &["src/model/mapping.rs"]),
    ("prost", &["src/model/onnx_ir"]),
    ("libloading", &["src/model/runtime_check.rs"]),
];

/// A source file: its name from the repository's root, and its words.
struct File<'a> {
    name: &'a str,
    tokens: Vec<&'a str>,
    paths: Vec<Vec<String>>,
}

impl<'a> File<'a> {
    fn new(name: &'a str, code: &'a str) -> File<'a> {
        let tokens = tokens(code);
        let parts = name.trim_start_matches("src/").trim_end_matches(".rs").split('/');
        let module: Vec<&str> = parts.filter(|part| !["lib", "main", "mod"].contains(part)).collect();
        let paths = paths(&module, &tokens);
        File { name, tokens, paths }
    }

    /// The module at the top that it belongs to: `src/model/onnx_ir.rs` is `model`.
    fn module(&self) -> &'a str {
        self.name.trim_start_matches("src/").split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Modules of this crate that it names, `*` for all of them; the command names the library's.
    fn imports(&self) -> impl Iterator<Item = &str> {
        let own = self.paths.iter().filter(|path| ["crate", "foretick"].contains(&path[0].as_str()));
        own.map(|path| path.get(1).map_or("*", String::as_str))
    }

    /// Whether it names another crate; a module of its own may have the same name.
    fn names(&self, other: &str) -> bool {
        let is_local = |path: &Vec<String>| path.len() > 1 && path[0] == "crate" && path.last().is_some_and(|last| last == other);
        let outside = |path: &Vec<String>| path[0] == other;
        let declared = self.has(&["mod", other]) || self.paths.iter().any(is_local);
        self.has(&["extern", "crate", other]) || (self.paths.iter().any(outside) && !declared)
    }

    fn has(&self, words: &[&str]) -> bool {
        self.tokens.windows(words.len()).any(|window| window == words)
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.contains(&self.name)
    }
}

/// What a file imports that does not stand to its left.
fn order(file: &File) -> Vec<String> {
    let module = file.module();
    let own = STAGES.iter().position(|stage| *stage == module);
    if own.is_none() && !SHARED.contains(&module) && !TOPS.contains(&module) {
        return vec![format!("{}: `{module}` stands nowhere in the order of modules", file.name)];
    }
    let may = |import: &str| {
        let theirs = STAGES.iter().position(|stage| *stage == import);
        match (own, theirs) {
            _ if import == module => true,
            _ if import == "*" => false,
            _ if import == "ffi" && file.is_in(&HOSTS) => true,
            _ if ["ffi", "cli"].contains(&import) => module == "main",
            // Events come from outside or from `source`: no stage but the command knows which.
            (_, Some(0)) => module == "cli",
            (Some(own), Some(theirs)) => theirs < own,
            (None, Some(_)) => ["ffi", "cli", "lib"].contains(&module),
            (_, None) => true,
        }
    };
    file.imports().filter(|import| !may(import)).map(|import| format!("{} imports {import}", file.name)).collect()
}

/// What a file holds that belongs behind a fence.
fn fences(file: &File) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    found
        .extend(CRATES.iter().filter(|(other, places)| file.names(other) && !places.iter().any(|place| file.name.starts_with(place))).map(|(other, _)| *other));
    let is_boundary = file.module() == "ffi" || file.is_in(&UNSAFE);
    let is_foreign = file.tokens.windows(2).any(|pair| pair[0] == "extern" && pair[1] != "crate");
    found.extend((is_foreign && !is_boundary).then_some("extern \"C\""));
    found.extend((file.has(&["unsafe"]) && !is_boundary).then_some("unsafe"));
    let clocks = ["Instant", "SystemTime", "Timestamp", "Zoned"];
    let reads = clocks.iter().any(|clock| file.has(&[clock, "::", "now"])) || file.has(&["clock_gettime"]);
    let may_read = file.is_in(&["src/clock.rs"]) || file.is_in(&CLOCKS) || file.module() == "cli";
    found.extend((reads && !may_read).then_some("a clock"));
    found.into_iter().map(|what| format!("{} holds {what} outside its fence", file.name)).collect()
}

fn breaches(name: &str, code: &str) -> Vec<String> {
    let file = File::new(name, code);
    [order(&file), fences(&file)].concat()
}

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

#[test]
fn no_source_breaks_a_rule() {
    let files = sources(Path::new("src"));
    let found = files.iter().flat_map(|file| breaches(&file.to_string_lossy().replace('\\', "/"), &fs::read_to_string(file).unwrap()));
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A list that names what is not there hides what comes under that name later.
#[test]
fn every_exception_is_needed() {
    for (places, is_needed) in [(&UNSAFE[..], ["unsafe", "unsafe"]), (&CLOCKS[..], ["Instant", "SystemTime"]), (&HOSTS[..], ["ffi", "ffi"])] {
        for place in places {
            let code = fs::read_to_string(place).unwrap_or_default();
            assert!(is_needed.iter().any(|word| tokens(&code).contains(word)), "{place} needs no exception");
        }
    }
}

#[test]
fn planted_breaches_are_reported() {
    for (name, code, wanted) in [
        ("src/window/a.rs", "use crate::features::Row;", "imports features"),
        ("src/window/a.rs", "use crate::{error::Result, types::{Event, Step}, model};", "imports model"),
        ("src/window/a.rs", "use crate::{\n    // why\n    error::Result,\n    decision::{self as d, limits},\n};", "imports decision"),
        ("src/window/a.rs", "use {crate::types::Event, crate::model::Store};", "imports model"),
        ("src/window/a.rs", "fn f() -> crate::ensemble::Votes { todo() }", "imports ensemble"),
        ("src/window/a.rs", "pub use super::super::model::Store;", "imports model"),
        ("src/window/a.rs", "use super::super::{types, engine};", "imports engine"),
        ("src/window/a.rs", "mod inner { use super::super::super::engine::Engine; }", "imports engine"),
        ("src/window.rs", "use super::engine::Lane;", "imports engine"),
        ("src/window/a.rs", "use crate::ffi::EXPORTS;", "imports ffi"),
        ("src/engine/a.rs", "use crate::ffi;", "imports ffi"),
        ("src/engine/a.rs", "use crate::source::simulator::Simulator;", "imports source"),
        ("src/engine/a.rs", "use super::super::cli;", "imports cli"),
        ("src/monitor/a.rs", "use crate::engine::Engine;", "imports engine"),
        ("src/monitor/a.rs", "fn f(engine: &super::super::engine::Engine) {}", "imports engine"),
        ("src/model.rs", "use super::*; fn f() { engine::open() }", "imports *"),
        ("src/model/a.rs", "use crate as root; fn f() { root::engine::open() }", "imports *"),
        ("src/types/a.rs", "use crate::ingest::gate;", "imports ingest"),
        ("src/clock.rs", "use crate::{engine::Engine, error::Error};", "imports engine"),
        ("src/cli/a.rs", "use foretick::ffi::foretick_init;", "imports ffi"),
        ("src/cli/a.rs", "use foretick::{engine::Engine, ffi};", "imports ffi"),
        ("src/cli/bench/a.rs", "use foretick::ffi::foretick_init;", "imports ffi"),
        ("src/planted.rs", "", "stands nowhere"),
        ("src/model/a.rs", "use ort::session::Session;", "holds ort"),
        ("src/model/a.rs", "use std::sync::Arc;\nuse {ort::session::Session, std::fs};", "holds ort"),
        ("src/model/a.rs", "use ort as runtime;", "holds ort"),
        ("src/cli/bench/a.rs", "use ort::session::Session;", "holds ort"),
        ("src/model/a.rs", "fn f() { ort::init().commit(); }", "holds ort"),
        ("src/model/choice.rs", "use rten::Model;", "holds rten"),
        ("src/model/rten/a.rs", "fn f() { rayon::spawn(g) }", "holds rayon"),
        ("src/engine/a.rs", "use ::arc_swap::ArcSwap;", "holds arc_swap"),
        ("src/engine/a.rs", "struct A(arc_swap::ArcSwap<u8>);", "holds arc_swap"),
        ("src/model/bundle.rs", "use memmap2::Mmap;", "holds memmap2"),
        ("src/model/a.rs", "use prost::Message;", "holds prost"),
        ("src/model/a.rs", "use libloading::os::unix::Library;", "holds libloading"),
        ("src/engine/a.rs", "pub extern \"C\" fn f() {}", "holds extern"),
        ("src/engine/a.rs", "type F = extern\n\"C-unwind\" fn();", "holds extern"),
        ("src/engine/a.rs", "fn f() { /* a reason */ unsafe{ g() } }", "holds unsafe"),
        ("src/engine/a.rs", "unsafe impl Send for A {}", "holds unsafe"),
        ("src/engine/a.rs", "let a = '\"'; unsafe { g() }; let b = '\"';", "holds unsafe"),
        ("src/engine/a.rs", "#[cfg(not(test))]\nmod a { fn f() { unsafe { g() } } }", "holds unsafe"),
        ("src/engine/a.rs", "#[cfg(test)]\nmod tests { fn f() {} }\nfn g() { unsafe { h() } }", "holds unsafe"),
        ("src/engine/predict.rs", "let began = std::time::Instant::now();", "holds a clock"),
        ("src/engine/predict.rs", "let now = SystemTime :: now();", "holds a clock"),
        ("src/window/a.rs", "let now = jiff::Timestamp::now();", "holds a clock"),
        ("src/window/a.rs", "libc::clock_gettime(0, at)", "holds a clock"),
    ] {
        let found = breaches(name, code);
        assert!(found.iter().any(|line| line.contains(wanted)), "{code}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (name, code) in [
        ("src/model/a.rs", "use crate::{error::Result, features::{Row, spec::Schema}, sync::Arc};"),
        ("src/model/native/a.rs", "use super::super::ort;\nfn f() { ort::Model::open() }"),
        ("src/model.rs", "pub mod ort;\nfn f() { ort::available() }"),
        ("src/model/ort.rs", "use ort::session::Session;"),
        ("src/monitor/a.rs", "use crate::{decision::limits, types::Prediction};"),
        ("src/engine/a.rs", "use crate::monitor::Metrics; use super::super::model::store; mod inner { use super::super::Lane; }"),
        ("src/engine/a.rs", "// use crate::ffi; unsafe\n/* extern \"C\" /* unsafe */ Instant::now() */\nconst A: &str = \"crate::ffi unsafe\";"),
        ("src/engine/a.rs", "const A: &str = r#\"a \" unsafe { crate::ffi::f() }\"#; fn f<'a>(a: &'a str) -> char { '\\'' }"),
        ("src/engine/a.rs", "#[cfg(test)]\nmod tests { use crate::ffi; fn f() { unsafe { g() } } }"),
        ("src/engine/a.rs", "#[cfg(all(test, not_a_flag))]\nmod a { fn f() { unsafe { g() } } }"),
        ("src/ffi/lane.rs", "use crate::engine::Lane; pub unsafe extern \"C\" fn f() {}"),
        ("src/cli/a.rs", "use foretick::{engine::Engine, source}; use crate::cli::files; let began = Instant::now();"),
        ("src/cli/bench/host.rs", "use foretick::ffi::foretick_init; fn f() { unsafe { foretick_init(1) } }"),
        ("src/main.rs", "mod cli; fn main() { cli::run() }"),
        ("src/engine/a.rs", "fn f(until: Instant) -> Duration { until.elapsed() }"),
    ] {
        assert_eq!(breaches(name, code), Vec::<String>::new(), "{code}");
    }
}

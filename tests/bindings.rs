//! One scenario in every language: the calls with their answers, and a recording of the demo's, which all decide alike. Each must notice a
//! wrong answer. A language whose tools are missing is skipped, unless `FORETICK_CI` says that none may be.
#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};
use support::capi::{compiler, libraries, link_line, root, shared, succeed};
use support::recording::{record, table};

/// The recording that every language drives, made once.
fn recording() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, file) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let file = record(folder.path());
        (folder, file)
    });
    file
}

fn calls() -> PathBuf {
    root().join("tests/vectors/calls")
}

/// What a language's program says of the cases, or of a recording.
fn said(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// `program(what)` is the command that runs `vectors` or `recording`, to which its two arguments are added.
fn scenario(language: &str, program: &dyn Fn(&str) -> Command) {
    let vectors = said(&succeed(program("vectors").arg(calls()).arg(root())));
    let texts = case_files(&calls()).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect::<Vec<_>>();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert_eq!((&vectors["cases"], &vectors["calls"]), (&json!(texts.len()), &json!(lines)), "{language}");
    let decided = said(&succeed(program("recording").arg(recording()).arg(root().join("models/sim"))));
    let table = table(recording());
    assert_eq!(decided["events"], table["events"], "{language}");
    assert_eq!(json!({ "count": decided["predictions"], "digest": decided["digest"] }), table["predictions"], "{language}");
    println!("{language}: {vectors}; {decided}");
    mistakes(language, program, &decided);
}

fn case_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "case")).collect()
}

/// A bit of a prediction, of a row and of a float, a count, a status: each must be missed, at its line.
fn mistakes(language: &str, program: &dyn Fn(&str) -> Command, decided: &Value) {
    for (case, verb) in [("decide", "predict "), ("decide", "row "), ("networks", "score "), ("order", "push "), ("refused", "push "), ("switches", "details ")]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(calls().join("sim.events"), folder.path().join("sim.events")).unwrap();
        let text = std::fs::read_to_string(calls().join(format!("{case}.case"))).unwrap();
        let at = text.lines().enumerate().filter(|(_, line)| line.starts_with(verb)).map(|(at, _)| at).last().unwrap();
        let wrong: Vec<String> = text.lines().enumerate().map(|(line, text)| if line == at { mistaken(text) } else { text.to_owned() }).collect();
        std::fs::write(folder.path().join(format!("{case}.case")), wrong.join("\n")).unwrap();
        let output = program("vectors").arg(folder.path()).arg(root()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(&format!("{case}.case:{}", at + 1)), "{language}: {verb}in {case}: {told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("demo.events");
    let mut events = std::fs::read(recording()).unwrap();
    *price(&mut events) ^= 1 << 4;
    std::fs::write(&file, events).unwrap();
    std::fs::copy(format!("{}.streams.json", recording().display()), format!("{}.streams.json", file.display())).unwrap();
    let other = said(&succeed(program("recording").arg(&file).arg(root().join("models/sim"))));
    assert_ne!(other["digest"], decided["digest"], "{language}: another event decides alike");
}

/// The last digit of an answer that is not a name.
fn mistaken(line: &str) -> String {
    let (call, answer) = line.split_once(" -> ").unwrap();
    let at = answer.rfind(|c: char| c.is_ascii_digit());
    match at {
        Some(at) => format!("{call} -> {}{}{}", &answer[..at], if &answer[at..=at] == "1" { "2" } else { "1" }, &answer[at + 1..]),
        None => format!("{call} -> OK"),
    }
}

/// A byte in the fraction of a price in the middle: the best bid of a book of stream 1.
fn price(events: &mut [u8]) -> &mut u8 {
    let heads = std::iter::successors(Some(0usize), |at| Some(at + 64 * usize::from(u16::from_le_bytes([events[*at], events[at + 1]]))));
    let half = events.len() / 2;
    let book = heads.take_while(|at| *at < events.len() - 64).find(|at| *at > half && events[*at + 2] == 3 && events[*at + 4] == 1).unwrap();
    &mut events[book + 48 + 4]
}

fn cpp(folder: &Path, name: &str, standard: &str, sources: &[PathBuf]) -> PathBuf {
    let program = folder.join(name);
    let mut command = compiler("c++", standard);
    command.args(["-g", "-pthread"]).args(sources).arg("-o").arg(&program);
    match standard {
        "c++17" => command.arg(libraries().join("libforetick.a")).args(link_line()),
        _ => command.arg(shared(folder)).arg(format!("-Wl,-rpath,{}", folder.display())),
    };
    succeed(&mut command);
    program
}

#[test]
fn cpp_decides_as_rust_does() {
    let folder = tempfile::tempdir().unwrap();
    let source = root().join("bindings/cpp/main.cpp");
    // C++17 with the static library; C++20 with the shared one.
    for (name, standard) in [("consumer17", "c++17"), ("consumer20", "c++20")] {
        let program = cpp(folder.path(), name, standard, std::slice::from_ref(&source));
        scenario(standard, &|what| {
            let mut command = Command::new(&program);
            command.arg(what);
            command
        });
    }
}

#[test]
fn handles_in_cpp_move_close_and_fail_as_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let sources = ["handles.cpp", "include.cpp"].map(|name| root().join("tests/cpp").join(name));
    for standard in ["c++17", "c++20"] {
        succeed(Command::new(cpp(folder.path(), standard, standard, &sources)).arg(calls().join("bundles/volume")));
    }
}

/// A Python: the one of the tests' environment, else the system's.
fn python() -> Option<PathBuf> {
    let own = root().join(".venv/bin/python");
    if own.is_file() { Some(own) } else { tool("python3") }
}

/// A program that is there; without it its language is skipped, which CI does not allow.
fn tool(name: &str) -> Option<PathBuf> {
    let found = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found || std::env::var_os("FORETICK_CI").is_none(), "{name} is missing");
    if !found {
        eprintln!("skipped: no {name}");
    }
    found.then(|| name.into())
}

fn python_script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.env("FORETICK_LIBRARY", libraries().join("libforetick.so")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-X", "dev"]).arg(root().join(format!("bindings/python/tests/{name}.py")));
    command
}

#[test]
fn python_decides_as_rust_does() {
    let Some(python) = python() else { return };
    scenario("Python", &|what| python_script(&python, what));
}

#[test]
fn python_has_the_headers_numbers_structs_and_functions() {
    let Some(python) = python() else { return };
    let header = root().join("include/foretick.h");
    succeed(python_script(&python, "header").arg(&header));
    let text = std::fs::read_to_string(&header).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // What a later header could have: each must be told.
    for (from, to) in [
        ("#define FORETICK_BUSY 4", "#define FORETICK_BUSY 5"),
        ("#define FORETICK_FULL 18", "#define FORETICK_FULL 18\n#define FORETICK_FULLER 19"),
        ("    float edge;", "    double edge;"),
        ("    float raw;", "    float rough;"),
        ("foretick_status_t foretick_bundle_close(struct foretick_bundle_t bundle);", "foretick_status_t foretick_bundle_close(int32_t bundle);"),
    ] {
        assert!(text.contains(from), "{from}");
        let file = folder.path().join("foretick.h");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        assert!(!python_script(&python, "header").arg(&file).output().unwrap().status.success(), "{to}");
    }
}

/// Row 43.
#[test]
fn python_lets_handles_go_in_any_order() {
    let Some(python) = python() else { return };
    let output = succeed(python_script(&python, "lifetimes").arg(calls().join("bundles/volume")).arg("60"));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The addon, linked with the static library, in a folder; `None` without Node or its headers.
fn addon(folder: &Path) -> Option<PathBuf> {
    let node = tool("node")?;
    let file = folder.join("foretick.node");
    let program = String::from_utf8(succeed(Command::new(&node).args(["-p", "process.execPath"])).stdout).unwrap();
    let beside = Path::new(program.trim()).parent()?.parent()?.join("include/node/node_api.h");
    let found = beside.is_file() || root().join("bindings/node/node_modules/node-api-headers").is_dir();
    assert!(found || std::env::var_os("FORETICK_CI").is_none(), "Node's headers are missing: npm ci in bindings/node");
    if !found {
        eprintln!("skipped: no headers of Node (npm ci in bindings/node)");
        return None;
    }
    succeed(Command::new(node).arg(root().join("bindings/node/build.js")).arg(libraries().join("libforetick.a")).arg(&file));
    Some(file)
}

fn node_script(addon: &Path, name: &str) -> Command {
    let mut command = Command::new("node");
    command.env("FORETICK_NATIVE_PATH", addon).args(["--expose-gc"]).arg(root().join(format!("bindings/node/test/{name}.js")));
    command
}

#[test]
fn node_decides_as_rust_does() {
    let folder = tempfile::tempdir().unwrap();
    let Some(addon) = addon(folder.path()) else { return };
    scenario("Node", &|what| node_script(&addon, what));
    for script in ["handles", "declared"] {
        let output = succeed(node_script(&addon, script).arg(calls().join("bundles/volume")));
        assert!(output.stderr.is_empty(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let symbols = String::from_utf8(succeed(Command::new("nm").args(["-D", "--defined-only"]).arg(&addon)).stdout).unwrap();
    let mut names: Vec<&str> = symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    names.sort_unstable();
    assert_eq!(names, ["napi_register_module_v1", "node_api_module_get_api_version_v1"], "nothing of the library is seen outside");
}

/// Row 42 in small.
#[test]
fn node_workers_end_while_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(addon) = addon(folder.path()) else { return };
    let output = succeed(node_script(&addon, "workers").arg(recording()).arg(root().join("models/sim")).arg("2"));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nodes_declarations_compile() {
    let folder = root().join("bindings/node");
    let Some(compiler) = tool(&folder.join("node_modules/.bin/tsc").to_string_lossy()) else { return };
    succeed(Command::new(compiler).arg("-p").arg(folder));
}

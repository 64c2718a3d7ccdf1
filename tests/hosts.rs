//! An engine is closed, or its process ends, while a thread is inside a run that would take an hour: in C, Rust, Python and Node.
//!
//! Each way is tried 5 times, or as often as `FORETICK_STORM` says. What these programs must do is in them; what is asked here is
//! that every one ends by itself, with status 0 and nothing on its standard error.
#![cfg(all(target_os = "linux", feature = "ort"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use foretick::engine::{Engine, Lane, TrackId};
use foretick::types::event::Record;
use support::bench::{MINUTE_NS, START_NS, bar, by_volume};
use support::bundle::{self, Graph, Member};
use support::capi::{program, root, shared, succeed};
use support::ort::library;

/// A program that takes longer hangs.
const MOST: Duration = Duration::from_secs(60);
/// How long the run goes on before it is ended, in turn.
const WAITS_US: [u32; 5] = [0, 100, 1_000, 5_000, 20_000];

fn rounds() -> usize {
    std::env::var("FORETICK_STORM").ok().map_or(5, |count| count.parse().expect("FORETICK_STORM is a number"))
}

/// A folder with a bundle whose second member loops where the volume is above 0.5.
fn workplace(deadline: &'static str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bundle")).unwrap();
    let member = Member::new("loop", Graph::Foreign("endless")).with(deadline);
    bundle::write(&folder.path().join("bundle"), &bundle::Options { members: vec![member], ..by_volume() });
    folder
}

const AN_HOUR: &str = "deadline_us = 3600000000";
const SHORT: &str = "deadline_us = 100000";

/// Runs a program with every wait in turn; `command` gets the round and the wait.
fn storm(what: &str, command: impl Fn(usize, &str) -> Command) {
    let began = Instant::now();
    for round in 0..rounds() {
        let wait = WAITS_US[round % WAITS_US.len()].to_string();
        let mut command = command(round, &wait);
        let problem = ended(&mut command);
        assert!(problem.is_empty(), "{what}, round {round}: {command:?}: {problem}");
    }
    eprintln!("{what}: {} rounds in {:.1} s", rounds(), began.elapsed().as_secs_f64());
}

/// What is wrong with how a program ended.
fn ended(command: &mut Command) -> String {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > MOST {
            child.kill().unwrap();
            return format!("hangs: {}", said(child));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let status = child.wait().unwrap();
    let said = said(child);
    if status.success() && said.is_empty() { String::new() } else { format!("{status}: {said}") }
}

fn said(child: std::process::Child) -> String {
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr).into_owned()
}

#[test]
fn c_programs_end_cleanly() {
    if library().is_none() {
        return;
    }
    let folder = workplace(AN_HOUR);
    let programs = [false, true].map(|shared| program("inflight", folder.path(), shared, &[]));
    for how in ["hasty", "patient", "unjoined", "exit", "elsewhere", "destructor", "loading"] {
        storm(&format!("C, {how}"), |round, wait| {
            let mut command = Command::new(&programs[round % 2]);
            command.arg(folder.path().join("bundle")).args([how, wait]);
            command
        });
    }
}

#[test]
fn rust_programs_end_cleanly() {
    if library().is_none() {
        return;
    }
    let folder = workplace(AN_HOUR);
    for how in ["exit", "return"] {
        storm(&format!("Rust, {how}"), |_, wait| {
            let mut command = this_program("a_program_that_ends");
            command.env("FORETICK_BUNDLE", folder.path().join("bundle")).env("FORETICK_HOW", how).env("FORETICK_WAIT_US", wait);
            command
        });
    }
}

#[test]
fn python_programs_end_cleanly() {
    if library().is_none() || !has("python3") {
        return;
    }
    let folder = workplace(AN_HOUR);
    let library = shared(folder.path());
    for how in ["closed", "unjoined", "abandoned"] {
        storm(&format!("Python, {how}"), |_, wait| {
            let mut command = Command::new("python3");
            command.arg(root().join("tests/hosts/inflight.py")).arg(&library).arg(folder.path().join("bundle")).args([how, wait]);
            command
        });
    }
}

#[test]
fn node_programs_end_cleanly() {
    let Some(headers) = node_headers().filter(|_| library().is_some()) else { return };
    for (deadline, hows) in [(AN_HOUR, &["closed", "exit", "worker"][..]), (SHORT, &["abandoned", "terminated"])] {
        let folder = workplace(deadline);
        let addon = addon(folder.path(), &headers);
        for how in hows {
            storm(&format!("Node, {how}"), |_, wait| {
                let mut command = Command::new("node");
                command.arg(root().join("tests/hosts/inflight.js")).arg(&addon).arg(folder.path().join("bundle")).args([how, wait]);
                command
            });
        }
    }
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no {program}");
    }
    found
}

/// The folder of Node's headers, beside the program as it is installed.
fn node_headers() -> Option<PathBuf> {
    if !has("node") {
        return None;
    }
    let program = succeed(Command::new("node").args(["-p", "process.execPath"])).stdout;
    let folder = Path::new(String::from_utf8_lossy(&program).trim()).parent()?.parent()?.join("include/node");
    let found = folder.join("node_api.h").is_file();
    if !found {
        eprintln!("skipped: Node's headers are not in {}", folder.display());
    }
    found.then_some(folder)
}

fn addon(folder: &Path, headers: &Path) -> PathBuf {
    let (addon, library) = (folder.join("addon.node"), shared(folder));
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-DNAPI_VERSION=8"]);
    command.arg("-I").arg(root().join("include")).arg("-isystem").arg(headers);
    command.arg(root().join("tests/hosts/addon.c")).arg(library).arg(format!("-Wl,-rpath,{}", folder.display())).arg("-o").arg(&addon);
    succeed(&mut command);
    addon
}

/// Rows 66 and 70 in small.
#[test]
fn reloads_leave_no_file_open_and_no_memory_taken() {
    if library().is_none() {
        return;
    }
    let folder = workplace(SHORT);
    let problem = ended(this_program("a_program_that_reloads").env("FORETICK_BUNDLE", folder.path().join("bundle")));
    assert!(problem.is_empty(), "{problem}");
}

/// This test program, to run one of the ignored tests below as a program of its own.
fn this_program(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    command
}

/// The lane is due to predict a step at which the member loops.
fn start() -> (Engine, Lane, TrackId) {
    let engine = Engine::open_text("[housekeeping]\ninterval_ms = 60000\n").unwrap();
    let stream = engine.add_stream("test:A", "").unwrap();
    publish(&engine);
    let mut lane = engine.open_lane("").unwrap();
    let track = lane.open_track("s", &[stream], 0).unwrap();
    lane.push(bar(stream, 0, 2.0).slots()).unwrap();
    (engine, lane, track)
}

fn publish(engine: &Engine) {
    let folder = std::env::var_os("FORETICK_BUNDLE").unwrap();
    engine.publish_one("s", engine.open_bundle(Path::new(&folder)).unwrap()).unwrap();
}

#[test]
#[ignore = "a program: rust_programs_end_cleanly runs it"]
fn a_program_that_ends() {
    let setting = |name: &str| std::env::var(name).unwrap();
    let (engine, mut lane, track) = start();
    let (inside, is_inside) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        inside.send(()).unwrap();
        let _ = lane.predict(track, START_NS + MINUTE_NS);
    });
    is_inside.recv().unwrap();
    std::thread::sleep(Duration::from_micros(setting("FORETICK_WAIT_US").parse().unwrap()));
    if setting("FORETICK_HOW") == "exit" {
        std::process::exit(0);
    }
    // The process ends when `main` returns: neither the engine nor the thread ends before.
    std::mem::forget((engine, thread));
}

#[test]
#[ignore = "a program: reloads_leave_no_file_open_and_no_memory_taken runs it"]
fn a_program_that_reloads() {
    const RELOADS: usize = 200;
    const MOST_MIB: u64 = 48;
    let (engine, mut lane, track) = start();
    let mut reload = |times: usize| {
        for _ in 0..times {
            publish(&engine);
            lane.predict(track, START_NS + MINUTE_NS).unwrap();
        }
        (std::fs::read_dir("/proc/self/fd").unwrap().count(), resident_kib() / 1024)
    };
    let (files, mib) = reload(20);
    let (files_after, mib_after) = reload(RELOADS);
    assert_eq!(files_after, files, "open files");
    assert!(mib_after < mib + MOST_MIB, "{mib} MiB before, {mib_after} MiB after {RELOADS} reloads");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap()
}

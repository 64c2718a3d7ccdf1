//! The header compiles in every standard, and the C programs run over the static and the shared library.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use foretick::Status;
use foretick::types::prediction::reason;
use support::bench::by_volume;
use support::bundle::{self, Graph, Member, Options};
use support::capi::{compiler, is_sanitized, libraries, program, root, source, succeed};

#[test]
fn the_header_compiles_in_every_standard() {
    for standard in ["c99", "c11", "c17", "c2x"] {
        succeed(compiler("cc", standard).args(["-fsyntax-only", "-x", "c"]).arg(source("include.c")));
    }
    for standard in ["c++11", "c++17", "c++20"] {
        for name in ["include.c", "inline.c", "pipelined.c", "flow.c"] {
            succeed(compiler("c++", standard).args(["-fsyntax-only", "-x", "c++"]).arg(source(name)));
        }
    }
}

/// A folder for a program, with the bundle that it opens.
fn workplace(options: &Options) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("bundle")).expect("a folder");
    bundle::write(&folder.path().join("bundle"), options);
    folder
}

fn run(name: &str, options: &Options, shared: bool) {
    let folder = workplace(options);
    succeed(Command::new(program(name, folder.path(), shared, &[])).arg(folder.path().join("bundle")));
}

/// A tenth of a second's worth of trades is a step every millisecond.
fn by_time() -> Options {
    Options { sampler: "kind = \"time\"\ninterval_ms = 1\nprice = \"trade\"\n".into(), ..Options::default() }
}

/// Two features that a single row can be scaled for, and models of a row, of a window, and with a NaN.
fn scored() -> Options {
    let features = "[{ op = \"volume\", scale = [\"minmax\"] }, { op = \"volume_sma\", period = 5, missing = 0.5 }]";
    let window = Member::new("w", Graph::Logistic((0..8).map(|at| at as f32 / 8.0 - 0.3).collect(), 0.1));
    Options { features: features.into(), members: vec![Member::new("ratio", Graph::Ratio(2)), window], ..Options::default() }
}

#[test]
fn handles_that_are_stale_are_refused() {
    run("handles", &Options::default(), false);
}

#[test]
fn structs_of_other_headers_fit_or_are_refused() {
    run("structs", &Options::default(), false);
}

#[test]
fn a_second_caller_is_told_busy() {
    run("busy", &Options::default(), false);
}

#[test]
fn handles_may_be_closed_under_callers() {
    run("storm", &Options::default(), false);
}

#[test]
fn wrong_calls_have_their_status_and_change_nothing() {
    run("errors", &Options::default(), false);
}

/// `lr` gives 0.5, `a` 0.9.
fn two_members() -> Options {
    let a = Member::new("a", Graph::Logistic(vec![0.0], 9f32.ln()));
    Options { features: "[{ op = \"volume\", scale = [\"zscore\"] }]".into(), weights: vec![0.0], bias: 0.0, members: vec![a], ..Options::default() }
}

/// An opportunity by two values of the caller's; the edge is always 0.5.
fn opportunity() -> Options {
    let features = "[{ op = \"given\", field = \"gas\", scale = [\"zscore\"] }, { op = \"given\", field = \"depth\", scale = [\"minmax\"] }]";
    let net = Member { output: "net".into(), ..Member::new("net", Graph::Logistic(vec![0.0; 2], 0.0)) };
    let policy = "kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.8\nwait_at = 0.5\nedge = \"net\"\nmin_edge = 0.25\n";
    Options {
        features: features.into(),
        weights: vec![1.0, 2.0],
        bias: 0.0,
        members: vec![net],
        amounts: vec!["net".into()],
        policy: Some(policy.into()),
        ..Options::default()
    }
}

#[test]
fn members_slots_and_tracks_are_switched() {
    run("switches", &two_members(), false);
}

#[test]
fn rows_of_the_callers_are_scored() {
    run("rows", &opportunity(), false);
}

#[test]
fn scorers_score_rows_and_refuse_the_rest() {
    run("scorer", &scored(), false);
}

#[test]
fn a_child_is_told_that_it_was_forked() {
    let folder = workplace(&Options::default());
    let mut parent = Command::new(program("fork", folder.path(), false, &[]));
    // A child has what the parent's threads held, and frees nothing of it.
    parent.arg(folder.path().join("bundle")).env("ASAN_OPTIONS", "detect_leaks=0");
    succeed(&mut parent);
}

/// The kernel ends a thread that makes one; so it does with a call that opens a file.
#[test]
fn hot_calls_make_no_system_call() {
    const NOT_HERE: i32 = 77;
    // The sanitizer's library makes its own.
    if is_sanitized() {
        return;
    }
    let folder = workplace(&Options::default());
    let program = program("sealed", folder.path(), false, &[]);
    let run = |more: &[&str]| Command::new(&program).arg(folder.path().join("bundle")).args(more).output().expect("the program starts");
    let (hot, cold) = (run(&[]), run(&["cold"]));
    if hot.status.code() == Some(NOT_HERE) {
        return eprintln!("skipped: threads cannot be sealed here");
    }
    assert!(hot.status.success(), "{}: {}", hot.status, String::from_utf8_lossy(&hot.stderr));
    assert_eq!((cold.status.signal(), cold.status.code()), (Some(9), None));
}

#[test]
fn a_whole_life_over_both_libraries() {
    run("flow", &Options::default(), false);
    run("flow", &Options::default(), true);
}

#[test]
fn links_polls_and_result_memory() {
    run("links", &Options::default(), false);
}

#[test]
fn a_pipelined_bot_runs() {
    run("pipelined", &by_time(), false);
    run("pipelined", &by_time(), true);
}

/// Row 41.
#[test]
fn a_host_that_unloads_the_library_has_not() {
    // A process has one AddressSanitizer, and the library would bring its own.
    if is_sanitized() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let library = libraries().join("libforetick.so");
    succeed(Command::new(program("unload", folder.path(), false, &[])).arg(library));
}

/// Row 59.
#[test]
fn a_failures_text_is_its_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    succeed(&mut Command::new(program("texts", folder.path(), false, &[])));
}

#[test]
fn the_shortest_bot_runs() {
    run("inline", &by_time(), false);
}

/// A native member, and one on ONNX Runtime that answers, or is stopped at its deadline.
#[cfg(all(target_arch = "x86_64", feature = "ort"))]
#[test]
fn the_callers_float_mode_is_its_own() {
    if support::ort::library().is_none() {
        return;
    }
    let member = Member::new("loop", Graph::Foreign("endless")).with("deadline_us = 20000");
    run("float_mode", &Options { members: vec![member], ..by_volume() }, false);
}

/// What `tests/c/state.c` prints when it runs whole, and in two processes; built with further arguments.
fn stopped(extra: &[&str]) {
    let folder = workplace(&by_time());
    let (program, file) = (program("state", folder.path(), false, extra), folder.path().join("snapshot"));
    let run = |what: &str| succeed(Command::new(&program).arg(folder.path().join("bundle")).arg(what).arg(&file)).stdout;
    let whole = String::from_utf8(run("whole")).expect("text");
    assert!(run("save").is_empty());
    assert_eq!(String::from_utf8(run("load")).expect("text"), whole);
    assert!(whole.lines().count() > 250 && whole.contains(": 1 closed, 2 waiting"), "{whole}");
}

#[test]
fn a_lane_goes_on_in_another_process() {
    stopped(&[]);
}

/// Whether the compiler has the sanitizers' libraries.
fn has_sanitizers(folder: &Path) -> bool {
    let empty = folder.join("empty.c");
    std::fs::write(&empty, "int main(void) { return 0; }\n").expect("the folder can be written");
    Command::new("cc").args(SANITIZERS).arg(&empty).arg("-o").arg(folder.join("empty")).output().is_ok_and(|output| output.status.success())
}

const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];

/// Rust's memory is seen through malloc and free; a leak, a use after free or an overrun ends the program. With `FORETICK_ASAN`
/// every test of this file runs with more: Rust's own reads and writes are looked at too.
#[test]
fn the_programs_are_sound_under_the_sanitizers() {
    let folder = workplace(&Options::default());
    if is_sanitized() || !has_sanitizers(folder.path()) {
        return;
    }
    for name in ["handles", "structs", "errors", "busy", "storm", "flow", "links"] {
        succeed(Command::new(program(name, folder.path(), false, &SANITIZERS)).arg(folder.path().join("bundle")));
    }
    stopped(&SANITIZERS);
    for (name, options) in [("switches", two_members()), ("rows", opportunity()), ("scorer", scored())] {
        let folder = workplace(&options);
        succeed(Command::new(program(name, folder.path(), false, &SANITIZERS)).arg(folder.path().join("bundle")));
    }
}

/// The sanitizers' silence means something.
#[test]
fn the_sanitizers_see_freed_memory_used_and_memory_lost() {
    let folder = workplace(&Options::default());
    let extra: &[&str] = if is_sanitized() { &[] } else { &SANITIZERS };
    if !is_sanitized() && !has_sanitizers(folder.path()) {
        return;
    }
    let program = program("seeded", folder.path(), false, extra);
    let mut wanted = vec![("host", "heap-use-after-free", "in host "), ("leak", "detected memory leaks", "in leak ")];
    if is_sanitized() {
        wanted.push(("library", "heap-use-after-free", "foretick_lane_advance"));
    }
    for (how, problem, place) in wanted {
        let output = Command::new(&program).arg(how).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(problem) && said.contains(place), "{how}: {}: {said}", output.status);
    }
}

/// Every plain constant of the header by name.
fn constants() -> Vec<String> {
    let header = std::fs::read_to_string(root().join("include/foretick.h")).expect("the header");
    let defined = header.lines().filter_map(|line| line.strip_prefix("#define FORETICK_")?.split_once(' '));
    let plain =
        defined.filter(|(name, value)| !name.contains('(') && !name.ends_with('_') && !name.ends_with("INIT") && *name != "NODISCARD" && !value.is_empty());
    plain.map(|(name, _)| format!("FORETICK_{name}")).collect()
}

#[test]
fn constants_are_the_same_in_c_and_in_rust() {
    let folder = workplace(&Options::default());
    let names = constants();
    let lines: String = names.iter().map(|name| format!("    SHOW({name})\n")).collect();
    std::fs::write(folder.path().join("constants.inc"), lines).expect("the folder can be written");
    let output = succeed(&mut Command::new(program("header", folder.path(), false, &[])));
    let text = String::from_utf8(output.stdout).expect("names and numbers");
    let found: BTreeMap<&str, u64> =
        text.lines().filter_map(|line| line.split_once(' ')).map(|(name, value)| (name, value.parse().expect("a number"))).collect();
    assert_eq!(found.len(), names.len());
    let wanted = in_rust();
    for (name, value) in &wanted {
        assert_eq!(found.get(name.as_str()), Some(value), "{name}");
    }
    let unknown: Vec<_> = found.keys().filter(|name| !wanted.contains_key(**name)).collect();
    assert!(unknown.is_empty(), "the header has constants that no Rust value stands behind: {unknown:?}");
}

/// What the constants must be, from the values that the library works with.
fn in_rust() -> BTreeMap<String, u64> {
    use foretick::engine::Part;
    use foretick::types::event as e;
    use foretick::types::prediction::{Action, Phase, backend, flag, rung};
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |name: &str, value: u64| assert!(all.insert(format!("FORETICK_{name}"), value).is_none(), "{name} twice");
    Status::ALL.iter().for_each(|status| add(status.name(), *status as u64));
    reason::ALL.iter().for_each(|(bit, name)| add(&format!("REASON_{name}"), *bit));
    let numbers = 0..=u8::MAX;
    numbers.filter_map(Action::from_number).for_each(|action| add(&format!("ACTION_{}", action.name()), action as u64));
    e::Kind::ALL.iter().for_each(|kind| add(&format!("KIND_{}", kind.name().to_uppercase()), *kind as u64));
    for phase in [Phase::Unknown, Phase::Ranging, Phase::Trending, Phase::Volatile] {
        add(&format!("PHASE_{}", phase.name().to_uppercase()), phase as u64);
    }
    let flags = [("VALUE", flag::VALUE), ("REPEAT", flag::REPEAT), ("OUT_OF_SCOPE", flag::OUT_OF_SCOPE), ("IN_SAMPLE", flag::IN_SAMPLE)];
    flags.into_iter().chain([("FALLBACK", flag::FALLBACK), ("DEGRADED", flag::DEGRADED)]).for_each(|(name, bit)| add(&format!("SIGNAL_{name}"), bit.into()));
    for (name, bit) in [
        ("NATIVE", backend::NATIVE),
        ("ORT", backend::ORT),
        ("RTEN", backend::RTEN),
        ("CUDA", backend::CUDA),
        ("WHOLE_WINDOW", backend::WHOLE_WINDOW),
        ("PREFIX", backend::PREFIX),
        ("STATEFUL", backend::STATEFUL),
        ("CACHED", backend::CACHED),
    ] {
        add(&format!("BACKEND_{name}"), bit.into());
    }
    for (name, value) in [
        ("ABI_VERSION", foretick::ffi::FORETICK_ABI_VERSION.into()),
        ("EVENT_SNAPSHOT", e::FLAG_SNAPSHOT.into()),
        ("EVENT_MORE", e::FLAG_MORE.into()),
        ("EVENT_DERIVED", e::FLAG_DERIVED.into()),
        ("EVENT_REORG", e::FLAG_REORG.into()),
        ("SIDE_UNKNOWN", e::SIDE_UNKNOWN.into()),
        ("SIDE_BUY", e::SIDE_BUY.into()),
        ("SIDE_SELL", e::SIDE_SELL.into()),
        ("MARK_ADVANCE", e::MARK_ADVANCE.into()),
        ("MARK_GAP", e::MARK_GAP.into()),
        ("MARK_RESET", e::MARK_RESET.into()),
        ("MARK_PREDICT", e::MARK_PREDICT.into()),
        ("MARK_ALL_TRACKS", u32::MAX.into()),
        ("RUNG_CHAMPION", rung::CHAMPION.into()),
        ("RUNG_PREVIOUS", 1),
        ("RUNG_LINEAR", 2),
        ("RUNG_RULE", 3),
        ("RUNG_NONE", rung::NONE.into()),
        ("BAR_QUOTE_VOLUME", e::BAR_QUOTE_VOLUME.into()),
        ("BAR_TAKER", e::BAR_TAKER.into()),
        ("BAR_TRADES", e::BAR_TRADES.into()),
        ("TRACK_ANY_STREAM", foretick::engine::TRACK_ANY_STREAM.into()),
        ("SCORER_RAW", foretick::engine::SCORER_RAW.into()),
        ("DESCRIBE_CONFIG", Part::Config as u64),
        ("DESCRIBE_STREAMS", Part::Streams as u64),
        ("DESCRIBE_LANES", Part::Lanes as u64),
        ("DESCRIBE_TRACKS", Part::Tracks as u64),
        ("DESCRIBE_SLOTS", Part::Slots as u64),
        ("DESCRIBE_BACKENDS", Part::Backends as u64),
        ("PUBLISH_REPLACE", 1),
        ("ROW_SCALED", 1),
        ("DELTA_CHANGES", e::DELTA_CHANGES as u64),
    ] {
        add(name, value);
    }
    use foretick::model::manifest::Task;
    for (name, task) in [
        ("DIRECTION", Task::Direction),
        ("VALUE", Task::Value),
        ("VOLATILITY", Task::Volatility),
        ("SUCCESS", Task::Success),
        ("DURATION", Task::Duration),
        ("RISK", Task::Risk),
    ] {
        add(&format!("TASK_{name}"), task as u64);
    }
    all
}

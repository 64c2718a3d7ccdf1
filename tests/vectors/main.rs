//! Calls with their answers, which every language runs (`tests/vectors/calls/README.md`): the committed files are what the cases
//! make, and the Rust API answers them. `FORETICK_BLESS=1` rewrites them.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bundles;
mod calls;
mod cases;
mod script;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::sync::OnceLock;

use calls::Calls;
use foretick::ffi::{FlowRecord, TrackHandle};
use foretick::types::Slot;
use support::capi::root;
use support::chost::CHost;
use support::recording::slots;

/// Where the cases stand.
fn folder() -> PathBuf {
    root().join("tests/vectors/calls")
}

fn committed() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "case")).collect();
    files.sort();
    files
}

/// Every case by name, as the Rust API answers it; made once a process, and written down when that is asked for.
fn made() -> &'static [(&'static str, String)] {
    static MADE: OnceLock<Vec<(&str, String)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let bless = std::env::var_os("FORETICK_BLESS").is_some();
        if bless {
            bundles::write_all();
            cases::write_events();
        }
        let made: Vec<_> = cases::all().into_iter().map(|script| (script.name, script.text)).collect();
        if bless {
            committed().iter().for_each(|file| std::fs::remove_file(file).unwrap());
            made.iter().for_each(|(name, text)| std::fs::write(folder().join(format!("{name}.case")), text).unwrap());
        }
        made
    })
}

#[test]
fn the_committed_cases_are_what_the_rust_api_answers() {
    let made = made();
    let names: Vec<String> = committed().iter().map(|file| file.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, made.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    for (name, made) in made {
        let text = std::fs::read_to_string(folder().join(format!("{name}.case"))).unwrap();
        let differs = text.lines().zip(made.lines()).position(|(committed, made)| committed != made);
        assert!(text == *made, "{name}.case, line {:?}: run FORETICK_BLESS=1 cargo test --test vectors", differs.map(|at| at + 1));
    }
}

/// As any other language does: read, call, compare.
#[test]
fn every_line_of_every_case_holds() {
    made();
    let (mut lines, mut bytes) = (0, 0);
    for file in committed() {
        let mut calls = Calls::new();
        for line in std::fs::read_to_string(&file).unwrap().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (call, wanted) = line.split_once(" -> ").unwrap_or((line, ""));
            assert_eq!(calls.answer(call), wanted, "{}: {call}", file.display());
            (lines, bytes) = (lines + 1, bytes + wanted.len());
        }
    }
    println!("{lines} calls, {bytes} bytes of answers");
    assert!(lines > 400);
}

/// What was pushed one by one, and what was pushed as one array, are asked the same.
#[test]
fn a_batch_answers_as_single_events_do() {
    let predictions = |name: &str| {
        let (_, text) = made().iter().find(|(known, _)| *known == name).unwrap();
        text.lines().filter(|line| line.starts_with("predict ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (batch, single) = (predictions("batch"), predictions("single"));
    assert!(batch.len() > 20 && batch == single);
}

/// The first case over the C functions, but for what stands behind its decisions.
#[test]
fn the_c_functions_answer_the_same() {
    made();
    let (mut over_c, mut answered) = (OverC::default(), 0);
    for line in std::fs::read_to_string(folder().join("decide.case")).unwrap().lines() {
        let (call, wanted) = line.split_once(" -> ").unwrap_or((line, ""));
        let words: Vec<&str> = call.split(' ').collect();
        if let Some(answer) = over_c.answer(&words) {
            assert_eq!(format!("OK {answer}"), wanted, "{call}");
            answered += 1;
        }
    }
    assert!(answered > 60);
}

/// What the case opens.
#[derive(Default)]
struct OverC {
    host: Option<CHost>,
    events: Vec<Slot>,
    track: TrackHandle,
}

impl OverC {
    /// The answer of a call that a [`CHost`] makes.
    fn answer(&mut self, words: &[&str]) -> Option<String> {
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        match (*words.first()?, &self.host) {
            ("events", _) => self.events = slots(&folder().join(words[1])),
            ("engine", _) => self.host = Some(CHost::open()),
            ("bundle", Some(host)) => assert_eq!(host.publish(&root().join(words[2])), 1),
            ("stream", Some(host)) => return Some(host.stream(words[1]).to_string()),
            ("track", Some(host)) => {
                self.track = host.track(&words[5..].iter().map(|id| id.parse().unwrap()).collect::<Vec<u32>>());
                return Some((self.track.id & 0xFF_FFFF).to_string());
            }
            ("push", Some(host)) => {
                let (from, count) = words[2].strip_prefix('@')?.split_once('+')?;
                return Some(flow(&host.push(&self.events[from.parse().unwrap()..][..count.parse().unwrap()])));
            }
            ("advance", Some(host)) => return Some(flow(&host.advance(number(2)))),
            ("predict", Some(host)) => return Some(calls::hex(bytemuck::bytes_of(&host.predict(self.track, number(2)).comparable()))),
            _ => {}
        }
        None
    }
}

fn flow(flow: &FlowRecord) -> String {
    let FlowRecord { closed, taken, reasons, skipped, conflated, predicted, waiting, .. } = flow;
    format!("{closed} {taken} {reasons} {skipped} {conflated} {predicted} {waiting}")
}

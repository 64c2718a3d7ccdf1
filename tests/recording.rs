//! `demo --record`: the file holds what the lane took, and whoever drives the C functions by its table decides as the demo did.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use foretick::ingest::gate;
use foretick::source::simulator::Simulator;
use foretick::types::Slot;
use serde_json::{Value, json};
use support::capi::root;
use support::chost::CHost;
use support::recording::{Digest, SEED, STEPS, record, slots, table};

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as u32).collect()
}

#[test]
fn a_recording_is_the_market_and_its_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path());
    let (found, table) = (slots(&file), table(&file));
    let (mut market, mut wanted) = (Simulator::new(SEED), Vec::new());
    for _ in 0..STEPS {
        market.step(&mut wanted);
    }
    assert!(found == wanted, "the events are the market's, in its order");
    assert_eq!(table["slots"], wanted.len());
    assert_eq!((&table["seed"], &table["step_ms"], &table["engine_version"]), (&json!(SEED), &json!(100), &json!(env!("CARGO_PKG_VERSION"))));
    let names: Vec<&str> = table["streams"].as_array().unwrap().iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert_eq!(names, market.streams().iter().map(|stream| stream.name).collect::<Vec<_>>());
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "nothing else is left in the folder");
}

#[test]
fn the_c_functions_decide_on_a_recording_as_the_demo_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = record(folder.path());
    let (found, table) = (slots(&file), table(&file));
    let (count, digest) = drive(&found, &table);
    assert_eq!((json!(count), json!(digest)), (table["predictions"]["count"].clone(), table["predictions"]["digest"].clone()));
}

fn drive(slots: &[Slot], table: &Value) -> (u64, String) {
    let host = CHost::open();
    let mut published = table["published"].as_array().unwrap().iter().peekable();
    let mut publish = |at: usize| {
        while let Some(item) = published.next_if(|item| item["at_slot"] == at) {
            host.publish(&root().join("models/sim").join(item["bundle"].as_str().unwrap()));
        }
        published.peek().map_or(slots.len(), |next| next["at_slot"].as_u64().unwrap() as usize)
    };
    let mut end = publish(0);
    for stream in table["streams"].as_array().unwrap() {
        assert_eq!(host.stream(stream["name"].as_str().unwrap()), stream["id"].as_u64().unwrap() as u32);
    }
    let tracks: Vec<_> = table["tracks"].as_array().unwrap().iter().map(|track| host.track(&numbers(&track["streams"]))).collect();
    let (mut at, mut count, mut digest) = (0, 0, Digest::default());
    while at < slots.len() {
        let flow = host.push(&slots[at..end]);
        let taken = &slots[at..at + flow.taken as usize];
        if flow.closed > 0 {
            let now_ns = last_known_ns(taken);
            for track in tracks.iter().filter(|track| host.due().contains(&track.id)) {
                digest.add(&host.predict(*track, now_ns));
                count += 1;
            }
        }
        at += taken.len();
        if at == end {
            end = publish(at);
        }
    }
    (count, digest.text())
}

fn last_known_ns(mut taken: &[Slot]) -> i64 {
    let mut known_ns = 0;
    while let Some(head) = gate::head(taken) {
        known_ns = head.known_ns;
        taken = &taken[usize::from(head.slots)..];
    }
    known_ns
}

#[test]
fn a_recording_that_cannot_be_written_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("none/demo.events");
    let output = Command::new(env!("CARGO_BIN_EXE_foretick"))
        .args(["demo", "--quiet", "--steps", "1000", "--models"])
        .arg(root().join("models/sim"))
        .arg("--record")
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none/demo.events"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

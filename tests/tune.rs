//! `foretick model tune` and the `backend.lock` that it writes, as a user and an engine meet them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use foretick::config::Backends;
use foretick::engine::Engine;
use foretick::model::bundle::Bundle;
use foretick::model::choice::Choice;
use foretick::model::manifest::hex;
use foretick::model::native::Descent;
use foretick::model::watchdog::RunLimit;
use foretick::{Error, Status};
use serde_json::Value;

use support::bench::by_volume;
use support::bundle::{self, Graph, Member, Options};
use support::ort::library;

const LOCK: &str = "backend.lock";

fn tune(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foretick"));
    command.args(["--json", "model", "tune", "--calls", "20"]).args(args).arg(folder).output().unwrap()
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A bundle with `lr`, a member over a window, one that the manifest pins, and a meta-model over both.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pinned = Member::new("pinned", Graph::Logistic(vec![2.0], 0.0)).with("backend = \"native\"");
    let members = vec![Member::new("past", Graph::Logistic(vec![0.5; 4], 0.0)), pinned, Member::over("meta", &["lr.up", "past.up"], &[1.0, 1.0], -1.0)];
    bundle::write(folder.path(), &Options { members, ..by_volume() });
    folder
}

fn backends<'v>(report: &'v Value, member: &str) -> &'v Value {
    report["members"].as_array().unwrap().iter().find(|entry| entry["name"] == member).unwrap()
}

/// A bundle whose member `xgb` has trees.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2")
}

fn open(folder: &Path) -> Result<Bundle, Error> {
    Bundle::open_alone(folder, &Backends::default())
}

#[test]
fn what_was_measured_is_written_and_read() {
    let folder = folder();
    let told = report(&tune(folder.path(), &[]));
    for member in ["lr", "past", "meta"] {
        let entry = backends(&told, member);
        assert_eq!(entry["fixed"], "native");
        let native = entry["backends"].as_array().unwrap().iter().find(|entry| entry["backend"] == "native").unwrap();
        assert!(native["whole"]["p50_ns"].as_u64().unwrap() > 0 && native["whole"]["calls"] == 20, "{native}");
    }
    assert_eq!(backends(&told, "pinned")["chosen"], Value::Null, "the manifest has said it");
    let text = std::fs::read_to_string(folder.path().join(LOCK)).unwrap();
    assert!(text.contains("\"lr\" = \"") && !text.contains("pinned"), "{text}");

    let bundle = open(folder.path()).unwrap();
    let lock = bundle.lock.as_ref().unwrap();
    assert_eq!((lock.foretick.as_str(), lock.measured_on.as_str()), (env!("CARGO_PKG_VERSION"), told["measured_on"].as_str().unwrap()));
    let described = bundle.describe();
    assert_eq!(described["backend_lock"]["members"], serde_json::json!(["lr", "past", "meta"]));
    for member in described["members"].as_array().unwrap() {
        let name = member["name"].as_str().unwrap();
        let entry = backends(&told, name);
        let is_locked = !entry["chosen"].is_null();
        assert_eq!(member["backend"], entry[if is_locked { "chosen" } else { "fixed" }]);
        assert_eq!(member["why"].as_str().unwrap().contains("backend.lock says so"), is_locked, "{member}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = folder();
    assert_eq!(report(&tune(folder.path(), &["--dry-run"]))["written"], Value::Null);
    assert!(!folder.path().join(LOCK).exists() && open(folder.path()).unwrap().lock.is_none());
}

/// Every backend that can run a member is in the table, and those that cannot are with the reason.
#[test]
#[cfg(all(feature = "ort", feature = "rten"))]
fn backends_stand_side_by_side() {
    if library().is_none() {
        return;
    }
    let told = report(&tune(&shipped(), &["--dry-run"]));
    let ran = |member: &str| {
        let entries = backends(&told, member)["backends"].as_array().unwrap();
        entries.iter().filter(|entry| entry["whole"].is_object()).map(|entry| entry["backend"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((ran("lstm"), ran("cnn")), (vec!["native", "ort", "rten"], vec!["native", "ort", "rten"]));
    let trees = ran("xgb");
    assert_eq!(trees[..2], ["native", "ort"]);
    assert!(trees.len() > 2 && trees[2..].iter().all(|name| name.starts_with("native/")), "other ways down its trees: {trees:?}");
    let refused = &backends(&told, "xgb")["backends"][2]["refused"];
    assert!(refused.as_str().unwrap().contains("TreeEnsemble"), "{refused}");
    assert!(backends(&told, "lstm")["backends"][0]["newest_row"]["calls"].as_u64().unwrap() > 0, "the native kernel works ahead");
}

/// A lock changes how trees descend, and no bit of what they answer.
#[test]
fn trees_descend_as_the_lock_says() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(shipped()).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let unlocked = open(folder.path()).unwrap();
    let head = head(&unlocked);
    let (fixed, expected) = answers(&unlocked, "xgb");
    let mut ways = BTreeSet::from([fixed]);
    for (name, choice) in Choice::NAMED.into_iter().filter(|(_, choice)| choice.descent.is_some()) {
        std::fs::write(folder.path().join(LOCK), lines(&head, &[&format!("xgb = \"{name}\"")])).unwrap();
        match open(folder.path()).map(|bundle| answers(&bundle, "xgb")) {
            Ok((way, bits)) => {
                assert_eq!(Some(way.as_str()), choice.descent.map(Descent::name));
                assert_eq!(bits, expected, "{name}");
                ways.insert(way);
            }
            Err(error) => {
                assert_eq!(error.status(), Status::Operator, "{error}");
                assert!(error.text().contains("model xgb") && error.text().contains("remove the file"), "{error}");
            }
        }
    }
    assert!(ways.len() > 1, "{ways:?}");
}

/// A lock of the bundle without members.
fn head(bundle: &Bundle) -> String {
    format!("format = 1\nbundle = \"{}\"\nforetick = \"0\"\nmeasured_on = \"nothing\"\n", hex(&bundle.digest))
}

/// How a member's trees descend, and the bits that they answer for the golden rows.
fn answers(bundle: &Bundle, name: &str) -> (String, Vec<u32>) {
    let number = bundle.members.iter().position(|member| member.spec.name == name).unwrap();
    let limit = RunLimit::none();
    let backend = &bundle.members[number].backend;
    let (mut instance, mut out) = (backend.clone().instance(&limit).unwrap(), vec![0.0; backend.output_width()]);
    let bits = bundle.golden_inputs(number, &limit).unwrap().into_iter().flat_map(|input| {
        instance.run(&input, &mut out).unwrap();
        out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    });
    (backend.summary().rsplit(", ").next().unwrap().to_owned(), bits.collect())
}

/// Generations say what the lock has changed.
#[test]
#[cfg(feature = "ort")]
fn a_generation_runs_what_the_lock_says() {
    if library().is_none() {
        return;
    }
    let folder = folder();
    tune(folder.path(), &[]);
    write(folder.path(), |text| lines(text, &["lr = \"ort\"", "past = \"native\""]));
    let engine = Engine::open_text("").unwrap();
    let bundle = engine.open_bundle(folder.path()).unwrap();
    engine.publish_one("s", bundle.clone()).unwrap();
    let told = engine.describe(16).unwrap().to_string();
    assert!(told.contains("backend.lock says so"), "{told}");
    let backends: Vec<u16> = bundle.members.iter().map(|member| member.backend.bits()).collect();
    assert_eq!(backends[..2], [2, 1], "lr there, past here");
}

/// Changes a written lock.
fn write(folder: &Path, change: impl FnOnce(&str) -> String) {
    let path = folder.join(LOCK);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, change(&text)).unwrap();
}

/// The lock with other members.
fn lines(text: &str, members: &[&str]) -> String {
    let head = text.split("[members]").next().unwrap();
    format!("{head}[members]\n{}\n", members.join("\n"))
}

#[test]
fn a_lock_that_does_not_fit_is_refused_with_the_remedy() {
    let folder = folder();
    assert!(tune(folder.path(), &[]).status.success());
    let good = std::fs::read_to_string(folder.path().join(LOCK)).unwrap();
    let cases: [(&str, Vec<&str>, Status, &str); 6] = [
        ("", vec!["lr = \"native\"", "gone = \"native\""], Status::Manifest, "gone is no member"),
        ("", vec!["pinned = \"ort\""], Status::Manifest, "pinned has backend = \"native\" in the manifest"),
        ("", vec!["lr = \"rten\""], if cfg!(feature = "rten") { Status::Operator } else { Status::Unsupported }, "rten"),
        ("speed = 3\n", vec!["lr = \"native\""], Status::Manifest, "speed"),
        ("", vec!["lr = \"tvm\""], Status::Manifest, "none of native, ort, rten"),
        ("", vec!["lr = \"native/chain\""], Status::Operator, "trees descend in a chain, and this graph has none"),
    ];
    for (before, members, status, text) in cases {
        std::fs::write(folder.path().join(LOCK), format!("{before}{}", lines(&good, &members))).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.status(), status, "{error}");
        for part in [text, "backend.lock", "model tune", "remove the file"] {
            assert!(error.text().contains(part), "{part}: {error}");
        }
    }
    std::fs::write(folder.path().join(LOCK), good.replace("bundle = \"", "bundle = \"0")).unwrap();
    let other = open(folder.path()).unwrap_err();
    assert_eq!(other.status(), Status::Digest, "{other}");
    std::fs::write(folder.path().join(LOCK), good).unwrap();
    open(folder.path()).unwrap();
}

#[test]
fn a_lock_sends_no_state_down_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let stateful = Member::new("net", Graph::Step("lstm_2.layers")).with("state = \"replay\"");
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = [\"open\", \"close\"], scale = [\"zscore\"] }]".into();
    bundle::write(folder.path(), &Options { features, weights: vec![0.01; 3], members: vec![stateful], ..Options::default() });
    let head = head(&open(folder.path()).unwrap());
    std::fs::write(folder.path().join(LOCK), lines(&head, &["net = \"native/chain\""])).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(error.status() == Status::Operator && error.text().contains("what carries a state has none"), "{error}");
}

/// A lock that stands in the way does not stand in the way of measuring anew.
#[test]
fn tuning_again_replaces_the_lock() {
    let folder = folder();
    std::fs::write(folder.path().join(LOCK), "format = 7\n").unwrap();
    assert!(open(folder.path()).is_err());
    report(&tune(folder.path(), &[]));
    open(folder.path()).unwrap();
}

#[test]
fn the_table_says_losses_plainly() {
    let folder = folder();
    let output = Command::new(env!("CARGO_BIN_EXE_foretick")).args(["model", "tune", "--dry-run", "--calls", "50"]).arg(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("pinned: native, the manifest leaves no choice"), "{text}");
    assert!(text.contains("lr: native, the fixed choice, stays") && text.contains("rten    cannot:"), "{text}");
    assert!(text.contains("nothing was written"), "{text}");
}

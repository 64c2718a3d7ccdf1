//! Bundles that must not serve: damaged, changed or swapped files, manifests with mistakes. The old one keeps serving.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use foretick::config::Backends;
use foretick::engine::TrackId;
use foretick::model::bundle::Bundle;
use foretick::model::manifest::hex;
use foretick::model::watchdog::RunLimit;
use foretick::types::Action;
use foretick::{Result, Status};
use tempfile::TempDir;

use support::bench::{Bench, bar, by_volume};
use support::bundle::{Graph, Member, Options, digest, files, write};

/// Two features with stats, two members.
fn options() -> Options {
    let member = Member::new("second", Graph::Logistic(vec![0.5, -0.5], 0.1));
    Options { members: vec![member], ..Options::default() }
}

/// A folder with a bundle whose files may be changed.
struct Folder(TempDir);

impl Folder {
    fn of(options: &Options) -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        write(folder.path(), options);
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path().join(name), bytes).unwrap();
    }

    /// Changes a file and lets the manifest know its new hash.
    fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let (old, new) = (hex(&digest(&self.read(name))), hex(&digest(bytes.as_ref())));
        self.write(name, bytes);
        self.edit(&old, &new);
    }

    fn edit(&self, from: &str, to: &str) {
        let text = String::from_utf8(self.read("manifest.toml")).unwrap();
        assert!(text.contains(from), "{from} is not in the manifest");
        self.write("manifest.toml", text.replacen(from, to, 1));
    }

    fn open(&self) -> Result<Bundle> {
        Bundle::open_alone(self.path(), &Backends::default())
    }

    #[track_caller]
    fn refused(&self, status: Status, text: &str) {
        let error = self.open().unwrap_err();
        assert!(error.status() == status && error.text().contains(text), "{status:?} with {text}: {error}");
    }
}

#[track_caller]
fn refused(status: Status, text: &str, change: impl FnOnce(&Folder)) {
    let folder = Folder::of(&options());
    folder.open().expect("it was good");
    change(&folder);
    folder.refused(status, text);
}

#[test]
fn files_that_are_changed_missing_or_no_files_are_refused() {
    for name in ["lr.onnx", "second.onnx", "stats.csv", "golden.csv"] {
        refused(Status::Digest, name, |folder| {
            let mut bytes = folder.read(name);
            bytes[0] ^= 1;
            folder.write(name, bytes);
        });
        refused(Status::Io, name, |folder| fs::remove_file(folder.path().join(name)).unwrap());
        refused(Status::Io, name, |folder| {
            fs::remove_file(folder.path().join(name)).unwrap();
            fs::create_dir(folder.path().join(name)).unwrap();
        });
    }
    refused(Status::Io, "manifest.toml", |folder| fs::remove_file(folder.path().join("manifest.toml")).unwrap());
    refused(Status::NotUtf8, "byte 0", |folder| folder.write("manifest.toml", [0xFF]));
    refused(Status::Manifest, "line 1", |folder| folder.write("manifest.toml", "format = = 1"));
    refused(Status::FormatVersion, "format 2", |folder| folder.edit("format = 1", "format = 2"));
}

#[cfg(unix)]
#[test]
fn devices_are_no_files() {
    for name in ["lr.onnx", "manifest.toml"] {
        refused(Status::Io, name, |folder| {
            fs::remove_file(folder.path().join(name)).unwrap();
            std::os::unix::fs::symlink("/dev/null", folder.path().join(name)).unwrap();
        });
    }
}

/// As [`options`], with a meta-model over both.
fn stacked() -> Options {
    let mut options = options();
    options.members.push(Member::over("meta", &["lr.up", "second.up"], &[1.0, 2.0], -1.0));
    options
}

#[test]
fn a_meta_model_is_verified_with_those_that_it_reads() {
    let reads = "reads = [\"lr.up\", \"second.up\"]";
    let folder = Folder::of(&stacked());
    folder.open().expect("it was good");
    folder.edit(reads, "reads = [\"second.up\", \"lr.up\"]");
    folder.refused(Status::Golden, "model meta: golden row 0 gives");
    let folder = Folder::of(&stacked());
    let line = format!("{reads}, form = \"probability\", gives = {{ up = \"probabilities[1]\" }}");
    folder.edit(&line, "reads = [\"lr.up\"], form = \"probability\", gives = { up = \"votes[1]\" }");
    folder.refused(Status::Contract, "the graph reads 2 values, reads names 1");
    folder.refused(Status::Contract, "no output tensor votes");
}

#[test]
fn a_meta_models_golden_value_needs_those_that_it_reads() {
    let folder = Folder::of(&stacked());
    let text = String::from_utf8(folder.read("golden.csv")).unwrap();
    let line = text.lines().nth(1).unwrap();
    let cells: Vec<&str> = line.split(',').collect();
    let without = format!(",{},,,{}", cells[1], cells[4]);
    folder.replace("golden.csv", text.replacen(line, &without, 1));
    folder.refused(Status::Golden, "model meta: 1 golden values stand");
    folder.replace("golden.csv", text.replacen(line, &format!(",{},,,", cells[1]), 1));
    folder.open().expect("nobody checks that row");
}

#[test]
fn every_changed_file_is_named() {
    let folder = Folder::of(&options());
    for name in ["lr.onnx", "second.onnx", "stats.csv", "golden.csv"] {
        folder.write(name, "");
    }
    let error = folder.open().unwrap_err();
    assert!(["lr.onnx", "second.onnx", "stats.csv", "golden.csv"].iter().all(|name| error.text().contains(name)), "{error}");
}

/// Row 13: with the right hash, so that the graph itself is read.
#[test]
fn truncated_empty_and_garbage_models_are_refused() {
    let whole = files(&options()).remove(0).1;
    let garbage: Vec<u8> = (0..997u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [&whole[..0], &whole[..whole.len() / 2], &whole[..whole.len() - 1], &garbage[..], &[0; 64]] {
        refused(Status::Model, "model lr (lr.onnx)", |folder| folder.replace("lr.onnx", bytes));
    }
    for end in 0..whole.len() {
        let folder = Folder::of(&options());
        folder.replace("lr.onnx", &whole[..end]);
        let status = folder.open().unwrap_err().status();
        assert!([Status::Model, Status::Operator, Status::Contract, Status::Golden].contains(&status), "{end}: {status:?}");
    }
}

/// Row 21.
#[test]
fn graphs_that_differ_from_the_manifest_are_refused() {
    let other = |width: usize| support::onnx::logistic(&vec![0.0; width], 0.0);
    refused(Status::Contract, "the graph reads 3 values, the schema gives 2", |folder| folder.replace("lr.onnx", other(3)));
    refused(Status::Contract, "no output tensor p;", |folder| folder.edit("probabilities[1]", "p[1]"));
    refused(Status::Contract, "[2] is not there", |folder| folder.edit("probabilities[1]", "probabilities[2]"));
    refused(Status::Contract, "the schema gives 8", |folder| folder.edit("input = \"row\"", "input = \"window\""));
    refused(Status::Manifest, "must be a tensor with a column", |folder| folder.edit("probabilities[1]", "probabilities"));
    refused(Status::Manifest, "form and the output's unit", |folder| folder.edit("form = \"probability\"", "form = \"value\""));
    let folder = Folder::of(&options());
    folder.replace("lr.onnx", other(3));
    folder.replace("second.onnx", "no graph");
    let error = folder.open().unwrap_err();
    assert!(error.text().contains("lr.onnx") && error.text().contains("second.onnx"), "both are named: {error}");
}

/// Row 24: the hash is right, the numbers are not those of the training library.
#[test]
fn models_with_other_weights_fail_their_golden_rows() {
    for changed in [[4.01, 0.5], [4.0, 0.49], [-4.0, 0.5], [0.0, 0.0]] {
        refused(Status::Golden, "model lr: golden row", |folder| folder.replace("lr.onnx", support::onnx::logistic(&changed, 0.25)));
    }
    for weight in [f32::NAN, f32::INFINITY] {
        refused(Status::Model, "not finite", |folder| folder.replace("lr.onnx", support::onnx::logistic(&[weight, 0.5], 0.25)));
    }
    refused(Status::Golden, "model second: golden row", |folder| {
        let exchanged = [folder.read("second.onnx"), folder.read("lr.onnx")];
        folder.edit(&hex(&digest(&exchanged[0])), &"0".repeat(64));
        folder.edit(&hex(&digest(&exchanged[1])), &hex(&digest(&exchanged[0])));
        folder.edit(&"0".repeat(64), &hex(&digest(&exchanged[1])));
        folder.write("lr.onnx", &exchanged[0]);
        folder.write("second.onnx", &exchanged[1]);
    });
}

#[test]
fn golden_rows_must_be_complete() {
    let text = |folder: &Folder| String::from_utf8(folder.read("golden.csv")).unwrap();
    let lines = |folder: &Folder, keep: usize| text(folder).lines().take(keep).map(|line| format!("{line}\n")).collect::<String>();
    refused(Status::Manifest, "the manifest says 8 rows, the file has 7", |folder| folder.replace("golden.csv", lines(folder, 8)));
    refused(Status::Manifest, "line 1: the columns must be momentum_1,volume,lr.up,second.up", |folder| {
        folder.replace("golden.csv", text(folder).replacen("lr.up", "lr.down", 1))
    });
    refused(Status::Manifest, "line 1", |folder| folder.replace("golden.csv", ""));
    refused(Status::Manifest, "line 3", |folder| folder.replace("golden.csv", lines(folder, 2) + "1,2,0.5\n"));
    for cell in ["NaN", "inf", "1e400", "x"] {
        refused(Status::Manifest, "a finite number expected", |folder| folder.replace("golden.csv", lines(folder, 8) + &format!("{cell},0,0.5,0.5\n")));
    }
    let bare =
        |folder: &Folder| text(folder).lines().enumerate().map(|(n, line)| if n == 0 { format!("{line}\n") } else { "0,0,,0.5\n".into() }).collect::<String>();
    refused(Status::Golden, "model lr: no golden row checks probabilities[1]", |folder| folder.replace("golden.csv", bare(folder)));
    refused(Status::Golden, "beside missing inputs", |folder| folder.replace("golden.csv", lines(folder, 8) + ",0,0.5,0.5\n"));
}

#[test]
fn stats_must_be_those_of_the_schema() {
    let text = |folder: &Folder| String::from_utf8(folder.read("stats.csv")).unwrap();
    let with = |folder: &Folder, from: &str, to: &str| folder.replace("stats.csv", text(folder).replacen(from, to, 1));
    refused(Status::Manifest, "line 2: feature momentum_1 expected", |folder| {
        let mut lines: Vec<String> = text(folder).lines().map(str::to_owned).collect();
        lines.swap(1, 2);
        folder.replace("stats.csv", lines.join("\n") + "\n");
    });
    refused(Status::Manifest, "2 features expected, found 1", |folder| {
        let shorter: Vec<String> = text(folder).lines().take(2).map(str::to_owned).collect();
        folder.replace("stats.csv", shorter.join("\n"));
    });
    refused(Status::Manifest, "line 4: feature (none) expected", |folder| folder.replace("stats.csv", text(folder) + "volume,0,1,-1,1,-1,1\n"));
    refused(Status::Manifest, "line 1: the columns must be", |folder| with(folder, "std", "deviation"));
    for (from, to) in [("volume,0,1,", "volume,0,-1,"), ("volume,0,1,-1,1", "volume,0,1,2,1"), ("volume,0", "volume,NaN"), ("volume,0,1,-1,1", "volume,0,1,-1")]
    {
        refused(Status::Manifest, "line 3", |folder| with(folder, from, to));
    }
    refused(Status::Manifest, "schema: the manifest says hash", |folder| with(folder, "volume,0,1,", "volume,0,2,"));
}

#[test]
fn a_schema_that_differs_from_its_hash_is_refused() {
    for (from, to) in [("rows = 4", "rows = 5"), ("interval_ms = 60_000", "interval_ms = 30_000"), ("[\"zscore\"]", "[\"minmax\"]")] {
        refused(Status::Manifest, "its content has", |folder| folder.edit(from, to));
    }
    refused(Status::Manifest, "line 20: schema.hash: must be 64 hex digits", |folder| folder.edit("hash = \"sha256:", "hash = \"sha256:0"));
}

#[test]
fn names_that_leave_the_folder_and_files_listed_twice_are_refused() {
    for name in ["../lr.onnx", "/etc/passwd", "a/b.onnx", "..", ".hidden", "", "a\\\\b"] {
        refused(Status::Manifest, "must be a plain name inside the bundle's folder", |folder| folder.edit("file = \"lr.onnx\"", &format!("file = \"{name}\"")));
        refused(Status::Manifest, "golden.file", |folder| folder.edit("file = \"golden.csv\"", &format!("file = \"{name}\"")));
    }
    refused(Status::Manifest, "file second.onnx is listed twice", |folder| folder.edit("file = \"lr.onnx\"", "file = \"second.onnx\""));
}

/// A bench whose slot `s` serves a good bundle.
fn serving() -> (Bench, TrackId) {
    Bench::start(&by_volume())
}

#[test]
fn the_old_bundle_keeps_serving_after_every_failure() {
    let (mut bench, track) = serving();
    let faults: [fn(&Folder); 7] = [
        |folder| folder.write("lr.onnx", ""),
        |folder| folder.replace("lr.onnx", ""),
        |folder| folder.replace("lr.onnx", support::onnx::logistic(&[0.0; 9], 0.0)),
        |folder| folder.replace("lr.onnx", support::onnx::logistic(&[9.0], 0.0)),
        |folder| folder.edit("rows = 4", "rows = 5"),
        |folder| folder.edit("[policy]", "[politics]"),
        |folder| fs::remove_file(folder.path().join("golden.csv")).unwrap(),
    ];
    for (minute, fault) in faults.into_iter().enumerate() {
        let folder = Folder::of(&Options { version: 2, ..by_volume() });
        fault(&folder);
        let published = bench.engine.open_bundle(folder.path()).and_then(|bundle| bench.engine.publish_one("s", bundle));
        assert!(published.is_err());
        let p = bench.decide(track, &bar(bench.stream, minute as i64, 2.0));
        assert_eq!((p.generation, p.action(), p.reasons), (1, Action::Buy, 0));
    }
}

/// Row 23: what was read is ours.
#[test]
fn files_that_change_after_opening_change_nothing() {
    let (mut bench, _) = serving();
    let folder = Folder::of(&by_volume());
    let bundle = bench.engine.open_bundle(folder.path()).unwrap();
    bench.engine.publish_one("t", bundle).unwrap();
    let track = bench.lane.open_track("t", &[bench.stream], 0).unwrap();
    let before = bench.decide(track, &bar(bench.stream, 0, 1.7));
    for (round, name) in ["lr.onnx", "stats.csv", "golden.csv", "manifest.toml"].into_iter().cycle().take(40).enumerate() {
        let file = fs::OpenOptions::new().write(true).open(folder.path().join(name)).unwrap();
        file.set_len((round % 7) as u64 * 10).unwrap();
        folder.write(name, vec![round as u8; 5_000 * (round % 3)]);
        let p = bench.decide(track, &bar(bench.stream, round as i64 + 1, 1.7));
        assert_eq!((p.value.to_bits(), p.reasons), (before.value.to_bits(), 0));
    }
}

/// Row 22: files are exchanged while bundles are opened. What opens is one of the two, whole.
#[test]
fn files_renamed_while_opening_never_mix() {
    let versions = [0.25f32, -0.25].map(|bias| Folder::of(&Options { bias, ..Options::default() }));
    let whole = versions.each_ref().map(|version| (version.open().unwrap().digest, at_zero(&version.open().unwrap())));
    for names in [&["lr.onnx"][..], &["lr.onnx", "golden.csv", "manifest.toml"]] {
        let folder = Folder::of(&Options { bias: 0.25, ..Options::default() });
        let results = while_exchanging(&folder, &versions, names);
        let mut opened = 0;
        for result in &results {
            match result {
                Ok(bundle) => assert!(whole.contains(&(bundle.digest, at_zero(bundle))), "a model of another manifest"),
                Err(error) => assert!([Status::Digest, Status::Io].contains(&error.status()), "{error}"),
            }
            opened += usize::from(result.is_ok());
        }
        assert!(opened > 0 && opened < results.len(), "{opened} of {} opened: the exchange and the opening overlap", results.len());
    }
}

/// Opens a folder many times while another thread exchanges the files by those of two versions in turn.
fn while_exchanging(folder: &Folder, versions: &[Folder; 2], names: &[&str]) -> Vec<Result<Bundle>> {
    let done = AtomicBool::new(false);
    let exchange = || {
        for round in 1.. {
            for name in names {
                fs::hard_link(versions[round % 2].path().join(name), folder.path().join("next")).unwrap();
                fs::rename(folder.path().join("next"), folder.path().join(name)).unwrap();
            }
            if done.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(exchange);
        let (mut results, mut opened) = (Vec::new(), 0);
        // On a busy machine the other thread may come late: go on until both outcomes were seen.
        while results.len() < 2_000 || (results.len() < 100_000 && (opened == 0 || opened == results.len())) {
            results.push(folder.open());
            opened += results.last().map_or(0, |result| usize::from(result.is_ok()));
        }
        done.store(true, Ordering::Relaxed);
        results
    })
}

/// What the first member gives for a row of zeros.
fn at_zero(bundle: &Bundle) -> [u32; 2] {
    let (backend, mut out) = (&bundle.members[0].backend, [0.0; 2]);
    backend.clone().instance(&RunLimit::none()).and_then(|mut instance| instance.run(&[0.0; 2], &mut out)).unwrap();
    out.map(f32::to_bits)
}

//! What reads bytes of others: graphs, manifests, options, recorded tables. Each answers an error with a text or what it has
//! read; a panic, an endless run or a large allocation is a finding.

use std::path::PathBuf;
use std::sync::LazyLock;

use foretick::config::{EngineConfig, LaneOptions, StreamOptions};
use foretick::model::manifest::Manifest;
use foretick::model::native;
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;
use foretick::source::{Item, Options, Recording};
use foretick::{Error, Result, Status};

/// An error that says something, and not that the fault is ours.
fn told<T>(result: Result<T>, among: &[Status]) -> Option<T> {
    let fault = |error: &Error| error.text().is_empty() || !among.contains(&error.status());
    match result {
        Err(error) if fault(&error) => panic!("{:?}: {error}", error.status()),
        result => result.ok(),
    }
}

/// A graph's file: refused, or compiled and run, twice with the same bits.
pub fn graph(bytes: &[u8]) {
    let refusals = [Status::Model, Status::Operator, Status::ExternalData, Status::Contract, Status::Limit];
    let Some(graph) = told(Graph::parse(bytes), &refusals) else { return };
    let _ = told(native::compile(&graph, Some(&[60, 4])), &refusals);
    let Some(backend) = told(native::compile(&graph, None), &refusals) else { return };
    let mut instance = backend.clone().instance(&RunLimit::none()).expect("native instances are always made");
    for value in [0.25, f32::NAN] {
        let input = vec![value; backend.input_width()];
        let mut outs = [vec![1.0; backend.output_width()], vec![2.0; backend.output_width()]];
        outs.iter_mut().for_each(|out| instance.run(&input, out).expect("native runs never fail"));
        let [first, second] = outs.map(|out| out.into_iter().map(f32::to_bits).collect::<Vec<_>>());
        assert_eq!(first, second, "the same row gives the same bits");
    }
}

/// A manifest's text.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(manifest) = told(Manifest::parse(text), &[Status::Manifest, Status::FormatVersion]) {
        assert!(!manifest.title().is_empty() && !manifest.members.is_empty() && !manifest.schema.features.is_empty());
        assert_eq!(manifest.schema.hash(), manifest.schema.hash());
    }
}

/// Options of engines, streams and lanes.
pub fn options(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let refusals = [Status::ConfigSyntax, Status::ConfigKey, Status::ConfigValue];
    let all = [EngineConfig::parse(text).err(), StreamOptions::parse(text).err(), LaneOptions::parse(text).err()];
    for error in all.into_iter().flatten() {
        assert!(refusals.contains(&error.status()) && error.text().contains("line "), "{:?}: {error}", error.status());
    }
}

/// A folder for one file; each process has its own.
static TABLE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test_AAA.csv");
    (folder, path)
});

/// A recorded table: its rows are given or refused by their lines, which only grow.
pub fn table(bytes: &[u8]) {
    let path = &TABLE.1;
    std::fs::write(path, bytes).expect("the folder can be written");
    let options = Options { stream: Some("test:A".into()), interval_ns: bytes.len().is_multiple_of(2).then_some(60_000_000_000), ..Options::default() };
    let refusals = [Status::Corrupt, Status::Unsupported, Status::Io, Status::InvalidArgument, Status::NotFound, Status::Contract];
    let Some(mut recording) = told(Recording::open(std::slice::from_ref(path), &options), &refusals) else { return };
    let mut newest_line = 0;
    // A file that breaks off ends its stream; the call after goes on.
    for _ in 0..=bytes.len() + 2 {
        match told(recording.next(), &refusals) {
            Some(None) => return,
            Some(Some(Item::Refused { row, .. })) => {
                assert!(row.line > newest_line && !row.reason.is_empty(), "{row}");
                newest_line = row.line;
            }
            Some(Some(Item::Event { event, .. })) => assert!(!event.slots().is_empty()),
            _ => {}
        }
    }
    panic!("more items than bytes");
}

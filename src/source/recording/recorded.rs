//! The recorded files, row for row against their manifest. Skipped without `FORETICK_DATA`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;

fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("FORETICK_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: FORETICK_DATA is not set");
    }
    folder
}

/// Rows of every table of the manifest, by path.
fn manifest(data: &Path) -> BTreeMap<PathBuf, u64> {
    let text = std::fs::read_to_string(data.join("MANIFEST.csv")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split(',');
        (data.join(cells.next().unwrap()), cells.next().unwrap().parse().unwrap())
    };
    text.lines().skip(1).map(row).collect()
}

/// The folders of tables that have readers.
fn folders(data: &Path) -> Vec<PathBuf> {
    let inner = |kind: &str| std::fs::read_dir(data.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut folders: Vec<PathBuf> = ["candles", "bars", "l2"].iter().flat_map(|kind| inner(kind)).collect();
    folders.push(data.join("trades"));
    folders.sort();
    folders
}

/// Reads all of it: rows given, rows refused, ends; known times must not go back.
fn read(recording: &mut Recording) -> (u64, Vec<String>, usize) {
    let (mut rows, mut refused, mut ends, mut last) = (0, Vec::new(), 0, i64::MIN);
    while let Some(item) = recording.next().unwrap() {
        let known_ns = match &item {
            Item::Event { event, .. } => event.known_ns(),
            Item::Refused { known_ns, .. } => known_ns.unwrap_or(last),
            Item::End { last_known_ns, .. } => *last_known_ns,
        };
        assert!(known_ns >= last, "{item:?} after {last}");
        last = known_ns;
        match item {
            Item::Event { .. } => rows += 1,
            Item::Refused { row, .. } => refused.push(row.to_string()),
            Item::End { .. } => ends += 1,
        }
    }
    (rows, refused, ends)
}

#[test]
fn every_recorded_row_is_read() {
    let Some(data) = data() else { return };
    let manifest = manifest(&data);
    for folder in folders(&data) {
        let mut recording = Recording::open(std::slice::from_ref(&folder), &Options::default()).unwrap();
        let begun = Instant::now();
        let (rows, refused, ends) = read(&mut recording);
        let expected: u64 = recording.streams().iter().flat_map(|stream| &stream.files).map(|file| manifest[file]).sum();
        println!("{}: {rows} rows, {:.0} a second", folder.display(), rows as f64 / begun.elapsed().as_secs_f64());
        assert_eq!((rows, refused, ends), (expected, Vec::new(), recording.streams().len()), "{}", folder.display());
        let progress = recording.progress();
        assert_eq!((progress.rows, progress.bytes_read), (rows, progress.bytes_total));
    }
}

#[test]
fn recorded_files_are_all_read_or_named_as_skipped() {
    let Some(data) = data() else { return };
    let tables: Vec<PathBuf> = manifest(&data).into_keys().filter(|path| path.to_string_lossy().ends_with(".csv.gz")).collect();
    let recording = Recording::open(&tables, &Options::default()).unwrap();
    let read: usize = recording.streams().iter().map(|stream| stream.files.len()).sum();
    assert_eq!(read + recording.skipped().len(), tables.len());
    for (path, why) in recording.skipped() {
        assert!(why.starts_with("no reader yet"), "{}: {why}", path.display());
    }
    for stream in recording.streams() {
        println!("{}: {:?}, takers {}, {} files", stream.name, stream.kinds, stream.taker_known, stream.files.len());
    }
}

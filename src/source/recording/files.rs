//! Which files a list of paths means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Status};

/// The files of a list, sorted by path, and what of its folders is left out.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) found: Vec<PathBuf>,
    pub(super) skipped: Vec<(PathBuf, String)>,
}

/// Files as named, folders as the tables in them. A file that is named twice is taken once.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Files> {
    let mut files = Files::default();
    for path in paths {
        add(path, &mut files).map_err(|error| Error::new(status(&error), format!("{}: {error}", path.display())))?;
    }
    files.found.sort();
    files.found = without_repeats(files.found);
    files.skipped.sort();
    files.skipped.dedup();
    Ok(files)
}

fn status(error: &std::io::Error) -> Status {
    if error.kind() == std::io::ErrorKind::NotFound { Status::NotFound } else { Status::Io }
}

fn add(path: &Path, files: &mut Files) -> std::io::Result<()> {
    if !std::fs::metadata(path)?.is_dir() {
        files.found.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        sort_out(entry?.path(), files);
    }
    Ok(())
}

fn sort_out(path: PathBuf, files: &mut Files) {
    if path.is_dir() {
        files.skipped.push((path, "a folder within a folder; name it to read it".to_owned()));
    } else if is_table(&path) {
        files.found.push(path);
    } else {
        files.skipped.push((path, "neither .csv nor .csv.gz".to_owned()));
    }
}

fn is_table(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    !name.starts_with('.') && (name.ends_with(".csv") || name.ends_with(".csv.gz"))
}

/// A folder and a file in it, or a link and its target, must not give every event twice.
fn without_repeats(found: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeMap::new();
    for path in found {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        seen.entry(real).or_insert(path);
    }
    let mut found: Vec<PathBuf> = seen.into_values().collect();
    found.sort();
    found
}

//! Where the file of ONNX Runtime's library is looked for: a fixed order, so that two starts do not differ.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, Status};

/// How to get the library, for messages.
pub const HOW_TO_GET: &str = "install it with `pip install onnxruntime` and name its capi/libonnxruntime.so.* in models.ort_library (command: --ort-library) or ORT_DYLIB_PATH, or put that file beside foretick's own";

/// Whether anybody names the library: one that is named and missing is a fault, not an absence.
#[must_use]
pub fn is_named(configured: Option<&Path>) -> bool {
    configured.is_some() || from_environment().is_some()
}

fn from_environment() -> Option<PathBuf> {
    std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The file to load: what the configuration names, else `ORT_DYLIB_PATH`, else the one beside our own library or program.
/// A place that is named is not passed over, even when nothing is there.
///
/// # Errors
/// `RUNTIME_MISSING` with the places that were looked at and how to get the library.
pub fn find(configured: Option<&Path>) -> Result<PathBuf> {
    let named = configured.map(|path| (path.to_owned(), "models.ort_library")).or_else(|| from_environment().map(|path| (path, "ORT_DYLIB_PATH")));
    match named {
        // A name without a folder would be looked up by the loader, which finds another file on another machine.
        Some((path, key)) if path.is_dir() => newest_in(&path).ok_or_else(|| missing(&format!("{key} names {}, where no {STEM}* is", path.display()))),
        Some((path, _)) if path.is_file() => Ok(path),
        Some((path, key)) => Err(missing(&format!("{key} names {}, which is no file", path.display()))),
        None => beside_us(),
    }
}

const STEM: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

fn beside_us() -> Result<PathBuf> {
    let Some(folder) = our_file().and_then(|file| file.parent().map(Path::to_owned)) else {
        return Err(missing("models.ort_library and ORT_DYLIB_PATH name none, and the folder of foretick's own file is not known"));
    };
    newest_in(&folder).ok_or_else(|| missing(&format!("models.ort_library and ORT_DYLIB_PATH name none, and no {STEM}* is in {}", folder.display())))
}

/// The plain name, else the last of those with a version.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(STEM);
    if plain.is_file() {
        return Some(plain);
    }
    let entries = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut versioned: Vec<PathBuf> = entries.filter(|path| version(path).is_some()).collect();
    versioned.sort_by_key(|path| version(path));
    versioned.pop()
}

/// The numbers of `libonnxruntime.so.1.31.1`.
fn version(path: &Path) -> Option<Vec<u64>> {
    let numbers = path.file_name()?.to_str()?.strip_prefix(STEM)?.strip_prefix('.')?;
    numbers.split('.').map(|number| number.parse().ok()).collect()
}

/// The file that holds this code: our shared library, or the program that we are linked into.
fn our_file() -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    if let Some(file) = std::fs::read_to_string("/proc/self/maps").ok().and_then(|maps| file_at(&maps, our_file as *const () as usize)) {
        return Some(file);
    }
    std::env::current_exe().ok()
}

/// The mapped file that an address lies in.
#[cfg(any(target_os = "linux", test))]
fn file_at(maps: &str, address: usize) -> Option<PathBuf> {
    let line = maps.lines().find(|line| {
        let range = line.split_whitespace().next().and_then(|range| range.split_once('-'));
        let ends = range.and_then(|(from, to)| Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?)));
        ends.is_some_and(|(from, to)| (from..to).contains(&address))
    })?;
    line.find('/').map(|at| PathBuf::from(&line[at..]))
}

fn missing(what: &str) -> Error {
    Error::new(Status::RuntimeMissing, format!("ONNX Runtime: {what}; {HOW_TO_GET}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_name_wins_then_the_highest_version() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        assert_eq!(newest_in(folder.path()), None);
        ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime.so.1", "libonnxruntime_providers_shared.so", "libonnxruntime.so.old"]
            .iter()
            .for_each(|name| put(name));
        assert_eq!(newest_in(folder.path()), Some(folder.path().join("libonnxruntime.so.1.31.1")));
        put(STEM);
        assert_eq!(newest_in(folder.path()), Some(folder.path().join(STEM)));
    }

    #[test]
    fn a_named_place_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("libonnxruntime.so")] {
            let error = find(Some(&path)).unwrap_err();
            assert_eq!(error.status(), Status::RuntimeMissing);
            assert!(error.text().contains("models.ort_library names") && error.text().contains("pip install onnxruntime"), "{error}");
        }
    }

    #[test]
    fn an_address_is_found_in_its_file() {
        let maps = "1000-2000 r-xp 0 08:01 5 /a/first.so\n2000-3000 r-xp 0 08:01 6   /a folder/second.so\n4000-5000 rw-p 0 0 0\n";
        assert_eq!(file_at(maps, 0x2fff), Some(PathBuf::from("/a folder/second.so")));
        assert_eq!((file_at(maps, 0x3000), file_at(maps, 0x4800)), (None, None));
        assert!(our_file().is_some_and(|file| file.is_file()));
    }
}

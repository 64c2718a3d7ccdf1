//! Files that the command writes and folders that it finds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use foretick::config::Backends;
use foretick::model::bundle::Bundle;
use foretick::{Error, Result, Status};

/// An error that names the file.
pub fn io_error(path: &Path, error: &io::Error) -> Error {
    let status = if error.kind() == io::ErrorKind::StorageFull { Status::DiskFull } else { Status::Io };
    Error::new(status, format!("{}: {error}", path.display()))
}

/// A file under a temporary name, renamed when it is complete and removed when it is not. What exists
/// and is no plain file (a pipe, a device) is written to as it is.
pub struct Output {
    path: PathBuf,
    temporary: Option<PathBuf>,
    writer: Option<BufWriter<File>>,
}

impl Output {
    /// Starts a file beside its final name; a link is followed.
    pub fn create(path: &Path) -> Result<Output> {
        if path.as_os_str() == "-" {
            return Err(Error::new(Status::InvalidArgument, "- is no file; predictions go to standard output without --out"));
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let wrong = |error: io::Error| io_error(&path, &error);
        let known = std::fs::metadata(&path).ok();
        if known.as_ref().is_some_and(|known| !known.is_file()) {
            let file = File::options().write(true).open(&path).map_err(wrong)?;
            return Ok(Output { path, temporary: None, writer: Some(BufWriter::with_capacity(1 << 16, file)) });
        }
        let name = path.file_name().ok_or_else(|| Error::new(Status::InvalidArgument, format!("{} names no file", path.display())))?;
        let temporary = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let file = File::create(&temporary).map_err(wrong)?;
        if let Some(known) = known {
            file.set_permissions(known.permissions()).map_err(wrong)?;
        }
        Ok(Output { path, temporary: Some(temporary), writer: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// Writes text.
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.write_bytes(text.as_bytes())
    }

    /// Writes bytes.
    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write_all(bytes).map_err(|error| io_error(&self.path, &error))
    }

    /// Gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let flushed = writer.into_inner().map_err(io::IntoInnerError::into_error);
        let done = flushed.and_then(|file| match &self.temporary {
            Some(temporary) => file.sync_all().and_then(|()| std::fs::rename(temporary, &self.path)),
            None => Ok(()),
        });
        done.map_err(|error| {
            self.remove();
            io_error(&self.path, &error)
        })
    }

    /// The run failed and says why; a part that cannot be removed is no further news.
    fn remove(&self) {
        if let Some(temporary) = &self.temporary {
            let _ = std::fs::remove_file(temporary);
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            self.remove();
        }
    }
}

/// Refuses outputs that would overwrite an input or each other.
pub fn check_outputs(outputs: &[&Path], inputs: &[PathBuf]) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for (index, output) in outputs.iter().enumerate() {
        let what = if inputs.iter().any(|input| real(input) == real(output)) {
            "an input"
        } else if outputs[..index].iter().any(|other| real(other) == real(output)) {
            "another output"
        } else {
            continue;
        };
        return Err(Error::new(Status::InvalidArgument, format!("{} is {what} too: name another file", output.display())));
    }
    Ok(())
}

/// A bundle's folder: the path itself, or its highest version (`v1`, `v2`, ...) when it is a name's folder.
pub fn locate_bundle(path: &Path) -> Result<PathBuf> {
    if path.join("manifest.toml").is_file() {
        return Ok(path.to_owned());
    }
    let entries = std::fs::read_dir(path).map_err(|error| io_error(path, &error))?;
    let version = |folder: &Path| folder.file_name()?.to_str()?.strip_prefix('v')?.parse::<u64>().ok();
    let folders = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|folder| folder.join("manifest.toml").is_file());
    let newest = folders.filter_map(|folder| version(&folder).map(|version| (version, folder))).max();
    newest.map(|(_, folder)| folder).ok_or_else(|| {
        Error::new(Status::NotFound, format!("{}: no manifest.toml here and none in folders v1, v2, ...; name a bundle's folder", path.display()))
    })
}

/// Folder of the bundle `sim`: the one that was named, else `models/sim` here, else that of the checkout that the command was built in.
pub fn sim_folder(named: Option<&Path>) -> PathBuf {
    if let Some(folder) = named {
        return folder.to_owned();
    }
    let here = PathBuf::from("models/sim");
    if locate_bundle(&here).is_ok() {
        return here;
    }
    let built = std::env::current_exe().ok().and_then(|exe| Some(exe.ancestors().nth(3)?.join("models/sim")));
    built.filter(|folder| locate_bundle(folder).is_ok()).unwrap_or(here)
}

/// Reads and verifies a bundle, by its folder or its name's folder.
pub fn open_bundle(path: &Path) -> Result<Bundle> {
    Bundle::open_alone(&locate_bundle(path)?, &Backends::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_folder_means_its_highest_version() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["v2", "v10", "v9x", "v11"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            if version != "v11" {
                std::fs::write(folder.path().join(version).join("manifest.toml"), "").unwrap();
            }
        }
        assert_eq!(locate_bundle(folder.path()).unwrap(), folder.path().join("v10"));
        assert_eq!(locate_bundle(&folder.path().join("v2")).unwrap(), folder.path().join("v2"));
        assert_eq!(locate_bundle(&folder.path().join("v11")).unwrap_err().status(), Status::NotFound);
    }

    #[test]
    fn a_file_has_its_name_only_when_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        let mut output = Output::create(&path).unwrap();
        output.write("a").unwrap();
        drop(output);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut output = Output::create(&path).unwrap();
        output.write("b").unwrap();
        output.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b");
    }
}

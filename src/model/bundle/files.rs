//! The files of a bundle, each read once: the bytes that are hashed are those that are used.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::all;
use crate::error::{Error, Result, Status};
use crate::model::manifest::{FileRef, Manifest, hex};

/// Most bytes of one file of a bundle.
const FILE_MOST: u64 = 1 << 30;

/// What a manifest lists.
pub(super) struct Files {
    /// By number of the member.
    pub(super) models: Vec<Vec<u8>>,
    pub(super) stats: Option<Vec<u8>>,
    pub(super) golden: Vec<u8>,
}

/// Every file that the manifest lists.
pub(super) fn read_listed(folder: &Path, manifest: &Manifest) -> Result<Files> {
    let listed = manifest.members.iter().map(|member| &member.file).chain(&manifest.stats).chain([&manifest.golden.0]);
    let mut seen = BTreeSet::new();
    let listed: Vec<&FileRef> = listed.collect();
    if let Some(twice) = listed.iter().find(|file| !seen.insert(&file.file)) {
        return Err(Error::new(Status::Manifest, format!("file {} is listed twice", twice.file)));
    }
    let mut bytes = all(listed.iter().map(|file| read_verified(folder, file)), "files of the bundle")?;
    let golden = bytes.pop().unwrap_or_default();
    let stats = manifest.stats.is_some().then(|| bytes.pop()).flatten();
    Ok(Files { models: bytes, stats, golden })
}

/// A file with the hash that it must have.
pub(in crate::model) fn read_verified(folder: &Path, file: &FileRef) -> Result<Vec<u8>> {
    let bytes = read_file(folder, &file.file)?;
    let found: [u8; 32] = Sha256::digest(&bytes).into();
    if found != file.sha256 {
        let text = format!("{}: SHA-256 is {}, the manifest says {}: the file was changed or is another version", file.file, hex(&found), hex(&file.sha256));
        return Err(Error::new(Status::Digest, text));
    }
    Ok(bytes)
}

/// A file of the bundle's folder.
pub(in crate::model) fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let io = |error: std::io::Error| Error::new(Status::Io, format!("{}: {error}", path.display()));
    let refuse = |what: &str| Err(Error::new(Status::Io, format!("{}: {what}", path.display())));
    let found = std::fs::metadata(&path).map_err(io)?;
    if !found.is_file() || found.len() > FILE_MOST {
        return refuse(&format!("must be a plain file of at most {FILE_MOST} bytes"));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    // The file may have been exchanged since: what is read is bounded all the same.
    std::fs::File::open(&path).map_err(io)?.take(FILE_MOST + 1).read_to_end(&mut bytes).map_err(io)?;
    match bytes.len() as u64 > FILE_MOST {
        true => refuse(&format!("a bundle's file has at most {FILE_MOST} bytes")),
        false => Ok(bytes),
    }
}

//! The physical lines of a file, plain or gzip, with their numbers.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result, Status};

const BUFFER_BYTES: usize = 64 * 1024;
/// No row of any schema comes near; a file without line ends must not fill the memory.
const LONGEST_LINE: usize = 64 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads one non-blank line at a time into a buffer of its own.
pub(super) struct Lines {
    path: PathBuf,
    input: BufReader<Box<dyn Read + Send>>,
    line: Vec<u8>,
    number: u64,
    bytes_read: Arc<AtomicU64>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Lines> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let input = open(path, &bytes_read).map_err(|error| Error::new(Status::Io, format!("{}: {error}", path.display())))?;
        let input = BufReader::with_capacity(BUFFER_BYTES, input);
        Ok(Lines { path: path.to_owned(), input, line: Vec::new(), number: 0, bytes_read })
    }

    /// Goes to the next line that is not blank; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool> {
        while self.read()? {
            if !self.line.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line without its end.
    pub(super) fn text(&self) -> &[u8] {
        &self.line
    }

    /// Its number in the file, from 1, blank lines counted.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes taken from the disk so far, as stored.
    pub(super) fn bytes_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_read)
    }

    fn read(&mut self) -> Result<bool> {
        self.line.clear();
        let limit = LONGEST_LINE as u64 + 1;
        let taken = (&mut self.input).take(limit).read_until(b'\n', &mut self.line);
        let taken = taken.map_err(|error| self.broken(&error))?;
        if taken > LONGEST_LINE {
            return Err(self.fault(&format!("the next line is longer than {LONGEST_LINE} bytes: no table of ours")));
        }
        self.number += u64::from(taken > 0);
        cut_end(&mut self.line);
        Ok(taken > 0)
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.fault("the gzip data ends early, the file is truncated"),
            ErrorKind::InvalidData | ErrorKind::InvalidInput => self.fault(&format!("the gzip data is damaged ({error})")),
            _ => Error::new(Status::Io, format!("{}: after line {}: {error}", self.path.display(), self.number)),
        }
    }

    fn fault(&self, what: &str) -> Error {
        Error::new(Status::Corrupt, format!("{}: after line {}: {what}", self.path.display(), self.number))
    }
}

/// Cuts `\n` or `\r\n`.
fn cut_end(line: &mut Vec<u8>) {
    for end in [b'\n', b'\r'] {
        if line.last() == Some(&end) {
            line.pop();
        }
    }
}

/// The content tells gzip from plain, not the name: either may be misnamed.
fn open(path: &Path, bytes_read: &Arc<AtomicU64>) -> std::io::Result<Box<dyn Read + Send>> {
    let file = Counted { file: File::open(path)?, bytes_read: Arc::clone(bytes_read) };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, file);
    let zipped = file.fill_buf()?.starts_with(&GZIP_MAGIC);
    Ok(if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// A file that counts what was read of it.
struct Counted {
    file: File,
    bytes_read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let taken = self.file.read(buffer)?;
        self.bytes_read.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }
}

//! What stands around a snapshot's body: 24 bytes before it, a SHA-256 of all that after it.
//!
//! | offset | type | field |
//! |---:|---|---|
//! | 0 | u8\[8\] | `ftk-lane` |
//! | 8 | u32 | format version |
//! | 12 | u32 | 0 |
//! | 16 | u64 | length of the whole, bytes |
//! | 24 | | body |
//! | length - 32 | u8\[32\] | SHA-256 of everything before |

use sha2::{Digest, Sha256};

use crate::error::{Error, Result, Status};

/// The version that this build writes and reads. The lists of the states are the format: whoever changes one counts on here.
pub const FORMAT: u32 = 2;

const MAGIC: [u8; 8] = *b"ftk-lane";
const HEAD: usize = 24;
const SUM: usize = 32;

/// Bytes of a snapshot with a body of so many.
pub fn length(body: usize) -> usize {
    HEAD + body + SUM
}

/// Wraps the body that `write` puts into the middle of `snapshot`, all of which is the snapshot.
pub fn seal(snapshot: &mut [u8], write: impl FnOnce(&mut [u8])) {
    let (length, end) = (snapshot.len() as u64, snapshot.len() - SUM);
    let (rest, sum) = snapshot.split_at_mut(end);
    rest[..8].copy_from_slice(&MAGIC);
    rest[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    rest[12..16].fill(0);
    rest[16..HEAD].copy_from_slice(&length.to_le_bytes());
    write(&mut rest[HEAD..]);
    sum.copy_from_slice(&Sha256::digest(rest));
}

/// The body of a snapshot.
///
/// # Errors
/// `FORMAT_VERSION` for another format, `CORRUPT` with what is damaged.
pub fn open(snapshot: &[u8]) -> Result<&[u8]> {
    let Some((head, rest)) = snapshot.split_first_chunk::<HEAD>() else {
        return Err(corrupt(format!("it ends at byte {}, inside its head of {HEAD}", snapshot.len())));
    };
    let word = |at: usize| u64::from(head[at]) | u64::from(head[at + 1]) << 8 | u64::from(head[at + 2]) << 16 | u64::from(head[at + 3]) << 24;
    let (format, length) = (word(8), word(16) | word(20) << 32);
    if head[..8] != MAGIC {
        return Err(corrupt("bytes 0 to 7 are not those of a lane's snapshot".into()));
    }
    if format == 0 || word(12) != 0 {
        return Err(corrupt(format!("bytes 8 to 15 say format {format} and {}; there is no such format", word(12))));
    }
    if format != u64::from(FORMAT) {
        let text = format!("the snapshot has format {format}, this build reads {FORMAT}: restore it with the foretick that wrote it, or warm the lane");
        return Err(Error::new(Status::FormatVersion, text));
    }
    if length != snapshot.len() as u64 || rest.len() < SUM {
        return Err(corrupt(format!("it has {} bytes and says {length}", snapshot.len())));
    }
    let (body, sum) = rest.split_at(rest.len() - SUM);
    match Sha256::digest(&snapshot[..HEAD + body.len()])[..] == *sum {
        true => Ok(body),
        false => Err(corrupt(format!("the SHA-256 in its last {SUM} bytes is not that of the {} before", HEAD + body.len()))),
    }
}

fn corrupt(what: String) -> Error {
    Error::new(Status::Corrupt, format!("the snapshot is damaged: {what}"))
}

//! Rows that foretick has written as NumPy stores them: little-endian f32 in two dimensions.

use std::path::Path;

use crate::Result;

/// Bytes before the header: six of magic, two of version, two of the header's length.
const PREFIX: usize = 10;

/// The values of the first `count` rows, one row behind the other.
pub fn rows(path: &Path, count: usize) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let wrong = || format!("{} is no file of rows", path.display());
    let length = bytes.get(8..PREFIX).map(|length| u16::from_le_bytes([length[0], length[1]]) as usize).ok_or_else(wrong)?;
    let header = std::str::from_utf8(bytes.get(PREFIX..PREFIX + length).ok_or_else(wrong)?)?;
    let shape = header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or_else(wrong)?.0;
    let width: usize = shape.split(',').nth(1).and_then(|width| width.trim().parse().ok()).ok_or_else(wrong)?;
    let values = bytes[PREFIX + length..].as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value));
    Ok(values.take(count * width).collect())
}

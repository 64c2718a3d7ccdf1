//! One line into cells, in a record that is used again.

use csv::ByteRecord;

/// Splits a line. On an error the cells before the fault are there.
///
/// Stricter than the `csv` crate, which reads `"1"5` as 15 and closes an open quote at the end.
pub(super) fn split(line: &[u8], record: &mut ByteRecord) -> Result<(), &'static str> {
    record.clear();
    if line.contains(&b'"') {
        return split_quoted(line, record);
    }
    line.split(|byte| *byte == b',').for_each(|cell| record.push_field(cell));
    Ok(())
}

fn split_quoted(mut line: &[u8], record: &mut ByteRecord) -> Result<(), &'static str> {
    loop {
        let (cell, taken) = if line.starts_with(b"\"") { quoted(line).ok_or("a quote that does not close")? } else { bare(line) };
        record.push_field(&cell);
        match line.get(taken) {
            None => return Ok(()),
            Some(b',') => line = &line[taken + 1..],
            Some(_) => return Err("text after a closing quote"),
        }
    }
}

fn bare(line: &[u8]) -> (Vec<u8>, usize) {
    let end = line.iter().position(|byte| *byte == b',').unwrap_or(line.len());
    (line[..end].to_vec(), end)
}

/// The text of a quoted cell and the bytes it took; a doubled quote is one.
fn quoted(line: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut at = 1;
    loop {
        let byte = *line.get(at)?;
        let doubled = byte == b'"' && line.get(at + 1) == Some(&b'"');
        if byte == b'"' && !doubled {
            return Some((text, at + 1));
        }
        text.push(byte);
        at += 1 + usize::from(doubled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(line: &str) -> (Result<(), &'static str>, Vec<String>) {
        let mut record = ByteRecord::new();
        let result = split(line.as_bytes(), &mut record);
        (result, record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect())
    }

    #[test]
    fn cells_are_split_with_and_without_quotes() {
        for (line, expected) in [
            ("1,2,3", vec!["1", "2", "3"]),
            ("1,,", vec!["1", "", ""]),
            ("\"1\",2,\"\"", vec!["1", "2", ""]),
            ("\"a,b\",\"say \"\"x\"\"\"", vec!["a,b", "say \"x\""]),
        ] {
            assert_eq!(cells(line), (Ok(()), expected.iter().map(ToString::to_string).collect()), "{line}");
        }
    }

    #[test]
    fn broken_quotes_are_faults_that_keep_the_cells_before() {
        assert_eq!(cells("7,\"1"), (Err("a quote that does not close"), vec!["7".to_owned()]));
        assert_eq!(cells("7,\"1\"5,2").0, Err("text after a closing quote"));
    }
}

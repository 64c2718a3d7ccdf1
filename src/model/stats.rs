//! `stats.csv` of a bundle: scaling parameters and trained range by feature.

use crate::error::{Error, Result, Status};
use crate::features::scale::Stats;
use crate::features::spec::Schema;

const COLUMNS: [&str; 7] = ["name", "mean", "std", "min", "max", "low", "high"];

/// Reads the stats of a schema's features; names and order must be the schema's.
///
/// # Errors
/// `MANIFEST` naming the line.
pub fn read(bytes: &[u8], schema: &Schema) -> Result<Vec<Stats>> {
    let wrong = |line: usize, what: String| Error::new(Status::Manifest, format!("stats, line {line}: {what}"));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut stats = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(index + 1, error.to_string()))?;
        let cells: Vec<&str> = record.iter().collect();
        if index == 0 {
            if cells != COLUMNS {
                return Err(wrong(1, format!("the columns must be {}", COLUMNS.join(","))));
            }
            continue;
        }
        let expected = schema.features.get(index - 1).map(|feature| feature.name.as_str());
        if expected != cells.first().copied() {
            return Err(wrong(index + 1, format!("feature {} expected, found {:?}", expected.unwrap_or("(none)"), cells.first())));
        }
        stats.push(parse(&cells).map_err(|what| wrong(index + 1, what))?);
    }
    if stats.len() != schema.width() {
        return Err(Error::new(Status::Manifest, format!("stats: {} features expected, found {}", schema.width(), stats.len())));
    }
    Ok(stats)
}

fn parse(cells: &[&str]) -> Result<Stats, String> {
    let number = |index: usize| {
        let text = cells.get(index).ok_or(format!("column {} is missing", COLUMNS[index]))?;
        text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(format!("{} is \"{text}\", a finite number expected", COLUMNS[index]))
    };
    let stats = Stats { mean: number(1)?, std: number(2)?, min: number(3)?, max: number(4)?, low: number(5)?, high: number(6)? };
    if cells.len() != COLUMNS.len() || stats.std < 0.0 || stats.min > stats.max || stats.low > stats.high {
        return Err("needs std from 0, min <= max, low <= high and no further column".to_owned());
    }
    Ok(stats)
}

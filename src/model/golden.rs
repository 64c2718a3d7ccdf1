//! Golden rows: a bundle serves only when its models give what the training library gave.
//!
//! `golden.csv` has one column a feature, by name (scaled f32, empty is missing), then one column for
//! each `member.output` with the training library's value in the member's own form (f64, empty is not
//! checked in that row). A window model reads the row and the W - 1 rows before it; a stateful one
//! has read every row above, from the first one on or from behind the last one that lacks a value.

use crate::error::{Error, Result, Status};
use crate::features::spec::Schema;
use crate::model::manifest::MemberSpec;

/// Golden rows of a bundle.
#[derive(Clone, Debug)]
pub struct Golden {
    /// Scaled rows of F values, NaN where missing.
    pub rows: Vec<Vec<f32>>,
    /// Expected values by member and give, a row each; `None` is not checked.
    pub expected: Vec<Vec<Vec<Option<f64>>>>,
}

impl Golden {
    /// Reads the file.
    ///
    /// # Errors
    /// `MANIFEST` naming the line or the columns.
    pub fn read(bytes: &[u8], schema: &Schema, members: &[MemberSpec], outputs: &[String], count: usize) -> Result<Golden> {
        let wrong = |line: usize, what: String| Error::new(Status::Manifest, format!("golden rows, line {line}: {what}"));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let mut records = reader.records();
        let expected_header: Vec<String> = header(schema, members, outputs);
        let found: Vec<String> = match records.next() {
            Some(Ok(record)) => record.iter().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if found != expected_header {
            return Err(wrong(1, format!("the columns must be {}", expected_header.join(","))));
        }
        let mut golden = Golden { rows: Vec::new(), expected: members.iter().map(|member| vec![Vec::new(); member.gives.len()]).collect() };
        for (index, record) in records.enumerate() {
            let record = record.map_err(|error| wrong(index + 2, error.to_string()))?;
            golden.push(&record, schema.width()).map_err(|what| wrong(index + 2, what))?;
        }
        if golden.rows.len() != count {
            return Err(Error::new(Status::Manifest, format!("golden rows: the manifest says {count} rows, the file has {}", golden.rows.len())));
        }
        Ok(golden)
    }

    fn push(&mut self, record: &csv::StringRecord, width: usize) -> Result<(), String> {
        let mut cells = record.iter();
        let mut row = Vec::with_capacity(width);
        for cell in cells.by_ref().take(width) {
            row.push(if cell.is_empty() { f32::NAN } else { number::<f32>(cell)? });
        }
        self.rows.push(row);
        for column in self.expected.iter_mut().flatten() {
            let cell = cells.next().unwrap_or("");
            column.push(if cell.is_empty() { None } else { Some(number::<f64>(cell)?) });
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr + Into<f64> + Copy>(cell: &str) -> Result<T, String> {
    cell.parse::<T>().ok().filter(|value| (*value).into().is_finite()).ok_or_else(|| format!("\"{cell}\": a finite number expected"))
}

fn header(schema: &Schema, members: &[MemberSpec], outputs: &[String]) -> Vec<String> {
    let features = schema.features.iter().map(|feature| feature.name.clone());
    let values = members.iter().flat_map(|member| member.gives.iter().map(|give| format!("{}.{}", member.name, outputs[give.output])));
    features.chain(values).collect()
}

/// The worst disagreement of one member, as a share of its tolerance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    /// Share of the tolerance; above 1 fails.
    pub share: f64,
    /// Row in the file, from 0.
    pub row: usize,
    /// What the model gave.
    pub ours: f64,
    /// What the training library gave.
    pub theirs: f64,
    /// Values compared.
    pub checked: usize,
}

impl Worst {
    /// Takes a pair into account.
    pub fn compare(&mut self, row: usize, ours: f64, theirs: f64, member: &MemberSpec) {
        let (error, allowed) = ((ours - theirs).abs(), member.abs + member.rel * theirs.abs());
        let share = if error == 0.0 { 0.0 } else { error / allowed };
        self.checked += 1;
        if self.checked == 1 || share > self.share || !ours.is_finite() {
            (self.share, self.row, self.ours, self.theirs) = (if ours.is_finite() { share } else { f64::INFINITY }, row, ours, theirs);
        }
    }
}

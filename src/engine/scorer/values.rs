//! What a scorer checks of the caller's values, and how a person finds one that is off.

use super::{RowValues, Scorer, ScorerInfo};
use crate::error::{Error, Result, Status};
use crate::features::row::scale_row;
use crate::features::spec::Schema;
use crate::model::manifest::InputShape;

impl Scorer {
    /// The other form of values than the scorer was opened for, or another number of them than `rows` rows have.
    pub(super) fn check_form(&self, values: RowValues<'_>, rows: usize) -> Result<()> {
        let length = match values {
            RowValues::Scaled(row) if !self.info.raw => row.len(),
            RowValues::Raw(row) if self.info.raw => row.len(),
            RowValues::Scaled(_) => return Err(Error::new(Status::InvalidArgument, "the scorer was opened with SCORER_RAW: its rows are unscaled f64")),
            RowValues::Raw(_) => return Err(Error::new(Status::InvalidArgument, "the scorer was opened without SCORER_RAW: its rows are scaled f32")),
        };
        if length == rows * self.info.features { Ok(()) } else { Err(wrong_length(length, rows, self.info)) }
    }

    /// No scaled value is one that the model does not take.
    pub(super) fn check_scaled(&self, row: &[f32]) -> Result<()> {
        if is_clean(row, self.takes_missing) { Ok(()) } else { Err(self.unclean(row)) }
    }

    #[cold]
    fn unclean(&self, row: &[f32]) -> Error {
        let at = row.iter().position(|value| value.is_infinite() || value.is_nan() && !self.takes_missing).unwrap_or(0);
        let why = if row[at].is_nan() { "; the model takes no missing values" } else { "" };
        Error::new(Status::NotFinite, format!("{} is {}{why}", self.place(row.len(), at), row[at]))
    }

    /// Scales whole rows; where that fails, `to` is not to be read.
    pub(super) fn scale(&mut self, values: &[f64], to: &mut [f32]) -> Result<()> {
        if let Some(at) = values.iter().position(|value| value.is_infinite()) {
            return Err(Error::new(Status::NotFinite, format!("{} is {}", self.place(values.len(), at), values[at])));
        }
        let width = self.info.features;
        for (step, (raw, scaled)) in values.chunks_exact(width).zip(to.chunks_exact_mut(width)).enumerate() {
            let scaled = scale_filled(&self.generation.bundle.schema, raw, scaled, &mut self.valid);
            scaled.map_err(|(column, status, what)| Error::new(status, format!("{} {what}", self.place(values.len(), step * width + column))))?;
        }
        Ok(())
    }

    /// How a person finds one of so many values: `"column 3 (rsi_14)"`, `"row 17 of the window, column 3 (rsi_14)"`.
    fn place(&self, count: usize, at: usize) -> String {
        let (step, column) = (at / self.info.features, at % self.info.features);
        let window = if count > self.info.features { format!("row {step} of the window, ") } else { String::new() };
        let (bundle, member) = (&self.generation.bundle, self.member());
        let name = match member.spec.input {
            InputShape::Members => member.reads(&bundle.manifest).swap_remove(column),
            InputShape::Row | InputShape::Window => bundle.schema.features[column].name.clone(),
        };
        format!("{window}column {column} ({name})")
    }
}

#[cold]
fn wrong_length(length: usize, rows: usize, info: ScorerInfo) -> Error {
    let features = info.features;
    Error::new(Status::Shape, format!("{length} values were given, the model reads {} ({rows} x {features})", rows * features))
}

/// No value is infinite, nor NaN where that is no missing value. All are looked at, so that no branch is among them.
pub(super) fn is_clean(row: &[f32], takes_missing: bool) -> bool {
    let all = |is_good: fn(f32) -> bool| row.iter().fold(true, |good, value| good & is_good(*value));
    if takes_missing { all(|value| !value.is_infinite()) } else { all(f32::is_finite) }
}

/// Scales a row, with what the schema says in the place of what is missing; the column that must not be, with why.
fn scale_filled(schema: &Schema, raw: &[f64], scaled: &mut [f32], valid: &mut [u64]) -> Result<(), (usize, Status, &'static str)> {
    if scale_row(schema, raw, scaled, valid).missing == 0 { Ok(()) } else { replace_missing(schema, raw, scaled, valid) }
}

/// Puts what the schema says in the place of what is off; the column that must not be, with why.
fn replace_missing(schema: &Schema, raw: &[f64], scaled: &mut [f32], valid: &[u64]) -> Result<(), (usize, Status, &'static str)> {
    for (column, feature) in schema.features.iter().enumerate().filter(|(column, _)| valid[column / 64] >> (column % 64) & 1 == 0) {
        if !raw[column].is_nan() {
            return Err((column, Status::Range, "does not fit f32 when it is scaled"));
        }
        scaled[column] = feature.missing.replacement().ok_or((column, Status::NotFinite, "is NaN, and the schema lets nothing stand for it"))?;
    }
    Ok(())
}

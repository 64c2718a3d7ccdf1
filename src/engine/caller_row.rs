//! A row that the caller gives: checked, scaled, and laid out as a track's own newest row.

use super::members::Rows;
use crate::error::{Error, Result, Status};
use crate::features::row::{RowFacts, scale_row};
use crate::model::bundle::Bundle;

/// The row as models see it.
#[derive(Clone, Copy, Debug)]
pub struct CallerRow<'a> {
    /// As given: unscaled, NaN where missing.
    pub raw: &'a [f64],
    /// Scaled, with its bits.
    pub rows: Rows<'a>,
    /// What is known of it.
    pub facts: RowFacts,
}

/// Room for a scaled row; a lane's own.
#[derive(Debug, Default)]
pub struct RowRoom {
    values: Vec<f32>,
    valid: Vec<u64>,
}

impl RowRoom {
    /// Grows to a schema's width; only when a track is opened, for a slot's schema never changes.
    pub fn fit(&mut self, width: usize) {
        self.values.resize(self.values.len().max(width), 0.0);
        self.valid.resize(self.valid.len().max(width.div_ceil(64)), 0);
    }

    /// Scales a row for a bundle.
    ///
    /// # Errors
    /// `CONTRACT` when the bundle's rows need a track's steps, `SHAPE`, `NOT_FINITE` for an infinite value.
    pub fn scale<'a>(&'a mut self, bundle: &Bundle, raw: &'a [f64]) -> Result<CallerRow<'a>> {
        check(bundle, raw)?;
        let (values, valid) = (&mut self.values[..raw.len()], &mut self.valid[..raw.len().div_ceil(64)]);
        let facts = scale_row(&bundle.schema, raw, values, valid);
        Ok(CallerRow { raw, rows: Rows { values, valid }, facts })
    }
}

fn check(bundle: &Bundle, raw: &[f64]) -> Result<()> {
    let schema = &bundle.schema;
    if let Some(why) = &bundle.refuses_rows {
        return Err(Error::new(Status::Contract, format!("{} takes no rows of the caller's: {why}", bundle.manifest.title())));
    }
    if raw.len() != schema.width() {
        let text = format!("the row has {} values, {} has {} features", raw.len(), bundle.manifest.title(), schema.width());
        return Err(Error::new(Status::Shape, text));
    }
    match raw.iter().position(|value| value.is_infinite()) {
        Some(at) => Err(Error::new(Status::NotFinite, format!("row[{at}] ({}) is infinite; NaN says that a value is missing", schema.features[at].name))),
        None => Ok(()),
    }
}

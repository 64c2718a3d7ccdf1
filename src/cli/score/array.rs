//! Numbers from a file, by rows.

use std::path::Path;

use foretick::{Error, Result, Status};

use super::{npy, table};
use crate::cli::files::io_error;

/// The numbers of a file; the first dimension is rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Dimensions, at least one.
    pub dims: Vec<usize>,
    /// The numbers, the last dimension fastest.
    pub values: Vec<f32>,
    /// Names of a row's values, when the file tells them.
    pub names: Vec<String>,
}

impl Array {
    /// Reads a `.npy` or `.csv` file; `columns` are the ones that are used of a CSV.
    ///
    /// # Errors
    /// `IO`; `CORRUPT` naming the file and the place; `INVALID_ARGUMENT` for another kind of file or unknown columns.
    pub fn read(path: &Path, columns: Option<&str>) -> Result<Array> {
        let wrong = |text: String| Error::new(Status::Corrupt, format!("{}: {text}", path.display()));
        let asked = |text: String| Error::new(Status::InvalidArgument, format!("{}: {text}", path.display()));
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
        let bytes = || std::fs::read(path).map_err(|error| io_error(path, &error));
        match (extension.as_str(), columns) {
            ("npy", Some(_)) => Err(asked("--columns is for CSV; take them with array[:, [0, 2]]".to_owned())),
            ("npy", None) => npy::decode(&bytes()?).and_then(Array::with_rows).map_err(wrong),
            ("csv", _) => table::decode(path, &bytes()?, columns),
            _ => Err(asked("rows are read from .npy and .csv files".to_owned())),
        }
    }

    fn with_rows(self) -> Result<Array, String> {
        if self.dims.is_empty() { Err("it is a single number without a dimension; rows are its first one".to_owned()) } else { Ok(self) }
    }

    /// Values of one row.
    pub fn width(&self) -> usize {
        self.dims[1..].iter().product()
    }

    /// What is said of the value at a place.
    pub fn says_place(dims: &[usize], at: usize, what: &str) -> String {
        let width = dims.get(1..).unwrap_or_default().iter().product::<usize>().max(1);
        format!("row {}, column {}: {what}", at / width, at % width)
    }
}

/// The nearest f32; `None` for a number that is beyond its range.
pub fn narrow(value: f64) -> Option<f32> {
    let near = value as f32;
    (near.is_finite() || !value.is_finite()).then_some(near)
}

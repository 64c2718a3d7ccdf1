//! The benchmark's rows and models as files, for programs that train on them or time them.

use std::path::Path;

use foretick::Result;

use super::BenchArgs;
use super::cases::chosen;
use super::models::Models;
use crate::cli::files::{Output, io_error};
use crate::cli::score::npy;

/// Features that models are trained on, and rows: those that are timed come first.
const TRAINED: usize = 25;
const ROWS: usize = 20_000;

/// Writes `rows_WIDTH.npy` and `NAME.onnx`.
pub fn write(folder: &Path, args: &BenchArgs) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| io_error(folder, &error))?;
    let cases = chosen(&args.only);
    let models = Models::make(&args.models, |name| cases.iter().any(|case| case.models.contains(&name)))?;
    for (width, table) in &models.tables {
        let more = if *width == TRAINED { Some(table.more(ROWS)?) } else { None };
        let rows = more.as_ref().unwrap_or(&table.rows);
        put(&folder.join(format!("rows_{width}.npy")), &npy::encode(&[rows.count(), *width], &rows.values))?;
    }
    models.all.iter().try_for_each(|model| put(&folder.join(format!("{}.onnx", model.name)), &model.file))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut output = Output::create(path)?;
    output.write_bytes(bytes)?;
    output.finish()
}

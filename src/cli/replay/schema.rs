//! The schema of rows without a bundle.

use std::path::Path;

use foretick::features::spec::Schema;
use foretick::model::bundle;
use foretick::window::sampler::{Price, SamplerSpec, Sampling};
use foretick::{Error, Result, Status};

use crate::cli::files::io_error;

/// How the baseline samples.
#[derive(Clone, Copy)]
pub enum BarOrTime {
    /// A bar of so many ns is a step.
    Bar(i64),
    /// A step each so many ns.
    Time(i64),
}

/// `baseline25`, a schema file, or a manifest (its schema, with the stats beside it).
pub fn read(name: &Path, sampling: BarOrTime) -> Result<Schema> {
    if name.as_os_str() == "baseline25" {
        let (sampling, interval_ns) = match sampling {
            BarOrTime::Bar(ns) => (Sampling::Bar, ns),
            BarOrTime::Time(ns) => (Sampling::Time, ns),
        };
        return Schema::baseline25(SamplerSpec { sampling, interval_ns, price: Price::Trade, reset_after: None, max_book_age_ns: None });
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        let error = io_error(name, &error);
        Error::new(error.status(), format!("{}; --schema takes baseline25 or a file", error.text()))
    })?;
    if text.lines().any(|line| line.trim_start().starts_with("format")) {
        return bundle::read_schema(name).map_err(|error| error.within(&name.display().to_string()));
    }
    Schema::from_text(&text).map_err(|error| error.within(&name.display().to_string()))
}

/// The baseline is asked for by name.
pub fn is_baseline(name: &Path) -> bool {
    name.as_os_str() == "baseline25"
}

/// A schema that samples by bar, and the bars' length.
pub fn bar_interval(schema: &Schema) -> Option<i64> {
    (schema.sampler.sampling == Sampling::Bar).then_some(schema.sampler.interval_ns)
}

/// Nothing may be sampled by time and bar at once.
pub fn check_step(name: &Path, step_ms: Option<u64>) -> Result<()> {
    match step_ms.is_some() && !is_baseline(name) {
        true => Err(Error::new(Status::InvalidArgument, "--step-ms samples the baseline; a schema file has its own [sampler]")),
        false => Ok(()),
    }
}

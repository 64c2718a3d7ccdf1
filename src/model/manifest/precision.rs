//! How a member's weights are kept.

use super::{BackendChoice, StatePolicy};
use crate::config::text::Section;
use crate::model::precision::Precision;

/// The precision with the error that it may make, which only weights below f32 have.
pub(super) fn read_precision(section: &mut Section<'_>, backend: BackendChoice, state: StatePolicy) -> (Precision, Option<f64>) {
    let (_, precision) = Precision::NAMES[section.choice("precision", 0, &Precision::NAMES.map(|(name, _)| name))];
    let error = section.get::<f64>("precision_error");
    if precision == Precision::F32 {
        if error.is_some() {
            section.wrong("precision_error", "belongs to precision = \"fp16\" or \"int8\"; f32 has abs and rel");
        }
        return (precision, error);
    }
    match error {
        None => section.wrong("precision_error", "is missing: the largest error of an output that is allowed, in its unit"),
        Some(error) if !(error > 0.0 && error.is_finite()) => section.wrong("precision_error", &format!("{error}: must be above 0")),
        Some(_) => {}
    }
    if matches!(backend, BackendChoice::Ort | BackendChoice::Rten) {
        section.wrong("precision", "only native kernels keep weights smaller; take precision = \"f32\", or another backend");
    }
    if state != StatePolicy::None {
        section.wrong("precision", "a member that carries its state keeps its weights in f32; leave precision out");
    }
    (precision, error)
}

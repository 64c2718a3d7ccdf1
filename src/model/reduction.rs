//! Members whose weights are kept smaller than their files store them: made and measured against the golden rows at load.
//!
//! A bundle is first verified as it is stored. Then a member with a `precision` below f32 is compiled again, runs on every golden row
//! that checks it, and serves only when the greatest error is within its `precision_error`. A meta-model is verified on the values
//! that the stored members give.

use std::sync::Arc;

use crate::error::{Error, Result, Status};
use crate::model::backend::Backend;
use crate::model::bundle::Member;
use crate::model::choice::{Request, reduced};
use crate::model::golden::Golden;
use crate::model::golden_run::GoldenRun;
use crate::model::manifest::{InputShape, Manifest};
use crate::model::native::Kept;
use crate::model::precision::Precision;
use crate::model::watchdog::RunLimit;
use crate::types::prediction::backend;

/// A member in its smaller form.
#[derive(Debug)]
pub struct Reduced {
    /// What runs it.
    pub backend: Arc<dyn Backend>,
    /// Greatest absolute error against the golden rows, in the output's unit.
    pub error: f64,
}

/// The greatest error, and where.
struct Greatest {
    error: f64,
    output: usize,
    row: usize,
    ours: f64,
    theirs: f64,
}

/// What the members of a bundle have been verified with.
pub struct Verified<'v> {
    /// As they are stored.
    pub members: &'v [Member],
    /// What they are verified with.
    pub golden: &'v Golden,
    /// Names of the outputs.
    pub manifest: &'v Manifest,
    /// Under which they run.
    pub limit: &'v RunLimit,
}

impl Verified<'_> {
    /// The smaller form of a member; `None` when it asks for none.
    ///
    /// # Errors
    /// With the member's name: `OPERATOR` when no native kernel keeps it so, `GOLDEN` with the figure when its error is too great.
    pub fn reduce(&self, number: usize, request: &Request<'_>, run: &mut GoldenRun<'_>) -> Result<Option<Reduced>> {
        let member = &self.members[number];
        let precision = member.spec.precision;
        if precision == Precision::F32 {
            return Ok(None);
        }
        let ranges = if member.spec.input == InputShape::Members { Vec::new() } else { ranges(&self.golden.rows) };
        let backend = self.compile(member, request, Kept { precision, ranges: &ranges, ..Kept::default() })?;
        let greatest = self.greatest(number, &backend, run)?;
        self.verdict(member, &greatest)?;
        Ok(Some(Reduced { backend, error: greatest.error }))
    }

    fn compile(&self, member: &Member, request: &Request<'_>, kept: Kept<'_>) -> Result<Arc<dyn Backend>> {
        let refuse = |why: &str| {
            let text = format!("model {}: precision = \"{}\": {why}; take precision = \"f32\"", member.spec.name, kept.precision.name());
            Error::new(Status::Operator, text)
        };
        if member.backend.bits() & backend::NATIVE == 0 {
            return Err(refuse(&format!("only native kernels keep weights smaller, and {} runs this model", backend::name(member.backend.bits()))));
        }
        reduced(request, kept).map_err(|error| refuse(error.text()))
    }

    fn greatest(&self, number: usize, backend: &Arc<dyn Backend>, run: &mut GoldenRun<'_>) -> Result<Greatest> {
        let member = &self.members[number];
        let (mut instance, mut out) = (backend.clone().instance(self.limit)?, vec![0.0; backend.output_width()]);
        let mut greatest = Greatest { error: 0.0, output: 0, row: 0, ours: 0.0, theirs: 0.0 };
        for row in 0..self.golden.rows.len() {
            let Some(input) = run.input(number, row)? else { continue };
            instance.run(&input, &mut out)?;
            for ((give, place), column) in member.spec.gives.iter().zip(&member.places).zip(&self.golden.expected[number]) {
                let Some(theirs) = column[row].and_then(|given| member.spec.form.value(given)) else { continue };
                let ours = member.spec.form.value(f64::from(out[*place])).unwrap_or(f64::NAN);
                let error = if ours.is_nan() { f64::INFINITY } else { (ours - theirs).abs() };
                if error > greatest.error {
                    greatest = Greatest { error, output: give.output, row, ours, theirs };
                }
            }
        }
        Ok(greatest)
    }

    fn verdict(&self, member: &Member, greatest: &Greatest) -> Result<()> {
        let Greatest { error, output, row, ours, theirs } = *greatest;
        let allowed = member.spec.precision_error.unwrap_or(0.0);
        if error <= allowed {
            return Ok(());
        }
        let (name, precision, output) = (&member.spec.name, member.spec.precision, &self.manifest.outputs[output].name);
        let text = format!(
            "model {name}: {} differs by {error:.3e} on output {output} (golden row {row} gives {ours}, the training library gave {theirs}), where \
             precision_error allows {allowed:.3e}: raise it, or take {}",
            precision.name(),
            precision.finer()
        );
        Err(Error::new(Status::Golden, text))
    }
}

/// The size of the largest value of each column. A column of zeros is given the largest of all, so that its weights are kept.
fn ranges(rows: &[Vec<f32>]) -> Vec<f32> {
    let mut ranges = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        for (range, value) in ranges.iter_mut().zip(row).filter(|(_, value)| value.is_finite()) {
            *range = f32::max(*range, value.abs());
        }
    }
    let largest = ranges.iter().copied().fold(0.0, f32::max);
    let largest = if largest > 0.0 { largest } else { 1.0 };
    // A range that is next to nothing beside the others says no more than zeros do, and one over it must be finite.
    ranges.iter().map(|range| if *range > 1e-6 * largest { *range } else { largest }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_largest_sizes() {
        let rows = [vec![1.0, f32::NAN, 0.0, -0.5], vec![-3.0, 0.25, 0.0, 0.125]];
        assert_eq!(ranges(&rows), [3.0, 0.25, 3.0, 0.5]);
        assert_eq!(ranges(&[vec![0.0, f32::NAN]]), [1.0, 1.0]);
        assert_eq!(ranges(&[]), [0.0; 0]);
    }
}

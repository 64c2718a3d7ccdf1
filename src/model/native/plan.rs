//! A compiled graph: steps that run one after the other over one row, in scratch memory that the caller owns.

use std::sync::Arc;

use super::linear::Linear;
use super::rowwise::{Binary, Norm, Scaler, Unary};
use super::scores::{Second, Transform};
use super::tree::Trees;
use crate::error::Result;
use crate::model::backend::{Backend, Instance, Port};
use crate::model::watchdog::RunLimit;
use crate::types::prediction::backend;

/// Where a value lies while a row runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The caller's row.
    Row,
    /// Scratch memory from here on.
    Scratch(usize),
}

/// What a step does with the values it reads.
#[derive(Debug)]
pub(super) enum Kernel {
    Copy,
    Linear(Linear),
    Trees(Trees),
    Scaler(Scaler),
    Normalizer(Norm),
    Unary(Unary),
    Transform(Transform),
    Second(Second),
    Constant { op: Binary, constant: Vec<f32>, first: bool },
    Binary { op: Binary, other: Place, other_width: usize },
}

/// One step. It reads only what lies before the place where it writes, so both can be borrowed at once.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kernel: Kernel,
    pub(super) from: Place,
    pub(super) from_width: usize,
    pub(super) at: usize,
    pub(super) width: usize,
}

impl Step {
    /// Scratch memory that the step needs behind its result.
    pub(super) fn extra(&self) -> usize {
        match &self.kernel {
            Kernel::Trees(trees) => trees.scratch_len(),
            _ => 0,
        }
    }

    fn run(&self, row: &[f32], scratch: &mut [f32]) {
        let (made, rest) = scratch.split_at_mut(self.at);
        let (to, extra) = rest.split_at_mut(self.width);
        let from = read(row, made, self.from, self.from_width);
        match &self.kernel {
            Kernel::Copy => to.copy_from_slice(from),
            Kernel::Linear(linear) => linear.run(from, to),
            Kernel::Trees(trees) => trees.run(from, extra, to),
            Kernel::Scaler(scaler) => scaler.apply(from, to),
            Kernel::Normalizer(norm) => norm.apply(from, to),
            Kernel::Unary(unary) => unary.apply(from, to),
            Kernel::Transform(transform) => {
                to.copy_from_slice(from);
                transform.apply(to);
            }
            Kernel::Second(second) => {
                to.fill(from[0]);
                second.apply(to);
            }
            Kernel::Constant { op, constant, first: true } => op.apply(constant, from, to),
            Kernel::Constant { op, constant, first: false } => op.apply(from, constant, to),
            Kernel::Binary { op, other, other_width } => op.apply(from, read(row, made, *other, *other_width), to),
        }
    }

    fn memory_bytes(&self) -> usize {
        let own = match &self.kernel {
            Kernel::Linear(linear) => linear.memory_bytes(),
            Kernel::Trees(trees) => trees.memory_bytes(),
            Kernel::Scaler(scaler) => (scaler.offset.len() + scaler.scale.len()) * 4,
            Kernel::Constant { constant, .. } => constant.len() * 4,
            _ => 0,
        };
        size_of::<Step>() + own
    }
}

fn read<'a>(row: &'a [f32], made: &'a [f32], place: Place, width: usize) -> &'a [f32] {
    match place {
        Place::Row => &row[..width],
        Place::Scratch(at) => &made[at..at + width],
    }
}

/// A compiled graph.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) inputs: Vec<Port>,
    pub(super) input_width: usize,
    pub(super) steps: Vec<Step>,
    pub(super) ports: Vec<Port>,
    /// Where each port's values lie after the last step.
    pub(super) places: Vec<Place>,
    pub(super) scratch_len: usize,
}

impl Plan {
    fn trees(&self) -> impl Iterator<Item = &Trees> {
        self.steps.iter().filter_map(|step| match &step.kernel {
            Kernel::Trees(trees) => Some(trees),
            _ => None,
        })
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.steps.iter().filter_map(|step| match &step.kernel {
            Kernel::Linear(linear) => Some(linear),
            _ => None,
        })
    }

    /// The kernels that read the caller's row.
    fn readers(&self) -> impl Iterator<Item = &Kernel> {
        let reads = |step: &&Step| step.from == Place::Row || matches!(step.kernel, Kernel::Binary { other: Place::Row, .. });
        self.steps.iter().filter(reads).map(|step| &step.kernel)
    }

    /// Runs one row; the outputs are NaN where lengths are not the plan's. The content of `scratch` before does not matter.
    fn run(&self, row: &[f32], scratch: &mut [f32], out: &mut [f32]) {
        if row.len() != self.input_width || scratch.len() < self.scratch_len || out.len() != self.output_width() {
            out.fill(f32::NAN);
            return;
        }
        for step in &self.steps {
            step.run(row, scratch);
        }
        self.copy_out(row, scratch, out);
    }

    fn copy_out(&self, row: &[f32], scratch: &[f32], out: &mut [f32]) {
        let mut rest = out;
        for (port, place) in self.ports.iter().zip(&self.places) {
            let (to, more) = rest.split_at_mut(port.width());
            to.copy_from_slice(read(row, scratch, *place, port.width()));
            rest = more;
        }
    }
}

/// A plan with scratch memory of its own.
#[derive(Debug)]
struct Working {
    plan: Arc<Plan>,
    scratch: Box<[f32]>,
}

impl Instance for Working {
    fn run(&mut self, input: &[f32], out: &mut [f32]) -> Result<()> {
        self.plan.run(input, &mut self.scratch, out);
        Ok(())
    }
}

impl Backend for Plan {
    fn family(&self) -> &'static str {
        match (self.trees().next(), self.linears().next()) {
            (Some(_), _) => "tree ensemble",
            (None, Some(_)) => "linear",
            (None, None) => "arithmetic",
        }
    }

    fn summary(&self) -> String {
        let trees = self.trees().map(Trees::summary);
        let all: Vec<String> = trees.chain(self.linears().map(Linear::summary)).collect();
        if all.is_empty() { format!("{} steps on {} inputs", self.steps.len(), self.input_width) } else { all.join("; ") }
    }

    fn bits(&self) -> u16 {
        backend::NATIVE
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.ports
    }

    fn accepts_missing(&self) -> bool {
        let tracks = |kernel: &Kernel| matches!(kernel, Kernel::Trees(trees) if trees.tracks_missing());
        self.readers().next().is_some() && self.readers().all(tracks) && !self.places.contains(&Place::Row)
    }

    fn instance(self: Arc<Self>, _: &RunLimit) -> Result<Box<dyn Instance>> {
        let scratch = vec![0.0; self.scratch_len].into();
        Ok(Box::new(Working { plan: self, scratch }))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Plan>() + self.steps.iter().map(Step::memory_bytes).sum::<usize>()
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        let mut all: Vec<(usize, f32)> = Vec::new();
        for kernel in self.readers() {
            if let Kernel::Trees(trees) = kernel {
                all.extend(trees.thresholds());
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        all.dedup();
        all
    }
}

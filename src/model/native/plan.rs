//! A compiled graph: steps that run one after the other over one row, in scratch memory that the caller owns.

use std::sync::Arc;

use super::activation::Activation;
use super::conv::Conv;
use super::describe;
use super::gru::{Gru, GruRun};
use super::linear::{Linear, LinearRun};
use super::lstm::{Lstm, LstmRun};
use super::mask::Mask;
use super::matrix::Matrix;
use super::norm::{Affine, LayerNorm};
use super::pairs::Pairs;
use super::pool::Pool;
use super::rowwise::{Binary, Norm, Scaler, Unary, select};
use super::scores::Transform;
use super::simd::Level;
use super::sliding::SlidingWindow;
use super::streaming::Streaming;
use super::tree::{Descent, Trees};
use super::units::{Units, unit};
use crate::error::Result;
use crate::model::backend::{Ahead, Backend, Carry, Instance, Port};
use crate::model::denormals;
use crate::model::params::{Params, Visit};
use crate::model::precision::Precision;
use crate::model::watchdog::RunLimit;
use crate::types::prediction::backend;

/// Where a value lies while a row runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The caller's row from here on.
    Row(usize),
    /// Scratch memory from here on.
    Scratch(usize),
}

impl Place {
    /// Which value of the caller's row it is.
    pub(super) fn row(self) -> Option<usize> {
        match self {
            Place::Row(at) => Some(at),
            Place::Scratch(_) => None,
        }
    }

    /// The place `by` values further on.
    pub(super) fn shifted(self, by: usize) -> Place {
        match self {
            Place::Row(at) => Place::Row(at + by),
            Place::Scratch(at) => Place::Scratch(at + by),
        }
    }
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
    /// Over rows of so many columns.
    Transform {
        transform: Transform,
        columns: usize,
    },
    Constant {
        op: Binary,
        constant: Params<f32>,
        first: bool,
    },
    Binary {
        op: Binary,
        other: Place,
        other_width: usize,
    },
    /// The values at these places, and `fill` for places that are not there.
    Pick {
        index: Params<u32>,
        fill: f32,
    },
    /// These values.
    Stored(Params<f32>),
    /// Where what is read is not 0 the one, elsewhere the other.
    Select {
        yes: Place,
        no: Place,
    },
    /// So many rows times a matrix; of one row, then a function of each output.
    Dense {
        matrix: Matrix,
        rows: usize,
        then: Option<Activation>,
    },
    Conv(Conv),
    Lstm(Lstm),
    Gru(Gru),
    Activation(Activation),
    LayerNorm(LayerNorm),
    /// Over rows of so many columns of a network's values.
    Softmax {
        columns: usize,
    },
    /// Times what lies at another place.
    Pairs {
        pairs: Pairs,
        other: Place,
        other_width: usize,
    },
    Affine(Affine),
    Pool(Pool),
    Masked(Mask),
}

impl Kernel {
    /// Where a recurrent layer's first state lies, of each part that a run brings, and how many values a part has.
    pub(super) fn first_states(&self) -> ([Option<Place>; 2], usize) {
        match self {
            Kernel::Lstm(layer) => ([layer.hidden.place(), layer.cell.place()], layer.size.hidden),
            Kernel::Gru(layer) => ([layer.hidden.place(), None], layer.size.hidden),
            _ => ([None; 2], 0),
        }
    }

    /// Shows what a run reads and never changes.
    fn params(&mut self, visit: &mut Visit<'_>) {
        match self {
            Kernel::Linear(linear) => linear.params(visit),
            Kernel::Trees(trees) => trees.params(visit),
            Kernel::Scaler(scaler) => scaler.params(visit),
            Kernel::Constant { constant, .. } => visit(constant),
            Kernel::Pick { index, .. } => visit(index),
            Kernel::Stored(values) => visit(values),
            Kernel::Dense { matrix, .. } => matrix.params(visit),
            Kernel::Conv(conv) => conv.params(visit),
            Kernel::Lstm(lstm) => lstm.params(visit),
            Kernel::Gru(gru) => gru.params(visit),
            Kernel::LayerNorm(norm) => norm.params(visit),
            Kernel::Masked(mask) => mask.params(visit),
            Kernel::Affine(affine) => affine.params(visit),
            Kernel::Copy | Kernel::Normalizer(_) | Kernel::Unary(_) | Kernel::Transform { .. } | Kernel::Binary { .. } => {}
            Kernel::Select { .. } | Kernel::Activation(_) | Kernel::Softmax { .. } | Kernel::Pairs { .. } | Kernel::Pool(_) => {}
        }
    }

    /// How many multiplications and additions a run takes, of the kernels whose number is not that of their values.
    pub(super) fn cost(&self) -> u64 {
        let product = |factors: &[usize]| factors.iter().fold(1_u64, |product, factor| product.saturating_mul(*factor as u64));
        match self {
            Kernel::Dense { matrix, rows, .. } => product(&[*rows, matrix.inputs(), matrix.outputs()]),
            Kernel::Conv(conv) => product(&[conv.windows, conv.kernel, conv.channels / conv.groups.len(), conv.filters()]),
            Kernel::Lstm(layer) => product(&[layer.size.steps, layer.size.features + layer.size.hidden, layer.input.outputs()]),
            Kernel::Gru(layer) => product(&[layer.size.steps, layer.size.features + layer.size.hidden, layer.input.outputs()]),
            Kernel::Pool(pool) => product(&[pool.windows, pool.kernel, pool.columns]),
            Kernel::Pairs { pairs, .. } => pairs.cost(),
            _ => 0,
        }
    }
}

/// One step. It reads only what lies before the place where it writes, so both can be borrowed at once.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kernel: Kernel,
    pub(super) from: Place,
    pub(super) from_width: usize,
    pub(super) at: usize,
    pub(super) width: usize,
    /// Values of a unit of the result.
    pub(super) unit: usize,
    /// Denormals count as zero. Never where a tree compares, which would take another branch.
    pub(super) flushed: bool,
    /// The units of the result that some output asks for; `None` for all.
    pub(super) wanted: Option<Units>,
    /// Bytes of its parameters.
    pub(super) params_len: usize,
}

impl Step {
    pub(super) fn new(mut kernel: Kernel, (from, from_width): (Place, usize), (at, width): (usize, usize), flushed: bool) -> Step {
        let (unit, mut params_len) = (unit(&kernel, from_width, width), 0);
        kernel.params(&mut |params| params_len += params.room());
        Step { kernel, from, from_width, at, width, unit, flushed, wanted: None, params_len }
    }

    /// Where it reads.
    pub(super) fn reads(&self) -> [Option<Place>; 3] {
        match &self.kernel {
            Kernel::Binary { other, .. } | Kernel::Pairs { other, .. } => [Some(self.from), Some(*other), None],
            Kernel::Select { yes, no } => [Some(self.from), Some(*yes), Some(*no)],
            kernel => {
                let ([state, cell], _) = kernel.first_states();
                [Some(self.from), state, cell]
            }
        }
    }

    /// Scratch memory that the step needs behind its result.
    pub(super) fn extra(&self) -> usize {
        match &self.kernel {
            Kernel::Trees(trees) => trees.scratch_len(),
            Kernel::Conv(conv) => conv.scratch_len(),
            Kernel::Lstm(lstm) => lstm.scratch_len(),
            Kernel::Gru(gru) => gru.scratch_len(),
            Kernel::Pairs { pairs, .. } => pairs.scratch_len(),
            _ => 0,
        }
    }

    fn run(&self, level: Level, row: &[f32], scratch: &mut [f32]) {
        let (made, rest) = scratch.split_at_mut(self.at);
        let (to, extra) = rest.split_at_mut(self.width);
        match &self.wanted {
            None => self.make(0..self.units(), level, row, made, to, extra),
            Some(units) => units.iter().for_each(|units| self.make(units.clone(), level, row, made, to, extra)),
        }
    }

    /// Makes the whole result of a step of which no part can be made alone.
    pub(super) fn whole(&self, level: Level, row: &[f32], made: &[f32], to: &mut [f32], extra: &mut [f32]) {
        let from = read(row, made, self.from, self.from_width);
        match &self.kernel {
            Kernel::Linear(linear) => level.run(LinearRun { linear, row: from, to }),
            Kernel::Trees(trees) => trees.run(level, from, extra, to),
            Kernel::Scaler(scaler) => scaler.apply(from, to),
            Kernel::Normalizer(norm) => norm.apply(from, to),
            Kernel::Unary(unary) => unary.apply(from, to),
            Kernel::Transform { transform, columns } => {
                to.copy_from_slice(from);
                to.chunks_exact_mut(*columns).for_each(|row| transform.apply(row));
            }
            Kernel::Constant { op, constant, first: true } => op.apply(constant, from, to),
            Kernel::Constant { op, constant, first: false } => op.apply(from, constant, to),
            Kernel::Binary { op, other, other_width } => op.apply(from, read(row, made, *other, *other_width), to),
            Kernel::Stored(values) => to.copy_from_slice(values),
            Kernel::Select { yes, no } => select(from, read(row, made, *yes, from.len()), read(row, made, *no, from.len()), to),
            Kernel::Lstm(layer) => {
                let first = [&layer.hidden, &layer.cell].map(|first| first.of(row, made, layer.size.hidden));
                level.run(LstmRun { layer, from, first, scratch: &mut extra[..layer.scratch_len()], to });
            }
            Kernel::Gru(layer) => {
                let first = layer.hidden.of(row, made, layer.size.hidden);
                level.run(GruRun { layer, from, first, scratch: &mut extra[..layer.scratch_len()], to });
            }
            Kernel::Pool(pool) => pool.apply(from, to),
            // These are made by their units.
            Kernel::Copy | Kernel::Conv(_) | Kernel::Dense { .. } | Kernel::Pairs { .. } | Kernel::Pick { .. } => {}
            Kernel::Affine(_) | Kernel::LayerNorm(_) | Kernel::Softmax { .. } | Kernel::Activation(_) | Kernel::Masked(_) => {}
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let about = if let Kernel::Trees(trees) = &self.kernel { trees.about_bytes() } else { 0 };
        size_of::<Step>() + self.params_len + about
    }
}

pub(super) fn read<'a>(row: &'a [f32], made: &'a [f32], place: Place, width: usize) -> &'a [f32] {
    match place {
        Place::Row(at) => &row[at..at + width],
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
    pub(super) carries: Vec<Carry>,
    pub(super) scratch_len: usize,
    pub(super) level: Level,
    pub(super) precision: Precision,
    pub(super) output_width: usize,
    /// What the only step makes is what the plan gives, so it can be made there.
    pub(super) direct: bool,
}

impl Plan {
    /// The kernels that read the caller's row, and from which value on.
    fn readers(&self) -> impl Iterator<Item = (&Kernel, usize)> {
        self.steps.iter().flat_map(|step| step.reads().into_iter().flatten().filter_map(Place::row).map(|at| (&step.kernel, at)))
    }

    /// Runs one row; the outputs are NaN where lengths are not the plan's. The content of `scratch` before does not matter.
    fn run(&self, row: &[f32], scratch: &mut [f32], out: &mut [f32]) {
        if row.len() != self.input_width || scratch.len() < self.scratch_len || out.len() != self.output_width {
            out.fill(f32::NAN);
            return;
        }
        if self.direct {
            return self.steps[0].whole(self.level, row, &[], out, scratch);
        }
        self.run_from(0, row, scratch);
        self.copy_out(row, scratch, out);
    }

    /// Runs the steps from one on.
    pub(super) fn run_from(&self, first: usize, row: &[f32], scratch: &mut [f32]) {
        for steps in self.steps[first..].chunk_by(|a, b| a.flushed == b.flushed) {
            let mut run = || steps.iter().for_each(|step| step.run(self.level, row, scratch));
            if steps[0].flushed { denormals::flushed(run) } else { run() }
        }
    }

    pub(super) fn copy_out(&self, row: &[f32], scratch: &[f32], out: &mut [f32]) {
        let mut rest = out;
        for (port, place) in self.ports.iter().zip(&self.places) {
            let (to, more) = rest.split_at_mut(port.width());
            match (read(row, scratch, *place, port.width()), to) {
                // Most outputs are single values, which need no call.
                ([value], [to]) => *to = *value,
                (values, to) => to.copy_from_slice(values),
            }
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
        describe::family(self)
    }

    fn summary(&self) -> String {
        describe::summary(self)
    }

    fn bits(&self) -> u16 {
        if self.carries.is_empty() { backend::NATIVE } else { backend::NATIVE | backend::STATEFUL }
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.ports
    }

    fn params(&mut self, visit: &mut Visit<'_>) {
        self.steps.iter_mut().for_each(|step| step.kernel.params(visit));
    }

    fn input_width(&self) -> usize {
        self.input_width
    }

    fn output_width(&self) -> usize {
        self.output_width
    }

    fn accepts_missing(&self) -> bool {
        let tracks = |(kernel, _): (&Kernel, usize)| matches!(kernel, Kernel::Trees(trees) if trees.tracks_missing());
        let given_out = self.places.iter().any(|place| matches!(place, Place::Row(_)));
        self.readers().next().is_some() && self.readers().all(tracks) && !given_out
    }

    fn instance(self: Arc<Self>, _: &RunLimit) -> Result<Box<dyn Instance>> {
        let scratch = vec![0.0; self.scratch_len].into();
        Ok(Box::new(Working { plan: self, scratch }))
    }

    fn descent(&self) -> Option<Descent> {
        self.steps.iter().find_map(|step| if let Kernel::Trees(trees) = &step.kernel { trees.descent() } else { None })
    }

    fn ahead(self: Arc<Self>) -> Option<Box<dyn Ahead>> {
        let sliding = SlidingWindow::of(self.clone()).map(|ahead| Box::new(ahead) as Box<dyn Ahead>);
        sliding.or_else(|| Streaming::of(self).map(|ahead| Box::new(ahead) as Box<dyn Ahead>))
    }

    fn carries(&self) -> &[Carry] {
        &self.carries
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Plan>() + self.steps.iter().map(Step::memory_bytes).sum::<usize>()
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        let mut all: Vec<(usize, f32)> = Vec::new();
        for (kernel, at) in self.readers() {
            if let Kernel::Trees(trees) = kernel {
                all.extend(trees.thresholds().iter().map(|(column, value)| (at + column, *value)));
            }
        }
        all.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        all.dedup();
        all
    }
}

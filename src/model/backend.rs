//! What runs a model: f32 inputs in, the model's f32 outputs out.
//!
//! A [`Backend`] is the model: immutable, shared by every lane of every generation that serves it. An [`Instance`] is one caller's
//! working copy: scratch memory, or a session of a foreign runtime. Lanes get theirs when a bundle is published, never on the way.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::model::native::Descent;
use crate::model::params::Visit;
use crate::model::watchdog::RunLimit;

/// One tensor that a model reads or gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The tensor's name in the graph.
    pub name: String,
    /// Its dimensions for one row, a batch of 1 included: `[1, 25]`, `[1, 60, 25]`.
    pub dims: Vec<usize>,
}

impl Port {
    /// How many values it has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.dims.iter().product()
    }
}

/// A value that a stateful model carries from step to step: what a step gives is what the next one reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    /// Where it stands among the outputs of a step.
    pub from: Range<usize>,
    /// Where it stands among the inputs of the next.
    pub to: Range<usize>,
    /// What the first step reads there.
    pub first: Box<[f32]>,
}

/// A model that can be run.
pub trait Backend: Send + Sync + fmt::Debug {
    /// The kind of model: `"linear"`, `"tree ensemble"`, `"lstm"`.
    fn family(&self) -> &'static str;

    /// A line for a person: `"200 trees, depth 6, 12,345 nodes, <, missing values, in blocks"`.
    fn summary(&self) -> String;

    /// Backend bits of the prediction record.
    fn bits(&self) -> u16;

    /// What it reads. The values of several inputs stand one after the other.
    fn inputs(&self) -> &[Port];

    /// The float outputs, in the order in which [`Instance::run`] writes them. Labels (integers, texts) are not among them.
    fn outputs(&self) -> &[Port];

    /// How many values [`Instance::run`] reads.
    fn input_width(&self) -> usize {
        self.inputs().iter().map(Port::width).sum()
    }

    /// How many values [`Instance::run`] writes.
    fn output_width(&self) -> usize {
        self.outputs().iter().map(Port::width).sum()
    }

    /// The graph itself says where a missing (NaN) input goes. Where it does not, NaN is a fault of the caller's row.
    fn accepts_missing(&self) -> bool;

    /// A working copy for one caller at a time.
    ///
    /// # Errors
    /// What the backend says when it cannot make one; native models never fail.
    fn instance(self: Arc<Self>, limit: &RunLimit) -> Result<Box<dyn Instance>>;

    /// For a model of windows that can work ahead of a window's newest row: what one track needs for it. `None` for the others.
    fn ahead(self: Arc<Self>) -> Option<Box<dyn Ahead>> {
        None
    }

    /// What a stateful model carries from step to step; its row is then the first of its inputs. Empty for the others, of which
    /// every run stands alone.
    fn carries(&self) -> &[Carry] {
        &[]
    }

    /// How a row descends its trees; `None` without trees, and where nodes are followed as the graph has them.
    fn descent(&self) -> Option<Descent> {
        None
    }

    /// Shows what the model reads and never changes, for who moves it; a foreign backend keeps its own.
    fn params(&mut self, _visit: &mut Visit<'_>) {}

    /// Memory that the model holds, in bytes.
    fn memory_bytes(&self) -> usize;

    /// The distinct (column of the row, threshold) that trees compare with, ascending; golden rows are put on and beside them.
    /// Empty for other families, and for trees that do not read the row as it comes.
    fn thresholds(&self) -> Vec<(usize, f32)>;
}

/// What a model of windows has worked out before a window's newest row is there, for one track. It is a cache and no state: it knows
/// the very rows that it was made from, answers only for a window that begins with them, and then gives the whole window's bits.
pub trait Ahead: Send + fmt::Debug {
    /// Works out what the window behind this one can be known by: all of its rows but the newest. When `window` is the one behind
    /// the last that was prepared for, this takes about as long as a run; after a jump up to as many runs as a window has rows.
    fn prepare(&mut self, window: &[f32]);

    /// The newest row of a window whose others are those that were prepared for; `None` of any other.
    fn newest<'w>(&self, window: &'w [f32]) -> Option<&'w [f32]>;

    /// As [`Instance::run`] on the window of the rows that were prepared for and this one. Where there are none, or lengths are not the
    /// model's, nothing is done and it is `false`.
    fn next(&mut self, row: &[f32], out: &mut [f32]) -> bool;

    /// The same of a whole window, when it begins with the rows that were prepared for.
    fn run(&mut self, window: &[f32], out: &mut [f32]) -> bool {
        self.newest(window).is_some_and(|row| self.next(row, out))
    }

    /// Memory that it holds, in bytes.
    fn memory_bytes(&self) -> usize;
}

/// One caller's working copy of a model.
pub trait Instance: Send + fmt::Debug {
    /// Runs one row: `input_width` values in, `output_width` values out. Native models allocate nothing, lock nothing and
    /// never fail; with other lengths their outputs are NaN. Outputs may be NaN or infinite: the caller checks.
    ///
    /// # Errors
    /// `DEADLINE`, `BACKEND`, `NOT_FINITE` for an input that a foreign runtime would turn into a number; `out` is then not
    /// to be read.
    fn run(&mut self, input: &[f32], out: &mut [f32]) -> Result<()>;
}

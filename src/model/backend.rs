//! What runs a model: one row of f32 in, the model's f32 outputs out.

use std::fmt;

/// One f32 output tensor of a model for one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The tensor's name in the graph.
    pub name: String,
    /// How many values it has for one row.
    pub width: usize,
}

/// A model that is ready to run. Immutable: one instance serves any number of threads, each with scratch memory of its own.
pub trait Backend: Send + Sync + fmt::Debug {
    /// The kind of model: `"linear"`, `"tree ensemble"`.
    fn family(&self) -> &'static str;

    /// A line for a person: `"200 trees, depth 6, 12,345 nodes, <, missing values"`.
    fn summary(&self) -> String;

    /// The name of the graph's input.
    fn input(&self) -> &str;

    /// How many f32 values [`run`](Backend::run) reads.
    fn input_width(&self) -> usize;

    /// The f32 outputs, in the order in which [`run`](Backend::run) writes them. Labels (integers, texts) are not among them.
    fn outputs(&self) -> &[Port];

    /// How many f32 values [`run`](Backend::run) writes: the widths of all outputs.
    fn output_width(&self) -> usize {
        self.outputs().iter().map(|port| port.width).sum()
    }

    /// How many f32 values of scratch memory [`run`](Backend::run) needs. Their content need not be kept or cleared between calls.
    fn scratch_len(&self) -> usize;

    /// The graph itself says where a missing (NaN) input goes. Where it does not, NaN is a fault of the caller's row.
    fn accepts_missing(&self) -> bool;

    /// Runs one row. No allocation, no lock, no panic as long as `row` has `input_width` values, `scratch` at least
    /// `scratch_len` and `out` `output_width`; with other lengths the outputs are NaN.
    fn run(&self, row: &[f32], scratch: &mut [f32], out: &mut [f32]);

    /// Memory that the model holds, in bytes.
    fn memory_bytes(&self) -> usize;

    /// The distinct (column of the row, threshold) that trees compare with, ascending; golden rows are put on and beside them.
    /// Empty for other families, and for trees that do not read the row as it comes.
    fn thresholds(&self) -> Vec<(usize, f32)>;
}

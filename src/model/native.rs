//! Native kernels: a graph of a family that is known becomes a plan of steps over one row.
//!
//! Linear models and trees: every sum runs in one canonical order, on every machine: 16 virtual lanes, lane i taking the elements i, i + 16, ..., each lane
//! an f64, then a fixed reduction (`native/lanes.rs`). The lanes are f64 because the product of two f32 is exact in f64: multiply-then-add
//! and a fused multiply-add give the same bits, so machines without FMA agree with the others and lose no speed to emulating it.
//! It also keeps sums over hundreds of trees within one f32 rounding of the exact value. Exponentials are made of f64
//! multiplications and additions (`native/scores.rs`), never the platform's.
//!
//! Neural networks: every sum is one chain of fused multiply-adds in f32, from the bias over the inputs in their order (`native/matrix.rs`),
//! or four where a layer has a single row (`native/single.rs`),
//! and exponentials are made of the same operations (`native/block.rs`); the same bits on every instruction set.

mod activation;
mod attrs;
mod block;
mod build;
mod conv;
mod demand;
mod describe;
mod factor;
mod fixed;
mod gru;
mod half;
mod int8;
mod lanes;
mod linear;
mod lstm;
mod mask;
mod matrix;
mod norm;
mod normal;
mod pairs;
mod plan;
mod pool;
mod recurrent;
mod rowwise;
mod scores;
mod shape;
mod simd;
mod single;
mod sliding;
mod softmax;
mod streaming;
mod sums;
mod tree;
mod units;
mod view;

pub use simd::Level;
pub use tree::Descent;

use std::sync::Arc;

use super::backend::Backend;
use super::onnx_ir::{Graph, shown};
use super::precision::Precision;
use crate::error::{Error, Result, Status};

/// Compiles a graph to a native backend. The choice is a fixed function of the graph and the hint. `hint` is the shape that the
/// caller feeds, rows of a window by features, oldest row first; it says how long a window is where the graph leaves it open.
///
/// # Errors
///
/// [`Status::Operator`] when no native kernel can run the graph: the text names what stands in the way. [`Status::Model`] when
/// nothing could run it: a tree with a cycle, a child that does not exist, sizes that contradict one another.
pub fn compile(graph: &Graph, hint: Option<&[usize]>) -> Result<Arc<dyn Backend>> {
    compile_for(graph, hint, Level::best())
}

/// [`compile`] for a level of instructions other than the processor's best. All levels give the same bits.
///
/// # Errors
///
/// Those of [`compile`].
pub fn compile_for(graph: &Graph, hint: Option<&[usize]>, level: Level) -> Result<Arc<dyn Backend>> {
    compile_kept(graph, hint, level, Kept::default())
}

/// What a graph carries from step to step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried<'a> {
    /// Every run stands alone.
    Nothing,
    /// The states of its recurrent layers, of which a step is one row.
    Layers,
    /// Its outputs that are inputs of the next step: output, input.
    Named(&'a [(String, String)]),
}

/// Compiles one step of a stateful model. With `carry` those outputs (the first of each pair) are inputs of the next step, which begin
/// with zeros: what PyTorch's exporters write of a module that takes and returns its state. Without any, every LSTM and GRU layer
/// carries its own state, which begins with what the graph stores, else with zeros; the graph then reads one row, `[1, 1, F]`: what
/// they write of a module over sequences with a free number of steps. `columns` is F.
///
/// # Errors
///
/// Those of [`compile`]; OPERATOR too for a graph that carries nothing.
pub fn compile_step(graph: &Graph, columns: usize, carry: &[(String, String)]) -> Result<Arc<dyn Backend>> {
    compile_step_for(graph, columns, carry, Level::best())
}

/// [`compile_step`] for a level of instructions other than the processor's best. All levels give the same bits.
///
/// # Errors
///
/// Those of [`compile_step`].
pub fn compile_step_for(graph: &Graph, columns: usize, carry: &[(String, String)], level: Level) -> Result<Arc<dyn Backend>> {
    let carried = if carry.is_empty() { Carried::Layers } else { Carried::Named(carry) };
    let plan = build::plan(graph, Some(&[1, columns]), carried, level, Kept::default())?;
    Ok(Arc::new(plan))
}

/// How the weights of recurrent layers and the nodes of trees are kept; those of other layers are kept as they are stored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept<'a> {
    /// How.
    pub precision: Precision,
    /// The size of the largest value that is expected of each column of the rows, above 0; empty when nothing is known of them.
    /// A layer in int8 that reads the rows as they come rounds each column by its own range.
    pub ranges: &'a [f32],
    /// How trees are laid out for a row's way down; by default a fixed rule on their shape chooses.
    pub descent: Option<Descent>,
}

/// [`compile_for`] with smaller weights, or trees that descend in another way.
///
/// # Errors
///
/// Those of [`compile`]; [`Status::Operator`] when the graph has no layer that can keep them so, or its trees or this processor cannot.
pub fn compile_kept(graph: &Graph, hint: Option<&[usize]>, level: Level, kept: Kept<'_>) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(build::plan(graph, hint, Carried::Nothing, level, kept)?))
}

/// A valid graph that no native kernel runs.
fn unable(text: impl std::fmt::Display) -> Error {
    Error::new(Status::Operator, format!("{text}; no native kernel runs this"))
}

/// A graph that contradicts itself.
fn faulty(text: impl Into<String>) -> Error {
    Error::new(Status::Model, text)
}

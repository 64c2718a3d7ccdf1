//! Native kernels: a graph of a family that is known becomes a plan of steps over one row.
//!
//! Linear models and trees: every sum runs in one canonical order, on every machine: 16 virtual lanes, lane i taking the elements i, i + 16, ..., each lane
//! an f64, then a fixed reduction (`native/lanes.rs`). The lanes are f64 because the product of two f32 is exact in f64: multiply-then-add
//! and a fused multiply-add give the same bits, so machines without FMA agree with the others and lose no speed to emulating it.
//! It also keeps sums over hundreds of trees within one f32 rounding of the exact value. Exponentials are `libm`'s, never the
//! platform's.
//!
//! Neural networks: every sum is one chain of fused multiply-adds in f32, from the bias over the inputs in their order (`native/matrix.rs`),
//! and exponentials are made of the same operations (`native/block.rs`); the same bits on every instruction set.

mod activation;
mod attrs;
mod block;
mod build;
mod conv;
mod demand;
mod describe;
mod gru;
mod lanes;
mod linear;
mod lstm;
mod matrix;
mod norm;
mod pairs;
mod plan;
mod pool;
mod recurrent;
mod rowwise;
mod scores;
mod shape;
mod simd;
mod sliding;
mod softmax;
mod streaming;
mod sums;
mod tree;
mod units;
mod view;

pub use simd::Level;

use std::sync::Arc;

use super::backend::Backend;
use super::onnx_ir::{Graph, shown};
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
    let plan = build::plan(graph, hint, level)?;
    Ok(Arc::new(plan))
}

/// A valid graph that no native kernel runs.
fn unable(text: impl std::fmt::Display) -> Error {
    Error::new(Status::Operator, format!("{text}; no native kernel runs this"))
}

/// A graph that contradicts itself.
fn faulty(text: impl Into<String>) -> Error {
    Error::new(Status::Model, text)
}

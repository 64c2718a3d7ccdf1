//! The weights of a recurrent layer in the precision that was asked for.

use super::half::Half;
use super::int8::Int8;
use super::matrix::{Lay, Matrix, Product, Walk};
use super::simd::Level;
use super::sums::Registers;
use crate::error::Result;
use crate::model::params::Visit;
use crate::model::precision::Precision;

/// What rows are multiplied with.
#[derive(Debug)]
pub(super) enum Factor {
    /// Every sum is one chain in f32.
    F32(Matrix),
    /// The same over rounded weights.
    Fp16(Half),
    /// Every sum is a whole number.
    Int8(Int8),
}

/// Weights as a file stores them.
pub(super) struct Stored<'s> {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Of an input and an output.
    pub(super) weight: &'s dyn Fn(usize, usize) -> f32,
    /// Of an output.
    pub(super) bias: &'s dyn Fn(usize) -> f32,
    /// Whose they are.
    pub(super) what: &'s str,
}

/// What a layer reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reads<'r> {
    /// Rows as the caller gives them, with the sizes of the largest values that are expected; empty when nothing is known of them.
    Rows(&'r [f32]),
    /// States of layers.
    States,
}

/// Rows that are multiplied, one behind the other.
pub(super) struct Rows<'a> {
    pub(super) count: usize,
    /// From one row to the next.
    pub(super) stride: usize,
    pub(super) from: &'a [f32],
    pub(super) to: &'a mut [f32],
    pub(super) lay: Lay,
    /// Scratch memory of `Factor::room_len` values.
    pub(super) room: &'a mut [f32],
}

impl Factor {
    /// From stored weights.
    pub(super) fn new(stored: &Stored<'_>, precision: Precision, reads: Reads<'_>, level: Level) -> Result<Factor> {
        let Stored { inputs, outputs, weight, bias, what } = *stored;
        // It checks the weights as well.
        let full = Matrix::new((inputs, outputs), weight, bias, what)?;
        Ok(match precision {
            Precision::F32 => Factor::F32(full),
            Precision::Fp16 => Factor::Fp16(Half::new(stored, level)?),
            Precision::Int8 => Factor::Int8(Int8::new(stored, reads, level)?),
        })
    }

    pub(super) fn inputs(&self) -> usize {
        match self {
            Factor::F32(matrix) => matrix.inputs(),
            Factor::Fp16(matrix) => matrix.inputs(),
            Factor::Int8(matrix) => matrix.inputs(),
        }
    }

    pub(super) fn outputs(&self) -> usize {
        match self {
            Factor::F32(matrix) => matrix.outputs(),
            Factor::Fp16(matrix) => matrix.outputs(),
            Factor::Int8(matrix) => matrix.outputs(),
        }
    }

    /// Values of scratch memory that a product takes.
    pub(super) fn room_len(&self) -> usize {
        match self {
            Factor::F32(_) | Factor::Fp16(_) => 0,
            Factor::Int8(matrix) => matrix.room_len(),
        }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        match self {
            Factor::F32(matrix) => matrix.params(visit),
            Factor::Fp16(matrix) => matrix.params(visit),
            Factor::Int8(matrix) => matrix.params(visit),
        }
    }

    /// Rows times the weights, with the bias.
    #[inline(always)]
    pub(super) fn product<R: Registers>(&self, rows: Rows<'_>) {
        match self {
            Factor::F32(matrix) => {
                let Rows { count, stride, from, to, lay, .. } = rows;
                R::part(Product { matrix, from, walk: Walk { stride, ..Walk::plain(count, 0) }, to, lay });
            }
            Factor::Fp16(matrix) => matrix.product::<R>(rows),
            Factor::Int8(matrix) => matrix.product::<R>(rows),
        }
    }
}

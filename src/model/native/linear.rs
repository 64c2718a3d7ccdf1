//! Linear layers: scores = alpha W x + bias, one row of weights an output.

use super::attrs;
use super::lanes::{Chunk, LANES, chunked, dot};
use super::simd::Work;
use super::sums::Registers;
use super::{faulty, shown, unable};
use crate::error::Result;
use crate::model::onnx_ir::{Node, Tensor};

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    /// Row-major, one row of whole chunks an output.
    weights: Vec<Chunk>,
    bias: Vec<f64>,
    alpha: f64,
}

impl Linear {
    /// The layer, when its sizes agree; `what` names the operator.
    fn new(inputs: usize, weights: Vec<f32>, bias: Vec<f64>, alpha: f64, what: &str) -> Result<Linear> {
        if bias.is_empty() || bias.len().checked_mul(inputs) != Some(weights.len()) {
            return Err(faulty(format!("{what} has {} weights for {inputs} inputs and {} outputs", weights.len(), bias.len())));
        }
        let finite = weights.iter().all(|weight| weight.is_finite()) && bias.iter().all(|bias| bias.is_finite()) && alpha.is_finite();
        if !finite {
            return Err(faulty(format!("{what} has a weight that is not finite")));
        }
        let weights = weights.chunks_exact(inputs.max(1)).flat_map(chunked).collect();
        Ok(Linear { inputs, weights, bias, alpha })
    }

    /// How many scores it gives.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn summary(&self) -> String {
        let many = if self.outputs() == 1 { "" } else { "s" };
        format!("{} output{many} of {} inputs", self.outputs(), self.inputs)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self.weights.as_slice()) + self.bias.len() * 8
    }
}

/// One run over a row.
pub(super) struct LinearRun<'a> {
    pub(super) linear: &'a Linear,
    pub(super) row: &'a [f32],
    pub(super) scores: &'a mut [f32],
}

/// Each output is rounded to f32 once.
impl Work for LinearRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Linear { inputs, weights, bias, alpha } = self.linear;
        let (mut rest, chunks) = (weights.as_slice(), inputs.div_ceil(LANES));
        for (score, bias) in self.scores.iter_mut().zip(bias) {
            let (weights, next) = rest.split_at(chunks);
            *score = (alpha * dot(weights, self.row) + bias) as f32;
            rest = next;
        }
    }
}

/// `LinearClassifier` or `LinearRegressor`; `outputs` as the operator counts them without intercepts.
pub(super) fn classical(node: &Node, inputs: usize, outputs: usize) -> Result<Linear> {
    let what = shown(&node.title());
    let weights = attrs::floats(node, "coefficients")?.to_vec();
    let bias: Vec<f64> = attrs::floats(node, "intercepts")?.iter().map(|value| f64::from(*value)).collect();
    let bias = if bias.is_empty() { vec![0.0; outputs] } else { bias };
    Linear::new(inputs, weights, bias, 1.0, &what)
}

/// How many rows of coefficients a classical operator has.
pub(super) fn rows(node: &Node, inputs: usize) -> Result<usize> {
    let count = attrs::floats(node, "coefficients")?.len();
    if count == 0 || !count.is_multiple_of(inputs) {
        return Err(faulty(format!("{} has {count} coefficients for {inputs} inputs", shown(&node.title()))));
    }
    Ok(count / inputs)
}

/// `Gemm` with its weights and, when it has one, its bias.
pub(super) fn gemm(node: &Node, inputs: usize, weights: &Tensor, bias: Option<&Tensor>) -> Result<Linear> {
    attrs::refuse(node, &["broadcast"])?;
    if attrs::int(node, "transA", 0)? != 0 {
        return Err(unable("Gemm transposes its row (transA)"));
    }
    let turned = attrs::int(node, "transB", 0)? != 0;
    let beta = f64::from(attrs::float(node, "beta", 1.0)?);
    let alpha = f64::from(attrs::float(node, "alpha", 1.0)?);
    let (weights, outputs) = by_output(weights, inputs, turned, "Gemm")?;
    let bias = bias.map_or_else(|| Ok(vec![0.0; outputs]), |bias| spread(bias, outputs, beta))?;
    Linear::new(inputs, weights, bias, alpha, "Gemm")
}

/// `MatMul` of a row with stored weights.
pub(super) fn matmul(inputs: usize, weights: &Tensor) -> Result<Linear> {
    let (weights, outputs) = by_output(weights, inputs, false, "MatMul")?;
    Linear::new(inputs, weights, vec![0.0; outputs], 1.0, "MatMul")
}

/// The weights with one row an output, whichever way they are stored.
fn by_output(tensor: &Tensor, inputs: usize, turned: bool, what: &str) -> Result<(Vec<f32>, usize)> {
    let values = tensor.as_f32().ok_or_else(|| unable(format!("{what} has weights that are not float32")))?;
    let (rows, columns) = match (tensor.dims.as_slice(), turned) {
        ([rows, columns], true) => (*columns, *rows),
        ([rows, columns], false) => (*rows, *columns),
        ([rows], false) => (*rows, 1),
        (dims, _) => return Err(unable(format!("{what} has weights with dimensions {dims:?}"))),
    };
    if rows != inputs || columns == 0 {
        return Err(faulty(format!("{what} has weights with dimensions {:?} for {inputs} inputs", tensor.dims)));
    }
    if turned || columns == 1 {
        return Ok((values.to_vec(), columns));
    }
    let weights = (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied()).collect();
    Ok((weights, columns))
}

/// A bias of one value or of one an output, times `beta`.
fn spread(bias: &Tensor, outputs: usize, beta: f64) -> Result<Vec<f64>> {
    let values = bias.as_f32().ok_or_else(|| unable("Gemm has a bias that is not float32"))?;
    let fits = values.len() == 1 || (values.len() == outputs && bias.dims.last() == Some(&outputs));
    if !fits {
        return Err(faulty(format!("Gemm has a bias with dimensions {:?} for {outputs} outputs", bias.dims)));
    }
    let at = |index: usize| if values.len() == 1 { values[0] } else { values[index] };
    Ok((0..outputs).map(|index| beta * f64::from(at(index))).collect())
}

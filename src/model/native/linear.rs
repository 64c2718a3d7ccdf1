//! Linear layers: scores = alpha W x + bias, one row of weights a score, and what is made of them.

use super::attrs;
use super::lanes::{Chunk, LANES, chunked, dot};
use super::scores::{Link, Second, Transform};
use super::simd::Work;
use super::sums::Registers;
use super::{faulty, shown, unable};
use crate::error::Result;
use crate::model::onnx_ir::{Node, Tensor};
use crate::model::params::{Params, Visit};

/// A linear layer.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    /// Row-major, one row of whole chunks a score.
    weights: Params<Chunk>,
    bias: Params<f64>,
    alpha: f64,
    link: Link,
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
        Ok(Linear { inputs, weights, bias: bias.into(), alpha, link: Link::NONE })
    }

    /// The same with a function of its scores.
    pub(super) fn linked(self, link: Link) -> Linear {
        match link {
            Link::Each(Transform::Logistic) if self.is_mirrored() => Linear { link: Link::Both(Second::Logistic), ..self.second() },
            link => Linear { link, ..self },
        }
    }

    /// There are two scores, of which the first is the second with the other sign: the way in which scikit-learn's binary models are
    /// exported. Only a zero may have another sign, which the logistic function does not tell.
    fn is_mirrored(&self) -> bool {
        let (first, second) = self.weights.split_at(self.weights.len() / 2);
        let pairs = first.as_flattened().iter().zip(second.as_flattened());
        matches!(*self.bias, [first, second] if first == -second) && pairs.into_iter().all(|(first, second)| *first == -second)
    }

    /// The second score alone.
    fn second(self) -> Linear {
        let weights = self.weights[self.weights.len() / 2..].to_vec().into();
        Linear { weights, bias: self.bias[1..].to_vec().into(), ..self }
    }

    /// How many values it gives.
    pub(super) fn outputs(&self) -> usize {
        self.link.width(self.bias.len())
    }

    pub(super) fn summary(&self) -> String {
        let many = if self.outputs() == 1 { "" } else { "s" };
        format!("{} output{many} of {} inputs", self.outputs(), self.inputs)
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        visit(&mut self.weights);
        visit(&mut self.bias);
    }
}

/// One run over a row.
pub(super) struct LinearRun<'a> {
    pub(super) linear: &'a Linear,
    pub(super) row: &'a [f32],
    pub(super) to: &'a mut [f32],
}

/// Each score is rounded to f32 once.
impl Work for LinearRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Linear { inputs, weights, bias, alpha, link } = self.linear;
        let (mut rest, chunks) = (&weights[..], inputs.div_ceil(LANES));
        let scores = self.to.len().saturating_sub(bias.len());
        for (score, bias) in self.to[scores..].iter_mut().zip(bias) {
            let (weights, next) = rest.split_at(chunks);
            *score = (alpha * dot::<R>(weights, self.row) + bias) as f32;
            rest = next;
        }
        link.apply(self.to);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::simd::Level;

    const WEIGHTS: [f32; 3] = [0.3, -1.7, 0.0];
    const BIAS: f64 = 0.02;

    fn given(level: Level, linear: &Linear, row: &[f32]) -> [u32; 2] {
        let mut to = [f32::NAN; 2];
        level.run(LinearRun { linear, row, to: &mut to });
        to.map(f32::to_bits)
    }

    fn logistic(weights: Vec<f32>, bias: Vec<f64>) -> Linear {
        Linear::new(3, weights, bias, 1.0, "x").unwrap().linked(Link::Each(Transform::Logistic))
    }

    #[test]
    fn mirrored_scores_are_summed_once_to_the_same_bits() {
        let both: Vec<f32> = WEIGHTS.iter().map(|weight| -weight).chain(WEIGHTS).collect();
        let mirrored = logistic(both.clone(), vec![-BIAS, BIAS]);
        let whole = Linear { link: Link::Each(Transform::Logistic), ..Linear::new(3, both, vec![-BIAS, BIAS], 1.0, "x").unwrap() };
        assert_eq!((mirrored.bias.len(), whole.bias.len(), mirrored.outputs()), (1, 2, 2));
        for row in [[0.0; 3], [1.0, 2.0, 3.0], [-0.7, 1e-3, 1e30], [90.0, -80.0, 0.0], [-90.0, 80.0, 0.0]] {
            let expected = given(Level::best(), &whole, &row);
            Level::available().into_iter().for_each(|level| assert_eq!(given(level, &mirrored, &row), expected, "{level:?} {row:?}"));
        }
    }

    #[test]
    fn scores_that_are_no_mirror_stay_two() {
        let rows = |change: f32| WEIGHTS.iter().map(|weight| -weight).chain([WEIGHTS[0] + change, WEIGHTS[1], WEIGHTS[2]]).collect::<Vec<_>>();
        assert_eq!(logistic(rows(0.0), vec![-BIAS, BIAS]).bias.len(), 1);
        assert_eq!(logistic(rows(1e-7), vec![-BIAS, BIAS]).bias.len(), 2);
        assert_eq!(logistic(rows(0.0), vec![BIAS, BIAS]).bias.len(), 2);
        let softmax = Linear::new(3, rows(0.0), vec![-BIAS, BIAS], 1.0, "x").unwrap().linked(Link::Each(Transform::Softmax));
        assert_eq!(softmax.bias.len(), 2);
    }
}

//! `Gemm` and `MatMul` with stored weights.

use super::{Builder, Kernel, Node, Result, Slot, Tensor, attrs, faulty, linear, shape, shown, unable};
use crate::model::native::matrix::Matrix;
use crate::model::native::pairs::Pairs;
use crate::model::native::view::View;

impl<'a> Builder<'a> {
    /// The layer of a linear model.
    pub(super) fn dense(&mut self, node: &'a Node) -> Result<()> {
        let row = self.row(node)?;
        let weights = self.stored(node, 1)?;
        let layer = match node.op.as_str() {
            "MatMul" => linear::matmul(row.width(), &weights)?,
            _ => linear::gemm(node, row.width(), &weights, self.optional(node, 2)?.as_deref())?,
        };
        let shape = given(row.shape(), &weights, layer.outputs());
        debug_assert_eq!(shape::width(&shape), layer.outputs());
        let slot = self.push(Kernel::Linear(layer), &row, shape)?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// A layer of a neural network, which runs over every row of a sequence.
    pub(super) fn product(&mut self, node: &'a Node) -> Result<()> {
        if node.op == "MatMul" && self.constant(node, 1).is_none() {
            return self.pairs(node);
        }
        let value = self.slot(node, 0)?;
        let weights = self.stored(node, 1)?;
        let Some((inputs, rows)) = value.shape().split_last().map(|(last, rest)| (*last, shape::width(rest))) else {
            return Err(unable(format!("{} reads a single number", shown(&node.title()))));
        };
        let matrix = match node.op.as_str() {
            "MatMul" => plain(inputs, &weights)?,
            _ => scaled(node, inputs, &weights, self.optional(node, 2)?.as_deref())?,
        };
        if node.op == "Gemm" && value.shape().len() != 2 {
            return Err(faulty(format!("Gemm reads a value with dimensions {:?}, which is no table", value.shape())));
        }
        let shape = given(value.shape(), &weights, matrix.outputs());
        let slot = self.push(Kernel::Dense { matrix, rows, then: None }, &value, shape)?;
        self.name(node, 0, slot);
        Ok(())
    }
}

impl<'a> Builder<'a> {
    /// A product of two values of the row, wherever theirs lie.
    fn pairs(&mut self, node: &'a Node) -> Result<()> {
        let (a, b) = (self.value(node, 0)?, self.value(node, 1)?);
        let slot = self.pair(&a, &b, &shown(&node.title()))?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// Matrices times matrices; `what` names the operator.
    pub(super) fn pair(&mut self, a: &Slot, b: &Slot, what: &str) -> Result<Slot> {
        let ([a_rest @ .., rows, inner], [b_rest @ .., also_inner, columns]) = (a.shape(), b.shape()) else {
            return Err(unable(format!("{what} of values with dimensions {:?} and {:?}", a.shape(), b.shape())));
        };
        if inner != also_inner {
            return Err(faulty(format!("{what} of values with dimensions {:?} and {:?}", a.shape(), b.shape())));
        }
        let matrices = shape::broadcast(a_rest, b_rest, what)?;
        self.claim(self.next, shape::width(&matrices).saturating_mul(rows * columns))?;
        let starts = |view: &View, rest: usize| {
            let rest = View { offset: 0, shape: view.shape[..rest].to_vec(), strides: view.strides[..rest].to_vec() };
            rest.expanded(&matrices).map(|view| view.index()).ok_or_else(|| unable(format!("{what} of repeated matrices")))
        };
        let (a_starts, b_starts) = (starts(&a.view, a_rest.len())?, starts(&b.view, b_rest.len())?);
        let last_two = |view: &View| (view.strides[view.strides.len() - 2], view.strides[view.strides.len() - 1]);
        let pairs = Pairs {
            starts: a_starts.into_iter().zip(b_starts).collect(),
            rows: *rows,
            inner: *inner,
            columns: *columns,
            a: last_two(&a.view),
            b: last_two(&b.view),
            inner_seen: None,
            columns_seen: None,
        };
        let shape = [matrices.as_slice(), &[*rows, *columns]].concat();
        self.push(Kernel::Pairs { pairs, other: b.place, other_width: b.view.span() }, a, shape)
    }
}

/// The shape of a product; weights of one dimension take the last one away.
fn given(shape: &[usize], weights: &Tensor, outputs: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape.pop();
    if weights.dims.len() > 1 {
        shape.push(outputs);
    }
    shape
}

/// The weights of a layer as a table; dimensions of 1 before it say nothing.
fn table<'t>(weights: &'t Tensor, what: &str) -> Result<(&'t [f32], usize, usize)> {
    let values = weights.as_f32().ok_or_else(|| unable(format!("{what} has weights that are not float32")))?;
    match weights.dims.as_slice() {
        [rows] => Ok((values, *rows, 1)),
        [rest @ .., rows, columns] if shape::width(rest) == 1 => Ok((values, *rows, *columns)),
        dims => Err(unable(format!("{what} has weights with dimensions {dims:?}"))),
    }
}

fn fits(what: &str, weights: &Tensor, inputs: usize, (rows, columns): (usize, usize)) -> Result<()> {
    if rows == inputs && columns > 0 {
        return Ok(());
    }
    Err(faulty(format!("{what} has weights with dimensions {:?} for {inputs} inputs", weights.dims)))
}

fn plain(inputs: usize, weights: &Tensor) -> Result<Matrix> {
    let (values, rows, columns) = table(weights, "MatMul")?;
    fits("MatMul", weights, inputs, (rows, columns))?;
    Matrix::new((inputs, columns), |input, output| values[input * columns + output], |_| 0.0, "MatMul")
}

/// alpha and beta go into weights and bias.
fn scaled(node: &Node, inputs: usize, weights: &Tensor, bias: Option<&Tensor>) -> Result<Matrix> {
    attrs::refuse(node, &["broadcast"])?;
    if attrs::int(node, "transA", 0)? != 0 {
        return Err(unable("Gemm transposes its row (transA)"));
    }
    let (alpha, beta) = (attrs::float(node, "alpha", 1.0)?, attrs::float(node, "beta", 1.0)?);
    let turned = attrs::int(node, "transB", 0)? != 0;
    let (values, rows, columns) = table(weights, "Gemm")?;
    let (rows, columns) = if turned { (columns, rows) } else { (rows, columns) };
    fits("Gemm", weights, inputs, (rows, columns))?;
    let bias = bias.map_or_else(|| Ok(Vec::new()), |bias| terms(bias, columns))?;
    let at = |input: usize, output: usize| if turned { values[output * inputs + input] } else { values[input * columns + output] };
    let term = |output: usize| match bias.as_slice() {
        [] => 0.0,
        [all] => beta * all,
        each => beta * each[output],
    };
    Matrix::new((inputs, columns), |input, output| alpha * at(input, output), term, "Gemm")
}

/// A bias of one value or of one an output.
fn terms(bias: &Tensor, outputs: usize) -> Result<Vec<f32>> {
    let values = bias.as_f32().ok_or_else(|| unable("Gemm has a bias that is not float32"))?;
    let fits = values.len() == 1 || (values.len() == outputs && bias.dims.last() == Some(&outputs));
    if fits { Ok(values.to_vec()) } else { Err(faulty(format!("Gemm has a bias with dimensions {:?} for {outputs} outputs", bias.dims))) }
}

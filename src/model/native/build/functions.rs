//! Functions of one value, softmax and normalisation.

use super::{Builder, Kernel, Node, Result, Slot, attrs, faulty, shape, shown, unable};
use crate::model::native::activation::Activation;
use crate::model::native::norm::{Affine, LayerNorm};
use crate::model::native::rowwise::Unary;
use crate::model::native::scores::Transform;

impl<'a> Builder<'a> {
    /// Functions of one value; softmax and its logarithm.
    pub(super) fn function(&mut self, node: &'a Node) -> Result<()> {
        let slot = match node.op.as_str() {
            "Softmax" => self.softmax(node, Transform::Softmax)?,
            "LogSoftmax" => self.softmax(node, Transform::LogSoftmax)?,
            _ => {
                let kernel = self.of_one(node)?;
                let value = self.value(node, 0)?;
                self.elementwise(kernel, &value)?
            }
        };
        self.name(node, 0, slot);
        Ok(())
    }

    fn of_one(&self, node: &Node) -> Result<Kernel> {
        let number = |name, default| attrs::float(node, name, default);
        Ok(Kernel::Activation(match node.op.as_str() {
            "Sigmoid" if !self.neural => return Ok(Kernel::Unary(Unary::Sigmoid)),
            "Exp" => return Ok(Kernel::Unary(Unary::Exp)),
            "Neg" => return Ok(Kernel::Unary(Unary::Neg)),
            "Sigmoid" => Activation::Sigmoid,
            "Relu" => Activation::Relu,
            "Tanh" => Activation::Tanh,
            "LeakyRelu" => Activation::LeakyRelu { slope: number("alpha", 0.01)? },
            "Elu" => Activation::Elu { alpha: number("alpha", 1.0)?, gamma: 1.0 },
            "Selu" => Activation::Elu { alpha: number("alpha", 1.673_263_2)?, gamma: number("gamma", 1.050_701)? },
            "HardSigmoid" => Activation::HardSigmoid { alpha: number("alpha", 0.2)?, beta: number("beta", 0.5)? },
            "HardSwish" => Activation::HardSwish,
            "Softplus" => Activation::Softplus,
            "Softsign" => Activation::Softsign,
            "Erf" => Activation::Erf,
            "Abs" => Activation::Abs,
            "Sqrt" => Activation::Sqrt,
            "Log" => Activation::Log,
            "Reciprocal" => Activation::Reciprocal,
            "Clip" => self.clip(node)?,
            "Gelu" => match attrs::text(node, "approximate", "none")? {
                "none" => Activation::Gelu,
                "tanh" => Activation::GeluTanh,
                other => return Err(unable(format!("Gelu with the approximation {}", shown(other)))),
            },
            _ => return Err(unable(format!("{} of a value of the row", shown(&node.title())))),
        }))
    }

    /// Bounds are attributes before operator set 11 and inputs since.
    fn clip(&self, node: &Node) -> Result<Activation> {
        let bound = |input, name, default| match self.scalar(node, input)? {
            Some(bound) => Ok(bound),
            None => attrs::float(node, name, default),
        };
        let (low, high) = (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?);
        if low.is_nan() || high.is_nan() {
            return Err(faulty("Clip has a bound that is NaN"));
        }
        Ok(Activation::Clip { low, high })
    }

    /// Along the last axis of more than one value: before operator set 13 everything from the axis on is one row.
    fn softmax(&mut self, node: &Node, transform: Transform) -> Result<Slot> {
        let value = self.slot(node, 0)?;
        let per_axis = self.graph.opset("") >= 13;
        let axis = shape::axis(attrs::int(node, "axis", if per_axis { -1 } else { 1 })?, value.shape().len(), &node.op)?;
        let columns = shape::width(&value.shape()[axis..]);
        if per_axis && columns != value.shape()[axis] {
            return Err(unable(format!("{} along axis {axis} of {:?}", node.op, value.shape())));
        }
        let of_network = self.neural && transform == Transform::Softmax;
        let kernel = if of_network { Kernel::Softmax { columns } } else { Kernel::Transform { transform, columns } };
        self.push(kernel, &value, value.shape().to_vec())
    }

    pub(super) fn normalization(&mut self, node: &'a Node) -> Result<()> {
        let slot = if node.op == "LayerNormalization" { self.layer_norm(node)? } else { self.batch_norm(node)? };
        self.name(node, 0, slot);
        Ok(())
    }

    fn layer_norm(&mut self, node: &Node) -> Result<Slot> {
        let value = self.slot(node, 0)?;
        let axis = shape::axis(attrs::int(node, "axis", -1)?, value.shape().len(), "LayerNormalization")?;
        let columns = shape::width(&value.shape()[axis..]);
        let scale = self.columns(node, 1, columns)?;
        let bias = if node.inputs.get(2).is_some_and(|name| !name.is_empty()) { self.columns(node, 2, columns)? } else { vec![0.0; columns] };
        let epsilon = attrs::float(node, "epsilon", 1e-5)?;
        self.push(Kernel::LayerNorm(LayerNorm { scale: scale.into(), bias: bias.into(), epsilon }), &value, value.shape().to_vec())
    }

    /// Along the channels, which are axis 1, with the statistics of the training.
    fn batch_norm(&mut self, node: &Node) -> Result<Slot> {
        attrs::refuse(node, &["spatial", "is_test"])?;
        if attrs::int(node, "training_mode", 0)? != 0 {
            return Err(unable("BatchNormalization in training mode; export the model in evaluation mode (model.eval())"));
        }
        let value = self.value(node, 0)?;
        let channels = value.shape().get(1).copied().ok_or_else(|| unable("BatchNormalization of a value without channels"))?;
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|input| self.columns(node, input, channels));
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let epsilon = f64::from(attrs::float(node, "epsilon", 1e-5)?);
        let factor: Vec<f64> = scale.iter().zip(&variance).map(|(scale, variance)| f64::from(*scale) / (f64::from(*variance) + epsilon).sqrt()).collect();
        let term = bias.iter().zip(&mean).zip(&factor).map(|((bias, mean), factor)| (f64::from(*bias) - f64::from(*mean) * factor) as f32).collect();
        let affine = Affine { factor: factor.iter().map(|factor| *factor as f32).collect(), term };
        if !affine.factor.iter().chain(&affine.term).all(|value| value.is_finite()) {
            return Err(faulty("BatchNormalization has statistics that are not finite"));
        }
        let (value, back) = self.channels_last(&value)?;
        let slot = self.push(Kernel::Affine(affine), &value, value.shape().to_vec())?;
        Ok(slot.seen(slot.view.permuted(&back)))
    }

    /// A value with its channels (axis 1) behind all other axes and in order, and the axes that bring them back.
    fn channels_last(&mut self, value: &Slot) -> Result<(Slot, Vec<usize>)> {
        let rank = value.shape().len();
        let order: Vec<usize> = (0..rank).filter(|axis| *axis != 1).chain([1]).collect();
        let last = self.ordered(&value.seen(value.view.permuted(&order)))?;
        let back = (0..rank).map(|axis| order.iter().position(|from| *from == axis).unwrap_or(axis)).collect();
        Ok((last, back))
    }

    /// A stored tensor of one finite value for each column.
    fn columns(&self, node: &Node, input: usize, columns: usize) -> Result<Vec<f32>> {
        let tensor = self.stored(node, input)?;
        let values = tensor.as_f32().filter(|values| values.len() == columns && values.iter().all(|value| value.is_finite()));
        values.map(<[f32]>::to_vec).ok_or_else(|| {
            let what = shown(&node.title());
            faulty(format!("{what} has an input {input} with dimensions {:?} where {columns} finite float32 values are wanted", tensor.dims))
        })
    }
}

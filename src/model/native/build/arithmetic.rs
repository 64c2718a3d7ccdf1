//! Operators that work value by value, and softmax.

use super::{Builder, Kernel, Node, Result, Slot, Tensor, attrs, shape, shown, unable};
use crate::model::native::rowwise::{Binary, Unary};
use crate::model::native::scores::Transform;

/// One side of an operator of two values.
enum Side<'a> {
    Value(Slot),
    Stored(&'a Tensor),
}

impl<'a> Builder<'a> {
    /// `Add`, `Sub`, `Mul`, `Div`, and `Sum` of any number.
    pub(super) fn arithmetic(&mut self, node: &'a Node) -> Result<()> {
        attrs::refuse(node, &["broadcast", "axis"])?;
        let op = match node.op.as_str() {
            "Sub" => Binary::Sub,
            "Mul" => Binary::Mul,
            "Div" => Binary::Div,
            _ => Binary::Add,
        };
        let mut result = self.side(node, 0)?;
        for input in 1..node.inputs.len() {
            let other = self.side(node, input)?;
            result = Side::Value(self.join(node, op, result, other)?);
        }
        match result {
            Side::Value(slot) => self.name(node, 0, slot),
            Side::Stored(_) => return Err(unable(format!("{} has only stored inputs", shown(&node.title())))),
        }
        Ok(())
    }

    fn side(&self, node: &Node, input: usize) -> Result<Side<'a>> {
        match self.constant(node, input) {
            Some(tensor) => Ok(Side::Stored(tensor)),
            None => self.slot(node, input).map(Side::Value),
        }
    }

    fn join(&mut self, node: &Node, op: Binary, a: Side<'a>, b: Side<'a>) -> Result<Slot> {
        match (a, b) {
            (Side::Value(a), Side::Value(b)) => {
                let shape = shape::broadcast(&a.shape, &b.shape, &shown(&node.title()))?;
                self.push(Kernel::Binary { op, other: b.place, other_width: b.width() }, &a, shape)
            }
            (Side::Value(value), Side::Stored(tensor)) => self.with_constant(node, op, &value, tensor, false),
            (Side::Stored(tensor), Side::Value(value)) => self.with_constant(node, op, &value, tensor, true),
            (Side::Stored(_), Side::Stored(_)) => Err(unable(format!("{} has only stored inputs", shown(&node.title())))),
        }
    }

    fn with_constant(&mut self, node: &Node, op: Binary, value: &Slot, tensor: &Tensor, first: bool) -> Result<Slot> {
        let what = shown(&node.title());
        let constant = tensor.as_f32().filter(|values| !values.is_empty()).ok_or_else(|| unable(format!("{what} has a stored input that is not float32")))?;
        let shape = shape::broadcast(&value.shape, &tensor.dims, &what)?;
        self.push(Kernel::Constant { op, constant: constant.to_vec(), first }, value, shape)
    }

    /// `Sigmoid`, `Exp`, `Neg`, `Softmax`.
    pub(super) fn function(&mut self, node: &'a Node) -> Result<()> {
        let value = self.slot(node, 0)?;
        let kernel = match node.op.as_str() {
            "Sigmoid" => Kernel::Unary(Unary::Sigmoid),
            "Exp" => Kernel::Unary(Unary::Exp),
            "Neg" => Kernel::Unary(Unary::Neg),
            _ => self.softmax(node, &value)?,
        };
        let slot = self.push(kernel, &value, value.shape.clone())?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// The axis must hold the whole row: before operator set 13 everything from the axis on is one row.
    fn softmax(&self, node: &Node, value: &Slot) -> Result<Kernel> {
        let per_axis = self.graph.opset("") >= 13;
        let axis = shape::axis(attrs::int(node, "axis", if per_axis { -1 } else { 1 })?, value.shape.len(), "Softmax")?;
        let along = if per_axis { value.shape[axis] } else { shape::width(&value.shape[axis..]) };
        if along == value.width() { Ok(Kernel::Transform(Transform::Softmax)) } else { Err(unable(format!("Softmax along axis {axis} of {:?}", value.shape))) }
    }
}

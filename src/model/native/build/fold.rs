//! Computing while a graph is compiled what does not depend on the row: exporters write the making of initial states, the cutting of
//! weights and the arithmetic of shapes as nodes.

use super::constants::{Constant, joined, room};
use super::moves::{is_move, joint};
use super::numbers::{self, Numbers};
use super::{Builder, Node, Result, Tensor, attrs, faulty, shape, shown, unable};
use crate::model::native::view::View;
use crate::model::onnx_ir::{Attr, Data};

impl<'a> Builder<'a> {
    /// Computes a node whose inputs are all constants, or that only asks for a shape. Whether it was one.
    pub(super) fn fold(&mut self, node: &'a Node) -> Result<bool> {
        if !node.domain.is_empty() {
            return Ok(false);
        }
        if matches!(node.op.as_str(), "Shape" | "Size") {
            return self.fold_shape(node).map(|()| true);
        }
        let named = |input: &usize| !node.inputs[*input].is_empty();
        let inputs: Option<Vec<Constant<'a>>> = (0..node.inputs.len()).filter(named).map(|input| self.constant(node, input)).collect();
        let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else { return Ok(false) };
        match node.op.as_str() {
            op if is_move(op) => self.fold_move(node, &inputs[0])?,
            "Concat" => self.fold_concat(node, &inputs)?,
            "ConstantOfShape" => self.fold_filled(node, &inputs[0])?,
            "Range" => self.fold_range(node, &inputs)?,
            "Cast" => self.fold_cast(node, &inputs[0])?,
            "Where" => self.fold_where(node, &inputs)?,
            "Trilu" => self.fold_triangle(node, &inputs)?,
            "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => self.fold_reduce(node, &inputs[0])?,
            op if numbers::is_function(op) => self.fold_function(node, &inputs)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn fold_shape(&mut self, node: &'a Node) -> Result<()> {
        let shape = match self.constant(node, 0) {
            Some(tensor) => tensor.dims.clone(),
            None => self.value(node, 0)?.shape().to_vec(),
        };
        let whole: Vec<i64> = shape.iter().map(|dim| *dim as i64).collect();
        if node.op == "Size" {
            return self.keep(node, 0, Tensor { dims: Vec::new(), data: Data::I64(vec![shape::width(&shape) as i64]) });
        }
        let rank = whole.len() as i64;
        let bound = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
        let (start, end) = (bound(attrs::int(node, "start", 0)?), bound(attrs::int(node, "end", rank)?));
        let part = whole.get(start..end).unwrap_or_default().to_vec();
        self.keep(node, 0, Tensor { dims: vec![part.len()], data: Data::I64(part) })
    }

    fn fold_concat(&mut self, node: &'a Node, inputs: &[Constant<'a>]) -> Result<()> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.dims.as_slice()).collect();
        let joint = joint(node, &shapes)?;
        let data = joined(inputs).ok_or_else(|| unable("Concat of constants that are not of one kind of numbers"))?;
        let data = match joint.index {
            None => data,
            Some(index) => super::constants::picked(node, &data, &index)?,
        };
        self.keep(node, 0, Tensor { dims: joint.shape, data })
    }

    fn fold_filled(&mut self, node: &'a Node, dims: &Tensor) -> Result<()> {
        let dims = sizes(node, dims)?;
        let count = room(node, &dims)?;
        let data = match node.attr("value") {
            None => Data::F32(vec![0.0; count]),
            Some(Attr::Tensor(value)) if value.len() == 1 => super::constants::picked(node, &value.data, &vec![0; count])?,
            Some(_) => return Err(faulty("ConstantOfShape has a value that is not one number")),
        };
        self.keep(node, 0, Tensor { dims, data })
    }

    fn fold_range(&mut self, node: &'a Node, inputs: &[Constant<'a>]) -> Result<()> {
        let bounds: Option<Vec<i64>> =
            inputs.iter().map(|input| input.to_i64().and_then(|values| <[i64; 1]>::try_from(values).ok()).map(|[value]| value)).collect();
        let Some(&[start, limit, delta]) = bounds.as_deref() else { return Err(unable("Range of numbers that are not whole")) };
        let span = if delta > 0 { i128::from(limit) - i128::from(start) } else { i128::from(start) - i128::from(limit) };
        let step = i128::from(delta.unsigned_abs());
        if step == 0 {
            return Err(faulty("Range in steps of 0"));
        }
        let count = usize::try_from((span.max(0) + step - 1) / step).unwrap_or(usize::MAX);
        let count = room(node, &[count])?;
        let values = (0..count as i64).map(|i| start.wrapping_add(i.wrapping_mul(delta))).collect();
        self.keep(node, 0, Tensor { dims: vec![count], data: Data::I64(values) })
    }

    fn fold_cast(&mut self, node: &'a Node, tensor: &Tensor) -> Result<()> {
        room(node, &tensor.dims)?;
        let numbers = Numbers::of(node, tensor)?;
        let data = match attrs::int(node, "to", 0)? {
            1 => Data::F32(numbers.to_f32()),
            6 | 7 => Data::I64(numbers.to_i64()),
            9 => Data::U8(numbers.to_bool()),
            11 => Data::F64(numbers.to_f32().into_iter().map(f64::from).collect()),
            other => return Err(unable(format!("Cast of a constant to the element type {other}"))),
        };
        self.keep(node, 0, Tensor { dims: tensor.dims.clone(), data })
    }

    fn fold_where(&mut self, node: &'a Node, inputs: &[Constant<'a>]) -> Result<()> {
        let [condition, yes, no] = inputs else { return Err(faulty("Where has not three inputs")) };
        let dims = shape::broadcast(&shape::broadcast(&condition.dims, &yes.dims, "Where")?, &no.dims, "Where")?;
        room(node, &dims)?;
        let condition = Numbers::spread(node, condition, &dims)?.to_bool();
        let data = match (Numbers::spread(node, yes, &dims)?, Numbers::spread(node, no, &dims)?) {
            (Numbers::Whole(yes), Numbers::Whole(no)) => Data::I64(chosen(&condition, &yes, &no)),
            (yes, no) => Data::F32(chosen(&condition, &yes.to_f32(), &no.to_f32())),
        };
        self.keep(node, 0, Tensor { dims, data })
    }

    /// What lies above or below a diagonal of each matrix stays, the rest becomes 0.
    fn fold_triangle(&mut self, node: &'a Node, inputs: &[Constant<'a>]) -> Result<()> {
        let [tensor, rest @ ..] = inputs else { return Err(faulty("Trilu has no input")) };
        let [.., rows, columns] = tensor.dims[..] else { return Err(faulty(format!("Trilu of dimensions {:?}", tensor.dims))) };
        room(node, &tensor.dims)?;
        let diagonal = rest.first().map_or(Some(0), |diagonal| diagonal.to_i64().and_then(|values| values.first().copied()));
        let diagonal = diagonal.ok_or_else(|| unable("Trilu with a diagonal that is no whole number"))?;
        let upper = attrs::int(node, "upper", 1)? != 0;
        let stays = |at: usize| {
            let (row, column) = (at / columns % rows, at % columns);
            let beyond = (column as i64 - row as i64).cmp(&diagonal);
            if upper { beyond.is_ge() } else { beyond.is_le() }
        };
        let data = match Numbers::of(node, tensor)? {
            Numbers::Whole(values) => Data::I64(values.into_iter().enumerate().map(|(at, value)| if stays(at) { value } else { 0 }).collect()),
            numbers => Data::F32(numbers.to_f32().into_iter().enumerate().map(|(at, value)| if stays(at) { value } else { 0.0 }).collect()),
        };
        self.keep(node, 0, Tensor { dims: tensor.dims.clone(), data })
    }

    /// Over all values, as exporters do with shapes.
    fn fold_reduce(&mut self, node: &'a Node, tensor: &Tensor) -> Result<()> {
        room(node, &tensor.dims)?;
        if tensor.dims.len() > 1 {
            return Err(unable(format!("{} of a constant with dimensions {:?}", shown(&node.title()), tensor.dims)));
        }
        let Numbers::Whole(values) = Numbers::of(node, tensor)? else {
            return Err(unable(format!("{} of constants that are not whole", shown(&node.title()))));
        };
        let value = match node.op.as_str() {
            "ReduceProd" => values.iter().try_fold(1_i64, |product, value| product.checked_mul(*value)),
            "ReduceSum" => values.iter().try_fold(0_i64, |sum, value| sum.checked_add(*value)),
            "ReduceMax" => values.iter().max().copied(),
            _ => values.iter().min().copied(),
        };
        let value = value.ok_or_else(|| unable(format!("{} of constants overflows", shown(&node.title()))))?;
        let dims = if attrs::int(node, "keepdims", 1)? == 0 { Vec::new() } else { vec![1; tensor.dims.len()] };
        self.keep(node, 0, Tensor { dims, data: Data::I64(vec![value]) })
    }

    fn fold_function(&mut self, node: &'a Node, inputs: &[Constant<'a>]) -> Result<()> {
        let what = shown(&node.title());
        let dims = inputs.iter().try_fold(Vec::new(), |dims, input| shape::broadcast(&dims, &input.dims, &what))?;
        room(node, &dims)?;
        let inputs = inputs.iter().map(|input| Numbers::spread(node, input, &dims)).collect::<Result<Vec<_>>>()?;
        let data = numbers::function(node, inputs)?;
        self.keep(node, 0, Tensor { dims, data })
    }
}

fn chosen<T: Copy>(condition: &[u8], yes: &[T], no: &[T]) -> Vec<T> {
    condition.iter().zip(yes.iter().zip(no)).map(|(condition, (yes, no))| if *condition != 0 { *yes } else { *no }).collect()
}

/// A constant's values as dimensions.
fn sizes(node: &Node, tensor: &Tensor) -> Result<Vec<usize>> {
    let refuse = || faulty(format!("{} has dimensions that are no whole numbers from 0 on", shown(&node.title())));
    tensor.to_i64().ok_or_else(refuse)?.iter().map(|dim| usize::try_from(*dim).map_err(|_| refuse())).collect()
}

impl Numbers {
    /// A constant's values repeated to a shape.
    pub(super) fn spread(node: &Node, tensor: &Tensor, dims: &[usize]) -> Result<Numbers> {
        room(node, &tensor.dims)?;
        let view = View::plain(tensor.dims.clone()).expanded(dims);
        let view = view.ok_or_else(|| unable(format!("{} joins constants with dimensions {:?} and {dims:?}", shown(&node.title()), tensor.dims)))?;
        Numbers::of(node, &super::constants::seen(node, tensor, &view)?)
    }
}

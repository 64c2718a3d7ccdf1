//! Operators that join two values element by element.

use super::constants::{Constant, room};
use super::numbers::Numbers;
use super::{Builder, Kernel, Node, Place, Result, Slot, Tensor, attrs, shape, shown, unable};
use crate::model::native::activation::Activation;
use crate::model::native::mask::{Cell, Mask};
use crate::model::native::rowwise::Binary;
use crate::model::native::view::View;

/// One side of an operator of two values.
enum Side<'a> {
    Value(Slot),
    Stored(Constant<'a>),
}

impl<'a> Builder<'a> {
    /// `Add`, `Sub`, `Mul`, `Div`, comparisons, and `Sum`, `Max` and `Min` of any number.
    pub(super) fn arithmetic(&mut self, node: &'a Node) -> Result<()> {
        attrs::refuse(node, &["broadcast", "axis"])?;
        let op = match node.op.as_str() {
            "Sub" => Binary::Sub,
            "Mul" => Binary::Mul,
            "Div" => Binary::Div,
            "Max" => Binary::Max,
            "Min" => Binary::Min,
            "PRelu" => Binary::PRelu,
            "Greater" => Binary::Greater,
            "GreaterOrEqual" => Binary::GreaterOrEqual,
            "Less" => Binary::Less,
            "LessOrEqual" => Binary::LessOrEqual,
            _ => Binary::Add,
        };
        let mut result = self.side(node, 0)?;
        for input in 1..node.inputs.len() {
            let other = self.side(node, input)?;
            result = Side::Value(self.join(node, op, result, other)?);
        }
        match result {
            Side::Value(slot) => self.name(node, 0, slot),
            Side::Stored(_) => return Err(stored_only(node)),
        }
        Ok(())
    }

    fn side(&self, node: &Node, input: usize) -> Result<Side<'a>> {
        match self.constant(node, input) {
            Some(tensor) => Ok(Side::Stored(tensor)),
            None => self.value(node, input).map(Side::Value),
        }
    }

    fn join(&mut self, node: &Node, op: Binary, a: Side<'a>, b: Side<'a>) -> Result<Slot> {
        match (a, b) {
            (Side::Value(a), Side::Value(b)) => self.with_value(node, op, &a, &b),
            (Side::Value(value), Side::Stored(tensor)) => self.with_constant(node, op, &value, &tensor, false),
            (Side::Stored(tensor), Side::Value(value)) => self.with_constant(node, op, &value, &tensor, true),
            (Side::Stored(_), Side::Stored(_)) => Err(stored_only(node)),
        }
    }

    fn with_value(&mut self, node: &Node, op: Binary, a: &Slot, b: &Slot) -> Result<Slot> {
        let shape = shape::broadcast(a.shape(), b.shape(), &shown(&node.title()))?;
        let (a, b) = (self.repeated(a, &shape)?, self.repeated(b, &shape)?);
        let (a, b) = if one_order(&a.view, &b.view) || a.width() == 1 || b.width() == 1 { (a, b) } else { (self.ordered(&a)?, self.ordered(&b)?) };
        let wide = if a.width() == 1 { &b } else { &a };
        let view = wide.view.expanded(&shape).ok_or_else(|| unable(format!("values with dimensions {:?} and {:?}", a.shape(), b.shape())))?;
        self.push_as(Kernel::Binary { op, other: b.place, other_width: b.width() }, &a, view)
    }

    /// A value that fills one stretch of memory, repeated to a shape unless it is a single one.
    fn repeated(&mut self, value: &Slot, shape: &[usize]) -> Result<Slot> {
        if value.width() == 1 {
            return Ok(value.clone());
        }
        let view = value.view.expanded(shape).ok_or_else(|| unable(format!("a value with dimensions {:?} repeated to {shape:?}", value.shape())))?;
        let value = value.seen(view);
        if value.view.is_dense() { Ok(value) } else { self.ordered(&value) }
    }

    fn with_constant(&mut self, node: &Node, op: Binary, value: &Slot, tensor: &Constant<'a>, first: bool) -> Result<Slot> {
        let what = shown(&node.title());
        let values = tensor.as_f32().filter(|values| !values.is_empty()).ok_or_else(|| unable(format!("{what} has a stored input that is not float32")))?;
        let shape = shape::broadcast(value.shape(), &tensor.dims, &what)?;
        self.claim(self.next, shape::width(&shape))?;
        let expanded = value.view.expanded(&shape).ok_or_else(|| unable(format!("{what} joins {:?} and {:?}", value.shape(), tensor.dims)))?;
        let value = value.seen(expanded);
        let value = if value.view.is_dense() { value } else { self.ordered(&value)? };
        let constant = constant_for(values, &tensor.dims, &value.view)?;
        let kernel = if op == Binary::Add { self.with_term(constant) } else { Kernel::Constant { op, constant: constant.into(), first } };
        self.push_as(kernel, &value, value.view.clone())
    }

    /// Adds a constant; in a network a term of minus infinity is a mask.
    pub(super) fn with_term(&self, constant: Vec<f32>) -> Kernel {
        if self.neural && constant.contains(&f32::NEG_INFINITY) {
            let cells: Vec<Cell> = constant.into_iter().map(Cell::added).collect();
            return Kernel::Masked(Mask::new(&cells));
        }
        Kernel::Constant { op: Binary::Add, constant: constant.into(), first: false }
    }

    /// `Pow` by one stored number.
    pub(super) fn power(&mut self, node: &'a Node) -> Result<()> {
        let exponents = Numbers::of(node, &*self.stored(node, 1)?)?.to_f32();
        let activation = match exponents.as_slice() {
            [2.0] => Activation::Square,
            [0.5] => Activation::Sqrt,
            [-1.0] => Activation::Reciprocal,
            [exponent] => Activation::Power { exponent: *exponent },
            _ => return Err(unable("Pow by more than one exponent")),
        };
        let value = self.value(node, 0)?;
        let slot = self.elementwise(Kernel::Activation(activation), &value)?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// `Where`. A condition that is stored is a mask when one of the others is stored too, as exporters write masks of attention.
    pub(super) fn choice(&mut self, node: &'a Node) -> Result<()> {
        let what = shown(&node.title());
        let (condition, yes, no) = (self.side(node, 0)?, self.side(node, 1)?, self.side(node, 2)?);
        if let (Side::Stored(condition), (Side::Value(value), Side::Stored(fill)) | (Side::Stored(fill), Side::Value(value))) = (&condition, (&yes, &no)) {
            let slot = self.masked(node, value, (condition, matches!(yes, Side::Value(_))), fill)?;
            self.name(node, 0, slot);
            return Ok(());
        }
        let condition = match condition {
            Side::Value(value) => value,
            Side::Stored(condition) => self.push_stored(Numbers::of(node, &condition)?.to_bool().into_iter().map(f32::from).collect(), &condition.dims)?,
        };
        let (yes, no) = (self.valued(node, yes)?, self.valued(node, no)?);
        let shape = shape::broadcast(condition.shape(), yes.shape(), &what)?;
        let shape = shape::broadcast(&shape, no.shape(), &what)?;
        let [condition, yes, no] = [condition, yes, no].map(|value| self.spread(&value, &shape));
        let slot = self.push(Kernel::Select { yes: yes?.place, no: no?.place }, &condition?, shape)?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// A constant as a value of the row, for steps that read nothing else.
    fn valued(&mut self, node: &Node, side: Side<'a>) -> Result<Slot> {
        let tensor = match side {
            Side::Value(slot) => return Ok(slot),
            Side::Stored(tensor) => tensor,
        };
        let values = tensor.as_f32().ok_or_else(|| unable(format!("{} has a stored input that is not float32", shown(&node.title()))))?;
        self.push_stored(values.to_vec(), &tensor.dims)
    }

    fn push_stored(&mut self, values: Vec<f32>, dims: &[usize]) -> Result<Slot> {
        self.claim(self.next, values.len())?;
        let nothing = Slot::plain(Place::Scratch(0), vec![0]);
        self.push(Kernel::Stored(values.into()), &nothing, dims.to_vec())
    }

    /// A value where the condition is what it is said to be, elsewhere the stored one.
    fn masked(&mut self, node: &Node, value: &Slot, (condition, kept): (&Tensor, bool), fill: &Tensor) -> Result<Slot> {
        let what = shown(&node.title());
        let dims = shape::broadcast(&condition.dims, &fill.dims, &what)?;
        let shape = shape::broadcast(value.shape(), &dims, &what)?;
        self.claim(self.next, shape::width(&shape).max(room(node, &dims)?))?;
        let value = self.repeated(value, &shape)?;
        let value = if value.shape() == shape { value } else { self.spread(&value, &shape)? };
        let (condition, fill) = (Numbers::spread(node, condition, &dims)?.to_bool(), Numbers::spread(node, fill, &dims)?.to_f32());
        let cells = condition.into_iter().zip(fill).map(|(holds, fill)| if (holds != 0) == kept { Cell::KEPT } else { Cell::Hidden { fill } });
        let cells = laid(&cells.collect::<Vec<_>>(), &dims, &value.view, |a, b| a.same(*b))?;
        self.push_as(Kernel::Masked(Mask::new(&cells)), &value, value.view.clone())
    }

    /// A value repeated to a shape, in order.
    fn spread(&mut self, value: &Slot, shape: &[usize]) -> Result<Slot> {
        let view = value.view.expanded(shape).ok_or_else(|| unable(format!("a value with dimensions {:?} repeated to {shape:?}", value.shape())))?;
        self.ordered(&value.seen(view))
    }

    /// A step that works value by value: the order of the values does not matter.
    pub(super) fn elementwise(&mut self, kernel: Kernel, value: &Slot) -> Result<Slot> {
        let value = if value.view.is_dense() { value.clone() } else { self.ordered(value)? };
        self.push_as(kernel, &value, value.view.clone())
    }
}

/// Both lie in one order.
fn one_order(a: &View, b: &View) -> bool {
    let axes = |view: &View| (0..view.shape.len()).filter(|axis| view.shape[*axis] != 1).map(|axis| view.strides[axis]).collect::<Vec<_>>();
    a.shape == b.shape && axes(a) == axes(b)
}

/// A constant repeated to the values of a view and laid in their order, cut to its period.
pub(super) fn constant_for(values: &[f32], dims: &[usize], view: &View) -> Result<Vec<f32>> {
    laid(values, dims, view, |a, b| a.to_bits() == b.to_bits())
}

fn laid<T: Copy>(values: &[T], dims: &[usize], view: &View, same: impl Fn(&T, &T) -> bool) -> Result<Vec<T>> {
    let order = view.by_stride();
    let expanded =
        View::plain(dims.to_vec()).expanded(&view.shape).ok_or_else(|| unable(format!("a constant with dimensions {dims:?} for {:?}", view.shape)))?;
    let mut laid: Vec<T> = expanded.permuted(&order).index().into_iter().map(|at| values[at]).collect();
    let period = values.len();
    let repeats = laid.len().is_multiple_of(period) && laid.chunks_exact(period).all(|chunk| chunk.iter().zip(&laid).all(|(a, b)| same(a, b)));
    laid.truncate(if repeats { period } else { laid.len() });
    Ok(laid)
}

fn stored_only(node: &Node) -> super::Error {
    unable(format!("{} has only stored inputs", shown(&node.title())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Graph, plan};
    use crate::model::backend::Backend;
    use crate::model::native::{Carried, Kept, Level};
    use crate::model::onnx_ir::{Data, Dim, Node, Tensor, Value};
    use crate::model::watchdog::RunLimit;

    /// `y` of `x` [1, 1, 3] by one node that reads `x` and stored tensors.
    fn answer(op: &str, inputs: [&str; 3], stored: &[(&str, &[usize], Data)], x: [f32; 3]) -> Vec<f32> {
        let value = |name: &str, dims: &[usize]| Value { name: name.to_owned(), elem_type: 1, dims: Some(dims.iter().map(|dim| Dim::Fixed(*dim)).collect()) };
        let inputs: Vec<String> = inputs.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let graph = Graph {
            opsets: BTreeMap::from([(String::new(), 17)]),
            inputs: vec![value("x", &[1, 1, 3])],
            outputs: vec![value("y", &[])],
            nodes: vec![Node { op: op.to_owned(), domain: String::new(), inputs, outputs: vec!["y".to_owned()], attrs: BTreeMap::new() }],
            initialisers: stored.iter().map(|(name, dims, data)| ((*name).to_owned(), Tensor { dims: dims.to_vec(), data: data.clone() })).collect(),
        };
        let plan = std::sync::Arc::new(plan(&graph, None, Carried::Nothing, Level::best(), Kept::default()).unwrap());
        let mut out = vec![0.0; plan.output_width()];
        plan.instance(&RunLimit::none()).unwrap().run(&x, &mut out).unwrap();
        out
    }

    #[test]
    fn a_stored_condition_chooses_between_a_value_and_a_constant() {
        let condition = ("c", &[2, 3][..], Data::U8(vec![1, 0, 1, 0, 1, 0]));
        let stored = [condition, ("f", &[1, 2, 1][..], Data::F32(vec![7.0, -0.0]))];
        let x = [1.0, f32::NAN, -0.0];
        let bits = |values: Vec<f32>| values.into_iter().map(|value| if value.is_nan() { 1 } else { value.to_bits() }).collect::<Vec<_>>();
        let yes = bits(answer("Where", ["c", "x", "f"], &stored, x));
        assert_eq!(yes, bits(vec![1.0, 7.0, -0.0, -0.0, f32::NAN, -0.0]));
        let no = bits(answer("Where", ["c", "f", "x"], &stored, x));
        assert_eq!(no, bits(vec![7.0, f32::NAN, 7.0, 1.0, -0.0, -0.0]));
        let both = bits(answer("Where", ["c", "x", "x"], &stored, x));
        assert_eq!(both, bits([x, x].concat()));
    }

    #[test]
    fn minus_infinity_hides_what_it_is_added_to() {
        let stored = [("m", &[3][..], Data::F32(vec![0.5, f32::NEG_INFINITY, f32::NEG_INFINITY]))];
        assert_eq!(answer("Add", ["m", "x", ""], &stored, [1.0, f32::NAN, f32::INFINITY]), [1.5, f32::NEG_INFINITY, f32::NEG_INFINITY]);
    }
}

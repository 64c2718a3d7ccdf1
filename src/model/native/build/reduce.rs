//! Means, sums and extremes along axes.

use super::{Builder, Kernel, Node, Result, Slot, attrs, shape, shown, unable};
use crate::model::native::pool::{Pool, Pooling};
use crate::model::native::view::View;

impl<'a> Builder<'a> {
    /// `ReduceMean` and its like, and pooling over all of a sequence.
    pub(super) fn reduce(&mut self, node: &'a Node) -> Result<()> {
        let value = self.value(node, 0)?;
        let rank = value.shape().len();
        let global = node.op.starts_with("Global");
        let axes = if global { (2..rank).collect() } else { self.reduced(node, rank)? };
        let pooling = match node.op.as_str() {
            "ReduceMean" | "GlobalAveragePool" => Pooling::Mean,
            "ReduceSum" => Pooling::Sum,
            "ReduceMin" => Pooling::Min,
            _ => Pooling::Max,
        };
        let slot = self.reduced_along(pooling, &value, &axes)?;
        let keep = global || attrs::int(node, "keepdims", 1)? != 0;
        let mut view = slot.view.clone();
        (0..rank).rev().filter(|axis| !keep && axes.contains(axis)).for_each(|axis| view.without(axis));
        self.name(node, 0, slot.seen(view));
        Ok(())
    }

    /// The axes that go; all, where none is named.
    fn reduced(&self, node: &Node, rank: usize) -> Result<Vec<usize>> {
        match self.axes(node)?.filter(|axes| !axes.is_empty()) {
            Some(axes) => axes.iter().map(|axis| shape::axis(*axis, rank, &node.op)).collect(),
            None if attrs::int(node, "noop_with_empty_axes", 0)? != 0 => Err(unable(format!("{} of no axes", shown(&node.title())))),
            None => Ok((0..rank).collect()),
        }
    }

    /// The value with one place along each of the axes.
    fn reduced_along(&mut self, pooling: Pooling, value: &Slot, axes: &[usize]) -> Result<Slot> {
        let order = value.view.by_stride();
        let together = value.view.is_dense() && neighbours(&order, axes);
        let (value, order) = if together { (value.clone(), order) } else { self.reduced_last(value, axes)? };
        let dims: Vec<usize> = order.iter().map(|axis| value.shape()[*axis]).collect();
        let first = order.iter().position(|axis| axes.contains(axis)).unwrap_or(order.len());
        let count = order.iter().filter(|axis| axes.contains(axis)).count();
        let (rows, columns) = (shape::width(&dims[first..first + count]), shape::width(&dims[first + count..]));
        // The result lies in the order of what is left.
        let mut left: Vec<usize> = value.shape().to_vec();
        axes.iter().for_each(|axis| left[*axis] = 1);
        let laid = View::plain(order.iter().map(|axis| left[*axis]).collect());
        let mut strides = vec![0; left.len()];
        order.iter().zip(laid.strides).for_each(|(axis, stride)| strides[*axis] = stride);
        self.push_as(Kernel::Pool(Pool::whole(pooling, rows, columns)), &value, View { offset: 0, shape: left, strides })
    }

    /// The value copied so that the axes to be reduced lie innermost; and the order of its axes.
    fn reduced_last(&mut self, value: &Slot, axes: &[usize]) -> Result<(Slot, Vec<usize>)> {
        let rank = value.shape().len();
        let order: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).chain((0..rank).filter(|axis| axes.contains(axis))).collect();
        let copied = self.ordered(&value.seen(value.view.permuted(&order)))?;
        let back: Vec<usize> = (0..rank).map(|axis| order.iter().position(|from| *from == axis).unwrap_or(axis)).collect();
        Ok((copied.seen(copied.view.permuted(&back)), order))
    }
}

/// The axes of more than one value lie behind one another.
fn neighbours(order: &[usize], axes: &[usize]) -> bool {
    let places: Vec<usize> = order.iter().enumerate().filter(|(_, axis)| axes.contains(axis)).map(|(place, _)| place).collect();
    places.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

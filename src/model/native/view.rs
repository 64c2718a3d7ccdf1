//! Where the values of a tensor lie in memory: what only moves, cuts or repeats values is a view, and costs nothing until a kernel
//! needs the values in order.

/// The dimensions of a tensor, and for each the distance between neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    /// Of the first value.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

impl View {
    /// Values in order from `offset` on.
    pub(super) fn plain(shape: Vec<usize>) -> View {
        let mut strides = vec![0; shape.len()];
        let mut next = 1;
        for (stride, dim) in strides.iter_mut().zip(&shape).rev() {
            *stride = next;
            next *= dim;
        }
        View { offset: 0, shape, strides }
    }

    /// How many values it has.
    pub(super) fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// From the first value to the end of the last one.
    pub(super) fn span(&self) -> usize {
        if self.width() == 0 { 0 } else { 1 + self.shape.iter().zip(&self.strides).map(|(dim, stride)| (dim - 1) * stride).sum::<usize>() }
    }

    /// The values lie in order, without gaps.
    pub(super) fn is_plain(&self) -> bool {
        let mut next = 1;
        for (dim, stride) in self.shape.iter().zip(&self.strides).rev().filter(|(dim, _)| **dim != 1) {
            if *stride != next {
                return false;
            }
            next *= dim;
        }
        true
    }

    /// Axes of more than one value, the one whose neighbours lie farthest apart first.
    pub(super) fn by_stride(&self) -> Vec<usize> {
        let mut axes: Vec<usize> = (0..self.shape.len()).filter(|axis| self.shape[*axis] != 1).collect();
        axes.sort_by_key(|axis| std::cmp::Reverse(self.strides[*axis]));
        axes
    }

    /// The values fill one stretch of memory, each once, in whatever order.
    pub(super) fn is_dense(&self) -> bool {
        self.permuted(&self.by_stride()).is_plain()
    }

    /// Other dimensions for the same values; `None` unless they lie in order.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Option<View> {
        let fits = self.is_plain() && shape.iter().product::<usize>() == self.width();
        fits.then(|| View { offset: self.offset, ..View::plain(shape) })
    }

    /// Axes in another order; those of one value may be left out.
    pub(super) fn permuted(&self, axes: &[usize]) -> View {
        let of = |from: &[usize]| axes.iter().map(|axis| from[*axis]).collect();
        View { offset: self.offset, shape: of(&self.shape), strides: of(&self.strides) }
    }

    /// `len` values along an axis, from `start` in steps of `step`.
    pub(super) fn sliced(mut self, axis: usize, start: usize, len: usize, step: usize) -> View {
        self.offset += start * self.strides[axis];
        self.shape[axis] = len;
        // A single value has no neighbour, so its stride need not grow.
        self.strides[axis] *= if len > 1 { step } else { 1 };
        self
    }

    /// One place along an axis, which is dropped.
    pub(super) fn at(mut self, axis: usize, index: usize) -> View {
        self.offset += index * self.strides[axis];
        self.without(axis);
        self
    }

    /// Drops an axis.
    pub(super) fn without(&mut self, axis: usize) {
        self.shape.remove(axis);
        self.strides.remove(axis);
    }

    /// A new axis of one value.
    pub(super) fn with(&mut self, axis: usize) {
        self.shape.insert(axis, 1);
        self.strides.insert(axis, 0);
    }

    /// Repeated to a shape as broadcasting does; `None` when it does not fit.
    pub(super) fn expanded(&self, shape: &[usize]) -> Option<View> {
        let missing = shape.len().checked_sub(self.shape.len())?;
        let mut strides = vec![0; shape.len()];
        for (axis, (dim, stride)) in self.shape.iter().zip(&self.strides).enumerate() {
            match (*dim, shape[missing + axis]) {
                (1, _) => {}
                (dim, to) if dim == to => strides[missing + axis] = *stride,
                _ => return None,
            }
        }
        Some(View { offset: self.offset, shape: shape.to_vec(), strides })
    }

    /// Where each value lies, in the order of the shape.
    pub(super) fn index(&self) -> Vec<usize> {
        self.index_backwards(&[])
    }

    /// Where each value lies, some axes from their end.
    pub(super) fn index_backwards(&self, axes: &[usize]) -> Vec<usize> {
        let mut index = vec![self.offset];
        for (axis, (dim, stride)) in self.shape.iter().zip(&self.strides).enumerate() {
            let place = |i: usize| if axes.contains(&axis) { dim - 1 - i } else { i };
            index = index.iter().flat_map(|at| (0..*dim).map(move |i| at + place(i) * stride)).collect();
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_find_their_values() {
        let table = View::plain(vec![2, 3]);
        assert!(table.is_plain() && table.is_dense());
        let turned = table.permuted(&[1, 0]);
        assert_eq!(turned.index(), [0, 3, 1, 4, 2, 5]);
        assert!(!turned.is_plain() && turned.is_dense() && turned.reshaped(vec![6]).is_none());
        assert_eq!(table.clone().sliced(1, 1, 2, 1).index(), [1, 2, 4, 5]);
        assert_eq!(table.index_backwards(&[1]), [2, 1, 0, 5, 4, 3]);
        let last = table.clone().at(0, 1);
        assert!(last.is_plain() && last.index() == [3, 4, 5] && last.span() == 3);
        let repeated = View::plain(vec![3]).expanded(&[2, 3]).unwrap();
        assert_eq!(repeated.index(), [0, 1, 2, 0, 1, 2]);
        assert!(!repeated.is_dense() && View::plain(vec![2]).expanded(&[3]).is_none());
    }

    #[test]
    fn axes_of_one_value_move_freely() {
        let window = View::plain(vec![1, 60, 25]);
        assert!(window.permuted(&[1, 0, 2]).is_plain());
        assert!(!window.permuted(&[0, 2, 1]).is_plain());
        assert_eq!(window.permuted(&[0, 2, 1]).by_stride(), [2, 1]);
    }
}

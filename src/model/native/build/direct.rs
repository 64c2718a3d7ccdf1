//! A plan of one step needs no scratch memory for what it gives, nor a copy of it.

use super::super::plan::{Kernel, Place, Step};

/// There is one step, a linear model or trees, and all that it makes is given and nothing else.
pub(super) fn is_direct(steps: &[Step], places: &[Place], output_width: usize) -> bool {
    let ([step], [place]) = (steps, places) else { return false };
    matches!(step.kernel, Kernel::Linear(_) | Kernel::Trees(_)) && (*place, output_width) == (Place::Scratch(step.at), step.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::linear::matmul;
    use crate::model::onnx_ir::{Data, Tensor};

    #[test]
    fn only_what_is_given_whole_is_made_in_the_outputs() {
        let weights = Tensor { dims: vec![2, 3], data: Data::F32(vec![1.0; 6]) };
        let linear = || Step::new(Kernel::Linear(matmul(2, &weights).unwrap()), (Place::Row(0), 2), (0, 3), false);
        let copy = Step::new(Kernel::Copy, (Place::Scratch(0), 3), (3, 3), false);
        let (all, row) = (Place::Scratch(0), Place::Row(0));
        assert!(is_direct(&[linear()], &[all], 3));
        assert!(!is_direct(&[linear()], &[all], 2), "the first two of three values");
        assert!(!is_direct(&[linear()], &[Place::Scratch(1)], 2));
        assert!(!is_direct(&[linear()], &[row], 3));
        assert!(!is_direct(&[linear()], &[all, all], 6));
        assert!(!is_direct(&[linear(), copy], &[all], 3));
    }
}

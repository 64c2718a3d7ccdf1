//! A dense layer of one row and the function behind it become one step.

use super::super::plan::{Kernel, Place, Step};

/// Joins each function of a layer's outputs to the layer, where nothing else reads those.
pub(super) fn fuse(steps: &mut Vec<Step>, places: &[Place]) {
    let mut at = 0;
    while at + 1 < steps.len() {
        if can_fuse(steps, at, places) {
            let function = steps.remove(at + 1);
            let layer = &mut steps[at];
            if let (Kernel::Dense { then, .. }, Kernel::Activation(activation)) = (&mut layer.kernel, &function.kernel) {
                *then = Some(*activation);
                layer.at = function.at;
            }
        }
        at += 1;
    }
}

/// The step is a layer of one row, the next one is a function of all of its outputs, and those go nowhere else.
fn can_fuse(steps: &[Step], at: usize, places: &[Place]) -> bool {
    let [layer, function] = &steps[at..at + 2] else { return false };
    let is_layer = matches!(layer.kernel, Kernel::Dense { rows: 1, then: None, .. });
    let follows = matches!(function.kernel, Kernel::Activation(_)) && (function.from, function.width) == (Place::Scratch(layer.at), layer.width);
    let within = |place: &Place| matches!(place, Place::Scratch(start) if (layer.at..layer.at + layer.width).contains(start));
    let read = steps.iter().flat_map(Step::reads).flatten().filter(within).count();
    is_layer && follows && layer.flushed == function.flushed && read == 1 && !places.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::activation::Activation;
    use crate::model::native::matrix::Matrix;

    fn layer(at: usize) -> Step {
        let matrix = Matrix::new((2, 3), |_, _| 1.0, |_| 0.0, "x").unwrap();
        Step::new(Kernel::Dense { matrix, rows: 1, then: None }, (Place::Row(0), 2), (at, 3), true)
    }

    fn relu(from: usize, at: usize) -> Step {
        Step::new(Kernel::Activation(Activation::Relu), (Place::Scratch(from), 3), (at, 3), true)
    }

    #[test]
    fn a_function_joins_its_layer_unless_somebody_else_reads_that() {
        let mut steps = vec![layer(0), relu(0, 3), Step::new(Kernel::Copy, (Place::Scratch(3), 3), (6, 3), true)];
        fuse(&mut steps, &[Place::Scratch(6)]);
        assert_eq!((steps.len(), steps[0].at, steps[1].from), (2, 3, Place::Scratch(3)));
        assert!(matches!(steps[0].kernel, Kernel::Dense { then: Some(Activation::Relu), .. }));
        for (other, place) in [(Some(relu(0, 6)), 6), (Some(relu(1, 6)), 6), (None, 2)] {
            let mut steps: Vec<Step> = [layer(0), relu(0, 3)].into_iter().chain(other).collect();
            let count = steps.len();
            fuse(&mut steps, &[Place::Scratch(place)]);
            assert_eq!(steps.len(), count);
        }
    }
}

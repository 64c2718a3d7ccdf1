//! A dense layer, the bias that is added behind it and, where it has one row, the function of that become one step.

use super::super::plan::{Kernel, Place, Step};
use crate::model::native::rowwise::Binary;

/// Joins what follows a layer to it, where nothing else reads what the layer gives.
pub(super) fn fuse(steps: &mut Vec<Step>, places: &[Place]) {
    let mut at = 0;
    while at + 1 < steps.len() {
        if follows(steps, at, places) && join(steps, at) {
            let joined = steps.remove(at + 1);
            steps[at].at = joined.at;
        } else {
            at += 1;
        }
    }
}

/// The next step reads all that the layer gives, and nobody else reads any of it.
fn follows(steps: &[Step], at: usize, places: &[Place]) -> bool {
    let [layer, next] = &steps[at..at + 2] else { return false };
    let within = |place: &Place| matches!(place, Place::Scratch(start) if (layer.at..layer.at + layer.width).contains(start));
    let read = steps.iter().flat_map(Step::reads).flatten().filter(within).count();
    let alike = (next.from, next.from_width, next.width, next.flushed) == (Place::Scratch(layer.at), layer.width, layer.width, layer.flushed);
    matches!(layer.kernel, Kernel::Dense { .. }) && alike && read == 1 && !places.iter().any(within)
}

/// Takes the next step into the layer, if it is of a kind that a layer takes.
fn join(steps: &mut [Step], at: usize) -> bool {
    let [layer, next] = &mut steps[at..at + 2] else { return false };
    match (&mut layer.kernel, &next.kernel) {
        (Kernel::Dense { matrix, then: None, .. }, Kernel::Constant { op: Binary::Add, constant, .. }) => matrix.take_bias(constant),
        (Kernel::Dense { rows: 1, then: then @ None, .. }, Kernel::Activation(activation)) => {
            *then = Some(*activation);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::activation::Activation;
    use crate::model::native::matrix::Matrix;

    fn layer(at: usize, rows: usize) -> Step {
        let matrix = Matrix::new((2, 3), |_, _| 1.0, |_| 0.0, "x").unwrap();
        Step::new(Kernel::Dense { matrix, rows, then: None }, (Place::Row(0), 2 * rows), (at, 3 * rows), true)
    }

    fn step(kernel: Kernel, from: usize, at: usize) -> Step {
        Step::new(kernel, (Place::Scratch(from), 3), (at, 3), true)
    }

    fn relu(from: usize, at: usize) -> Step {
        step(Kernel::Activation(Activation::Relu), from, at)
    }

    fn plus(constant: &[f32], from: usize, at: usize) -> Step {
        step(Kernel::Constant { op: Binary::Add, constant: constant.to_vec().into(), first: false }, from, at)
    }

    #[test]
    fn bias_and_function_join_their_layer() {
        let mut steps = vec![layer(0, 1), plus(&[1.0, 2.0, 3.0], 0, 3), relu(3, 6), step(Kernel::Copy, 6, 9)];
        fuse(&mut steps, &[Place::Scratch(9)]);
        let [Step { kernel: Kernel::Dense { matrix, then, .. }, at, .. }, last] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!((*then, *at, last.from), (Some(Activation::Relu), 6, Place::Scratch(6)));
        assert_eq!(matrix.biases::<1>(0)[0][..4], [1.0, 2.0, 3.0, 0.0]);
    }

    #[test]
    fn what_others_read_and_what_does_not_fit_stays() {
        let cases = [
            (vec![layer(0, 1), relu(0, 3), relu(0, 6)], 6),
            (vec![layer(0, 1), relu(0, 3), relu(1, 6)], 6),
            (vec![layer(0, 1), relu(0, 3)], 2),
            (vec![layer(0, 1), plus(&[1.0, 2.0, f32::INFINITY], 0, 3)], 3),
            (vec![layer(0, 2), Step::new(Kernel::Activation(Activation::Relu), (Place::Scratch(0), 6), (6, 6), true)], 6),
            (
                vec![
                    layer(0, 2),
                    Step::new(Kernel::Constant { op: Binary::Add, constant: vec![1.0; 6].into(), first: false }, (Place::Scratch(0), 6), (6, 6), true),
                ],
                6,
            ),
        ];
        for (mut steps, place) in cases {
            let count = steps.len();
            fuse(&mut steps, &[Place::Scratch(place)]);
            assert_eq!(steps.len(), count, "{steps:?}");
        }
        // A bias that was taken is no reason to take another one.
        let mut steps = vec![layer(0, 1), plus(&[1.0; 3], 0, 3), plus(&[2.0; 3], 3, 6)];
        fuse(&mut steps, &[Place::Scratch(6)]);
        assert_eq!(steps.len(), 2);
    }
}

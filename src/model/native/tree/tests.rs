//! What the fixtures cannot show: thresholds stored as doubles, and the order of sums to the bit.

mod random;

use std::collections::BTreeMap;

use super::super::scores::Link;
use super::plain::Node;
use super::sum::Leaves;
use super::*;
use crate::model::onnx_ir::{Attr, Data, Tensor};

/// One tree of one branch on column 0: 1 when the comparison holds, else 2.
fn stump(mode: &str, threshold: f64, missing: bool) -> GraphNode {
    let ints = |values: &[i64]| Attr::Ints(values.to_vec());
    let threshold = Tensor { dims: vec![3], data: Data::F64(vec![threshold, 0.0, 0.0]) };
    let modes = [mode, "LEAF", "LEAF"].map(str::to_owned).to_vec();
    let attrs = BTreeMap::from([
        ("nodes_treeids".to_owned(), ints(&[0; 3])),
        ("nodes_nodeids".to_owned(), ints(&[0, 1, 2])),
        ("nodes_featureids".to_owned(), ints(&[0; 3])),
        ("nodes_modes".to_owned(), Attr::Texts(modes)),
        ("nodes_values_as_tensor".to_owned(), Attr::Tensor(threshold)),
        ("nodes_truenodeids".to_owned(), ints(&[1, 0, 0])),
        ("nodes_falsenodeids".to_owned(), ints(&[2, 0, 0])),
        ("nodes_missing_value_tracks_true".to_owned(), ints(&[i64::from(missing), 0, 0])),
        ("target_treeids".to_owned(), ints(&[0; 2])),
        ("target_nodeids".to_owned(), ints(&[1, 2])),
        ("target_ids".to_owned(), ints(&[0; 2])),
        ("target_weights".to_owned(), Attr::Floats(vec![1.0, 2.0])),
    ]);
    GraphNode { op: "TreeEnsembleRegressor".to_owned(), domain: "ai.onnx.ml".to_owned(), inputs: vec!["x".to_owned()], outputs: vec!["y".to_owned()], attrs }
}

fn answer(trees: &Trees, x: f32) -> f32 {
    let (mut scratch, mut score) = (vec![f32::NAN; trees.scratch_len()], [f32::NAN]);
    trees.run(Level::best(), &[x], &mut scratch, &mut score);
    score[0]
}

#[test]
fn every_comparison_decides_as_the_double_would() {
    let tenth = f64::from(0.1_f32);
    let tiny = f64::from(f32::from_bits(1));
    let thresholds = [0.1, tenth, 0.0, -0.0, tiny, -tiny, tiny / 2.0, -tiny / 2.0, 1e300, -1e300, f64::from(f32::MAX), f64::INFINITY, f64::NEG_INFINITY];
    let thresholds = if cfg!(miri) { &thresholds[..1] } else { &thresholds[..] };
    for mode in ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"] {
        for (threshold, missing) in thresholds.iter().flat_map(|t| [(*t, false), (*t, true)]) {
            let trees = regressor(&stump(mode, threshold, missing), 1, Level::best(), None).unwrap();
            let near = threshold as f32;
            let mut xs = vec![near.next_down(), near, near.next_up(), 0.0, -0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
            xs.extend([f32::from_bits(1), -f32::from_bits(1)]);
            for x in xs {
                let wide = f64::from(x);
                let holds = match mode {
                    "BRANCH_LEQ" => wide <= threshold,
                    "BRANCH_LT" => wide < threshold,
                    "BRANCH_GTE" => wide >= threshold,
                    "BRANCH_GT" => wide > threshold,
                    "BRANCH_EQ" => wide == threshold,
                    _ => wide != threshold,
                } || (missing && x.is_nan());
                assert_eq!(answer(&trees, x), if holds { 1.0 } else { 2.0 }, "{x:?} {mode} {threshold:?}, missing {missing}");
            }
            assert_eq!(trees.tracks_missing(), missing);
        }
    }
}

/// Many trees of one leaf: their sum shows the order.
fn flat(values: &[f32], targets: usize) -> Trees {
    let nodes = (0..values.len()).map(|at| Node { value: values[at], first: at as u32, bits: 0 }).collect();
    let starts = (0..=targets).map(|target| (values.len() * target / targets) as u32).collect();
    let about = About { thresholds: Vec::new(), comparisons: String::new(), tracks_missing: false, depth: 0, nodes: values.len() };
    let plain = Plain::new(nodes, (0..values.len() as u32).collect(), vec![0; values.len()]);
    let sum = Sum { leaves: Leaves::Single { starts }, aggregate: Aggregate::Sum, base: vec![0.0; targets].into(), link: Link::NONE };
    Trees::new(plain, 1, Level::best(), None, sum, about).unwrap()
}

struct Total<'a> {
    sum: &'a Sum,
    reached: &'a [f32],
    to: &'a mut f64,
}

impl Work for Total<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        *self.to = self.sum.total::<R>(self.reached, 0);
    }
}

/// The trees' values of the first target, by level of instructions.
fn totals(sum: &Sum, reached: &[f32]) -> Vec<f64> {
    let total = |level: Level| {
        let mut total = f64::NAN;
        level.run(Total { sum, reached, to: &mut total });
        total
    };
    Level::available().into_iter().map(total).collect()
}

#[test]
fn sums_follow_the_canonical_order() {
    // Values whose f64 sum depends on the order.
    let values: Vec<f32> = (0..53).map(|i| if i % 3 == 0 { 1.0e30 } else { -(i as f32) * 1.1e13 } * if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
    let trees = flat(&values, 1);
    let mut lanes = [0.0_f64; 16];
    values.iter().enumerate().for_each(|(i, value)| lanes[i % 16] += f64::from(*value));
    let eight: Vec<f64> = (0..8).map(|i| lanes[i] + lanes[i + 8]).collect();
    let four: Vec<f64> = (0..4).map(|i| eight[i] + eight[i + 4]).collect();
    let expected = (four[0] + four[2]) + (four[1] + four[3]);
    let straight: f64 = values.iter().map(|value| f64::from(*value)).sum();
    assert_ne!(expected.to_bits(), straight.to_bits());
    assert!(totals(&trees.sum, &values).into_iter().all(|total| total.to_bits() == expected.to_bits()));
}

#[test]
fn targets_take_their_own_trees() {
    let trees = flat(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
    let (mut scratch, mut scores) = (vec![0.0; trees.scratch_len()], [0.0; 3]);
    trees.run(Level::best(), &[0.0], &mut scratch, &mut scores);
    assert_eq!(scores, [3.0, 7.0, 11.0]);
}

#[test]
fn a_target_of_which_no_leaf_speaks_is_zero() {
    for aggregate in [Aggregate::Sum, Aggregate::Average, Aggregate::Min, Aggregate::Max] {
        let sum = Sum { leaves: Leaves::Single { starts: vec![0, 2].into() }, aggregate, base: vec![0.0].into(), link: Link::NONE };
        assert!(totals(&sum, &[aggregate.neutral(); 2]).into_iter().all(|total| total == 0.0));
    }
}

#[test]
fn numbers_are_grouped() {
    assert_eq!([1, 999, 1_000, 12_345, 1_234_567].map(grouped), ["1", "999", "1,000", "12,345", "1,234,567"]);
}

//! Model files that nobody should serve: damaged, hostile, or beyond what is read. Each answers an error, none a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use foretick::Status;

#[path = "support/graphs.rs"]
mod graphs;

use graphs::wire::{bytes, int};
use graphs::{attempt, attr, floats, ints, model, node, raw, refused, tensor, texts, value};

/// `y = x w` with the stored tensor given as bytes.
fn product(weights: &[u8]) -> Vec<u8> {
    let graph = [node("MatMul", "", &["x", "w"], &["y"], &[]), bytes(5, weights), value(11, "x", &[1, 2]), value(12, "y", &[1, 1])].concat();
    model(&graph, 15)
}

/// A tree ensemble's node from its parts, so that tests can break one.
struct Tree {
    ids: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<&'static str>,
    yes: Vec<i64>,
    no: Vec<i64>,
    values: Vec<f32>,
    leaves: Vec<i64>,
    weights: Vec<f32>,
}

impl Tree {
    /// Node 0 over the leaf 1 and node 2, which is over the leaves 3 and 4.
    fn good() -> Tree {
        Tree {
            ids: vec![0, 1, 2, 3, 4],
            features: vec![0, 0, 1, 0, 0],
            modes: vec!["BRANCH_LEQ", "LEAF", "BRANCH_LT", "LEAF", "LEAF"],
            yes: vec![1, 0, 3, 0, 0],
            no: vec![2, 0, 4, 0, 0],
            values: vec![0.5, 0.0, -0.5, 0.0, 0.0],
            leaves: vec![1, 3, 4],
            weights: vec![1.0, 2.0, 3.0],
        }
    }

    fn file(&self) -> Vec<u8> {
        let zeros = vec![0; self.ids.len()];
        let leaf_zeros = vec![0; self.leaves.len()];
        let attrs = [
            ints("nodes_treeids", &zeros),
            ints("nodes_nodeids", &self.ids),
            ints("nodes_featureids", &self.features),
            texts("nodes_modes", &self.modes),
            ints("nodes_truenodeids", &self.yes),
            ints("nodes_falsenodeids", &self.no),
            floats("nodes_values", &self.values),
            ints("target_treeids", &leaf_zeros),
            ints("target_nodeids", &self.leaves),
            ints("target_ids", &leaf_zeros),
            floats("target_weights", &self.weights),
        ]
        .concat();
        let graph = [node("TreeEnsembleRegressor", "ai.onnx.ml", &["x"], &["y"], &attrs), value(11, "x", &[1, 2]), value(12, "y", &[1, 1])].concat();
        model(&graph, 15)
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut Tree), text: &str) {
        let mut tree = Tree::good();
        change(&mut tree);
        refused(&tree.file(), Status::Model, text);
    }
}

#[test]
fn the_writer_here_writes_good_files() {
    assert_eq!(attempt(&product(&tensor("w", &[2, 1], raw(&[1.0, 2.0])))).unwrap(), "1 output of 2 inputs");
    let summary = attempt(&Tree::good().file()).unwrap();
    assert!(summary.starts_with("1 tree, depth 2, 5 nodes, <= <, in "), "{summary}");
}

#[test]
fn no_file_is_no_model() {
    refused(b"", Status::Model, "empty");
    refused(b"not a model at all", Status::Model, "");
    refused(&[0xff; 64], Status::Model, "damaged");
    refused(&[0; 64], Status::Model, "");
    refused(&int(1, 8), Status::Model, "operator set");
    refused(&[int(1, 8), bytes(8, [bytes(1, ""), int(2, 15)].concat())].concat(), Status::Model, "no graph");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for name in ["four_logistic", "sk_logistic_3", "sk_tree_3", "ort_average"] {
        let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/fixtures/{name}.onnx"))).unwrap();
        attempt(&whole).unwrap();
        for len in 0..whole.len() {
            let error = attempt(&whole[..len]).expect_err("a part of a file is no model");
            assert_eq!(error.status(), Status::Model, "{name} cut to {len}: {error}");
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    for name in ["four_logistic", "sk_logistic_3", "ort_arithmetic", "sk_tree_3"] {
        let whole = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/fixtures/{name}.onnx"))).unwrap();
        for index in 0..whole.len() {
            for change in [0x01, 0x02, 0x08, 0x10, 0x40, 0x80, 0xff, whole[index]] {
                let mut file = whole.clone();
                file[index] ^= change;
                let _ = attempt(&file);
            }
        }
    }
}

#[test]
fn dimensions_that_lie_are_refused() {
    refused(&product(&tensor("w", &[-2, 1], raw(&[1.0, 2.0]))), Status::Model, "-2");
    refused(&product(&tensor("w", &[i64::MAX, 4], raw(&[1.0, 2.0]))), Status::Model, "overflows");
    refused(&product(&tensor("w", &[1 << 40, 1], raw(&[1.0, 2.0]))), Status::Model, "1099511627776");
    refused(&product(&tensor("w", &[2, 1], raw(&[1.0, 2.0, 3.0]))), Status::Model, "2 values and data for 3");
    refused(&product(&tensor("w", &[2, 1], raw(&[1.0]))), Status::Model, "2 values and data for 1");
    refused(&product(&tensor("w", &[2, 1], bytes(9, [0; 7]))), Status::Model, "7 bytes");
    refused(&product(&tensor("w", &[2, 1], Vec::new())), Status::Model, "data for 0");
    refused(&product(&tensor("w", &[3, 1], raw(&[1.0, 2.0, 3.0]))), Status::Model, "for 2 inputs");
    refused(&product(&tensor("w", &[2, 1], raw(&[1.0, f32::NAN]))), Status::Model, "not finite");
    refused(&product(&tensor("w", &[0, 1], Vec::new())), Status::Model, "for 2 inputs");
    let wide = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, -5]), value(12, "y", &[1, 1])].concat();
    refused(&model(&wide, 15), Status::Model, "-5");
    let wide = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, i64::MAX]), value(12, "y", &[1, 1])].concat();
    refused(&model(&wide, 15), Status::Operator, "more than 4194304 values");
}

#[test]
fn external_data_is_refused_wherever_it_stands() {
    let entry = |key: &str, value: &str| bytes(13, [bytes(1, key), bytes(2, value)].concat());
    for path in ["/etc/passwd", "../secret.bin", "weights.bin", "*/_ORT_MEM_ADDR_/*", ""] {
        let outside = tensor("w", &[2, 1], [entry("location", path), int(14, 1)].concat());
        refused(&product(&outside), Status::ExternalData, "`w`");
    }
    // The location alone, or the marker alone, or the marker on a tensor that has its data as well.
    refused(&product(&tensor("w", &[2, 1], entry("location", "weights.bin"))), Status::ExternalData, "one file");
    refused(&product(&tensor("w", &[2, 1], int(14, 1))), Status::ExternalData, "one file");
    let outside = tensor("t", &[2, 1], [raw(&[1.0, 2.0]), int(14, 1)].concat());
    let body = bytes(5, &outside);
    for attrs in [
        attr("value", 4, bytes(5, &outside)),
        attr("values", 9, bytes(10, &outside)),
        attr("sparse_value", 11, bytes(22, bytes(1, &outside))),
        attr("body", 5, bytes(6, &body)),
        attr("bodies", 10, bytes(11, &body)),
        attr("body", 5, bytes(6, node("If", "", &[], &["z"], &attr("then_branch", 5, bytes(6, &body))))),
    ] {
        let graph =
            [node("Constant", "", &[], &["c"], &attrs), node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat();
        refused(&model(&graph, 15), Status::ExternalData, "`t`");
    }
    let good = product(&tensor("w", &[2, 1], raw(&[1.0, 2.0])));
    let sparse = bytes(7, bytes(15, bytes(2, &outside)));
    refused(&[good.clone(), sparse].concat(), Status::ExternalData, "`t`");
    let function = bytes(25, bytes(7, bytes(5, [bytes(1, "v"), bytes(5, &outside), int(20, 4)].concat())));
    refused(&[good.clone(), function].concat(), Status::ExternalData, "`t`");
    let default = bytes(25, bytes(11, [bytes(1, "v"), bytes(5, &outside), int(20, 4)].concat()));
    refused(&[good.clone(), default].concat(), Status::ExternalData, "`t`");
    refused(&[good.clone(), bytes(20, bytes(1, &body))].concat(), Status::ExternalData, "`t`");
    refused(&[good, bytes(20, bytes(2, &body))].concat(), Status::ExternalData, "`t`");
}

#[test]
fn newer_formats_are_refused_with_both_numbers() {
    let graph = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat();
    attempt(&model(&graph, 26)).unwrap();
    refused(&model(&graph, 99), Status::Model, "ai.onnx 99 and this build reads up to 26");
    refused(&model(&graph, 0), Status::Model, "version 0");
    refused(&model(&graph, 6), Status::Operator, "ai.onnx 6");
    let import = |version| bytes(8, [bytes(1, "ai.onnx.ml"), int(2, version)].concat());
    let file = |version| [int(1, 8), bytes(7, &graph), bytes(8, int(2, 15)), import(version)].concat();
    attempt(&file(5)).unwrap();
    refused(&file(6), Status::Model, "ai.onnx.ml 6 and this build reads up to 5");
}

#[test]
fn unknown_operators_are_named() {
    let graph = [
        node("Loop", "", &["x"], &["a"], &[]),
        node("Mystery", "ai.onnx.ml", &["a"], &["y"], &[]),
        node("Attention", "", &["x"], &["unused"], &[]),
        value(11, "x", &[1, 2]),
        value(12, "y", &[1, 2]),
    ]
    .concat();
    refused(&model(&graph, 15), Status::Operator, "`Loop`, `ai.onnx.ml.Mystery`");
    let graph = [node("Neg", "com.acme", &["x"], &["y"], &[]), value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat();
    refused(&model(&graph, 15), Status::Model, "does not import");
    let zip = [node("ZipMap", "ai.onnx.ml", &["x"], &["y"], &[]), value(11, "x", &[1, 2]), bytes(12, bytes(1, "y"))].concat();
    refused(&model(&zip, 15), Status::Operator, "zipmap=False");
}

/// What runtimes answer differently, or what would need more than a row, is left to nobody's guess.
#[test]
fn doubtful_graphs_are_refused() {
    let graph = |nodes: &[Vec<u8>], width| model(&[nodes.concat(), value(11, "x", &[1, 2]), value(12, "y", &[1, width])].concat(), 15);
    let linear = |op: &str, attrs: &[u8]| node(op, "ai.onnx.ml", &["x"], if op == "LinearRegressor" { &["y"] } else { &["l", "y"] }, attrs);
    let text = |name: &str, value: &str| attr(name, 3, bytes(4, value));
    let coefficients = floats("coefficients", &[1.0, 2.0]);
    let labels = ints("classlabels_ints", &[0, 1]);
    let one = |transform: &str| graph(&[linear("LinearRegressor", &[coefficients.clone(), text("post_transform", transform)].concat())], 1);
    attempt(&one("NONE")).unwrap();
    refused(&one("LOGISTIC"), Status::Operator, "Sigmoid");
    refused(&one("PROBIT"), Status::Operator, "PROBIT");
    let two = |transform: &str| graph(&[linear("LinearClassifier", &[coefficients.clone(), labels.clone(), text("post_transform", transform)].concat())], 2);
    attempt(&two("LOGISTIC")).unwrap();
    refused(&two("SOFTMAX"), Status::Operator, "LOGISTIC");
    let three = [floats("coefficients", &[1.0, 2.0, 3.0]), labels].concat();
    refused(&graph(&[linear("LinearClassifier", &three)], 2), Status::Model, "3 coefficients");
    let norm = |name: &str| graph(&[node("Normalizer", "ai.onnx.ml", &["x"], &["y"], &text("norm", name))], 2);
    attempt(&norm("L1")).unwrap();
    refused(&norm("MAX"), Status::Operator, "MAX");
    let joined = |axis| graph(&[node("Concat", "", &["x", "x"], &["y"], &attr("axis", 2, int(3, axis)))], 4);
    attempt(&joined(1)).unwrap();
    attempt(&joined(0)).unwrap();
    let turned = node("Flatten", "", &["x"], &["t"], &attr("axis", 2, int(3, 2)));
    refused(&graph(&[turned, node("Concat", "", &["x", "t"], &["y"], &attr("axis", 2, int(3, 1)))], 4), Status::Operator, "Concat along axis 1");
    refused(&graph(&[node("Cast", "", &["x"], &["y"], &attr("to", 2, int(3, 11)))], 2), Status::Operator, "float32");
    refused(&graph(&[node("Neg", "", &["x"], &["z"], &[]), node("Softmax", "", &["z"], &["y"], &attr("axis", 2, int(3, 0)))], 2), Status::Operator, "axis 0");
    let rows = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[8, 2]), value(12, "y", &[8, 2])].concat();
    refused(&model(&rows, 15), Status::Operator, "8 rows");
    let windows = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[4, 60, 2]), value(12, "y", &[4, 60, 2])].concat();
    refused(&model(&windows, 15), Status::Operator, "4 rows");
    let image = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, 3, 8, 8]), value(12, "y", &[1, 3, 8, 8])].concat();
    refused(&model(&image, 15), Status::Operator, "4 dimensions");
    let labels_only = [node("Neg", "", &["x"], &["y"], &[]), value(11, "x", &[1, 2]), bytes(12, bytes(1, "y"))].concat();
    refused(&model(&labels_only, 15), Status::Operator, "no float32 output");
}

#[test]
fn names_must_exist_and_be_made_once() {
    let graph = |nodes: &[Vec<u8>]| model(&[nodes.concat(), value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat(), 15);
    refused(&graph(&[node("Neg", "", &["y"], &["y"], &[])]), Status::Model, "nothing before it");
    refused(&graph(&[node("Neg", "", &["a"], &["y"], &[]), node("Neg", "", &["y"], &["a"], &[])]), Status::Model, "nothing before it");
    refused(&graph(&[node("Neg", "", &["x"], &["y"], &[]), node("Neg", "", &["x"], &["y"], &[])]), Status::Model, "twice");
    refused(&graph(&[node("Neg", "", &["x"], &["a"], &[])]), Status::Model, "`y`");
    refused(&graph(&[node("Neg", "", &[], &["y"], &[])]), Status::Model, "lacks an input");
}

#[test]
fn deep_nesting_ends_at_the_decoder() {
    let nest = |depth: usize| {
        let mut body = Vec::new();
        for _ in 0..depth {
            body = node("If", "", &[], &["z"], &attr("then_branch", 5, bytes(6, &body)));
        }
        let graph = [node("Neg", "", &["x"], &["y"], &[]), body, value(11, "x", &[1, 2]), value(12, "y", &[1, 2])].concat();
        model(&graph, 15)
    };
    attempt(&nest(10)).unwrap();
    refused(&nest(2_000), Status::Model, "recursion");
}

/// Two bytes each in the file, some hundred in memory.
#[test]
fn a_flood_of_empty_messages_is_refused_before_it_is_decoded() {
    let flood = bytes(1, []).repeat(2 << 20);
    refused(&model(&flood, 15), Status::Model, "messages");
    let flood = bytes(1, bytes(5, []).repeat(2 << 20));
    refused(&model(&flood, 15), Status::Model, "messages");
    // A group would hide what follows it from the count.
    refused(&[vec![0x0b, 0x0c], model(&[], 15)].concat(), Status::Model, "followed");
}

#[test]
fn trees_that_are_no_trees_are_refused() {
    Tree::refused(|tree| tree.no[2] = 0, "cycle");
    Tree::refused(|tree| tree.no[2] = 2, "two parents");
    Tree::refused(|tree| tree.no[2] = 1, "two parents");
    Tree::refused(|tree| tree.yes[0] = 99, "child 99");
    Tree::refused(|tree| tree.yes[0] = -1, "child -1");
    Tree::refused(|tree| tree.ids[4] = 3, "twice");
    Tree::refused(|tree| tree.features[2] = 2, "column 2 of 2");
    Tree::refused(|tree| tree.features[2] = -1, "column -1");
    Tree::refused(|tree| tree.values[2] = f32::NAN, "NaN");
    Tree::refused(|tree| tree.weights[2] = f32::INFINITY, "not finite");
    Tree::refused(|tree| tree.leaves[0] = 2, "no leaf");
    Tree::refused(|tree| tree.leaves[0] = 3, "two values");
    Tree::refused(|tree| tree.modes.truncate(4), "nodes_modes");
    Tree::refused(|tree| tree.values.truncate(4), "nodes_values");
    Tree::refused(|tree| tree.weights.truncate(2), "target_weights");
    // A cycle beside a good tree of the same number: nodes 5 and 6 own one another.
    Tree::refused(
        |tree| {
            tree.ids.extend([5, 6, 7, 8]);
            tree.features.extend([0; 4]);
            tree.modes.extend(["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF"]);
            tree.yes.extend([6, 5, 0, 0]);
            tree.no.extend([7, 8, 0, 0]);
            tree.values.extend([0.0; 4]);
        },
        "cycle",
    );
    let mut tree = Tree::good();
    tree.modes[0] = "BRANCH_MEMBER";
    refused(&tree.file(), Status::Operator, "BRANCH_MEMBER");
}

#[test]
fn a_tree_may_be_deep_but_not_without_end() {
    let chain = |depth: i64| {
        let count = 2 * depth + 1;
        let branch = |id: i64| id < 2 * depth && id % 2 == 0;
        let pick = |id: i64, child: i64| if branch(id) { child } else { 0 };
        Tree {
            ids: (0..count).collect(),
            features: vec![0; count as usize],
            modes: (0..count).map(|id| if branch(id) { "BRANCH_LEQ" } else { "LEAF" }).collect(),
            yes: (0..count).map(|id| pick(id, id + 1)).collect(),
            no: (0..count).map(|id| pick(id, id + 2)).collect(),
            values: vec![0.0; count as usize],
            leaves: vec![count - 1],
            weights: vec![1.0],
        }
        .file()
    };
    attempt(&chain(1_000)).unwrap();
    refused(&chain(2_000), Status::Operator, "2000 deep");
}

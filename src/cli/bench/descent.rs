//! What a row makes an ensemble of trees do, seeded or trained: its branches are counted on the rows.

use std::collections::BTreeMap;

use foretick::model::onnx_ir::{Attr, Graph, Node};

use super::models::Work;
use super::rows::Rows;

/// A branch as small as it can be kept (feature, threshold, where to go), and a leaf's value.
const BRANCH_BYTES: f64 = 8.0;
const LEAF_BYTES: f64 = 4.0;
/// Rows that are counted on.
const ROWS: usize = 256;

/// The work of an ensemble on a row, on average; nothing for a file that holds none.
pub fn work(file: &[u8], rows: &Rows) -> Option<Work> {
    let graph = Graph::parse(file).ok()?;
    let trees = Trees::read(graph.nodes.iter().find(|node| node.op.starts_with("TreeEnsemble"))?)?;
    let counted = rows.count().min(ROWS);
    let branches = (0..counted).map(|row| trees.branches(rows.row(row))).sum::<usize>() as f64 / counted as f64;
    let (leaves, nodes) = (trees.roots.len() as f64, trees.nodes.len() as f64);
    Some(Work { flops: branches + leaves, bytes: branches * BRANCH_BYTES + leaves * LEAF_BYTES, resident: nodes * BRANCH_BYTES })
}

/// A node, with its children's places; a leaf has none.
struct Step {
    feature: usize,
    threshold: f32,
    is_strict: bool,
    children: Option<[usize; 2]>,
}

struct Trees {
    nodes: Vec<Step>,
    roots: Vec<usize>,
}

impl Trees {
    fn read(node: &Node) -> Option<Trees> {
        let [trees, ids, features, yes, no] = ["treeids", "nodeids", "featureids", "truenodeids", "falsenodeids"].map(|name| ints(node, name));
        let (trees, ids, features, yes, no) = (trees?, ids?, features?, yes?, no?);
        let (Attr::Floats(values), Attr::Texts(modes)) = (node.attr("nodes_values")?, node.attr("nodes_modes")?) else { return None };
        let places: BTreeMap<(i64, i64), usize> = (0..ids.len()).map(|at| ((trees[at], ids[at]), at)).collect();
        let step = |at: usize| {
            let child = |ids: &[i64]| places.get(&(trees[at], ids[at])).copied();
            let children = if modes[at] == "LEAF" { None } else { Some([child(yes)?, child(no)?]) };
            Some(Step { feature: usize::try_from(features[at]).ok()?, threshold: values[at], is_strict: modes[at] == "BRANCH_LT", children })
        };
        let nodes = (0..ids.len()).map(step).collect::<Option<Vec<Step>>>()?;
        // Exporters write a tree's root first.
        let roots = (0..trees.len()).filter(|at| *at == 0 || trees[*at] != trees[at - 1]).collect();
        Some(Trees { nodes, roots })
    }

    /// Branches that a row passes in all trees.
    fn branches(&self, row: &[f32]) -> usize {
        self.roots.iter().map(|root| self.depth(*root, row)).sum()
    }

    fn depth(&self, root: usize, row: &[f32]) -> usize {
        let (mut at, mut depth) = (root, 0);
        // No tree is as deep as it has nodes: a cycle ends too.
        while let Step { feature, threshold, is_strict, children: Some([yes, no]) } = &self.nodes[at]
            && depth < self.nodes.len()
        {
            let value = row.get(*feature).copied().unwrap_or(0.0);
            at = if value < *threshold || value == *threshold && !is_strict { *yes } else { *no };
            depth += 1;
        }
        depth
    }
}

fn ints<'n>(node: &'n Node, name: &str) -> Option<&'n [i64]> {
    match node.attr(&format!("nodes_{name}"))? {
        Attr::Ints(values) => Some(values),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::random::Random;
    use crate::cli::bench::trees::{Recipe, ensemble};

    #[test]
    fn branches_are_counted_as_they_were_grown() {
        let mut random = Random::new(1);
        let rows = Rows { width: 3, values: (0..3_000).map(|_| random.uniform() as f32).collect() };
        for mode in ["BRANCH_LEQ", "BRANCH_LT"] {
            let full = Recipe { trees: 5, depth: 3, leaves: 8, fewer: (0, 0), least_share: 0.4, mode, votes: false, seed: 3 };
            let work = work(&ensemble(&rows, full), &rows).unwrap();
            assert_eq!((work.flops, work.bytes, work.resident), (20.0, 15.0 * 8.0 + 5.0 * 4.0, 75.0 * 8.0));
        }
    }
}

//! Seeded tree ensembles as ONNX files: thresholds at quantiles of the rows that reach a node, leaves of a few thousandths.

use super::graphs::{attr, floats, ints, model, node, texts, value, wire};

/// Whole numbers and rows out of a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % count
    }

    /// Near enough to a normal distribution.
    pub fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0).sum()
    }

    pub fn rows(&mut self, count: usize, width: usize) -> Vec<Vec<f32>> {
        (0..count).map(|_| (0..width).map(|_| self.normal()).collect()).collect()
    }
}

/// How a tree grows.
#[derive(Clone, Copy)]
pub enum Grow {
    /// Level by level down to this depth: random forests, XGBoost.
    Depth(u32),
    /// Leaf by leaf, those that many rows reach first: LightGBM.
    Leaves(usize),
}

/// An ensemble of a kind that libraries train.
pub struct Forest {
    pub name: &'static str,
    pub trees: usize,
    pub columns: usize,
    pub grow: Grow,
    /// `"BRANCH_LEQ"`, or XGBoost's `"BRANCH_LT"`.
    pub mode: &'static str,
    /// Missing values go where each node says.
    pub missing: bool,
}

/// A node while its tree grows: the rows that reach it, and its split.
struct Grown {
    reached: Vec<usize>,
    depth: u32,
    split: Option<(usize, f32, usize)>,
}

/// The attributes of an ensemble while they are written.
#[derive(Default)]
struct Attributes {
    tree: Vec<i64>,
    id: Vec<i64>,
    column: Vec<i64>,
    mode: Vec<&'static str>,
    threshold: Vec<f32>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_id: Vec<i64>,
    leaf: Vec<f32>,
}

impl Forest {
    /// The file.
    pub fn file(&self, seed: u64) -> Vec<u8> {
        let mut random = Random(seed);
        let enough = if let Grow::Leaves(most) = self.grow { 31 * most } else { 0 };
        let rows = random.rows(enough.max(2_000), self.columns);
        let mut attributes = Attributes::default();
        for tree in 0..self.trees {
            let nodes = self.tree(&mut random, &rows);
            self.write(&mut attributes, tree as i64, &nodes, &mut random);
        }
        let op = node("TreeEnsembleRegressor", "ai.onnx.ml", &["x"], &["y"], &attributes.bytes());
        model(&[op, value(11, "x", &[1, self.columns as i64]), value(12, "y", &[1, 1])].concat(), 15)
    }

    fn tree(&self, random: &mut Random, rows: &[Vec<f32>]) -> Vec<Grown> {
        let mut nodes = vec![Grown { reached: (0..rows.len()).collect(), depth: 0, split: None }];
        let mut leaves = 1;
        while let Some(at) = self.next(&nodes, leaves, random) {
            split(&mut nodes, at, random, rows);
            leaves += 1;
        }
        nodes
    }

    /// The next node to be split.
    fn next(&self, nodes: &[Grown], leaves: usize, random: &mut Random) -> Option<usize> {
        let mut open = (0..nodes.len()).filter(|at| nodes[*at].split.is_none() && nodes[*at].reached.len() >= 2);
        match self.grow {
            Grow::Depth(depth) => open.find(|at| nodes[*at].depth < depth),
            Grow::Leaves(most) if leaves == most => None,
            Grow::Leaves(_) => {
                let open: Vec<usize> = open.filter(|at| nodes[*at].reached.len() >= 20).collect();
                let rows: usize = open.iter().map(|at| nodes[*at].reached.len()).sum();
                let mut row = (rows > 0).then(|| random.below(rows))?;
                open.into_iter().find(|at| {
                    let found = row < nodes[*at].reached.len();
                    row = row.saturating_sub(nodes[*at].reached.len());
                    found
                })
            }
        }
    }

    fn write(&self, to: &mut Attributes, tree: i64, nodes: &[Grown], random: &mut Random) {
        for (id, node) in nodes.iter().enumerate() {
            let (column, threshold, first) = node.split.unwrap_or_default();
            let second = if node.split.is_some() { first + 1 } else { 0 };
            to.tree.push(tree);
            to.id.push(id as i64);
            to.column.push(column as i64);
            to.mode.push(if node.split.is_some() { self.mode } else { "LEAF" });
            to.threshold.push(threshold);
            to.yes.push(first as i64);
            to.no.push(second as i64);
            to.missing.push(i64::from(self.missing && node.split.is_some() && random.below(2) == 0));
            if node.split.is_none() {
                to.leaf_tree.push(tree);
                to.leaf_id.push(id as i64);
                to.leaf.push(random.normal() * 1e-3);
            }
        }
    }
}

/// Splits a node at a random quantile, between a twentieth and nineteen, of the rows that reach it.
fn split(nodes: &mut Vec<Grown>, at: usize, random: &mut Random, rows: &[Vec<f32>]) {
    let column = random.below(rows[0].len());
    let mut values: Vec<f32> = nodes[at].reached.iter().map(|row| rows[*row][column]).collect();
    values.sort_by(f32::total_cmp);
    let threshold = values[(values.len() * (5 + random.below(90)) / 100).min(values.len() - 2)];
    let (below, above) = nodes[at].reached.iter().partition(|row| rows[**row][column] <= threshold);
    let (first, depth) = (nodes.len(), nodes[at].depth + 1);
    nodes[at].split = Some((column, threshold, first));
    nodes.extend([below, above].map(|reached| Grown { reached, depth, split: None }));
}

impl Attributes {
    fn bytes(&self) -> Vec<u8> {
        let targets = vec![0; self.leaf.len()];
        [
            ints("nodes_treeids", &self.tree),
            ints("nodes_nodeids", &self.id),
            ints("nodes_featureids", &self.column),
            texts("nodes_modes", &self.mode),
            floats("nodes_values", &self.threshold),
            ints("nodes_truenodeids", &self.yes),
            ints("nodes_falsenodeids", &self.no),
            ints("nodes_missing_value_tracks_true", &self.missing),
            ints("target_treeids", &self.leaf_tree),
            ints("target_nodeids", &self.leaf_id),
            ints("target_ids", &targets),
            floats("target_weights", &self.leaf),
            attr("n_targets", 2, wire::int(3, 1)),
        ]
        .concat()
    }
}

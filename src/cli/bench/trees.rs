//! Trees that were not trained but grown on the rows: every branch splits the rows that reach it, so real rows take all ways.

use super::onnx::{Attr, FREE, Graph};
use super::random::Random;
use super::rows::Rows;

/// How an ensemble is grown and written.
#[derive(Clone, Copy)]
pub struct Recipe {
    pub trees: usize,
    pub depth: usize,
    /// Most leaves of a tree, and of the last `fewer.0` trees.
    pub leaves: usize,
    pub fewer: (usize, usize),
    /// Share of a node's rows that may go one way at the least.
    pub least_share: f64,
    /// `BRANCH_LT` (XGBoost) or `BRANCH_LEQ`.
    pub mode: &'static str,
    /// The forest's leaves are shares of votes; boosted trees' are parts of a logit.
    pub votes: bool,
    pub seed: u64,
}

/// Fewest rows of a branch.
const ROWS_LEAST: usize = 4;

enum Node {
    Branch { feature: usize, threshold: f32, yes: usize, no: usize },
    Leaf(f32),
}

/// Grows an ensemble on the rows: its file.
pub fn ensemble(rows: &Rows, recipe: Recipe) -> Vec<u8> {
    let mut random = Random::new(recipe.seed);
    let trees: Vec<Vec<Node>> = (0..recipe.trees).map(|number| grow(rows, recipe, number, &mut random)).collect();
    write(&trees, recipe, rows.width)
}

/// A node that may still become a branch.
struct Open {
    node: usize,
    rows: Vec<usize>,
    depth: usize,
}

/// One tree, the leaf with the most rows split first.
fn grow(rows: &Rows, recipe: Recipe, number: usize, random: &mut Random) -> Vec<Node> {
    let most = if number + recipe.fewer.0 >= recipe.trees { recipe.fewer.1 } else { recipe.leaves };
    let mut nodes = vec![Node::Leaf(leaf(recipe, random))];
    // Each tree sees rows drawn anew, as a forest's does.
    let drawn = (0..rows.count()).map(|_| random.below(rows.count())).collect();
    let (mut open, mut leaves) = (vec![Open { node: 0, rows: drawn, depth: 0 }], 1);
    while leaves < most
        && let Some(widest) = (0..open.len()).max_by_key(|at| open[*at].rows.len())
    {
        let Open { node, rows: reached, depth } = open.swap_remove(widest);
        if reached.len() < ROWS_LEAST {
            break;
        }
        let Some((feature, threshold)) = threshold(rows, &reached, recipe, random) else { continue };
        let goes = |row: &usize| if recipe.mode == "BRANCH_LT" { rows.row(*row)[feature] < threshold } else { rows.row(*row)[feature] <= threshold };
        let (left, right): (Vec<usize>, Vec<usize>) = reached.into_iter().partition(goes);
        let first = nodes.len();
        nodes[node] = Node::Branch { feature, threshold, yes: first, no: first + 1 };
        for (node, rows) in [(first, left), (first + 1, right)] {
            nodes.push(Node::Leaf(leaf(recipe, random)));
            if depth + 1 < recipe.depth {
                open.push(Open { node, rows, depth: depth + 1 });
            }
        }
        leaves += 1;
    }
    nodes
}

/// A value of a drawn feature with rows on both sides; none when they are all alike.
fn threshold(rows: &Rows, reached: &[usize], recipe: Recipe, random: &mut Random) -> Option<(usize, f32)> {
    (0..8).find_map(|_| {
        let feature = random.below(rows.width);
        let mut values: Vec<f32> = reached.iter().map(|row| rows.row(*row)[feature]).collect();
        values.sort_unstable_by(f32::total_cmp);
        let share = recipe.least_share + (1.0 - 2.0 * recipe.least_share) * random.uniform();
        let threshold = values[(share * (values.len() - 1) as f64) as usize];
        (values[0] < threshold && threshold < values[values.len() - 1]).then_some((feature, threshold))
    })
}

fn leaf(recipe: Recipe, random: &mut Random) -> f32 {
    let value = random.uniform() as f32;
    if recipe.votes { value / recipe.trees as f32 } else { (value - 0.5) * 0.1 }
}

/// Columns of `TreeEnsembleClassifier`.
#[derive(Default)]
struct Columns {
    trees: Vec<i64>,
    ids: Vec<i64>,
    features: Vec<i64>,
    values: Vec<f32>,
    modes: Vec<&'static str>,
    yes: Vec<i64>,
    no: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_ids: Vec<i64>,
    leaf_values: Vec<f32>,
}

impl Columns {
    fn push(&mut self, tree: usize, id: usize, node: &Node, branch: &'static str) {
        self.trees.push(tree as i64);
        self.ids.push(id as i64);
        let (feature, threshold, mode, yes, no) = match node {
            Node::Branch { feature, threshold, yes, no } => (*feature, *threshold, branch, *yes, *no),
            Node::Leaf(value) => {
                self.leaf_trees.push(tree as i64);
                self.leaf_ids.push(id as i64);
                self.leaf_values.push(*value);
                (0, 0.0, "LEAF", 0, 0)
            }
        };
        self.features.push(feature as i64);
        self.values.push(threshold);
        self.modes.push(mode);
        self.yes.push(yes as i64);
        self.no.push(no as i64);
    }
}

/// A classifier as the exporters of the libraries write it: the scores of class 1, filed under class 0.
fn write(trees: &[Vec<Node>], recipe: Recipe, width: usize) -> Vec<u8> {
    let mut all = Columns::default();
    for (tree, nodes) in trees.iter().enumerate() {
        nodes.iter().enumerate().for_each(|(id, node)| all.push(tree, id, node, recipe.mode));
    }
    let zeros = vec![0; all.leaf_ids.len()];
    let mut attrs = vec![
        ("nodes_treeids", Attr::Ints(&all.trees)),
        ("nodes_nodeids", Attr::Ints(&all.ids)),
        ("nodes_featureids", Attr::Ints(&all.features)),
        ("nodes_values", Attr::Floats(&all.values)),
        ("nodes_modes", Attr::Texts(&all.modes)),
        ("nodes_truenodeids", Attr::Ints(&all.yes)),
        ("nodes_falsenodeids", Attr::Ints(&all.no)),
        ("class_treeids", Attr::Ints(&all.leaf_trees)),
        ("class_nodeids", Attr::Ints(&all.leaf_ids)),
        ("class_ids", Attr::Ints(&zeros)),
        ("class_weights", Attr::Floats(&all.leaf_values)),
        ("classlabels_int64s", Attr::Ints(&[0, 1])),
        ("post_transform", Attr::Text(if recipe.votes { "NONE" } else { "LOGISTIC" })),
    ];
    if !recipe.votes {
        attrs.push(("base_values", Attr::Floats(&[0.1])));
    }
    let mut graph = Graph::default();
    graph.input("X", &[FREE, width]);
    graph.node(true, "TreeEnsembleClassifier", &["X"], &["label", "probabilities"], &attrs);
    graph.label("label");
    graph.output("probabilities", &[FREE, 2]);
    graph.file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_as_many_as_asked() {
        let mut random = Random::new(1);
        let rows = Rows { width: 3, values: (0..3_000).map(|_| random.uniform() as f32).collect() };
        let recipe = Recipe { trees: 20, depth: 64, leaves: 11, fewer: (4, 10), least_share: 0.3, mode: "BRANCH_LEQ", votes: false, seed: 3 };
        let mut random = Random::new(recipe.seed);
        let trees: Vec<Vec<Node>> = (0..recipe.trees).map(|number| grow(&rows, recipe, number, &mut random)).collect();
        assert_eq!(trees.iter().map(Vec::len).collect::<Vec<_>>(), [vec![21; 16], vec![19; 4]].concat());
    }
}

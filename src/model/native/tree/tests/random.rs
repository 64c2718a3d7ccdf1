//! Random ensembles on every level of instructions beside a descent that is written as the ONNX text has it: equal to the bit.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::lanes::{LANES, reduce};
use super::super::*;
use crate::model::onnx_ir::{Attr, Data, Tensor};

enum Tree {
    Leaf(Vec<f32>),
    Branch { column: usize, mode: &'static str, threshold: f64, missing: bool, children: Box<[Tree; 2]> },
}

impl Tree {
    fn reached(&self, row: &[f32]) -> &[f32] {
        match self {
            Tree::Leaf(values) => values,
            Tree::Branch { column, mode, threshold, missing, children } => {
                let x = f64::from(row[*column]);
                let holds = match *mode {
                    "BRANCH_LEQ" => x <= *threshold,
                    "BRANCH_LT" => x < *threshold,
                    "BRANCH_GTE" => x >= *threshold,
                    "BRANCH_GT" => x > *threshold,
                    "BRANCH_EQ" => x == *threshold,
                    _ => x != *threshold,
                };
                children[usize::from(!(holds || (*missing && x.is_nan())))].reached(row)
            }
        }
    }
}

/// How the trees of an ensemble grow.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Every leaf at this depth.
    Full(u32),
    /// A branch ends with this probability out of 8 at each level, at this depth at the latest.
    Ragged(u32, usize),
    /// One child of each branch is a leaf.
    Stalk(u32),
    /// So many leaves, which each branch shares out at random.
    Shared(usize),
}

/// Seeded choices.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % count
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Any float that decides something: few enough that rows and thresholds meet.
    fn value(&mut self) -> f32 {
        let near = self.below(9) as f32 - 4.0;
        let tiny = f32::from_bits(1 + self.below(2) as u32);
        let value = self.of(&[near, near.next_up(), near.next_down(), 0.0, tiny, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY]);
        if self.below(2) == 0 { value } else { -value }
    }
}

/// What a kind of ensembles has.
#[derive(Clone, Copy, Debug)]
struct Kind {
    shape: Shape,
    trees: usize,
    columns: usize,
    targets: usize,
    modes: &'static [&'static str],
    missing: bool,
    aggregate: &'static str,
    base: f32,
}

impl Kind {
    fn tree(&self, random: &mut Random, depth: u32, shape: Shape) -> Tree {
        let ends = match shape {
            Shape::Full(deepest) | Shape::Stalk(deepest) => depth == deepest,
            Shape::Ragged(deepest, eighths) => depth == deepest || random.below(8) < eighths,
            Shape::Shared(leaves) => leaves == 1,
        };
        if ends {
            return Tree::Leaf((0..self.targets).map(|_| random.value().clamp(-4e3, 4e3) * 1.1).collect());
        }
        let shapes = match shape {
            Shape::Stalk(_) => [shape, Shape::Full(depth + 1)],
            Shape::Shared(leaves) => {
                let first = 1 + random.below(leaves - 1);
                [Shape::Shared(first), Shape::Shared(leaves - first)]
            }
            Shape::Full(_) | Shape::Ragged(..) => [shape; 2],
        };
        let mut children = Box::new(shapes.map(|shape| self.tree(random, depth + 1, shape)));
        if random.below(2) == 0 {
            children.reverse();
        }
        // A double now and then that no float is.
        let threshold = f64::from(random.value()) * random.of(&[1.0, 1.0, 1.0, 1.0 + 1e-12]);
        Tree::Branch { column: random.below(self.columns), mode: random.of(self.modes), threshold, missing: self.missing && random.below(2) == 0, children }
    }

    fn graph(&self, trees: &[Tree]) -> GraphNode {
        let mut table = Table::default();
        for (number, tree) in trees.iter().enumerate() {
            table.next = 0;
            table.add(number as i64, tree);
        }
        let threshold = Tensor { dims: vec![table.thresholds.len()], data: Data::F64(table.thresholds) };
        let mut attrs: BTreeMap<String, Attr> = table.ints.into_iter().map(|(name, values)| (name.to_owned(), Attr::Ints(values))).collect();
        attrs.insert("nodes_modes".to_owned(), Attr::Texts(table.modes));
        attrs.insert("nodes_values_as_tensor".to_owned(), Attr::Tensor(threshold));
        attrs.insert("target_weights".to_owned(), Attr::Floats(table.weights));
        attrs.insert("base_values".to_owned(), Attr::Floats(vec![self.base; self.targets]));
        attrs.insert("n_targets".to_owned(), Attr::Int(self.targets as i64));
        attrs.insert("aggregate_function".to_owned(), Attr::Text(self.aggregate.to_owned()));
        GraphNode {
            op: "TreeEnsembleRegressor".to_owned(),
            domain: "ai.onnx.ml".to_owned(),
            inputs: vec!["x".to_owned()],
            outputs: vec!["y".to_owned()],
            attrs,
        }
    }

    /// The scores as the canonical order has them.
    fn expected(&self, trees: &[Tree], row: &[f32]) -> Vec<f32> {
        let start = match self.aggregate {
            "MIN" => f64::INFINITY,
            "MAX" => f64::NEG_INFINITY,
            _ => 0.0,
        };
        let join = |a: f64, b: f64| match self.aggregate {
            "MIN" => a.min(b),
            "MAX" => a.max(b),
            _ => a + b,
        };
        let one = |target: usize| {
            let mut lanes = [start; LANES];
            for (index, tree) in trees.iter().enumerate() {
                lanes[index % LANES] = join(lanes[index % LANES], f64::from(tree.reached(row)[target]));
            }
            let total = reduce(lanes, join);
            ((if self.aggregate == "AVERAGE" { total / trees.len() as f64 } else { total }) + f64::from(self.base)) as f32
        };
        (0..self.targets).map(one).collect()
    }
}

/// The attributes of an ensemble.
#[derive(Default)]
struct Table {
    next: i64,
    ints: BTreeMap<&'static str, Vec<i64>>,
    modes: Vec<String>,
    thresholds: Vec<f64>,
    weights: Vec<f32>,
}

impl Table {
    fn push(&mut self, name: &'static str, value: i64) -> usize {
        let values = self.ints.entry(name).or_default();
        values.push(value);
        values.len() - 1
    }

    /// Adds a subtree; its root's number.
    fn add(&mut self, number: i64, tree: &Tree) -> i64 {
        let id = self.next;
        self.next += 1;
        self.push("nodes_treeids", number);
        let at = self.push("nodes_nodeids", id);
        let (mode, column, threshold, missing) = match tree {
            Tree::Leaf(_) => ("LEAF", 0, 0.0, false),
            Tree::Branch { mode, column, threshold, missing, .. } => (*mode, *column, *threshold, *missing),
        };
        self.modes.push(mode.to_owned());
        self.thresholds.push(threshold);
        self.push("nodes_featureids", column as i64);
        self.push("nodes_missing_value_tracks_true", i64::from(missing));
        self.push("nodes_truenodeids", 0);
        self.push("nodes_falsenodeids", 0);
        match tree {
            Tree::Leaf(values) => values.iter().enumerate().for_each(|(target, value)| {
                self.push("target_treeids", number);
                self.push("target_nodeids", id);
                self.push("target_ids", target as i64);
                self.weights.push(*value);
            }),
            Tree::Branch { children, .. } => {
                for (name, child) in [("nodes_truenodeids", &children[0]), ("nodes_falsenodeids", &children[1])] {
                    let child = self.add(number, child);
                    if let Some(values) = self.ints.get_mut(name) {
                        values[at] = child;
                    }
                }
            }
        }
        id
    }
}

const EVERY_MODE: &[&str] = &["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];
const ORDERED: &[&str] = &["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"];

/// The kind that others differ from.
const PLAIN: Kind = Kind { shape: Shape::Full(0), trees: 1, columns: 1, targets: 1, modes: ORDERED, missing: false, aggregate: "SUM", base: 0.0 };

fn kind(random: &mut Random, round: usize) -> Kind {
    let deepest = if cfg!(miri) { 5 } else { 13 };
    let depth = random.below(deepest) as u32;
    let shape = match round % 5 {
        0 => Shape::Full(depth.min(9)),
        1 => Shape::Ragged(depth, 1),
        2 => Shape::Ragged(depth + if cfg!(miri) { 1 } else { 8 }, 3),
        3 => Shape::Stalk(depth * 3),
        _ => Shape::Shared(random.of(if cfg!(miri) { &[17][..] } else { &[16, 17, 29, 31, 32, 33] })),
    };
    // Enough branches a column to be ranked.
    let many = matches!(shape, Shape::Shared(_));
    let modes = random.of(&[&["BRANCH_LEQ"][..], &["BRANCH_LT"], ORDERED, ORDERED, EVERY_MODE]);
    let columns = random.of(match (many, cfg!(miri)) {
        (true, true) => &[1][..],
        (true, false) => &[1, 2, 3, 7, 65],
        (false, true) => &[1, 2, 7, 33, 65],
        (false, false) => &[1, 2, 7, 31, 32, 33, 63, 64, 65, 255, 256, 1_023, 1_024],
    });
    let trees = random.of(match (many, cfg!(miri)) {
        (true, true) => &[9][..],
        (true, false) => &[7, 15, 16, 17, 33, 70],
        (false, true) => &[1, 2, 9],
        (false, false) => &[1, 2, 7, 8, 15, 16, 17, 33],
    });
    Kind {
        shape,
        trees,
        columns,
        targets: random.of(&[1, 1, 1, 2, 3]),
        modes,
        missing: random.below(3) == 0,
        aggregate: random.of(&["SUM", "SUM", "AVERAGE", "MIN", "MAX"]),
        base: random.of(&[0.0, 0.3]),
    }
}

fn rows(random: &mut Random, columns: usize) -> Vec<f32> {
    let mut rows: Vec<f32> = (0..12 * columns).map(|_| random.value()).collect();
    // Missing values in the last rows only: those before go the fast way.
    for _ in 0..columns.div_ceil(2) {
        let at = 6 * columns + random.below(6 * columns);
        rows[at] = random.of(&[f32::NAN, -f32::NAN]);
    }
    rows
}

/// How rows descend, and whether those with missing values go another way.
type Taken = (&'static str, bool);

/// Random trees and rows, with the scores that the text says.
struct Case {
    kind: Kind,
    graph: GraphNode,
    rows: Vec<f32>,
    expected: Vec<u32>,
}

impl Case {
    fn new(random: &mut Random, kind: Kind) -> Case {
        let forest: Vec<Tree> = (0..kind.trees).map(|_| kind.tree(random, 0, kind.shape)).collect();
        let rows = rows(random, kind.columns);
        Case::of(kind, &forest, rows)
    }

    fn of(kind: Kind, forest: &[Tree], rows: Vec<f32>) -> Case {
        let expected = rows.chunks(kind.columns).flat_map(|row| kind.expected(forest, row)).map(f32::to_bits).collect();
        Case { graph: kind.graph(forest), kind, rows, expected }
    }

    fn build(&self, level: Level, asked: Option<Descent>) -> Result<Trees> {
        regressor(&self.graph, self.kind.columns, level, asked)
    }

    fn check(&self, level: Level, trees: &Trees) -> Taken {
        let (mut scratch, mut scores) = (vec![f32::NAN; trees.scratch_len()], vec![f32::NAN; self.expected.len()]);
        trees.run(level, &self.rows, &mut scratch, &mut scores);
        let scores: Vec<u32> = scores.iter().map(|score| score.to_bits()).collect();
        assert_eq!(scores, self.expected, "{:?} {} on {}", self.kind, trees.layout(), level.name());
        (trees.layout(), matches!(trees.way, Way::Both(..)))
    }

    /// By what the rule chooses on each level.
    fn by_rule(&self) -> Vec<Taken> {
        Level::available().into_iter().map(|level| self.check(level, &self.build(level, None).unwrap())).collect()
    }

    /// By every way down that fits.
    fn asked(&self) -> Vec<Taken> {
        let ways = Level::available().into_iter().flat_map(|level| Descent::ALL.map(|descent| (level, descent)));
        let taken = ways.filter_map(|(level, descent)| {
            let taken = self.check(level, &self.build(level, Some(descent)).ok()?);
            assert_eq!(taken.0, descent.name());
            Some(taken)
        });
        taken.collect()
    }
}

#[test]
fn every_layout_reaches_the_leaves_that_the_text_says() {
    let mut random = Random(5);
    let (mut seen, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..if cfg!(miri) { 10 } else { 500 } {
        let kind = kind(&mut random, round);
        let case = Case::new(&mut random, kind);
        seen.extend(case.by_rule());
        if round % 2 == 0 {
            asked.extend(case.asked());
        }
    }
    let mut known = vec![("by rank", false), ("in a chain", false), ("in a chain", true), ("node by node", false)];
    if Level::available().len() == 3 {
        known.extend([("in a sweep", false), ("in a sweep", true), ("in blocks", false), ("in blocks", true), ("in crown and chain", false)]);
        known.push(("in crown and chain", true));
    }
    // A few small ensembles need not meet every rule.
    assert!(cfg!(miri) || seen == known.iter().copied().collect());
    known.retain(|(layout, _)| *layout != "node by node");
    if Level::available().len() == 3 {
        known.extend([("by gathers", false), ("by gathers", true)]);
    }
    assert!(cfg!(miri) || asked == known.into_iter().collect());
}

#[test]
fn a_way_down_that_does_not_fit_is_refused_with_what_it_needs() {
    let mut random = Random(9);
    let kind = Kind { shape: Shape::Full(2), trees: 3, columns: 65, ..PLAIN };
    let mut refusal = |kind: Kind, descent: Descent| Case::new(&mut random, kind).build(Level::best(), Some(descent)).unwrap_err();
    for descent in Descent::ALL.into_iter().filter(|descent| *descent != Descent::Chain) {
        let error = refusal(kind, descent);
        assert!(error.status() == Status::Operator && error.text().contains(descent.name()) && error.text().contains(descent.needs()), "{error}");
    }
    for descent in Descent::ALL {
        let error = refusal(Kind { modes: &["BRANCH_EQ"], columns: 2, ..kind }, descent);
        assert!(error.text().contains("equality"), "{error}");
    }
}

/// A tree of so many leaves whose thresholds are the next ones.
#[cfg(not(miri))]
fn shared(random: &mut Random, leaves: usize, columns: usize, next: &mut dyn FnMut() -> f64) -> Tree {
    if leaves == 1 {
        return Tree::Leaf(vec![random.below(1 << 20) as f32]);
    }
    let (column, threshold, first) = (random.below(columns), next(), 1 + random.below(leaves - 1));
    let children = Box::new([first, leaves - first].map(|leaves| shared(random, leaves, columns, next)));
    Tree::Branch { column, mode: "BRANCH_LEQ", threshold, missing: false, children }
}

/// More groups than run side by side, of which the second is the larger one, and more thresholds a column than a register compares.
#[test]
#[cfg(not(miri))]
fn many_trees_of_many_thresholds_reach_theirs() {
    let mut random = Random(11);
    let (trees, columns) = (130, 2);
    let mut threshold = 0.0;
    let mut next = || {
        threshold += 7_919.0;
        threshold % 8_192.0
    };
    let forest: Vec<Tree> = (0..trees).map(|tree| shared(&mut random, (31 + 11 * (tree / 32)).min(64), columns, &mut next)).collect();
    let rows = (0..400).map(|_| random.below(4 * 8_192) as f32 / 4.0).collect();
    let case = Case::of(Kind { trees, columns, ..PLAIN }, &forest, rows);
    case.by_rule();
    let ways: BTreeSet<Taken> = case.asked().into_iter().collect();
    let known = ["in a chain", "in a sweep", "in crown and chain", "by gathers"].map(|way| (way, false));
    assert_eq!(ways, known[..if Level::available().len() == 3 { 4 } else { 1 }].iter().copied().collect());
}

/// A column has one rank less than 16 bits count.
#[test]
#[cfg(not(miri))]
fn a_sweep_takes_as_many_thresholds_as_there_are_ranks() {
    if Level::available().len() < 3 {
        return;
    }
    for (thresholds, fits) in [(65_534_usize, true), (65_535, false)] {
        let (mut random, mut threshold) = (Random(13), -1.0);
        let mut next = || {
            threshold += 1.0;
            threshold
        };
        let branches = (0..thresholds).step_by(63).map(|from| (thresholds - from).min(63));
        let forest: Vec<Tree> = branches.map(|branches| shared(&mut random, branches + 1, 1, &mut next)).collect();
        let rows = [-1.0, 0.0, 0.5, 255.0, 256.0, 4_351.5, 65_533.0, 65_533.5, 65_534.0, f32::INFINITY].to_vec();
        let case = Case::of(Kind { trees: forest.len(), ..PLAIN }, &forest, rows);
        let level = Level::best();
        assert_eq!(case.build(level, Some(Descent::Sweep)).is_ok(), fits, "{thresholds}");
        assert_eq!(case.check(level, &case.build(level, None).unwrap()).0, if fits { "in a sweep" } else { "in crown and chain" });
    }
}

/// Every number of levels above and of blocks that there is, and more than blocks take.
#[test]
fn full_trees_of_every_depth_reach_theirs() {
    let mut random = Random(7);
    for depth in 0..if cfg!(miri) { 3 } else { 15 } {
        let kind = Kind {
            shape: Shape::Full(depth),
            trees: if depth < 10 { 17 } else { 16 },
            columns: random.of(&[3, 32, 40]),
            targets: 1,
            modes: ORDERED,
            missing: depth % 2 == 0,
            aggregate: "SUM",
            base: 0.0,
        };
        let layouts = Case::new(&mut random, kind).by_rule();
        if layouts.len() == 3 {
            assert_eq!(layouts[2].0, if depth < 14 { "in blocks" } else { "in crown and chain" }, "{depth}");
        }
    }
}

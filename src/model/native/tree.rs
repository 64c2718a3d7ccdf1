//! Tree ensembles: every tree of one model in one block of nodes.
//!
//! All comparisons are brought to one, `x <= threshold`, when the model is compiled. That is exact for every f32: `x < t` is
//! `x <= next below t`, `>` and `>=` are those with the children swapped, and a threshold stored as a double is rounded towards
//! minus infinity, which decides every f32 as the double would. Denormals are compared as they are.
//!
//! A row descends all trees first, without branches, and the leaves are summed after, in the canonical order: lane i takes the trees
//! i, i + 16, ... of a target. Which leaf a tree reaches does not depend on how it is laid out, so the layout is free, and a
//! [fixed rule](fast) chooses it:
//!
//! - [blocks]: with AVX-512 and at most 64 columns, trees of up to four levels and nearly full ones: the top levels of 16 trees at once,
//!   below them blocks of seven branches on one cache line, which one comparison decides;
//! - [sweep]: with the same, other trees of at most 64 leaves have all of their branches decided, those of 32 trees side by side;
//! - [ranks]: with other processors, wider rows or missing values in them, trees of 17 to 32 leaves, at least 128 branches a column and at
//!   most 640 KB of masks: the branches of all trees by column and threshold, with the leaves that are left of every tree at each 16th;
//! - [crowned]: with the same, other uneven trees have their top four levels decided like blocks, and the rest in a chain;
//! - [gathers]: the same with the chain's nodes gathered; no rule chooses it, a measurement may (`backend.lock`);
//! - [chain]: elsewhere, nodes of 8 bytes in which one comparison and its carry are a step, 8 trees side by side;
//! - [plain]: nodes that test for equality, and rows with missing values that some node sends to its first child, where the layout of the
//!   others (chain, crown, more than 32 columns) does not know that.
//!
//! What each buys, and why no rule chooses gathers: `crate::docs::performance`.

#[cfg(target_arch = "x86_64")]
mod blocks;
mod chain;
#[cfg(target_arch = "x86_64")]
mod crown;
#[cfg(target_arch = "x86_64")]
mod crowned;
mod descent;
mod fast;
#[cfg(target_arch = "x86_64")]
mod gathers;
mod layout;
mod ordinal;
mod plain;
mod ranks;
mod read;
#[cfg(target_arch = "x86_64")]
mod row;
mod sum;
#[cfg(target_arch = "x86_64")]
mod sweep;

use super::simd::{Level, Work};
use super::sums::Registers;
use super::{shown, unable};
use crate::error::{Error, Result, Status};
use crate::model::onnx_ir::Node as GraphNode;
use crate::model::params::Visit;

use chain::padded;
pub use descent::Descent;
use fast::Fast;
use plain::Plain;
pub(super) use read::{classifier, regressor};
use sum::Sum;

/// How the trees' values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Aggregate {
    fn parse(text: &str) -> Result<Aggregate> {
        Ok(match text {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(unable(format!("the tree ensemble has the aggregate_function {}", shown(other)))),
        })
    }
}

/// A tree ensemble that is ready to run.
#[derive(Debug)]
pub(super) struct Trees {
    way: Way,
    trees: usize,
    columns: usize,
    sum: Sum,
    about: About,
}

/// How rows descend.
#[derive(Debug)]
enum Way {
    Plain(Plain),
    Fast(Fast),
    /// Rows with missing values go the plain way, because some branch lets those take its first child.
    Both(Fast, Plain),
}

/// What people are told about an ensemble.
#[derive(Debug)]
struct About {
    /// Distinct (column, threshold) as the graph has them.
    thresholds: Vec<(usize, f32)>,
    /// Comparisons as the graph has them: `"<="`.
    comparisons: String,
    /// The graph sends missing values somewhere else than where the comparison does.
    tracks_missing: bool,
    depth: u32,
    nodes: usize,
}

impl Trees {
    /// `asked` is the way down, which the rule chooses by default.
    fn new(plain: Plain, columns: usize, level: Level, asked: Option<Descent>, sum: Sum, about: About) -> Result<Trees> {
        let trees = plain.roots.len();
        let fast = match asked {
            None => Fast::by_rule(&plain, columns, level),
            Some(asked) => Some(Fast::new(asked, &plain, columns, level).ok_or_else(|| unfit(asked))?),
        };
        let way = match fast {
            None => Way::Plain(plain),
            Some(fast) if plain.misses && !fast.takes_missing() => Way::Both(fast, plain),
            Some(fast) => Way::Fast(fast),
        };
        Ok(Trees { way, trees, columns, sum, about })
    }

    /// How many values it gives.
    pub(super) fn outputs(&self) -> usize {
        self.sum.outputs()
    }

    /// One place a tree, and what the way down needs.
    pub(super) fn scratch_len(&self) -> usize {
        let way = match &self.way {
            Way::Plain(_) => 0,
            Way::Fast(fast) | Way::Both(fast, _) => padded(self.trees) + fast.scratch_len(),
        };
        padded(self.trees) + way
    }

    /// Writes what each of the rows gives; `scratch` has `scratch_len` values.
    pub(super) fn run(&self, level: Level, rows: &[f32], scratch: &mut [f32], to: &mut [f32]) {
        let mut rows = rows;
        for to in to.chunks_exact_mut(self.outputs()) {
            let (row, rest) = rows.split_at(self.columns);
            // Row by row: in a loop over rows, compilers prepare what a single one reads once.
            level.run(Run { trees: self, row, scratch, to });
            rows = rest;
        }
    }

    /// The graph says where missing values go.
    pub(super) fn tracks_missing(&self) -> bool {
        self.about.tracks_missing
    }

    pub(super) fn thresholds(&self) -> &[(usize, f32)] {
        &self.about.thresholds
    }

    pub(super) fn summary(&self) -> String {
        let missing = if self.about.tracks_missing { ", missing values" } else { "" };
        let count = |count: usize, one: &str| format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" });
        let trees = count(self.trees, "tree");
        let nodes = count(self.about.nodes, "node");
        format!("{trees}, depth {}, {nodes}, {}{missing}, {}", self.about.depth, self.about.comparisons, self.layout())
    }

    /// How rows descend; `None` node by node.
    pub(super) fn descent(&self) -> Option<Descent> {
        match &self.way {
            Way::Plain(_) => None,
            Way::Fast(fast) | Way::Both(fast, _) => Some(fast.descent()),
        }
    }

    /// The same for people.
    fn layout(&self) -> &'static str {
        self.descent().map_or("node by node", Descent::name)
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        match &mut self.way {
            Way::Plain(plain) => plain.params(visit),
            Way::Fast(fast) => fast.params(visit),
            Way::Both(fast, plain) => {
                fast.params(visit);
                plain.params(visit);
            }
        }
        self.sum.params(visit);
    }

    /// Bytes of what people are told.
    pub(super) fn about_bytes(&self) -> usize {
        size_of_val(self.about.thresholds.as_slice())
    }
}

/// A way down that this ensemble cannot take here.
fn unfit(asked: Descent) -> Error {
    let text = format!("the trees cannot descend {}: that needs {}, and no branch that tests for equality", asked.name(), asked.needs());
    Error::new(Status::Operator, text)
}

/// Without a branch, which would be one a value.
#[inline(always)]
fn has_missing(row: &[f32]) -> bool {
    row.iter().fold(false, |missing, x| missing | x.is_nan())
}

/// An ensemble at work on a row.
struct Run<'a> {
    trees: &'a Trees,
    row: &'a [f32],
    scratch: &'a mut [f32],
    to: &'a mut [f32],
}

impl Work for Run<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let Run { trees, row, scratch, to } = self;
        let (reached, rest) = scratch.split_at_mut(padded(trees.trees));
        match &trees.way {
            Way::Fast(fast) => fast.descend(row, rest, reached),
            Way::Both(fast, _) if !has_missing(row) => fast.descend(row, rest, reached),
            Way::Both(_, plain) | Way::Plain(plain) => plain.descend(row, reached),
        }
        trees.sum.run::<R>(&reached[..trees.trees], to);
    }
}

/// Digits in groups of three.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How errors name the operator.
fn titled(node: &GraphNode) -> String {
    shown(&node.title())
}

#[cfg(test)]
mod tests;

//! What is timed: the shapes, their files, and what one run of each costs at the least.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use foretick::Result;
use foretick::model::precision::Precision;

use super::descent;
use super::nets::{self, Carry, Net};
use super::rows::{Rows, Table};
use super::trees::{self, Recipe};
use crate::cli::files::io_error;

/// The least that one run of a model does.
#[derive(Clone, Copy, Default)]
pub struct Work {
    /// Multiplications and additions.
    pub flops: f64,
    /// Bytes that are read: weights, or the branches that a row passes and the leaves it ends in.
    pub bytes: f64,
    /// Bytes of the whole model, which say in which cache it lies.
    pub resident: f64,
}

impl Work {
    /// With smaller weights; what is multiplied is as much.
    fn kept(self, precision: Precision) -> Work {
        let share = precision.bytes() as f64 / 4.0;
        Work { bytes: self.bytes * share, resident: self.resident * share, ..self }
    }
}

/// A model that is timed.
pub struct Model {
    /// Its name: of `--only`, in JSON, and of a trained file.
    pub name: &'static str,
    /// Columns of the rows that it reads, and rows of a window (1: single rows).
    pub features: usize,
    pub window: usize,
    pub file: Vec<u8>,
    /// What it carries from step to step.
    pub carry: Carry,
    /// Trained by `benches/peers/train.py`, not seeded.
    pub trained: bool,
    pub work: Work,
    /// How a bundle asks for its weights to be kept.
    pub precision: Precision,
}

/// A shape: what it reads, how it is made.
struct Shape {
    name: &'static str,
    features: usize,
    window: usize,
    make: fn(&Rows) -> Net,
    precision: Precision,
}

impl Shape {
    const fn new(name: &'static str, features: usize, window: usize, make: fn(&Rows) -> Net) -> Shape {
        Shape { name, features, window, make, precision: Precision::F32 }
    }

    const fn kept(self, precision: Precision) -> Shape {
        Shape { precision, ..self }
    }
}

const FOREST: Recipe = Recipe { trees: 100, depth: 8, leaves: 256, fewer: (0, 0), least_share: 0.3, mode: "BRANCH_LEQ", votes: true, seed: 21 };
const XGBOOST: Recipe = Recipe { trees: 200, depth: 6, leaves: 64, fewer: (0, 0), least_share: 0.3, mode: "BRANCH_LT", votes: false, seed: 22 };
/// Grown leaf by leaf: uneven, so deeper than its 31 leaves need.
const LIGHTGBM: Recipe = Recipe { trees: 200, depth: 64, leaves: 31, fewer: (0, 0), least_share: 0.1, mode: "BRANCH_LEQ", votes: false, seed: 23 };
/// 250 trees with 5,218 nodes: 234 of 11 leaves and 16 of 10.
const GBT_A: Recipe = Recipe { trees: 250, depth: 64, leaves: 11, fewer: (16, 10), least_share: 0.2, mode: "BRANCH_LEQ", votes: false, seed: 24 };
/// 1,000 trees with 184,454 nodes: 727 of 93 leaves and 273 of 92.
const GBT_B: Recipe = Recipe { trees: 1_000, leaves: 93, fewer: (273, 92), seed: 25, ..GBT_A };

const SHAPES: [Shape; 20] = [
    Shape::new("lr", 25, 1, |_| nets::mlp(&[25], 11)),
    Shape::new("mlp", 25, 1, |_| nets::mlp(&[25, 64, 32], 12)),
    Shape::new("rf", 25, 1, |rows| grown(rows, FOREST)),
    Shape::new("xgb", 25, 1, |rows| grown(rows, XGBOOST)),
    Shape::new("lgb", 25, 1, |rows| grown(rows, LIGHTGBM)),
    Shape::new("lstm", 25, 60, |_| nets::lstm(60, 25, &[64, 64], &[], 13)),
    Shape::new("lstm_step", 25, 1, |_| nets::lstm_step(25, 2, 64, 13)),
    Shape::new("lstm3", 5, 60, |_| nets::lstm(60, 5, &[128, 64, 32], &[16], 14)),
    Shape::new("cnn", 25, 60, |_| nets::cnn(60, 25, &[32, 32], 15)),
    Shape::new("transformer", 25, 60, |_| nets::transformer(60, 25, [64, 4, 2], false, 16)),
    Shape::new("transformer_causal", 25, 60, |_| nets::transformer(60, 25, [64, 4, 2], true, 16)),
    Shape::new("transformer_128", 25, 60, |_| nets::transformer(60, 25, [128, 8, 4], false, 20)),
    Shape::new("lr_1000", 1_000, 1, |_| nets::mlp(&[1_000], 18)),
    Shape::new("stac_lstm_a", 100, 50, lstm_a),
    Shape::new("stac_lstm_a_fp16", 100, 50, lstm_a).kept(Precision::Fp16),
    Shape::new("stac_lstm_a_int8", 100, 50, lstm_a).kept(Precision::Int8),
    Shape::new("stac_lstm_b", 250, 100, lstm_b),
    Shape::new("stac_lstm_b_int8", 250, 100, lstm_b).kept(Precision::Int8),
    Shape::new("stac_gbt_a", 60, 1, |rows| grown(rows, GBT_A)),
    Shape::new("stac_gbt_b", 125, 1, |rows| grown(rows, GBT_B)),
];

fn lstm_a(_: &Rows) -> Net {
    nets::lstm(50, 100, &[100, 100], &[], 17)
}

fn lstm_b(_: &Rows) -> Net {
    nets::lstm(100, 250, &[200, 200, 200], &[], 19)
}

/// What the rows make it do is counted when it is made.
fn grown(rows: &Rows, recipe: Recipe) -> Net {
    Net { file: trees::ensemble(rows, recipe), work: Work::default(), carry: &[] }
}

/// Models, and the tables of rows that they read by width.
pub struct Models {
    pub all: Vec<Model>,
    pub tables: BTreeMap<usize, Table>,
}

impl Model {
    /// Rows of the window that its bundle keeps: a stateful model reads single rows, and steps that nobody asked for wait there.
    pub fn kept(&self) -> usize {
        if self.carry.is_empty() { self.window } else { 60 }
    }

    /// What it carries, as the library takes it.
    pub fn pairs(&self) -> Vec<(String, String)> {
        self.carry.iter().map(|(output, input)| ((*output).to_owned(), (*input).to_owned())).collect()
    }
}

impl Models {
    /// Makes the models whose name is wanted; a file of that name in `trained` is taken instead of a seeded one.
    pub fn make(trained: &Path, wanted: impl Fn(&str) -> bool) -> Result<Models> {
        let mut models = Models { all: Vec::new(), tables: BTreeMap::new() };
        for shape in SHAPES.iter().filter(|shape| wanted(shape.name)) {
            let table = match models.tables.entry(shape.features) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(Table::new(shape.features)?),
            };
            models.all.push(one(shape, &table.rows, trained)?);
        }
        Ok(models)
    }

    pub fn find(&self, name: &str) -> Option<&Model> {
        self.all.iter().find(|model| model.name == name)
    }

    /// The rows that a model reads.
    pub fn table(&self, model: &Model) -> &Table {
        &self.tables[&model.features]
    }
}

fn one(shape: &Shape, rows: &Rows, trained: &Path) -> Result<Model> {
    let path = trained.join(format!("{}.onnx", shape.name));
    let found = match std::fs::read(&path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error(&path, &error)),
    };
    let (trained, net) = (found.is_some(), (shape.make)(rows));
    let (file, carry) = (found.unwrap_or(net.file), net.carry);
    let Shape { name, features, window, precision, .. } = *shape;
    let work = descent::work(&file, rows).unwrap_or_else(|| net.work.kept(precision));
    Ok(Model { name, features, window, carry, trained, work, file, precision })
}

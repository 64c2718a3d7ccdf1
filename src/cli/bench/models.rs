//! What is timed: the shapes, their files, and what one run of each costs at the least.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use foretick::Result;

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
}

/// A shape: what it reads, how it is made.
struct Shape {
    name: &'static str,
    features: usize,
    window: usize,
    make: fn(&Rows) -> Net,
}

const FOREST: Recipe = Recipe { trees: 100, depth: 8, leaves: 256, fewer: (0, 0), least_share: 0.3, mode: "BRANCH_LEQ", votes: true, seed: 21 };
const XGBOOST: Recipe = Recipe { trees: 200, depth: 6, leaves: 64, fewer: (0, 0), least_share: 0.3, mode: "BRANCH_LT", votes: false, seed: 22 };
/// Grown leaf by leaf: uneven, so deeper than its 31 leaves need.
const LIGHTGBM: Recipe = Recipe { trees: 200, depth: 64, leaves: 31, fewer: (0, 0), least_share: 0.1, mode: "BRANCH_LEQ", votes: false, seed: 23 };
/// 250 trees with 5,218 nodes: 234 of 11 leaves and 16 of 10.
const GBT_A: Recipe = Recipe { trees: 250, depth: 64, leaves: 11, fewer: (16, 10), least_share: 0.2, mode: "BRANCH_LEQ", votes: false, seed: 24 };

const SHAPES: [Shape; 13] = [
    Shape { name: "lr", features: 25, window: 1, make: |_| nets::mlp(&[25], 11) },
    Shape { name: "mlp", features: 25, window: 1, make: |_| nets::mlp(&[25, 64, 32], 12) },
    Shape { name: "rf", features: 25, window: 1, make: |rows| grown(rows, FOREST) },
    Shape { name: "xgb", features: 25, window: 1, make: |rows| grown(rows, XGBOOST) },
    Shape { name: "lgb", features: 25, window: 1, make: |rows| grown(rows, LIGHTGBM) },
    Shape { name: "lstm", features: 25, window: 60, make: |_| nets::lstm(60, 25, &[64, 64], &[], 13) },
    Shape { name: "lstm_step", features: 25, window: 1, make: |_| nets::lstm_step(25, 2, 64, 13) },
    Shape { name: "lstm3", features: 5, window: 60, make: |_| nets::lstm(60, 5, &[128, 64, 32], &[16], 14) },
    Shape { name: "cnn", features: 25, window: 60, make: |_| nets::cnn(60, 25, &[32, 32], 15) },
    Shape { name: "transformer", features: 25, window: 60, make: |_| nets::transformer(60, 25, [64, 4, 2], 16) },
    Shape { name: "lr_1000", features: 1_000, window: 1, make: |_| nets::mlp(&[1_000], 18) },
    Shape { name: "stac_lstm_a", features: 100, window: 50, make: |_| nets::lstm(50, 100, &[100, 100], &[], 17) },
    Shape { name: "stac_gbt_a", features: 60, window: 1, make: |rows| grown(rows, GBT_A) },
];

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
    let Shape { name, features, window, .. } = *shape;
    Ok(Model { name, features, window, carry, trained, work: descent::work(&file, rows).unwrap_or(net.work), file })
}

//! Operators of `ai.onnx.ml`.

use super::{Builder, Kernel, Node, Result, Slot, attrs, faulty, linear, shown, tree, unable};
use crate::model::native::linear::Linear;
use crate::model::native::rowwise::{Norm, Scaler};
use crate::model::native::scores::{Link, Second, Transform};
use crate::model::native::tree::Trees;

impl<'a> Builder<'a> {
    pub(super) fn classical(&mut self, node: &'a Node) -> Result<()> {
        let row = self.row(node)?;
        match node.op.as_str() {
            "LinearClassifier" => self.linear_classifier(node, &row),
            "LinearRegressor" => self.linear_regressor(node, &row),
            "TreeEnsembleClassifier" => self.tree_classifier(node, &row),
            "TreeEnsembleRegressor" => self.tree_regressor(node, &row),
            "Scaler" => self.scaler(node, &row),
            _ => self.normalizer(node, &row),
        }
    }

    /// The operator's input, which must be a row: [n] or [1, n].
    pub(super) fn row(&mut self, node: &Node) -> Result<Slot> {
        let slot = self.slot(node, 0)?;
        match slot.shape() {
            [_] | [1, _] => Ok(slot),
            shape => Err(unable(format!("{} reads a value with dimensions {shape:?} where a row is wanted", shown(&node.title())))),
        }
    }

    fn linear_classifier(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let what = shown(&node.title());
        let transform = Transform::parse(attrs::text(node, "post_transform", "NONE")?, &what)?;
        let layer = linear::classical(node, row.width(), linear::rows(node, row.width())?)?;
        let (classes, rows) = (attrs::labels(node, "classlabels_ints")?, layer.outputs());
        let second = match (classes, rows) {
            (2, 1) => Some(second(transform, &what)?),
            _ if classes == rows && rows > 1 => None,
            _ => return Err(faulty(format!("{what} has {rows} rows of coefficients for {classes} classes"))),
        };
        let layer = layer.linked(second.map_or(Link::Each(transform), Link::Both));
        let slot = self.push_linear(layer, row)?;
        self.name(node, 1, slot);
        Ok(())
    }

    fn linear_regressor(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let what = shown(&node.title());
        let transform = Transform::parse(attrs::text(node, "post_transform", "NONE")?, &what)?;
        let targets = attrs::int(node, "targets", 1)?;
        let rows = linear::rows(node, row.width())?;
        if usize::try_from(targets).ok() != Some(rows) {
            return Err(faulty(format!("{what} has {rows} rows of coefficients for {targets} targets")));
        }
        if rows == 1 {
            transform.only_none(&what)?;
        }
        let layer = linear::classical(node, row.width(), rows)?.linked(Link::Each(transform));
        let slot = self.push_linear(layer, row)?;
        self.name(node, 0, slot);
        Ok(())
    }

    fn push_linear(&mut self, layer: Linear, row: &Slot) -> Result<Slot> {
        let outputs = layer.outputs();
        self.push(Kernel::Linear(layer), row, vec![1, outputs])
    }

    fn tree_classifier(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let slot = self.push_trees(tree::classifier(node, row.width(), self.level, self.kept.descent)?, row)?;
        self.name(node, 1, slot);
        Ok(())
    }

    fn tree_regressor(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let slot = self.push_trees(tree::regressor(node, row.width(), self.level, self.kept.descent)?, row)?;
        self.name(node, 0, slot);
        Ok(())
    }

    fn push_trees(&mut self, trees: Trees, row: &Slot) -> Result<Slot> {
        let outputs = trees.outputs();
        self.push(Kernel::Trees(trees), row, vec![1, outputs])
    }

    fn scaler(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let columns = |name: &str, default: f32| {
            let values = attrs::floats(node, name)?;
            match values {
                [] => Ok(vec![default; row.width()]),
                [value] => Ok(vec![*value; row.width()]),
                values if values.len() == row.width() => Ok(values.to_vec()),
                values => Err(faulty(format!("Scaler has {} values in {name} for {} columns", values.len(), row.width()))),
            }
        };
        let scaler = Scaler { offset: columns("offset", 0.0)?.into(), scale: columns("scale", 1.0)?.into() };
        let slot = self.push(Kernel::Scaler(scaler), row, row.shape().to_vec())?;
        self.name(node, 0, slot);
        Ok(())
    }

    fn normalizer(&mut self, node: &'a Node, row: &Slot) -> Result<()> {
        let norm = match attrs::text(node, "norm", "MAX")? {
            "L1" => Norm::L1,
            "L2" => Norm::L2,
            other => return Err(unable(format!("Normalizer has the norm {}, on whose sign runtimes differ", shown(other)))),
        };
        let slot = self.push(Kernel::Normalizer(norm), row, row.shape().to_vec())?;
        self.name(node, 0, slot);
        Ok(())
    }
}

/// The second class of a linear classifier with one row of coefficients.
fn second(transform: Transform, what: &str) -> Result<Second> {
    match transform {
        Transform::None => Ok(Second::Complement),
        Transform::Logistic => Ok(Second::Logistic),
        _ => Err(unable(format!("{what} has one row of coefficients for two classes and a SOFTMAX, on which runtimes differ; use LOGISTIC"))),
    }
}

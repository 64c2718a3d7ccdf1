//! `Attention`: what exporters of older operator sets write as two products around a softmax.

use super::arithmetic::constant_for;
use super::{Builder, Kernel, Node, Result, Slot, attrs, shape, shown, unable};
use crate::model::native::rowwise::Binary;

impl<'a> Builder<'a> {
    /// softmax(scale x queries x keys + mask) x values, in matrices of heads.
    pub(super) fn attention(&mut self, node: &'a Node) -> Result<()> {
        let what = shown(&node.title());
        check(node)?;
        let [queries, keys, values] = [0, 1, 2].map(|input| self.value(node, input));
        let (queries, keys, values) = (queries?, keys?, values?);
        let [[.., heads, steps, width], [.., key_heads, seen, _], [_, _, _, _]] = [&queries, &keys, &values].map(Slot::shape) else {
            return Err(unable(format!("{what} of values that are not of four dimensions, batch, heads, steps and width")));
        };
        if heads != key_heads {
            return Err(unable(format!("{what} of {heads} heads of queries and {key_heads} of keys")));
        }
        let (steps, seen, scale) = (*steps, *seen, attrs::float(node, "scale", 1.0 / (*width as f32).sqrt())?);
        let turned = keys.seen(keys.view.permuted(&[0, 1, 3, 2]));
        let scores = self.pair(&queries, &turned, &what)?;
        let mut scores = self.push(Kernel::Constant { op: Binary::Mul, constant: vec![scale].into(), first: false }, &scores, scores.shape().to_vec())?;
        for (values, dims) in self.masks(node, steps, seen)? {
            if shape::broadcast(scores.shape(), &dims, &what)? != scores.shape() {
                return Err(unable(format!("{what} with a mask of dimensions {dims:?} for scores of {:?}", scores.shape())));
            }
            let constant = constant_for(&values, &dims, &scores.view)?;
            scores = self.push(self.with_term(constant), &scores, scores.shape().to_vec())?;
        }
        let shares = self.push(Kernel::Softmax { columns: seen }, &scores, scores.shape().to_vec())?;
        let slot = self.pair(&shares, &values, &what)?;
        self.name(node, 0, slot);
        Ok(())
    }

    /// What is added to the scores: values and their dimensions.
    fn masks(&self, node: &Node, steps: usize, seen: usize) -> Result<Vec<(Vec<f32>, Vec<usize>)>> {
        let mut masks = Vec::new();
        if let Some(mask) = self.optional(node, 3)? {
            // Whole numbers say what is seen.
            let values = match (mask.as_f32(), mask.to_i64()) {
                (Some(values), _) => values.to_vec(),
                (None, Some(seen)) => seen.into_iter().map(|seen| if seen != 0 { 0.0 } else { f32::NEG_INFINITY }).collect(),
                (None, None) => return Err(unable("Attention with a mask that is neither float32 nor bool")),
            };
            masks.push((values, mask.dims.clone()));
        }
        if attrs::int(node, "is_causal", 0)? != 0 {
            self.claim(self.next, steps.saturating_mul(seen))?;
            let later = (0..steps).flat_map(|step| (0..seen).map(move |at| if at > step { f32::NEG_INFINITY } else { 0.0 }));
            masks.push((later.collect(), vec![steps, seen]));
        }
        Ok(masks)
    }
}

/// Refuses what is not done, with the reason.
fn check(node: &Node) -> Result<()> {
    let given = |names: &[String], from: usize| names.iter().skip(from).any(|name| !name.is_empty());
    if given(&node.inputs, 4) || given(&node.outputs, 1) {
        return Err(unable("Attention with past keys and values; export a graph that reads its whole window"));
    }
    match attrs::float(node, "softcap", 0.0)? {
        0.0 => Ok(()),
        cap => Err(unable(format!("Attention that caps its scores at {cap} (softcap)"))),
    }
}

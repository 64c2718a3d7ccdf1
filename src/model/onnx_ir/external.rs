//! Finds tensors whose data lies outside the file, wherever a tensor can stand, and refuses the model.
//!
//! Every such tensor is refused, not only those with suspicious paths: a hard link inside the bundle passes every check of a
//! path, and a bundle's digests cover its listed files only.

use super::{proto, tensor};
use crate::error::{Error, Result, Status};

/// An error that names the first tensor with external data.
pub(super) fn refuse(model: &proto::Model) -> Result<()> {
    model.graph.as_deref().map_or(Ok(()), graph)?;
    for training in &model.training_info {
        training.initialization.as_deref().map_or(Ok(()), graph)?;
        training.algorithm.as_deref().map_or(Ok(()), graph)?;
    }
    for function in &model.functions {
        function.node.iter().try_for_each(node)?;
        function.attribute_proto.iter().try_for_each(attribute)?;
    }
    Ok(())
}

/// Recursive; the decoder has bounded the depth.
fn graph(graph: &proto::Graph) -> Result<()> {
    graph.initializer.iter().try_for_each(one)?;
    graph.sparse_initializer.iter().try_for_each(sparse)?;
    graph.node.iter().try_for_each(node)
}

fn node(node: &proto::Node) -> Result<()> {
    node.attribute.iter().try_for_each(attribute)
}

fn attribute(attribute: &proto::Attribute) -> Result<()> {
    attribute.t.iter().try_for_each(|tensor| one(tensor))?;
    attribute.tensors.iter().try_for_each(one)?;
    attribute.sparse_tensor.iter().try_for_each(|tensor| sparse(tensor))?;
    attribute.sparse_tensors.iter().try_for_each(sparse)?;
    attribute.g.iter().try_for_each(|body| graph(body))?;
    attribute.graphs.iter().try_for_each(graph)
}

fn sparse(sparse: &proto::SparseTensor) -> Result<()> {
    sparse.values.iter().chain(&sparse.indices).try_for_each(|tensor| one(tensor))
}

fn one(proto: &proto::Tensor) -> Result<()> {
    if proto.data_location.unwrap_or(0) == 0 && proto.external_data.is_empty() {
        return Ok(());
    }
    let text =
        format!("{} has its data outside the model file; save the model with everything in one file (save_as_external_data=False)", tensor::titled(proto));
    Err(Error::new(Status::ExternalData, text))
}

//! Attributes of nodes, and `Constant` nodes, which are nothing but one.

use super::{Data, Node, Tensor, bad, proto, shown, tensor};
use crate::error::Result;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr {
    /// One float.
    Float(f32),
    /// One whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// A tensor.
    Tensor(Tensor),
    /// Floats.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// One or more subgraphs; their content has been searched for external data and dropped.
    Subgraph,
    /// A kind of attribute that is not read, by its ONNX number.
    Other(i32),
}

/// Reads an attribute to its name and value; `what` names its node.
pub(super) fn read(proto: &proto::Attribute, what: &str) -> Result<(String, Attr)> {
    let name = proto.name.clone().unwrap_or_default();
    if name.is_empty() {
        return Err(bad(format!("{what} has an attribute without a name")));
    }
    let what = format!("{what}: attribute {}", shown(&name));
    let attr = match proto.kind.unwrap_or(0) {
        1 => Attr::Float(proto.f.unwrap_or(0.0)),
        2 => Attr::Int(proto.i.unwrap_or(0)),
        3 => Attr::Text(text(proto.s.as_deref().unwrap_or_default(), &what)?),
        4 => Attr::Tensor(stored(proto, &what)?),
        6 => Attr::Floats(proto.floats.clone()),
        7 => Attr::Ints(proto.ints.clone()),
        8 => Attr::Texts(proto.strings.iter().map(|bytes| text(bytes, &what)).collect::<Result<_>>()?),
        5 | 10 => Attr::Subgraph,
        0 => return Err(bad(format!("{what} has no type"))),
        other => Attr::Other(other),
    };
    Ok((name, attr))
}

fn stored(proto: &proto::Attribute, what: &str) -> Result<Tensor> {
    let tensor = proto.t.as_deref().ok_or_else(|| bad(format!("{what} should be a tensor and has none")))?;
    tensor::decode(tensor, what)
}

fn text(bytes: &[u8], what: &str) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| bad(format!("{what} is not UTF-8")))
}

/// The name and tensor of a `Constant` node, `None` for any other node and for constants that are no numbers.
pub(super) fn constant(node: &Node) -> Result<Option<(String, Tensor)>> {
    if node.op != "Constant" || !node.domain.is_empty() {
        return Ok(None);
    }
    let [name] = node.outputs.as_slice() else {
        return Err(bad("a Constant node has not exactly one output"));
    };
    let Some((key, attr)) = node.attrs.first_key_value() else {
        return Err(bad(format!("the Constant {} has no value", shown(name))));
    };
    let tensor = match (key.as_str(), attr) {
        ("value", Attr::Tensor(tensor)) => tensor.clone(),
        ("value_float", Attr::Float(value)) => Tensor { dims: Vec::new(), data: Data::F32(vec![*value]) },
        ("value_int", Attr::Int(value)) => Tensor { dims: Vec::new(), data: Data::I64(vec![*value]) },
        ("value_floats", Attr::Floats(values)) => Tensor { dims: vec![values.len()], data: Data::F32(values.clone()) },
        ("value_ints", Attr::Ints(values)) => Tensor { dims: vec![values.len()], data: Data::I64(values.clone()) },
        _ => return Ok(None),
    };
    Ok(Some((name.clone(), tensor)))
}

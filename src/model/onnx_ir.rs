//! The ONNX graph reader: from bytes to a graph whose names, sizes and order have been checked.
//!
//! A file is not trusted. Nothing here panics on damaged bytes; nothing is allocated from a size that the file only claims, so
//! memory stays within a small multiple of the file's length (and messages are counted before they are decoded); recursion ends at the decoder's limit of 100 levels. A graph that
//! refers to data outside its file is refused whole, wherever the reference stands.

mod attribute;
mod budget;
mod external;
mod names;
mod proto;
mod tensor;

pub use attribute::Attr;
pub use tensor::{Data, Tensor};

use std::collections::BTreeMap;

use prost::Message;

use crate::error::{Error, Result, Status};

/// The largest file that is read.
pub const MAX_BYTES: usize = 1 << 30;
/// The newest `ai.onnx` operator set that is read: the newest that ONNX Runtime 1.31 runs.
pub const NEWEST_OPSET: i64 = 26;
/// The newest `ai.onnx.ml` operator set that is read.
pub const NEWEST_ML_OPSET: i64 = 5;
/// The domain of classical models.
pub const ML: &str = "ai.onnx.ml";

/// A graph as read from its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The version of each operator set; the domain `ai.onnx` is written `""`.
    pub opsets: BTreeMap<String, i64>,
    /// The inputs that a caller must give: those without an initialiser.
    pub inputs: Vec<Value>,
    /// The outputs, in the order of the file.
    pub outputs: Vec<Value>,
    /// The nodes, in an order in which every input exists before it is used. Constants are among the initialisers instead.
    pub nodes: Vec<Node>,
    /// Stored tensors by name, `Constant` nodes included.
    pub initialisers: BTreeMap<String, Tensor>,
}

/// A graph's input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its name.
    pub name: String,
    /// The number of its element type (1 is float32), 0 when it is no dense tensor (a sequence or map).
    pub elem_type: i32,
    /// Its dimensions, `None` when the file does not say.
    pub dims: Option<Vec<Dim>>,
}

/// One dimension of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Fixed(usize),
    /// A name, such as `N`: any number.
    Named(String),
    /// Not said: any number.
    Free,
}

/// One node of a [`Graph`].
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator: `"Gemm"`.
    pub op: String,
    /// The operator's domain, `""` for `ai.onnx`.
    pub domain: String,
    /// Names of its inputs; an empty name is an optional input left out.
    pub inputs: Vec<String>,
    /// Names of its outputs; an empty name is an optional output left out.
    pub outputs: Vec<String>,
    /// Its attributes by name.
    pub attrs: BTreeMap<String, Attr>,
}

impl Node {
    /// The operator with its domain: `"ai.onnx.ml.Scaler"`, `"Gemm"`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.domain.is_empty() { self.op.clone() } else { format!("{}.{}", self.domain, self.op) }
    }

    /// An attribute, when the node has it.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<&Attr> {
        self.attrs.get(name)
    }
}

impl Graph {
    /// Reads a model file.
    ///
    /// # Errors
    ///
    /// [`Status::Model`] when the bytes are no valid graph or of a newer format, [`Status::ExternalData`] when any tensor in it
    /// lies outside the file.
    pub fn parse(bytes: &[u8]) -> Result<Graph> {
        if bytes.is_empty() {
            return Err(bad("the file is empty"));
        }
        if bytes.len() > MAX_BYTES {
            return Err(bad(format!("the file has {} bytes, more than the {MAX_BYTES} that are read", bytes.len())));
        }
        budget::check(bytes)?;
        let model = proto::Model::decode(bytes).map_err(|error| bad(format!("not an ONNX file, or a damaged one: {error}")))?;
        external::refuse(&model)?;
        let opsets = opsets(&model)?;
        let graph = model.graph.ok_or_else(|| bad("the file has no graph; it is no ONNX model, or a truncated one"))?;
        read(*graph, opsets)
    }

    /// The version of a domain's operator set, 0 when the file does not import it.
    #[must_use]
    pub fn opset(&self, domain: &str) -> i64 {
        self.opsets.get(domain).copied().unwrap_or(0)
    }
}

fn read(graph: proto::Graph, opsets: BTreeMap<String, i64>) -> Result<Graph> {
    let mut initialisers = initialisers(&graph.initializer)?;
    let sparse = graph.sparse_initializer.len();
    if sparse > 0 {
        return Err(bad(format!("the graph has {sparse} sparse initialisers, which are not read; export dense tensors")));
    }
    let mut nodes = Vec::new();
    for (index, node) in graph.node.into_iter().enumerate() {
        let node = self::node(node, index)?;
        match attribute::constant(&node)? {
            Some((name, tensor)) => insert(&mut initialisers, name, tensor)?,
            None => nodes.push(node),
        }
    }
    let inputs = graph.input.iter().map(value).collect::<Result<Vec<_>>>()?;
    let inputs = inputs.into_iter().filter(|input| !initialisers.contains_key(&input.name)).collect();
    let outputs = graph.output.iter().map(value).collect::<Result<Vec<_>>>()?;
    let graph = Graph { opsets, inputs, outputs, nodes, initialisers };
    names::check(&graph)?;
    Ok(graph)
}

fn opsets(model: &proto::Model) -> Result<BTreeMap<String, i64>> {
    let mut opsets = BTreeMap::new();
    for import in &model.opset_import {
        let domain = domain(import.domain.as_deref());
        let version = import.version.unwrap_or(0);
        check_opset(&domain, version)?;
        // Some exporters import a domain twice with one version; two versions say nothing.
        if opsets.insert(domain.clone(), version).is_some_and(|before| before != version) {
            return Err(bad(format!("the operator set {} is imported in two versions", shown(&domain))));
        }
    }
    if opsets.is_empty() {
        return Err(bad("the file imports no operator set; it is truncated, or no ONNX model"));
    }
    Ok(opsets)
}

fn check_opset(domain: &str, version: i64) -> Result<()> {
    let newest = match domain {
        "" => NEWEST_OPSET,
        ML => NEWEST_ML_OPSET,
        _ => i64::MAX,
    };
    let name = if domain.is_empty() { "ai.onnx" } else { domain };
    if version < 1 {
        return Err(bad(format!("the operator set {} has version {version}", shown(name))));
    }
    if version > newest {
        return Err(bad(format!("the file needs {name} {version} and this build reads up to {newest}; export with target_opset={newest} or lower")));
    }
    Ok(())
}

fn initialisers(stored: &[proto::Tensor]) -> Result<BTreeMap<String, Tensor>> {
    let mut initialisers = BTreeMap::new();
    for tensor in stored {
        let name = tensor.name.clone().unwrap_or_default();
        if name.is_empty() {
            return Err(bad("an initialiser has no name"));
        }
        insert(&mut initialisers, name, tensor::decode(tensor, &tensor::titled(tensor))?)?;
    }
    Ok(initialisers)
}

fn insert(initialisers: &mut BTreeMap<String, Tensor>, name: String, tensor: Tensor) -> Result<()> {
    let text = shown(&name);
    match initialisers.insert(name, tensor) {
        None => Ok(()),
        Some(_) => Err(bad(format!("two stored tensors are named {text}"))),
    }
}

fn node(node: proto::Node, index: usize) -> Result<Node> {
    let op = node.op_type.unwrap_or_default();
    if op.is_empty() {
        return Err(bad(format!("node {index} has no operator")));
    }
    let what = format!("node {index} ({})", shown(&op));
    let mut attrs = BTreeMap::new();
    for attribute in &node.attribute {
        let (name, attr) = attribute::read(attribute, &what)?;
        if attrs.insert(name.clone(), attr).is_some() {
            return Err(bad(format!("{what} has the attribute {} twice", shown(&name))));
        }
    }
    Ok(Node { op, domain: domain(node.domain.as_deref()), inputs: node.input, outputs: node.output, attrs })
}

fn value(info: &proto::ValueInfo) -> Result<Value> {
    let name = info.name.clone().unwrap_or_default();
    if name.is_empty() {
        return Err(bad("an input or output of the graph has no name"));
    }
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let elem_type = tensor.and_then(|tensor| tensor.elem_type).unwrap_or(0);
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map(|shape| shape.dim.iter().map(|dim| self::dim(dim, &name)).collect()).transpose()?;
    Ok(Value { name, elem_type, dims })
}

fn dim(dim: &proto::Dimension, name: &str) -> Result<Dim> {
    match (dim.dim_value, dim.dim_param.as_deref()) {
        (Some(value), _) => {
            let value = usize::try_from(value).map_err(|_| bad(format!("{} has the dimension {value}", shown(name))))?;
            Ok(Dim::Fixed(value))
        }
        (None, Some(param)) if !param.is_empty() => Ok(Dim::Named(param.to_owned())),
        (None, _) => Ok(Dim::Free),
    }
}

/// `ai.onnx` has two spellings.
fn domain(domain: Option<&str>) -> String {
    match domain {
        None | Some("ai.onnx") => String::new(),
        Some(domain) => domain.to_owned(),
    }
}

/// An error about the file.
fn bad(text: impl Into<String>) -> Error {
    Error::new(Status::Model, text)
}

/// A name from the file, quoted, without control characters and of bounded length.
pub(crate) fn shown(name: &str) -> String {
    const MOST: usize = 64;
    let cut: String = name.chars().take(MOST).collect();
    let dots = if cut.len() < name.len() { "…" } else { "" };
    format!("`{}{dots}`", cut.escape_debug())
}

//! Every name is made once and before it is used.

use std::collections::BTreeSet;

use super::{Graph, Node, bad, shown};
use crate::error::Result;

/// Checks names and their order, so that whoever walks the nodes cannot meet a cycle.
pub(super) fn check(graph: &Graph) -> Result<()> {
    let mut known: BTreeSet<&str> = graph.initialisers.keys().map(String::as_str).collect();
    for input in &graph.inputs {
        make(&mut known, &input.name)?;
    }
    for node in &graph.nodes {
        domain(graph, node)?;
        uses(&known, node)?;
        for output in node.outputs.iter().filter(|name| !name.is_empty()) {
            make(&mut known, output)?;
        }
    }
    outputs(graph, &known)
}

fn make<'a>(known: &mut BTreeSet<&'a str>, name: &'a str) -> Result<()> {
    if known.insert(name) {
        return Ok(());
    }
    Err(bad(format!("{} is made twice", shown(name))))
}

fn domain(graph: &Graph, node: &Node) -> Result<()> {
    if graph.opsets.contains_key(&node.domain) {
        return Ok(());
    }
    Err(bad(format!("the operator {} is of a domain that the file does not import", shown(&node.title()))))
}

fn uses(known: &BTreeSet<&str>, node: &Node) -> Result<()> {
    let missing = node.inputs.iter().find(|name| !name.is_empty() && !known.contains(name.as_str()));
    match missing {
        None => Ok(()),
        Some(name) => Err(bad(format!("{} reads {}, which nothing before it makes", shown(&node.title()), shown(name)))),
    }
}

fn outputs(graph: &Graph, known: &BTreeSet<&str>) -> Result<()> {
    if graph.outputs.is_empty() {
        return Err(bad("the graph has no output"));
    }
    let mut seen = BTreeSet::new();
    for output in &graph.outputs {
        if !known.contains(output.name.as_str()) || !seen.insert(&output.name) {
            return Err(bad(format!("the graph's output {} is made by nothing, or listed twice", shown(&output.name))));
        }
    }
    Ok(())
}

//! `foretick features`: the catalogue, or what a schema expands to.

use std::path::PathBuf;

use clap::Args;
use foretick::Result;
use foretick::features::catalog::{OPS, OpInfo};
use foretick::features::spec::Schema;
use foretick::model::manifest::hex;
use serde_json::{Value, json};

use super::print_line;
use super::replay::schema::{self, BarOrTime};

#[derive(Args)]
pub struct FeaturesArgs {
    /// Expand a schema: `baseline25`, a schema file, or a bundle's manifest.
    #[arg(long)]
    schema: Option<PathBuf>,
}

pub fn run(args: &FeaturesArgs, json: bool) -> Result<()> {
    match &args.schema {
        Some(name) => show_schema(&schema::read(name, BarOrTime::Bar(60_000_000_000))?, json),
        None if json => print_line(&json!(OPS.iter().map(op_json).collect::<Vec<_>>()).to_string()),
        None => OPS.iter().for_each(|op| print_line(&format!("{:<34} {:<17} {}", signature(op), op.input.name(), op.text))),
    }
    Ok(())
}

fn signature(op: &OpInfo) -> String {
    let params: Vec<String> = op
        .params
        .iter()
        .map(|param| match param.default {
            Some(value) => format!("{} = {value}", param.name),
            None => param.name.to_owned(),
        })
        .collect();
    format!("{}({})", op.name, params.join(", "))
}

fn op_json(op: &OpInfo) -> Value {
    let params: Vec<Value> = op
        .params
        .iter()
        .map(|param| json!({ "name": param.name, "default": param.default, "least": param.range.0, "most": param.range.1, "whole": param.whole }))
        .collect();
    json!({ "op": op.name, "params": params, "field": op.field.is_some(), "needs": op.input.name(), "converge": op.converge, "text": op.text })
}

fn show_schema(schema: &Schema, json: bool) {
    if json {
        let features: Vec<Value> = schema.features.iter().map(|feature| json!({ "name": feature.name, "op": feature.op.name, "first": feature.first_scaled(), "ready": feature.ready(), "needs": feature.op.input.name() })).collect();
        let whole =
            json!({ "hash": hex(&schema.hash()), "window": schema.window, "ready": schema.ready(), "features": features, "canonical": schema.canonical() });
        return print_line(&whole.to_string());
    }
    print_line(&format!("{} features, window {}, ready from step {}, hash {}", schema.width(), schema.window, schema.ready(), hex(&schema.hash())));
    for (index, feature) in schema.features.iter().enumerate() {
        let scale: Vec<String> = feature.scale.iter().map(ToString::to_string).collect();
        let scale = if scale.is_empty() { "unscaled".to_owned() } else { scale.join(", ") };
        print_line(&format!(
            "{index:>4} {:<32} first {:>4}, ready {:>4}  {:<34} {}",
            feature.name,
            feature.first_scaled(),
            feature.ready(),
            scale,
            feature.op.text
        ));
    }
}

//! What a plan is, for a person.

use super::plan::{Kernel, Plan};
use crate::model::precision::Precision;

/// The kind of model, by its most particular step.
pub(super) fn family(plan: &Plan) -> &'static str {
    const KINDS: [&str; 7] = ["tree ensemble", "lstm", "gru", "transformer", "cnn", "mlp", "linear"];
    let found: Vec<&str> = plan.steps.iter().filter_map(|step| kind(&step.kernel)).collect();
    let first = KINDS.into_iter().find(|kind| found.contains(kind)).unwrap_or("arithmetic");
    // One dense layer without anything between it and the output is a linear model.
    let hidden = found.iter().filter(|kind| **kind == "mlp").count() > 1
        || plan.steps.iter().any(|step| matches!(step.kernel, Kernel::Activation(_) | Kernel::Dense { then: Some(_), .. }));
    if first == "mlp" && !hidden { "linear" } else { first }
}

fn kind(kernel: &Kernel) -> Option<&'static str> {
    match kernel {
        Kernel::Trees(_) => Some("tree ensemble"),
        Kernel::Lstm(_) => Some("lstm"),
        Kernel::Gru(_) => Some("gru"),
        Kernel::Pairs { .. } => Some("transformer"),
        Kernel::Conv(_) => Some("cnn"),
        Kernel::Dense { .. } => Some("mlp"),
        Kernel::Linear(_) => Some("linear"),
        _ => None,
    }
}

/// `"LSTM 64, 64 on 60 x 25; dense 64-4"`.
pub(super) fn summary(plan: &Plan) -> String {
    let parts: Vec<(&str, String)> = plan.steps.iter().filter_map(|step| part(&step.kernel)).collect();
    if parts.is_empty() {
        return format!("{} steps on {} inputs", plan.steps.len(), plan.input_width);
    }
    let mut groups: Vec<String> = parts.chunk_by(|a, b| a.0 == b.0 && !a.0.is_empty()).map(group).collect();
    let sequence = plan.steps.iter().any(|step| matches!(step.kernel, Kernel::Lstm(_) | Kernel::Gru(_) | Kernel::Conv(_)));
    if sequence && let Some(first) = groups.first_mut() {
        let dims: Vec<String> = plan.inputs.iter().take(1).flat_map(|input| &input.dims).filter(|dim| **dim != 1).map(ToString::to_string).collect();
        *first = format!("{first} on {}", dims.join(" x "));
    }
    if plan.precision != Precision::F32
        && let Some(layers) = groups.first_mut()
    {
        *layers = format!("{layers} in {}", plan.precision.name());
    }
    if !plan.carries.is_empty() {
        groups.push(format!("{} values carried", plan.carries.iter().map(|carry| carry.to.len()).sum::<usize>()));
    }
    groups.join("; ")
}

/// Neighbours of one kind.
fn group(parts: &[(&str, String)]) -> String {
    let (kind, _) = &parts[0];
    let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
    match *kind {
        "" => texts.concat(),
        // Each layer begins with what the one before it gave.
        "dense" => format!("dense {}", chained(&texts)),
        kind => format!("{kind} {}", texts.join(", ")),
    }
}

/// `"25-64", "64-3"` to `"25-64-3"`.
fn chained(layers: &[&str]) -> String {
    let mut text = String::new();
    for layer in layers {
        let (from, to) = layer.split_once('-').unwrap_or(("", layer));
        let continues = text.rsplit('-').next() == Some(from);
        text = match (text.is_empty(), continues) {
            (true, _) => (*layer).to_owned(),
            (false, true) => format!("{text}-{to}"),
            (false, false) => format!("{text}, {layer}"),
        };
    }
    text
}

fn part(kernel: &Kernel) -> Option<(&'static str, String)> {
    match kernel {
        Kernel::Trees(trees) => Some(("", trees.summary())),
        Kernel::Linear(linear) => Some(("", linear.summary())),
        Kernel::Lstm(lstm) => Some(("LSTM", lstm.size.hidden.to_string())),
        Kernel::Gru(gru) => Some(("GRU", gru.size.hidden.to_string())),
        Kernel::Conv(conv) => Some(("conv", format!("{}-{} over {}", conv.channels, conv.filters(), conv.kernel))),
        Kernel::Dense { matrix, .. } => Some(("dense", format!("{}-{}", matrix.inputs(), matrix.outputs()))),
        _ => None,
    }
}

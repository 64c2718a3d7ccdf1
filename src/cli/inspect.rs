//! `foretick inspect`: a bundle verified and shown.

use std::path::PathBuf;

use clap::Args;
use foretick::Result;
use foretick::model::bundle::Bundle;
use foretick::model::lock;
use foretick::model::manifest::hex;
use foretick::types::prediction::backend;
use serde_json::Value;

use super::files::open_bundle;
use super::print_line;

#[derive(Args)]
pub struct InspectArgs {
    /// A bundle's folder, or a name's folder (its highest version).
    bundle: PathBuf,
}

pub fn run(args: &InspectArgs, json: bool) -> Result<()> {
    let bundle = open_bundle(&args.bundle)?;
    let description = bundle.describe();
    if json {
        print_line(&description.to_string());
        return Ok(());
    }
    show(&bundle, &description);
    Ok(())
}

fn show(bundle: &Bundle, description: &Value) {
    let manifest = &bundle.manifest;
    print_line(&format!("{}  (digest {})", manifest.title(), text(&description["digest"])));
    print_line(&format!("applies to {}; roles {}", manifest.applies_to.join(", "), manifest.schema.roles.join(", ")));
    let trained = &description["manifest"];
    print_line(&format!("trained from {} until {}", text(&trained["trained_from"]), text(&trained["trained_until"])));
    let schema = &bundle.schema;
    print_line(&format!("schema {}: {} features, window {}, ready from step {}", schema.name, schema.width(), schema.window, schema.ready()));
    let names: Vec<&str> = schema.features.iter().map(|feature| feature.name.as_str()).collect();
    print_line(&format!("  {}", names.join(" ")));
    if let Some(lock) = &bundle.lock {
        print_line(&format!("{} (SHA-256 {}): measured by foretick {} on {}", lock::FILE, hex(&lock.sha256), lock.foretick, lock.measured_on));
    }
    print_line("members");
    for member in &bundle.members {
        let (spec, worst) = (&member.spec, &member.worst);
        let gives: Vec<&str> = spec.gives.iter().map(|give| manifest.outputs[give.output].name.as_str()).collect();
        let (kind, what) = (member.backend.family(), member.backend.summary());
        print_line(&format!("  {:<10} {} ({kind}: {what}), because {}", spec.name, backend::name(member.backend.bits()), member.why));
        print_line(&format!(
            "  {:<10} gives {}; golden rows: {} values within {:.0} % of the tolerance",
            "",
            gives.join(", "),
            worst.checked,
            100.0 * worst.share
        ));
        if let (Some(error), Some(allowed)) = (member.precision_error, spec.precision_error) {
            print_line(&format!("  {:<10} weights in {}: differs by at most {error:.2e} on the golden rows, {allowed:.2e} allowed", "", spec.precision.name()));
        }
        if !spec.reads.is_empty() {
            print_line(&format!("  {:<10} reads {}", "", member.reads(manifest).join(", ")));
        }
    }
    for (phase, names) in bundle.sets() {
        print_line(&format!("in the phase {} only {}", phase.name(), names.join(", ")));
    }
    print_line(&format!("policy {} on {}", text(&trained["policy"]["kind"]), text(&trained["policy"]["output"])));
    show_metrics(&description["manifest"]["metrics"]);
    for warning in bundle.warnings() {
        print_line(&format!("warning: {warning}"));
    }
}

fn show_metrics(metrics: &Value) {
    for (output, values) in metrics.as_object().into_iter().flatten() {
        let figures = values.as_object().into_iter().flatten().filter(|(name, _)| *name != "span");
        let figures: Vec<String> = figures.map(|(name, value)| format!("{name} {value}")).collect();
        print_line(&format!("held out, {output}: {}", figures.join(", ")));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

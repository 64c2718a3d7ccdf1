//! A small valid bundle: one logistic regression over a few features, its golden rows in closed form.

use std::fmt::Write;
use std::path::Path;

use foretick::model::manifest::{Manifest, hex};
use foretick::model::stats;
use sha2::{Digest, Sha256};

use super::onnx;

/// What a bundle is like; [`Options::default`] decides BUY or SELL on bars of a minute.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the bundle.
    pub name: String,
    /// Its version.
    pub version: u64,
    /// Stream names that it is made for.
    pub applies_to: Vec<String>,
    /// Roles; the first is `self`.
    pub roles: Vec<String>,
    /// `[sampler]`, as TOML lines.
    pub sampler: String,
    /// Rows of the window.
    pub window: usize,
    /// The list of features, as TOML; as many as there are weights.
    pub features: String,
    /// Weights of the regression, one a feature.
    pub weights: Vec<f32>,
    /// Its bias.
    pub bias: f32,
    /// BUY at or above this.
    pub buy_at: f64,
    /// SELL at or below this.
    pub sell_at: f64,
    /// Age of the newest event above which the decision abstains, ms.
    pub max_data_age_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            name: "tiny".into(),
            version: 1,
            applies_to: vec!["test:*".into()],
            roles: vec!["self".into()],
            sampler: "kind = \"bar\"\ninterval_ms = 60_000\nprice = \"trade\"\n".into(),
            window: 4,
            features: "[{ op = \"momentum\", period = 1, scale = [\"relative\", \"zscore\"] }, { op = \"volume\", scale = [\"zscore\"] }]".into(),
            weights: vec![4.0, 0.5],
            bias: 0.25,
            buy_at: 0.55,
            sell_at: 0.45,
            max_data_age_ms: 120_000,
        }
    }
}

impl Options {
    /// P(up) of a scaled row, as the regression's definition says.
    pub fn probability(&self, row: &[f32]) -> f64 {
        let score: f64 = self.weights.iter().zip(row).map(|(weight, value)| f64::from(*weight) * f64::from(*value)).sum();
        1.0 / (1.0 + (-(score + f64::from(self.bias))).exp())
    }
}

const GOLDEN_ROWS: usize = 8;

/// Writes the bundle into a folder that exists.
pub fn write(folder: &Path, options: &Options) {
    let model = onnx::logistic(&options.weights, options.bias);
    let draft = Manifest::parse(&manifest(options, &[0; 32], [&[0; 32]; 3])).expect("the draft is a manifest");
    let names: Vec<String> = draft.schema.features.iter().map(|feature| feature.name.clone()).collect();
    assert_eq!(names.len(), options.weights.len(), "one weight a feature: {names:?}");
    let (stats_csv, golden) = (stats_csv(&names), golden_csv(&names, options));
    let mut schema = draft.schema;
    schema.stats = stats::read(stats_csv.as_bytes(), &schema).expect("the stats are read");
    let hashes = [&digest(&model), &digest(stats_csv.as_bytes()), &digest(golden.as_bytes())];
    let text = manifest(options, &schema.hash(), hashes);
    for (name, bytes) in [("lr.onnx", &model[..]), ("stats.csv", stats_csv.as_bytes()), ("golden.csv", golden.as_bytes()), ("manifest.toml", text.as_bytes())] {
        std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn stats_csv(names: &[String]) -> String {
    let mut text = String::from("name,mean,std,min,max,low,high\n");
    for name in names {
        let _ = writeln!(text, "{name},0,1,-1,1,-1000000,1000000");
    }
    text
}

fn golden_csv(names: &[String], options: &Options) -> String {
    let mut text = format!("{},lr.up\n", names.join(","));
    for row in 0..GOLDEN_ROWS {
        let values: Vec<f32> = (0..names.len()).map(|column| (row * 3 + column * 5) as f32 % 7.0 / 4.0 - 0.75).collect();
        let cells: Vec<String> = values.iter().map(f32::to_string).collect();
        let _ = writeln!(text, "{},{}", cells.join(","), options.probability(&values));
    }
    text
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn manifest(options: &Options, schema: &[u8; 32], [model, stats, golden]: [&[u8; 32]; 3]) -> String {
    let Options { name, version, sampler, window, features, buy_at, sell_at, max_data_age_ms, .. } = options;
    let (applies_to, roles) = (quoted(&options.applies_to), quoted(&options.roles));
    let [schema, model, stats, golden] = [schema, model, stats, golden].map(hex);
    format!(
        r#"format = 1
name = "{name}"
version = {version}
applies_to = [{applies_to}]
roles = [{roles}]
trained_from = 2020-01-01T00:00:00Z
trained_until = 2020-02-01T00:00:00Z
max_age = "none"

[sampler]
{sampler}
[window]
rows = {window}

[schema]
name = "{name}"
hash = "sha256:{schema}"
stats = {{ file = "stats.csv", sha256 = "{stats}" }}
features = {features}

[outputs]
up = {{ task = "direction", horizon = 1, unit = "probability" }}

[models]
lr = {{ file = "lr.onnx", sha256 = "{model}", input = "row", form = "probability", gives = {{ up = "probabilities[1]" }}, abs = 1e-6, rel = 1e-5 }}

[ensemble]
mix = "probability"
quorum = 0.5
weights = {{ lr = 1.0 }}

[policy]
kind = "direction"
output = "up"
buy_at = {buy_at:?}
sell_at = {sell_at:?}
min_agreement = 0.0
max_out_of_range = {most}
max_data_age_ms = {max_data_age_ms}
valid_for_ms = 60_000

[golden]
file = "golden.csv"
sha256 = "{golden}"
rows = {GOLDEN_ROWS}
"#,
        most = options.weights.len(),
    )
}

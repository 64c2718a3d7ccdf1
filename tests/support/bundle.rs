//! A small valid bundle: a logistic regression over a few features and further members, its golden rows in closed form.

use std::fmt::Write;
use std::path::Path;

use foretick::model::manifest::{Manifest, hex};
use foretick::model::stats;
use sha2::{Digest, Sha256};

use super::{onnx, steps};

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
    /// Least agreement.
    pub min_agreement: f64,
    /// Most features out of the trained range; as many as there are when `None`.
    pub max_out_of_range: Option<usize>,
    /// The trained range of every feature.
    pub trained: (f64, f64),
    /// Greatest age of the bundle.
    pub max_age: String,
    /// The regression takes part.
    pub enabled: bool,
    /// Its weight.
    pub weight: f64,
    /// Members beside `lr`.
    pub members: Vec<Member>,
    /// Outputs beside `up`: the regression gives each as 1 - P(up).
    pub outputs: Vec<String>,
    /// Outputs in the unit `bps`, for members that name them.
    pub amounts: Vec<String>,
    /// `[ensemble]` without the weights, as TOML lines.
    pub ensemble: String,
    /// What follows the ensemble, such as `[calibration]`, as TOML lines.
    pub further: String,
    /// Kind, output and thresholds of `[policy]`, as TOML lines; by direction on `up` when `None`.
    pub policy: Option<String>,
}

/// A member beside `lr`.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name; its file is `NAME.onnx`.
    pub name: String,
    /// What it computes.
    pub graph: Graph,
    /// It takes part.
    pub enabled: bool,
    /// Its weight.
    pub weight: f64,
    /// The output that it gives.
    pub output: String,
    /// Values that it reads, such as `lr.up`, instead of features.
    pub reads: Vec<String>,
    /// Further keys of its line, such as `backend = "ort"`.
    pub keys: Vec<&'static str>,
}

impl Member {
    /// A member of weight 1 that takes part and gives `up`.
    pub fn new(name: &str, graph: Graph) -> Member {
        Member { name: name.into(), graph, enabled: true, weight: 1.0, output: "up".into(), reads: Vec::new(), keys: Vec::new() }
    }

    /// A regression over other members' values.
    pub fn over(name: &str, reads: &[&str], weights: &[f32], bias: f32) -> Member {
        let reads = reads.iter().map(|read| (*read).to_owned()).collect();
        Member { reads, ..Member::new(name, Graph::Logistic(weights.to_vec(), bias)) }
    }

    /// The same with a further key.
    pub fn with(mut self, key: &'static str) -> Member {
        self.keys.push(key);
        self
    }

    fn reads_window(&self, features: usize) -> bool {
        self.reads.is_empty() && self.graph.inputs() > features
    }
}

/// What a member computes.
#[derive(Clone, Debug)]
pub enum Graph {
    /// P(up) by weights and bias; with more weights than features over the whole window.
    Logistic(Vec<f32>, f32),
    /// x / x: 1, and NaN where the first feature is 0. The number is the model's input width.
    Ratio(usize),
    /// A graph of `tests/graphs`: 0.7 where its only feature is at most 0.5, above that what its name says.
    Foreign(&'static str),
    /// A stateful network of `models/fixtures/steps` over three features, by its name without `.onnx`.
    Step(&'static str),
}

impl Graph {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Graph::Logistic(weights, bias) => onnx::logistic(weights, *bias),
            Graph::Ratio(width) => onnx::ratio(*width),
            Graph::Foreign(name) => std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/graphs/{name}.onnx"))).expect("a graph"),
            Graph::Step(name) => steps::file(name),
        }
    }

    fn inputs(&self) -> usize {
        match self {
            Graph::Logistic(weights, _) => weights.len(),
            Graph::Ratio(width) => *width,
            Graph::Foreign(_) => 1,
            Graph::Step(_) => steps::FEATURES,
        }
    }

    fn gives(&self) -> &'static str {
        match self {
            Graph::Logistic(..) => "probabilities[1]",
            Graph::Ratio(_) | Graph::Foreign(_) => "y[0]",
            Graph::Step(_) => "p[0]",
        }
    }

    /// What it reads of all values so far.
    fn read<'s>(&self, seen: &'s [f32]) -> Option<&'s [f32]> {
        match self {
            Graph::Step(_) => Some(seen),
            _ => seen.len().checked_sub(self.inputs()).map(|at| &seen[at..]),
        }
    }

    fn expected(&self, input: &[f32]) -> Option<f64> {
        match self {
            Graph::Logistic(weights, bias) => Some(logistic(weights, *bias, input)),
            Graph::Ratio(_) => (input[0] != 0.0).then_some(1.0),
            Graph::Foreign(_) => (input[0] <= 0.5).then_some(0.7),
            Graph::Step(name) => steps::Sequence::new(name).read_all(input).map(f64::from),
        }
    }
}

fn logistic(weights: &[f32], bias: f32, input: &[f32]) -> f64 {
    let score: f64 = weights.iter().zip(input).map(|(weight, value)| f64::from(*weight) * f64::from(*value)).sum();
    1.0 / (1.0 + (-(score + f64::from(bias))).exp())
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
            min_agreement: 0.0,
            max_out_of_range: None,
            trained: (-1e6, 1e6),
            max_age: "none".into(),
            enabled: true,
            weight: 1.0,
            members: Vec::new(),
            outputs: Vec::new(),
            amounts: Vec::new(),
            ensemble: "mix = \"probability\"\nquorum = 0.5\n".into(),
            further: String::new(),
            policy: None,
        }
    }
}

impl Options {
    /// The baseline's 25 features in steps of 100 ms, W = 60.
    pub fn baseline() -> Options {
        let features = "[{ op = \"price_change\" }, { op = \"sma\", period = [5, 20] }, { op = [\"std\", \"range\"], period = 20 }, { op = \"volume\" }, \
            { op = \"volume_sma\", period = 5 }, { op = \"volume_sum\", period = 60 }, { op = \"volume_ratio\", period = 5 }, { op = \"volume_std\", period = 20 }, \
            { op = [\"spread_ratio\", \"book_imbalance\", \"depth_ratio\", \"bid_volume\", \"ask_volume\"] }, { op = \"order_flow_ratio\", period = 20 }, \
            { op = \"rsi\", period = 14 }, { op = \"macd\", fast = 12, slow = 26 }, { op = \"bollinger_position\" }, \
            { op = [\"stochastic_k\", \"williams_r\"], period = 14 }, { op = \"cci\", period = 20 }, { op = \"atr\", period = 14 }, { op = [\"momentum\", \"roc\"], period = 10 }]";
        Options {
            sampler: "kind = \"time\"\ninterval_ms = 100\nprice = \"trade\"\n".into(),
            window: 60,
            features: features.into(),
            weights: vec![0.01; 25],
            ..Options::default()
        }
    }

    /// P(up) of a scaled row, as the regression's definition says.
    pub fn probability(&self, row: &[f32]) -> f64 {
        logistic(&self.weights, self.bias, row)
    }

    /// `lr` and the others.
    fn all(&self) -> Vec<Member> {
        let first = Member { enabled: self.enabled, weight: self.weight, ..Member::new("lr", Graph::Logistic(self.weights.clone(), self.bias)) };
        std::iter::once(first).chain(self.members.iter().cloned()).collect()
    }
}

/// Golden rows: some for every member's window.
fn golden_rows(options: &Options) -> usize {
    let features = options.weights.len();
    let windows = options.members.iter().filter(|member| member.reads_window(features)).map(|member| member.graph.inputs() / features);
    windows.max().unwrap_or(1) + 7
}

/// The files of a bundle by name; the manifest is the last.
pub fn files(options: &Options) -> Vec<(String, Vec<u8>)> {
    let members = options.all();
    let zeros = vec![[0; 32]; members.len() + 2];
    let draft = Manifest::parse(&manifest(options, &[0; 32], &zeros)).expect("the draft is a manifest");
    let names: Vec<String> = draft.schema.features.iter().map(|feature| feature.name.clone()).collect();
    assert_eq!(names.len(), options.weights.len(), "one weight a feature: {names:?}");
    let mut files: Vec<(String, Vec<u8>)> = members.iter().map(|member| (format!("{}.onnx", member.name), member.graph.bytes())).collect();
    files.push(("stats.csv".into(), stats_csv(&names, options).into_bytes()));
    files.push(("golden.csv".into(), golden_csv(&names, options).into_bytes()));
    let mut schema = draft.schema;
    schema.stats = stats::read(&files[members.len()].1, &schema).expect("the stats are read");
    let hashes: Vec<[u8; 32]> = files.iter().map(|(_, bytes)| digest(bytes)).collect();
    files.push(("manifest.toml".into(), manifest(options, &schema.hash(), &hashes).into_bytes()));
    files
}

/// Writes the bundle into a folder that exists.
pub fn write(folder: &Path, options: &Options) {
    for (name, bytes) in files(options) {
        std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    }
}

/// SHA-256 of a file.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn stats_csv(names: &[String], options: &Options) -> String {
    let mut text = String::from("name,mean,std,min,max,low,high\n");
    let (low, high) = options.trained;
    for name in names {
        let _ = writeln!(text, "{name},0,1,-1,1,{low},{high}");
    }
    text
}

fn golden_csv(names: &[String], options: &Options) -> String {
    let members = options.all();
    let columns = members.iter().flat_map(|member| given(options, member).into_iter().map(|(output, _)| format!("{}.{output}", member.name)));
    let mut text = names.iter().cloned().chain(columns).collect::<Vec<_>>().join(",") + "\n";
    let mut seen: Vec<f32> = Vec::new();
    for row in 0..golden_rows(options) {
        let values: Vec<f32> = (0..names.len()).map(|column| (row * 3 + column * 5) as f32 % 7.0 / 4.0 - 0.75).collect();
        seen.extend(&values);
        let mut cells: Vec<String> = values.iter().map(f32::to_string).collect();
        let mut given_values: Vec<(String, Option<f64>)> = Vec::new();
        for member in &members {
            let value = |name: &String| given_values.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.map(|value| value as f32));
            let input: Option<Vec<f32>> = match member.reads.is_empty() {
                true => member.graph.read(&seen).map(<[f32]>::to_vec),
                false => member.reads.iter().map(value).collect(),
            };
            let first = input.and_then(|input| member.graph.expected(&input));
            let values = given(options, member).into_iter().enumerate();
            let values = values.map(|(at, (output, _))| (format!("{}.{output}", member.name), if at == 0 { first } else { first.map(|up| 1.0 - up) }));
            given_values.extend(values.collect::<Vec<_>>());
        }
        cells.extend(given_values.iter().map(|(_, value)| value.map_or(String::new(), |value| value.to_string())));
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// Outputs of a member with the place of each.
fn given(options: &Options, member: &Member) -> Vec<(String, &'static str)> {
    let more = options.outputs.iter().filter(|_| member.name == "lr").map(|output| (output.clone(), "probabilities[0]"));
    std::iter::once((member.output.clone(), member.graph.gives())).chain(more).collect()
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn model_line(options: &Options, member: &Member, sha256: &[u8; 32]) -> String {
    let input = match (member.reads.is_empty(), member.reads_window(options.weights.len())) {
        (true, false) => "input = \"row\"".to_owned(),
        (true, true) => "input = \"window\"".to_owned(),
        _ => format!("input = \"members\", reads = [{}]", quoted(&member.reads)),
    };
    let form = if options.amounts.contains(&member.output) { "value" } else { "probability" };
    let gives: Vec<String> = given(options, member).iter().map(|(output, place)| format!("{output} = \"{place}\"")).collect();
    format!(
        "{name} = {{ file = \"{name}.onnx\", sha256 = \"{}\", {input}, form = \"{form}\", gives = {{ {} }}, abs = 1e-6, rel = 1e-5, enabled = {}{} }}\n",
        hex(sha256),
        gives.join(", "),
        member.enabled,
        member.keys.iter().map(|key| format!(", {key}")).collect::<String>(),
        name = member.name,
    )
}

/// The hashes are those of the models, the stats and the golden rows.
fn manifest(options: &Options, schema: &[u8; 32], hashes: &[[u8; 32]]) -> String {
    let Options { name, version, sampler, window, features, buy_at, sell_at, max_data_age_ms, max_age, min_agreement, ensemble, further, .. } = options;
    let (applies_to, roles) = (quoted(&options.applies_to), quoted(&options.roles));
    let members = options.all();
    let models: String = members.iter().zip(hashes).map(|(member, sha256)| model_line(options, member, sha256)).collect();
    let weights: Vec<String> = members.iter().map(|member| format!("{} = {:?}", member.name, member.weight)).collect();
    let amounts = options.amounts.iter().map(|name| format!("{name} = {{ task = \"value\", horizon = 1, unit = \"bps\" }}\n"));
    let outputs: String =
        options.outputs.iter().map(|name| format!("{name} = {{ task = \"direction\", horizon = 2, unit = \"probability\" }}\n")).chain(amounts).collect();
    let direction = format!("kind = \"direction\"\noutput = \"up\"\nbuy_at = {buy_at:?}\nsell_at = {sell_at:?}\n");
    let policy = options.policy.as_ref().unwrap_or(&direction);
    let [schema, stats, golden] = [schema, &hashes[members.len()], &hashes[members.len() + 1]].map(hex);
    format!(
        r#"format = 1
name = "{name}"
version = {version}
applies_to = [{applies_to}]
roles = [{roles}]
trained_from = 2020-01-01T00:00:00Z
trained_until = 2020-02-01T00:00:00Z
max_age = "{max_age}"

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
{outputs}
[models]
{models}
[ensemble]
{ensemble}weights = {{ {weights} }}

{further}
[policy]
{policy}min_agreement = {min_agreement:?}
max_out_of_range = {most}
max_data_age_ms = {max_data_age_ms}
valid_for_ms = 60_000

[golden]
file = "golden.csv"
sha256 = "{golden}"
rows = {rows}
"#,
        most = options.max_out_of_range.unwrap_or(options.weights.len()),
        weights = weights.join(", "),
        rows = golden_rows(options),
    )
}

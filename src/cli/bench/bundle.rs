//! Bundles made for the benchmark, so that its models are served as any other: read, hashed, checked, published.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretick::features::scale::Stats;
use foretick::model::backend::Backend;
use foretick::model::carried::CarriedState;
use foretick::model::manifest::{Manifest, hex};
use foretick::model::native;
use foretick::model::onnx_ir::Graph;
use foretick::model::precision::Precision;
use foretick::model::stats;
use foretick::model::watchdog::RunLimit;
use foretick::{Error, Result};
use sha2::{Digest, Sha256};

use super::models::Model;
use super::rows::{SAMPLER, Table};
use crate::cli::files::io_error;

/// Stream that the benchmark's bundles are made for.
pub const STREAM: &str = "sim_a:BTCUSD";
/// Golden rows beyond the first full window.
const GOLDEN_MORE: usize = 8;
/// The same where weights are kept smaller, which are measured on them.
const GOLDEN_MEASURED: usize = 200;
/// Greatest error of a probability that is let through; what was measured is shown.
const PRECISION_ERROR: f64 = 0.05;

/// A folder that is removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder among the system's temporary ones.
    pub fn create() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("foretick-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| io_error(&path, &error))?;
        Ok(Folder(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clear away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A model that a native kernel runs.
pub struct Member<'m> {
    pub model: &'m Model,
    pub backend: Arc<dyn Backend>,
}

impl<'m> Member<'m> {
    /// # Errors
    /// Why no native kernel runs the model.
    pub fn new(model: &'m Model) -> Result<Member<'m>> {
        let graph = Graph::parse(&model.file)?;
        let hint = [model.window, model.features];
        let backend = match model.carry {
            [] => native::compile(&graph, Some(if model.window > 1 { &hint } else { &hint[1..] }))?,
            _ => native::compile_step(&graph, model.features, &model.pairs())?,
        };
        Ok(Member { model, backend })
    }

    /// The column of the probability, counted over all outputs, and its name in a manifest.
    fn place(&self) -> (usize, String) {
        let mut first = 0;
        for port in self.backend.outputs() {
            match port.width() {
                1 => return (first, format!("{}[0]", port.name)),
                2 => return (first + 1, format!("{}[1]", port.name)),
                width => first += width,
            }
        }
        (0, "?[0]".to_owned())
    }

    fn line(&self, sha256: &str) -> String {
        let Model { name, window, carry, .. } = self.model;
        let pairs: Vec<String> = carry.iter().map(|(output, input)| format!("{output} = \"{input}\"")).collect();
        let state = if carry.is_empty() { String::new() } else { format!(", state = \"replay\", carry = {{ {} }}", pairs.join(", ")) };
        let (input, place) = (if *window > 1 { "window" } else { "row" }, self.place().1);
        let precision = match self.model.precision {
            Precision::F32 => String::new(),
            smaller => format!(", precision = \"{}\", precision_error = {PRECISION_ERROR}", smaller.name()),
        };
        format!(
            "{name} = {{ file = \"{name}.onnx\", sha256 = \"{sha256}\", input = \"{input}\", form = \"probability\", gives = {{ up = \"{place}\" }}, abs = 1e-5, rel = 1e-4, backend = \"native\"{state}{precision} }}\n"
        )
    }
}

/// A bundle to write.
pub struct Plan<'p> {
    pub name: &'p str,
    pub table: &'p Table,
    pub window: usize,
    pub members: &'p [Member<'p>],
}

impl Plan<'_> {
    /// Writes the bundle in a folder of its name; answers that folder.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(self.name);
        std::fs::create_dir_all(&path).map_err(|error| io_error(&path, &error))?;
        for (name, bytes) in self.files()? {
            let file = path.join(name);
            std::fs::write(&file, bytes).map_err(|error| io_error(&file, &error))?;
        }
        Ok(path)
    }

    /// Files by name; the manifest is written last, because it holds the hashes of the others.
    fn files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files: Vec<(String, Vec<u8>)> = self.members.iter().map(|member| (format!("{}.onnx", member.model.name), member.model.file.clone())).collect();
        files.push(("stats.csv".to_owned(), self.stats_csv().into_bytes()));
        files.push(("golden.csv".to_owned(), self.golden_csv()?.into_bytes()));
        let hashes: Vec<String> = files.iter().map(|(_, bytes)| hex(&Sha256::digest(bytes).into())).collect();
        let mut schema = Manifest::parse(&self.manifest(&"0".repeat(64), &hashes))?.schema;
        schema.stats = stats::read(&files[self.members.len()].1, &schema)?;
        files.push(("manifest.toml".to_owned(), self.manifest(&hex(&schema.hash()), &hashes).into_bytes()));
        Ok(files)
    }

    fn stats_csv(&self) -> String {
        let mut text = String::from("name,mean,std,min,max,low,high\n");
        for (name, stats) in self.table.names.iter().zip(&self.table.stats) {
            let Stats { mean, std, min, max, low, high } = stats;
            let _ = writeln!(text, "{name},{mean},{std},{min},{max},{low},{high}");
        }
        text
    }

    /// The first rows, and what the members' kernels give on them: the benchmark's models have no library to agree with.
    fn golden_csv(&self) -> Result<String> {
        let header = self.table.names.iter().cloned().chain(self.members.iter().map(|member| format!("{}.up", member.model.name)));
        let mut text = header.collect::<Vec<_>>().join(",") + "\n";
        let given = self.members.iter().map(|member| self.given(member)).collect::<Result<Vec<_>>>()?;
        for row in 0..self.golden_rows() {
            let cells = self.table.rows.row(row).iter().map(f32::to_string);
            let cells = cells.chain(given.iter().map(|values| values[row].map_or(String::new(), |value| value.to_string())));
            text += &(cells.collect::<Vec<_>>().join(",") + "\n");
        }
        Ok(text)
    }

    fn golden_rows(&self) -> usize {
        let measured = self.members.iter().any(|member| member.model.precision != Precision::F32);
        (self.window + if measured { GOLDEN_MEASURED } else { GOLDEN_MORE }).min(self.table.rows.count())
    }

    /// A member's value in each golden row, none before its window is full.
    fn given(&self, member: &Member<'_>) -> Result<Vec<Option<f32>>> {
        let mut instance = member.backend.clone().instance(&RunLimit::none())?;
        let (mut out, window, place) = (vec![0.0; member.backend.output_width()], member.model.window, member.place().0);
        let (mut state, carries) = (CarriedState::new(0, &*member.backend), member.backend.carries());
        let mut value = |row: usize| {
            if !carries.is_empty() {
                state.step(carries, &mut *instance, |input| input.copy_from_slice(self.table.rows.row(row)))?;
                return Ok(Some(state.out()[place]));
            }
            let Some(first) = (row + 1).checked_sub(window) else { return Ok(None) };
            instance.run(self.table.rows.window(first, window), &mut out)?;
            Ok(Some(out[place]))
        };
        (0..self.golden_rows()).map(&mut value).collect::<Result<Vec<_>, Error>>()
    }

    fn manifest(&self, schema: &str, hashes: &[String]) -> String {
        let models: String = self.members.iter().zip(hashes).map(|(member, sha256)| member.line(sha256)).collect();
        let weights: Vec<String> = self.members.iter().map(|member| format!("{} = 1.0", member.model.name)).collect();
        let count = self.members.len();
        format!(
            r#"format = 1
name = "{name}"
version = 1
applies_to = ["{STREAM}"]
roles = ["self"]
trained_from = 2023-12-01T00:00:00Z
trained_until = 2023-12-02T00:00:00Z
max_age = "none"

[sampler]
{SAMPLER}
[window]
rows = {window}

[schema]
name = "{name}"
hash = "sha256:{schema}"
stats = {{ file = "stats.csv", sha256 = "{stats}" }}
missing = "abstain"
features = {features}

[outputs]
up = {{ task = "direction", horizon = 1, unit = "probability" }}

[models]
{models}
[ensemble]
mix = "logit"
quorum = 0.6
weights = {{ {weights} }}

[policy]
kind = "direction"
output = "up"
buy_at = 0.55
sell_at = 0.45
min_agreement = 0.0
max_out_of_range = {width}
max_data_age_ms = 120000
valid_for_ms = 60000

[golden]
file = "golden.csv"
sha256 = "{golden}"
rows = {rows}
"#,
            name = self.name,
            features = self.table.features,
            window = self.window,
            stats = hashes[count],
            golden = hashes[count + 1],
            weights = weights.join(", "),
            width = self.table.rows.width,
            rows = self.golden_rows(),
        )
    }
}

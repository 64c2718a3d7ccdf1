//! A bundle: a folder read once into bytes that we own, verified as a whole before it may serve.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::Backends;
use crate::error::{Error, Result, Status};
use crate::features::spec::{Missing, Schema};
use crate::model::backend::{Backend, Port};
use crate::model::carried::CarriedState;
use crate::model::choice::{Chosen, Request, choose, choose_step};
use crate::model::golden::{Golden, Worst};
use crate::model::golden_run::GoldenRun;
use crate::model::manifest::{FileRef, InputShape, Manifest, MemberRead, MemberSpec, StatePolicy, hex};
use crate::model::stats;
use crate::model::watchdog::{PATIENT_LIMIT, Patrol, RunLimit};

/// Most bytes of one file of a bundle.
const FILE_MOST: u64 = 1 << 30;

/// A member that is ready to run.
#[derive(Debug)]
pub struct Member {
    /// Its place in the manifest.
    pub spec: MemberSpec,
    /// What runs it.
    pub backend: Arc<dyn Backend>,
    /// Why that.
    pub why: String,
    /// For each of `spec.gives`, where its value stands in the backend's outputs.
    pub places: Vec<usize>,
    /// For each of `spec.reads`, where the value stands among the values that all members give, one after the other.
    pub sources: Vec<usize>,
    /// Worst disagreement with the golden rows.
    pub worst: Worst,
}

/// A verified bundle. Immutable; generations share it.
#[derive(Debug)]
pub struct Bundle {
    /// What the manifest says.
    pub manifest: Arc<Manifest>,
    /// The schema with its stats.
    pub schema: Arc<Schema>,
    /// The schema's hash.
    pub schema_hash: [u8; 32],
    /// SHA-256 of the manifest, which holds the hashes of all other files.
    pub digest: [u8; 32],
    /// Members by number.
    pub members: Vec<Member>,
    /// Bits of the features that must not be missing.
    pub needed: Box<[u64]>,
    /// Why rows of the caller's cannot be predicted; `None` when they can.
    pub refuses_rows: Option<String>,
    /// Where it was read from, for messages.
    pub path: PathBuf,
}

impl Bundle {
    /// Reads and verifies a bundle's folder: hashes, schema, graphs, contracts, golden rows.
    ///
    /// # Errors
    /// `IO`, `MANIFEST`, `DIGEST`, `MODEL`, `OPERATOR`, `CONTRACT`, `GOLDEN`, `EXTERNAL_DATA`,
    /// `RUNTIME_*`; every problem of a stage is in the text, the status is that of the first.
    pub fn open(path: &Path, allowed: &Backends, limit: &RunLimit) -> Result<Bundle> {
        let manifest_bytes = read_file(path, "manifest.toml")?;
        let text = crate::config::utf8(&manifest_bytes, "manifest.toml")?;
        let mut manifest = Manifest::parse(text)?;
        let files = read_listed(path, &manifest)?;
        if let Some(bytes) = &files.stats {
            manifest.schema.stats = stats::read(bytes, &manifest.schema)?;
        }
        let schema = Arc::new(manifest.schema.clone());
        let schema_hash = schema.hash();
        if schema_hash != manifest.schema_hash {
            let text = format!("schema: the manifest says hash {}, its content has {}", hex(&manifest.schema_hash), hex(&schema_hash));
            return Err(Error::new(Status::Manifest, text));
        }
        let outputs: Vec<String> = manifest.outputs.iter().map(|output| output.name.clone()).collect();
        let golden = Golden::read(&files.golden, &schema, &manifest.members, &outputs, manifest.golden.1)?;
        let specs = &manifest.members;
        let mut members = all(specs.iter().zip(&files.models).map(|(spec, bytes)| Member::compile(spec, bytes, specs, &schema, allowed, limit)), "models")?;
        let worst = {
            let mut run = GoldenRun::new(&members, &golden.rows, schema.window, limit)?;
            all(members.iter().enumerate().map(|(number, member)| member.check(number, &mut run, &golden.expected[number])), "golden rows")?
        };
        members.iter_mut().zip(worst).for_each(|(member, worst)| member.worst = worst);
        let digest = Sha256::digest(&manifest_bytes).into();
        let (needed, refuses_rows) = (needed_bits(&schema), refuses_rows(&schema, &members));
        Ok(Bundle { manifest: Arc::new(manifest), schema, schema_hash, digest, members, needed, refuses_rows, path: path.to_owned() })
    }

    /// As [`Bundle::open`], without an engine: foreign runs are watched by a thread that ends with this call.
    ///
    /// # Errors
    /// As [`Bundle::open`]; `THREAD`.
    pub fn open_alone(path: &Path, allowed: &Backends) -> Result<Bundle> {
        Bundle::open(path, allowed, &Patrol::start()?.limit(PATIENT_LIMIT))
    }

    /// Rows that a track must have before every member answers: W, or 1 where none looks further back than the newest.
    #[must_use]
    pub fn rows_needed(&self) -> usize {
        if self.members.iter().any(|member| member.looks_back()) { self.schema.window } else { 1 }
    }

    /// What the stateful members carry of one track that none of them has met.
    #[must_use]
    pub fn carried(&self) -> Box<[CarriedState]> {
        let stateful = self.members.iter().enumerate().filter(|(_, member)| member.is_stateful());
        stateful.map(|(number, member)| CarriedState::new(number, &*member.backend)).collect()
    }

    /// Bytes of that.
    #[must_use]
    pub fn carried_bytes(&self) -> usize {
        self.carried().iter().map(CarriedState::memory_bytes).sum()
    }

    /// Bytes of all members.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.members.iter().map(|member| member.backend.memory_bytes()).sum()
    }
}

impl Member {
    fn compile(spec: &MemberSpec, bytes: &[u8], specs: &[MemberSpec], schema: &Schema, allowed: &Backends, limit: &RunLimit) -> Result<Member> {
        let title = format!("model {} ({})", spec.name, spec.file.file);
        let chosen = chosen(spec, bytes, schema, allowed, limit).map_err(|error| error.within(&title))?;
        let places = contract(spec, chosen.backend.as_ref(), schema).map_err(|error| error.within(&title))?;
        Ok(Member { spec: spec.clone(), backend: chosen.backend, why: chosen.why, places, sources: sources(spec, specs), worst: Worst::default() })
    }

    /// It carries a state from step to step.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        self.spec.state != StatePolicy::None
    }

    /// Its value depends on rows before the newest.
    fn looks_back(&self) -> bool {
        self.spec.input == InputShape::Window || self.is_stateful()
    }

    /// The worst disagreement with the golden rows; `expected` are the columns of this member.
    fn check(&self, number: usize, run: &mut GoldenRun<'_>, expected: &[Vec<Option<f64>>]) -> Result<Worst> {
        let mut worst = Worst::default();
        for row in 0..expected.first().map_or(0, Vec::len) {
            if !expected.iter().any(|column| column[row].is_some()) {
                continue;
            }
            let Some(out) = run.outputs(number, row)? else { continue };
            for (place, column) in self.places.iter().zip(expected) {
                if let Some(theirs) = column[row] {
                    worst.compare(row, f64::from(out[*place]), theirs, &self.spec);
                }
            }
        }
        if let Some(at) = expected.iter().position(|column| column.iter().all(Option::is_none)) {
            let give = &self.spec.gives[at];
            return Err(Error::new(Status::Golden, format!("model {}: no golden row checks {}[{}]", self.spec.name, give.tensor, give.column)));
        }
        self.verdict(&worst, expected.iter().flatten().filter(|value| value.is_some()).count()).map(|()| worst)
    }

    fn verdict(&self, worst: &Worst, listed: usize) -> Result<()> {
        let Worst { share, row, ours, theirs, checked } = *worst;
        let refuse = |text: String| Err(Error::new(Status::Golden, format!("model {}: {text}", self.spec.name)));
        if checked < listed {
            return refuse(format!(
                "{} golden values stand where its window is not full, or beside missing inputs that its graph cannot take",
                listed - checked
            ));
        }
        if share > 1.0 {
            let (abs, rel) = (self.spec.abs, self.spec.rel);
            return refuse(format!("golden row {row} gives {ours}, the training library gave {theirs} (tolerance {abs} + {rel} of it)"));
        }
        Ok(())
    }
}

fn chosen(spec: &MemberSpec, bytes: &[u8], schema: &Schema, allowed: &Backends, limit: &RunLimit) -> Result<Chosen> {
    match spec.state {
        StatePolicy::None => choose(&Request { bytes, shapes: &[input_dims(spec, schema)], asked: spec.backend }, allowed, limit),
        _ => choose_step(bytes, schema.width(), &spec.carry, allowed),
    }
}

/// Dimensions of a member's input for one row.
fn input_dims(spec: &MemberSpec, schema: &Schema) -> Vec<usize> {
    match spec.input {
        InputShape::Row => vec![1, schema.width()],
        InputShape::Window => vec![1, schema.window, schema.width()],
        InputShape::Members => vec![1, spec.reads.len()],
    }
}

/// Places of the values that a member reads, counting every value that a member gives, in the manifest's order.
fn sources(spec: &MemberSpec, specs: &[MemberSpec]) -> Vec<usize> {
    let given = |specs: &[MemberSpec]| specs.iter().map(|spec| spec.gives.len()).sum::<usize>();
    let own = |read: &MemberRead| specs[read.member].gives.iter().position(|give| give.output == read.output);
    spec.reads.iter().filter_map(|read| Some(given(&specs[..read.member]) + own(read)?)).collect()
}

fn refuses_rows(schema: &Schema, members: &[Member]) -> Option<String> {
    let name = |member: &Member| match member.is_stateful() {
        true => format!("model {} carries a state from row to row, a row of the caller's stands alone", member.spec.name),
        false => format!("model {} reads a window of {} rows, a row of the caller's is one", member.spec.name, schema.window),
    };
    schema.refuses_rows().or_else(|| members.iter().find(|member| member.looks_back()).map(name))
}

/// Input width, output tensors and columns, and missing values as the manifest says.
fn contract(spec: &MemberSpec, backend: &dyn Backend, schema: &Schema) -> Result<Vec<usize>> {
    let mut problems = Vec::new();
    if backend.inputs().len() != 1 && backend.carries().is_empty() {
        let names: Vec<&str> = backend.inputs().iter().map(|port| port.name.as_str()).collect();
        problems.push(format!("the graph has the inputs {}, a member reads one", names.join(", ")));
    }
    let (reads, given) = (backend.inputs().first().map_or(0, Port::width), input_dims(spec, schema).iter().product::<usize>());
    if reads != given {
        problems.push(match spec.input {
            InputShape::Members => format!("the graph reads {reads} values, reads names {given}"),
            _ => format!("the graph reads {reads} values, the schema gives {given} ({} rows of {})", given / schema.width(), schema.width()),
        });
    }
    let places: Vec<usize> = spec.gives.iter().filter_map(|give| place(backend, &give.tensor, give.column).map_err(|what| problems.push(what)).ok()).collect();
    if !backend.accepts_missing() && spec.input != InputShape::Members {
        let nan = schema.features.iter().filter(|feature| feature.missing == Missing::Nan);
        problems.extend(nan.map(|feature| format!("feature {} has missing = \"nan\", which the graph cannot take", feature.name)));
    }
    match problems.is_empty() {
        true => Ok(places),
        false => Err(Error::problems(Status::Contract, "the graph and the manifest differ", &problems)),
    }
}

fn place(backend: &dyn Backend, tensor: &str, column: usize) -> Result<usize, String> {
    let mut start = 0;
    for port in backend.outputs() {
        if port.name == tensor {
            let missing = || format!("tensor {tensor} has {} columns, [{column}] is not there", port.width());
            return if column < port.width() { Ok(start + column) } else { Err(missing()) };
        }
        start += port.width();
    }
    let names: Vec<&str> = backend.outputs().iter().map(|port| port.name.as_str()).collect();
    Err(format!("no output tensor {tensor}; the graph gives {}", names.join(", ")))
}

fn needed_bits(schema: &Schema) -> Box<[u64]> {
    let mut words = vec![0; schema.width().div_ceil(64)];
    for (index, feature) in schema.features.iter().enumerate() {
        words[index / 64] |= u64::from(feature.missing == Missing::Abstain) << (index % 64);
    }
    words.into()
}

/// All values, or one error that holds every problem under the first one's status.
fn all<T>(results: impl Iterator<Item = Result<T>>, what: &str) -> Result<Vec<T>> {
    let (mut values, mut errors) = (Vec::new(), Vec::<Error>::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    let Some(first) = errors.first() else { return Ok(values) };
    let texts: Vec<String> = errors.iter().map(|error| error.text().to_owned()).collect();
    Err(Error::problems(first.status(), what, &texts))
}

/// The schema of a manifest with the stats that it names, wherever its other files are.
///
/// # Errors
/// `IO`, `MANIFEST`, `DIGEST` of the stats.
pub fn read_schema(manifest: &Path) -> Result<Schema> {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let name = manifest.file_name().and_then(|name| name.to_str()).unwrap_or("manifest.toml");
    let Manifest { mut schema, stats: listed, .. } = Manifest::parse(crate::config::utf8(&read_file(folder, name)?, name)?)?;
    if let Some(file) = &listed {
        schema.stats = stats::read(&read_verified(folder, file)?, &schema)?;
    }
    Ok(schema)
}

struct Files {
    models: Vec<Vec<u8>>,
    stats: Option<Vec<u8>>,
    golden: Vec<u8>,
}

/// Every file that the manifest lists, read once; the bytes that are hashed are those that are used.
fn read_listed(folder: &Path, manifest: &Manifest) -> Result<Files> {
    let listed = manifest.members.iter().map(|member| &member.file).chain(&manifest.stats).chain([&manifest.golden.0]);
    let mut seen = BTreeSet::new();
    let listed: Vec<&FileRef> = listed.collect();
    if let Some(twice) = listed.iter().find(|file| !seen.insert(&file.file)) {
        return Err(Error::new(Status::Manifest, format!("file {} is listed twice", twice.file)));
    }
    let mut bytes = all(listed.iter().map(|file| read_verified(folder, file)), "files of the bundle")?;
    let golden = bytes.pop().unwrap_or_default();
    let stats = manifest.stats.is_some().then(|| bytes.pop()).flatten();
    Ok(Files { models: bytes, stats, golden })
}

fn read_verified(folder: &Path, file: &FileRef) -> Result<Vec<u8>> {
    let bytes = read_file(folder, &file.file)?;
    let found: [u8; 32] = Sha256::digest(&bytes).into();
    if found != file.sha256 {
        let text = format!("{}: SHA-256 is {}, the manifest says {}: the file was changed or is another version", file.file, hex(&found), hex(&file.sha256));
        return Err(Error::new(Status::Digest, text));
    }
    Ok(bytes)
}

fn read_file(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    let io = |error: std::io::Error| Error::new(Status::Io, format!("{}: {error}", path.display()));
    let refuse = |what: &str| Err(Error::new(Status::Io, format!("{}: {what}", path.display())));
    let found = std::fs::metadata(&path).map_err(io)?;
    if !found.is_file() || found.len() > FILE_MOST {
        return refuse(&format!("must be a plain file of at most {FILE_MOST} bytes"));
    }
    let mut bytes = Vec::with_capacity(found.len() as usize);
    // The file may have been exchanged since: what is read is bounded all the same.
    std::fs::File::open(&path).map_err(io)?.take(FILE_MOST + 1).read_to_end(&mut bytes).map_err(io)?;
    match bytes.len() as u64 > FILE_MOST {
        true => refuse(&format!("a bundle's file has at most {FILE_MOST} bytes")),
        false => Ok(bytes),
    }
}

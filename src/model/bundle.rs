//! A bundle: a folder read once into bytes that we own, verified as a whole before it may serve.

pub(super) mod files;
mod pack;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::Backends;
use crate::error::{Error, Result, Status};
use crate::features::spec::{Missing, Schema};
use crate::model::backend::{Backend, Port};
use crate::model::carried::CarriedState;
use crate::model::choice::{Choice, Chosen, Request, choose, choose_step};
use crate::model::golden::{Golden, Worst};
use crate::model::golden_run::GoldenRun;
use crate::model::lock::{self, Lock};
use crate::model::manifest::{BackendChoice, InputShape, Manifest, MemberRead, MemberSpec, StatePolicy, hex};
use crate::model::reduction::{Reduced, Verified};
use crate::model::stats;
use crate::model::watchdog::{PATIENT_LIMIT, Patrol, RunLimit};
use files::{read_file, read_listed, read_verified};
use pack::pack;

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
    /// Worst disagreement with the golden rows, as its file stores it.
    pub worst: Worst,
    /// Greatest absolute error against the golden rows, in the output's unit, where its weights are kept smaller than f32.
    pub precision_error: Option<f64>,
}

/// A verified bundle. Immutable; generations share it.
#[derive(Debug)]
pub struct Bundle {
    /// What the manifest says.
    pub manifest: Arc<Manifest>,
    /// The schema with its stats.
    pub schema: Arc<Schema>,
    /// [`Schema::ready`]: every decision asks.
    pub ready: u64,
    /// The schema's hash.
    pub schema_hash: [u8; 32],
    /// SHA-256 of the manifest, which holds the hashes of all other files.
    pub digest: [u8; 32],
    /// Members by number.
    pub members: Vec<Member>,
    /// The `backend.lock` that the members' backends were chosen by.
    pub lock: Option<Lock>,
    /// Bits of the features that must not be missing.
    pub needed: Box<[u64]>,
    /// Why rows of the caller's cannot be predicted; `None` when they can.
    pub refuses_rows: Option<String>,
    /// Where it was read from, for messages.
    pub path: PathBuf,
}

/// Who says which backends run a bundle's members, where the manifest does not.
#[derive(Clone, Copy, Debug)]
pub enum Choices<'c> {
    /// `backend.lock` when it is there, else the fixed choice.
    Locked,
    /// These, by name of the member; the fixed choice for the others. No `backend.lock` is read.
    Given(&'c [(String, Choice)]),
}

impl Bundle {
    /// Reads and verifies a bundle's folder: hashes, `backend.lock`, schema, graphs, contracts, golden rows.
    ///
    /// # Errors
    /// `IO`, `MANIFEST`, `DIGEST`, `MODEL`, `OPERATOR`, `CONTRACT`, `GOLDEN`, `EXTERNAL_DATA`,
    /// `RUNTIME_*`; every problem of a stage is in the text, the status is that of the first.
    pub fn open(path: &Path, allowed: &Backends, limit: &RunLimit) -> Result<Bundle> {
        Bundle::open_choosing(path, allowed, limit, Choices::Locked)
    }

    /// As [`Bundle::open`], by other choices of backends.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open_choosing(path: &Path, allowed: &Backends, limit: &RunLimit, choices: Choices<'_>) -> Result<Bundle> {
        let manifest_bytes = read_file(path, "manifest.toml")?;
        let digest = Sha256::digest(&manifest_bytes).into();
        let mut manifest = Manifest::parse(crate::config::utf8(&manifest_bytes, "manifest.toml")?)?;
        let lock = if let Choices::Locked = choices { Lock::read(path)? } else { None };
        if let Some(lock) = &lock {
            lock.check(&digest, &manifest.members)?;
        }
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
        let golden = Golden::read(&files.golden, &schema, &manifest.members, &manifest.output_names(), manifest.golden.1)?;
        let asked = |spec: &MemberSpec| Asked::of(spec, lock.as_ref(), choices);
        let members = verified(&manifest, &schema, &files.models, &golden, asked, allowed, limit);
        let mut members = members.map_err(|error| if lock.is_some() { lock::blamed(error) } else { error })?;
        pack(&mut members);
        let (needed, refuses_rows) = (needed_bits(&schema), refuses_rows(&schema, &members));
        let ready = schema.ready();
        Ok(Bundle { manifest: Arc::new(manifest), schema, ready, schema_hash, digest, members, lock, needed, refuses_rows, path: path.to_owned() })
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

/// Members that give what the golden rows say.
fn verified(
    manifest: &Manifest,
    schema: &Schema,
    models: &[Vec<u8>],
    golden: &Golden,
    asked: impl Fn(&MemberSpec) -> Asked,
    allowed: &Backends,
    limit: &RunLimit,
) -> Result<Vec<Member>> {
    let specs = &manifest.members;
    let compile = |(spec, bytes): (&MemberSpec, &Vec<u8>)| Member::compile(spec, bytes, specs, schema, asked(spec), allowed, limit);
    let mut members = all(specs.iter().zip(models).map(compile), "models")?;
    let (worst, reduced) = {
        let mut run = GoldenRun::new(&members, &golden.rows, schema.window, limit)?;
        let worst = all(members.iter().enumerate().map(|(number, member)| member.check(number, &mut run, &golden.expected[number])), "golden rows")?;
        let verified = Verified { members: &members, golden, manifest, limit };
        let reduced = models.iter().zip(specs).enumerate().map(|(number, (bytes, spec))| {
            let request = Request { bytes, shapes: &[input_dims(spec, schema)], asked: spec.backend.into() };
            verified.reduce(number, &request, &mut run)
        });
        (worst, all(reduced, "precision")?)
    };
    members.iter_mut().zip(worst.into_iter().zip(reduced)).for_each(|(member, (worst, reduced))| member.verified(worst, reduced));
    Ok(members)
}

/// What is asked to run a member, and the reason where it is not the manifest's or the fixed choice.
struct Asked {
    choice: Choice,
    why: Option<String>,
}

impl Asked {
    fn of(spec: &MemberSpec, lock: Option<&Lock>, choices: Choices<'_>) -> Asked {
        let given = if let Choices::Given(given) = choices { given } else { &[] };
        let given = given.iter().find(|(name, _)| *name == spec.name).map(|(_, choice)| *choice);
        let locked = lock.and_then(|lock| lock.choice(&spec.name));
        Asked { choice: locked.or(given).unwrap_or(spec.backend.into()), why: lock.filter(|_| locked.is_some()).map(Lock::why) }
    }
}

impl Member {
    fn compile(spec: &MemberSpec, bytes: &[u8], specs: &[MemberSpec], schema: &Schema, asked: Asked, allowed: &Backends, limit: &RunLimit) -> Result<Member> {
        let title = format!("model {} ({})", spec.name, spec.file.file);
        let chosen = chosen(spec, bytes, schema, asked.choice, allowed, limit).map_err(|error| error.within(&title))?;
        let places = contract(spec, chosen.backend.as_ref(), schema).map_err(|error| error.within(&title))?;
        let why = asked.why.unwrap_or(chosen.why);
        Ok(Member { spec: spec.clone(), backend: chosen.backend, why, places, sources: sources(spec, specs), worst: Worst::default(), precision_error: None })
    }

    /// Takes what the golden rows said.
    fn verified(&mut self, worst: Worst, reduced: Option<Reduced>) {
        self.worst = worst;
        if let Some(Reduced { backend, error }) = reduced {
            (self.backend, self.precision_error) = (backend, Some(error));
        }
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

fn chosen(spec: &MemberSpec, bytes: &[u8], schema: &Schema, asked: Choice, allowed: &Backends, limit: &RunLimit) -> Result<Chosen> {
    match (spec.state, asked.backend) {
        (StatePolicy::None, _) => choose(&Request { bytes, shapes: &[input_dims(spec, schema)], asked }, allowed, limit),
        (_, BackendChoice::Default | BackendChoice::Native) => match asked.descent {
            None => choose_step(bytes, schema.width(), &spec.carry, allowed),
            Some(descent) => Err(Error::new(Status::Operator, format!("trees descend {}, and what carries a state has none", descent.name()))),
        },
        _ => Err(Error::new(Status::Unsupported, "native kernels alone carry a state")),
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

//! Models on ONNX Runtime. The only file of the library that knows `ort`; the benchmark's peer is the other that names it.
//!
//! The library is loaded once a process, explicitly: any call of `ort` before that would panic where it is missing. Its environment is
//! never released, and no session once the process is ending: threads and statics may be gone by then. A session runs on the caller's thread, with one intra-op
//! thread, on buffers that are bound once; denormals are flushed meanwhile, because a denormal-heavy model ran 124 times slower, but
//! not around trees, whose comparisons stay exact.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::memory::{Allocator, MemoryInfo};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{IoBinding, RunOptions, Session};
use ort::value::{Tensor, TensorElementType, ValueType};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result, Status};
use crate::model::backend::{Backend, Instance, Port};
use crate::model::denormals::flushed;
use crate::model::exit::{Work, wait_before_statics, wait_before_statics_of};
use crate::model::manifest::hex;
use crate::model::onnx_ir::{Graph, Node, shown};
use crate::model::runtime_check::check;
use crate::model::runtime_library::{HOW_TO_GET, find};
use crate::model::watchdog::{RunLimit, Watch};
use crate::types::prediction::backend;

/// The library that was loaded.
#[derive(Debug)]
pub struct Runtime {
    environment: Environment,
    /// Its file.
    pub path: PathBuf,
    /// What it says of itself.
    pub build: &'static str,
    /// SHA-256 of its file.
    pub sha256: [u8; 32],
}

impl Runtime {
    /// The process's environment, for sessions that nothing of ours runs: the benchmark's.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

static LOADED: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);

/// The process's ONNX Runtime, loaded at the first call that succeeds; a call that failed may be repeated.
///
/// # Errors
/// `RUNTIME_MISSING`, `RUNTIME_VERSION` for a library that is too old or another one, `CONFLICT` when another file than the
/// one asked for is loaded already.
pub fn runtime(configured: Option<&Path>) -> Result<Arc<Runtime>> {
    let mut loaded = LOADED.lock();
    if let Some(runtime) = &*loaded {
        return same_file(runtime, configured).map(|()| runtime.clone());
    }
    let runtime = Arc::new(load(find(configured)?)?);
    Ok(loaded.insert(runtime).clone())
}

/// The process's ONNX Runtime, if one was loaded.
#[must_use]
pub fn loaded() -> Option<Arc<Runtime>> {
    LOADED.lock().clone()
}

fn same_file(runtime: &Runtime, configured: Option<&Path>) -> Result<()> {
    let Some(path) = configured else { return Ok(()) };
    let asked = find(Some(path))?;
    match asked.canonicalize().ok() == runtime.path.canonicalize().ok() {
        true => Ok(()),
        false => {
            let text = format!("ONNX Runtime was loaded from {}; a process has one, so {} cannot be loaded", runtime.path.display(), asked.display());
            Err(Error::new(Status::Conflict, text))
        }
    }
}

fn load(path: PathBuf) -> Result<Runtime> {
    let _work = begin()?;
    let unusable = |status: Status, what: &str| Error::new(status, format!("{}: {what}; {HOW_TO_GET}", path.display()));
    let content = std::fs::read(&path).map_err(|error| unusable(Status::RuntimeMissing, &error.to_string()))?;
    check(&path, &content, ort::MINOR_VERSION).map_err(|(status, what)| unusable(status, &what))?;
    let sha256 = Sha256::digest(&content).into();
    drop(content);
    let builder = ort::init_from(&path).map_err(|error| unusable(Status::RuntimeVersion, &error.to_string()))?;
    // Errors come back as statuses; a host's stderr is not ours to write to.
    let environment = builder.with_name("foretick").with_telemetry(false).build();
    let environment = environment.map_err(|error| unusable(Status::RuntimeVersion, &error.to_string()))?;
    environment.set_log_level(LogLevel::Fatal);
    wait_before_statics();
    Ok(Runtime { environment, build: ort::info(), path, sha256 })
}

/// Making or freeing a session begins.
fn begin() -> Result<Work> {
    Work::begin().ok_or_else(|| Error::new(Status::Closing, "the process is ending"))
}

/// A graph that ONNX Runtime runs.
#[derive(Debug)]
pub struct Model {
    runtime: Arc<Runtime>,
    bytes: Box<[u8]>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    takes_missing: bool,
    has_trees: bool,
}

impl Model {
    /// Loads a graph and runs it once, on zeros, to learn what it gives; `shapes` are the dimensions of its inputs.
    ///
    /// # Errors
    /// `MODEL`, `OPERATOR`, `CONTRACT` for inputs and outputs that are no numbers; `DEADLINE`, `OUT_OF_MEMORY`, `BACKEND` of that run.
    pub fn open(runtime: Arc<Runtime>, bytes: &[u8], graph: &Graph, shapes: &[Vec<usize>], takes_missing: bool, limit: &RunLimit) -> Result<Model> {
        let _work = begin()?;
        let inputs = graph.inputs.iter().zip(shapes).map(|(input, dims)| Port { name: input.name.clone(), dims: dims.clone() }).collect();
        let has_trees = graph.nodes.iter().any(|node| node.op.starts_with("TreeEnsemble"));
        let mut model = Model { runtime, bytes: bytes.into(), inputs, outputs: Vec::new(), takes_missing, has_trees };
        model.outputs = Run::open(&model, limit)?.outputs.into_iter().map(|buffer| buffer.port).collect();
        wait_before_statics_of(graph.nodes.iter().map(Node::title));
        if model.outputs.is_empty() {
            return Err(Error::new(Status::Contract, "the graph has no float output; maps (ZipMap) and sequences are not read, export with zipmap=False"));
        }
        Ok(model)
    }

    fn session(&self) -> Result<Session> {
        let built = (|| {
            let builder: SessionBuilder = Session::builder(&self.runtime.environment)?;
            let builder = builder.with_intra_threads(1)?.with_inter_threads(1)?.with_intra_op_spinning(false)?.with_inter_op_spinning(false)?;
            let builder = builder.with_optimization_level(GraphOptimizationLevel::All)?.with_log_level(LogLevel::Fatal)?;
            builder.with_no_environment_execution_providers()?.commit_from_memory(&self.bytes)
        })();
        built.map_err(|error: ort::Error| load_error(&error))
    }
}

fn load_error(error: &ort::Error) -> Error {
    let text = error.to_string();
    let unknown = ["is not a registered function/op", "No Op registered", "Could not find an implementation", "NOT_IMPLEMENTED"];
    let status = if unknown.iter().any(|part| text.contains(part)) { Status::Operator } else { Status::Model };
    Error::new(status, format!("ONNX Runtime refuses the graph: {text}"))
}

fn run_error(error: &ort::Error) -> Error {
    let text = error.to_string();
    let memory = ["bad_alloc", "Failed to allocate memory", "std::length_error"].iter().any(|part| text.contains(part));
    Error::new(if memory { Status::OutOfMemory } else { Status::Backend }, format!("ONNX Runtime: {text}"))
}

impl Backend for Model {
    fn family(&self) -> &'static str {
        "graph"
    }

    fn summary(&self) -> String {
        format!("{} bytes on {} ({}, SHA-256 {})", self.bytes.len(), self.runtime.path.display(), self.runtime.build, hex(&self.runtime.sha256))
    }

    fn bits(&self) -> u16 {
        backend::ORT
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn accepts_missing(&self) -> bool {
        self.takes_missing
    }

    fn instance(self: Arc<Self>, limit: &RunLimit) -> Result<Box<dyn Instance>> {
        let _work = begin()?;
        Ok(Box::new(Kept(Some(Run::open(&self, limit)?))))
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        Vec::new()
    }
}

/// A session with its buffers.
struct Run {
    session: Session,
    binding: IoBinding,
    inputs: Vec<Buffer>,
    outputs: Vec<Buffer>,
    options: Arc<RunOptions>,
    watch: Arc<Watch>,
    limit: RunLimit,
    takes_missing: bool,
    has_trees: bool,
}

/// A tensor that is bound to an input or output.
#[derive(Debug)]
struct Buffer {
    port: Port,
    numbers: Numbers,
}

/// A tensor that f32 values are written into or read from.
#[derive(Debug)]
enum Numbers {
    F32(Tensor<f32>),
    F64(Tensor<f64>),
    I64(Tensor<i64>),
    I32(Tensor<i32>),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("inputs", &self.inputs).field("outputs", &self.outputs).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Run {
    /// A session that has run once, on zeros, with every buffer bound.
    fn open(model: &Model, limit: &RunLimit) -> Result<Run> {
        let session = model.session()?;
        let options = Arc::new(RunOptions::new().map_err(|error| run_error(&error))?);
        let stopped = options.clone();
        // There is nobody to tell: a run that cannot be stopped ends when it ends.
        let watch = limit.watchdog.watch(limit.most, move || drop(stopped.terminate()));
        let binding = session.create_binding().map_err(|error| run_error(&error))?;
        let Model { takes_missing, has_trees, .. } = *model;
        let mut run = Run { session, binding, inputs: Vec::new(), outputs: Vec::new(), options, watch, limit: limit.clone(), takes_missing, has_trees };
        model.inputs.iter().try_for_each(|port| run.add_input(port))?;
        let found = run.probe()?;
        found.into_iter().try_for_each(|(port, kind)| run.add_output(port, kind).map_err(|error| run_error(&error)))?;
        Ok(run)
    }

    fn add_input(&mut self, port: &Port) -> Result<()> {
        let refuse = |what: &str| Error::new(Status::Contract, format!("input {}: {what}", shown(&port.name)));
        let outlet = self.session.inputs().iter().find(|outlet| outlet.name() == port.name);
        let Some(ValueType::Tensor { ty, .. }) = outlet.map(|outlet| outlet.dtype()) else { return Err(refuse("it is no tensor")) };
        let numbers = Numbers::new(*ty, &port.dims).ok_or_else(|| refuse(&format!("elements of type {ty} cannot be given; export with float32")))?;
        let mut numbers = numbers.map_err(|error| run_error(&error))?;
        numbers.clear();
        numbers.bind_input(&mut self.binding, &port.name).map_err(|error| run_error(&error))?;
        self.inputs.push(Buffer { port: port.clone(), numbers });
        Ok(())
    }

    /// The float outputs with the dimensions that they turn out to have.
    fn probe(&mut self) -> Result<Vec<(Port, TensorElementType)>> {
        let floats = |outlet: &ort::value::Outlet| match outlet.dtype() {
            ValueType::Tensor { ty: kind @ (TensorElementType::Float32 | TensorElementType::Float64), .. } => Some((outlet.name().to_owned(), *kind)),
            _ => None,
        };
        let names: Vec<_> = self.session.outputs().iter().filter_map(floats).collect();
        for (name, _) in &names {
            let memory = MemoryInfo::default();
            self.binding.bind_output_to_device(name.as_str(), &memory).map_err(|error| run_error(&error))?;
        }
        self.guarded(|session, binding, options| {
            let given = session.run_binding_with_options(binding, options)?;
            let port = |(name, kind): &(String, TensorElementType)| {
                let dims = given.get(name).map(|value| value.shape().iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect());
                (Port { name: name.clone(), dims: dims.unwrap_or_default() }, *kind)
            };
            Ok(names.iter().map(port).collect())
        })
    }

    fn add_output(&mut self, port: Port, kind: TensorElementType) -> ort::Result<()> {
        let allocator = Allocator::default();
        let mut numbers = match kind {
            TensorElementType::Float64 => Numbers::F64(Tensor::new(&allocator, port.dims.as_slice())?),
            _ => Numbers::F32(Tensor::new(&allocator, port.dims.as_slice())?),
        };
        match &mut numbers {
            Numbers::F64(tensor) => self.binding.bind_output(port.name.as_str(), tensor)?,
            Numbers::F32(tensor) => self.binding.bind_output(port.name.as_str(), tensor)?,
            Numbers::I64(_) | Numbers::I32(_) => {}
        }
        self.outputs.push(Buffer { port, numbers });
        Ok(())
    }

    /// One run under the limit.
    fn guarded<R>(&mut self, work: impl FnOnce(&mut Session, &IoBinding, &RunOptions) -> ort::Result<R>) -> Result<R> {
        let timer = self.limit.clock.start();
        let running = self.watch.enter();
        let (session, binding, options) = (&mut self.session, &self.binding, &*self.options);
        let answer = match self.limit.watchdog.is_closing() {
            true => None,
            false if self.has_trees => Some(work(session, binding, options)),
            false => Some(flushed(|| work(session, binding, options))),
        };
        let stopped = running.leave();
        if stopped {
            options.unterminate().map_err(|error| run_error(&error))?;
        }
        let Some(answer) = answer.filter(|_| !stopped || !self.limit.watchdog.is_closing()) else {
            return Err(Error::new(Status::Closing, "the engine is being closed"));
        };
        if stopped || u128::from(timer.elapsed_ns()) > self.limit.most.as_nanos() {
            return Err(Error::new(Status::Deadline, format!("the run took longer than {} us", self.limit.most.as_micros())));
        }
        answer.map_err(|error| run_error(&error))
    }

    fn write_inputs(&mut self, input: &[f32]) -> Result<()> {
        let mut rest = input;
        for buffer in &mut self.inputs {
            let (values, more) = rest.split_at_checked(buffer.port.width()).ok_or_else(|| wrong_length(input.len()))?;
            // ONNX Runtime turns NaN into numbers (its LSTM does), so no check of its outputs would find it.
            if let Some(at) = values.iter().position(|value| value.is_infinite() || value.is_nan() && !self.takes_missing) {
                return Err(Error::new(Status::NotFinite, format!("input {} value {at} is {}", shown(&buffer.port.name), values[at])));
            }
            buffer.numbers.write(values).map_err(|at| {
                Error::new(Status::Range, format!("input {} value {at} is {}: the graph wants whole numbers", shown(&buffer.port.name), values[at]))
            })?;
            rest = more;
        }
        if rest.is_empty() { Ok(()) } else { Err(wrong_length(input.len())) }
    }
}

fn wrong_length(length: usize) -> Error {
    Error::new(Status::Shape, format!("{length} values are not what the graph reads"))
}

impl Run {
    fn run(&mut self, input: &[f32], out: &mut [f32]) -> Result<()> {
        self.write_inputs(input)?;
        self.guarded(|session, binding, options| session.run_binding_with_options(binding, options).map(drop))?;
        let mut rest = out;
        for buffer in &self.outputs {
            let (to, more) = rest.split_at_mut_checked(buffer.port.width()).ok_or_else(|| wrong_length(0))?;
            buffer.numbers.read(to);
            rest = more;
        }
        Ok(())
    }
}

/// A session in the hands of a lane: freed while the library is whole, else left to the process's end.
#[derive(Debug)]
struct Kept(Option<Run>);

impl Instance for Kept {
    fn run(&mut self, input: &[f32], out: &mut [f32]) -> Result<()> {
        self.0.as_mut().map_or_else(|| Err(Error::new(Status::Closing, "the process is ending")), |run| run.run(input, out))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        match Work::begin() {
            Some(_work) => drop(self.0.take()),
            None => std::mem::forget(self.0.take()),
        }
    }
}

impl Numbers {
    /// A tensor for an element type, when f32 values can be written into it.
    fn new(kind: TensorElementType, dims: &[usize]) -> Option<ort::Result<Numbers>> {
        let allocator = Allocator::default();
        Some(match kind {
            TensorElementType::Float32 => Tensor::new(&allocator, dims).map(Numbers::F32),
            TensorElementType::Float64 => Tensor::new(&allocator, dims).map(Numbers::F64),
            TensorElementType::Int64 => Tensor::new(&allocator, dims).map(Numbers::I64),
            TensorElementType::Int32 => Tensor::new(&allocator, dims).map(Numbers::I32),
            _ => return None,
        })
    }

    fn bind_input(&self, binding: &mut IoBinding, name: &str) -> ort::Result<()> {
        match self {
            Numbers::F32(tensor) => binding.bind_input(name, tensor),
            Numbers::F64(tensor) => binding.bind_input(name, tensor),
            Numbers::I64(tensor) => binding.bind_input(name, tensor),
            Numbers::I32(tensor) => binding.bind_input(name, tensor),
        }
    }

    fn clear(&mut self) {
        match self {
            Numbers::F32(tensor) => tensor.extract_tensor_mut().1.fill(0.0),
            Numbers::F64(tensor) => tensor.extract_tensor_mut().1.fill(0.0),
            Numbers::I64(tensor) => tensor.extract_tensor_mut().1.fill(0),
            Numbers::I32(tensor) => tensor.extract_tensor_mut().1.fill(0),
        }
    }

    /// Writes values of the tensor's length; the place of one that it cannot hold.
    fn write(&mut self, values: &[f32]) -> std::result::Result<(), usize> {
        let whole = |value: &f32| value.fract() != 0.0 || value.abs() > 16_777_216.0;
        if let (Numbers::I64(_) | Numbers::I32(_), Some(at)) = (&*self, values.iter().position(whole)) {
            return Err(at);
        }
        match self {
            Numbers::F32(tensor) => tensor.extract_tensor_mut().1.copy_from_slice(values),
            Numbers::F64(tensor) => fill(tensor.extract_tensor_mut().1, values, f64::from),
            Numbers::I64(tensor) => fill(tensor.extract_tensor_mut().1, values, |value| value as i64),
            Numbers::I32(tensor) => fill(tensor.extract_tensor_mut().1, values, |value| value as i32),
        }
        Ok(())
    }

    fn read(&self, to: &mut [f32]) {
        match self {
            Numbers::F32(tensor) => to.copy_from_slice(tensor.extract_tensor().1),
            Numbers::F64(tensor) => fill(to, tensor.extract_tensor().1, |value| value as f32),
            // Never bound to an output.
            Numbers::I64(_) | Numbers::I32(_) => to.fill(f32::NAN),
        }
    }
}

fn fill<A: Copy, B>(to: &mut [B], from: &[A], turn: impl Fn(A) -> B) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = turn(*from));
}

//! Models on rten, a runtime in Rust: where ONNX Runtime's library is not to be had. The only file of the library that knows `rten`.
//!
//! rten runs on threads of its own and cannot be told to stop, so each working copy has one thread (`rten/worker.rs`), which sets its own
//! floating-point mode; a caller that must not wait any longer leaves it alone with its run. The first run of a process also makes rten's
//! common pool, one thread for each physical core (fewer with `RTEN_NUM_THREADS` in the environment): constants are folded there while a
//! model loads, later it sleeps. rten cannot be kept from making it. Which graphs rten is given says `rten/bounds.rs`.

mod bounds;
mod sizes;
mod worker;

use std::fmt;
use std::sync::Arc;

use rten::{DataType, LoadError, LoadErrorKind, ModelOptions, NodeId, RunError, RunOptions, ThreadPool, Value, ValueType};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::error::{Error, Result, Status};
use crate::model::backend::{Backend, Instance, Port};
use crate::model::denormals::{flushed, ordinary};
use crate::model::onnx_ir::{self, Graph, shown};
use crate::model::watchdog::RunLimit;
use crate::types::prediction::backend;
use worker::Worker;

/// The version of rten that is built in.
pub const VERSION: &str = "0.27.0";

/// A graph that rten runs.
#[derive(Debug)]
pub struct Model {
    net: Arc<Net>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    bytes: usize,
}

/// What runs, shared by all working copies.
struct Net {
    model: rten::Model,
    inputs: Vec<Input>,
    outputs: Vec<NodeId>,
}

struct Input {
    id: NodeId,
    port: Port,
    whole: bool,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.model.fmt(f)
    }
}

impl Model {
    /// Loads a graph and runs it once, on zeros, to learn what it gives; `shapes` are the dimensions of its inputs.
    ///
    /// # Errors
    /// `MODEL`, `OPERATOR` for one that rten lacks or is not given; `CONTRACT` for inputs and outputs that are no numbers; `DEADLINE`,
    /// `BACKEND` of that run; `THREAD`.
    pub fn open(bytes: &[u8], graph: &Graph, shapes: &[Vec<usize>], limit: &RunLimit) -> Result<Model> {
        bounds::check(graph, shapes)?;
        let inputs: Vec<Port> = graph.inputs.iter().zip(shapes).map(|(input, dims)| Port { name: input.name.clone(), dims: dims.clone() }).collect();
        let floats: Vec<String> = graph.outputs.iter().filter(|output| is_float(output)).map(|output| output.name.clone()).collect();
        let (file, ports) = (bytes.to_vec(), inputs.clone());
        let (mut worker, options) = start(limit)?;
        let (net, outputs) = worker.run(move || Net::load(file, ports, &floats, options))?;
        if outputs.is_empty() {
            return Err(Error::new(Status::Contract, "the graph has no float output"));
        }
        Ok(Model { net: Arc::new(net), inputs, outputs, bytes: bytes.len() })
    }
}

fn is_float(output: &onnx_ir::Value) -> bool {
    const FLOAT: i32 = 1;
    const DOUBLE: i32 = 11;
    [FLOAT, DOUBLE].contains(&output.elem_type)
}

/// A thread for one working copy, with the options that keep runs on it.
fn start<T: Send + 'static>(limit: &RunLimit) -> Result<(Worker<T>, RunOptions)> {
    let pool = Arc::new(ThreadPool::with_num_threads(1));
    let worker = Worker::new(limit, |serve| {
        // A job of the pool that lasts: what it runs stays on the pool's one thread.
        let spawned = pool.run(|| {
            let inside = rayon::current_thread_index().is_some();
            if inside {
                rayon::spawn(|| {
                    // The common pool's threads inherit the mode of the one that makes them.
                    ordinary(rten::thread_pool);
                    flushed(serve);
                });
            }
            inside
        });
        if spawned { Ok(()) } else { Err(Error::new(Status::Thread, "no thread could be started for rten")) }
    })?;
    Ok((worker, RunOptions::default().with_thread_pool(Some(pool))))
}

impl Net {
    /// The model and the outputs of a run on zeros.
    fn load(file: Vec<u8>, ports: Vec<Port>, floats: &[String], options: RunOptions) -> Result<(Net, Vec<Port>)> {
        let model = ModelOptions::with_all_ops().load(file).map_err(|error| load_error(&error))?;
        let inputs = ports.into_iter().map(|port| Input::new(&model, port)).collect::<Result<Vec<_>>>()?;
        let outputs = floats.iter().map(|name| model.node_id(name)).collect::<std::result::Result<Vec<_>, _>>().map_err(|error| run_error(&error))?;
        let net = Net { model, inputs, outputs };
        let zeros = vec![0.0; net.inputs.iter().map(|input| input.port.width()).sum()];
        let given = net.values(&zeros, options)?;
        let ports = floats.iter().zip(&given).map(|(name, value)| Port { name: name.clone(), dims: value.shape().to_vec() });
        let ports = ports.collect();
        Ok((net, ports))
    }

    fn values(&self, input: &[f32], options: RunOptions) -> Result<Vec<Tensor<f32>>> {
        let mut rest = input;
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let (values, more) = rest.split_at_checked(input.port.width()).ok_or_else(|| wrong_length(rest.len()))?;
            inputs.push((input.id, input.value(values).into()));
            rest = more;
        }
        let given = self.model.run(inputs, &self.outputs, Some(options)).map_err(|error| run_error(&error))?;
        let float = |value: Value| value.into_tensor::<f32>().ok_or_else(|| Error::new(Status::Contract, "rten gives no floats where the graph says so"));
        given.into_iter().map(float).collect()
    }
}

impl Input {
    fn new(model: &rten::Model, port: Port) -> Result<Input> {
        let refuse = |what: &str| Error::new(Status::Contract, format!("input {}: {what}", shown(&port.name)));
        let id = model.node_id(&port.name).map_err(|error| run_error(&error))?;
        let whole = match model.node_info(id).and_then(|info| info.dtype()) {
            Some(ValueType::Tensor(DataType::Float)) => false,
            Some(ValueType::Tensor(DataType::Int32)) => true,
            _ => return Err(refuse("elements of this type cannot be given; export with float32")),
        };
        Ok(Input { id, port, whole })
    }

    /// Values that [`Run::check`] has passed.
    fn value(&self, values: &[f32]) -> Value {
        match self.whole {
            true => Tensor::from_data(&self.port.dims, values.iter().map(|value| *value as i32).collect::<Vec<_>>()).into(),
            false => Tensor::from_data(&self.port.dims, values.to_vec()).into(),
        }
    }
}

fn load_error(error: &LoadError) -> Error {
    let status = if error.kind() == LoadErrorKind::OperatorInvalid { Status::Operator } else { Status::Model };
    Error::new(status, format!("rten refuses the graph: {error}"))
}

fn run_error(error: &RunError) -> Error {
    Error::new(Status::Backend, format!("rten: {error}"))
}

fn wrong_length(length: usize) -> Error {
    Error::new(Status::Shape, format!("{length} values are not what the graph reads"))
}

impl Backend for Model {
    fn family(&self) -> &'static str {
        "graph"
    }

    fn summary(&self) -> String {
        format!("{} weights on rten {VERSION}", self.net.model.total_params())
    }

    fn bits(&self) -> u16 {
        backend::RTEN
    }

    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    fn accepts_missing(&self) -> bool {
        false
    }

    fn instance(self: Arc<Self>, limit: &RunLimit) -> Result<Box<dyn Instance>> {
        let (worker, options) = start(limit)?;
        let mut run = Run { model: self, worker, options };
        let (zeros, mut out) = (vec![0.0; run.model.input_width()], vec![0.0; run.model.output_width()]);
        run.run(&zeros, &mut out)?;
        Ok(Box::new(run))
    }

    fn memory_bytes(&self) -> usize {
        self.bytes
    }

    fn thresholds(&self) -> Vec<(usize, f32)> {
        Vec::new()
    }
}

/// A thread with the model.
struct Run {
    model: Arc<Model>,
    worker: Worker<Vec<Tensor<f32>>>,
    options: RunOptions,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Run {
    fn check(&self, input: &[f32]) -> Result<()> {
        if input.len() != self.model.input_width() {
            return Err(wrong_length(input.len()));
        }
        let mut rest = input;
        for Input { port, whole, .. } in &self.model.net.inputs {
            let (values, more) = rest.split_at(port.width());
            let refuse =
                |status: Status, at: usize, what: &str| Err(Error::new(status, format!("input {} value {at} is {}{what}", shown(&port.name), values[at])));
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                return refuse(Status::NotFinite, at, "");
            }
            if let Some(at) = values.iter().position(|value| *whole && (value.fract() != 0.0 || value.abs() > 16_777_216.0)) {
                return refuse(Status::Range, at, ": the graph wants whole numbers");
            }
            rest = more;
        }
        Ok(())
    }
}

impl Instance for Run {
    fn run(&mut self, input: &[f32], out: &mut [f32]) -> Result<()> {
        self.check(input)?;
        let (net, options, row) = (self.model.net.clone(), self.options.clone(), input.to_vec());
        let given = self.worker.run(move || net.values(&row, options))?;
        let mut rest = out;
        for (port, value) in self.model.outputs.iter().zip(&given) {
            if value.shape() != port.dims {
                return Err(Error::new(Status::Backend, format!("rten gives {} the dimensions {:?}, at loading {:?}", port.name, value.shape(), port.dims)));
            }
            let (to, more) = rest.split_at_mut_checked(port.width()).ok_or_else(|| wrong_length(0))?;
            to.iter_mut().zip(value.iter()).for_each(|(to, from)| *to = *from);
            rest = more;
        }
        Ok(())
    }
}

//! ONNX Runtime as a host would drive it best: its C API, one thread, no spinning, every optimisation, buffers bound once.
//! Nothing of ours stands between the clock and its run, so this file names `ort` beside `model/ort.rs`.

use std::sync::Arc;

use foretick::model::ort::{Runtime, runtime};
use foretick::{Error, Result, Status};
use ort::AsPointer;
use ort::memory::Allocator;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use super::models::Model;
use super::subject::Peer;

/// A model's session with its input and float outputs bound.
struct Bound {
    session: Session,
    binding: IoBinding,
    input: Tensor<f32>,
    outputs: Vec<Tensor<f32>>,
    /// What is carried to the next run, with the number of the output that it is.
    states: Vec<(Tensor<f32>, usize)>,
    /// The library outlives its sessions.
    _runtime: Arc<Runtime>,
}

impl Bound {
    fn open(runtime: &Arc<Runtime>, model: &Model, rows: usize) -> Result<Bound> {
        let opened = || -> ort::Result<Bound> {
            let mut session = session(runtime, &model.file)?;
            let is_sequence = model.window > 1 || !model.carry.is_empty();
            let dims = if is_sequence { vec![1, model.window, model.features] } else { vec![rows, model.features] };
            let (input, mut binding) = (Tensor::<f32>::new(&Allocator::default(), dims)?, session.create_binding()?);
            let (name, floats) = (session.inputs()[0].name().to_owned(), float_outputs(&mut session, &input, model)?);
            binding.bind_input(name, &input)?;
            let mut states = Vec::new();
            for (output, name) in model.carry {
                let Some(number) = floats.iter().position(|(known, _)| known == output) else { continue };
                let state = zeros(floats[number].1.clone())?;
                binding.bind_input(*name, &state)?;
                states.push((state, number));
            }
            let mut outputs = Vec::new();
            for (name, dims) in floats {
                let mut output = Tensor::<f32>::new(&Allocator::default(), dims)?;
                binding.bind_output(name, &mut output)?;
                outputs.push(output);
            }
            Ok(Bound { session, binding, input, outputs, states, _runtime: runtime.clone() })
        };
        opened().map_err(|error| Error::new(Status::Backend, format!("ONNX Runtime with the model {}: {error}", model.name)))
    }

    /// Copies the newest values in; a model of single rows reads the last row of a window.
    fn fill(&mut self, values: &[f32]) {
        let input = self.input.extract_tensor_mut().1;
        let first = values.len().saturating_sub(input.len());
        input.copy_from_slice(&values[first..]);
    }

    #[inline]
    fn run(&mut self) -> Result<()> {
        // SAFETY: session and binding are live, used by this thread alone, and what is bound lives as long as they do.
        let status = unsafe { (ort::api().RunWithBinding)(self.session.ptr().cast_mut(), std::ptr::null(), self.binding.ptr()) };
        if !status.0.is_null() {
            return Err(Error::new(Status::Backend, "ONNX Runtime could not run a model"));
        }
        for (state, output) in &mut self.states {
            state.extract_tensor_mut().1.copy_from_slice(self.outputs[*output].extract_tensor().1);
        }
        Ok(())
    }

    fn given(&self) -> impl Iterator<Item = f32> {
        self.outputs.iter().flat_map(|output| output.extract_tensor().1.iter().copied())
    }
}

fn session(runtime: &Runtime, file: &[u8]) -> ort::Result<Session> {
    let builder = Session::builder(runtime.environment())?.with_intra_threads(1)?.with_inter_threads(1)?;
    let builder = builder.with_intra_op_spinning(false)?.with_inter_op_spinning(false)?;
    builder.with_optimization_level(GraphOptimizationLevel::All)?.commit_from_memory(file)
}

fn zeros(dims: Vec<usize>) -> ort::Result<Tensor<f32>> {
    let mut tensor = Tensor::<f32>::new(&Allocator::default(), dims)?;
    tensor.extract_tensor_mut().1.fill(0.0);
    Ok(tensor)
}

/// Names of the float outputs with the dimensions that they turn out to have; labels are left out, as a host would.
fn float_outputs(session: &mut Session, input: &Tensor<f32>, model: &Model) -> ort::Result<Vec<(String, Vec<usize>)>> {
    let mut inputs = ort::inputs![session.inputs()[0].name().to_owned() => input];
    for (_, name) in model.carry {
        let dims = session.inputs().iter().find(|input| input.name() == *name).and_then(|input| input.dtype().tensor_shape().cloned());
        let dims = dims.iter().flat_map(|dims| dims.iter()).map(|dim| (*dim).max(1) as usize).collect();
        inputs.push(((*name).into(), zeros(dims)?.into()));
    }
    let given = session.run(inputs)?;
    let floats = given.iter().filter(|(_, value)| value.try_extract_tensor::<f32>().is_ok());
    Ok(floats.map(|(name, value)| (name.to_owned(), value.shape().iter().map(|dim| *dim as usize).collect())).collect())
}

/// Models one after another on the same rows.
pub struct OnnxRuntime(Vec<Bound>);

impl OnnxRuntime {
    /// # Errors
    /// Where no library is found: how to get one; what it says of a model.
    pub fn open(models: &[&Model], rows: usize) -> Result<OnnxRuntime> {
        let runtime = runtime(None)?;
        models.iter().map(|model| Bound::open(&runtime, model, rows)).collect::<Result<_>>().map(OnnxRuntime)
    }
}

impl Peer for OnnxRuntime {
    fn fill(&mut self, input: &[f32]) {
        self.0.iter_mut().for_each(|model| model.fill(input));
    }

    #[inline]
    fn call(&mut self) -> Result<()> {
        self.0.iter_mut().try_for_each(Bound::run)
    }

    fn given(&self) -> Vec<f32> {
        self.0.iter().flat_map(Bound::given).collect()
    }
}

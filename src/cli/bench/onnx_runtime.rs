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
    /// The library outlives its sessions.
    _runtime: Arc<Runtime>,
}

impl Bound {
    fn open(runtime: &Arc<Runtime>, model: &Model, rows: usize) -> Result<Bound> {
        let opened = || -> ort::Result<Bound> {
            let mut session = session(runtime, &model.file)?;
            let dims = if model.window > 1 { vec![1, model.window, model.features] } else { vec![rows, model.features] };
            let (input, mut binding) = (Tensor::<f32>::new(&Allocator::default(), dims)?, session.create_binding()?);
            let (name, floats) = (session.inputs()[0].name().to_owned(), float_outputs(&mut session, &input)?);
            binding.bind_input(name, &input)?;
            let mut outputs = Vec::new();
            for (name, dims) in floats {
                let mut output = Tensor::<f32>::new(&Allocator::default(), dims)?;
                binding.bind_output(name, &mut output)?;
                outputs.push(output);
            }
            Ok(Bound { session, binding, input, outputs, _runtime: runtime.clone() })
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
        if status.0.is_null() { Ok(()) } else { Err(Error::new(Status::Backend, "ONNX Runtime could not run a model")) }
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

/// Names of the float outputs with the dimensions that they turn out to have; labels are left out, as a host would.
fn float_outputs(session: &mut Session, input: &Tensor<f32>) -> ort::Result<Vec<(String, Vec<usize>)>> {
    let given = session.run(ort::inputs![input])?;
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

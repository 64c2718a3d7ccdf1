//! A model on ONNX Runtime through its C API: one session, one thread, buffers bound once.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "each bench uses a part of it, and fails by panicking")]

use std::path::PathBuf;

use ort::AsPointer;
use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{IoBinding, Session};
use ort::value::Tensor;

/// The library that `ORT_DYLIB_PATH` names, `None` where it names none.
pub fn environment() -> Option<Environment> {
    let path = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH")?);
    Some(ort::init_from(path).expect("ONNX Runtime loads").with_telemetry(false).build().unwrap())
}

pub struct Peer {
    pub name: String,
    session: Session,
    binding: IoBinding,
    input: Tensor<f32>,
    outputs: Vec<Tensor<f32>>,
    rows: usize,
}

impl Peer {
    pub fn open(environment: &Environment, name: &str, file: &[u8], dims: &[usize]) -> Peer {
        let builder = Session::builder(environment).unwrap().with_intra_threads(1).unwrap().with_inter_threads(1).unwrap();
        let builder = builder.with_intra_op_spinning(false).unwrap().with_optimization_level(GraphOptimizationLevel::All).unwrap();
        let mut session = { builder }.commit_from_memory(file).unwrap();
        let input = Tensor::<f32>::new(&Allocator::default(), dims).unwrap();
        let mut binding = session.create_binding().unwrap();
        binding.bind_input(session.inputs()[0].name(), &input).unwrap();
        let found = session.run(ort::inputs![&input]).unwrap();
        let floats: Vec<(String, Vec<usize>)> = found
            .iter()
            .filter(|(_, value)| value.try_extract_tensor::<f32>().is_ok())
            .map(|(name, value)| (name.to_owned(), value.shape().iter().map(|dim| *dim as usize).collect()))
            .collect();
        drop(found);
        let outputs = floats.into_iter().map(|(name, dims)| {
            let mut output = Tensor::<f32>::new(&Allocator::default(), dims.as_slice()).unwrap();
            binding.bind_output(name, &mut output).unwrap();
            output
        });
        let (outputs, rows) = (outputs.collect(), if dims.len() == 3 { dims[1] } else { 1 });
        Peer { name: name.to_owned(), session, binding, input, outputs, rows }
    }

    /// Copies the newest rows in, as a host would.
    pub fn fill(&mut self, rows: &[Vec<f32>]) {
        let newest = rows[rows.len() - self.rows..].iter().flatten();
        self.input.extract_tensor_mut().1.iter_mut().zip(newest).for_each(|(to, value)| *to = *value);
    }

    pub fn run(&mut self) -> f32 {
        // SAFETY: session and binding are live and used by this thread alone.
        let status = unsafe { (ort::api().RunWithBinding)(self.session.ptr().cast_mut(), std::ptr::null(), self.binding.ptr()) };
        assert!(status.0.is_null());
        self.outputs[0].extract_tensor().1[0]
    }
}

//! Stateful networks row by row, apart from any engine.

use std::path::Path;
use std::sync::Arc;

use foretick::model::backend::{Backend, Instance};
use foretick::model::carried::CarriedState;
use foretick::model::native;
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;

/// Values of a row.
pub const FEATURES: usize = 3;

/// A fixture by its name without `.onnx`.
pub fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/fixtures/steps/{name}.onnx"))).expect("a fixture")
}

/// A network that reads one sequence of rows.
pub struct Sequence {
    model: Arc<dyn Backend>,
    instance: Box<dyn Instance>,
    state: CarriedState,
}

impl Sequence {
    /// Before its first row.
    pub fn new(name: &str) -> Sequence {
        let carry: &[(&str, &str)] = match name {
            name if name.ends_with(".layers") => &[],
            name if name.starts_with("gru") => &[("hn", "h0")],
            _ => &[("hn", "h0"), ("cn", "c0")],
        };
        let carry: Vec<_> = carry.iter().map(|(output, input)| ((*output).to_owned(), (*input).to_owned())).collect();
        let model = native::compile_step(&Graph::parse(&file(name)).expect("a graph"), FEATURES, &carry).expect("a stateful model");
        let instance = model.clone().instance(&RunLimit::none()).expect("an instance");
        let state = CarriedState::new(0, &*model);
        Sequence { model, instance, state }
    }

    /// Begins anew.
    pub fn begin(&mut self) {
        self.state.begin(self.model.carries());
    }

    /// What it gives behind the next row.
    pub fn read(&mut self, row: &[f32]) -> f32 {
        self.state.step(self.model.carries(), &mut *self.instance, |input| input.copy_from_slice(row)).expect("a step");
        self.state.out()[0]
    }

    /// What it gives behind the last of several rows.
    pub fn read_all(&mut self, rows: &[f32]) -> Option<f32> {
        rows.chunks_exact(FEATURES).map(|row| self.read(row)).last()
    }
}

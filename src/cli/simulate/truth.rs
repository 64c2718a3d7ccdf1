//! What is true at each close, for scoring models against it.

use std::path::Path;

use foretick::Result;
use foretick::source::simulator::{Simulator, Truth};
use foretick::types::Slot;
use serde_json::json;

use super::Sink;
use crate::cli::files::Output;
use crate::cli::replay::summary::Figures;

/// A CSV of `time_ns,stream,up_probability`, a line per pair and step.
pub struct TruthFile {
    file: Output,
    names: Vec<&'static str>,
    lines: u64,
}

impl TruthFile {
    pub fn create(path: &Path, market: &Simulator) -> Result<TruthFile> {
        let mut file = Output::create(path)?;
        file.write("time_ns,stream,up_probability\n")?;
        let streams = market.streams();
        Ok(TruthFile { file, names: market.pairs().iter().map(|pair| streams[pair.own].name).collect(), lines: 0 })
    }
}

impl Sink for TruthFile {
    fn event(&mut self, _: usize, _: &[Slot]) -> Result<()> {
        Ok(())
    }

    fn close(&mut self, truth: &Truth) -> Result<()> {
        for (name, pair) in self.names.iter().zip(&truth.pairs) {
            self.file.write(&format!("{},{name},{:?}\n", truth.close_ns, pair.up_probability))?;
            self.lines += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _: i64) -> Result<Figures> {
        self.file.finish()?;
        Ok(vec![("truths", json!(self.lines))])
    }
}

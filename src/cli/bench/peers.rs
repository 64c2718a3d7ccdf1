//! Who runs the same models beside us: in this process, or before, in a program of its own.

use std::collections::BTreeMap;
use std::path::Path;

use foretick::{Error, Result, Status};
use serde_json::Value;

use super::condition::Condition;
use super::models::Model;
use super::report::PeerRun;
use super::subject::Peer;
use super::times::Figures;
use crate::cli::files::io_error;

/// ONNX Runtime on a case's models, so many rows a call.
#[cfg(feature = "ort")]
pub fn onnx_runtime(models: &[&Model], rows: usize) -> Result<Box<dyn Peer>> {
    super::onnx_runtime::OnnxRuntime::open(models, rows).map(|peer| Box::new(peer) as Box<dyn Peer>)
}

/// ONNX Runtime on a case's models, so many rows a call.
#[cfg(not(feature = "ort"))]
pub fn onnx_runtime(_: &[&Model], _: usize) -> Result<Box<dyn Peer>> {
    Err(Error::new(Status::Unsupported, "ONNX Runtime is not in this build; build with the feature ort"))
}

/// What peers have measured in programs of their own, by case and condition.
#[derive(Default)]
pub struct Elsewhere {
    runs: BTreeMap<(String, String), Vec<(String, Figures)>>,
    /// Peers that could not run, each with the reason; versions of those that did.
    pub notes: Vec<String>,
}

impl Elsewhere {
    /// Reads what `benches/peers/peers.py` has written; nothing where the file is not there.
    ///
    /// # Errors
    /// `IO`; `CORRUPT` naming the file and the entry.
    pub fn read(path: &Path) -> Result<Elsewhere> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Elsewhere::default()),
            Err(error) => return Err(io_error(path, &error)),
        };
        let wrong = |what: &str| Error::new(Status::Corrupt, format!("{}: {what}; run benches/peers/peers.py anew", path.display()));
        let whole: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        let mut found = Elsewhere { notes: texts(&whole["notes"]), ..Elsewhere::default() };
        for (number, run) in whole["runs"].as_array().into_iter().flatten().enumerate() {
            let (key, peer) = read_run(run).ok_or_else(|| wrong(&format!("runs[{number}] lacks a key or has a wrong value")))?;
            found.runs.entry(key).or_default().push(peer);
        }
        Ok(found)
    }

    /// Peers of a case under a condition.
    pub fn runs(&self, case: &str, condition: Condition) -> Vec<PeerRun> {
        let runs = self.runs.get(&(case.to_owned(), condition.name().to_owned()));
        runs.into_iter().flatten().map(|(name, times)| PeerRun { name: name.clone(), times: times.clone(), apart: None }).collect()
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

type Keyed = ((String, String), (String, Figures));

fn read_run(run: &Value) -> Option<Keyed> {
    let text = |key: &str| run[key].as_str().map(str::to_owned);
    let whole = |key: &str| run[key].as_u64();
    let shares = run["shares"].as_array()?.iter().map(|pair| Some((pair[0].as_f64()?, pair[1].as_f64()?))).collect::<Option<Vec<_>>>()?;
    let figures = Figures {
        p50_ns: whole("p50_ns")?,
        p99_ns: whole("p99_ns")?,
        p999_ns: whole("p999_ns"),
        max_ns: whole("max_ns")?,
        calls: whole("calls")?,
        calls_a_second: run["calls_a_second"].as_f64()?,
        shares,
    };
    Some(((text("case")?, text("condition")?), (text("peer")?, figures)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_wrote_is_read_and_what_is_broken_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Elsewhere::read(&path)
        };
        let run = r#"{"case": "xgb", "condition": "hot", "peer": "XGBoost, Python", "p50_ns": 90000, "p99_ns": 120000, "p999_ns": null,
            "max_ns": 500000, "calls": 1000, "calls_a_second": 11000, "shares": [[90000, 1.0]]}"#;
        let found = read(&format!(r#"{{"notes": ["lleaves: no wheel"], "runs": [{run}]}}"#)).unwrap();
        assert_eq!((found.runs("xgb", Condition::Hot)[0].times.p50_ns, found.notes.len()), (90_000, 1));
        assert!(found.runs("xgb", Condition::Cold).is_empty() && found.runs("rf", Condition::Hot).is_empty());
        for broken in [run.replace("90000,", "\"fast\","), "3".to_owned()] {
            let error = read(&format!(r#"{{"runs": [{broken}]}}"#)).err().unwrap();
            assert!(error.text().contains("peers.json: runs[0]") && error.text().contains("peers.py"), "{error}");
        }
        assert!(Elsewhere::read(&folder.path().join("none")).is_ok());
    }
}

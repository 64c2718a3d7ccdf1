//! The list of what is timed, and how each is set up.

use std::path::Path;

use foretick::Result;

use super::bundle::{Folder, Member, Plan, STREAM};
use super::host::{Bundle, Host};
use super::models::{Model, Models, Work};
use super::subject::{Ahead, Part, Scored, Subject, Tracked};
use crate::cli::files::open_bundle;

/// Members of the whole decision.
const DECISION: [&str; 4] = ["lr", "rf", "xgb", "lstm"];
const STATEFUL_DECISION: [&str; 4] = ["lr", "rf", "xgb", "lstm_step"];

/// Something that is timed.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub title: &'static str,
    /// Models that it runs.
    pub models: &'static [&'static str],
    pub targets: Targets,
    /// One in so many of the usual calls is made, where a call and what is made ready for it take long.
    pub share: u64,
    way: Way,
}

/// What is aimed at.
#[derive(Clone, Copy)]
pub struct Targets {
    /// Least ratio of ONNX Runtime's median to ours, hot and cold.
    pub hot: Option<f64>,
    pub cold: Option<f64>,
    /// Longest median and p99 when hot, ns.
    pub p50_ns: Option<f64>,
    pub p99_ns: Option<f64>,
    /// Fewest rows of batches, or steps of a track with all their events, a second.
    pub a_second: Option<f64>,
}

const NONE: Targets = Targets { hot: None, cold: None, p50_ns: None, p99_ns: None, a_second: None };

/// How it is called.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// A model alone.
    Scorer,
    /// A model alone, of which all but the newest row was worked ahead.
    Ahead,
    /// A model alone on many rows a call.
    Batch,
    /// A track on the simulated market.
    Track(Part),
}

/// Rows of a batch.
const BATCH: usize = 64;

impl Case {
    const fn scorer(models: &'static [&'static str; 1], title: &'static str) -> Case {
        Case { name: models[0], title, models, targets: NONE, share: 1, way: Way::Scorer }
    }

    const fn ahead(name: &'static str, models: &'static [&'static str; 1], title: &'static str) -> Case {
        Case { name, title, models, targets: NONE, share: 1, way: Way::Ahead }
    }

    const fn batch(name: &'static str, models: &'static [&'static str; 1], title: &'static str) -> Case {
        Case { name, title, models, targets: NONE, share: 1, way: Way::Batch }
    }

    const fn track(name: &'static str, models: &'static [&'static str], part: Part, title: &'static str) -> Case {
        Case { name, title, models, targets: NONE, share: 1, way: Way::Track(part) }
    }

    /// Least ratio to ONNX Runtime.
    const fn ratio(self, hot: f64) -> Case {
        Case { targets: Targets { hot: Some(hot), ..self.targets }, ..self }
    }

    const fn cold_ratio(self, cold: f64) -> Case {
        Case { targets: Targets { cold: Some(cold), ..self.targets }, ..self }
    }

    const fn share(self, share: u64) -> Case {
        Case { share, ..self }
    }

    const fn p50(self, ns: f64) -> Case {
        Case { targets: Targets { p50_ns: Some(ns), ..self.targets }, ..self }
    }

    const fn p99(self, ns: f64) -> Case {
        Case { targets: Targets { p99_ns: Some(ns), ..self.targets }, ..self }
    }

    const fn a_second(self, least: f64) -> Case {
        Case { targets: Targets { a_second: Some(least), ..self.targets }, ..self }
    }

    /// Rows of single-row models that a call runs.
    pub fn rows(&self) -> usize {
        if self.way == Way::Batch { BATCH } else { 1 }
    }

    /// Whether peers have the same to do: a model's run, not what leads up to it.
    pub fn has_peers(&self) -> bool {
        !matches!(self.way, Way::Track(Part::Push | Part::Step))
    }

    /// The models that it runs.
    pub fn runs<'m>(&self, models: &'m Models) -> Vec<&'m Model> {
        self.models.iter().filter_map(|name| models.find(name)).collect()
    }

    /// The least that a run of its models does; none for what is no model's run.
    pub fn work(&self, models: &Models) -> Option<Work> {
        match self.way {
            Way::Scorer => models.find(self.name).map(|model| model.work),
            Way::Ahead | Way::Batch | Way::Track(_) => None,
        }
    }
}

/// Everything, in the order in which it is shown.
pub static CASES: [Case; 34] = [
    Case::track("decision", &DECISION, Part::Decision, "event in, 25 features, LR + RF + XGBoost + LSTM (prefix precomputed), decision out")
        .ratio(30.0)
        .p99(8e3)
        .a_second(1e4),
    Case::track("decision_stateful", &STATEFUL_DECISION, Part::Decision, "event in, 25 features, LR + RF + XGBoost + stateful LSTM, decision out")
        .a_second(15e4),
    Case::track("push", &["lr"], Part::Push, "push of an event that closes no step"),
    Case::track("features", &["lr"], Part::Step, "push of an event that closes a step: 25 features"),
    Case::track("features_1000", &["lr_1000"], Part::Step, "push of an event that closes a step: 1,000 features").p50(10e3),
    Case::scorer(&["lr"], "logistic regression, 25 features").ratio(25.0),
    Case::scorer(&["lr_1000"], "logistic regression, 1,000 features: what the order of sums costs"),
    Case::scorer(&["mlp"], "MLP 25-64-32-1").ratio(10.0),
    Case::scorer(&["rf"], "random forest, 100 trees, depth 8").ratio(18.0).cold_ratio(5.0),
    Case::batch("rf_batch", &["rf"], "random forest, 100 trees, depth 8, 64 rows a call").a_second(1e6),
    Case::scorer(&["xgb"], "XGBoost, 200 trees, depth 6").ratio(15.0).cold_ratio(5.0),
    Case::scorer(&["lgb"], "LightGBM, 200 trees, 31 leaves").ratio(12.0),
    Case::scorer(&["lstm"], "LSTM 2 x 64 on 60 x 25, whole window").ratio(1.4),
    Case::ahead("lstm_ahead", &["lstm"], "LSTM 2 x 64 on 60 x 25, prefix precomputed").ratio(50.0),
    Case::track("lstm_stateful", &["lstm_step"], Part::Predict, "LSTM 2 x 64 on 25, stateful, on a track: one row a step, another model"),
    Case::scorer(&["lstm3"], "LSTM 128/64/32, dense 16, on 60 x 5, whole window").share(4),
    Case::ahead("lstm3_ahead", &["lstm3"], "LSTM 128/64/32, dense 16, on 60 x 5, prefix precomputed").ratio(60.0).share(4),
    Case::scorer(&["cnn"], "CNN 1-D, 32 and 32 channels, 60 x 25"),
    Case::ahead("cnn_ahead", &["cnn"], "CNN 1-D, 32 and 32 channels, 60 x 25, prefix precomputed").ratio(7.0),
    Case::scorer(&["transformer"], "Transformer, d 64, 4 heads, 2 layers, 60 x 25").ratio(1.8).share(4),
    Case::scorer(&["transformer_128"], "Transformer, d 128, 8 heads, 4 layers, 60 x 25").share(20),
    Case::scorer(&["transformer_causal"], "causal Transformer, d 64, 4 heads, 2 layers, 60 x 25, whole window").share(4),
    Case::ahead("transformer_causal_ahead", &["transformer_causal"], "causal Transformer, d 64, 4 heads, 2 layers, 60 x 25, prefix precomputed").share(4),
    Case::scorer(&["stac_lstm_a"], "STAC-shaped LSTM_A, 2 x 100 on 50 x 100 (own weights, unaudited)").share(4),
    Case::ahead("stac_lstm_a_ahead", &["stac_lstm_a"], "STAC-shaped LSTM_A (own weights, unaudited), prefix precomputed").p99(4_700.0).share(4),
    Case::ahead("stac_lstm_a_fp16_ahead", &["stac_lstm_a_fp16"], "STAC-shaped LSTM_A in fp16, prefix precomputed").share(10),
    Case::scorer(&["stac_lstm_a_int8"], "STAC-shaped LSTM_A in int8, whole window").share(10),
    Case::ahead("stac_lstm_a_int8_ahead", &["stac_lstm_a_int8"], "STAC-shaped LSTM_A in int8, prefix precomputed").p99(2_000.0).share(4),
    Case::scorer(&["stac_lstm_b"], "STAC-shaped LSTM_B, 3 x 200 on 100 x 250 (own weights, unaudited)").share(50),
    Case::ahead("stac_lstm_b_ahead", &["stac_lstm_b"], "STAC-shaped LSTM_B (own weights, unaudited), prefix precomputed").share(50),
    Case::scorer(&["stac_lstm_b_int8"], "STAC-shaped LSTM_B in int8, whole window").share(50),
    Case::ahead("stac_lstm_b_int8_ahead", &["stac_lstm_b_int8"], "STAC-shaped LSTM_B in int8, prefix precomputed").p99(7_100.0).share(20),
    Case::scorer(&["stac_gbt_a"], "STAC-shaped GBT_A, 250 trees, 60 features (own trees, unaudited)").p99(1_600.0),
    Case::scorer(&["stac_gbt_b"], "STAC-shaped GBT_B, 1,000 trees of 184,454 nodes, 125 features (own trees, unaudited)"),
];

/// The cases that are named, all without names.
pub fn chosen(only: &[String]) -> Vec<&'static Case> {
    CASES.iter().filter(|case| only.is_empty() || only.iter().any(|name| name == case.name)).collect()
}

/// A case that is ready to be timed.
pub struct Ready<'m> {
    pub subject: Box<dyn Subject + 'm>,
    /// What runs its models, such as `tree ensemble: 100 trees, ...`.
    pub runs_on: Vec<String>,
    bundles: [Bundle; 2],
    host: Host,
}

impl<'m> Ready<'m> {
    /// Makes the bundle of a case, publishes it, and opens what is timed.
    ///
    /// # Errors
    /// With the status OPERATOR: why no native kernel runs one of its models.
    pub fn open(case: &Case, models: &'m Models, folder: &Folder) -> Result<Ready<'m>> {
        let wanted = case.runs(models);
        let members = wanted.iter().map(|model| Member::new(model)).collect::<Result<Vec<_>>>()?;
        let (table, window) = (models.table(wanted[0]), wanted.iter().map(|model| model.kept()).max().unwrap_or(1));
        let path = Plan { name: case.name, table, window, members: &members }.write(folder.path())?;
        let runs_on = verified(&path)?;
        let host = Host::open()?;
        let bundles = publish(&host, &path)?;
        let subject: Box<dyn Subject> = match case.way {
            Way::Scorer => Box::new(Scored::new(host.scorer(case.name, 1)?, &table.rows, window)),
            Way::Ahead => Box::new(Ahead::new(host.scorer(case.models[0], 1)?, &table.rows, window)?),
            Way::Batch => Box::new(Scored::new(host.scorer(case.models[0], BATCH)?, &table.rows, BATCH)),
            Way::Track(part) => Box::new(Tracked::new(host.track(STREAM)?, part, table.rows.width, window)?),
        };
        Ok(Ready { subject, runs_on, bundles, host })
    }

    /// What is timed, and what publishes the bundle anew.
    pub fn parts(&mut self) -> (&mut (dyn Subject + 'm), impl Fn() -> Result<()> + Sync + '_) {
        let (host, bundles, turn) = (&self.host, &self.bundles, std::sync::atomic::AtomicUsize::new(0));
        let publish = move || host.publish(bundles[turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2]);
        (&mut *self.subject, publish)
    }
}

/// What runs the members of a bundle, and how far from its golden rows smaller weights are.
fn verified(path: &Path) -> Result<Vec<String>> {
    let shown = |member: &foretick::model::bundle::Member| {
        let apart = member.precision_error.map_or(String::new(), |error| format!("; differs by at most {error:.1e} on its golden rows"));
        format!("{}: {}{apart}", member.backend.family(), member.backend.summary())
    };
    Ok(open_bundle(path)?.members.iter().map(shown).collect())
}

/// Opens a bundle twice, to be published in turn, and publishes it.
fn publish(host: &Host, path: &Path) -> Result<[Bundle; 2]> {
    let bundles = [host.bundle(path)?, host.bundle(path)?];
    host.publish(bundles[1])?;
    Ok(bundles)
}

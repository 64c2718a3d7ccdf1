//! A schema: sampler, window and features as data, with its hash.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::text::{Problems, Section, parse};
use crate::error::{Result, Status};
use crate::features::catalog::{Input, OpInfo, Params};
use crate::features::history::Column;
use crate::features::read::{read_features, read_schema};
use crate::features::scale::{Scale, Stats};
use crate::types::event::Kind;
use crate::window::sampler::{SamplerSpec, Sampling};

/// What a model is given where a feature is missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    /// Nothing: the prediction abstains.
    Abstain,
    /// NaN, for models whose graph handles it.
    Nan,
    /// This number, in the scaled unit.
    Value(f64),
}

impl Missing {
    /// What stands for the value; `None` when nothing may.
    #[must_use]
    pub fn replacement(self) -> Option<f32> {
        match self {
            Missing::Abstain => None,
            Missing::Nan => Some(f32::NAN),
            Missing::Value(value) => Some(value as f32),
        }
    }
}

/// One feature of a schema.
#[derive(Clone, Debug)]
pub struct FeatureSpec {
    /// `op_params`, such as `sma_20`.
    pub name: String,
    /// The operator.
    pub op: &'static OpInfo,
    /// Its parameters.
    pub params: Params,
    /// Scales, left to right.
    pub scale: Vec<Scale>,
    /// What a model is given where it is missing.
    pub missing: Missing,
}

impl FeatureSpec {
    /// The step at which its unscaled value can first be there.
    #[must_use]
    pub fn first(&self) -> u64 {
        (self.op.first)(&self.params)
    }

    /// The step at which its bit can first be on: rolling scales add their window.
    #[must_use]
    pub fn first_scaled(&self) -> u64 {
        let rolling = |scale: &Scale| if let Scale::RollingZScore(n) = scale { *n as u64 - 1 } else { 0 };
        self.first() + self.scale.iter().map(rolling).sum::<u64>()
    }

    /// The step from which a row with it is ready.
    #[must_use]
    pub fn ready(&self) -> u64 {
        self.first_scaled().max(self.op.converge)
    }
}

/// What a track computes: sampler, window and features; the hash names it.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Name, for people.
    pub name: String,
    /// How steps close.
    pub sampler: SamplerSpec,
    /// W, rows of the window.
    pub window: usize,
    /// Roles by number; 0 is self.
    pub roles: Vec<String>,
    /// Features in the order of the row.
    pub features: Vec<FeatureSpec>,
    /// Scaling parameters and trained range, one a feature.
    pub stats: Vec<Stats>,
}

/// The baseline as a schema's text; the 25 features in their fixed order, unscaled.
const BASELINE: &str = r#"
features = [
  { op = "price_change" }, { op = "sma", period = [5, 20] }, { op = ["std", "range"], period = 20 },
  { op = "volume" }, { op = "volume_sma", period = 5 }, { op = "volume_sum", period = 60 },
  { op = "volume_ratio", period = 5 }, { op = "volume_std", period = 20 },
  { op = ["spread_ratio", "book_imbalance", "depth_ratio", "bid_volume", "ask_volume"] },
  { op = "order_flow_ratio", period = 20 }, { op = "rsi", period = 14 }, { op = "macd", fast = 12, slow = 26 },
  { op = "bollinger_position" }, { op = ["stochastic_k", "williams_r"], period = 14 }, { op = "cci", period = 20 },
  { op = "atr", period = 14 }, { op = ["momentum", "roc"], period = 10 },
]
"#;

impl Schema {
    /// The 25 baseline features, unscaled, W = 60.
    ///
    /// # Errors
    /// None for the text that is built in; the signature is that of any schema.
    pub fn baseline25(sampler: SamplerSpec) -> Result<Schema> {
        let table = parse(BASELINE)?;
        let problems = Problems::default();
        let roles = vec!["self".to_owned()];
        let mut root = Section::root(BASELINE, &table, &problems);
        let features = read_features(&mut root, &roles, Missing::Abstain);
        problems.into_result("schema baseline25", None)?;
        let stats = vec![Stats::NONE; features.len()];
        Ok(Schema { name: "baseline25".into(), sampler, window: 60, roles, features, stats })
    }

    /// Reads a schema file: `roles`, `[sampler]`, `[window]`, `[schema]` as in a manifest; stats are
    /// left out where no scale needs them.
    ///
    /// # Errors
    /// `MANIFEST` with every problem.
    pub fn from_text(source: &str) -> Result<Schema> {
        let table = parse(source).map_err(|error| error.within("schema"))?;
        let problems = Problems::default();
        let schema = {
            let mut root = Section::root(source, &table, &problems);
            let roles = root.or("roles", vec!["self".to_owned()]);
            let (schema, section) = read_schema(&mut root, roles);
            section.into_iter().for_each(Section::finish);
            root.finish();
            schema
        };
        if let Some(schema) = &schema {
            for name in schema.needs_stats() {
                problems.add(Status::Manifest, format!("{name}: zscore and minmax need a bundle's stats; use relative or rolling_zscore here"));
            }
        }
        problems.into_result("schema", Some(Status::Manifest))?;
        schema.ok_or_else(|| crate::Error::new(Status::Internal, "a schema without problems was not read"))
    }

    /// Number of features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// Names of the features whose scales need stats.
    pub fn needs_stats(&self) -> impl Iterator<Item = &str> {
        let needs = |scale: &Scale| matches!(scale, Scale::ZScore | Scale::MinMax);
        self.features.iter().filter(move |feature| feature.scale.iter().any(needs)).map(|feature| feature.name.as_str())
    }

    /// The step from which a row is ready.
    #[must_use]
    pub fn ready(&self) -> u64 {
        self.features.iter().map(FeatureSpec::ready).max().unwrap_or(0)
    }

    /// Why rows of the caller's cannot be scaled by this schema; `None` when they can.
    #[must_use]
    pub fn refuses_rows(&self) -> Option<String> {
        let moving = |feature: &&FeatureSpec| feature.scale.iter().any(|scale| !scale.is_fixed());
        let feature = self.features.iter().find(moving)?;
        let scale = feature.scale.iter().find(|scale| !scale.is_fixed())?;
        let text = "which needs the track's own steps: scale features by zscore or minmax, or not at all, to take the caller's rows";
        Some(format!("feature {} is scaled by {scale}, {text}", feature.name))
    }

    /// The canonical form that is hashed: sampler, window, expanded features, scaling parameters.
    #[must_use]
    pub fn canonical(&self) -> Value {
        let features: Vec<Value> = self.features.iter().zip(&self.stats).map(|(feature, stats)| self.canonical_feature(feature, stats)).collect();
        json!({ "sampler": canonical_sampler(&self.sampler), "window": { "rows": self.window }, "features": features })
    }

    fn canonical_feature(&self, feature: &FeatureSpec, stats: &Stats) -> Value {
        let mut params = Map::new();
        for (param, value) in feature.op.params.iter().zip(feature.params.values) {
            params.insert(param.name.into(), json!(value));
        }
        let missing = match feature.missing {
            Missing::Abstain => json!("abstain"),
            Missing::Nan => json!("nan"),
            Missing::Value(value) => json!(value),
        };
        let column = || Column::FIELDS.iter().find(|(_, column)| *column == feature.params.column).map(|(name, _)| *name);
        let field = if feature.op.input == Input::Caller { Some(feature.name.as_str()) } else { feature.op.field.and_then(|_| column()) };
        let scale: Vec<String> = feature.scale.iter().map(Scale::to_string).collect();
        json!({
            "name": feature.name, "op": feature.op.name, "params": params, "role": self.roles.get(feature.params.role), "field": field,
            "scale": scale, "missing": missing, "mean": stats.mean, "std": stats.std, "min": stats.min, "max": stats.max,
        })
    }

    /// SHA-256 of the canonical form.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.canonical().to_string().as_bytes()).into()
    }

    /// What differs between this schema and another, a line each, for people.
    #[must_use]
    pub fn diff(&self, other: &Schema) -> Vec<String> {
        let (ours, theirs) = (self.canonical(), other.canonical());
        let mut lines = Vec::new();
        for part in ["sampler", "window"] {
            if ours[part] != theirs[part] {
                lines.push(format!("{part}: {} here, {} there", ours[part], theirs[part]));
            }
        }
        for index in 0..self.width().max(other.width()) {
            let (a, b) = (&ours["features"][index], &theirs["features"][index]);
            if a != b {
                lines.push(format!("feature {index}: {a} here, {b} there"));
            }
        }
        lines
    }
}

fn canonical_sampler(spec: &SamplerSpec) -> Value {
    let (kind, on) = match spec.sampling {
        Sampling::Bar => ("bar", None),
        Sampling::Time => ("time", None),
        Sampling::Event(kinds) => ("event", Some(Kind::ALL.iter().filter(|kind| kinds & 1 << **kind as u16 != 0).map(|kind| kind.name()).collect::<Vec<_>>())),
    };
    let price = ["trade", "mid", "micro"][spec.price as usize];
    let (interval_ms, age_ms) = (spec.interval_ns / 1_000_000, spec.max_book_age_ns.map(|ns| ns / 1_000_000));
    json!({ "kind": kind, "interval_ms": interval_ms, "on": on, "price": price, "reset_after": spec.reset_after, "max_book_age_ms": age_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::sampler::Price;

    const BARS: SamplerSpec =
        SamplerSpec { sampling: Sampling::Bar, interval_ns: 60_000_000_000, price: Price::Trade, reset_after: None, max_book_age_ns: None };

    #[test]
    fn the_baseline_has_its_names_and_firsts() {
        let schema = Schema::baseline25(BARS).unwrap();
        let names: Vec<&str> = schema.features.iter().map(|feature| feature.name.as_str()).collect();
        let expected = "price_change sma_5 sma_20 std_20 range_20 volume volume_sma_5 volume_sum_60 volume_ratio_5 volume_std_20 spread_ratio \
             book_imbalance depth_ratio bid_volume ask_volume order_flow_ratio_20 rsi_14 macd_12_26 bollinger_position stochastic_k_14 williams_r_14 \
             cci_20 atr_14 momentum_10 roc_10";
        assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
        let firsts: Vec<u64> = schema.features.iter().map(FeatureSpec::first).collect();
        assert_eq!(firsts, [1, 4, 19, 19, 19, 0, 4, 59, 4, 19, 0, 0, 0, 0, 0, 19, 14, 25, 19, 13, 13, 19, 14, 10, 10]);
        assert_eq!(schema.ready(), 600);
    }

    const SCHEMA: &str = "roles = [\"self\", \"leader\"]\n[sampler]\nkind = \"time\"\ninterval_ms = 100\nprice = \"mid\"\n[window]\nrows = 8\n[schema]\nfeatures = [\n\
        { op = \"sma\", period = [5, 20], field = \"volume\", scale = [\"relative\", \"rolling_zscore(240)\"] },\n\
        { op = [\"momentum\", \"roc\"], period = [3, 4], missing = 0.5 },\n{ op = \"role_return\", role = \"leader\", period = 1 },\n\
        { op = \"bollinger_position\", width = 2.5 },\n]\n";

    #[test]
    fn lists_expand_op_major() {
        let schema = Schema::from_text(SCHEMA).unwrap();
        let names: Vec<&str> = schema.features.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["sma_5_volume", "sma_20_volume", "momentum_3", "momentum_4", "roc_3", "roc_4", "role_return_1", "bollinger_position_2.5"]);
        assert_eq!(schema.features[1].first_scaled(), 19 + 239);
        assert_eq!(schema.features[2].missing, Missing::Value(0.5));
        assert_eq!(schema.features[6].params.role, 1);
    }

    #[test]
    fn the_hash_follows_what_matters() {
        let schema = Schema::from_text(SCHEMA).unwrap();
        assert_eq!(schema.hash(), Schema::from_text(SCHEMA).unwrap().hash());
        for (from, to) in [("100", "200"), ("mid", "micro"), ("rows = 8", "rows = 9"), ("[3, 4]", "[4, 3]"), ("0.5", "0.25"), ("240", "241")] {
            let other = Schema::from_text(&SCHEMA.replace(from, to)).unwrap();
            assert_ne!(schema.hash(), other.hash(), "{from} -> {to}");
            assert!(!schema.diff(&other).is_empty());
        }
        let mut other = schema.clone();
        other.stats[0].mean = 1.0;
        assert_ne!(schema.hash(), other.hash());
        other = schema.clone();
        (other.stats[0].low, other.name) = (0.0, "other".into());
        assert_eq!(schema.hash(), other.hash(), "the trained range and the name are not hashed");
    }

    #[test]
    fn given_values_are_named_by_their_field() {
        let text = |entry: &str| SCHEMA.replace("{ op = \"bollinger_position\", width = 2.5 }", entry);
        let schema =
            Schema::from_text(&text("{ op = \"given\", field = [\"gas_gwei\", \"pool.depth\"], missing = 0.0 }, { op = \"given\", field = \"edge\" }"))
                .unwrap();
        let names: Vec<&str> = schema.features[7..].iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["gas_gwei", "pool.depth", "edge"]);
        assert_eq!((schema.features[9].first_scaled(), schema.features[9].ready(), schema.features[8].missing), (0, 0, Missing::Value(0.0)));
        assert_ne!(schema.hash(), Schema::from_text(&text("{ op = \"given\", field = [\"gas_wei\", \"pool.depth\", \"edge\"] }")).unwrap().hash());
        assert!(schema.refuses_rows().is_some_and(|text| text.contains("sma_5_volume") && text.contains("relative")));
        assert_eq!(Schema::baseline25(BARS).unwrap().refuses_rows(), None);
        for (entry, expected) in [
            ("{ op = \"given\" }", "given needs the name"),
            ("{ op = \"given\", field = \"a\", scale = [\"relative\"] }", "relative: a given value has no close"),
            ("{ op = \"given\", field = \"a\", scale = \"rolling_zscore(9)\" }", "rolling_zscore(9): a given value"),
            ("{ op = \"given\", field = \"a b\" }", "\"a b\": a name has 1 to 31 bytes"),
            ("{ op = \"given\", field = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }", "a name has 1 to 31 bytes"),
            ("{ op = [\"given\", \"volume\"], field = \"a\" }", "given stands alone"),
            ("{ op = \"given\", field = \"a\", period = 3 }", "unknown key schema.features[3].period"),
            ("{ op = \"given\", field = \"momentum_3\" }", "feature momentum_3 is there twice"),
            ("{ op = \"given\", field = \"a\", scale = \"zscore\" }", "a: zscore and minmax need a bundle's stats"),
        ] {
            let error = Schema::from_text(&text(entry)).unwrap_err();
            assert!(error.text().contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn every_problem_is_reported() {
        let source = "[sampler]\nkind = \"bars\"\n[window]\nrows = 0\n[schema]\nfeatures = [ { op = \"smaa\" }, { op = \"sma\" }, { op = \"macd\", fast = 26, slow = 12 }, \
            { op = \"rsi\", period = 14, field = \"close\", scale = \"log\", missing = \"drop\", x = 1 }, { op = \"volume\", scale = \"zscore\" } ]\n";
        let error = Schema::from_text(source).unwrap_err();
        assert_eq!(error.status(), Status::Manifest);
        for part in [
            "\"bars\" is none of",
            "0 is not in 1 to",
            "\"smaa\" is no operator",
            "sma needs period",
            "fast below slow",
            "rsi has no field",
            "scale \"log\"",
            "unknown key schema.features[3].x",
            "must be \"abstain\"",
            "volume: zscore",
        ] {
            assert!(error.text().contains(part), "{part} is not in {error}");
        }
    }
}

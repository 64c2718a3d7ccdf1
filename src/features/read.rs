//! A schema's text: sampler, window, and the list of features with its expansion.

use std::collections::HashSet;

use crate::config::text::{FromToml, Section};
use crate::features::catalog::{self, Input, OpInfo, Params};
use crate::features::history::Column;
use crate::features::scale::{Scale, Stats};
use crate::features::spec::{FeatureSpec, Missing, Schema};
use crate::types::NAME_MAX;
use crate::types::event::Kind;
use crate::window::sampler::{Price, SamplerSpec, Sampling};

/// Most rows of a window, and most features of a schema.
const WINDOW_MOST: usize = 65_536;
const FEATURES_MOST: usize = 65_535;

/// Most values of a window, and of all rolling scales together: a track is then below 300 MB.
const VALUES_MOST: usize = 1 << 24;

/// Reads `[sampler]`, `[window]` and `[schema]` without hash and stats, which only a bundle has; the
/// section of `[schema]` is given back for them. What is there is read even where a table is missing.
pub fn read_schema<'t>(root: &mut Section<'t>, roles: Vec<String>) -> (Option<Schema>, Option<Section<'t>>) {
    let sampler = root.need_table("sampler").map(read_sampler);
    let window = root.need_table("window").map(|mut section| {
        let rows = if section.need::<usize>("rows").is_some() { section.within("rows", 1, 1, WINDOW_MOST) } else { 1 };
        section.finish();
        rows
    });
    let Some(mut section) = root.need_table("schema") else { return (None, None) };
    let name = section.or("name", String::new());
    let missing = read_missing(&mut section).unwrap_or(Missing::Abstain);
    let features = read_features(&mut section, &roles, missing);
    let rolling = |scale: &Scale| if let Scale::RollingZScore(n) = scale { *n } else { 0 };
    let rings: usize = features.iter().flat_map(|feature| &feature.scale).map(rolling).sum();
    if window.is_some_and(|rows| rows * features.len() > VALUES_MOST) || rings > VALUES_MOST {
        section.wrong("features", &format!("window rows x features, and the values of all rolling scales, are at most {VALUES_MOST}"));
    }
    let stats = vec![Stats::NONE; features.len()];
    let schema = sampler.zip(window).map(|(sampler, window)| Schema { name, sampler, window, roles, features, stats });
    (schema, Some(section))
}

fn read_sampler(mut section: Section<'_>) -> SamplerSpec {
    let kind = section.choice("kind", 3, &["bar", "time", "event"]);
    let price = [Price::Trade, Price::Mid, Price::Micro][section.choice("price", 0, &["trade", "mid", "micro"])];
    let interval_ms: Option<u64> = section.get("interval_ms");
    let on: Option<Vec<String>> = section.get("on");
    let kinds = on.iter().flatten().fold(0u16, |kinds, name| match Kind::ALL.iter().find(|kind| kind.name() == name && **kind != Kind::Mark) {
        Some(kind) => kinds | 1 << *kind as u16,
        None => {
            section.wrong("on", &format!("\"{name}\" is no kind of event"));
            kinds
        }
    });
    let sampling = match kind {
        0 => Sampling::Bar,
        1 => Sampling::Time,
        2 => Sampling::Event(kinds),
        _ => {
            section.wrong("kind", "must be bar, time or event");
            Sampling::Time
        }
    };
    let by_event = matches!(sampling, Sampling::Event(_));
    if by_event && kinds == 0 {
        section.wrong("on", "a sampler by event names the kinds that close a step, such as [\"trade\"]");
    }
    if !by_event && !interval_ms.is_some_and(|ms| (1..=31_622_400_000).contains(&ms)) {
        section.wrong("interval_ms", "a sampler by bar or time needs interval_ms, from 1 to a year");
    }
    if sampling == Sampling::Bar && price != Price::Trade {
        section.wrong("price", "bars carry their own prices: only \"trade\" with kind \"bar\"");
    }
    let spec = SamplerSpec {
        sampling,
        interval_ns: if by_event { 0 } else { interval_ms.unwrap_or(1).min(31_622_400_000) as i64 * 1_000_000 },
        price,
        reset_after: section.get("reset_after").map(|_: u64| section.within("reset_after", 1, 1, u64::MAX >> 1)),
        max_book_age_ns: section.get::<u64>("max_book_age_ms").map(|ms| ms.min(i64::MAX as u64 / 2_000_000) as i64 * 1_000_000),
    };
    section.finish();
    spec
}

fn read_missing(section: &mut Section<'_>) -> Option<Missing> {
    let value = section.raw("missing")?;
    if let Some(text) = value.as_str() {
        match text {
            "abstain" => return Some(Missing::Abstain),
            "nan" => return Some(Missing::Nan),
            _ => {}
        }
    } else if let Some(number) = section.get::<f64>("missing") {
        return Some(Missing::Value(number));
    }
    section.wrong("missing", "must be \"abstain\", \"nan\" or a finite number");
    None
}

/// Reads the list of features; lists of `op` and of parameters expand op-major, in written order.
pub fn read_features(section: &mut Section<'_>, roles: &[String], missing: Missing) -> Vec<FeatureSpec> {
    let (mut features, mut names) = (Vec::new(), HashSet::new());
    for mut entry in section.need_tables("features") {
        for feature in read_entry(&mut entry, roles, missing) {
            if !names.insert(feature.name.clone()) {
                entry.wrong("op", &format!("feature {} is there twice", feature.name));
            }
            features.push(feature);
        }
        entry.finish();
    }
    if features.is_empty() || features.len() > FEATURES_MOST {
        section.wrong("features", &format!("a schema has 1 to {FEATURES_MOST} features"));
    }
    features
}

fn one_or_many<T: FromToml>(entry: &mut Section<'_>, key: &str) -> Option<Vec<T>> {
    if entry.raw(key)?.is_array() { entry.get(key) } else { entry.get(key).map(|one| vec![one]) }
}

fn read_entry(entry: &mut Section<'_>, roles: &[String], missing: Missing) -> Vec<FeatureSpec> {
    let names: Vec<String> = one_or_many(entry, "op").unwrap_or_default();
    if names.is_empty() {
        entry.wrong("op", "an entry names its operator; `foretick features` lists them");
    }
    if let Some(given) = names.iter().filter_map(|name| catalog::find(name)).find(|op| op.input == Input::Caller) {
        if names.len() > 1 {
            entry.wrong("op", "given stands alone: its field is the caller's, not a column of steps");
        }
        return read_given(entry, given, missing);
    }
    let role = read_role(entry, roles);
    let column = read_column(entry);
    let scale = read_scale(entry);
    let missing = read_missing(entry).unwrap_or(missing);
    let mut features = Vec::new();
    for name in names {
        let Some(op) = catalog::find(&name) else {
            entry.wrong("op", &format!("\"{name}\" is no operator; `foretick features` lists them"));
            continue;
        };
        if role != 0 && op.input != Input::RoleBook {
            entry.wrong("role", &format!("{name} reads role self only"));
        }
        if column.is_some() && op.field.is_none() {
            entry.wrong("field", &format!("{name} has no field"));
        }
        let column = column.or(op.field).unwrap_or(Column::Close);
        for values in expand_params(entry, op) {
            let params = Params { values, column, role };
            features.push(FeatureSpec { name: feature_name(entry, op, &params, roles), op, params, scale: scale.clone(), missing });
        }
    }
    features
}

/// Values of the caller's own rows: `field` names one or several, and is the feature's name.
fn read_given(entry: &mut Section<'_>, op: &'static OpInfo, missing: Missing) -> Vec<FeatureSpec> {
    let fields: Vec<String> = one_or_many(entry, "field").unwrap_or_default();
    if fields.is_empty() {
        entry.wrong("field", "given needs the name of the caller's value, such as field = \"gas_gwei\"");
    }
    fields.iter().for_each(|name| entry.check_name("field", name));
    let scale = read_scale(entry);
    if let Some(other) = scale.iter().find(|scale| !scale.is_fixed()) {
        entry.wrong("scale", &format!("{other}: a given value has no close and no history, only zscore and minmax scale it"));
    }
    let missing = read_missing(entry).unwrap_or(missing);
    let params = Params { values: [0.0; 2], column: Column::Close, role: 0 };
    fields.into_iter().map(|name| FeatureSpec { name, op, params, scale: scale.clone(), missing }).collect()
}

fn read_role(entry: &mut Section<'_>, roles: &[String]) -> usize {
    let name = entry.or("role", "self".to_owned());
    roles.iter().position(|role| *role == name).unwrap_or_else(|| {
        entry.wrong("role", &format!("\"{name}\" is none of the roles {}", roles.join(", ")));
        0
    })
}

fn read_column(entry: &mut Section<'_>) -> Option<Column> {
    let name: String = entry.get("field")?;
    let found = Column::FIELDS.iter().find(|(field, _)| *field == name).map(|(_, column)| *column);
    if found.is_none() {
        entry.wrong("field", &format!("\"{name}\" is none of open, high, low, close, volume"));
    }
    found
}

fn read_scale(entry: &mut Section<'_>) -> Vec<Scale> {
    let names: Vec<String> = one_or_many(entry, "scale").unwrap_or_default();
    let mut scales = Vec::new();
    for name in names {
        match Scale::parse(&name) {
            Ok(scale) => scales.extend(scale),
            Err(what) => entry.wrong("scale", &what),
        }
    }
    scales
}

/// The product of the values of all parameters, the first parameter slowest.
fn expand_params(entry: &mut Section<'_>, op: &OpInfo) -> Vec<[f64; 2]> {
    let mut rows = vec![[0.0; 2]];
    for (index, param) in op.params.iter().enumerate() {
        let values = one_or_many::<f64>(entry, param.name).or(param.default.map(|value| vec![value])).unwrap_or_else(|| {
            entry.wrong(param.name, &format!("{} needs {}", op.name, param.name));
            Vec::new()
        });
        for value in &values {
            let (least, most) = param.range;
            if !(least..=most).contains(value) || (param.whole && value.fract() != 0.0) {
                entry.wrong(
                    param.name,
                    &format!(
                        "{value}: {} of {} must be {} from {least} to {most}",
                        param.name,
                        op.name,
                        if param.whole { "a whole number" } else { "a number" }
                    ),
                );
            }
        }
        if rows.len() * values.len() > FEATURES_MOST {
            entry.wrong(param.name, &format!("the lists give more than {FEATURES_MOST} features"));
            return Vec::new();
        }
        rows = rows.iter().flat_map(|row| values.iter().map(|value| if index == 0 { [*value, row[1]] } else { [row[0], *value] })).collect();
    }
    if op.name == "macd" && rows.iter().any(|[fast, slow]| fast >= slow) {
        entry.wrong("fast", "macd needs fast below slow");
    }
    rows
}

/// `op_params`: parameters at their default are left out, a field other than the default is added.
fn feature_name(entry: &Section<'_>, op: &OpInfo, params: &Params, roles: &[String]) -> String {
    let mut name = op.name.to_owned();
    for (param, value) in op.params.iter().zip(params.values) {
        if param.default != Some(value) {
            name.push_str(&format!("_{value}"));
        }
    }
    if op.field.is_some_and(|default| default != params.column)
        && let Some((field, _)) = Column::FIELDS.iter().find(|(_, column)| *column == params.column)
    {
        name.push_str(&format!("_{field}"));
    }
    if params.role > 1 {
        name.push_str(&format!("_{}", roles[params.role]));
    }
    if name.len() > NAME_MAX {
        entry.wrong("op", &format!("{name} has {} bytes; a feature's name has at most {NAME_MAX}", name.len()));
    }
    name
}

//! What a replay says at its end.

use serde_json::{Map, Value, json};

use super::run::Seen;
use crate::cli::print_line;

/// Figures by name, in the order in which they are shown.
pub type Figures = Vec<(&'static str, Value)>;

/// Figures of the loop itself.
pub fn of_loop(seen: &Seen) -> Figures {
    let seconds = seen.elapsed.as_secs_f64();
    vec![
        ("rows", json!(seen.rows)),
        ("events", json!(seen.events)),
        ("bad_rows", json!(seen.bad_rows)),
        ("first_bad_rows", json!(seen.first_bad)),
        ("seconds", json!((seconds * 1e3).round() / 1e3)),
        ("rows_per_second", json!((seen.rows as f64 / seconds.max(1e-9)).round())),
    ]
}

/// Shows the figures: JSON on standard output where nothing else is there, else lines on standard error.
pub fn show(figures: Figures, as_json: bool, stdout_taken: bool) {
    let whole: Map<String, Value> = figures.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    match (as_json, stdout_taken) {
        (true, false) => print_line(&Value::Object(whole).to_string()),
        (true, true) => eprintln!("{}", Value::Object(whole)),
        (false, _) => {
            figures.iter().filter(|(name, _)| *name != "first_bad_rows").for_each(|(name, value)| eprintln!("{:<16} {}", name.replace('_', " "), plain(value)))
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => map.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", "),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

//! The demo's summary.

use foretick::source::simulator::BAYES_AUC;
use serde_json::{Map, Value, json};

use super::run::{Outcome, Served};
use crate::cli::meter::Quantiles;
use crate::cli::print_line;

pub fn show(outcome: &Outcome, json: bool) {
    match json {
        true => print_line(&as_json(outcome).to_string()),
        false => lines(outcome).iter().for_each(|line| print_line(line)),
    }
}

fn lines(o: &Outcome) -> Vec<String> {
    let count = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ");
    let hours = o.simulated.as_secs_f64() / 3_600.0;
    let mut lines = vec![
        format!("{hours:.1} hours of a simulated market (seed {}) in {:.1} s: 3 pairs on 2 venues, a pool, a chain", o.seed, o.elapsed.as_secs_f64()),
        format!("events        {} ({:.2} M a second, simulation included)", o.events, o.events as f64 / 1e6 / o.elapsed.as_secs_f64()),
        format!("steps         {}", o.steps),
        format!("predictions   {}: {}", o.predictions, count(&o.actions)),
        format!("abstained by  {}", if o.abstained_by.is_empty() { "-".to_owned() } else { count(&o.abstained_by) }),
        format!("right         {:.1} % of {} decisions to buy or sell", 100.0 * o.hits as f64 / o.decided.max(1) as f64, o.decided),
        format!("AUC           {} ; the planted edge allows {} on these steps, {BAYES_AUC} in the long run", auc(o.auc), auc(o.auc_known)),
        format!("swap          {}; publishing took {} us", served(o).join(", then "), o.publish.as_micros()),
        format!("{:<14}{:>9} {:>9} {:>9} {:>9}  ns, with two clock reads", "latency", "p50", "p99", "p99.9", "max"),
    ];
    for (name, q) in stages(o) {
        lines.push(format!("  {name:<12}{:>9} {:>9} {:>9} {:>9}  {} calls", q.p50, q.p99, q.p999, q.max, q.calls));
    }
    lines
}

/// What each bundle served and found.
fn served(o: &Outcome) -> Vec<String> {
    let one = |(served, bundle): (&Served, &String)| {
        let Served { generation, predictions, auc: ours, auc_known } = *served;
        format!("generation {generation} ({bundle}): {predictions} predictions, AUC {} of {}", auc(ours), auc(auc_known))
    };
    o.generations.iter().zip(&o.bundles).map(one).collect()
}

fn auc(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

fn stages(o: &Outcome) -> [(&'static str, Quantiles); 3] {
    [("event", o.event), ("closing", o.closing), ("predict", o.predict)]
}

fn as_json(o: &Outcome) -> Value {
    let map = |pairs: &[(&str, u64)]| Value::Object(pairs.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<Map<_, _>>());
    let latency: Map<String, Value> = stages(o)
        .iter()
        .map(|(name, q)| ((*name).to_owned(), json!({ "p50_ns": q.p50, "p99_ns": q.p99, "p999_ns": q.p999, "max_ns": q.max, "calls": q.calls })))
        .collect();
    let generations: Vec<Value> = o
        .generations
        .iter()
        .map(|served| json!({ "generation": served.generation, "predictions": served.predictions, "auc": served.auc, "auc_known": served.auc_known }))
        .collect();
    json!({
        "seed": o.seed, "events": o.events, "steps": o.steps, "predictions": o.predictions, "actions": map(&o.actions), "abstained_by": map(&o.abstained_by),
        "decided": o.decided, "right": o.hits, "auc": o.auc, "auc_known": o.auc_known, "auc_bayes": BAYES_AUC,
        "generations": generations, "publish_us": o.publish.as_micros() as u64, "latency": latency,
        "seconds": o.elapsed.as_secs_f64(), "simulated_seconds": o.simulated.as_secs_f64(), "bundles": o.bundles,
    })
}

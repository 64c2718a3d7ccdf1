//! The tiny bundles of the cases.

use crate::folder;
use crate::support::bench::{by_time, by_volume};
use crate::support::bundle::{self, Graph, Member, Options};

/// Writes them all.
pub fn write_all() {
    for (name, options) in all() {
        let folder = folder().join("bundles").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        bundle::write(&folder, &options);
    }
}

fn all() -> Vec<(&'static str, Options)> {
    let volume = |name: &str, version, weight| Options { name: name.into(), version, weights: vec![weight], ..by_volume() };
    let second = Member::new("half", Graph::Logistic(vec![0.5], -0.5));
    vec![
        ("market", market()),
        ("volume", volume("volume", 1, 1.0)),
        // Another generation of the same schema, with a member more and another slope.
        ("steep", Options { members: vec![second], ..volume("volume", 2, 3.0) }),
        ("other", Options { window: 5, ..volume("other", 1, 1.0) }),
        ("timed", Options { name: "timed".into(), ..by_time() }),
        ("opportunity", opportunity()),
        ("rows", rows()),
    ]
}

/// The simulator's pair and its leader, ready after 20 steps, a member over the window, two outputs.
fn market() -> Options {
    let features = "[{ op = \"price_change\", scale = [\"relative\", \"zscore\"] }, { op = \"sma\", period = 5, scale = [\"relative\", \"zscore\"] }, \
        { op = \"std\", period = 20, scale = [\"relative\", \"zscore\"] }, { op = [\"spread_ratio\", \"book_imbalance\"], scale = [\"zscore\"] }, \
        { op = \"stochastic_k\", period = 14, scale = [\"minmax\"] }, { op = \"order_flow_ratio\", period = 5, scale = [\"zscore\"] }, \
        { op = \"role_return\", role = \"leader\", period = 1, scale = [\"zscore\"] }]";
    let window = (0..32).map(|at| (at as f32 - 15.5) / 64.0).collect();
    Options {
        name: "market".into(),
        applies_to: vec!["sim_a:*".into()],
        roles: vec!["self".into(), "leader".into()],
        sampler: "kind = \"time\"\ninterval_ms = 100\nprice = \"mid\"\n".into(),
        features: features.into(),
        weights: vec![2e4, -50.0, 20.0, 3.0, 1.5, -0.02, 0.4, 1.5e4],
        bias: 0.1,
        members: vec![Member { weight: 0.5, ..Member::new("w", Graph::Logistic(window, 0.05)) }],
        outputs: vec!["down".into()],
        ensemble: "mix = \"logit\"\nquorum = 0.5\n".into(),
        max_data_age_ms: 1_000,
        ..Options::default()
    }
}

/// EXECUTE, WAIT or SKIP by two values of the caller's; the edge is always 0.5.
fn opportunity() -> Options {
    let features = "[{ op = \"given\", field = \"gas\", scale = [\"zscore\"] }, { op = \"given\", field = \"depth\", scale = [\"minmax\"] }]";
    let net = Member { output: "net".into(), ..Member::new("net", Graph::Logistic(vec![0.0; 2], 0.0)) };
    let policy = "kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.8\nwait_at = 0.5\nedge = \"net\"\nmin_edge = 0.25\n";
    Options {
        name: "opportunity".into(),
        features: features.into(),
        weights: vec![1.0, 2.0],
        bias: 0.0,
        members: vec![net],
        amounts: vec!["net".into()],
        policy: Some(policy.into()),
        ..Options::default()
    }
}

/// Models of a row, of a window, and one that gives NaN.
fn rows() -> Options {
    let features = "[{ op = \"volume\", scale = [\"minmax\"] }, { op = \"volume_sma\", period = 5, missing = 0.5 }]";
    let window = Member::new("w", Graph::Logistic((0..8).map(|at| at as f32 / 8.0 - 0.3).collect(), 0.1));
    Options { name: "rows".into(), features: features.into(), members: vec![Member::new("ratio", Graph::Ratio(2)), window], ..Options::default() }
}

//! Manifests with mistakes: each is named with its line, all at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use foretick::Status;
use foretick::model::manifest::Manifest;

use support::bundle::{Graph, Member, Options, files};

/// A manifest that has every table.
fn whole() -> String {
    let features = "[{ op = \"atr\", period = 14, scale = [\"relative\"], missing = 0.5 }, { op = \"sma\", period = [5, 20], scale = [\"relative\"] }]";
    let options = Options {
        features: features.into(),
        weights: vec![0.1; 3],
        members: vec![Member::new("m", Graph::Logistic(vec![0.0; 3], 0.0)), Member::over("meta", &["lr.up", "m.up"], &[1.0, 1.0], -1.0)],
        ensemble: "mix = \"logit\"\nquorum = 0.5\n".into(),
        further: "[ensemble.phase]\nvolatile_above = 0.05\ntrending_above = 3.0\n\n[ensemble.ranging]\nlr = 1.0\nm = 2.0\nmeta = 1.0\n\n\
             [ensemble.sets]\ntrending = [\"lr\"]\n\n\
             [calibration.up]\nmethod = \"platt\"\na = 1.0\nb = 0.0\n"
            .into(),
        ..Options::default()
    };
    let text = String::from_utf8(files(&options).pop().unwrap().1).unwrap();
    Manifest::parse(&text).expect("it is whole");
    text
}

#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let error = Manifest::parse(text).unwrap_err();
    assert_eq!(error.status(), Status::Manifest, "{error}");
    error.text().lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

/// Keys of a manifest that must be there: where the key stands, and its full name.
const NEEDED: [(&str, &str); 36] = [
    ("format = 1\n", "format"),
    ("name = \"tiny\"\n", "name"),
    ("version = 1\n", "version"),
    ("applies_to = [\"test:*\"]\n", "applies_to"),
    ("roles = [\"self\"]\n", "roles"),
    ("trained_from = 2020-01-01T00:00:00Z\n", "trained_from"),
    ("trained_until = 2020-02-01T00:00:00Z\n", "trained_until"),
    ("max_age = \"none\"\n", "max_age"),
    ("kind = \"bar\"\n", "sampler.kind"),
    ("interval_ms = 60_000\n", "sampler.interval_ms"),
    ("rows = 4\n", "window.rows"),
    ("task = \"direction\", ", "outputs.up.task"),
    ("horizon = 1, ", "outputs.up.horizon"),
    (", unit = \"probability\"", "outputs.up.unit"),
    ("file = \"lr.onnx\", ", "models.lr.file"),
    ("input = \"row\", ", "models.lr.input"),
    ("form = \"probability\", ", "models.lr.form"),
    ("gives = { up = \"probabilities[1]\" }, ", "models.lr.gives"),
    ("abs = 1e-6, ", "models.lr.abs"),
    ("rel = 1e-5, ", "models.lr.rel"),
    ("reads = [\"lr.up\", \"m.up\"], ", "models.meta.reads"),
    ("mix = \"logit\"\n", "ensemble.mix"),
    ("quorum = 0.5\n", "ensemble.quorum"),
    ("weights = { lr = 1.0, m = 1.0, meta = 1.0 }\n", "ensemble.weights"),
    ("lr = 1.0, ", "ensemble.weights.lr"),
    ("volatile_above = 0.05\n", "ensemble.phase.volatile_above"),
    ("m = 2.0\n", "ensemble.ranging.m"),
    ("method = \"platt\"\n", "calibration.up.method"),
    ("\na = 1.0", "calibration.up.a"),
    ("kind = \"direction\"\n", "policy.kind"),
    ("output = \"up\"\n", "policy.output"),
    ("buy_at = 0.55\n", "policy.buy_at"),
    ("sell_at = 0.45\n", "policy.sell_at"),
    ("min_agreement = 0.0\n", "policy.min_agreement"),
    ("max_data_age_ms = 120000\n", "policy.max_data_age_ms"),
    ("file = \"golden.csv\"\n", "golden.file"),
];

#[test]
fn every_missing_key_is_named() {
    let text = whole();
    for (key, name) in NEEDED {
        assert!(text.contains(key), "{key} is not in the manifest");
        let found = problems(&text.replacen(key, "", 1));
        assert!(found.iter().any(|line| line.contains(name)), "{name}: {found:?}");
    }
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned() + "\n";
    for (key, name) in [
        ("hash = ", "schema.hash"),
        ("features = ", "schema.features"),
        ("sha256 = ", "golden.sha256"),
        ("max_out_of_range", "policy.max_out_of_range"),
        ("valid_for_ms", "policy.valid_for_ms"),
    ] {
        let found = problems(&text.replacen(&line(key), "", 1));
        assert!(found.iter().any(|line| line.contains(name)), "{name}: {found:?}");
    }
}

/// The text without one table: its header and what follows up to the next header.
fn without(text: &str, table: &str) -> String {
    let start = text.find(&format!("[{table}]\n")).unwrap();
    let end = text[start + 1..].find("\n[").map_or(text.len(), |end| start + 2 + end);
    format!("{}{}", &text[..start], &text[end..])
}

#[test]
fn every_missing_table_is_named_and_nothing_else_is_blamed() {
    let text = whole();
    for table in ["sampler", "window", "schema", "outputs", "models", "policy", "golden"] {
        let found = problems(&without(&text, table));
        assert!(found.contains(&format!("table [{table}] is missing")), "{table}: {found:?}");
        let blamed = found.iter().filter(|line| line.contains("unknown key"));
        assert!(blamed.into_iter().all(|line| line.contains("ensemble.") || line.contains("calibration.up")), "{table}: {found:?}");
    }
    for table in ["sampler", "window", "schema", "golden"] {
        let found = problems(&without(&text, table));
        assert_eq!(found, [format!("table [{table}] is missing")]);
    }
}

#[test]
fn an_unknown_key_of_every_table_is_named_with_its_line() {
    let text = whole();
    let inline = [
        ("stats = { ", "schema.stats"),
        ("features = [{ ", "schema.features[0]"),
        ("up = { task", "outputs.up"),
        ("lr = { file", "models.lr"),
        ("weights = { ", "ensemble.weights"),
    ];
    for (place, table) in inline {
        let at = text.find(place).unwrap() + place.find('{').unwrap() + 1;
        let line = 1 + text[..at].matches('\n').count();
        let found = problems(&format!("{} zzz = 1,{}", &text[..at], &text[at..]));
        assert!(found.len() == 1 && found[0].starts_with(&format!("line {line}: unknown key {table}.zzz; known: ")), "{table}: {found:?}");
    }
    for table in ["sampler", "window", "schema", "ensemble.phase", "ensemble.ranging", "ensemble.sets", "calibration.up", "policy", "golden"] {
        let header = format!("[{table}]\n");
        let line = 2 + text[..text.find(&header).unwrap()].matches('\n').count();
        let found = problems(&text.replacen(&header, &format!("{header}zzz = 1\n"), 1));
        assert!(found.len() == 1 && found[0].starts_with(&format!("line {line}: unknown key {table}.zzz; known: ")), "{table}: {found:?}");
    }
    let found = problems(&format!("zzz = 1\n{text}"));
    assert!(found.len() == 1 && found[0].starts_with("line 1: unknown key zzz; known: format, "), "{found:?}");
    let found = problems(&text.replacen("[calibration.up]", "[calibration.down]", 1));
    assert!(found.len() == 1 && found[0].contains("unknown key calibration.down"), "{found:?}");
    let found = problems(&text.replacen("gives = { up", "gives = { down", 1));
    assert!(found[0].contains("models.lr.gives.down: is no output of [outputs]"), "{found:?}");
    Manifest::parse(&(text + "\n[metrics.up]\nanything = 1\n[provenance]\nwhatever = 2\n")).expect("tables for people are open");
}

#[test]
fn all_problems_come_at_once() {
    let changes = [
        ("version = 1", "version = 0", "version: versions count from 1"),
        ("roles = [\"self\"]", "roles = [\"self\", \"self\"]", "roles: a role is there twice"),
        ("trained_until = 2020-02", "trained_until = 2019-02", "trained_until: must be after"),
        ("max_age = \"none\"", "max_age = \"1 week\"", "max_age: \"1 week\""),
        ("rows = 4", "rows = 0", "window.rows: 0 is not in 1 to 65536"),
        ("horizon = 1", "horizon = 0", "outputs.up.horizon: is in steps"),
        ("abs = 1e-6", "abs = 1.0", "models.lr.abs: 1: a tolerance"),
        ("quorum = 0.5", "quorum = 1.5", "ensemble.quorum: 1.5"),
        ("volatile_above = 0.05", "volatile_above = 0", "ensemble.phase.volatile_above: must be above 0"),
        ("m = 2.0", "m = -2.0", "ensemble.ranging.m: a weight is at least 0"),
        ("buy_at = 0.55", "buy_at = 0.45", "policy.buy_at: needs 0 <= sell_at < buy_at"),
        ("min_agreement = 0.0", "min_agreement = 2", "policy.min_agreement: is in 0 to 1"),
        ("valid_for_ms = 60_000", "valid_for_ms = 0", "policy.valid_for_ms: 0"),
        ("mix = \"logit\"", "mix = \"mean\"", "\"mean\" is none of logit, probability"),
        ("name = \"tiny\"\nversion", "name = \"a name\"\nversion", "\"a name\": a name has 1 to 31 bytes"),
    ];
    let text = changes.iter().fold(whole(), |text, (from, to, _)| {
        assert!(text.contains(from), "{from} is not in the manifest");
        text.replacen(from, to, 1)
    });
    let found = problems(&text);
    for (_, _, expected) in changes {
        let of_this: Vec<_> = found.iter().filter(|line| line.contains(expected)).collect();
        assert!(of_this.len() == 1 && of_this[0].starts_with("line "), "{expected}: {found:#?}");
    }
    assert_eq!(found.len(), changes.len(), "{found:#?}");
}

#[test]
fn values_of_another_type_are_named() {
    for (from, to, expected) in [
        ("version = 1", "version = \"1\"", "version: a whole number expected, found string"),
        ("trained_from = 2020-01-01T00:00:00Z", "trained_from = 2020-01-01T00:00:00", "trained_from: a time with its offset"),
        ("buy_at = 0.55", "buy_at = nan", "policy.buy_at: a finite number expected"),
        ("abs = 1e-6", "abs = 1e999", "models.lr.abs: a finite number expected"),
        ("rows = 4", "rows = -4", "window.rows: a whole number from 0 expected"),
        ("version = 1", "version = 99999999999999999999", "version: a whole number of 64 bits expected"),
        ("applies_to = [\"test:*\"]", "applies_to = \"test:*\"", "applies_to: a list expected"),
    ] {
        let found = problems(&whole().replacen(from, to, 1));
        assert!(found.iter().any(|line| line.contains(expected)), "{expected}: {found:?}");
    }
}

/// A manifest with an opportunity's policy.
fn opportunity() -> String {
    let policy = "kind = \"opportunity\"\noutput = \"up\"\nexecute_at = 0.8\nwait_at = 0.5\nedge = \"net\"\nmin_edge = 2.0\n";
    let net = Member { output: "net".into(), ..Member::new("net", Graph::Logistic(vec![0.0; 2], 0.0)) };
    let options = Options { members: vec![net], amounts: vec!["net".into()], policy: Some(policy.into()), ..Options::default() };
    let text = String::from_utf8(files(&options).pop().unwrap().1).unwrap();
    Manifest::parse(&text).expect("it is whole");
    text
}

/// One change to a manifest and the one problem that it makes.
#[track_caller]
fn changed(text: &str, changes: &[(&str, &str, &str)]) {
    for (from, to, expected) in changes {
        assert!(text.contains(from), "{from} is not in the manifest");
        let found = problems(&text.replacen(from, to, 1));
        assert!(found.len() == 1 && found[0].contains(expected), "{from} -> {to}: {expected}: {found:#?}");
    }
}

#[test]
fn what_a_member_carries_is_checked() {
    let (m, meta) = ("m = { file = \"m.onnx\"", "meta = { file = \"meta.onnx\"");
    let with = |keys: &str| format!("m = {{ {keys}, file = \"m.onnx\"");
    changed(
        &whole(),
        &[
            (m, &with("carry = { hn = \"h0\" }"), "models.m.carry: only a member with state = \"reset\" or \"replay\" carries something"),
            (m, &with("state = \"forever\""), "models.m.state: \"forever\""),
            (m, &with("state = \"reset\", carry = {}"), "models.m.carry: names at least one output with the input that it is in the next step"),
            (m, &with("state = \"replay\", backend = \"ort\""), "models.m.backend: native kernels alone carry a state"),
            (meta, "meta = { state = \"reset\", file = \"meta.onnx\"", "models.meta.input: a stateful model (state = \"reset\") reads one row a step"),
        ],
    );
}

#[test]
fn a_meta_models_reads_are_checked() {
    let reads = "reads = [\"lr.up\", \"m.up\"]";
    changed(
        &whole(),
        &[
            (reads, "reads = []", "models.meta.reads: names at least one member's value"),
            (reads, "reads = [\"lr.up\", \"lr.up\"]", "models.meta.reads: lr.up is there twice"),
            (reads, "reads = [\"lr.down\"]", "\"lr.down\" is no value of a member that stands before this one; there are lr.up, m.up"),
            (reads, "reads = [\"meta.up\"]", "\"meta.up\" is no value of a member that stands before this one"),
            (reads, "reads = \"lr.up\"", "models.meta.reads: a list expected"),
            ("m = { file = \"m.onnx\"", "m = { reads = [\"lr.up\"], file = \"m.onnx\"", "only a member with input = \"members\" reads others"),
        ],
    );
    let second = "second = { file = \"s.onnx\", sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\", input = \"members\", \
        reads = [\"lr.up\", \"meta.up\", \"third.up\"], form = \"probability\", gives = { up = \"p[0]\" }, abs = 1e-6, rel = 1e-5 }\n";
    let text = whole().replacen("\n[ensemble]", &format!("{second}\n[ensemble]"), 1).replace("meta = 1.0", "meta = 1.0, second = 1.0");
    let found = problems(&text.replace("meta = 1.0, second = 1.0\n", "meta = 1.0\nsecond = 1.0\n"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("models.second.reads: \"meta.up\": meta reads members itself"), "{found:#?}");
    assert!(found[1].contains("\"third.up\" is no value of a member that stands before this one; there are lr.up, m.up"), "{found:#?}");
}

#[test]
fn sets_of_members_are_checked() {
    let set = "trending = [\"lr\"]";
    changed(
        &whole(),
        &[
            (set, "trending = [\"lr\", \"xgb\"]", "ensemble.sets.trending: \"xgb\" is no member of [models]"),
            (set, "trending = [\"lr\", \"lr\"]", "ensemble.sets.trending: lr is there twice"),
            (set, "trending = [\"lr\", \"meta\"]", "ensemble.sets.trending: meta reads m, which is not in the set"),
            (set, "trending = []", "policy.output: no member of ensemble.sets.trending gives up"),
            (set, "trending = \"lr\"", "ensemble.sets.trending: a list expected"),
            ("lr = 1.0, m", "lr = 0.0, m", "ensemble.sets: trending: the members of the set that give up have no weight together in that phase"),
        ],
    );
    let text = whole().replacen("volatile_above = 0.05\ntrending_above = 3.0\n", "", 1).replacen("[ensemble.phase]\n", "", 1);
    let start = text.find("[ensemble.ranging]").unwrap();
    let end = text.find("[ensemble.sets]").unwrap();
    let found = problems(&format!("{}{}", &text[..start], &text[end..]));
    assert!(found.len() == 1 && found[0].contains("ensemble.sets: sets by phase need the thresholds of [ensemble.phase]"), "{found:#?}");
}

#[test]
fn an_opportunitys_keys_are_checked() {
    changed(
        &opportunity(),
        &[
            ("execute_at = 0.8\n", "", "policy.execute_at is missing"),
            ("wait_at = 0.5\n", "", "policy.wait_at is missing"),
            ("min_edge = 2.0\n", "", "policy.min_edge is missing"),
            ("edge = \"net\"\n", "", "policy.min_edge: needs edge"),
            ("wait_at = 0.5", "wait_at = 0.8", "policy.execute_at: needs 0 <= wait_at < execute_at <= 1, found 0.8 and 0.8"),
            ("execute_at = 0.8", "execute_at = 1.1", "policy.execute_at: needs 0 <= wait_at"),
            ("edge = \"net\"", "edge = \"up\"", "policy.edge: \"up\" is no output of [outputs] with another unit than \"probability\""),
            ("edge = \"net\"", "edge = \"none\"", "policy.edge: \"none\" is no output"),
            ("output = \"up\"", "output = \"net\"", "policy.output: \"net\" is no output of [outputs] with unit \"probability\""),
            ("wait_at = 0.5\n", "wait_at = 0.5\nbuy_at = 0.6\n", "unknown key policy.buy_at"),
            ("min_agreement = 0.0\n", "", "policy.min_agreement is missing"),
        ],
    );
    let found = problems(&opportunity().replacen("kind = \"opportunity\"", "kind = \"chance\"", 1));
    assert!(found[0].contains("\"chance\" is none of direction, opportunity"), "{found:#?}");
    let without = opportunity().replacen("edge = \"net\"\nmin_edge = 2.0\n", "", 1);
    Manifest::parse(&without).expect("an edge is optional");
}

//! Scorers: one model on rows that the caller has.

use foretick::Status;
use foretick::engine::{Engine, RowValues, SCORER_RAW, Scorer};
use foretick::types::prediction::backend;

use crate::support::bench::{Bench, bar, by_volume, open};
use crate::support::bundle::{Graph, Member, Options};
use crate::support::ort::library;

/// Two features that a single row can be scaled for: volume (minmax of -1 to 1), and its mean, 0.5 where missing.
fn two() -> Options {
    let features = "[{ op = \"volume\", scale = [\"minmax\"] }, { op = \"volume_sma\", period = 5, missing = 0.5 }]";
    let window = Member::new("w", Graph::Logistic((0..8).map(|at| at as f32 / 8.0 - 0.3).collect(), 0.1));
    Options { features: features.into(), members: vec![Member::new("ratio", Graph::Ratio(2)), window], ..Options::default() }
}

fn engine(config: &str, options: &Options) -> Engine {
    let engine = Engine::open_text(config).unwrap();
    engine.publish_one("s", open(&engine, options).unwrap()).unwrap();
    engine
}

fn scored(scorer: &mut Scorer, rows: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows.len() / scorer.info().width() * scorer.info().outputs];
    scorer.run(rows, &mut out).unwrap();
    out
}

#[track_caller]
fn refused<T>(result: foretick::Result<T>, status: Status, parts: &[&str]) {
    let error = result.map(|_| ()).unwrap_err();
    assert_eq!(error.status(), status, "{error}");
    parts.iter().for_each(|part| assert!(error.text().contains(part), "{part} is not in {error}"));
}

#[test]
fn a_model_is_named_as_in_the_manifest() {
    let engine = engine("threads = 0\n[limits]\nscorers = 2\n", &two());
    refused(engine.open_scorer("t", "lr", 0), Status::NoBundle, &["slot \"t\"", "[s]"]);
    refused(engine.open_scorer("s", "xgb", 0), Status::NotFound, &["tiny", "\"xgb\"", "lr, ratio, w"]);
    refused(engine.open_scorer("s", "lr", 6), Status::InvalidArgument, &["0x6"]);
    let (first, second) = (engine.open_scorer("s", "lr", 0).unwrap(), engine.open_scorer("s", "w", 0).unwrap());
    assert_eq!((first.number(), second.number(), second.info().window, second.info().backend), (0, 1, 4, backend::NATIVE));
    refused(engine.open_scorer("s", "lr", 0), Status::Limit, &["limits.scorers is 2"]);
    assert!(engine.metrics().contains("\nforetick_scorers 2\n"), "{}", engine.metrics());
    drop(first);
    assert_eq!(engine.open_scorer("s", "lr", 0).unwrap().number(), 0, "a number that was given back comes again");
}

#[test]
fn a_scorer_gives_what_the_member_gives() {
    let (mut bench, track) = Bench::start(&by_volume());
    let mut scorer = bench.engine.open_scorer("s", "lr", 0).unwrap();
    for minute in 0..5 {
        bench.decide(track, &bar(bench.stream, minute, minute as f64 / 2.0));
        let (row, details) = (bench.lane.row(track).unwrap(), bench.lane.details(track).unwrap());
        assert_eq!(f64::from(scored(&mut scorer, row.scaled)[1]), details.answer.members[0].value);
    }
}

#[test]
fn a_scorer_stays_with_its_generation_and_may_outlive_the_engine() {
    let engine = engine("", &by_volume());
    let mut old = engine.open_scorer("s", "lr", 0).unwrap();
    let before = scored(&mut old, &[1.5]);
    engine.publish_one("s", open(&engine, &Options { bias: 3.0, version: 2, ..by_volume() }).unwrap()).unwrap();
    let mut new = engine.open_scorer("s", "lr", 0).unwrap();
    assert_eq!((old.info().generation, new.info().generation), (1, 2));
    assert_ne!(scored(&mut new, &[1.5]), before);
    drop(engine);
    assert_eq!(scored(&mut old, &[1.5]), before);
}

/// Row 64: how many rows are scored together changes nothing, bit for bit, on any backend.
#[test]
fn a_batch_equals_single_rows_on_every_backend() {
    let mut backends = vec![("native", backend::NATIVE, two().members)];
    backends.extend(library().map(|_| ("ort", backend::ORT, Vec::new())));
    for (name, bits, members) in backends {
        let engine = engine(&format!("[models]\nbackends = [\"{name}\"]\n"), &Options { members: members.clone(), ..two() });
        for model in std::iter::once("lr").chain(members.iter().map(|member| member.name.as_str()).filter(|name| *name == "w")) {
            let mut scorer = engine.open_scorer("s", model, 0).unwrap();
            assert_eq!(scorer.info().backend, bits);
            let width = scorer.info().width();
            let rows: Vec<f32> = (0..100 * width).map(|at| ((at * 37 % 101) as f32 - 50.0) / 9.0).collect();
            let together = scored(&mut scorer, &rows);
            let singly: Vec<f32> = rows.chunks_exact(width).flat_map(|row| scored(&mut scorer, row)).collect();
            let by_seven: Vec<f32> = rows.chunks(7 * width).flat_map(|rows| scored(&mut scorer, rows)).collect();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!((bits(&together), bits(&together)), (bits(&singly), bits(&by_seven)), "{model} on {name}");
        }
    }
}

#[test]
fn unscaled_rows_are_scaled_as_the_engine_does() {
    let engine = engine("threads = 0", &two());
    let (mut raw, mut plain) = (engine.open_scorer("s", "lr", SCORER_RAW).unwrap(), engine.open_scorer("s", "lr", 0).unwrap());
    let mut out = [0.0; 4];
    raw.run_raw(&[0.2, 7.0, -3.0, f64::NAN], &mut out).unwrap();
    assert_eq!(out.to_vec(), scored(&mut plain, &[0.6, 7.0, -1.0, 0.5]), "minmax of -1 to 1, and what stands for a missing value");
    refused(raw.run_raw(&[0.2, 7.0, f64::NAN, 1.0], &mut out), Status::NotFinite, &["row 1", "column 0 (volume)", "NaN"]);
    refused(raw.run_raw(&[0.2, f64::INFINITY, 0.0, 1.0], &mut out), Status::NotFinite, &["row 0", "column 1 (volume_sma_5)", "inf"]);
    refused(raw.run_raw(&[0.2, 1.0, 0.0, -1e39], &mut out), Status::Range, &["row 1", "column 1", "f32"]);
    let mut window = engine.open_scorer("s", "w", SCORER_RAW).unwrap();
    let mut rows = [0.25; 16];
    rows[13] = f64::NEG_INFINITY;
    refused(window.run_raw(&rows, &mut out), Status::NotFinite, &["row 1", "row 2 of the window, column 1"]);
}

#[test]
fn features_that_a_row_does_not_explain_are_named() {
    let engine = engine("threads = 0", &Options::default());
    refused(engine.open_scorer("s", "lr", SCORER_RAW), Status::Unsupported, &["model lr", "momentum_1", "relative", "without SCORER_RAW"]);
    assert_eq!(scored(&mut engine.open_scorer("s", "lr", 0).unwrap(), &[0.0, -0.5]), [0.5, 0.5]);
}

#[test]
fn wrong_rows_are_refused_and_the_next_ones_scored() {
    let engine = engine("threads = 0", &two());
    let mut scorer = engine.open_scorer("s", "lr", 0).unwrap();
    let mut out = [0.0; 4];
    refused(scorer.run(&[1.0, 2.0, 3.0], &mut out), Status::Shape, &["3 values", "a row has 2"]);
    refused(scorer.run(&[1.0, 2.0], &mut out), Status::Shape, &["room for 4"]);
    refused(scorer.score(RowValues::Scaled(&[1.0])), Status::Shape, &["1 values", "2 (1 x 2)"]);
    refused(scorer.score(RowValues::Raw(&[1.0, 2.0])), Status::InvalidArgument, &["SCORER_RAW"]);
    refused(scorer.run(&[1.0, 2.0, f32::NAN, 0.0], &mut out), Status::NotFinite, &["row 1", "column 0 (volume)", "no missing"]);
    refused(scorer.run(&[1.0, f32::INFINITY, 0.0, 0.0], &mut out), Status::NotFinite, &["row 0", "column 1", "inf"]);
    scorer.run(&[], &mut []).unwrap();
    scorer.run(&[1.0, 2.0, 3.0, 4.0], &mut out).unwrap();
    let mut ratio = engine.open_scorer("s", "ratio", 0).unwrap();
    refused(ratio.run(&[1.0, 2.0, 1.0, 0.0], &mut out), Status::ModelOutput, &["row 1", "NaN", "value 1 of 2"]);
    assert_eq!(scored(&mut ratio, &[1.0, 2.0]), [1.0, 1.0]);
}

#[test]
fn a_meta_model_is_scored_on_the_values_that_it_reads() {
    let meta = Member::over("meta", &["lr.up", "ratio.up"], &[2.0, -1.0], 0.5);
    let options = Options { members: vec![Member::new("ratio", Graph::Ratio(2)), meta], ..two() };
    let engine = engine("threads = 0", &options);
    let mut scorer = engine.open_scorer("s", "meta", 0).unwrap();
    assert_eq!((scorer.info().features, scorer.info().window), (2, 1));
    assert_eq!(scored(&mut scorer, &[0.25, 1.0]), [0.5, 0.5]);
    refused(scorer.run(&[0.25, f32::NAN], &mut [0.0; 2]), Status::NotFinite, &["column 1 (ratio.up)"]);
    refused(engine.open_scorer("s", "meta", SCORER_RAW), Status::Unsupported, &["model meta", "other models' values"]);
}

/// A foreign run that does not come back ends at its deadline; the next row is scored.
#[test]
fn a_run_that_takes_too_long_says_deadline() {
    if library().is_none() {
        return;
    }
    let member = Member::new("loop", Graph::Foreign("endless")).with("deadline_us = 20000");
    let engine = engine("", &Options { members: vec![member], ..by_volume() });
    let mut scorer = engine.open_scorer("s", "loop", 0).unwrap();
    let mut out = vec![0.0; 2 * scorer.info().outputs];
    refused(scorer.run(&[0.0, 2.0], &mut out), Status::Deadline, &["row 1", "20000 us"]);
    assert_eq!(scored(&mut scorer, &[0.0]).len(), scorer.info().outputs);
    let began = std::time::Instant::now();
    drop(engine);
    refused(scorer.run(&[2.0], &mut out[..1]), Status::Closing, &["closed"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
}

/// Windows that slide, come again, jump or end in another row: worked ahead or not, the outputs are the same to the bit.
#[test]
fn windows_worked_ahead_give_what_whole_ones_give() {
    let engine = Engine::open_text("threads = 0").unwrap();
    let bundle = engine.open_bundle(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2")).unwrap();
    engine.publish_one("s", bundle).unwrap();
    for model in ["lstm", "cnn"] {
        let (mut whole, mut ahead) = (engine.open_scorer("s", model, 0).unwrap(), engine.open_scorer("s", model, 0).unwrap());
        let (features, width) = (whole.info().features, whole.info().width());
        let rows: Vec<f32> = (0..features * 400).map(|at| (at as f32 * 0.37).sin()).collect();
        let mut same = |ahead: &mut Scorer, window: &[f32], what: &str| {
            let bits = |out: Vec<f32>| out.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(scored(ahead, window)), bits(scored(&mut whole, window)), "{model}: {what}");
        };
        for step in (0..120).chain(200..260) {
            let window = &rows[step * features..][..width];
            same(&mut ahead, window, "the next window");
            let mut other = window.to_vec();
            other[width - features..].fill(0.25);
            same(&mut ahead, &other, "another newest row");
            other[width - 1] = f32::NAN;
            let place = format!("row {} of the window, column {}", width / features - 1, features - 1);
            refused(ahead.score(RowValues::Scaled(&other)), Status::NotFinite, &[&place]);
            if step % 9 == 4 {
                let mut older = window.to_vec();
                older[features] += 1.0;
                same(&mut ahead, &older, "another row before");
            }
            same(&mut ahead, window, "the window again");
            if step % 5 != 3 {
                ahead.prepare();
            }
        }
    }
}

/// Rows that follow in any order of rows, windows, refused rows and work ahead, scaled or not, against whole windows.
#[test]
fn rows_that_follow_give_what_whole_windows_give() {
    let sim = Engine::open_text("threads = 0").unwrap();
    let bundle = sim.open_bundle(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2")).unwrap();
    sim.publish_one("s", bundle).unwrap();
    let small = engine("threads = 0", &two());
    for (engine, model) in [(&sim, "lstm"), (&sim, "cnn"), (&sim, "lr"), (&small, "w")] {
        let open = || engine.open_scorer("s", model, 0).unwrap();
        let (mut next, mut whole) = (open(), open());
        let (features, width) = (whole.info().features, whole.info().width());
        let (mut window, mut seed) = ((0..width).map(|at| (at as f32 * 0.37).sin()).collect::<Vec<f32>>(), 1_u32);
        if width > features {
            refused(next.score_next(RowValues::Scaled(&window[..features])), Status::WrongState, &["whole"]);
        }
        scored(&mut next, &window);
        for _ in 0..400 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let row: Vec<f32> = (0..features).map(|at| ((seed >> 8) as f32 + at as f32).sin()).collect();
            let follow = |window: &mut Vec<f32>| {
                window.drain(..features);
                window.extend(&row);
            };
            match seed >> 28 {
                0..3 => next.prepare(),
                3 => {
                    // Another window, which nothing was worked ahead for.
                    window[0] += 1.0;
                    scored(&mut next, &window);
                }
                4 => {
                    let mut bad = row.clone();
                    bad[features - 1] = f32::NAN;
                    refused(next.score_next(RowValues::Scaled(&bad)), Status::NotFinite, &[&format!("column {}", features - 1)]);
                    refused(next.score_next(RowValues::Scaled(&row[1..])), Status::Shape, &[&format!("(1 x {features})")]);
                }
                5..8 => {
                    // A whole window that follows.
                    follow(&mut window);
                    scored(&mut next, &window);
                }
                _ => {
                    follow(&mut window);
                    let given = next.score_next(RowValues::Scaled(&row)).unwrap().to_vec();
                    assert!(given.iter().zip(scored(&mut whole, &window)).all(|(a, b)| a.to_bits() == b.to_bits()), "{model}");
                }
            }
        }
    }
}

#[test]
fn unscaled_rows_follow_and_a_row_that_the_model_fails_on_is_in_the_window() {
    let mut options = two();
    options.members.push(Member::new("over", Graph::Ratio(8)));
    let engine = engine("threads = 0", &options);
    let (mut raw, mut plain) = (engine.open_scorer("s", "w", SCORER_RAW).unwrap(), engine.open_scorer("s", "w", 0).unwrap());
    let mut out = [0.0; 2];
    raw.run_raw(&[0.25; 8], &mut out).unwrap();
    refused(raw.score_next(RowValues::Raw(&[f64::NAN, 1.0])), Status::NotFinite, &["column 0 (volume)"]);
    refused(raw.score_next(RowValues::Raw(&[0.25, 1e300])), Status::Range, &["column 1"]);
    refused(raw.score_next(RowValues::Scaled(&[0.25, 1.0])), Status::InvalidArgument, &["SCORER_RAW"]);
    let given = raw.score_next(RowValues::Raw(&[0.2, f64::NAN])).unwrap().to_vec();
    assert_eq!(given, scored(&mut plain, &[0.625, 0.25, 0.625, 0.25, 0.625, 0.25, 0.6, 0.5]), "minmax of -1 to 1, and what stands for a missing value");
    let mut over = engine.open_scorer("s", "over", 0).unwrap();
    scored(&mut over, &[1.0; 8]);
    refused(over.score_next(RowValues::Scaled(&[0.0, 1.0])), Status::ModelOutput, &["NaN", "value 6"]);
    for at in [4, 2, 0] {
        refused(over.score_next(RowValues::Scaled(&[1.0; 2])), Status::ModelOutput, &[&format!("value {at} ")]);
    }
    assert_eq!(over.score_next(RowValues::Scaled(&[1.0; 2])).unwrap(), [1.0; 8], "the row has left the window");
}

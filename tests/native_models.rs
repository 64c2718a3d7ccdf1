//! Every fixture through the graph reader and the native kernels, against the library that trained it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foretick::Status;
use foretick::model::backend::{Backend, Instance};
use foretick::model::native::{self, Kept, Level};
use foretick::model::onnx_ir::{Dim, Graph};
use foretick::model::precision::Precision;
use foretick::model::watchdog::RunLimit;

/// |ours - theirs| <= ABS + REL |theirs|
const ABS: f64 = 1e-6;
const REL: f64 = 1e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fixtures")
}

fn parsed(path: &Path) -> Graph {
    Graph::parse(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compiled(path: &Path) -> Arc<dyn Backend> {
    native::compile(&parsed(path), None).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn load(name: &str) -> Arc<dyn Backend> {
    compiled(&folder().join(name).with_extension("onnx"))
}

fn graphs(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "onnx")).collect();
    found.sort();
    found
}

fn fixtures() -> Vec<PathBuf> {
    graphs(&folder())
}

fn is_refused(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with("refused_")
}

/// Neural networks; those that no kernel runs apart.
fn nets() -> (Vec<PathBuf>, Vec<PathBuf>) {
    graphs(&folder().join("nets")).into_iter().partition(|path| !is_refused(path))
}

/// The table of `CASE.onnx` or `CASE.VARIANT.onnx`: several graphs of one model share it.
fn table_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap().to_string_lossy();
    path.with_file_name(format!("{}.csv", name.split('.').next().unwrap()))
}

/// Header of a table: the input columns, then the outputs.
fn header(path: &Path) -> (Vec<String>, Vec<String>) {
    let text = fs::read_to_string(table_path(path)).unwrap();
    text.lines().next().unwrap().split(',').map(str::to_owned).partition(|name| name.starts_with('x'))
}

/// A fixture's rows with the answers that belong to them, and where those stand among the model's outputs.
struct Table {
    rows: Vec<Vec<f32>>,
    answers: Vec<Vec<f64>>,
    columns: Vec<usize>,
}

impl Table {
    fn read(path: &Path, backend: &dyn Backend) -> Table {
        let text = fs::read_to_string(table_path(path)).unwrap();
        let (inputs, outputs) = header(path);
        let (inputs, columns) = (inputs.len(), outputs.iter().map(|name| column(backend, name)).collect());
        let mut table = Table { rows: Vec::new(), answers: Vec::new(), columns };
        for line in text.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            table.rows.push(cells[..inputs].iter().map(|cell| cell.parse().unwrap()).collect());
            table.answers.push(cells[inputs..].iter().map(|cell| cell.parse().unwrap()).collect());
        }
        table
    }
}

/// Where `tensor[column]` stands.
fn column(backend: &dyn Backend, name: &str) -> usize {
    let (tensor, index) = name.trim_end_matches(']').split_once('[').unwrap();
    let mut start = 0;
    for port in backend.outputs() {
        if port.name == tensor {
            return start + index.parse::<usize>().unwrap();
        }
        start += port.width();
    }
    panic!("no output {tensor}");
}

fn instance(backend: &Arc<dyn Backend>) -> Box<dyn Instance> {
    backend.clone().instance(&RunLimit::none()).unwrap()
}

fn run(backend: &Arc<dyn Backend>, row: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; backend.output_width()];
    instance(backend).run(row, &mut out).unwrap();
    out
}

#[test]
fn every_fixture_gives_what_its_library_gives() {
    let (fixtures, (nets, _)) = (fixtures(), nets());
    assert!(fixtures.len() >= 20 && nets.len() >= 60, "fixtures are missing");
    let mut wrong = Vec::new();
    for path in fixtures.iter().chain(&nets) {
        let backend = match native::compile(&parsed(path), None) {
            Ok(backend) => backend,
            Err(error) => {
                wrong.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let table = Table::read(path, &*backend);
        assert!(table.rows.len() >= 30 && !table.columns.is_empty());
        let (mut worst, mut misses) = (0.0_f64, 0);
        for (row, answers) in table.rows.iter().zip(&table.answers) {
            let out = run(&backend, row);
            for (column, theirs) in table.columns.iter().zip(answers) {
                let error = (f64::from(out[*column]) - theirs).abs();
                worst = worst.max(error / (1.0 + theirs.abs()));
                // No answer of any of these models is NaN.
                misses += usize::from(error.is_nan() || error > ABS + REL * theirs.abs());
            }
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        println!("{name:32} {} rows, worst {worst:.1e}, {} bytes; {}: {}", table.rows.len(), backend.memory_bytes(), backend.family(), backend.summary());
        if misses > 0 {
            wrong.push(format!("{name}: {misses} values, worst {worst:e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A window's columns are `x0_0` to `x5_2`: the last one tells its 6 steps of 3 features, which the graph must agree with.
#[test]
fn every_neural_graph_fits_its_table() {
    let (found, refused) = nets();
    assert!(found.len() >= 60 && refused.len() >= 5, "fixtures are missing");
    for path in &found {
        let graph = parsed(path);
        let [input] = graph.inputs.as_slice() else { panic!("{}: several inputs", path.display()) };
        let (inputs, _) = header(path);
        let last: Vec<usize> = inputs.last().unwrap()[1..].split('_').map(|number| number.parse().unwrap()).collect();
        let fixed: Vec<Dim> = last.iter().map(|last| Dim::Fixed(last + 1)).collect();
        assert_eq!(input.dims.as_ref().unwrap()[1..], fixed, "{}", path.display());
        assert_eq!(inputs.len(), last.iter().map(|last| last + 1).product::<usize>(), "{}", path.display());
    }
}

#[test]
fn what_no_kernel_runs_is_refused() {
    for path in nets().1 {
        let error = native::compile(&parsed(&path), None).expect_err(&path.display().to_string());
        // No standard node has the shapes of a projection: that one is a fault of the graph.
        assert!(matches!(error.status(), Status::Operator | Status::Model), "{}: {error}", path.display());
    }
}

#[test]
fn backends_say_what_they_are() {
    let linear = load("four_logistic");
    assert_eq!((linear.family(), linear.inputs()[0].name.as_str(), linear.inputs()[0].dims.as_slice()), ("linear", "x", &[1, 5][..]));
    assert_eq!(linear.outputs().len(), 1);
    assert_eq!((linear.outputs()[0].name.as_str(), linear.outputs()[0].dims.as_slice()), ("p", &[1, 4][..]));
    assert!(!linear.accepts_missing() && linear.thresholds().is_empty());
    let trees = load("xgb_2_missing");
    assert_eq!((trees.family(), trees.inputs()[0].name.as_str()), ("tree ensemble", "X"));
    assert!(trees.summary().starts_with("17 trees, depth 3, ") && trees.summary().contains(" nodes, <, missing values, "), "{}", trees.summary());
    assert!(trees.accepts_missing());
    assert_eq!(trees.outputs().iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["probabilities"]);
    let thresholds = trees.thresholds();
    assert!(thresholds.len() > 20 && thresholds.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_wrong_length_gives_nan_and_no_panic() {
    for path in fixtures().into_iter().chain(nets().0) {
        let backend = compiled(&path);
        let (mut instance, mut out) = (instance(&backend), vec![0.0; backend.output_width()]);
        instance.run(&vec![1.0; backend.input_width() - 1], &mut out).unwrap();
        assert!(out.iter().all(|value| value.is_nan()));
        let mut short = vec![0.0; backend.output_width() + 1];
        instance.run(&vec![1.0; backend.input_width()], &mut short).unwrap();
        assert!(short.iter().all(|value| value.is_nan()));
    }
}

/// Every sum over trees has one order: the answers of one row are the same bits every time, whatever ran before.
#[test]
fn answers_do_not_depend_on_scratch() {
    for path in fixtures().into_iter().chain(nets().0) {
        let backend = compiled(&path);
        let row: Vec<f32> = [0.3, -1.2, 0.0, 2.5, -0.7].into_iter().cycle().take(backend.input_width()).collect();
        let first = run(&backend, &row);
        let (mut instance, mut out) = (instance(&backend), vec![0.0; backend.output_width()]);
        instance.run(&vec![f32::NAN; row.len()], &mut out).unwrap();
        instance.run(&row, &mut out).unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&first), bits(&out), "{}", path.display());
    }
}

fn kept(graph: &Graph, level: Level, precision: Precision) -> foretick::Result<Arc<dyn Backend>> {
    native::compile_kept(graph, None, level, Kept { precision, ..Kept::default() })
}

/// Networks in every precision that they can be kept in.
fn precise_nets() -> Vec<(PathBuf, Precision)> {
    let able = |path: &PathBuf, precision: Precision| kept(&parsed(path), Level::best(), precision).is_ok();
    let precisions = Precision::NAMES.map(|(_, precision)| precision);
    nets().0.iter().flat_map(|path| precisions.into_iter().filter(|precision| able(path, *precision)).map(|precision| (path.clone(), precision))).collect()
}

/// Smaller weights give other values, near those that the file's weights give, and are kept by recurrent layers alone.
#[test]
fn smaller_weights_are_near_the_stored_ones() {
    let mut smaller = Vec::new();
    for (path, precision) in precise_nets().into_iter().filter(|(_, precision)| *precision != Precision::F32) {
        let (whole, reduced) = (compiled(&path), kept(&parsed(&path), Level::best(), precision).unwrap());
        let rows = Table::read(&path, &*whole).rows;
        let apart = |row: &Vec<f32>| run(&whole, row).iter().zip(run(&reduced, row)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let most = rows.iter().map(apart).fold(0.0, f32::max);
        let allowed = if precision == Precision::Int8 { 0.2 } else { 0.01 };
        assert!(most < allowed, "{} in {}: {most}", path.display(), precision.name());
        assert!(reduced.summary().contains(precision.name()), "{}", reduced.summary());
        smaller.push((path, precision, most > 0.0));
    }
    // Of `lstm_stack` all units before the output are off on every row, so that it gives its biases alone.
    let stack = |path: &PathBuf| path.display().to_string().contains("lstm_stack");
    assert!(smaller.len() > 10 && smaller.iter().all(|(path, _, differs)| *differs != stack(path)), "{smaller:?}");
    let dense = nets().0.into_iter().find(|path| path.display().to_string().contains("cnn")).unwrap();
    let error = kept(&parsed(&dense), Level::best(), Precision::Int8).unwrap_err();
    assert_eq!(error.status(), Status::Operator);
    assert!(error.text().contains("int8 is kept by LSTM and GRU layers, and this graph has none"), "{error}");
}

/// The same bits whatever the instruction set, over the table's rows and over rows of denormals, extremes and what is not finite.
#[test]
fn every_instruction_set_gives_the_same_bits() {
    let levels = Level::available();
    for (path, precision) in precise_nets() {
        let graph = parsed(&path);
        let backends: Vec<Arc<dyn Backend>> = levels.iter().map(|level| kept(&graph, *level, precision).unwrap()).collect();
        let mut rows = Table::read(&path, &*backends[0]).rows;
        let width = backends[0].input_width();
        for special in [1.0e-40, -1.0e-45, 3.0e38, -3.0e38, 1.0e-20, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            rows.push(vec![special; width]);
            rows.push((0..width).map(|i| if i % 5 == 2 { special } else { (i as f32).sin() }).collect());
        }
        for row in &rows {
            // Which NaN a NaN is, is not told.
            let bits = |backend| run(backend, row).iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect::<Vec<_>>();
            let first = bits(&backends[0]);
            assert!(backends.iter().all(|backend| bits(backend) == first), "{} {} {row:?}", path.display(), precision.name());
        }
    }
}

/// Rows of a market that never repeats, with what is hard among them.
fn stream(rows: usize, width: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..rows * width).map(|i| ((i * i) as f32 * 0.37).sin() * 1.5).collect();
    for (at, special) in [1.0e-40, -0.0, 3.0e38, f32::INFINITY, f32::NAN].into_iter().enumerate() {
        values[(rows / 2 + 3 * at) * width + at % width] = special;
    }
    values
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect()
}

/// Prepared for or not, at every level, step by step, after jumps of every length and backwards: the whole window's bits.
#[test]
fn what_ran_ahead_gives_the_bits_of_the_whole_window() {
    let mut ahead_of = Vec::new();
    for ((path, precision), level) in precise_nets().iter().flat_map(|net| Level::available().into_iter().map(move |level| (net, level))) {
        let backend = kept(&parsed(path), level, *precision).unwrap();
        let Some(mut ahead) = backend.clone().ahead() else { continue };
        let [1, rows, width] = backend.inputs()[0].dims[..] else { panic!("{} reads no window", path.display()) };
        let (stream, mut whole) = (stream(8 * rows, width), instance(&backend));
        let (mut out, mut expected) = (vec![0.0; backend.output_width()], vec![0.0; backend.output_width()]);
        assert!(!ahead.run(&stream[..rows * width], &mut out), "nothing was prepared");
        let jumps = std::iter::repeat_n(1, 3 * rows).chain(2..rows + 2).take_while({
            let mut end = rows;
            move |jump| {
                end += jump;
                end < 8 * rows
            }
        });
        let mut first = 0;
        for jump in jumps.collect::<Vec<_>>() {
            ahead.prepare(&stream[first * width..][..rows * width]);
            let next = &stream[(first + 1) * width..][..rows * width];
            assert!(ahead.run(next, &mut out), "{} {first}", path.display());
            whole.run(next, &mut expected).unwrap();
            assert_eq!(bits(&out), bits(&expected), "{} {} {} at {first}", path.display(), precision.name(), level.name());
            assert!(ahead.run(next, &mut expected), "an answer changes nothing");
            assert_eq!(bits(&out), bits(&expected));
            first += jump;
        }
        ahead.prepare(&stream[..rows * width]);
        ahead.prepare(&stream[..rows * width]);
        let mut next = stream[width..][..rows * width].to_vec();
        assert!(ahead.run(&next, &mut out), "back again, and prepared twice");
        whole.run(&next, &mut expected).unwrap();
        assert_eq!(bits(&out), bits(&expected));
        next[0] = next[0].next_up();
        assert!(!ahead.run(&next, &mut out) && !ahead.run(&next[1..], &mut out), "another window");
        ahead_of.push(path.file_name().unwrap().to_string_lossy().split('.').next().unwrap().to_owned());
    }
    ahead_of.sort();
    ahead_of.dedup();
    // The others would have to make more than half of their work again: causal convolutions of which the last step alone is asked make
    // only what it looks back at, an LSTM behind a convolution reads all of that one's result, and a Transformer that is not causal all steps.
    let convolutions = "cnn_depthwise cnn_dilated cnn_padded cnn_same cnn_stride";
    let recurrent = "keras_gru_1 keras_gru_2 keras_lstm_1 keras_lstm_2 lstm_1 lstm_2 lstm_no_bias lstm_stack lstm_time_first lstm_wide";
    assert_eq!(ahead_of.join(" "), format!("{convolutions} gru_1 gru_2 gru_state gru_time_first keras_cnn keras_cnn_causal {recurrent} transformer_causal"));
}

/// A value that a network reads and that is not there must not become a number.
#[test]
fn nan_comes_out_of_every_network() {
    for path in nets().0 {
        let backend = compiled(&path);
        assert!(!backend.accepts_missing());
        let width = backend.input_width();
        // Strides and causal heads need not reach every value of the window.
        let everywhere = path.display().to_string().contains("cnn");
        for at in [0, width / 2, width - 1] {
            let mut row: Vec<f32> = (0..width).map(|i| (i as f32).cos()).collect();
            row.iter_mut().enumerate().filter(|(index, _)| everywhere || *index == at).for_each(|(_, value)| *value = f32::NAN);
            assert!(run(&backend, &row).iter().all(|value| value.is_nan()), "{} {at}", path.display());
        }
    }
}

/// A model of denormal inputs is as its library has it, and the caller's arithmetic is left alone.
#[test]
fn denormals_of_the_caller_survive_a_run() {
    let backend = compiled(&folder().join("nets/lstm_2.script17.onnx"));
    let tiny = std::hint::black_box(1.0e-40_f32);
    assert!(run(&backend, &vec![tiny; backend.input_width()]).iter().all(|value| value.is_finite()));
    assert!(tiny * std::hint::black_box(0.5) > 0.0);
}

#[test]
fn networks_say_what_they_are() {
    for (name, family, summary) in [
        ("lstm_2.script17", "lstm", "LSTM "),
        ("gru_2.dynamo18", "gru", "GRU "),
        ("cnn_dilated.script17", "cnn", "conv "),
        ("mlp_relu.dynamo18", "mlp", "dense "),
        ("cnn_lstm.script17", "lstm", "conv "),
    ] {
        let backend = compiled(&folder().join(format!("nets/{name}.onnx")));
        assert!((backend.family(), backend.summary().starts_with(summary)) == (family, true), "{name}: {} {}", backend.family(), backend.summary());
    }
}

#[test]
fn infinite_inputs_take_a_side() {
    for path in fixtures() {
        let backend = compiled(&path);
        if backend.family() == "tree ensemble" {
            for value in [f32::INFINITY, f32::NEG_INFINITY] {
                assert!(run(&backend, &vec![value; backend.input_width()]).iter().all(|value| value.is_finite()), "{}", path.display());
            }
        }
    }
}

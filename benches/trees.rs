//! Tree ensembles of the usual shapes, one new row a call, beside ONNX Runtime's C API with bound buffers, alternating in one loop.
//! Hot: 64 calls of the one, then of the other. By turns: single calls, so that each finds the other's nodes in the caches. Cold: as
//! by turns, after 6 MB have been read. Ways: every way down that fits, by turns, whichever the rule chooses. Prints a table; without `ORT_DYLIB_PATH` only our side is timed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "support/forest.rs"]
mod forest;
#[path = "../tests/support/graphs.rs"]
mod graphs;
#[path = "support/peer.rs"]
mod peer;

use std::hint::black_box;
use std::time::Instant;

use forest::{Forest, Grow, Random};
use foretick::model::backend::Instance;
use foretick::model::native::{Descent, Kept, Level, compile, compile_kept};
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;
use hdrhistogram::Histogram;
use ort::environment::Environment;
use peer::Peer;

/// What is read before a cold call, in bytes.
const SWEEP: usize = 6_000_000;

const FORESTS: [Forest; 10] = [
    Forest { name: "random forest, 100 trees, depth 8", trees: 100, columns: 25, grow: Grow::Depth(8), mode: "BRANCH_LEQ", missing: false },
    Forest { name: "XGBoost, 200 trees, depth 6", trees: 200, columns: 25, grow: Grow::Depth(6), mode: "BRANCH_LT", missing: true },
    Forest { name: "XGBoost, 200 trees, depth 5", trees: 200, columns: 25, grow: Grow::Depth(5), mode: "BRANCH_LT", missing: true },
    Forest { name: "XGBoost, 150 trees, depth 3", trees: 150, columns: 25, grow: Grow::Depth(3), mode: "BRANCH_LT", missing: true },
    Forest { name: "LightGBM, 200 trees, 31 leaves", trees: 200, columns: 25, grow: Grow::Leaves(31), mode: "BRANCH_LEQ", missing: true },
    Forest { name: "LightGBM, 200 trees, 63 leaves", trees: 200, columns: 25, grow: Grow::Leaves(63), mode: "BRANCH_LEQ", missing: true },
    Forest { name: "LightGBM, 200 trees, 255 leaves", trees: 200, columns: 25, grow: Grow::Leaves(255), mode: "BRANCH_LEQ", missing: true },
    Forest { name: "LightGBM, 1,000 trees, 31 leaves", trees: 1_000, columns: 60, grow: Grow::Leaves(31), mode: "BRANCH_LEQ", missing: true },
    Forest { name: "LightGBM, 200 trees, 31 leaves, 400 columns", trees: 200, columns: 400, grow: Grow::Leaves(31), mode: "BRANCH_LEQ", missing: true },
    Forest { name: "GBT_A, 250 trees, 11 leaves", trees: 250, columns: 60, grow: Grow::Leaves(11), mode: "BRANCH_LEQ", missing: false },
];

/// The times of both sides, in nanoseconds.
struct Times {
    ours: Histogram<u64>,
    theirs: Histogram<u64>,
}

/// Runs both sides by turns.
struct Duel {
    instance: Box<dyn Instance>,
    peer: Option<Peer>,
    rows: Vec<Vec<f32>>,
    cache: Vec<u64>,
}

impl Duel {
    fn ours(&mut self, row: usize, sweep: usize) -> (u64, f32) {
        self.sweep(sweep);
        let mut out = [0.0];
        let start = Instant::now();
        self.instance.run(black_box(&self.rows[row]), &mut out).unwrap();
        (start.elapsed().as_nanos() as u64, out[0])
    }

    fn theirs(&mut self, row: usize, sweep: usize) -> Option<(u64, f32)> {
        self.peer.as_mut()?.fill(&self.rows[row..=row]);
        self.sweep(sweep);
        let peer = self.peer.as_mut()?;
        let start = Instant::now();
        let score = black_box(peer.run());
        Some((start.elapsed().as_nanos() as u64, score))
    }

    fn sweep(&self, bytes: usize) {
        black_box(self.cache[..bytes / 8].iter().step_by(8).sum::<u64>());
    }

    /// Times `calls` calls of each side, `run` by `run`.
    fn times(&mut self, calls: usize, run: usize, sweep: usize) -> Times {
        let new = || Histogram::<u64>::new(3).unwrap();
        let mut times = Times { ours: new(), theirs: new() };
        for start in (0..calls).step_by(run) {
            let rows: Vec<usize> = (start..start + run).map(|call| call % self.rows.len()).collect();
            let scores: Vec<f32> = rows.iter().map(|row| recorded(&mut times.ours, self.ours(*row, sweep))).collect();
            for (row, score) in rows.iter().zip(scores) {
                let Some(theirs) = self.theirs(*row, sweep) else { continue };
                let theirs = recorded(&mut times.theirs, theirs);
                assert!((score - theirs).abs() < 1e-5, "{score} here, {theirs} there");
            }
        }
        times
    }
}

fn recorded(times: &mut Histogram<u64>, (ns, score): (u64, f32)) -> f32 {
    times.record(ns).unwrap();
    score
}

fn duel(environment: Option<&Environment>, forest: &Forest) -> (String, Duel) {
    let file = forest.file(7);
    let backend = compile(&Graph::parse(&file).unwrap(), None).unwrap();
    let peer = environment.map(|environment| Peer::open(environment, forest.name, &file, &[1, forest.columns]));
    let rows = Random(11).rows(1_024, forest.columns);
    let instance = backend.clone().instance(&RunLimit::none()).unwrap();
    (backend.summary(), Duel { instance, peer, rows, cache: vec![1; SWEEP / 8] })
}

/// Every way down an ensemble that fits it: name and p50 in nanoseconds, one call of each in turns.
fn ways(forest: &Forest, calls: usize) -> Vec<(&'static str, u64)> {
    let graph = Graph::parse(&forest.file(7)).unwrap();
    let built = |descent| compile_kept(&graph, None, Level::best(), Kept { descent: Some(descent), ..Kept::default() }).ok();
    let fitting = Descent::ALL.into_iter().filter_map(|descent| Some((descent.name(), built(descent)?)));
    let new = || Histogram::<u64>::new(3).unwrap();
    let mut ways: Vec<_> = fitting.map(|(name, backend)| (name, backend.instance(&RunLimit::none()).unwrap(), new())).collect();
    let rows = Random(11).rows(1_024, forest.columns);
    for call in 0..calls {
        for (_, instance, times) in &mut ways {
            let start = Instant::now();
            instance.run(black_box(&rows[call % rows.len()]), &mut [0.0]).unwrap();
            times.record(start.elapsed().as_nanos() as u64).unwrap();
        }
    }
    ways.into_iter().map(|(name, _, times)| (name, times.value_at_quantile(0.5))).collect()
}

fn line(what: &str, times: &Times) {
    let at = |times: &Histogram<u64>, quantile: f64| times.value_at_quantile(quantile);
    let [p50, p99] = [0.5, 0.99].map(|quantile| at(&times.ours, quantile));
    let [their50, their99] = [0.5, 0.99].map(|quantile| at(&times.theirs, quantile));
    let ratio = |theirs: u64, ours: u64| theirs as f64 / ours as f64;
    println!("  {what:<6} {p50:>8} {p99:>8} {their50:>10} {their99:>8} {:>10.1} {:>8.1}", ratio(their50, p50), ratio(their99, p99));
}

fn main() {
    // `cargo test --benches` runs it once.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (hot, cold) = if quick { (100, 10) } else { (100_000, 5_000) };
    let environment = peer::environment();
    println!("{:<8} {:>8} {:>8} {:>10} {:>8} {:>10} {:>8}", "ns", "p50", "p99", "ORT p50", "p99", "ratio p50", "p99");
    for forest in &FORESTS {
        let (summary, mut duel) = duel(environment.as_ref(), forest);
        println!("{}: {summary}", forest.name);
        duel.times(hot / 20, 1, 0);
        line("hot", &duel.times(hot, 64, 0));
        line("turns", &duel.times(hot, 1, 0));
        line("cold", &duel.times(cold, 1, SWEEP));
        let ways: Vec<String> = ways(forest, hot / 5).into_iter().map(|(name, ns)| format!("{name} {ns}")).collect();
        println!("  ways   {}", ways.join(", "));
    }
}

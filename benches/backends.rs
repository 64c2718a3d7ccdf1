//! What one row costs in each member of the shipped bundles, and one window in networks of usual sizes.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[path = "../tests/support/graphs.rs"]
mod graphs;
mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use foretick::model::backend::Backend;
use foretick::model::native::{Level, compile_for};
use foretick::model::onnx_ir::Graph;
use foretick::model::watchdog::RunLimit;

/// Rows that differ, so that no path through a tree is learnt by heart.
fn rows(width: usize) -> Vec<Vec<f32>> {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * 2.0
    };
    (0..1_024).map(|_| (0..width).map(|_| random()).collect()).collect()
}

fn members(c: &mut Criterion) {
    for folder in ["sim/v1", "btc-1m/v1", "btc-1m-ohlcv/v1"] {
        let (_engine, bundle) = support::bundle(folder);
        for member in &bundle.members {
            let backend = &member.backend;
            let (rows, mut at) = (rows(backend.input_width()), 0);
            let (mut instance, mut out) = (backend.clone().instance(&RunLimit::none()).unwrap(), vec![0.0; backend.output_width()]);
            c.bench_function(&format!("{folder} {}: {}", member.spec.name, backend.summary()), |b| {
                b.iter(|| {
                    at = (at + 1) % rows.len();
                    instance.run(black_box(&rows[at]), &mut out).unwrap();
                    out[0]
                });
            });
        }
    }
}

/// Whole windows with every instruction set of this processor but the portable one.
fn networks(c: &mut Criterion) {
    for (op, steps, features, layers) in [("LSTM", 60, 25, &[64, 64][..]), ("LSTM", 60, 5, &[128, 64, 32]), ("GRU", 60, 25, &[64, 64])] {
        let graph = Graph::parse(&graphs::stack(op, steps, features, layers)).unwrap();
        for level in Level::available().into_iter().skip(1) {
            let backend = compile_for(&graph, None, level).unwrap();
            let (rows, mut at) = (rows(backend.input_width()), 0);
            let (mut instance, mut out) = (backend.clone().instance(&RunLimit::none()).unwrap(), vec![0.0; backend.output_width()]);
            c.bench_function(&format!("{}: {}", level.name(), backend.summary()), |b| {
                b.iter(|| {
                    at = (at + 1) % 64;
                    instance.run(black_box(&rows[at]), &mut out).unwrap();
                    out[0]
                });
            });
            ahead(c, &format!("{}: {}", level.name(), backend.summary()), &backend, features as usize);
        }
    }
}

/// The same over a sliding window: the newest row when all before it was prepared for, and the preparing.
fn ahead(c: &mut Criterion, name: &str, backend: &Arc<dyn Backend>, features: usize) {
    let (width, mut ahead) = (backend.input_width(), backend.clone().ahead().unwrap());
    let (stream, mut first) = (rows(features).concat(), 0);
    let mut out = vec![0.0; backend.output_width()];
    c.bench_function(&format!("{name}, ahead: prepare for the next row"), |b| {
        b.iter(|| {
            first = (first + features) % (stream.len() - 2 * width);
            ahead.prepare(black_box(&stream[first..first + width]));
        });
    });
    let next = &stream[first + features..][..width];
    c.bench_function(&format!("{name}, ahead: the newest row"), |b| b.iter(|| assert!(ahead.run(black_box(next), &mut out))));
}

criterion_group!(benches, members, networks);
criterion_main!(benches);

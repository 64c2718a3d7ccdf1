//! What a swap costs the publisher, and what the reader pays for being swappable.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use foretick::model::instances::RunPolicy;
use foretick::model::store::{Publish, Store};
use foretick::model::watchdog::RunLimit;
use support::{Market, SLOT};

fn store(c: &mut Criterion) {
    let (_engine, bundle) = support::bundle("sim/v1");
    let store = Store::new(RunPolicy::new(RunLimit::none()));
    let item = [Publish { slot: SLOT.into(), bundle, replace: false }];
    store.publish(&item, 64, true).unwrap();
    let mut readers = store.readers();
    store.read(&mut readers, SLOT).unwrap();
    c.bench_function("generation check, nothing new", |b| b.iter(|| readers.enter()[0].generation.number));
    c.bench_function("publish", |b| b.iter(|| store.publish(&item, 64, true).unwrap()));
    c.bench_function("entering after a publish", |b| {
        b.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                store.publish(&item, 64, true).unwrap();
                let start = Instant::now();
                std::hint::black_box(readers.enter()[0].generation.number);
                elapsed += start.elapsed();
            }
            elapsed
        });
    });
}

/// Predictions while another thread publishes a hundred times a second.
fn predict_while_swapping(c: &mut Criterion) {
    let mut market = Market::open();
    let bundle = market.engine.open_bundle(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v2")).unwrap();
    let (stop, engine) = (AtomicBool::new(false), market.engine.clone());
    std::thread::scope(|scope| {
        let stop = &stop;
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                engine.publish_one(SLOT, bundle.clone()).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        c.bench_function("a step of 3 tracks while bundles are published", |b| b.iter_custom(|steps| market.time_steps(steps, true)));
        stop.store(true, Ordering::Relaxed);
    });
}

criterion_group!(benches, store, predict_while_swapping);
criterion_main!(benches);

//! From simulated events to predictions: a whole step, and its parts.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use support::Market;

/// Three pairs on two venues, a pool and a chain: about 31 events and 3 predictions a step.
fn steps(c: &mut Criterion) {
    let mut market = Market::open();
    c.bench_function("a step of 3 tracks: about 31 events, 78 features, 3 predictions", |b| b.iter_custom(|steps| market.time_steps(steps, true)));
    c.bench_function("the same without predictions", |b| b.iter_custom(|steps| market.time_steps(steps, false)));
    c.bench_function("one prediction: logistic regression, XGBoost, ensemble, decision", |b| {
        b.iter_custom(|iterations| {
            let (mut elapsed, mut made) = (Duration::ZERO, 0);
            while made < iterations {
                market.step(|lane, due, known_ns| {
                    for id in due {
                        let start = Instant::now();
                        drop(lane.predict(*id, known_ns));
                        elapsed += start.elapsed();
                        made += 1;
                    }
                });
            }
            elapsed.mul_f64(iterations as f64 / made as f64)
        });
    });
}

criterion_group!(benches, steps);
criterion_main!(benches);

//! What it costs to check an event, to apply it without closing a step, and to keep the window.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foretick::engine::Extractor;
use foretick::features::spec::Schema;
use foretick::ingest::gate;
use foretick::types::event::{Book, Quote, Record, Trade};
use foretick::window::rolling::Rolling;
use foretick::window::sampler::{Price, SamplerSpec, Sampling};

/// One step lasts longer than the bench: no event closes one.
const ENDLESS: SamplerSpec =
    SamplerSpec { sampling: Sampling::Time, interval_ns: 365 * 86_400_000_000_000, price: Price::Trade, reset_after: None, max_book_age_ns: None };
const START: i64 = 1_704_067_200_000_000_001;

fn levels(side: f64) -> Vec<(f64, f64)> {
    (0..10).map(|i| (100.0 + side * (0.5 + i as f64), 1.0 + i as f64)).collect()
}

fn gate_checks(c: &mut Criterion) {
    let mut group = c.benchmark_group("gate");
    let trade = Trade { price: 100.0, size: 1.0, side: 1, ..Trade::of(1, START) };
    let book = Book::of(1, START, &levels(-1.0), &levels(1.0));
    group.bench_function("trade", |b| b.iter(|| gate::check(black_box(trade.slots())).is_ok()));
    group.bench_function("book of 10 levels", |b| b.iter(|| gate::check(black_box(book.slots())).is_ok()));
    group.finish();
}

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    group.throughput(Throughput::Elements(1));
    let trade = Trade { price: 100.0, size: 1.0, side: 1, ..Trade::of(1, START) };
    let quote = Quote { bid_px: 99.5, bid_qty: 1.0, ask_px: 100.5, ask_qty: 1.0, ..Quote::of(1, START) };
    let book = Book::of(1, START, &levels(-1.0), &levels(1.0));
    let records: [(&str, &dyn Record); 3] = [("trade", &trade), ("quote", &quote), ("book of 10 levels", &book)];
    for (name, record) in records {
        let mut extractor = Extractor::new(Arc::new(Schema::baseline25(ENDLESS).unwrap()));
        group.bench_function(name, |b| b.iter(|| extractor.push(0, black_box(record.slots()), &mut |_| {})));
    }
    group.finish();
}

fn rolling(c: &mut Criterion) {
    let mut group = c.benchmark_group("rolling");
    for (rows, width) in [(60, 25), (100, 250)] {
        let mut window = Rolling::new(rows, width);
        group.bench_function(format!("commit {rows} x {width}"), |b| {
            b.iter(|| {
                window.next_row().0.fill(black_box(1.0));
                window.commit();
                window.values().len()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, gate_checks, apply, rolling);
criterion_main!(benches);

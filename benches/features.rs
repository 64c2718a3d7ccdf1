//! What a step costs: the 25 baseline features, a thousand over many periods, and each operator alone.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use foretick::features::row::RowEngine;
use foretick::features::scale::{Scale, Stats};
use foretick::features::spec::Schema;
use foretick::ingest::book::RoleBook;
use foretick::types::event::Book;
use foretick::types::step::Step;
use foretick::window::rolling::Rolling;
use foretick::window::sampler::{Price, SamplerSpec, Sampling};

const SAMPLER: SamplerSpec = SamplerSpec { sampling: Sampling::Time, interval_ns: 100_000_000, price: Price::Trade, reset_after: None, max_book_age_ns: None };

/// Steps that differ, so that no branch is always taken; enough that none is soon repeated.
fn steps() -> Vec<Step> {
    let mut price = 30_000.0;
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    (0..4_096)
        .map(|i| {
            let (open, volume) = (price, random() * 10.0);
            price *= 1.0 + (random() - 0.5) * 1e-3;
            let buy = volume * random();
            let time_ns = 1_704_067_200_000_000_000 + i * 100_000_000;
            let (high, low) = (open.max(price) * (1.0 + 1e-4 * random()), open.min(price) * (1.0 - 1e-4 * random()));
            Step {
                time_ns,
                close_ns: time_ns,
                open,
                high,
                low,
                close: price,
                volume,
                taker_buy: buy,
                taker_sell: volume - buy,
                trades: 3,
                taker_known: true,
                top: None,
            }
        })
        .collect()
}

fn book() -> RoleBook {
    let side = |sign: f64| (0..10).map(|i| (30_000.0 + sign * (0.5 + i as f64), 1.0 + i as f64)).collect::<Vec<_>>();
    let book = Book::of(1, 1, &side(-1.0), &side(1.0));
    let mut state = RoleBook::default();
    state.set_book(&book.book, &book.rows[..10]);
    state
}

fn measure(c: &mut Criterion, name: &str, schema: Schema) {
    let (steps, books, schema) = (steps(), [book()], Arc::new(schema));
    let (mut rows, mut window) = (RowEngine::new(schema.clone()), Rolling::new(schema.window, schema.width()));
    let top = books[0].top(2, None);
    let mut at = 0;
    c.bench_function(name, |b| {
        b.iter(|| {
            let step = Step { top, ..steps[at % steps.len()] };
            at += 1;
            rows.step(black_box(&step), &books, &mut window);
        });
    });
}

fn baseline(c: &mut Criterion) {
    measure(c, "baseline25 a step", Schema::baseline25(SAMPLER).unwrap());
}

/// The schema of `foretick bench`: four statistics over 250 periods each, all scaled.
fn thousand(c: &mut Criterion) {
    let entry = format!("op = [\"sma\", \"std\", \"volume_sma\", \"volume_std\"], period = {:?}", (2..252).collect::<Vec<_>>());
    let mut schema = schema_of(1, &entry);
    schema.features.iter_mut().for_each(|feature| feature.scale = vec![Scale::ZScore]);
    schema.stats.iter_mut().for_each(|stats| *stats = Stats { mean: 1.0, std: 3.0, low: -1e6, high: 1e6, ..Stats::NONE });
    measure(c, "1,000 features a step", schema);
}

fn schema_of(window: usize, entry: &str) -> Schema {
    let text = format!("[sampler]\nkind = \"time\"\ninterval_ms = 100\n[window]\nrows = {window}\n[schema]\nfeatures = [{{ {entry} }}]\n");
    Schema::from_text(&text).unwrap()
}

fn operators(c: &mut Criterion) {
    let entries = [
        "op = \"sma\", period = 20",
        "op = \"std\", period = 20",
        "op = \"volume_sum\", period = 60",
        "op = \"book_imbalance\"",
        "op = \"order_flow_ratio\", period = 20",
        "op = \"rsi\", period = 14",
        "op = \"macd\", fast = 12, slow = 26",
        "op = \"bollinger_position\"",
        "op = \"stochastic_k\", period = 14",
        "op = \"cci\", period = 20",
        "op = \"atr\", period = 14",
        "op = \"momentum\", period = 10, scale = [\"relative\", \"rolling_zscore(240)\"]",
    ];
    for entry in entries {
        measure(c, entry, schema_of(60, entry));
    }
}

criterion_group!(benches, baseline, thousand, operators);
criterion_main!(benches);

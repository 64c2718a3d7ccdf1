//! What calls cost through the C functions: pushes in batches of 64 with the timer's own cost taken
//! off, a step of features, a prediction.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/support/bundle.rs"]
#[allow(dead_code, clippy::expect_used, reason = "scenarios use the rest, and a bench fails by panicking")]
mod bundle;
#[path = "../tests/support/chost.rs"]
#[allow(dead_code, reason = "scenarios use the rest")]
mod chost;
#[path = "../tests/support/onnx.rs"]
#[allow(dead_code, reason = "scenarios use the rest")]
mod onnx;
#[path = "../tests/support/steps.rs"]
#[allow(dead_code, clippy::expect_used, reason = "scenarios use the rest, and a bench fails by panicking")]
mod steps;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use chost::CHost;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foretick::ffi::{TrackHandle, foretick_now_ns};
use foretick::types::Slot;
use foretick::types::event::{Book, Quote, Record, Trade};

const STEP_NS: i64 = 100_000_000;
const BATCH: usize = 64;

/// A bot on `models/sim` with two streams.
struct Bot {
    host: CHost,
    track: TrackHandle,
    streams: [u32; 2],
    now_ns: i64,
    seq: u64,
    price: f64,
}

impl Bot {
    /// `models/sim` with its two roles.
    fn sim() -> Bot {
        Bot::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/sim/v1"), ["sim_a:BTCUSD", "sim_b:BTCUSD"], 2)
    }

    /// The 25 baseline features, unscaled, with one logistic regression.
    fn baseline() -> Bot {
        let folder = tempfile::tempdir().unwrap();
        bundle::write(folder.path(), &bundle::Options::baseline());
        Bot::open(folder.path(), ["test:BTCUSD", "test:OTHER"], 1)
    }

    /// Opens everything and runs until the track is ready.
    fn open(bundle: &Path, names: [&str; 2], roles: usize) -> Bot {
        let host = CHost::open();
        host.publish(bundle);
        let streams = names.map(|name| host.stream(name));
        let track = host.track(&streams[..roles]);
        let mut bot = Bot { host, track, streams, now_ns: 1_704_067_200_000_000_001, seq: 0, price: 42_000.0 };
        for _ in 0..700 {
            bot.fill_step();
            bot.close_step();
            bot.predict();
        }
        bot
    }

    fn trades(&mut self) -> Vec<Slot> {
        let trade = |i: usize| {
            self.seq += 1;
            let mut trade = Trade { price: self.price + (i % 7) as f64, size: 0.5, side: 1 + (i % 2) as u8, ..Trade::of(self.streams[0], self.now_ns) };
            trade.head.seq = self.seq;
            trade.slots()[0]
        };
        (0..BATCH).map(trade).collect()
    }

    fn quotes(&self) -> Vec<Slot> {
        let quote = |i: usize| Quote {
            bid_px: self.price + (i % 5) as f64,
            bid_qty: 1.0,
            ask_px: self.price + 6.0,
            ask_qty: 1.0,
            ..Quote::of(self.streams[0], self.now_ns)
        };
        (0..BATCH).map(|i| quote(i).slots()[0]).collect()
    }

    /// A book for each role and a batch of trades.
    fn fill_step(&mut self) {
        self.price *= 1.0 + ((self.seq * 2_654_435_761 % 1_000) as f64 - 500.0) * 1e-7;
        let side = |sign: f64| (0..10).map(|i| (self.price + sign * (0.5 + f64::from(i)), 1.0 + (self.seq % 7) as f64)).collect::<Vec<_>>();
        for stream in self.streams {
            self.host.push(Book::of(stream, self.now_ns, &side(-1.0), &side(1.0)).slots());
        }
        let trades = self.trades();
        self.host.push(&trades);
    }

    fn close_step(&mut self) {
        let close_ns = (self.now_ns / STEP_NS + 1) * STEP_NS;
        assert_eq!(self.host.advance(close_ns).closed, 1);
        self.now_ns = close_ns + 1;
    }

    fn predict(&self) -> u64 {
        self.host.predict(black_box(self.track), self.now_ns).signal
    }
}

/// Median cost of the two readings around what is timed.
fn clock_cost() -> Duration {
    let mut gaps: Vec<Duration> = (0..1_001).map(|_| Instant::now()).map(|start| start.elapsed()).collect();
    gaps.sort_unstable();
    gaps[500]
}

fn push(c: &mut Criterion) {
    let mut group = c.benchmark_group("push through the header, a batch of 64");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut bot = Bot::sim();
    let (mut trades, quotes, mut seq) = (bot.trades(), bot.quotes(), bot.seq);
    group.bench_function("trades", |b| {
        b.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                // New ids outside the timing, as a feed would give them: no duplicates.
                trades.iter_mut().for_each(|trade| {
                    seq += 1;
                    trade.0[3] = seq;
                });
                let start = Instant::now();
                let flow = bot.host.push(black_box(&trades));
                elapsed += start.elapsed();
                assert_eq!((flow.taken, flow.skipped), (BATCH as u64, 0));
            }
            elapsed.saturating_sub(clock_cost() * iterations as u32)
        });
    });
    group.bench_function("quotes", |b| b.iter(|| bot.host.push(black_box(&quotes)).taken));
    group.finish();
}

/// Times one part of each step: its close or its prediction.
fn time_steps(bot: &mut Bot, iterations: u64, prediction: bool) -> Duration {
    let mut elapsed = Duration::ZERO;
    for _ in 0..iterations {
        bot.fill_step();
        let start = Instant::now();
        bot.close_step();
        let closed = start.elapsed();
        let start = Instant::now();
        black_box(bot.predict());
        elapsed += if prediction { start.elapsed() } else { closed };
    }
    elapsed.saturating_sub(clock_cost() * iterations as u32)
}

fn steps(c: &mut Criterion) {
    let mut baseline = Bot::baseline();
    c.bench_function("a step of the 25 baseline features through the header", |b| b.iter_custom(|n| time_steps(&mut baseline, n, false)));
    let mut bot = Bot::sim();
    c.bench_function("a step of 26 scaled features, 6 of them rolling, through the header", |b| b.iter_custom(|n| time_steps(&mut bot, n, false)));
    c.bench_function("a prediction through the header: logistic regression, XGBoost", |b| b.iter_custom(|n| time_steps(&mut bot, n, true)));
    c.bench_function("a repeated prediction through the header", |b| b.iter(|| bot.predict()));
    c.bench_function("now_ns through the header", |b| b.iter(|| black_box(foretick_now_ns())));
}

criterion_group!(benches, push, steps);
criterion_main!(benches);

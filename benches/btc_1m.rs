//! One prediction of `btc-1m` through the header beside its models run one after another through ONNX Runtime's C API with
//! bound buffers: the same rows, alternating in one loop. Prints a table; needs `ORT_DYLIB_PATH`, else only our side is timed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/support/chost.rs"]
#[allow(dead_code, reason = "scenarios use the rest")]
mod chost;
#[path = "support/peer.rs"]
mod peer;

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use chost::{CHost, ok};
use foretick::ffi::{FORETICK_ROW_SCALED, TrackHandle, foretick_track_row};
use foretick::model::manifest::{InputShape, Manifest};
use foretick::types::event::{Bar, Record};
use hdrhistogram::Histogram;
use peer::Peer;

const MINUTE_NS: i64 = 60_000_000_000;
const START_NS: i64 = 1_704_067_200_000_000_000;

/// A bot on the bundle, fed with bars that nobody has seen.
struct Bot {
    host: CHost,
    track: TrackHandle,
    stream: u32,
    minute: i64,
    price: f64,
    random: u64,
    /// Scaled rows, oldest first.
    rows: Vec<Vec<f32>>,
}

impl Bot {
    fn open(folder: &Path, stream: &str) -> Bot {
        let host = CHost::open();
        host.publish(folder);
        let stream = host.stream(stream);
        let track = host.track(&[stream]);
        Bot { host, track, stream, minute: 0, price: 29_000.0, random: 7, rows: Vec::new() }
    }

    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f64 / (1u64 << 24) as f64
    }

    /// The next minute's bar.
    fn step(&mut self, width: usize) {
        let open = self.price;
        let move_of = |u: f64| 1.0 + (u - 0.5) * 1e-3;
        let (up, down) = (self.uniform(), self.uniform());
        let last = self.uniform();
        self.price = open * move_of(last);
        let open_ns = START_NS + self.minute * MINUTE_NS;
        let (high, low) = (open.max(self.price) * (1.0 + up * 3e-4), open.min(self.price) * (1.0 - down * 3e-4));
        let volume = 20.0 + 200.0 * self.uniform() * self.uniform();
        let mut bar = Bar { open_ns, interval_ns: MINUTE_NS, open, high, low, close: self.price, volume, ..Bar::of(self.stream, open_ns + MINUTE_NS) };
        bar.head.seq = self.minute as u64 + 1;
        self.minute += 1;
        assert_eq!(self.host.push(bar.slots()).closed, 1);
        let mut row = vec![0.0; width];
        let mut len = 0;
        // SAFETY: the row is as long as it says, len is a live value.
        ok(unsafe { foretick_track_row(self.track, FORETICK_ROW_SCALED, row.as_mut_ptr(), row.len(), &raw mut len, std::ptr::null_mut()) });
        self.rows.push(row.iter().map(|value| if value.is_nan() { 0.0 } else { *value as f32 }).collect());
    }

    fn predict(&self) -> foretick::types::Prediction {
        self.host.predict(black_box(self.track), START_NS + self.minute * MINUTE_NS)
    }
}

fn main() {
    // `cargo test --benches` runs it once.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (warm, steps) = if quick { (800, 20) } else { (2_000, 100_000) };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/btc-1m/v1");
    let manifest = Manifest::parse(&std::fs::read_to_string(folder.join("manifest.toml")).unwrap()).unwrap();
    let (width, window) = (manifest.schema.width(), manifest.schema.window);
    let environment = peer::environment();
    let peer = |member: &foretick::model::manifest::MemberSpec| {
        let dims = if member.input == InputShape::Window { vec![1, window, width] } else { vec![1, width] };
        Peer::open(environment.as_ref().unwrap(), &member.name, &std::fs::read(folder.join(&member.file.file)).unwrap(), &dims)
    };
    let mut peers: Vec<Peer> = if environment.is_some() { manifest.members.iter().map(peer).collect() } else { Vec::new() };

    let mut bot = Bot::open(&folder, "binance_usdm:BTCUSDT");
    for _ in 0..warm {
        bot.step(width);
        bot.predict();
    }
    let new = || Histogram::<u64>::new(3).unwrap();
    let (mut ours, mut theirs, mut each) = (new(), new(), peers.iter().map(|_| new()).collect::<Vec<_>>());
    let mut decided = 0u64;
    for step in 0..steps {
        bot.step(width);
        peers.iter_mut().for_each(|peer| peer.fill(&bot.rows));
        let mut time_ours = || {
            let start = Instant::now();
            let prediction = bot.predict();
            ours.record(start.elapsed().as_nanos() as u64).unwrap();
            decided += u64::from(!prediction.value.is_nan());
        };
        if step % 2 == 0 {
            time_ours();
        }
        let start = Instant::now();
        for (peer, each) in peers.iter_mut().zip(&mut each) {
            let one = Instant::now();
            black_box(peer.run());
            each.record(one.elapsed().as_nanos() as u64).unwrap();
        }
        theirs.record(start.elapsed().as_nanos() as u64).unwrap();
        if step % 2 == 1 {
            time_ours();
        }
        if bot.rows.len() > 4_096 {
            bot.rows.drain(..2_048);
        }
    }
    assert_eq!(decided, steps, "every step has a value");
    let line = |name: &str, times: &Histogram<u64>| {
        let us = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1e3;
        println!("{name:<58} {:>9.2} {:>9.2} {:>9.2} {:>9.2}", us(0.5), us(0.99), us(0.999), times.max() as f64 / 1e3);
    };
    println!("\n{} steps of btc-1m, us{:<37} {:>9} {:>9} {:>9} {:>9}", steps, "", "p50", "p99", "p99.9", "max");
    line("foretick through the header: features ready, predict", &ours);
    if peers.is_empty() {
        println!("ORT_DYLIB_PATH names no library: nothing to compare with");
        return;
    }
    line(&format!("ONNX Runtime's C API, {} models one after another", peers.len()), &theirs);
    peers.iter().zip(&each).for_each(|(peer, times)| line(&format!("  {}", peer.name), times));
    let ratio = |quantile: f64| theirs.value_at_quantile(quantile) as f64 / ours.value_at_quantile(quantile) as f64;
    println!("ratio ONNX Runtime : foretick {:>38.2} {:>9.2}", ratio(0.5), ratio(0.99));
}

//! What a link costs: an event from one core to another, pushed and read on one thread; and what a look at result memory costs.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::{black_box, spin_loop};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use foretick::config::LinkOptions;
use foretick::engine::{ResultMemory, ResultWriter, pin_to_core};
use foretick::ingest::link::{Consumer, Producer, link};
use foretick::sync::OwnLine;
use foretick::types::event::{Book, Quote, Record, Trade};
use foretick::types::{Action, Prediction, Slot};

const QUOTES: LinkOptions = LinkOptions { slots: 4_096, conflate_quotes: true, conflate_books: false };
/// Round trips whose times are told apart.
const TRIPS: usize = 100_000;

/// The two cores, `FORETICK_CORES` such as `0,1`: how far they are from each other is most of what a hop takes.
fn cores() -> [u32; 2] {
    let named = std::env::var("FORETICK_CORES").unwrap_or_default();
    let mut numbers = named.split(',').filter_map(|number| number.trim().parse().ok());
    [numbers.next().unwrap_or(0), numbers.next().unwrap_or(1)]
}

/// There and back again; what is pushed is read and pushed back by another core.
struct Court {
    there: Producer,
    back: Consumer,
}

impl Court {
    /// Runs `play` while an echo runs on the second core.
    fn open(options: LinkOptions, play: impl FnOnce(&mut Court)) {
        let ((there, mut from), (mut to, back)) = (link(options).unwrap(), link(options).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                drop(pin_to_core(cores()[1]));
                while !from.is_closed() {
                    match from.next() {
                        Some(event) => assert!(to.push(event).is_ok()),
                        None => spin_loop(),
                    }
                }
            });
            // Unpinned where a core cannot be had; the figures then say less.
            drop(pin_to_core(cores()[0]));
            // The producer goes with the court, which ends the echo.
            play(&mut Court { there, back });
        });
    }

    fn round_trip(&mut self, event: &[Slot]) {
        self.there.push(event).unwrap();
        while self.back.next().is_none() {
            spin_loop();
        }
    }
}

fn hop(c: &mut Criterion) {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return;
    }
    let (trade, quote) = (Trade::of(1, 1), Quote::of(1, 1));
    for (name, options, event) in [("a trade", LinkOptions::default(), trade.slots()), ("a conflated quote", QUOTES, quote.slots())] {
        Court::open(options, |court| {
            let half = |court: &mut Court, trips: u64| {
                let start = Instant::now();
                (0..trips).for_each(|_| court.round_trip(event));
                start.elapsed() / 2
            };
            c.bench_function(&format!("{name} from core to core, one way"), |b| b.iter_custom(|trips| half(court, trips)));
            percentiles(name, || court.round_trip(event));
        });
    }
    one_word();
}

/// The floor: one word there and back, which a hop, with its position and its slot, cannot beat.
fn one_word() {
    let (there, back) = (OwnLine(AtomicU64::new(0)), OwnLine(AtomicU64::new(0)));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            drop(pin_to_core(cores()[1]));
            let mut seen = 0;
            while seen != u64::MAX {
                seen = there.0.load(Ordering::Acquire);
                back.0.store(seen, Ordering::Release);
            }
        });
        drop(pin_to_core(cores()[0]));
        let mut trip = |word| {
            there.0.store(word, Ordering::Release);
            while back.0.load(Ordering::Acquire) != word {
                spin_loop();
            }
        };
        let mut words = 1..;
        percentiles("one word", || words.by_ref().take(1).for_each(&mut trip));
        trip(u64::MAX);
    });
}

/// Half of each round trip, with the clock's own cost taken off; nothing without `cargo bench`.
fn percentiles(name: &str, mut round_trip: impl FnMut()) {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let timed = |work: &mut dyn FnMut()| {
        let mut times: Vec<Duration> = (0..TRIPS)
            .map(|_| {
                let start = Instant::now();
                work();
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        times
    };
    let clock = timed(&mut || ())[TRIPS / 2];
    let trips = timed(&mut round_trip);
    let [p50, p99, p999] = [TRIPS / 2, TRIPS * 99 / 100, TRIPS * 999 / 1_000].map(|at| trips[at].saturating_sub(clock).as_nanos() / 2);
    println!("{name} from core to core, one way: p50 {p50} ns, p99 {p99} ns, p99.9 {p999} ns");
}

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("push and next on one thread");
    let levels = |sign: f64| (0..10).map(|level| (100.0 + sign * (0.5 + f64::from(level)), 1.0)).collect::<Vec<_>>();
    let (trade, quote, book) = (Trade::of(1, 1), Quote::of(1, 1), Book::of(1, 1, &levels(-1.0), &levels(1.0)));
    let both = LinkOptions { conflate_books: true, ..QUOTES };
    for (name, options, event) in [
        ("trade", LinkOptions::default(), trade.slots()),
        ("trade, where quotes are conflated", QUOTES, trade.slots()),
        ("book of 10 levels", LinkOptions::default(), book.slots()),
        ("quote, conflated", QUOTES, quote.slots()),
        ("book of 10 levels, conflated", both, book.slots()),
    ] {
        let (mut producer, mut consumer) = link(options).unwrap();
        group.bench_function(name, |b| {
            b.iter(|| {
                producer.push(black_box(event)).unwrap();
                consumer.next().map(|event| event[0].0[7])
            });
        });
    }
    let (mut producer, _consumer) = link(QUOTES).unwrap();
    group.bench_function("push of a quote that replaces the one that waits", |b| b.iter(|| producer.push(black_box(quote.slots()))));
    group.finish();
}

fn result(c: &mut Criterion) {
    let mut group = c.benchmark_group("result memory");
    let memory = ResultMemory::default();
    // SAFETY: the memory outlives the writer, and nobody else writes it.
    let mut writer = unsafe { ResultWriter::attach(NonNull::from(&memory)) };
    let prediction = Prediction { signal: Prediction::pack_signal(Action::Buy, 1, 7, 0.75), step: 7, ..Prediction::default() };
    group.bench_function("write", |b| b.iter(|| writer.write(black_box(&prediction))));
    group.bench_function("read of the signal", |b| b.iter(|| black_box(&memory).signal()));
    group.bench_function("read of the whole", |b| b.iter(|| black_box(&memory).read()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            drop(pin_to_core(cores()[1]));
            while !stop.load(Ordering::Relaxed) {
                writer.write(black_box(&prediction));
                (0..300).for_each(|_| spin_loop());
            }
        });
        drop(pin_to_core(cores()[0]));
        group.bench_function("read of the whole while another core writes every few us", |b| b.iter(|| black_box(&memory).read()));
        stop.store(true, Ordering::Relaxed);
    });
    group.finish();
}

criterion_group!(benches, hop, one_thread, result);
criterion_main!(benches);

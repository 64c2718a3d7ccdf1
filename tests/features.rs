//! Features against TA-Lib's vectors, against a batch, and against the future.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::sync::Arc;

use foretick::cpu::Level;
use foretick::engine::Extractor;
use foretick::features::catalog::{OPS, OpInfo};
use foretick::features::row::RowEngine;
use foretick::features::scale::Stats;
use foretick::features::spec::Schema;
use foretick::ingest::book::RoleBook;
use foretick::source::simulator::Simulator;
use foretick::types::Slot;
use foretick::types::event::{BAR_TAKER, Bar, Book, Quote, Record};
use foretick::types::state::{Pass, State};
use foretick::types::step::Step;
use foretick::window::rolling::Rolling;
use foretick::window::sampler::{Price, SamplerSpec, Sampling};
use proptest::prelude::*;
use proptest::sample::subsequence;

const MINUTE: i64 = 60_000_000_000;
const BARS: SamplerSpec = SamplerSpec { sampling: Sampling::Bar, interval_ns: MINUTE, price: Price::Trade, reset_after: None, max_book_age_ns: None };
const TIME: SamplerSpec = SamplerSpec { sampling: Sampling::Time, interval_ns: 100_000_000, ..BARS };

fn sum(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

fn mean(values: &[f64]) -> f64 {
    mean_and_deviation(values).0
}

/// Mean and population deviation by their definition, from deviations about the oldest value.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let (n, base) = (values.len() as f64, values[0]);
    let shift = values.iter().fold(0.0, |sum, value| sum + (value - base)) / n;
    let squares = values.iter().fold(0.0, |sum, value| sum + ((value - base) - shift).powi(2));
    (base + shift, (squares / n).sqrt())
}

/// One row as it came out: time, values, validity.
#[derive(Clone, Debug, PartialEq)]
struct Out {
    time_ns: i64,
    values: Vec<f64>,
    valid: u64,
}

fn collect(rows: &mut Vec<Out>) -> impl FnMut(foretick::engine::Row<'_>) {
    |row| rows.push(Out { time_ns: row.step.time_ns, values: row.raw.to_vec(), valid: row.raw_valid[0] })
}

/// The vectors' steps as bars, and TA-Lib's columns by name.
struct Vectors {
    bars: Vec<Bar>,
    names: Vec<String>,
    columns: Vec<Vec<Option<f64>>>,
}

impl Vectors {
    fn read() -> Vectors {
        let text = include_str!("vectors/talib.csv");
        let mut lines = text.lines();
        let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
        let rows: Vec<Vec<Option<f64>>> = lines.map(|line| line.split(',').map(|cell| cell.parse().ok()).collect()).collect();
        let columns: Vec<Vec<Option<f64>>> = (0..names.len()).map(|at| rows.iter().map(|row| row[at]).collect()).collect();
        let value = |name: &str, row: usize| columns[names.iter().position(|known| known == name).unwrap()][row].unwrap();
        let bar = |row: usize| {
            let open_ns = row as i64 * MINUTE;
            let mut bar = Bar { open_ns, interval_ns: MINUTE, known: BAR_TAKER, ..Bar::of(1, open_ns + MINUTE) };
            (bar.open, bar.high, bar.low, bar.close) = (value("open", row), value("high", row), value("low", row), value("close", row));
            (bar.volume, bar.taker_buy, bar.taker_sell) = (value("volume", row), value("taker_buy", row), value("taker_sell", row));
            bar
        };
        let bars = (0..rows.len()).map(bar).collect();
        Vectors { bars, names, columns }
    }

    fn column(&self, name: &str) -> &[Option<f64>] {
        &self.columns[self.names.iter().position(|known| known == name).unwrap_or_else(|| panic!("column {name}"))]
    }

    fn rows(&self) -> Vec<Out> {
        let mut extractor = Extractor::new(Arc::new(Schema::baseline25(BARS).unwrap()));
        let mut rows = Vec::new();
        for bar in &self.bars {
            extractor.push(0, bar.slots(), &mut collect(&mut rows)).unwrap();
        }
        rows
    }
}

/// |ours - theirs| <= 1e-9 |theirs| + k 2^-52 s, from a step on; where the page's own rule differs from
/// TA-Lib (flat windows) `skip` says so.
fn agree(vectors: &Vectors, rows: &[Out], feature: usize, column: &str, from: usize, slack: impl Fn(usize) -> f64, skip: impl Fn(usize) -> bool) {
    let mut compared = 0;
    for (at, theirs) in vectors.column(column).iter().enumerate().skip(from) {
        let Some(theirs) = theirs.filter(|_| !skip(at)) else { continue };
        assert!(rows[at].valid >> feature & 1 == 1, "{column} at {at} is off");
        let (ours, allowed) = (rows[at].values[feature], 1e-9 * theirs.abs() + 2f64.powi(-52) * slack(at));
        assert!((ours - theirs).abs() <= allowed, "{column} at {at}: {ours}, TA-Lib {theirs}, allowed {allowed}");
        compared += 1;
    }
    assert!(compared > 100, "{column}: only {compared} compared");
}

#[test]
fn the_recursive_and_windowed_features_equal_ta_lib() {
    let vectors = Vectors::read();
    let rows = vectors.rows();
    let close = |at: usize| vectors.bars[at].close;
    let flat = |at: usize, n: usize| (at + 1 - n..=at).all(|i| vectors.bars[i].close == close(at));
    let volumes = |at: usize| mean(&(at - 19..=at).map(|i| vectors.bars[i].volume).collect::<Vec<_>>());
    let extremes = |at: usize| {
        let window = &vectors.bars[at - 13..=at];
        window.iter().map(|bar| bar.high).fold(0.0, f64::max) == window.iter().map(|bar| bar.low).fold(f64::MAX, f64::min)
    };
    agree(&vectors, &rows, 1, "sma_5", 4, |at| 4.0 * close(at), |_| false);
    agree(&vectors, &rows, 2, "sma_20", 19, |at| 4.0 * close(at), |_| false);
    agree(&vectors, &rows, 3, "std_20", 19, |at| 128.0 * close(at), |_| false);
    agree(&vectors, &rows, 9, "volume_std_20", 19, |at| 128.0 * volumes(at), |_| false);
    agree(&vectors, &rows, 16, "rsi_14", 600, |_| 32.0 * 100.0, |_| false);
    agree(&vectors, &rows, 17, "macd", 600, |at| 32.0 * close(at), |_| false);
    let width = |at: usize| 4.0 * rows[at].values[3];
    agree(&vectors, &rows, 18, "percent_b", 19, |at| 1024.0 * close(at) / width(at), |at| flat(at, 20));
    agree(&vectors, &rows, 19, "stochf_k_14", 13, |_| 4.0 * 100.0, extremes);
    agree(&vectors, &rows, 20, "willr_14", 13, |_| 4.0 * 100.0, extremes);
    agree(&vectors, &rows, 22, "atr_14", 600, |_| 0.0, |_| false);
    agree(&vectors, &rows, 23, "mom_10", 10, |_| 0.0, |_| false);
    agree(&vectors, &rows, 24, "roc_10", 10, |_| 4.0 * 100.0, |_| false);
    let typical: Vec<f64> = vectors.bars.iter().map(|bar| (bar.high + bar.low + bar.close) / 3.0).collect();
    let deviation = |at: usize| {
        let window = &typical[at - 19..=at];
        let centre = mean(window);
        window.iter().map(|value| (value - centre).abs()).sum::<f64>() / 20.0
    };
    let flat_typical = |at: usize| deviation(at) <= 1e-12 * typical[at];
    agree(&vectors, &rows, 21, "cci_20", 19, |at| 128.0 * typical[at] / (0.015 * deviation(at)), flat_typical);
}

#[test]
fn flat_windows_follow_the_page() {
    let mut extractor = Extractor::new(Arc::new(Schema::baseline25(BARS).unwrap()));
    let mut rows = Vec::new();
    for i in 0..700 {
        let open_ns = i * MINUTE;
        let bar = Bar { open_ns, interval_ns: MINUTE, open: 0.1, high: 0.1, low: 0.1, close: 0.1, ..Bar::of(1, open_ns + MINUTE) };
        extractor.push(0, bar.slots(), &mut collect(&mut rows)).unwrap();
    }
    let last = rows.last().unwrap();
    let expected = [(1, 0.1), (2, 0.1), (3, 0.0), (8, 0.0), (16, 50.0), (18, 0.5), (19, 50.0), (20, -50.0), (21, 0.0), (22, 0.0), (24, 0.0)];
    for (feature, value) in expected {
        assert_eq!(last.values[feature], value, "feature {feature}");
    }
    assert!(last.values[17].abs() <= 32.0 * 2f64.powi(-52) * 0.1, "the averages are seeded from sums of other lengths");
    let missing: Vec<usize> = (0..25).filter(|feature| last.valid >> feature & 1 == 0).collect();
    assert_eq!(missing, [10, 11, 12, 13, 14, 15], "a bar without taker columns has neither book nor taker side");
}

#[test]
fn bits_come_on_at_first() {
    let rows = Vectors::read().rows();
    let schema = Schema::baseline25(BARS).unwrap();
    for (index, feature) in schema.features.iter().enumerate().filter(|(index, _)| !(10..15).contains(index)) {
        let on = rows.iter().position(|row| row.valid >> index & 1 == 1).unwrap();
        assert_eq!(on as u64, feature.first(), "{}", feature.name);
    }
}

/// The events of some simulated steps of one stream of `sim_a`.
fn simulated(steps: usize) -> Vec<Vec<Slot>> {
    let (mut simulator, mut slots, mut events) = (Simulator::new(7), Vec::new(), Vec::new());
    for _ in 0..steps {
        slots.clear();
        simulator.step(&mut slots);
        let mut rest = &slots[..];
        while let Some(head) = foretick::ingest::gate::head(rest) {
            let (event, after) = rest.split_at(usize::from(head.slots));
            if head.stream == 1 {
                events.push(event.to_vec());
            }
            rest = after;
        }
    }
    events
}

fn run(events: &[Vec<Slot>], sampler: SamplerSpec) -> Vec<Out> {
    let mut extractor = Extractor::new(Arc::new(Schema::baseline25(sampler).unwrap()));
    let mut rows = Vec::new();
    for event in events {
        extractor.push(0, event, &mut collect(&mut rows)).unwrap();
    }
    rows
}

#[test]
fn windowed_features_equal_a_batch_bit_for_bit() {
    let rows = run(&simulated(1_500), TIME);
    let closes: Vec<f64> = {
        // Closes follow from the changes only up to rounding, so they are taken from a schema of their own.
        let schema =
            Schema::from_text("[sampler]\nkind = \"time\"\ninterval_ms = 100\n[window]\nrows = 60\n[schema]\nfeatures = [{ op = \"sma\", period = 1 }]\n")
                .unwrap();
        let mut extractor = Extractor::new(Arc::new(schema));
        let mut rows = Vec::new();
        for event in &simulated(1_500) {
            extractor.push(0, event, &mut collect(&mut rows)).unwrap();
        }
        rows.iter().map(|row| row.values[0]).collect()
    };
    let volumes: Vec<f64> = rows.iter().map(|row| row.values[5]).collect();
    assert_eq!(rows.len(), closes.len());
    for at in 59..rows.len() {
        let value = &rows[at].values;
        let close = |n: usize| &closes[at + 1 - n..=at];
        let volume = |n: usize| &volumes[at + 1 - n..=at];
        let bits = |a: f64, b: f64, what: &str| assert_eq!(a.to_bits(), b.to_bits(), "{what} at {at}: {a} {b}");
        bits(value[1], mean(close(5)), "sma_5");
        bits(value[2], mean(close(20)), "sma_20");
        bits(value[3], mean_and_deviation(close(20)).1, "std_20");
        bits(value[6], mean(volume(5)), "volume_sma_5");
        bits(value[7], sum(volume(60)), "volume_sum_60");
        bits(value[9], mean_and_deviation(volume(20)).1, "volume_std_20");
        bits(value[23], closes[at] - closes[at - 10], "momentum_10");
    }
}

#[test]
fn long_windows_equal_a_batch() {
    let text = "[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\n[window]\nrows = 1\n[schema]\nfeatures = [{ op = [\"sma\", \"std\"], period = 200 }, \
        { op = [\"volume_sum\", \"volume_sma\"], period = 65 }]\n";
    let vectors = Vectors::read();
    let mut extractor = Extractor::new(Arc::new(Schema::from_text(text).unwrap()));
    let mut rows = Vec::new();
    for bar in &vectors.bars {
        extractor.push(0, bar.slots(), &mut collect(&mut rows)).unwrap();
    }
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
    for (at, row) in rows.iter().enumerate() {
        let last = |n: usize, of: fn(&Bar) -> f64| vectors.bars[at + 1 - n..=at].iter().map(of).collect::<Vec<f64>>();
        assert_eq!(
            row.valid,
            if at >= 199 {
                15
            } else if at >= 64 {
                12
            } else {
                0
            },
            "{at}"
        );
        if at >= 199 {
            let (mean, deviation) = mean_and_deviation(&last(200, |bar| bar.close));
            assert!(near(row.values[0], mean) && near(row.values[1], deviation), "{at}");
        }
        if at >= 64 {
            let volumes = last(65, |bar| bar.volume);
            assert!(near(row.values[2], sum(&volumes)) && near(row.values[3], mean(&volumes)), "{at}");
        }
    }
}

#[test]
fn rows_do_not_see_the_future() {
    let events = simulated(900);
    let whole = run(&events, TIME);
    for cut in (1..events.len()).step_by(events.len() / 40) {
        let prefix = run(&events[..cut], TIME);
        assert_eq!(prefix[..], whole[..prefix.len()], "computing on the first {cut} events gives other rows");
    }
}

#[test]
fn a_restart_counts_from_the_restart() {
    let mut events = simulated(100);
    let gap = 100 * 100_000_000;
    let mut later = simulated(100);
    let last = foretick::ingest::gate::head(events.last().unwrap()).unwrap().known_ns;
    let first = foretick::ingest::gate::head(&later[0]).unwrap().known_ns;
    for event in &mut later {
        event[0].0[1] = (event[0].0[1] as i64 - first + last + gap) as u64;
        event[0].0[3] = 0;
    }
    let fresh = run(&later, TIME);
    events.extend(later);
    let both = run(&events, TIME);
    let tail = &both[both.len() - fresh.len()..];
    assert_eq!(tail, &fresh[..], "after more than 60 silent steps everything starts anew");
    assert_eq!(both[both.len() - fresh.len() - 1].values[5], 0.0, "the last rows before it are carried");
}

/// The four prices of the step itself, from its first step on and after a restart; relative ones are shares of the close.
#[test]
fn prices_are_those_of_the_step() {
    let rows = |scale: &str| {
        let features = format!("[{{ op = [\"open\", \"high\", \"low\", \"close\"], scale = [{scale}] }}]");
        let text = format!("[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\nreset_after = 1\n[window]\nrows = 1\n[schema]\nfeatures = {features}\n");
        let mut extractor = Extractor::new(Arc::new(Schema::from_text(&text).unwrap()));
        let mut rows: Vec<Vec<f32>> = Vec::new();
        for minute in [0, 1, 9] {
            let (open_ns, rise) = (minute * MINUTE, minute as f64);
            let bar = Bar { open_ns, interval_ns: MINUTE, open: 8.0 + rise, high: 20.0, low: 4.0, close: 16.0, ..Bar::of(1, open_ns + MINUTE) };
            extractor.push(0, bar.slots(), &mut |row: foretick::engine::Row<'_>| rows.push(row.scaled.to_vec())).unwrap();
        }
        rows
    };
    assert_eq!(rows(""), [[8.0, 20.0, 4.0, 16.0], [9.0, 20.0, 4.0, 16.0], [17.0, 20.0, 4.0, 16.0]]);
    assert_eq!(rows("\"relative\"")[0], [0.5, 1.25, 0.25, 1.0]);
}

/// Rows and window of one feature.
struct Rows {
    rows: RowEngine,
    window: Rolling,
}

impl State for Rows {
    fn state(&mut self, pass: &mut Pass<'_>) {
        let Rows { rows, window } = self;
        pass.each([rows, window]);
    }
}

impl Rows {
    fn new(schema: &Arc<Schema>) -> Rows {
        Rows { rows: RowEngine::new(schema.clone()), window: Rolling::new(schema.window, schema.width()) }
    }

    /// All that a step leaves, as bits.
    fn step(&mut self, step: &Step, books: &[RoleBook]) -> (u64, u64, Vec<u32>, Vec<u64>) {
        self.rows.step(step, books, &mut self.window);
        let (raw, valid) = self.rows.raw();
        (raw[0].to_bits(), valid[0], self.window.values().iter().map(|value| value.to_bits()).collect(), self.window.valid().to_vec())
    }

    /// The newest of one feature as bits: unscaled and scaled, each with its validity.
    fn newest(&self, at: usize) -> (u64, bool, u32, bool) {
        let ((raw, raw_valid), (scaled, scaled_valid)) = (self.rows.raw(), self.window.newest().unwrap());
        let on = |words: &[u64]| words[at / 64] >> (at % 64) & 1 == 1;
        (raw[at].to_bits(), on(raw_valid), scaled[at].to_bits(), on(scaled_valid))
    }

    /// A fresh one that loads what this one saves.
    fn reborn(&mut self, schema: &Arc<Schema>) -> Rows {
        let mut bytes = vec![0; Pass::measured(self)];
        assert_eq!(Pass::saved(self, &mut bytes), bytes.len());
        let mut other = Rows::new(schema);
        Pass::loaded(&mut other, &bytes).unwrap();
        other
    }
}

/// A step of a walk with the books of both roles as they then stand.
fn walk(count: u64) -> Vec<(Step, [RoleBook; 2])> {
    let (mut state, mut books, mut close) = (7u64, [RoleBook::default(), RoleBook::default()], 100.0);
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let step = |at: u64| {
        let (open, time_ns) = (close, (at + 1) as i64 * MINUTE);
        close *= 1.0 + 0.02 * (random() - 0.5);
        let (volume, buy) = (if random() < 0.1 { 0.0 } else { 5.0 * random() }, random());
        let book = Book::of(1, time_ns, &[(close - 0.5, random()), (close - 1.5, random())], &[(close + 0.5, random())]);
        books[0].set_book(&book.book, &book.rows[..2]);
        if random() < 0.9 {
            let mid = 50.0 + random();
            books[1].set_quote(&Quote { bid_px: mid, bid_qty: 1.0, ask_px: mid + random(), ask_qty: 2.0, ..Quote::of(2, time_ns) });
        }
        let step = Step {
            time_ns,
            close_ns: time_ns,
            open,
            high: open.max(close) + random(),
            low: open.min(close) - random(),
            close,
            volume,
            taker_buy: volume * buy,
            taker_sell: volume - volume * buy,
            trades: at,
            taker_known: random() > 0.02,
            top: books[0].top(time_ns, None),
        };
        (step, books.clone())
    };
    (0..count).map(step).collect()
}

/// Schemas of one feature: an operator with small, middle and great parameters, scaled and not.
fn schemas(op: &OpInfo) -> Vec<Arc<Schema>> {
    let mut schemas = Vec::new();
    for (size, scale) in [2.0, 9.0, 90.0].into_iter().flat_map(|size| [(size, "none"), (size, "rolling_zscore(5)")]) {
        let value = |at: usize, range: (f64, f64)| (size + 5.0 * at as f64).clamp(range.0, range.1);
        let needed = op.params.iter().enumerate().filter(|(at, param)| *at == 0 || param.default.is_none());
        let params: String = needed.map(|(at, param)| format!(", {} = {}", param.name, value(at, param.range))).collect();
        let (own, scale) = match op.name {
            "given" => (", field = \"x\"", "none"),
            "role_return" => (", role = \"leader\"", scale),
            _ => ("", scale),
        };
        let text = format!(
            "roles = [\"self\", \"leader\"]\n[sampler]\nkind = \"bar\"\ninterval_ms = 60_000\n[window]\nrows = 3\n[schema]\n\
             features = [{{ op = \"{}\"{params}{own}, scale = \"{scale}\" }}]\n",
            op.name
        );
        schemas.push(Arc::new(Schema::from_text(&text).unwrap()));
    }
    schemas
}

/// No operator of the catalogue, and no scale, forgets to hand over what it remembers.
#[test]
fn every_operator_goes_on_from_its_state() {
    let steps = walk(220);
    for schema in OPS.iter().flat_map(schemas) {
        let mut whole = Rows::new(&schema);
        let mut lives: Vec<(usize, Rows)> = Vec::new();
        for (at, (step, books)) in steps.iter().enumerate() {
            if [0, 1, 2, 7, 40, 95, 137].contains(&at) {
                lives.push((at, whole.reborn(&schema)));
            }
            if at == 120 {
                let all = std::iter::once(&mut whole).chain(lives.iter_mut().map(|(_, rows)| rows));
                all.for_each(|rows| (rows.rows.restart(), rows.window.clear()).1);
            }
            let expected = whole.step(step, books);
            for (cut, rows) in &mut lives {
                assert_eq!(rows.step(step, books), expected, "{} at {at}, saved before {cut}", schema.features[0].name);
            }
        }
    }
}

/// One schema for each name: every operator with small, middle and great parameters; half of the operators scaled.
fn each_alone() -> Vec<Arc<Schema>> {
    let mut names = HashSet::new();
    let chosen = OPS.iter().enumerate().flat_map(|(at, op)| schemas(op).into_iter().skip(at % 2).step_by(2));
    chosen.filter(|schema| names.insert(schema.features[0].name.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// What is shared with others changes no bit, on any instruction set.
    #[test]
    fn a_feature_is_the_same_alone_and_among_others(chosen in subsequence(each_alone(), 1..=each_alone().len()).prop_shuffle()) {
        let features = chosen.iter().map(|schema| schema.features[0].clone()).collect();
        let together = Arc::new(Schema { features, stats: vec![Stats::NONE; chosen.len()], ..(*chosen[0]).clone() });
        let on = |level| Rows { rows: RowEngine::at(level, together.clone()), window: Rolling::new(together.window, together.width()) };
        let mut whole: Vec<Rows> = Level::available().into_iter().map(on).collect();
        let mut alone: Vec<Rows> = chosen.iter().map(Rows::new).collect();
        for (step, books) in walk(220) {
            alone.iter_mut().for_each(|rows| _ = rows.step(&step, &books));
            let missing: u16 = alone.iter().map(|rows| rows.rows.facts().missing).sum();
            for rows in &mut whole {
                rows.step(&step, &books);
                prop_assert_eq!(rows.rows.facts().missing, missing);
                for (at, one) in alone.iter().enumerate() {
                    prop_assert_eq!(rows.newest(at), one.newest(0), "{}", together.features[at].name);
                }
            }
        }
    }
}

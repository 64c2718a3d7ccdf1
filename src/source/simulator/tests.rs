//! The market against its own promises: bytes, order, records, features, and the planted edge.

use super::*;
use crate::types::event::{Block, BookHead, EventHead, Gas, Level, Pool as PoolRecord, Quote, Trade, book_slots};
use crate::types::step::Top;
use std::sync::LazyLock;

const LONG: usize = 200_000;

/// A long run without its events.
struct Long {
    truths: Vec<Truth>,
    slots: usize,
    events: usize,
}

static LONG_RUN: LazyLock<Long> = LazyLock::new(|| long_run(7, LONG));

fn long_run(seed: u64, steps: usize) -> Long {
    let mut market = Simulator::new(seed);
    let mut slots = Vec::new();
    let mut run = Long { truths: Vec::with_capacity(steps), slots: 0, events: 0 };
    for _ in 0..steps {
        slots.clear();
        run.truths.push(market.step(&mut slots));
        run.slots += slots.len();
        run.events += events(&slots).count();
    }
    run
}

/// Head and slots of every event.
fn events(slots: &[Slot]) -> impl Iterator<Item = (&EventHead, &[Slot])> {
    let mut left = slots;
    std::iter::from_fn(move || {
        let first = left.first()?;
        let head: &EventHead = bytemuck::from_bytes(&bytemuck::bytes_of(first)[..32]);
        let (event, rest) = left.split_at(usize::from(head.slots));
        left = rest;
        Some((head, event))
    })
}

fn as_record<T: bytemuck::Pod>(event: &[Slot]) -> &T {
    bytemuck::from_bytes(bytemuck::cast_slice(event))
}

fn book_of(event: &[Slot]) -> (&BookHead, &[Level]) {
    let (head, rest) = bytemuck::cast_slice::<Slot, u8>(event).split_at(size_of::<BookHead>());
    let head: &BookHead = bytemuck::from_bytes(head);
    let (rows, tail) = rest.split_at(32 * usize::from(head.rows));
    assert!(tail.iter().all(|byte| *byte == 0));
    (head, bytemuck::cast_slice(rows))
}

fn bytes(seed: u64, steps: usize) -> Vec<Slot> {
    let mut market = Simulator::new(seed);
    let mut out = Vec::new();
    for _ in 0..steps {
        market.step(&mut out);
    }
    out
}

#[test]
fn a_seed_decides_every_byte() {
    let first = bytes(1, 2_000);
    assert_eq!(first, bytes(1, 2_000));
    assert_ne!(first, bytes(2, 2_000));
    // Pins the bytes across machines and versions; recorded results go with it, so change it knowingly.
    assert_eq!(digest(&first), 0x9a91_b7bc_e598_2a8b, "{:#x}", digest(&first));
}

/// FNV-1a over the words.
fn digest(slots: &[Slot]) -> u64 {
    slots.iter().flat_map(|slot| slot.0).fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3))
}

#[test]
fn events_rise_strictly_within_their_closed_step() {
    let mut market = Simulator::with_start(3, START_NS + 12_345);
    let (mut slots, mut last, mut at_close) = (Vec::new(), START_NS, 0);
    for step in 0..20_000 {
        slots.clear();
        let truth = market.step(&mut slots);
        assert_eq!((truth.step, truth.close_ns), (step, START_NS + (step as i64 + 1) * STEP_NS));
        for (head, _) in events(&slots) {
            assert!(head.known_ns > last && head.known_ns > truth.close_ns - STEP_NS && head.known_ns <= truth.close_ns);
            assert!(head.event_ns > 0 && head.event_ns < head.known_ns && head.event_ns > head.known_ns - 2_000_000_000);
            last = head.known_ns;
        }
        at_close += usize::from(last == truth.close_ns);
    }
    assert!(at_close > 100, "the closed end of the step is used: {at_close}");
}

/// What a reader of one stream has seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    top: Top,
    book: Option<f64>,
    book_seq: u64,
    seqs: [u64; 12],
    counts: [usize; 12],
}

impl Seen {
    fn apply(&mut self, head: &EventHead, event: &[Slot]) {
        let kind = usize::from(head.kind);
        assert!(head.seq > self.seqs[kind] && head.flags == 0);
        self.seqs[kind] = head.seq;
        self.counts[kind] += 1;
        match Kind::from_number(head.kind).unwrap() {
            Kind::Trade => check_trade(as_record(event), &self.top),
            Kind::Quote => self.top = quote_top(as_record(event)),
            Kind::Book => self.apply_book(event),
            Kind::Block => check_block(as_record(event)),
            Kind::Gas => check_gas(as_record(event)),
            Kind::Pool => check_pool(as_record(event)),
            other => panic!("{other:?}"),
        }
    }

    fn apply_book(&mut self, event: &[Slot]) {
        let (head, rows) = book_of(event);
        assert_eq!((head.bids, head.asks, head.rows, head.reserved, usize::from(head.head.slots)), (10, 10, 10, 0, book_slots(10)));
        assert_eq!(head.prev_seq, self.book_seq);
        assert!(rows.windows(2).all(|rows| rows[0].bid_px > rows[1].bid_px && rows[0].ask_px < rows[1].ask_px));
        assert!(rows.iter().all(|row| [row.bid_px, row.bid_qty, row.ask_px, row.ask_qty].iter().all(|value| value.is_finite() && *value > 0.0)));
        self.top = Top { bid_px: rows[0].bid_px, bid_qty: rows[0].bid_qty, ask_px: rows[0].ask_px, ask_qty: rows[0].ask_qty };
        assert!(self.top.bid_px < self.top.ask_px);
        self.book_seq = head.head.seq;
        let (bid, ask) = rows.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.bid_qty, sum.1 + row.ask_qty));
        self.book = Some((bid - ask) / (bid + ask));
    }
}

fn check_trade(trade: &Trade, top: &Top) {
    assert!(trade.price.is_finite() && trade.price > 0.0 && trade.size.is_finite() && trade.size > 0.0);
    assert!(matches!(trade.side, 1 | 2) && trade.reserved == [0; 7] && trade.order_ref == 0);
    assert!(!top.both() || trade.price == if trade.side == 1 { top.ask_px } else { top.bid_px });
}

fn quote_top(quote: &Quote) -> Top {
    let top = Top { bid_px: quote.bid_px, bid_qty: quote.bid_qty, ask_px: quote.ask_px, ask_qty: quote.ask_qty };
    assert!(top.bid_px > 0.0 && top.bid_px < top.ask_px && top.ask_px.is_finite() && top.bid_qty > 0.0 && top.ask_qty > 0.0);
    top
}

fn check_block(block: &Block) {
    assert!(block.base_fee_wei > 1_000_000_000 && block.base_fee_wei < 500_000_000_000, "{}", block.base_fee_wei);
    assert!(block.gas_used <= block.gas_limit && block.transactions > 0 && block.known == 15);
    assert_eq!(block.head.event_ns % 2_000_000_000, 0);
}

fn check_gas(gas: &Gas) {
    assert_eq!(gas.price_wei, gas.base_fee_wei + gas.tip_wei);
    assert!(gas.tip_wei > 0 && gas.percentile == 5_000 && gas.reserved == 0 && gas.known == 7);
}

fn check_pool(pool: &PoolRecord) {
    let [x, y, liquidity] = [pool.reserve0, pool.reserve1, pool.liquidity].map(|limbs| u128::from(limbs[0]) | u128::from(limbs[1]) << 64);
    let root = (pool.sqrt_price_x96[0] as f64 + pool.sqrt_price_x96[1] as f64 * 2f64.powi(64)) / 2f64.powi(96);
    assert!((root * root / (y as f64 / x as f64) - 1.0).abs() < 1e-12);
    assert!(liquidity * liquidity <= x * y && (liquidity + 1) * (liquidity + 1) > x * y);
    assert_eq!((pool.model, pool.reserved, pool.tick, pool.tick_spacing, pool.sqrt_price_x96[2..].iter().sum::<u64>()), (1, 0, 0, 0, 0));
}

#[test]
fn records_are_valid_and_their_features_are_the_truth() {
    let mut market = Simulator::new(5);
    let (streams, pairs) = (market.streams(), market.pairs());
    let (mut slots, mut seen, mut before) = (Vec::new(), [Seen::default(); STREAM_COUNT], None::<Truth>);
    for _ in 0..20_000 {
        slots.clear();
        let truth = market.step(&mut slots);
        for (head, event) in events(&slots) {
            let stream = head.stream as usize - 1;
            assert!(streams[stream].kinds.iter().any(|kind| *kind as u8 == head.kind));
            seen[stream].apply(head, event);
        }
        for (pair, info) in pairs.iter().enumerate() {
            check_pair(&seen[info.own], &seen[info.leader], &truth, before.as_ref(), (pair, info));
        }
        before = Some(truth);
    }
    for (info, seen) in streams.iter().zip(&seen) {
        assert!(info.kinds.iter().all(|kind| seen.counts[*kind as usize] > 100), "{}: {:?}", info.name, seen.counts);
    }
}

fn check_pair(own: &Seen, leader: &Seen, truth: &Truth, before: Option<&Truth>, (pair, info): (usize, &PairInfo)) {
    let now = truth.pairs[pair];
    assert_eq!((own.book, own.top.mid(), leader.top.mid()), (Some(now.imbalance), Some(now.mid), Some(now.leader_mid)));
    let Some(last) = before.map(|before| before.pairs[pair]) else {
        assert_eq!((now.moved_up, now.leader_return), (None, 0.0));
        return;
    };
    assert_eq!(now.leader_return, libm::log(now.leader_mid / last.leader_mid));
    assert!(now.mid != last.mid && now.moved_up == Some(now.mid > last.mid));
    let logit = IMBALANCE_WEIGHT * now.imbalance + (RETURN_WEIGHT * now.leader_return + info.echo_weight * now.echo_return) / info.typical_return;
    assert!((now.up_probability - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-12);
}

#[test]
fn every_mid_moves_by_a_tick_or_more() {
    let pairs = Simulator::new(0).pairs();
    for both in LONG_RUN.truths.windows(2) {
        for (pair, info) in pairs.iter().enumerate() {
            let ticks = (both[1].pairs[pair].mid - both[0].pairs[pair].mid).abs() / info.tick;
            assert!(ticks > 0.999, "{ticks}");
        }
    }
}

/// AUC over all pairs of a score at close t against the move into step t + `late`.
fn scored(run: &Long, late: usize, score: impl Fn(&PairTruth, &PairInfo) -> f64) -> f64 {
    scored_where(run, late, |_| true, score)
}

/// The same over the pairs that are asked for.
fn scored_where(run: &Long, late: usize, asked: impl Fn(&PairInfo) -> bool, score: impl Fn(&PairTruth, &PairInfo) -> f64) -> f64 {
    let pairs = Simulator::new(0).pairs();
    let (mut scores, mut labels) = (Vec::new(), Vec::new());
    for (now, then) in run.truths.iter().zip(&run.truths[late..]).skip(1) {
        for (pair, info) in pairs.iter().enumerate().filter(|(_, info)| asked(info)) {
            scores.push(score(&now.pairs[pair], info));
            labels.push(then.pairs[pair].moved_up.unwrap());
        }
    }
    auc(&scores, &labels).unwrap()
}

#[test]
fn the_truth_scores_the_bayes_auc_and_its_terms_of_the_row_less() {
    let auc = scored(&LONG_RUN, 1, |pair, _| pair.up_probability);
    let row = scored(&LONG_RUN, 1, row_logit);
    assert!((auc - BAYES_AUC).abs() < 0.005 && (row - ROW_AUC).abs() < 0.005, "{auc}, of the row {row}");
}

#[test]
fn each_term_alone_gives_clearly_less() {
    let imbalance = scored(&LONG_RUN, 1, |pair, _| pair.imbalance);
    let leader = scored(&LONG_RUN, 1, |pair, info| pair.leader_return / info.typical_return);
    assert!((0.65..0.70).contains(&imbalance) && (0.65..0.70).contains(&leader), "{imbalance} {leader}");
}

fn row_logit(pair: &PairTruth, info: &PairInfo) -> f64 {
    IMBALANCE_WEIGHT * pair.imbalance + RETURN_WEIGHT * pair.leader_return / info.typical_return
}

#[test]
fn the_echo_is_worth_much_where_it_is_and_nothing_elsewhere() {
    let echoes = |info: &PairInfo| info.echo_weight > 0.0;
    assert_eq!(Simulator::new(0).pairs().iter().filter(|info| echoes(info)).map(|info| info.name).collect::<Vec<_>>(), ["SOLUSD"]);
    let truth = scored_where(&LONG_RUN, 1, echoes, |pair, _| pair.up_probability);
    let row = scored_where(&LONG_RUN, 1, echoes, row_logit);
    assert!((0.79..0.82).contains(&truth) && (0.71..0.74).contains(&row), "{truth}, of the row {row}");
    let elsewhere = scored_where(&LONG_RUN, 1, |info| !echoes(info), |pair, _| pair.echo_return);
    assert!((0.49..0.51).contains(&elsewhere), "{elsewhere}");
}

#[test]
fn the_echo_is_the_return_of_earlier_steps() {
    for (step, now) in LONG_RUN.truths.iter().enumerate() {
        let old = step.checked_sub(ECHO_STEPS).map(|old| LONG_RUN.truths[old]);
        for pair in 0..PAIR_COUNT {
            assert_eq!(now.pairs[pair].echo_return, old.map_or(0.0, |old| old.pairs[pair].leader_return));
        }
    }
}

#[test]
fn features_a_step_late_or_early_are_worth_little() {
    for late in [0, 2] {
        let auc = scored(&LONG_RUN, late, |pair, _| pair.up_probability);
        assert!((0.48..0.55).contains(&auc), "{late}: {auc}");
    }
}

#[test]
fn what_else_is_known_adds_nothing() {
    // Whatever is known at the close may move with x and both r, but must not move with the surprise.
    let mut sums = [0.0; 6];
    let mut count = 0.0;
    for both in LONG_RUN.truths.windows(2).skip(1) {
        for pair in 0..PAIR_COUNT {
            let (now, next) = (both[0].pairs[pair], both[1].pairs[pair]);
            let surprise = f64::from(u8::from(next.moved_up.unwrap())) - now.up_probability;
            let trend = f64::from(i8::from(both[0].regime == Regime::TrendUp) - i8::from(both[0].regime == Regime::TrendDown));
            let gap = (now.leader_mid - now.mid).signum();
            let momentum = if now.moved_up.unwrap() { 1.0 } else { -1.0 };
            let others = [1.0, trend, gap, momentum, now.imbalance.signum(), now.echo_return.signum()];
            sums.iter_mut().zip(others).for_each(|(sum, other)| *sum += surprise * other);
            count += 1.0;
        }
    }
    // The surprise has a deviation of about 0.45; five deviations of the mean.
    assert!(sums.iter().all(|sum: &f64| (sum / count).abs() < 5.0 * 0.45 / f64::sqrt(count)), "{sums:?} of {count}");
}

#[test]
fn venues_and_pool_stay_together() {
    for truth in &LONG_RUN.truths {
        for pair in &truth.pairs {
            assert!(pair.mid > 0.0 && (pair.mid / pair.leader_mid - 1.0).abs() < 0.02, "{truth:?}");
        }
        assert!((truth.pool_price / truth.pairs[spec::POOL_PAIR].leader_mid - 1.0).abs() < 0.02, "{truth:?}");
    }
}

#[test]
fn shocks_and_quiet_steps_occur() {
    let mut market = Simulator::new(11);
    let (mut slots, mut no_trade, mut only_books, mut crowded) = (Vec::new(), 0, 0, 0);
    for _ in 0..20_000 {
        slots.clear();
        market.step(&mut slots);
        let count = |kind: Kind| events(&slots).filter(|(head, _)| head.stream == 1 && head.kind == kind as u8).count();
        let (trades, quotes) = (count(Kind::Trade), count(Kind::Quote));
        assert!(count(Kind::Book) > 0);
        no_trade += usize::from(trades == 0);
        only_books += usize::from(trades + quotes == 0);
        crowded += usize::from(trades >= 8);
    }
    assert!(no_trade > 500 && only_books > 200 && crowded > 100, "{no_trade} {only_books} {crowded}");
    let all = [Regime::Calm, Regime::Range, Regime::TrendUp, Regime::TrendDown, Regime::Volatile, Regime::Shock, Regime::Quiet];
    for regime in all {
        assert!(LONG_RUN.truths.iter().filter(|truth| truth.regime == regime).count() > 500, "{regime:?}");
    }
}

#[test]
fn ids_are_the_callers() {
    let mut market = Simulator::new(1);
    assert!(market.streams().windows(2).all(|both| both[0].name < both[1].name));
    for refused in [&[1, 2, 3][..], &[0, 2, 3, 4, 5, 6, 7, 8], &[1, 1, 3, 4, 5, 6, 7, 8]] {
        assert_eq!(market.set_streams(refused).unwrap_err().status(), Status::InvalidArgument);
    }
    let ids = [21, 22, 23, 31, 32, 33, 41, 51];
    market.set_streams(&ids).unwrap();
    assert_eq!(market.streams().iter().map(|stream| stream.id).collect::<Vec<_>>(), ids);
    let mut out = Vec::new();
    for _ in 0..100 {
        market.step(&mut out);
    }
    let mut met: Vec<u32> = events(&out).map(|(head, _)| head.stream).collect();
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, ids);
}

#[test]
fn the_base_fee_follows_eip_1559() {
    assert_eq!(chain::next_base_fee(16_000, 15_000_000), 16_000);
    assert_eq!(chain::next_base_fee(16_000, 30_000_000), 18_000);
    assert_eq!(chain::next_base_fee(16_000, 0), 14_000);
    assert_eq!(chain::next_base_fee(7, 15_000_001), 8);
    assert_eq!(chain::next_base_fee(7, 0), 7);
}

//! Roles beside self: a leading market, gas, blocks, pools.

use foretick::Status;
use foretick::types::event::{Block, Gas, Liquidation, Pending, Pool, Scalar};
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, MS, START_NS, by_time, decision, quote, trade};
use crate::support::bundle::Options;

fn led() -> Options {
    let features = "[{ op = \"role_return\", role = \"leader\", period = 1, scale = [\"zscore\"] }]";
    Options { roles: vec!["self".into(), "leader".into()], features: features.into(), weights: vec![20.0], bias: 0.0, ..by_time() }
}

#[test]
fn a_leaders_return_decides() {
    let mut bench = Bench::with("");
    bench.publish(&led()).unwrap();
    let leader = bench.engine.add_stream("other:L", "").unwrap();
    let track = bench.lane.open_track("s", &[bench.stream, leader], 0).unwrap();
    let mut answers = Vec::new();
    for (step, mid) in [100.0, 110.0, 100.0, 100.0].into_iter().enumerate() {
        let at = step as i64 * 100;
        bench.push(&trade(bench.stream, at + 10, 1.0));
        bench.push(&quote(leader, at + 20, mid - 1.0, mid + 1.0));
        bench.lane.advance(START_NS + (at + 100) * MS).unwrap();
        answers.push(decision(&bench.lane.predict(track, START_NS + (at + 100) * MS).unwrap()));
    }
    assert_eq!(answers, [(Action::Abstain, reason::NOT_READY | reason::FEATURE_MISSING), (Action::Buy, 0), (Action::Sell, 0), (Action::Hold, 0)]);
}

#[test]
fn without_the_leaders_book_its_feature_is_missing() {
    let mut bench = Bench::with("");
    bench.publish(&led()).unwrap();
    let leader = bench.engine.add_stream("other:L", "").unwrap();
    let track = bench.lane.open_track("s", &[bench.stream, leader], 0).unwrap();
    for at in [10, 110, 210] {
        bench.push(&trade(bench.stream, at, 1.0));
        bench.push(&quote(bench.stream, at + 1, 99.0, 101.0));
    }
    bench.lane.advance(START_NS + 300 * MS).unwrap();
    assert_eq!(decision(&bench.lane.predict(track, START_NS + 300 * MS).unwrap()), (Action::Abstain, reason::FEATURE_MISSING));
}

#[test]
fn roles_must_be_filled_one_stream_each() {
    let mut bench = Bench::with("");
    bench.publish(&led()).unwrap();
    let leader = bench.engine.add_stream("other:L", "").unwrap();
    let own = bench.stream;
    for (streams, status, text) in [
        (vec![own], Status::Roles, "self, leader"),
        (vec![own, leader, leader], Status::Roles, "3 streams"),
        (vec![own, own], Status::Roles, "two roles"),
        (vec![leader, own], Status::Scope, "other:L"),
        (vec![own, 99], Status::UnknownStream, "99"),
        (vec![own, 0], Status::UnknownStream, "0"),
    ] {
        let error = bench.lane.open_track("s", &streams, 0).unwrap_err();
        assert!(error.status() == status && error.text().contains(text), "{streams:?}: {error}");
    }
    assert_eq!(bench.lane.open_track("t", &[own, leader], 0).unwrap_err().status(), Status::NoBundle);
    assert_eq!(bench.lane.open_track("s", &[own, leader], 0).unwrap().number, 0, "nothing was left behind");
}

#[test]
fn context_of_every_kind_is_accepted_and_keeps_no_step_alive() {
    let mut bench = Bench::with("");
    bench.publish(&Options { roles: vec!["self".into(), "chain".into()], window: 2, ..by_time() }).unwrap();
    let chain = bench.engine.add_stream("eth:blocks", "").unwrap();
    let track = bench.lane.open_track("s", &[bench.stream, chain], 0).unwrap();
    bench.push(&trade(bench.stream, 10, 2.0));
    let at = |ms: i64| START_NS + ms * MS;
    bench.push(&Gas { price_wei: u64::MAX, known: 1, ..Gas::of(chain, at(110)) });
    bench.push(&Block { base_fee_wei: 7, known: 1, ..Block::of(chain, at(120)) });
    bench.push(&Pending { transactions: 3, known: 8, ..Pending::of(chain, at(130)) });
    let pool = Pool {
        model: 2,
        decimals0: 18,
        decimals1: 6,
        fee: 3_000,
        sqrt_price_x96: [u64::MAX; 4],
        liquidity: [u64::MAX; 2],
        reserve0: [1, u64::MAX],
        ..Pool::of(chain, at(140))
    };
    bench.push(&pool);
    bench.push(&Scalar { value: -1.5, weight: 1.0, ..Scalar::of(chain, at(150)) });
    bench.push(&Liquidation { price: 1.0, size: 1.0, side: 2, ..Liquidation::of(chain, at(160)) });
    let p = bench.lane.predict(track, at(160)).unwrap();
    assert_eq!((decision(&p), p.known_ns), ((Action::Buy, 0), at(10)), "what came after the close was not used");
    assert_eq!(bench.lane.counters().events.get(), 7);
    assert_eq!(bench.push(&Gas { price_wei: 1, known: 1, ..Gas::of(chain, at(350)) }).closed, 2, "two silent steps");
    assert_eq!(bench.push(&Gas { price_wei: 1, known: 1, ..Gas::of(chain, at(450)) }).closed, 0);
    assert_eq!(bench.lane.counters().restarts.get(), 1, "silence is that of role self");
    let p = bench.lane.predict(track, at(520)).unwrap();
    assert!(p.reasons & reason::DATA_STALE != 0, "and so is staleness: {:x}", p.reasons);
}

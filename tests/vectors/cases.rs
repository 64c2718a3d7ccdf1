//! The cases: what is called, in which order.

use foretick::ingest::gate;
use foretick::source::simulator::Simulator;
use foretick::types::event::{
    BAR_TRADES, Block, Book, Gas, Liquidation, MARK_ADVANCE, MARK_GAP, MARK_PREDICT, MARK_RESET, Mark, Pending, Pool, Quote, Record, Scalar, Slot, Trade,
};

use crate::calls::{hex, text};
use crate::folder;
use crate::script::Script;
use crate::support::bench::{MINUTE_NS, MS, START_NS, bar, quote, stream_of, trade};

/// Steps of the simulator that the market's cases see.
const STEPS: usize = 32;
const SEED: u64 = 5;
const OWN: u32 = 1;
const LEADER: u32 = 2;

/// Every case, by name.
pub fn all() -> Vec<Script> {
    let mut cases = vec![
        decide(),
        pushed("batch", "The market pushed as one array: a push stops at every step.", usize::MAX),
        pushed("single", "The same events pushed one by one: the same answers as the array.", 1),
        refused(),
        order(),
        marks(),
        abstain(),
        switches(),
        swap(),
        links(),
        state(),
        amounts(),
        given(),
        scorer(),
        networks(),
        wrong(),
    ];
    cases.sort_by_key(|script| script.name);
    cases
}

/// `sim.events`: the first pair of the simulator and its leader, as streams 1 and 2.
pub fn write_events() {
    std::fs::write(folder().join("sim.events"), bytemuck::cast_slice(&market())).unwrap();
}

fn market() -> Vec<Slot> {
    let mut simulator = Simulator::new(SEED);
    let pair = simulator.pairs()[0];
    let mut ids: Vec<u32> = (11..11 + simulator.streams().len() as u32).collect();
    (ids[pair.own], ids[pair.leader]) = (OWN, LEADER);
    simulator.set_streams(&ids).unwrap();
    let mut slots = Vec::new();
    (0..STEPS).for_each(|_| {
        simulator.step(&mut slots);
    });
    each(&slots).filter(|event| event_stream(event) <= LEADER).flatten().copied().collect()
}

fn each(slots: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    let mut rest = slots;
    std::iter::from_fn(move || {
        let (event, after) = rest.split_at(usize::from(gate::head(rest)?.slots));
        rest = after;
        Some(event)
    })
}

fn event_stream(event: &[Slot]) -> u32 {
    gate::head(event).unwrap().stream
}

/// The market's engine with one track.
fn market_track(script: &mut Script) {
    script.events("sim.events");
    script.start(&[("direction", "market")]);
    script.ok("stream sim_a:BTCUSD -");
    script.ok("stream sim_b:BTCUSD -");
    script.ok("track t l direction 0 1 2");
}

/// Pushes from `at` so many slots; where it got to, the time there, and whether a step closed.
fn push_some(script: &mut Script, slots: &[Slot], at: usize, count: usize) -> (usize, i64, bool) {
    let flow = script.ok(&format!("push l @{at}+{count}"));
    let taken: usize = flow[1].parse().unwrap();
    let last = each(&slots[at..at + taken]).last().and_then(gate::head).unwrap();
    (at + taken, last.known_ns, flow[0] != "0")
}

fn decide() -> Script {
    let mut s = Script::new("decide", "Events to decisions, inline: what is pushed, closed, due, decided, and what stands behind it.");
    market_track(&mut s);
    s.call("row t 0", "NO_PREDICTION");
    s.call("details t", "NO_PREDICTION");
    let slots = market();
    let mut at = 0;
    while at < slots.len() {
        let (next, now_ns, closed) = push_some(&mut s, &slots, at, slots.len() - at);
        at = next;
        if closed {
            s.ok("due l");
            s.ok(&format!("predict t {now_ns}"));
            s.ok("due l");
        }
    }
    s.about("The newest row, unscaled and as models see it; the same step again is a REPEAT.");
    s.ok("row t 0");
    s.ok("row t 1");
    s.ok("details t");
    let end_ns = gate::head(each(&slots).last().unwrap()).unwrap().known_ns;
    s.ok(&format!("predict t {}", end_ns + MS));
    s.ok(&format!("advance l {}", end_ns + 350 * MS));
    s.ok(&format!("predict t {}", end_ns + 350 * MS + 1));
    s.ok("details t");
    s
}

fn pushed(name: &'static str, about: &str, events: usize) -> Script {
    let mut s = Script::new(name, about);
    market_track(&mut s);
    let slots = market();
    let mut at = 0;
    while at < slots.len() {
        let count = each(&slots[at..]).take(events).map(<[Slot]>::len).sum();
        let (next, now_ns, closed) = push_some(&mut s, &slots, at, count);
        at = next;
        if closed {
            s.ok(&format!("predict t {now_ns}"));
        }
    }
    s
}

/// One track by bars of a minute, `test:A` is stream 1.
fn by_bars(script: &mut Script, bundle: &str) {
    script.start(&[("s", bundle)]);
    script.ok("stream test:A -");
    script.ok("track t l s 0 1");
}

fn decide_bar(s: &mut Script, minute: i64, volume: f64) {
    let bar = bar(1, minute, volume);
    s.push(bar.slots(), "OK");
    s.ok(&format!("predict t {}", bar.head.known_ns));
}

fn good_trade() -> Trade {
    trade(1, 10, 1.0)
}

fn refused() -> Script {
    let mut s = Script::new("refused", "Events that are refused: nothing is taken, and the decision after them is as if they had not been there.");
    by_bars(&mut s, "volume");
    decide_bar(&mut s, 0, 2.0);
    let known = START_NS + MINUTE_NS + MS;
    let head = |edit: &dyn Fn(&mut Trade)| {
        let mut event = good_trade();
        edit(&mut event);
        event
    };
    s.about("EVENT_SHAPE: kind, slots, counts");
    for event in [head(&|t| t.head.kind = 12), head(&|t| t.head.slots = 0), head(&|t| t.head.slots = 2)] {
        s.push(event.slots_as_one(), "EVENT_SHAPE");
    }
    s.push(&[], "OK");
    s.push(&Book::of(1, known, &[(2.0, 1.0)], &[(3.0, 1.0)]).slots()[..1], "EVENT_SHAPE");
    s.push(Mark { code: 9, ..Mark::of(0, known) }.slots(), "EVENT_SHAPE");
    s.about("EVENT_RESERVED: a flag, a byte, a field that is not known");
    s.push(head(&|t| t.head.flags = 16).slots(), "EVENT_RESERVED");
    s.push(head(&|t| t.reserved[6] = 1).slots(), "EVENT_RESERVED");
    let known_bar = bar(1, 1, 1.0);
    s.push(foretick::types::event::Bar { trades: 3, ..known_bar }.slots(), "EVENT_RESERVED");
    s.push(Gas { known: 8, ..Gas::of(1, known) }.slots(), "EVENT_RESERVED");
    s.push(Block { known: 16, ..Block::of(1, known) }.slots(), "EVENT_RESERVED");
    s.push(Pending { known: 16, ..Pending::of(1, known) }.slots(), "EVENT_RESERVED");
    s.about("NOT_FINITE");
    s.push(head(&|t| t.price = f64::NAN).slots(), "NOT_FINITE");
    s.push(Quote { bid_px: f64::INFINITY, ..quote(1, 10, 1.0, 2.0) }.slots(), "NOT_FINITE");
    s.push(Scalar { value: f64::NEG_INFINITY, weight: 1.0, ..Scalar::of(1, known) }.slots(), "NOT_FINITE");
    s.about("RANGE: prices, sides, orders, times, intervals");
    s.push(head(&|t| t.price = -1.0).slots(), "RANGE");
    s.push(head(&|t| t.side = 3).slots(), "RANGE");
    s.push(head(&|t| t.head.known_ns = i64::MAX).slots(), "RANGE");
    s.push(head(&|t| t.head.known_ns = -1).slots(), "RANGE");
    s.push(Book::of(1, known, &[(1.0, 1.0), (2.0, 1.0)], &[]).slots(), "RANGE");
    s.push(foretick::types::event::Bar { interval_ns: MINUTE_NS / 2, ..known_bar }.slots(), "RANGE");
    s.push(foretick::types::event::Bar { high: 1.0, ..known_bar }.slots(), "RANGE");
    s.push(Pool { fee: 1_000_001, model: 1, ..Pool::of(1, known) }.slots(), "RANGE");
    s.push(Liquidation { price: 1.0, size: 1.0, ..Liquidation::of(1, known) }.slots(), "RANGE");
    s.call("advance l -1", "RANGE");
    s.about("UNKNOWN_STREAM");
    s.push(head(&|t| t.head.stream = 0).slots(), "UNKNOWN_STREAM");
    s.push(head(&|t| t.head.stream = 7).slots(), "UNKNOWN_STREAM");
    s.about("An array whose second event is wrong: the first is taken; the rest is refused when it comes first.");
    let pair = stream_of(&[&trade(1, 60_100, 1.0), &head(&|t| t.price = 0.0)]);
    s.push(&pair, "OK");
    s.push(&pair[1..], "RANGE");
    decide_bar(&mut s, 1, 0.0);
    s
}

/// A record's slots even where its head lies about them.
trait AsOne {
    fn slots_as_one(&self) -> &[Slot];
}

impl AsOne for Trade {
    fn slots_as_one(&self) -> &[Slot] {
        bytemuck::cast_slice(std::slice::from_ref(self))
    }
}

fn order() -> Script {
    let mut s = Script::new("order", "Duplicates, late events, a stream's clock that goes back: taken, skipped, counted, and said by the next prediction.");
    s.start(&[("s", "timed")]);
    s.ok("stream test:A -");
    s.ok("stream test:B -");
    s.ok("track t l s 0 1");
    let numbered = |ms, seq| {
        let mut event = trade(1, ms, 1.0);
        event.head.seq = seq;
        event
    };
    let at = |ms: i64| START_NS + ms * MS;
    s.push(numbered(10, 1).slots(), "OK");
    s.about("A duplicate: the id of the last trade.");
    s.push(numbered(20, 1).slots(), "OK");
    s.push(numbered(30, 2).slots(), "OK");
    s.ok(&format!("advance l {}", at(100)));
    s.ok(&format!("predict t {}", at(100)));
    s.about("Late: its time had been promised.");
    s.push(numbered(90, 3).slots(), "OK");
    s.push(numbered(150, 4).slots(), "OK");
    s.ok(&format!("advance l {}", at(200)));
    s.ok(&format!("predict t {}", at(200)));
    s.about("The clock goes back within the stream; not across streams.");
    s.push(numbered(260, 5).slots(), "OK");
    s.push(numbered(250, 6).slots(), "OK");
    s.push(trade(2, 240, 1.0).slots(), "OK");
    s.ok(&format!("advance l {}", at(300)));
    s.ok(&format!("predict t {}", at(300)));
    s.push(numbered(350, 7).slots(), "OK");
    s.ok(&format!("advance l {}", at(400)));
    s.ok(&format!("predict t {}", at(400)));
    s
}

fn mark(code: u32, track: u32, argument: i64) -> Mark {
    Mark { code, track, argument, ..Mark::of(0, START_NS) }
}

fn marks() -> Script {
    let mut s = Script::new("marks", "Marks: events were lost, all starts anew, a time is promised, a prediction was asked for.");
    by_bars(&mut s, "volume");
    decide_bar(&mut s, 0, 2.0);
    s.about("A gap is told once.");
    s.push(mark(MARK_GAP, u32::MAX, 17).slots(), "OK");
    decide_bar(&mut s, 1, 2.0);
    decide_bar(&mut s, 2, 0.0);
    s.about("A gap of another track is none of this one's.");
    s.push(mark(MARK_GAP, 99, 17).slots(), "OK");
    decide_bar(&mut s, 3, 1.0);
    s.about("A minute is missing: the sampler sees it.");
    decide_bar(&mut s, 6, 1.0);
    s.push(mark(MARK_PREDICT, u32::MAX, START_NS).slots(), "OK");
    s.push(mark(MARK_ADVANCE, 0, START_NS + 8 * MINUTE_NS).slots(), "OK");
    s.about("After the promise an older bar is late; after a reset it is the first.");
    decide_bar(&mut s, 7, 2.0);
    s.push(mark(MARK_RESET, u32::MAX, 0).slots(), "OK");
    s.ok(&format!("predict t {}", START_NS + 8 * MINUTE_NS));
    decide_bar(&mut s, 7, 2.0);
    s
}

fn abstain() -> Script {
    let mut s = Script::new("abstain", "A true call that cannot decide answers OK and ABSTAIN, with every reason.");
    s.start(&[("s", "volume"), ("m", "market")]);
    s.ok("stream test:A -");
    s.ok("stream sim_a:BTCUSD -");
    s.ok("stream sim_b:BTCUSD -");
    s.ok("track t l s 0 1");
    s.ok("track far l s 1 2");
    s.ok("track pair l m 0 2 3");
    s.about("Nothing has closed.");
    s.ok(&format!("predict t {START_NS}"));
    decide_bar(&mut s, 0, 2.0);
    s.about("The newest event is too old at the time of the decision.");
    s.push(bar(1, 1, 2.0).slots(), "OK");
    s.ok(&format!("predict t {}", START_NS + 10 * MINUTE_NS));
    s.about("Features are missing: the leader has no book.");
    let later = START_NS + 2 * MINUTE_NS;
    s.push(quote(2, 10, 99.0, 101.0).slots(), "OK");
    s.ok(&format!("advance l {}", later + 200 * MS));
    s.ok("due l");
    s.ok(&format!("predict pair {}", later + 200 * MS));
    s.ok("details pair");
    s.about("Out of the bundle's scope, which informs and does not abstain.");
    s.push(bar(2, 2, 2.0).slots(), "OK");
    s.ok(&format!("predict far {}", START_NS + 3 * MINUTE_NS));
    s
}

fn switches() -> Script {
    let mut s = Script::new("switches", "A member, a slot and a track that are switched off, and on again.");
    by_bars(&mut s, "steep");
    for (minute, call) in [
        "track_enable t 1",
        "track_enable t 0",
        "track_enable t 1",
        "slot_enable s - 0",
        "slot_enable s - 1",
        "slot_enable s half 0",
        "slot_enable s lr 0",
        "slot_enable s half 1",
        "slot_enable s lr 1",
    ]
    .into_iter()
    .enumerate()
    {
        s.ok(call);
        decide_bar(&mut s, minute as i64, 1.5);
        s.ok("details t");
    }
    s.call("slot_enable nobody - 0", "NOT_FOUND");
    s.call("slot_enable s nobody 0", "NOT_FOUND");
    s
}

fn swap() -> Script {
    let mut s = Script::new("swap", "Another generation in the middle, one of another schema refused, two slots published as one.");
    by_bars(&mut s, "volume");
    for bundle in ["steep", "other"] {
        s.ok(&format!("bundle {bundle} tests/vectors/calls/bundles/{bundle}"));
    }
    for minute in 0..3 {
        decide_bar(&mut s, minute, minute as f64);
    }
    s.ok("publish s steep");
    s.ok(&format!("predict t {}", START_NS + 3 * MINUTE_NS));
    for minute in 3..6 {
        decide_bar(&mut s, minute, minute as f64 - 3.0);
    }
    s.ok("details t");
    s.call("publish s other", "SCHEMA_DIFFERS");
    s.about("All or none: the second of these does not fit its slot.");
    s.call("publish new volume s other", "SCHEMA_DIFFERS");
    s.call("track n l new 0 1", "NO_BUNDLE");
    s.ok("publish new other s volume");
    s.ok("track n l new 0 1");
    decide_bar(&mut s, 6, 2.0);
    s.ok("due l");
    s.ok(&format!("predict n {}", START_NS + 7 * MINUTE_NS));
    s
}

fn links() -> Script {
    let mut s = Script::new("links", "Two producers and a poll: taken in the order of time, predicted, published to result memory; full, conflated, refused.");
    market_track(&mut s);
    s.ok("attach t");
    s.ok("result t");
    s.ok("link own l -");
    s.ok(&format!("link leader l {}", text("slots = 256\n")));
    let slots = market();
    let (mut at, mut end_ns) = (0, i64::MIN);
    for event in each(&slots) {
        let known_ns = gate::head(event).unwrap().known_ns;
        if known_ns > end_ns && at > 0 {
            s.ok(&format!("poll l 0 {end_ns}"));
            s.ok("result t");
        }
        end_ns = (known_ns + 100 * MS - 1) / (100 * MS) * (100 * MS);
        let link = if event_stream(event) == OWN { "own" } else { "leader" };
        s.ok(&format!("link_push {link} @{at}+{}", event.len()));
        at += event.len();
    }
    s.about("A promise of every producer closes the step that is open; a poll by so many slots takes whole events.");
    for link in ["own", "leader"] {
        s.ok(&format!("link_push {link} {}", hex(bytemuck::bytes_of(&Mark { argument: end_ns, ..mark(MARK_ADVANCE, u32::MAX, end_ns) }))));
    }
    s.ok(&format!("poll l 1 {end_ns}"));
    s.ok(&format!("poll l 0 {end_ns}"));
    s.ok("result t");
    s.ok("details t");
    s.about("Full: what fits is taken, then nothing; all or none.");
    s.ok(&format!("link small l {}", text("slots = 16\n")));
    s.call("link_all small @0+20", "FULL");
    s.ok("link_push small @0+40");
    s.call("link_push small @0+6", "FULL");
    s.ok(&format!("poll l 0 {end_ns}"));
    s.about("A waiting quote is replaced by the newer one of its stream.");
    s.ok(&format!("link latest l {}", text("conflate = [\"quote\"]\n")));
    s.ok(&format!("link_push latest {}", hex(bytemuck::cast_slice(quote(OWN, 10_000, 99.0, 101.0).slots()))));
    s.ok(&format!("link_push latest {}", hex(bytemuck::cast_slice(quote(OWN, 10_001, 99.5, 101.0).slots()))));
    s.ok(&format!("poll l 0 {}", end_ns + MS));
    s.about("Refused by the producer's end: nothing is taken.");
    s.call(&format!("link_push own {}", hex(bytemuck::bytes_of(&Trade { price: f64::NAN, ..trade(OWN, 10_002, 1.0) }))), "NOT_FINITE");
    s.call(&format!("link_all own {}", hex(bytemuck::bytes_of(&trade(9, 10_002, 1.0)))), "UNKNOWN_STREAM");
    s.call("poll l 0 0", "INVALID_ARGUMENT");
    s.call("poll l 0 -1", "INVALID_ARGUMENT");
    s.call(&format!("link none l {}", text("slots = 100\n")), "CONFIG_VALUE");
    s.ok("maintain 10000000000");
    s
}

fn amounts() -> Script {
    let mut s = Script::new("amounts", "Amounts of 256 bits: exact, or refused; to a double with one rounding.");
    s.ok(&format!("engine {}", text("clock = \"host\"\nthreads = 0\n")));
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    for (amount, decimals) in [("1.5", 6), ("0", 0), ("0.10", 1), ("9007199254740993", 0), ("1234567.000000000000000001", 18), (most, 0), ("0.1", 77)] {
        let limbs = s.ok(&format!("amount_parse {amount} {decimals}"));
        s.ok(&format!("amount_f64 {} {decimals}", limbs[0]));
    }
    for (amount, decimals, status) in [
        ("1.25", 1, "PRECISION"),
        ("115792089237316195423570985008687907853269984665640564039457584007913129639936", 0, "RANGE"),
        ("-", 0, "INVALID_ARGUMENT"),
        ("1e3", 0, "INVALID_ARGUMENT"),
        ("%2D1", 0, "INVALID_ARGUMENT"),
        ("1", 78, "INVALID_ARGUMENT"),
    ] {
        s.call(&format!("amount_parse {amount} {decimals}"), status);
    }
    let ascending: Vec<u8> = (1..33).collect();
    for bytes in [&ascending[..], &[0xFF; 32], &[0; 32]] {
        let limbs = s.ok(&format!("amount_bytes {}", hex(bytes)));
        s.ok(&format!("amount_f64 {} 18", limbs[0]));
    }
    s.call(&format!("amount_f64 {} 78", hex(&[1; 32])), "INVALID_ARGUMENT");
    s
}

fn state() -> Script {
    let mut s = Script::new("state", "A lane that begins with history, one that goes on from another's bytes, and bytes that are none.");
    market_track(&mut s);
    let slots = market();
    let half: usize = each(&slots).take(each(&slots).count() * 3 / 4).map(<[Slot]>::len).sum();
    s.ok(&format!("warm l @0+{half}"));
    s.ok("due l");
    s.ok("row t 0");
    s.ok("lane other -");
    s.ok("track o other direction 0 1 2");
    s.call("restore_bytes other 00", "CORRUPT");
    s.ok("snapshot l here");
    s.ok("restore other here");
    s.about("Both go on alike, but for the numbers of lane and track.");
    let mut at = half;
    while at < slots.len() {
        let (next, now_ns, closed) = push_some(&mut s, &slots, at, slots.len() - at);
        s.ok(&format!("push other @{at}+{}", slots.len() - at));
        at = next;
        if closed {
            s.ok(&format!("predict t {now_ns}"));
            s.ok(&format!("predict o {now_ns}"));
        }
    }
    s.about("Another lane has other tracks.");
    s.ok("lane empty -");
    s.call("restore empty here", "SCHEMA_DIFFERS");
    s
}

fn given() -> Script {
    let mut s = Script::new("given", "Decisions on rows of the caller's: EXECUTE, WAIT, SKIP, a missing value, and rows that are refused.");
    by_bars(&mut s, "opportunity");
    let now = START_NS + MINUTE_NS;
    let row = |values: &[f64]| hex(bytemuck::cast_slice(values));
    for values in [[2.0, 0.5], [0.0, -0.5], [-2.0, -0.5], [f64::NAN, 0.5]] {
        s.ok(&format!("predict_row t {now} {}", row(&values)));
        s.ok("details t");
    }
    s.call(&format!("predict_row t {now} {}", row(&[1.0])), "SHAPE");
    s.call(&format!("predict_row t {now} -"), "SHAPE");
    s.call(&format!("predict_row t {now} {}", row(&[1.0, f64::INFINITY])), "NOT_FINITE");
    s.call(&format!("predict_row t -1 {}", row(&[1.0, 0.5])), "INVALID_ARGUMENT");
    s.call(&format!("predict_row t 0 {}", row(&[1.0, 0.5])), "INVALID_ARGUMENT");
    s.about("The track's own step is asked for as if there were no rows.");
    decide_bar(&mut s, 0, 1.0);
    s
}

fn floats(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / f32::from(1u16 << 12) / 1_024.0 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn scorer() -> Script {
    let mut s = Script::new("scorer", "One model alone: scaled rows, unscaled ones, windows that slide, rows that are refused.");
    s.start(&[("s", "rows")]);
    s.ok("scorer lr s lr 0");
    s.ok("scorer raw s lr 1");
    s.ok("scorer w s w 0");
    s.ok("scorer ratio s ratio 0");
    let (scaled, raw) = (floats(1, 10), floats(2, 6).into_iter().map(f64::from).collect::<Vec<_>>());
    let bytes = |values: &[f32]| hex(bytemuck::cast_slice(values));
    s.ok(&format!("score lr 5 0 {}", bytes(&scaled)));
    (0..5).for_each(|row| {
        s.ok(&format!("score lr 1 0 {}", bytes(&scaled[2 * row..2 * row + 2])));
    });
    s.ok(&format!("score raw 3 0 {}", hex(bytemuck::cast_slice(&raw))));
    s.ok(&format!("score raw 1 0 {}", hex(bytemuck::cast_slice(&[0.5, f64::NAN]))));
    s.call(&format!("score raw 1 0 {}", hex(bytemuck::cast_slice(&[f64::NAN, 0.5]))), "NOT_FINITE");
    s.call(&format!("score raw 1 0 {}", hex(bytemuck::cast_slice(&[1e300, 0.5]))), "RANGE");
    s.ok(&format!("score w 2 8 {}", bytes(&scaled)));
    s.ok(&format!("score w 1 0 {}", bytes(&scaled[2..])));
    s.about("Rows that follow: the windows that they make.");
    s.ok(&format!("score_next w 1 0 {}", bytes(&scaled[..2])));
    s.ok(&format!("score_next w 2 12 {}", bytes(&scaled[2..7])));
    s.call(&format!("score_next w 1 0 {}", bytes(&[f32::INFINITY, 0.0])), "NOT_FINITE");
    s.ok(&format!("score_next w 1 0 {}", bytes(&scaled[..2])));
    s.ok(&format!("score_next raw 1 0 {}", hex(bytemuck::cast_slice(&raw[..2]))));
    s.ok("scorer fresh s w 0");
    s.call(&format!("score_next fresh 1 0 {}", bytes(&scaled[..2])), "WRONG_STATE");
    s.ok("score_next fresh 0 0 -");
    s.ok("score lr 0 0 -");
    s.call(&format!("score lr 1 0 {}", bytes(&[1.0, f32::NAN])), "NOT_FINITE");
    s.call(&format!("score ratio 1 0 {}", bytes(&[0.0, 1.0])), "MODEL_OUTPUT");
    s.about("A scorer stays with its generation.");
    s.ok("publish s rows");
    s.ok(&format!("score lr 1 0 {}", bytes(&scaled[..2])));
    s.ok("scorer again s lr 0");
    s.call("scorer none s nobody 0", "NOT_FOUND");
    s.call("scorer none nobody lr 0", "NO_BUNDLE");
    s.call("scorer none s lr 2", "INVALID_ARGUMENT");
    s
}

fn networks() -> Script {
    let mut s = Script::new("networks", "The members of the shipped bundle sim v2, alone: linear, trees, LSTM, convolution.");
    s.ok(&format!("engine {}", text("clock = \"host\"\nthreads = 0\n")));
    s.ok("bundle sim models/sim/v2");
    s.ok("publish direction sim");
    for (seed, member) in ["lr", "xgb", "lstm", "cnn"].into_iter().enumerate() {
        let width: usize = s.ok(&format!("scorer {member} direction {member} 0"))[..2].iter().map(|size| size.parse::<usize>().unwrap()).product();
        let rows = if width > 26 { 1 } else { 8 };
        let mut values = floats(seed as u32 + 7, rows * width);
        s.ok(&format!("score {member} {rows} 0 {}", hex(bytemuck::cast_slice(&values))));
        // The window behind it, of which all but the newest row was worked out, or nothing could be.
        s.ok(&format!("prepare_scorer {member}"));
        values.extend(floats(seed as u32 + 11, 26));
        s.ok(&format!("score {member} {rows} 0 {}", hex(bytemuck::cast_slice(&values[26..]))));
        // The same for a row that follows, and for one that follows that.
        s.ok(&format!("prepare_scorer {member}"));
        s.ok(&format!("score_next {member} 2 0 {}", hex(bytemuck::cast_slice(&floats(seed as u32 + 13, 52)))));
    }
    s
}

fn wrong() -> Script {
    let mut s = Script::new("wrong", "Wrong calls: a status, a text, and nothing changed.");
    for (options, status) in
        [("threads = ", "CONFIG_SYNTAX"), ("thread = 1\n", "CONFIG_KEY"), ("threads = 9\n", "CONFIG_VALUE"), ("clock = \"moon\"\n", "CONFIG_VALUE")]
    {
        s.call(&format!("engine {}", text(options)), status);
    }
    s.start(&[("s", "volume")]);
    s.ok("stream test:A -");
    s.ok("stream test:A -");
    s.ok(&format!("stream test:\u{e9}% {}", text("tick = 0.5\n")).replace("test:\u{e9}%", &text("test:\u{e9}%")));
    s.call(&format!("stream test:A {}", text("tick = 0.5\n")), "CONFLICT");
    s.call(&format!("stream test:B {}", text("tack = 0.5\n")), "CONFIG_KEY");
    s.call("stream - -", "INVALID_ARGUMENT");
    s.call("bundle none tests/vectors/calls/bundles/none", "IO");
    s.call(&format!("lane none {}", text("threads = 1\n")), "CONFIG_KEY");
    s.call("track none l nobody 0 1", "NO_BUNDLE");
    s.call("track none l s 0 1 2", "ROLES");
    s.call("track none l s 0", "ROLES");
    s.call("track none l s 0 9", "UNKNOWN_STREAM");
    s.call("track none l s 2 1", "INVALID_ARGUMENT");
    s.ok("stream other:X -");
    s.call("track none l s 0 3", "SCOPE");
    s.ok("track t l s 0 1");
    s.call("predict t 0", "INVALID_ARGUMENT");
    s.call("predict t -5", "INVALID_ARGUMENT");
    s.call("row t 0", "NO_PREDICTION");
    decide_bar(&mut s, 0, 2.0);
    let trades = foretick::types::event::Bar { known: BAR_TRADES, trades: u64::MAX, ..bar(1, 1, 0.0) };
    s.push(trades.slots(), "OK");
    s.ok(&format!("predict t {}", trades.head.known_ns));
    s
}

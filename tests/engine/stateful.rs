//! Stateful models: every closed step is read once, in its order, whoever asks when; and what becomes of a state.

use std::ops::Range;

use foretick::Status;
use foretick::config::LinkOptions;
use foretick::engine::{Engine, Lane, RowValues, TrackId};
use foretick::types::event::{Bar, MARK_RESET, Mark, Record};
use foretick::types::prediction::backend::{NATIVE, STATEFUL};
use foretick::types::{Prediction, reason};

use crate::support::bench::{Bench, START_NS, bar_at, open};
use crate::support::bundle::{Graph, Member, Options};
use crate::support::steps::Sequence;

/// Rows of the window, which a state must have read.
const WINDOW: i64 = 4;
const RESET: &str = "state = \"reset\"";
const REPLAY: &str = "state = \"replay\"";
const LSTM: &str = "lstm_2.layers";

/// A bundle that decides by a stateful network alone; its last feature is missing without the taker's side, its second one in the first row.
fn stateful(net: &'static str, state: &'static str) -> Options {
    let features = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = \"momentum\", period = 1, scale = [\"relative\", \"zscore\"] }, \
        { op = \"order_flow_ratio\", period = 1 }]";
    let mut member = Member::new("net", Graph::Step(net)).with(state);
    if net.ends_with(".carry") {
        member = member.with("carry = { hn = \"h0\", cn = \"c0\" }");
    }
    Options { features: features.into(), weights: vec![0.0; 3], weight: 0.0, window: WINDOW as usize, members: vec![member], ..Options::default() }
}

/// The bar of a minute.
fn event(stream: u32, minute: i64) -> Bar {
    let (volume, buys) = (1.0 + (minute * minute % 7) as f64 / 4.0, (minute % 5) as f64 / 4.0);
    Bar { volume: volume + 1.0, known: 2, taker_buy: buys, taker_sell: 1.0, ..bar_at(stream, minute, 100.0 + (minute * 3 % 8) as f64) }
}

/// A bar without the taker's side.
fn silent(stream: u32, minute: i64) -> Bar {
    Bar { known: 0, taker_buy: 0.0, taker_sell: 0.0, ..event(stream, minute) }
}

/// What the network gave behind the newest step, as bits; `None` where it gave nothing.
fn given(lane: &Lane, track: TrackId) -> Option<u32> {
    let details = lane.details(track).unwrap();
    let answer = details.answer.members.iter().find(|answer| answer.member == 1).unwrap();
    assert_eq!(answer.backend, NATIVE | STATEFUL);
    (answer.status == Status::Ok).then(|| (answer.value as f32).to_bits())
}

/// The network row by row, beside a track.
struct Beside {
    sequence: Sequence,
    read: i64,
}

impl Beside {
    fn new(net: &str) -> Beside {
        Beside { sequence: Sequence::new(net), read: 0 }
    }

    fn begin(&mut self) {
        self.sequence.begin();
        self.read = 0;
    }

    /// What is right behind the newest row; a row that lacks something begins anew.
    fn read(&mut self, lane: &Lane, track: TrackId) -> Option<u32> {
        let row = lane.row(track).unwrap();
        if row.scaled_valid != [0b111] {
            self.begin();
            return None;
        }
        self.read += 1;
        let value = self.sequence.read(row.scaled);
        (self.read >= WINDOW).then_some(value.to_bits())
    }
}

fn ask(bench: &mut Bench, track: TrackId, minute: i64) -> Prediction {
    bench.lane.predict(track, event(1, minute).head.known_ns).unwrap()
}

/// Pushes the bars of some minutes and asks for each.
fn live(bench: &mut Bench, track: TrackId, minutes: Range<i64>) {
    minutes.for_each(|minute| assert_eq!(bench.decide(track, &event(bench.stream, minute)).step, minute as u64));
}

/// Pushes the bars of some minutes and asks for each; what was given and what is right.
fn lives(bench: &mut Bench, track: TrackId, beside: &mut Beside, minutes: Range<i64>) {
    for minute in minutes {
        let p = bench.decide(track, &event(bench.stream, minute));
        let right = beside.read(&bench.lane, track);
        assert_eq!(given(&bench.lane, track), right, "minute {minute}");
        assert_eq!(p.value.is_nan(), right.is_none());
    }
}

#[test]
fn every_step_is_answered_as_by_one_run_over_the_whole_history() {
    for net in [LSTM, "lstm_2.carry", "lstm_1.carry", "gru_2.layers", "lstm_stored.layers"] {
        let (mut bench, track) = Bench::start(&stateful(net, RESET));
        let mut beside = Beside::new(net);
        lives(&mut bench, track, &mut beside, 0..60);
        assert_eq!(beside.read, 59, "the first row lacks its momentum");
        let counters = bench.lane.counters();
        assert_eq!(counters.predictions.get() - counters.abstentions.get(), 56, "and a state must have read four rows");
    }
}

#[test]
fn an_answer_does_not_depend_on_which_steps_were_asked_for() {
    // How often a step is asked for; gaps are longer and shorter than the window.
    let patterns: [fn(i64) -> u32; 5] =
        [|_| 2, |minute| u32::from(minute % 3 == 0), |minute| u32::from(minute % 11 == 10), |minute| u32::from(minute == 49), |minute| (minute % 4) as u32];
    for window in [1, 2, 4, 9] {
        for state in [RESET, REPLAY] {
            for asked in patterns {
                let (mut bench, track) = Bench::start(&Options { window, ..stateful(LSTM, state) });
                let (mut sequence, mut seen) = (Sequence::new(LSTM), 0);
                for minute in 0..50 {
                    bench.push(&event(bench.stream, minute));
                    let row = bench.lane.row(track).unwrap();
                    let right = (row.scaled_valid == [0b111]).then(|| sequence.read(row.scaled).to_bits());
                    for again in 0..asked(minute) {
                        let p = ask(&mut bench, track, minute);
                        assert_eq!(given(&bench.lane, track), right.filter(|_| minute >= window as i64), "window {window}, minute {minute}, {again}");
                        seen += u32::from(!p.value.is_nan());
                    }
                }
                assert!(seen > 0);
            }
        }
    }
}

#[test]
fn history_is_read_as_if_it_had_been_pushed() {
    for minutes in [1, 3, 30] {
        let (mut bench, track) = Bench::start(&stateful(LSTM, RESET));
        let mut live = Bench::start(&stateful(LSTM, RESET));
        let past: Vec<_> = (0..minutes).flat_map(|minute| event(bench.stream, minute).slots().to_vec()).collect();
        bench.lane.warm(&past).unwrap();
        for minute in 0..40 {
            let p = live.0.decide(live.1, &event(live.0.stream, minute));
            if minute >= minutes {
                let after = bench.decide(track, &event(bench.stream, minute));
                assert_eq!((after.value.to_bits(), after.reasons), (p.value.to_bits(), p.reasons), "{minute} after {minutes}");
            }
        }
    }
}

#[test]
fn a_row_that_lacks_something_begins_the_state_anew() {
    let (mut bench, track) = Bench::start(&stateful(LSTM, RESET));
    let mut beside = Beside::new(LSTM);
    lives(&mut bench, track, &mut beside, 0..20);
    bench.push(&silent(bench.stream, 20));
    assert_eq!(ask(&mut bench, track, 20).reasons, reason::FEATURE_MISSING);
    assert_eq!(beside.read(&bench.lane, track), None);
    for minute in 21..24 {
        assert_eq!(bench.decide(track, &event(bench.stream, minute)).reasons, reason::FEATURE_MISSING, "as in a window that holds the row");
        beside.read(&bench.lane, track);
    }
    lives(&mut bench, track, &mut beside, 24..40);
    assert_eq!(beside.read, 19);
}

/// Features that are there in the first row.
const AT_ONCE: &str = "[{ op = \"volume\", scale = [\"zscore\"] }, { op = [\"open\", \"close\"], scale = [\"zscore\"] }]";

#[test]
fn a_silence_and_a_reset_begin_it_anew() {
    let sampler = "kind = \"bar\"\ninterval_ms = 60_000\nprice = \"trade\"\nreset_after = 6\n";
    let late = Options { sampler: sampler.into(), ..stateful(LSTM, REPLAY) };
    for (options, first) in [(Options { features: AT_ONCE.into(), ..late.clone() }, 0), (late, 1)] {
        let (mut bench, track) = Bench::start(&options);
        let mut beside = Beside::new(LSTM);
        lives(&mut bench, track, &mut beside, 0..20);
        // Unasked steps of the life before are lost with it.
        bench.push(&event(bench.stream, 20));
        beside.begin();
        lives(&mut bench, track, &mut beside, 30..45);
        assert_eq!(beside.read, 15 - first);
        let at_ns = event(1, 44).head.known_ns;
        bench.push(&Mark { code: MARK_RESET, track: u32::MAX, ..Mark::of(0, at_ns) });
        beside.begin();
        lives(&mut bench, track, &mut beside, 45..60);
        assert_eq!(beside.read, 15 - first);
    }
}

#[test]
fn a_new_generation_begins_anew_and_is_left_out_until_it_has_read_a_window() {
    let (mut bench, track) = Bench::start(&stateful(LSTM, RESET));
    let mut beside = Beside::new(LSTM);
    lives(&mut bench, track, &mut beside, 0..20);
    bench.publish(&Options { version: 2, ..stateful("lstm_2.carry", RESET) }).unwrap();
    assert_eq!(ask(&mut bench, track, 19).generation, 1, "the answer of the step that was asked for is repeated");
    beside.begin();
    for minute in 20..23 {
        let p = bench.decide(track, &event(bench.stream, minute));
        assert_eq!((p.generation, p.reasons), (2, reason::WARMING | reason::QUORUM | reason::MEMBER_FAILED), "minute {minute}");
        assert_eq!(bench.lane.details(track).unwrap().answer.members[1].status, Status::NoPrediction);
        assert_eq!(beside.read(&bench.lane, track), None);
    }
    lives(&mut bench, track, &mut beside, 23..40);
    assert_eq!(beside.read, 20);
}

#[test]
fn others_answer_while_a_state_is_warming() {
    let (mut bench, track) = Bench::start(&Options { weight: 1.0, ..stateful(LSTM, RESET) });
    live(&mut bench, track, 0..20);
    bench.publish(&Options { weight: 1.0, version: 2, ..stateful(LSTM, RESET) }).unwrap();
    for minute in 20..26 {
        let p = bench.decide(track, &event(bench.stream, minute));
        let expected = if minute < 23 { (reason::MEMBER_FAILED, 1) } else { (0, 2) };
        assert_eq!((p.reasons, p.members_used, p.value.is_nan()), (expected.0, expected.1, false));
    }
}

/// A swap behind minute 19, with what comes before the next answer: what the new model then gives, minute by minute.
fn swapped(state: &'static str, between: impl Fn(&mut Bench, TrackId), from: i64) -> Vec<Option<u32>> {
    let (mut bench, track) = Bench::start(&stateful(LSTM, state));
    live(&mut bench, track, 0..20);
    bench.publish(&Options { version: 2, ..stateful(LSTM, state) }).unwrap();
    between(&mut bench, track);
    let mut answer = |minute| {
        bench.decide(track, &event(bench.stream, minute));
        given(&bench.lane, track)
    };
    (from..30).map(&mut answer).collect()
}

/// What one run from the row of minute `first` on gives for the minutes from 20 on.
fn run_from(first: i64) -> Vec<Option<u32>> {
    let (mut bench, track) = Bench::start(&stateful(LSTM, RESET));
    let mut sequence = Sequence::new(LSTM);
    let mut values = Vec::new();
    for minute in 0..30 {
        bench.decide(track, &event(bench.stream, minute));
        let row = bench.lane.row(track).unwrap();
        let value = (minute >= first).then(|| sequence.read(row.scaled).to_bits());
        values.extend((minute >= 20).then_some(value.filter(|_| minute - first >= WINDOW - 1)));
    }
    values
}

#[test]
fn a_state_that_is_replayed_has_read_the_window() {
    let right = run_from(17);
    assert!(right.iter().all(Option::is_some));
    assert_eq!(swapped(REPLAY, |_, _| (), 20), right);
    assert_eq!(swapped(RESET, |_, _| (), 20), run_from(20));
    // Prepared for or not, once or twice: the same bits.
    for state in [REPLAY, RESET] {
        let prepare = |bench: &mut Bench, track| bench.lane.prepare(track).unwrap();
        assert_eq!(swapped(state, prepare, 20), swapped(state, |_, _| (), 20));
        let twice = |bench: &mut Bench, track| (0..2).for_each(|_| bench.lane.prepare(track).unwrap());
        assert_eq!(swapped(state, twice, 20), swapped(state, |_, _| (), 20));
    }
    // A step that nobody asks for is the first of the new model's all the same.
    let unasked = |bench: &mut Bench, track| {
        bench.push(&event(bench.stream, 20));
        bench.lane.prepare(track).unwrap();
        bench.push(&event(bench.stream, 21));
    };
    assert_eq!(swapped(REPLAY, unasked, 22), right[2..]);
    assert_eq!(swapped(RESET, unasked, 22), run_from(20)[2..]);
}

#[test]
fn a_swap_to_a_stateful_model_and_back() {
    let plain = |version| Options { version, members: Vec::new(), weight: 1.0, ..stateful(LSTM, RESET) };
    let (mut bench, track) = Bench::start(&plain(1));
    live(&mut bench, track, 0..20);
    bench.publish(&Options { version: 2, ..stateful(LSTM, REPLAY) }).unwrap();
    let mut answers = Vec::new();
    for minute in 20..30 {
        bench.decide(track, &event(bench.stream, minute));
        answers.push(given(&bench.lane, track));
    }
    assert_eq!(answers, run_from(17));
    bench.publish(&plain(3)).unwrap();
    let p = bench.decide(track, &event(bench.stream, 30));
    assert_eq!((p.generation, p.reasons, p.backend), (3, 0, NATIVE));
}

#[test]
fn tracks_of_a_lane_keep_their_states_apart() {
    let mut bench = Bench::with("");
    bench.publish(&stateful(LSTM, REPLAY)).unwrap();
    let streams: Vec<u32> = ["test:A", "test:B", "test:C"].iter().map(|name| bench.engine.add_stream(name, "").unwrap()).collect();
    let mut tracks: Vec<_> = streams.iter().map(|stream| bench.lane.open_track("s", &[*stream], 0).unwrap()).collect();
    let mut beside: Vec<_> = streams.iter().map(|_| Beside::new(LSTM)).collect();
    for minute in 0..60 {
        if minute == 25 {
            // Another one takes the room of the one that is gone, and begins at its own first row.
            bench.lane.close_track(tracks[1]).unwrap();
            tracks[1] = bench.lane.open_track("s", &[streams[1]], 0).unwrap();
            beside[1] = Beside::new(LSTM);
        }
        for (at, stream) in streams.iter().enumerate() {
            let mut bar = event(*stream, minute);
            bar.volume += at as f64;
            bench.decide(tracks[at], &bar);
            assert_eq!(given(&bench.lane, tracks[at]), beside[at].read(&bench.lane, tracks[at]), "track {at}, minute {minute}");
        }
    }
    assert_eq!([beside[0].read, beside[1].read, beside[2].read], [59, 34, 59]);
}

#[test]
fn a_member_that_was_off_has_read_on() {
    let (mut bench, track) = Bench::start(&Options { weight: 1.0, ..stateful(LSTM, RESET) });
    let mut beside = Beside::new(LSTM);
    for minute in 0..30 {
        bench.engine.enable_member("s", "net", !(10..20).contains(&minute)).unwrap();
        bench.decide(track, &event(bench.stream, minute));
        let right = beside.read(&bench.lane, track);
        assert_eq!(given(&bench.lane, track), right.filter(|_| !(10..20).contains(&minute)), "minute {minute}");
    }
}

#[test]
fn links_and_polls_give_the_same() {
    let (mut inline, track) = Bench::start(&stateful(LSTM, RESET));
    let (mut polled, polled_track) = Bench::start(&stateful(LSTM, RESET));
    let mut link = polled.lane.open_link(LinkOptions { slots: 4_096, ..LinkOptions::default() }).unwrap();
    for minute in 0..60 {
        let bar = event(inline.stream, minute);
        let p = inline.decide(track, &bar);
        link.push_all(bar.slots()).unwrap();
        if minute % 7 == 0 {
            polled.lane.poll(0, bar.head.known_ns).unwrap();
            let newest = polled.lane.predict(polled_track, bar.head.known_ns).unwrap();
            assert_eq!((newest.value.to_bits(), newest.step, newest.reasons), (p.value.to_bits(), p.step, p.reasons));
        }
    }
}

fn snapshot(lane: &mut Lane) -> Vec<u8> {
    let mut bytes = vec![0; lane.snapshot_len()];
    assert_eq!(lane.snapshot(&mut bytes), bytes.len());
    bytes
}

#[test]
fn a_state_goes_on_from_a_snapshot() {
    let options = stateful("lstm_2.carry", RESET);
    let (mut whole, track) = Bench::start(&options);
    for minute in 0..30 {
        whole.push(&event(whole.stream, minute));
        if minute % 3 == 0 {
            ask(&mut whole, track, minute);
        }
        let bytes = snapshot(&mut whole.lane);
        let (mut other, other_track) = Bench::start(&options);
        live(&mut other, other_track, 0..7);
        other.lane.restore(&bytes).unwrap();
        for later in minute..minute + 6 {
            if later > minute {
                other.push(&event(other.stream, later));
            }
            let p = ask(&mut other, other_track, later);
            assert!(p.value.is_nan() == (later < WINDOW), "{later}");
        }
        let end = given(&other.lane, other_track);
        let (mut never_stopped, its_track) = Bench::start(&options);
        live(&mut never_stopped, its_track, 0..minute + 6);
        assert_eq!(end, given(&never_stopped.lane, its_track), "from minute {minute}");
    }
}

#[test]
fn a_snapshot_of_other_models_begins_as_after_a_swap() {
    let (mut theirs, track) = Bench::start(&stateful(LSTM, RESET));
    live(&mut theirs, track, 0..20);
    let bytes = snapshot(&mut theirs.lane);
    for (options, right) in [(stateful(LSTM, REPLAY), run_from(17)), (Options { version: 2, ..stateful(LSTM, RESET) }, run_from(20))] {
        let (mut ours, our_track) = Bench::start(&options);
        ours.lane.restore(&bytes).unwrap();
        let mut answer = |minute| {
            ours.decide(our_track, &event(ours.stream, minute));
            given(&ours.lane, our_track)
        };
        assert_eq!((20..30).map(&mut answer).collect::<Vec<_>>(), right);
    }
    let none = Options { members: Vec::new(), weight: 1.0, ..stateful(LSTM, RESET) };
    let (mut ours, our_track) = Bench::start(&none);
    ours.lane.restore(&bytes).unwrap();
    assert_eq!(ours.decide(our_track, &event(ours.stream, 20)).reasons, 0);
    let bytes = snapshot(&mut ours.lane);
    theirs.lane.restore(&bytes).unwrap();
    assert_eq!(theirs.decide(track, &event(theirs.stream, 21)).reasons & reason::WARMING, reason::WARMING);
}

#[test]
fn states_take_memory_that_is_counted_and_refused() {
    let bytes_of = |engine: &Engine| {
        let text = engine.metrics();
        let line = text.lines().find(|line| line.starts_with("foretick_track_memory_bytes ")).unwrap();
        line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let (plain, carrying) = (Options { members: Vec::new(), weight: 1.0, ..stateful(LSTM, RESET) }, Options { version: 2, ..stateful(LSTM, RESET) });
    let mut bench = Bench::with("[limits]\nmemory_mb = 1\n");
    let [plain, carrying] = [plain, carrying].map(|options| open(&bench.engine, &options).unwrap());
    bench.engine.publish_one("s", plain.clone()).unwrap();
    let first = bench.track();
    let one = bytes_of(&bench.engine);
    bench.engine.publish_one("s", carrying.clone()).unwrap();
    let state = bytes_of(&bench.engine) - one;
    // The row, state and cell of two layers of 18 units, and what a step gives.
    assert!((4 * (3 + 72 + 73)..1_000).contains(&state), "{state}");
    bench.engine.publish_one("s", plain).unwrap();
    ask(&mut bench, first, 0);
    bench.engine.maintain(std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(bytes_of(&bench.engine), one, "what is replaced is freed");
    let full = (0..10_000).find_map(|at| {
        let stream = bench.engine.add_stream(&format!("test:{at}"), "").unwrap();
        bench.lane.open_track("s", &[stream], 0).err()
    });
    assert_eq!(full.map(|error| error.status()), Some(Status::Limit));
    assert_eq!(bench.engine.publish_one("s", carrying).unwrap_err().status(), Status::Limit);
}

#[test]
fn a_scorer_reads_windows_and_a_single_row_is_refused() {
    let (mut bench, track) = Bench::start(&Options { features: AT_ONCE.into(), ..stateful("lstm_2.carry", RESET) });
    let mut scorer = bench.engine.open_scorer("s", "net", 0).unwrap();
    assert_eq!((scorer.info().window, scorer.info().features, scorer.info().outputs, scorer.info().backend), (4, 3, 73, NATIVE | STATEFUL));
    let rows: Vec<f32> = (0..3 * 4 * 3).map(|at| (at as f32).sin()).collect();
    let mut out = vec![0.0; 3 * 73];
    scorer.run(&rows, &mut out).unwrap();
    for (window, out) in rows.chunks_exact(12).zip(out.chunks_exact(73)) {
        assert_eq!(Some(out[0]), Sequence::new("lstm_2.carry").read_all(window), "each window from zero");
    }
    let followed = scorer.score_next(RowValues::Scaled(&rows[..3])).unwrap()[0];
    let window = [&rows[rows.len() - 9..], &rows[..3]].concat();
    assert_eq!(Some(followed), Sequence::new("lstm_2.carry").read_all(&window), "the window that a row makes, from zero too");
    let error = bench.lane.predict_row(track, &[1.0; 3], START_NS).unwrap_err();
    assert!(error.status() == Status::Contract && error.text().contains("model net carries a state from row to row"), "{error}");
}

#[test]
fn a_bundle_says_what_it_carries_and_what_cannot_be_is_refused() {
    let engine = Engine::open_text("threads = 0\n").unwrap();
    let description = open(&engine, &stateful("lstm_2.carry", REPLAY)).unwrap().describe();
    assert_eq!(description["members"][1]["state"], serde_json::json!({ "at_swap": "replay", "values": 72 }));
    let with = |keys: &[&'static str]| Options {
        members: vec![Member { keys: keys.to_vec(), ..Member::new("net", Graph::Step("lstm_2.carry")) }],
        ..stateful(LSTM, RESET)
    };
    for (options, text) in [
        (with(&[RESET]), "model net (net.onnx): the graph has 3 inputs that are not carried"),
        (with(&[RESET, "carry = { hn = \"h0\" }"]), "2 inputs that are not carried"),
        (with(&[]), "3 inputs where a row is one"),
    ] {
        let error = open(&engine, &options).unwrap_err();
        assert!(error.text().contains(text), "{text} is not in {error}");
    }
}

//! Members, slots and tracks that are switched off and on by call.

use foretick::Status;
use foretick::engine::TrackSwitch;
use foretick::types::prediction::flag;
use foretick::types::{Action, reason};

use crate::support::bench::{Bench, bar, by_volume, decision};
use crate::support::bundle::{Graph, Member, Options};

fn always(name: &str, probability: f32) -> Member {
    Member::new(name, Graph::Logistic(vec![0.0], (probability / (1.0 - probability)).ln()))
}

/// `lr` gives 0.5 at volume 1, `a` 0.9.
fn two() -> Options {
    Options { members: vec![always("a", 0.9)], ..by_volume() }
}

fn near(a: f32, b: f64) -> bool {
    (f64::from(a) - b).abs() < 1e-6
}

#[test]
fn a_member_is_left_out_from_the_next_prediction_on() {
    let (mut bench, track) = Bench::start(&two());
    let both = bench.decide(track, &bar(bench.stream, 0, 1.0));
    assert!(near(both.value, 0.7));
    bench.engine.enable_member("s", "a", false).unwrap();
    assert!(near(bench.lane.predict(track, both.decided_ns).unwrap().value, 0.7), "what was decided stays");
    let p = bench.decide(track, &bar(bench.stream, 1, 1.0));
    assert_eq!((decision(&p), p.flags(), p.members_used, p.members_total), ((Action::Hold, 0), flag::VALUE, 1, 2));
    assert!(near(p.value, 0.5));
    let members: Vec<_> = bench.lane.details(track).unwrap().answer.members.iter().map(|member| (member.status, member.weight)).collect();
    assert_eq!(members, [(Status::Ok, 1.0), (Status::WrongState, 0.0)]);
    bench.engine.enable_member("s", "a", true).unwrap();
    assert!(near(bench.decide(track, &bar(bench.stream, 2, 1.0)).value, 0.7));
}

#[test]
fn weights_that_are_off_count_against_the_quorum() {
    let (mut bench, track) = Bench::start(&Options { ensemble: "mix = \"probability\"\nquorum = 0.6\n".into(), ..two() });
    bench.engine.enable_member("s", "a", false).unwrap();
    assert_eq!(bench.decide(track, &bar(bench.stream, 0, 2.0)).reasons, reason::QUORUM);
    bench.engine.enable_member("s", "lr", false).unwrap();
    let p = bench.decide(track, &bar(bench.stream, 1, 2.0));
    assert_eq!((p.reasons, p.members_used), (reason::QUORUM | reason::NO_MODEL, 0));
}

#[test]
fn names_that_are_not_there_are_told() {
    let bench = Bench::with("");
    bench.publish(&two()).unwrap();
    for (result, parts) in [
        (bench.engine.enable_slot("t", false), ["\"t\" was never published", "[s]"]),
        (bench.engine.enable_member("t", "a", false), ["\"t\" was never published", "[s]"]),
        (bench.engine.enable_member("s", "b", false), ["\"b\" is no member of tiny v1", "lr, a"]),
    ] {
        let error = result.unwrap_err();
        assert!(error.status() == Status::NotFound && parts.iter().all(|part| error.text().contains(part)), "{error}");
    }
}

#[test]
fn a_switch_by_call_is_kept_by_name_over_publishes() {
    let (mut bench, track) = Bench::start(&Options { enabled: false, ..two() });
    let statuses = |bench: &mut Bench, minute: i64| {
        let event = bar(bench.stream, minute, 1.0);
        bench.decide(track, &event);
        bench.lane.details(track).unwrap().answer.members.iter().map(|member| member.status).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&mut bench, 0), [Status::WrongState, Status::Ok], "the manifest is the start");
    bench.engine.enable_member("s", "a", false).unwrap();
    // Another order: `a` is now the third member; `lr` follows the new manifest, since nobody switched it.
    bench.publish(&Options { members: vec![always("b", 0.4), always("a", 0.9)], version: 2, ..two() }).unwrap();
    assert_eq!(statuses(&mut bench, 1), [Status::Ok, Status::Ok, Status::WrongState]);
    bench.publish(&Options { members: vec![always("a", 0.9)], version: 3, ..two() }).unwrap();
    assert_eq!(statuses(&mut bench, 2), [Status::Ok, Status::WrongState], "and over several");
    bench.engine.enable_member("s", "a", true).unwrap();
    let off = Member { enabled: false, ..always("a", 0.9) };
    bench.publish(&Options { members: vec![off.clone()], version: 4, ..two() }).unwrap();
    assert_eq!(statuses(&mut bench, 3), [Status::Ok, Status::Ok], "switched on by call stands above the manifest too");
    bench.publish(&Options { members: vec![], version: 5, ..two() }).unwrap();
    bench.publish(&Options { members: vec![off], version: 6, ..two() }).unwrap();
    assert_eq!(statuses(&mut bench, 4), [Status::Ok, Status::WrongState], "a bundle without the name ends it");
}

#[test]
fn a_slot_that_is_off_abstains_whatever_is_published() {
    let (mut bench, track) = Bench::start(&two());
    bench.engine.enable_slot("s", false).unwrap();
    let p = bench.decide(track, &bar(bench.stream, 0, 2.0));
    assert_eq!((decision(&p), p.members_used, p.flags()), ((Action::Abstain, reason::DISABLED), 0, 0));
    assert!(bench.lane.details(track).unwrap().answer.members.iter().all(|member| member.status == Status::WrongState), "no model was run");
    bench.publish(&Options { version: 2, ..two() }).unwrap();
    assert_eq!(bench.decide(track, &bar(bench.stream, 1, 2.0)).reasons, reason::DISABLED);
    bench.engine.enable_slot("s", true).unwrap();
    assert_eq!(bench.decide(track, &bar(bench.stream, 2, 2.0)).reasons, 0, "rows went on meanwhile");
}

#[test]
fn a_track_is_vetoed_alone_and_from_any_thread() {
    let (mut bench, first) = Bench::start(&two());
    let second = bench.track();
    let switch = bench.lane.track_switch(first).unwrap();
    std::thread::scope(|scope| scope.spawn(|| switch.set(false)).join().unwrap());
    let event = bar(bench.stream, 0, 2.0);
    let vetoed = bench.decide(first, &event);
    assert_eq!((decision(&vetoed), vetoed.members_used), ((Action::Abstain, reason::HOST_VETO), 0));
    assert_eq!(decision(&bench.lane.predict(second, vetoed.decided_ns).unwrap()), (Action::Buy, 0));
    assert_eq!(bench.lane.predict_row(first, &[2.0], vetoed.decided_ns).unwrap().reasons, reason::HOST_VETO);
    switch.set(true);
    assert_eq!(decision(&bench.decide(first, &bar(bench.stream, 1, 2.0))), (Action::Buy, 0));
    switch.set(false);
    let again = bench.lane.predict(first, vetoed.decided_ns + 60_000_000_000).unwrap();
    assert_eq!(decision(&again), (Action::Abstain, reason::HOST_VETO), "a repeated decision is vetoed too");
    switch.set(true);
    assert_eq!(decision(&bench.lane.predict(first, vetoed.decided_ns + 60_000_000_000).unwrap()), (Action::Buy, 0));
    let other = TrackSwitch::default();
    bench.lane.use_switch(first, other.clone()).unwrap();
    other.set(false);
    bench.engine.enable_slot("s", false).unwrap();
    assert_eq!(bench.decide(first, &bar(bench.stream, 2, 2.0)).reasons, reason::HOST_VETO | reason::DISABLED);
}

#[test]
fn a_switch_is_obeyed_at_once_while_others_publish() {
    let (mut bench, track) = Bench::start(&two());
    // `a` changes its number with every publish.
    let options = [two(), Options { members: vec![always("b", 0.5), always("a", 0.9)], version: 2, ..two() }];
    let bundles = options.map(|options| crate::support::bench::open(&bench.engine, &options).unwrap());
    let Bench { engine, lane, stream } = &mut bench;
    let (engine, stop) = (&*engine, std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in (0usize..).take_while(|_| !stop.load(std::sync::atomic::Ordering::Relaxed)) {
                engine.publish_one("s", bundles[round % 2].clone()).unwrap();
            }
        });
        let mut generations = std::collections::BTreeSet::new();
        let obeyed = (0..2_000_000).find_map(|minute| {
            let on = minute % 2 == 1;
            engine.enable_member("s", "a", on).unwrap();
            let event = bar(*stream, minute, 1.0);
            lane.push(foretick::types::event::Record::slots(&event)).unwrap();
            let p = lane.predict(track, event.head.known_ns).unwrap();
            generations.insert(p.generation);
            let obeyed = p.members_total - p.members_used == u8::from(!on);
            // Enough swaps and switches have met, or one of them was lost.
            (!obeyed || generations.len() > 50).then_some(obeyed)
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(obeyed, Some(true), "{} generations were seen", generations.len());
    });
}

//! Every export under an injected panic, and what a panic leaves behind.

use std::ptr::{null, null_mut};

use super::guard::trip;
use super::*;
use crate::error::Status;

fn quiet() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let injected = info.payload_as_str().is_some_and(|text| text.starts_with("injected"));
            if !injected {
                before(info);
            }
        }));
    });
}

fn last_error() -> String {
    let (mut bytes, mut len) = ([0u8; 4096], 0);
    // SAFETY: both are locals of the sizes that are passed.
    let status = unsafe { foretick_last_error(bytes.as_mut_ptr().cast(), bytes.len(), &mut len) };
    assert_eq!(status, FORETICK_OK);
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

/// Calls an export with zero handles and NULL pointers; those that cannot fail answer as if OK.
fn call(symbol: &str) -> i32 {
    let (engine, bundle, lane, track) = (EngineHandle::default(), BundleHandle::default(), LaneHandle::default(), TrackHandle::default());
    let scorer = ScorerHandle::default();
    // SAFETY: NULL pointers are refused before anything is read.
    unsafe {
        match symbol {
            "foretick_abi_version" => i32::from(foretick_abi_version() != FORETICK_ABI_VERSION),
            "foretick_init" => foretick_init(FORETICK_ABI_VERSION),
            "foretick_build_info" => foretick_build_info(null_mut(), 0, null_mut()),
            "foretick_now_ns" => i32::from(foretick_now_ns() < 0),
            "foretick_last_error" => foretick_last_error(null_mut(), 0, null_mut()),
            "foretick_status_name" => i32::from(foretick_status_name(4).is_null()),
            "foretick_engine_open" => foretick_engine_open(null(), 0, null_mut()),
            "foretick_engine_close" => foretick_engine_close(engine),
            "foretick_engine_metrics" => foretick_engine_metrics(engine, null_mut(), 0, null_mut()),
            "foretick_stream_add" => foretick_stream_add(engine, null(), 0, null(), 0, null_mut()),
            "foretick_bundle_open" => foretick_bundle_open(engine, null(), 0, 0, null_mut()),
            "foretick_bundle_describe" => foretick_bundle_describe(bundle, null_mut(), 0, null_mut()),
            "foretick_bundle_close" => foretick_bundle_close(bundle),
            "foretick_slot_publish" => foretick_slot_publish(engine, null(), 0, null_mut()),
            "foretick_slot_enable" => foretick_slot_enable(engine, null(), 0, null(), 0, 1),
            "foretick_lane_open" => foretick_lane_open(engine, null(), 0, null_mut()),
            "foretick_lane_close" => foretick_lane_close(lane),
            "foretick_lane_push" => foretick_lane_push(lane, null(), 0, null_mut()),
            "foretick_lane_advance" => foretick_lane_advance(lane, 0, null_mut()),
            "foretick_lane_due" => foretick_lane_due(lane, null_mut(), 0, null_mut()),
            "foretick_lane_poll" => foretick_lane_poll(lane, 0, 0, null_mut()),
            "foretick_lane_warm" => foretick_lane_warm(lane, null(), 0, null_mut()),
            "foretick_lane_snapshot" => foretick_lane_snapshot(lane, null_mut(), 0, null_mut()),
            "foretick_lane_restore" => foretick_lane_restore(lane, null(), 0),
            "foretick_link_open" => foretick_link_open(lane, null(), 0, null_mut()),
            "foretick_link_push" => foretick_link_push(LinkHandle::default(), null(), 0, null_mut()),
            "foretick_link_close" => foretick_link_close(LinkHandle::default()),
            "foretick_track_open" => foretick_track_open(lane, null(), 0, null(), 0, 0, null_mut()),
            "foretick_track_close" => foretick_track_close(track),
            "foretick_track_predict" => foretick_track_predict(track, 0, null_mut()),
            "foretick_track_prepare" => foretick_track_prepare(track),
            "foretick_track_predict_row" => foretick_track_predict_row(track, null(), 0, 0, null_mut()),
            "foretick_track_enable" => foretick_track_enable(track, 1),
            "foretick_track_details" => foretick_track_details(track, null_mut()),
            "foretick_track_row" => foretick_track_row(track, 0, null_mut(), 0, null_mut(), null_mut()),
            "foretick_engine_describe" => foretick_engine_describe(engine, 1, null_mut(), 0, null_mut()),
            "foretick_engine_maintain" => foretick_engine_maintain(engine, 0, null_mut()),
            "foretick_result_attach" => foretick_result_attach(track, null_mut(), 0),
            "foretick_result_signal" => i32::from(foretick_result_signal(null()) != 0),
            "foretick_result_read" => foretick_result_read(null(), null_mut()),
            "foretick_scorer_open" => foretick_scorer_open(engine, null(), 0, null(), 0, 0, null_mut()),
            "foretick_scorer_info" => foretick_scorer_info(scorer, null_mut()),
            "foretick_scorer_run" => foretick_scorer_run(scorer, null(), 0, 0, null_mut(), 0),
            "foretick_scorer_next" => foretick_scorer_next(scorer, null(), 0, 0, null_mut(), 0),
            "foretick_scorer_prepare" => foretick_scorer_prepare(scorer),
            "foretick_scorer_close" => foretick_scorer_close(scorer),
            "foretick_amount_parse" => foretick_amount_parse(null(), 0, 0, null_mut()),
            "foretick_amount_from_bytes" => foretick_amount_from_bytes(null(), null_mut()),
            "foretick_amount_to_f64" => foretick_amount_to_f64(null(), 0, null_mut()),
            other => unreachable!("{other} is not called here"),
        }
    }
}

const INFALLIBLE: [&str; 4] = ["foretick_abi_version", "foretick_now_ns", "foretick_status_name", "foretick_result_signal"];

#[test]
fn no_panic_leaves_an_export() {
    quiet();
    assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
    for symbol in EXPORTS {
        trip::arm(symbol);
        let status = call(symbol);
        assert!(!trip::armed(), "{symbol} is guarded under another name");
        assert_eq!(status, if INFALLIBLE.contains(&symbol) { FORETICK_OK } else { FORETICK_PANIC }, "{symbol}");
        assert!(last_error().contains(&format!("a panic in {symbol}, a fault of foretick: injected into {symbol}")), "{}", last_error());
        assert_ne!(call(symbol), FORETICK_PANIC, "{symbol} works again");
    }
}

fn opened() -> (EngineHandle, LaneHandle) {
    assert_eq!(foretick_init(FORETICK_ABI_VERSION), FORETICK_OK);
    let (mut engine, mut lane) = (EngineHandle::default(), LaneHandle::default());
    // SAFETY: the handles are locals.
    unsafe {
        assert_eq!(foretick_engine_open(c"threads = 0".as_ptr(), 11, &mut engine), FORETICK_OK);
        assert_eq!(foretick_lane_open(engine, null(), 0, &mut lane), FORETICK_OK);
    }
    (engine, lane)
}

fn advance(lane: LaneHandle) -> i32 {
    let mut flow = FlowRecord { struct_size: 40, closed: 0, taken: 0, reasons: 0, skipped: 0, conflated: 0, predicted: 0, waiting: 0 };
    // SAFETY: the flow is a local.
    unsafe { foretick_lane_advance(lane, 5, &mut flow) }
}

/// Memory that nobody has written is written, and only as much as the snapshot takes.
#[test]
fn a_snapshot_goes_into_fresh_memory_and_back() {
    let (engine, lane) = opened();
    let (mut len, mut again) = (0, 0);
    let mut room: Vec<u8> = Vec::with_capacity(256);
    // SAFETY: the buffer has the room that is passed; what the call says was written is taken over.
    unsafe {
        assert_eq!(foretick_lane_snapshot(lane, null_mut(), 0, &mut len), FORETICK_BUFFER_TOO_SMALL);
        assert_eq!(foretick_lane_snapshot(lane, room.as_mut_ptr().cast(), len - 1, &mut again), FORETICK_BUFFER_TOO_SMALL);
        assert_eq!(foretick_lane_snapshot(lane, room.as_mut_ptr().cast(), 256, &mut again), FORETICK_OK);
        assert!(again == len && len < 256);
        room.set_len(len);
        assert_eq!(foretick_lane_restore(lane, room.as_ptr().cast(), len), FORETICK_OK);
        assert_eq!(foretick_lane_restore(lane, room.as_ptr().cast(), len - 1), FORETICK_CORRUPT);
    }
    assert!(last_error().contains("says"), "{}", last_error());
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
fn a_panic_inside_a_lane_poisons_it_until_it_is_closed() {
    quiet();
    let (engine, lane) = opened();
    let status = guard::guard("test", || lane_table::with_lane::<()>(lane.id, |_| panic!("injected")));
    assert_eq!(status, FORETICK_PANIC);
    assert_eq!(advance(lane), FORETICK_POISONED);
    assert_eq!(foretick_lane_close(lane), FORETICK_OK);
    assert_eq!(advance(lane), FORETICK_INVALID_HANDLE);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
fn a_panic_inside_an_engine_poisons_it_and_close_works() {
    quiet();
    let (engine, lane) = opened();
    let status = guard::guard("test", || engine_table::with_engine::<()>(engine.id, |_| panic!("injected")));
    assert_eq!(status, FORETICK_PANIC);
    let mut other = LaneHandle::default();
    // SAFETY: the handle is a local.
    assert_eq!(unsafe { foretick_lane_open(engine, null(), 0, &mut other) }, FORETICK_POISONED);
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
    assert_eq!((advance(lane), foretick_engine_close(engine)), (FORETICK_INVALID_HANDLE, FORETICK_INVALID_HANDLE));
}

/// A scorer of the shipped simulation's regression.
fn scorer_of(engine: EngineHandle) -> ScorerHandle {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/models/sim/v1");
    let (mut bundle, mut generation, mut scorer) = (BundleHandle::default(), 0, ScorerHandle::default());
    // SAFETY: every pointer is to a local or a text of the length that is passed.
    unsafe {
        assert_eq!(foretick_bundle_open(engine, folder.as_ptr().cast(), folder.len(), 0, &mut bundle), FORETICK_OK);
        let item = PublishRecord { struct_size: size_of::<PublishRecord>() as u32, flags: 0, slot: c"s".as_ptr(), slot_len: 1, bundle };
        assert_eq!(foretick_slot_publish(engine, &item, 1, &mut generation), FORETICK_OK);
        assert_eq!(foretick_scorer_open(engine, c"s".as_ptr(), 1, c"lr".as_ptr(), 2, 0, &mut scorer), FORETICK_OK);
    }
    scorer
}

fn info(scorer: ScorerHandle) -> i32 {
    let mut info = ScorerInfoRecord { struct_size: 32, features: 0, window: 0, outputs: 0, generation: 0, backend: 0, flags: 0 };
    // SAFETY: the record is a local.
    unsafe { foretick_scorer_info(scorer, &mut info) }
}

#[test]
#[cfg_attr(miri, ignore = "a shipped bundle takes Miri too long")]
fn a_scorer_has_one_caller_and_a_panic_poisons_it_until_it_is_closed() {
    quiet();
    let (engine, lane) = opened();
    let scorer = scorer_of(engine);
    // SAFETY: no rows.
    let run = || unsafe { foretick_scorer_run(scorer, null(), 0, 0, null_mut(), 0) };
    let inside = SCORERS.with(scorer.id, |_| Ok((run(), info(scorer), foretick_scorer_close(scorer), advance(lane))));
    assert_eq!(inside.ok(), Some((FORETICK_BUSY, FORETICK_BUSY, FORETICK_BUSY, FORETICK_OK)));
    assert_eq!((run(), info(scorer)), (FORETICK_OK, FORETICK_OK));
    let status = guard::guard("test", || SCORERS.with::<()>(scorer.id, |_| panic!("injected")));
    assert_eq!((status, run(), info(scorer)), (FORETICK_PANIC, FORETICK_POISONED, FORETICK_POISONED));
    assert_eq!((foretick_scorer_close(scorer), run(), foretick_scorer_close(scorer)), (FORETICK_OK, FORETICK_INVALID_HANDLE, FORETICK_INVALID_HANDLE));
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
#[cfg_attr(miri, ignore = "a shipped bundle takes Miri too long")]
fn closing_an_engine_takes_its_scorers_along_or_none() {
    let (engine, lane) = opened();
    let scorer = scorer_of(engine);
    let (entered, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let inside = SCORERS.with(scorer.id, |_| {
                entered.send(()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                Ok(())
            });
            assert!(inside.is_ok());
        });
        wait.recv().unwrap();
        assert_eq!(foretick_engine_close(engine), FORETICK_OK);
    });
    assert_eq!((info(scorer), advance(lane)), (FORETICK_INVALID_HANDLE, FORETICK_INVALID_HANDLE));
}

fn link_of(lane: LaneHandle) -> LinkHandle {
    let mut link = LinkHandle::default();
    // SAFETY: the handle is a local.
    assert_eq!(unsafe { foretick_link_open(lane, null(), 0, &mut link) }, FORETICK_OK);
    link
}

/// Row 28: a second producer is told.
#[test]
fn a_link_has_one_producer_and_a_panic_poisons_it_until_it_is_closed() {
    quiet();
    let (engine, lane) = opened();
    let (link, other) = (link_of(lane), link_of(lane));
    // SAFETY: no events.
    let push = |link| unsafe { foretick_link_push(link, null(), 0, null_mut()) };
    let inside = LINKS.with(link.id, |_| Ok((push(link), foretick_link_close(link), push(other), advance(lane))));
    assert_eq!(inside.ok(), Some((FORETICK_BUSY, FORETICK_BUSY, FORETICK_OK, FORETICK_OK)));
    let status = guard::guard("test", || LINKS.with::<()>(link.id, |_| panic!("injected")));
    assert_eq!((status, push(link), push(other)), (FORETICK_PANIC, FORETICK_POISONED, FORETICK_OK));
    assert_eq!((foretick_link_close(link), push(link), foretick_link_close(link)), (FORETICK_OK, FORETICK_INVALID_HANDLE, FORETICK_INVALID_HANDLE));
    assert_eq!((foretick_engine_close(engine), push(other)), (FORETICK_OK, FORETICK_INVALID_HANDLE));
}

#[test]
fn a_worker_that_panicked_poisons_its_lane_until_it_is_closed() {
    quiet();
    let (engine, _) = opened();
    let mut lane = LaneHandle::default();
    let options = c"worker = true";
    // SAFETY: the text is static, the handle a local.
    assert_eq!(unsafe { foretick_lane_open(engine, options.as_ptr(), options.count_bytes(), &mut lane) }, FORETICK_OK);
    assert_eq!(advance(lane), FORETICK_WRONG_STATE);
    let panicking = || lane_table::with_lane(lane.id, |entry| entry.let_in(|_| -> () { panic!("injected") }));
    assert_eq!(guard::guard("test", panicking), FORETICK_PANIC);
    let mut link = LinkHandle::default();
    // SAFETY: the handle is a local.
    assert_eq!(unsafe { foretick_link_open(lane, null(), 0, &mut link) }, FORETICK_POISONED);
    assert_eq!((foretick_lane_close(lane), foretick_lane_close(lane)), (FORETICK_OK, FORETICK_INVALID_HANDLE));
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
fn an_engine_in_use_says_busy_and_stays_usable() {
    let (engine, lane) = opened();
    let mut slow = EngineHandle::default();
    let config = c"threads = 0\n[housekeeping]\nclose_timeout_ms = 5";
    // SAFETY: the handle is a local, the text static.
    assert_eq!(unsafe { foretick_engine_open(config.as_ptr(), config.count_bytes(), &mut slow) }, FORETICK_OK);
    let mut held = LaneHandle::default();
    // SAFETY: the handle is a local.
    assert_eq!(unsafe { foretick_lane_open(slow, null(), 0, &mut held) }, FORETICK_OK);
    let inside = lane_table::with_lane(held.id, |_| Ok((foretick_engine_close(slow), foretick_lane_close(held), advance(held), advance(lane))));
    assert_eq!(inside.ok(), Some((FORETICK_BUSY, FORETICK_BUSY, FORETICK_BUSY, FORETICK_OK)));
    assert_eq!((advance(held), foretick_engine_close(slow), advance(held)), (FORETICK_OK, FORETICK_OK, FORETICK_INVALID_HANDLE));
    assert_eq!(foretick_engine_close(engine), FORETICK_OK);
}

#[test]
fn closing_an_engine_waits_for_the_caller_inside() {
    let (engine, lane) = opened();
    let (entered, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let inside = lane_table::with_lane(lane.id, |_| {
                entered.send(()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(20));
                Ok(())
            });
            assert!(inside.is_ok());
        });
        wait.recv().unwrap();
        assert_eq!(foretick_engine_close(engine), FORETICK_OK);
        assert_eq!(advance(lane), FORETICK_INVALID_HANDLE);
    });
}

#[test]
fn constants_are_those_of_the_library() {
    use crate::types::prediction::{Action, Phase, flag, reason};
    assert_eq!((FORETICK_ACTION_ABSTAIN, FORETICK_ACTION_BUY), (Action::Abstain as u8, Action::Buy as u8));
    assert_eq!((FORETICK_PHASE_VOLATILE, FORETICK_SIGNAL_DEGRADED), (Phase::Volatile as u8, flag::DEGRADED));
    assert_eq!((FORETICK_REASON_HOST_VETO, FORETICK_BUSY), (reason::HOST_VETO, Status::Busy as i32));
    assert_eq!((FORETICK_TRACK_ANY_STREAM, FORETICK_SCORER_RAW), (crate::engine::TRACK_ANY_STREAM, crate::engine::SCORER_RAW));
}

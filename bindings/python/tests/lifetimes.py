"""Handles that the garbage collector takes in any order, threads that call meanwhile, closes under callers, memory that is let go.

Arguments: a bundle's folder (by bars of a minute on test:*), and how many rounds.
"""

import array
import gc
import os
import random
import sys
import threading
import weakref
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import foretick
from foretick import Status

MINUTE_NS, START_NS = 60_000_000_000, 1_704_067_200_000_000_000
OPTIONS = 'clock = "host"\nthreads = 0\n'


def bar(stream, minute):
    open_ns = START_NS + minute * MINUTE_NS
    return foretick.Bar(stream, open_ns + MINUTE_NS, open_ns=open_ns, interval_ns=MINUTE_NS, open=100, high=101, low=99, close=100, volume=1)


def opened(folder, options=OPTIONS):
    engine = foretick.Engine(options)
    engine.publish({"s": engine.open_bundle(folder)})
    lane = engine.open_lane()
    return engine, lane, lane.open_track("s", [engine.add_stream("test:A")])


def refused(status, call, *arguments):
    try:
        call(*arguments)
    except foretick.Error as error:
        assert error.status == status and error.name == Status(status).name and error.text, error
        return
    raise AssertionError(f"{call} was not refused")


def closes(folder):
    """Any order, twice, and used afterwards."""
    engine, lane, track = opened(folder)
    engine.close()
    refused(Status.INVALID_HANDLE, track.predict, START_NS)
    refused(Status.INVALID_HANDLE, lane.push, bar(1, 0))
    for handle in (track, lane, engine, track, engine):
        handle.close()
    with foretick.Engine(OPTIONS) as other:
        refused(Status.NO_BUNDLE, other.open_scorer, "s", "lr")
    refused(Status.INVALID_HANDLE, other.metrics)


def memory(folder):
    """Events, rows and outputs from buffers of every kind, short ones too."""
    engine, lane, track = opened(folder)
    event = bar(1, 0)
    assert lane.push(foretick.Events.of(bytes(event))).closed == 1
    writable = bytearray(bytes(bar(1, 1)))
    events = foretick.Events.of(writable)
    try:
        writable.append(0)
        raise AssertionError("a buffer whose address is known was resized")
    except BufferError:
        pass
    assert lane.push(events).closed == 1
    for start, slots in ((-1, 1), (0, 3), (3, None), (1, -2)):
        try:
            lane.push(events, start, slots)
            raise AssertionError((start, slots))
        except IndexError:
            pass
    lying = bar(1, 2)
    lying.slots = 9
    refused(Status.EVENT_SHAPE, lane.push, lying)
    kept = track.predict(START_NS + 2 * MINUTE_NS).copy()
    track.predict(START_NS + 2 * MINUTE_NS)
    assert kept.comparable() != track.prediction.comparable() and track.prediction.flags & foretick.Signal.REPEAT
    scorer = engine.open_scorer("s", "lr")
    assert len(scorer.run(array.array("f", [1.0, 2.0]))) == 2 * scorer.info.outputs
    assert len(scorer.run(array.array("f"))) == 0
    for wrong in (array.array("d", [1.0]), b"1234"):
        try:
            scorer.run(wrong)
            raise AssertionError("rows of another type were taken")
        except TypeError:
            pass
    engine.close()


def collected(folder, rounds):
    """Whole sets of handles become garbage in cycles and in any order, while threads predict on others."""
    stop, failures = threading.Event(), []

    def caller():
        lane, track = opened(folder)[1:]  # nobody has the engine but they
        minute = 0
        while not stop.is_set():
            lane.push(bar(1, minute))
            now_ns = START_NS + (minute + 1) * MINUTE_NS
            if track.predict(now_ns).decided_ns != now_ns:
                failures.append(track.prediction)
            minute += 1

    threads = [threading.Thread(target=caller) for _ in range(3)]
    for thread in threads:
        thread.start()
    gc.set_threshold(1, 1, 1)
    for round in range(rounds):
        handles = list(opened(folder))
        handles[1].push(bar(1, 0))
        random.Random(round).shuffle(handles)
        if round % 4 == 0:
            while handles:
                handles.pop()
        elif round % 4 == 1:
            handles.append(handles)
        elif round % 4 == 2:
            cycle = {"handles": handles}
            cycle["self"] = cycle
            del cycle
        else:
            handles[0].close()
        del handles
        gc.collect()
    gc.set_threshold(700, 10, 10)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    gc.collect()


def closed_under_callers(folder, rounds):
    """A lane is closed while others are inside: BUSY or closed, for them INVALID_HANDLE afterwards, and nothing else."""
    for _ in range(rounds):
        engine, lane, track = opened(folder)
        seen, began = set(), threading.Barrier(3)

        def call():
            began.wait()
            while True:
                try:
                    lane.advance(START_NS)
                    track.predict(START_NS)
                except foretick.Error as error:
                    seen.add(error.status)
                    if error.status == Status.INVALID_HANDLE:
                        return

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        began.wait()
        while True:
            try:
                lane.close()
                break
            except foretick.Error as error:
                assert error.status == Status.BUSY
        for thread in threads:
            thread.join()
        assert seen <= {Status.INVALID_HANDLE, Status.BUSY}, seen
        engine.close()


def pipelined(folder):
    """A producer's thread, a poller's, and a reader that makes no call to the engine."""
    engine, lane, track = opened(folder)
    memory, link = track.attach(foretick.ResultMemory()), lane.open_link("slots = 16\n")
    assert memory.address % 64 == 0 and memory.signal() == 0 and memory.read().action == foretick.Action.NONE
    steps = 200

    def produce():
        for minute in range(steps):
            while True:
                try:
                    link.push_all(bar(1, minute))
                    break
                except foretick.Error as error:
                    assert error.status == Status.FULL

    producer = threading.Thread(target=produce)
    producer.start()
    predicted, seen = 0, []
    while predicted < steps:
        predicted += lane.poll(0, START_NS + steps * MINUTE_NS).predicted
        seen.append(memory.read().step)
    producer.join()
    assert seen == sorted(seen) and seen[-1] == steps - 1 and memory.read().signal == memory.signal()
    track.detach()
    link.push(bar(1, steps))
    assert lane.poll(0, START_NS + (steps + 1) * MINUTE_NS).predicted == 1 and memory.read().step == steps - 1
    assert not engine.maintain(1_000_000_000) and "test:A" in engine.describe(foretick.Describe.STREAMS)
    refused(Status.INVALID_ARGUMENT, engine.describe, 0)
    engine.close()
    refused(Status.INVALID_HANDLE, link.push, bar(1, 0))


def memory_of_what_is_busy(folder, rounds):
    """A track goes while another thread is inside its lane: its result memory stays until the track is closed."""
    engine, lane, _ = opened(folder)
    quote = foretick.Quote(1, START_NS, bid_px=99, bid_qty=1, ask_px=101, ask_qty=1)
    stop, long = threading.Event(), foretick.Events.of(bytes(quote) * 50_000)

    def call():
        while not stop.is_set():
            try:
                lane.push(long)
            except foretick.Error as error:
                assert error.status == Status.BUSY

    def tried(work):
        while True:
            try:
                return work()
            except foretick.Error as error:
                assert error.status == Status.BUSY

    def until_inside():
        while True:
            try:
                lane.advance(START_NS)
            except foretick.Error as error:
                assert error.status == Status.BUSY
                return

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    waited, gone = 0, []
    for _ in range(rounds):
        track = tried(lambda: lane.open_track("s", [1]))
        memory = tried(lambda: track.attach(foretick.ResultMemory()))
        gone.append(weakref.ref(memory.memory))
        until_inside()
        del track, memory
        waited = max(waited, len(foretick.engine._waiting))
        assert not foretick.engine._waiting or any(ref() for ref in gone), "memory that may still be written is gone"
    stop.set()
    thread.join()
    assert waited > 0, "no track went while the other thread was inside"
    lane.open_track("s", [1])  # goes at once, and takes with it what waited
    gc.collect()
    assert not foretick.engine._waiting and not any(ref() for ref in gone)
    engine.close()


def forked(folder):
    """The child is told, and ends cleanly with the parent's handles in hand."""
    engine, lane, track = opened(folder)
    child = os.fork()
    if child == 0:
        refused(Status.FORKED, track.predict, START_NS)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    track.predict(START_NS)


def main():
    folder, rounds = sys.argv[1], int(sys.argv[2])
    died = []
    threading.excepthook = died.append
    closes(folder)
    memory(folder)
    collected(folder, rounds)
    closed_under_callers(folder, rounds // 4)
    pipelined(folder)
    memory_of_what_is_busy(folder, rounds // 6)
    forked(folder)
    assert not died, died
    # The interpreter ends with an engine open, whose track a thread has in hand.
    kept = opened(folder)
    threading.Thread(target=lambda: kept[2].predict(START_NS), daemon=True).start()


main()

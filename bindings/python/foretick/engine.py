"""Engine, bundle, lane, link, track, scorer: handles that close themselves.

A handle keeps what it was opened from alive, so the garbage collector may take them in any order and never one that a call is inside of.
Hot calls write into one record a handle, which the next call overwrites; `copy()` keeps it.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .constants import SCORER_RAW, Status
from .events import Events
from .native import check, failure, function, grown
from .records import SLOT_BYTES, DetailsRecord, EventRecord, Flow, Member, Output, Prediction, Publish, ScorerInfo, f64, i32, i64, size_t, u32, u64

# One function object a name, made once.
_NAMES = (
    "engine_open engine_close engine_metrics stream_add bundle_open bundle_describe bundle_close slot_publish slot_enable lane_open lane_close"
    " lane_push lane_advance lane_due lane_warm lane_snapshot lane_restore lane_poll link_open link_push link_close engine_describe engine_maintain result_attach result_signal"
    " result_read track_open track_close track_predict track_prepare track_predict_row track_enable track_row track_details scorer_open"
    " scorer_info scorer_run scorer_next scorer_prepare scorer_close build_info now_ns"
)
_call: dict[str, Callable[..., int]] = {name: function(name) for name in _NAMES.split()}


def _text(value: str) -> tuple[bytes | None, int]:
    """NULL for an empty text."""
    encoded = value.encode()
    return encoded or None, len(encoded)


def _opened(name: str, *arguments: object) -> int:
    out = u64()
    check(_call[name](*arguments, ctypes.addressof(out)))
    return out.value


def build_info() -> str:
    """What was built, as JSON."""
    return grown(_call["build_info"]).decode()


def now_ns() -> int:
    """Nanoseconds since the Unix epoch, UTC: the clock that time 0 means."""
    return _call["now_ns"]()


# Handles that were let go while another thread was inside their lane, with the memory that the library may still write.
_waiting: list[tuple[Callable[[int], int], int, object]] = []


def _close_quietly(close: Callable[[int], int], number: int, memory: list[object]) -> None:
    """Whoever lets a handle go cannot be told; one whose engine was closed before is stale, which is fine.

    One that is BUSY is closed with the next that goes; its memory stays until then.
    """
    waiting = [(close, number, memory), *_waiting]
    _waiting.clear()
    _waiting.extend(one for one in waiting if one[0](one[1]) == Status.BUSY)


class Handle:
    """What every noun has: a number, and what it was opened from."""

    __slots__ = ("id", "_owner", "_close", "_finalizer", "_memory", "__weakref__")

    def __init__(self, close: str, number: int, owner: Handle | None) -> None:
        self.id, self._owner, self._close = number, owner, _call[close]
        # What the library writes until this is closed; the finalizer has it too.
        self._memory: list[object] = []
        self._finalizer = weakref.finalize(self, _close_quietly, self._close, number, self._memory)
        # At the interpreter's end the engine closes what was opened from it.
        self._finalizer.atexit = owner is None

    @property
    def index(self) -> int:
        """The number that records carry."""
        return self.id & 0xFFFFFF

    def close(self) -> None:
        """Closes; closing twice is fine. BUSY while a call of another thread is inside: then nothing is closed."""
        if self._finalizer.alive:
            answer = self._close(self.id)
            if answer not in (Status.OK, Status.INVALID_HANDLE):
                raise failure(answer)
            self._finalizer.detach()
            self._memory.clear()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<foretick.{type(self).__name__} {self.id:#x}>"


class Engine(Handle):
    """An engine: streams, slots with their bundles, lanes. `options` is TOML."""

    __slots__ = ()

    def __init__(self, options: str = "") -> None:
        super().__init__("engine_close", _opened("engine_open", *_text(options)), None)

    def metrics(self) -> str:
        """Counters, gauges and sampled latencies as Prometheus text."""
        return grown(lambda *room: _call["engine_metrics"](self.id, *room)).decode()

    def describe(self, parts: int) -> str:
        """The parts asked for, as JSON. `parts`: `Describe`."""
        return grown(lambda *room: _call["engine_describe"](self.id, parts, *room)).decode()

    def maintain(self, budget_ns: int) -> bool:
        """The housekeeping of an engine with `threads = 0`; whether work is left."""
        more = i32()
        check(_call["engine_maintain"](self.id, budget_ns, ctypes.addressof(more)))
        return more.value != 0

    def add_stream(self, name: str, options: str = "") -> int:
        """Adds a stream, such as `binance_spot:BTCUSDT`; its id."""
        out = u32()
        check(_call["stream_add"](self.id, *_text(name), *_text(options), ctypes.addressof(out)))
        return out.value

    def open_bundle(self, path: str | os.PathLike[str]) -> Bundle:
        """Reads, verifies and compiles a bundle's folder: seconds."""
        return Bundle("bundle_close", _opened("bundle_open", self.id, *_text(os.fspath(path)), 0), self)

    def publish(self, bundles: Mapping[str, Bundle], flags: int = 0) -> list[int]:
        """Publishes bundles under slots, all or none; the generations, in the order of the slots. `flags`: PUBLISH_REPLACE."""
        slots = [ctypes.create_string_buffer(slot.encode()) for slot in bundles]
        items = [Publish(ctypes.sizeof(Publish), flags, ctypes.addressof(slot), len(slot) - 1, bundle.id) for slot, bundle in zip(slots, bundles.values())]
        array_of, generations = (Publish * len(items))(*items), (u64 * len(items))()
        check(_call["slot_publish"](self.id, ctypes.addressof(array_of), len(items), ctypes.addressof(generations)))
        return list(generations)

    def enable(self, slot: str, member: str = "", on: bool = True) -> None:
        """Switches one member of a slot, or the whole slot, on or off."""
        check(_call["slot_enable"](self.id, *_text(slot), *_text(member), int(on)))

    def open_lane(self, options: str = "") -> Lane:
        """A lane: one working set of tracks, one caller at a time."""
        return Lane(_opened("lane_open", self.id, *_text(options)), self)

    def open_scorer(self, slot: str, model: str, flags: int = 0) -> Scorer:
        """One model of what a slot serves now, alone. `flags`: SCORER_RAW for rows of unscaled doubles."""
        return Scorer(_opened("scorer_open", self.id, *_text(slot), *_text(model), flags), self)


class Bundle(Handle):
    """A bundle that was read and verified."""

    __slots__ = ()

    def describe(self) -> str:
        """Manifest, digest, features, members with backend and why, as JSON."""
        return grown(lambda *room: _call["bundle_describe"](self.id, *room)).decode()


class Lane(Handle):
    """A lane. `flow` is what the last push or advance did."""

    __slots__ = ("flow", "_flow_address", "_push", "_advance", "_poll")

    def __init__(self, number: int, engine: Engine) -> None:
        super().__init__("lane_close", number, engine)
        self.flow = Flow(struct_size=ctypes.sizeof(Flow))
        self._flow_address = ctypes.addressof(self.flow)
        self._push, self._advance, self._poll = _call["lane_push"], _call["lane_advance"], _call["lane_poll"]

    def push(self, events: Events | EventRecord, start: int = 0, slots: int | None = None) -> Flow:
        """Takes events until one closes a step or all are taken; `flow.taken` says how far.

        `events`: one event, or from slot `start` on so many slots of several. An error means that the first was refused and
        nothing was taken.
        """
        address, count = _place(events, start, slots)
        answer = self._push(self.id, address, count, self._flow_address)
        if answer:
            raise failure(answer)
        return self.flow

    def advance(self, until_ns: int) -> Flow:
        """Promises that nothing known at `until_ns` or before will follow, and closes the steps up to it."""
        answer = self._advance(self.id, until_ns, self._flow_address)
        if answer:
            raise failure(answer)
        return self.flow

    def warm(self, events: Events | EventRecord, start: int = 0, slots: int | None = None) -> Flow:
        """Feeds history to tracks that have seen nothing yet; takes it all, and no step is asked for."""
        address, count = _place(events, start, slots)
        check(_call["lane_warm"](self.id, address, count, self._flow_address))
        return self.flow

    def snapshot(self) -> bytes:
        """What the lane and its tracks remember."""
        return grown(lambda *room: _call["lane_snapshot"](self.id, *room))

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot of a lane with the same tracks."""
        memory = ctypes.create_string_buffer(snapshot, len(snapshot))
        check(_call["lane_restore"](self.id, ctypes.addressof(memory), len(snapshot)))

    def poll(self, max_slots: int = 0, now_ns: int = 0) -> Flow:
        """Drains the links, at most so many slots (0: all); every step that closes is predicted and published to result memory."""
        answer = self._poll(self.id, max_slots, now_ns, self._flow_address)
        if answer:
            raise failure(answer)
        return self.flow

    def open_link(self, options: str = "") -> Link:
        """The way of one producer's thread into this lane."""
        return Link(_opened("link_open", self.id, *_text(options)), self)

    def due(self) -> list[int]:
        """Ids of the tracks with a closed step that nobody asked for."""
        length, tracks = size_t(), (u64 * 16)()
        while (answer := _call["lane_due"](self.id, ctypes.addressof(tracks), len(tracks), ctypes.addressof(length))) == Status.BUFFER_TOO_SMALL:
            tracks = (u64 * length.value)()
        check(answer)
        return tracks[: length.value]

    def open_track(self, slot: str, streams: Sequence[int], flags: int = 0) -> Track:
        """A track of a published slot on streams, one a role of its bundle.

        `flags`: TRACK_ANY_STREAM for streams that the bundle's applies_to does not name; every prediction then says so.
        """
        ids = (u32 * len(streams))(*streams)
        return Track(_opened("track_open", self.id, *_text(slot), ctypes.addressof(ids), len(ids), flags), self)


def _place(events: Events | EventRecord, start: int, slots: int | None) -> tuple[int, int]:
    """Address and slots of what is to be pushed."""
    if not isinstance(events, Events):
        return ctypes.addressof(events), min(events.slots, ctypes.sizeof(events) // SLOT_BYTES)
    count = events.slots - start if slots is None else slots
    if not 0 <= start <= start + count <= events.slots:
        raise IndexError(f"slots {start} to {start + count} of {events.slots}")
    return events.address + start * SLOT_BYTES, count


class Link(Handle):
    """A producer's end of the way into a lane. `flow` is what the last push did."""

    __slots__ = ("flow", "_flow_address", "_push")

    def __init__(self, number: int, lane: Lane) -> None:
        super().__init__("link_close", number, lane)
        self.flow = Flow(struct_size=ctypes.sizeof(Flow))
        self._flow_address, self._push = ctypes.addressof(self.flow), _call["link_push"]

    def push(self, events: Events | EventRecord, start: int = 0, slots: int | None = None) -> Flow:
        """Pushes events until one is refused or finds no room; FULL when the first finds none."""
        address, count = _place(events, start, slots)
        answer = self._push(self.id, address, count, self._flow_address)
        if answer:
            raise failure(answer)
        return self.flow

    def push_all(self, events: Events | EventRecord, start: int = 0, slots: int | None = None) -> None:
        """All of them, or FULL and none."""
        address, count = _place(events, start, slots)
        check(self._push(self.id, address, count, None))


class ResultMemory:
    """128 bytes that hold a track's newest prediction, read without entering anything, by any thread."""

    __slots__ = ("address", "memory", "_read", "_signal")

    def __init__(self) -> None:
        self.memory = (ctypes.c_char * 192)()
        # Two cache lines, no third.
        self.address = -(-ctypes.addressof(self.memory) // 64) * 64
        self._signal, self._read = _call["result_signal"], _call["result_read"]

    def signal(self) -> int:
        """The 8-byte signal: one atomic load. 0 before the first prediction."""
        return self._signal(self.address)

    def read(self) -> Prediction:
        """A whole copy; BUSY while it is being written: the next look has it."""
        out = Prediction()
        answer = self._read(self.address, ctypes.addressof(out))
        if answer:
            raise failure(answer)
        return out


@dataclass(frozen=True)
class Row:
    """A row of features: NaN where one is off. `close_ns` is when the step's content was known."""

    close_ns: int
    values: array[float]


@dataclass(frozen=True)
class Details:
    """What stands behind a prediction. Bit i of word i / 64 of `missing` is set when feature i was off."""

    record: DetailsRecord
    outputs: list[Output]
    members: list[Member]
    missing: list[int]


class Track(Handle):
    """A track. `prediction` is its last one."""

    __slots__ = ("prediction", "_out", "_predict", "_predict_row")

    def __init__(self, number: int, lane: Lane) -> None:
        super().__init__("track_close", number, lane)
        self.prediction = Prediction()
        self._out = ctypes.addressof(self.prediction)
        self._predict, self._predict_row = _call["track_predict"], _call["track_predict_row"]

    def predict(self, now_ns: int = 0) -> Prediction:
        """The decision for the newest closed step, or ABSTAIN with its reasons; 0 takes the engine's clock.

        The record is the track's own, and the next prediction overwrites it.
        """
        answer = self._predict(self.id, now_ns, self._out)
        if answer:
            raise failure(answer)
        return self.prediction

    def prepare(self) -> None:
        """Works out what the next step's answer can be known by before it closes: call it when the answer is out. No value changes."""
        check(_call["track_prepare"](self.id))

    def predict_row(self, row: Iterable[float], now_ns: int = 0) -> Prediction:
        """As `predict`, on F unscaled values of the caller's, NaN where one is missing."""
        values = row if isinstance(row, array) and row.typecode == "d" else array("d", row)
        address, count = values.buffer_info()
        answer = self._predict_row(self.id, address if count else None, count, now_ns, self._out)
        if answer:
            raise failure(answer)
        return self.prediction

    def attach(self, memory: ResultMemory) -> ResultMemory:
        """Attaches result memory: it holds the newest prediction from now on, until the track is closed or other memory is attached."""
        check(_call["result_attach"](self.id, memory.address, 128))
        self._memory[:] = [memory]
        return memory

    def detach(self) -> None:
        """Gives result memory back."""
        check(_call["result_attach"](self.id, None, 0))
        self._memory.clear()

    def enable(self, on: bool = True) -> None:
        """The host's veto: while a track is off its predictions abstain with HOST_VETO. Any thread."""
        check(_call["track_enable"](self.id, int(on)))

    def row(self, flags: int = 0) -> Row:
        """The newest closed row; `flags`: ROW_SCALED as models see it."""
        length, close_ns = size_t(), i64()
        values = (f64 * 64)()
        ask = _call["track_row"]
        while (
            answer := ask(self.id, flags, ctypes.addressof(values), len(values), ctypes.addressof(length), ctypes.addressof(close_ns))
        ) == Status.BUFFER_TOO_SMALL:
            values = (f64 * length.value)()
        check(answer)
        return Row(close_ns.value, array("d", bytes(values)[: 8 * length.value]))

    def details(self) -> Details:
        """Outputs, members and missing features behind the newest prediction."""
        outputs, members, missing = (Output * 8)(), (Member * 32)(), (u64 * 4)()
        while True:
            record = DetailsRecord(
                struct_size=ctypes.sizeof(DetailsRecord),
                outputs=ctypes.addressof(outputs),
                outputs_cap=len(outputs),
                outputs_stride=ctypes.sizeof(Output),
                members=ctypes.addressof(members),
                members_cap=len(members),
                members_stride=ctypes.sizeof(Member),
                missing=ctypes.addressof(missing),
                missing_cap=len(missing),
            )
            answer = _call["track_details"](self.id, ctypes.addressof(record))
            if answer != Status.BUFFER_TOO_SMALL:
                check(answer)
                return Details(record, outputs[: record.outputs_len], members[: record.members_len], missing[: record.missing_len])
            outputs, members, missing = (Output * record.outputs_len)(), (Member * record.members_len)(), (u64 * record.missing_len)()


class Scorer(Handle):
    """One model of a generation on rows of the caller's. `info` says what it reads and gives."""

    __slots__ = ("info",)

    def __init__(self, number: int, engine: Engine) -> None:
        super().__init__("scorer_close", number, engine)
        self.info = ScorerInfo(struct_size=ctypes.sizeof(ScorerInfo))
        check(_call["scorer_info"](self.id, ctypes.addressof(self.info)))

    def run(self, rows: Any, stride: int = 0) -> array[float]:
        """Scores whole rows, or windows with their oldest row first: a buffer of float, of double when it was opened RAW.

        `stride`: bytes from one row or window to the next, 0 when they stand one after the other.
        """
        return self._score("scorer_run", rows, self.info.features * self.info.window, stride)

    def next(self, rows: Any, stride: int = 0) -> array[float]:
        """Scores, row by row, the window that each makes of the one that was scored last; WRONG_STATE when none was yet.

        The bits are those of whole windows; behind `prepare` a row takes one row's time. Buffers and `stride` as with `run`.
        """
        return self._score("scorer_next", rows, self.info.features, stride)

    def _score(self, name: str, rows: Any, values: int, stride: int) -> array[float]:
        code = "d" if self.info.flags & SCORER_RAW else "f"
        view = memoryview(rows)
        if view.format != code or not view.c_contiguous:
            raise TypeError(f"rows are a contiguous buffer of {code!r}, not of {view.format!r}")
        width = values * view.itemsize
        step = stride or width
        count = 0 if not view.nbytes else (view.nbytes - width) // step + 1
        if view.nbytes and (view.nbytes < width or (view.nbytes - width) % step):
            raise ValueError(f"{view.nbytes} bytes are no whole rows of {width} every {step}")
        # A copy where the memory is not ours to point to.
        memory = (ctypes.c_char * view.nbytes).from_buffer_copy(view) if view.readonly else (ctypes.c_char * view.nbytes).from_buffer(view)
        out = array("f", bytes(4 * count * self.info.outputs))
        check(_call[name](self.id, ctypes.addressof(memory), count, stride, out.buffer_info()[0], len(out)))
        return out

    def prepare(self) -> None:
        """Works out all but the newest row of the window behind the one that was scored last; scored next, it gives the same bits sooner."""
        check(_call["scorer_prepare"](self.id))

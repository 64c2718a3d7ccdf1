"""The header's structs: the same bytes, field by field. `tests/header.py` holds each against `include/foretick.h`."""

from __future__ import annotations

import ctypes
import struct
from typing import Any, TypeVar

from .constants import DELTA_CHANGES, Action, Backend, Kind, Phase, Reason, Signal

u8, u16, u32, u64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64
i32, i64, f32, f64 = ctypes.c_int32, ctypes.c_int64, ctypes.c_float, ctypes.c_double
size_t, pointer = ctypes.c_size_t, ctypes.c_void_p

SLOT_BYTES = 64

T = TypeVar("T", bound="Record")


class Record(ctypes.Structure):
    """A struct whose bytes are its value."""

    def copy(self: T) -> T:
        """The same bytes in memory of their own."""
        return type(self).from_buffer_copy(self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and bytes(self) == bytes(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{field[0]}={getattr(self, field[0])!r}' for field in self._fields_)})"


class EventHead(Record):
    """The 32 bytes that every event begins with."""

    _fields_ = [("slots", u16), ("kind", u8), ("flags", u8), ("stream", u32), ("known_ns", i64), ("event_ns", i64), ("seq", u64)]


class EventRecord(Record):
    """An event: kind and slots are set, fields of the head are the event's own."""

    KIND: Kind

    def __init__(self, stream: int = 0, known_ns: int = 0, **fields: Any) -> None:
        super().__init__()
        self.head = EventHead(ctypes.sizeof(self) // SLOT_BYTES, self.KIND, 0, stream, known_ns, 0, 0)
        for name, value in fields.items():
            setattr(self, name, value)


class Mark(EventRecord):
    KIND = Kind.MARK
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("code", u32), ("track", u32), ("argument", i64), ("reserved", u64 * 2)]


class Trade(EventRecord):
    KIND = Kind.TRADE
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("price", f64), ("size", f64), ("side", u8), ("reserved", u8 * 7), ("order_ref", u64)]


class Quote(EventRecord):
    KIND = Kind.QUOTE
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("bid_px", f64), ("bid_qty", f64), ("ask_px", f64), ("ask_qty", f64)]


class Level(Record):
    """One row of a book, both sides."""

    _fields_ = [("bid_px", f64), ("bid_qty", f64), ("ask_px", f64), ("ask_qty", f64)]


class Book(EventRecord):
    """A book in its longest form; `slots` says how much of it is passed: `book_slots(rows)`."""

    KIND = Kind.BOOK
    _anonymous_ = ("head",)
    _fields_ = [
        ("head", EventHead),
        ("bids", u16),
        ("asks", u16),
        ("rows", u16),
        ("reserved", u16),
        ("prev_seq", u64),
        ("levels", Level * 20),
        ("tail", u64 * 2),
    ]


class Change(Record):
    """One change of a book level: the absolute size, 0 removes."""

    _fields_ = [("px", f64), ("qty", f64)]


class Delta(EventRecord):
    """A venue's message in its longest form; `slots` says how much of it is passed: `delta_slots(changes)`."""

    KIND = Kind.DELTA
    _anonymous_ = ("head",)
    _fields_ = [
        ("head", EventHead),
        ("first_seq", u64),
        ("prev_seq", u64),
        ("bids", u16),
        ("asks", u16),
        ("reserved", u32),
        ("changes", Change * DELTA_CHANGES),
        ("tail", u64),
    ]


class Bar(EventRecord):
    KIND = Kind.BAR
    _anonymous_ = ("head",)
    _fields_ = [
        ("head", EventHead),
        ("open_ns", i64),
        ("interval_ns", i64),
        ("open", f64),
        ("high", f64),
        ("low", f64),
        ("close", f64),
        ("volume", f64),
        ("quote_volume", f64),
        ("taker_buy", f64),
        ("taker_sell", f64),
        ("trades", u64),
        ("known", u32),
        ("reserved", u32),
    ]


class Pool(EventRecord):
    KIND = Kind.POOL
    _anonymous_ = ("head",)
    _fields_ = [
        ("head", EventHead),
        ("model", u8),
        ("decimals0", u8),
        ("decimals1", u8),
        ("reserved", u8),
        ("fee", u32),
        ("tick", i32),
        ("tick_spacing", i32),
        ("sqrt_price_x96", u64 * 4),
        ("liquidity", u64 * 2),
        ("reserve0", u64 * 2),
        ("reserve1", u64 * 2),
    ]


class Block(EventRecord):
    KIND = Kind.BLOCK
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("base_fee_wei", u64), ("gas_used", u64), ("gas_limit", u64), ("transactions", u32), ("known", u32)]


class Gas(EventRecord):
    KIND = Kind.GAS
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("price_wei", u64), ("base_fee_wei", u64), ("tip_wei", u64), ("percentile", u16), ("reserved", u16), ("known", u32)]


class Pending(EventRecord):
    KIND = Kind.PENDING
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("gas_total", u64), ("tip_p50_wei", u64), ("tip_p90_wei", u64), ("transactions", u32), ("known", u32)]


class Liquidation(EventRecord):
    KIND = Kind.LIQUIDATION
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("price", f64), ("size", f64), ("value", f64), ("side", u8), ("reserved", u8 * 7)]


class Scalar(EventRecord):
    KIND = Kind.SCALAR
    _anonymous_ = ("head",)
    _fields_ = [("head", EventHead), ("value", f64), ("weight", f64), ("valid_for_ns", i64), ("source", u32), ("unit", u32)]


class Prediction(Record):
    """The head of a prediction."""

    _fields_ = [
        ("signal", u64),
        ("stamp", u64),
        ("id_epoch", u64),
        ("id_counter", u64),
        ("step", u64),
        ("known_ns", i64),
        ("decided_ns", i64),
        ("valid_until_ns", i64),
        ("generation", u64),
        ("reasons", u64),
        ("value", f32),
        ("raw", f32),
        ("agreement", f32),
        ("edge", f32),
        ("size_limit", f32),
        ("queue_ns", u32),
        ("compute_ns", u32),
        ("track", u32),
        ("slot", u16),
        ("backend", u16),
        ("missing", u16),
        ("out_of_range", u16),
        ("batch", u16),
        ("phase", u8),
        ("rung", u8),
        ("members_used", u8),
        ("members_total", u8),
        ("reserved", u16),
    ]

    @property
    def action(self) -> Action:
        """What to do."""
        return Action(self.signal & 0xFF)

    @property
    def flags(self) -> Signal:
        """Flags of the signal."""
        return Signal(self.signal >> 8 & 0xFF)

    @property
    def sequence(self) -> int:
        """The step mod 65,536."""
        return int(self.signal >> 16 & 0xFFFF)

    @property
    def probability(self) -> float:
        """NaN when there is none."""
        return float(struct.unpack("<f", struct.pack("<I", self.signal >> 32))[0])

    @property
    def why(self) -> Reason:
        """The reasons by name."""
        return Reason(self.reasons)

    @property
    def market_phase(self) -> Phase:
        """The phase by name."""
        return Phase(self.phase)

    def comparable(self) -> Prediction:
        """A copy in which what two runs of the same calls do not share is 0; the time of the decision stays."""
        p = self.copy()
        p.stamp = p.id_epoch = p.queue_ns = p.compute_ns = p.batch = 0
        p.backend &= ~(Backend.WHOLE_WINDOW | Backend.PREFIX | Backend.CACHED)
        return p


class Flow(Record):
    """What a push or an advance did, over all tracks of the lane."""

    _fields_ = [
        ("struct_size", u32),
        ("closed", u32),
        ("taken", u64),
        ("reasons", u64),
        ("skipped", u32),
        ("conflated", u32),
        ("predicted", u32),
        ("waiting", u32),
    ]


class Publish(Record):
    """One bundle for one slot."""

    _fields_ = [("struct_size", u32), ("flags", u32), ("slot", pointer), ("slot_len", size_t), ("bundle", u64)]


class Output(Record):
    """One output of a prediction."""

    _fields_ = [
        ("struct_size", u32),
        ("output", u16),
        ("task", u16),
        ("horizon", u32),
        ("flags", u32),
        ("value", f64),
        ("raw", f64),
        ("lower", f64),
        ("upper", f64),
        ("name", ctypes.c_char * 32),
    ]


class Member(Record):
    """One member's part in one output of a prediction."""

    _fields_ = [
        ("struct_size", u32),
        ("status", i32),
        ("member", u16),
        ("output", u16),
        ("backend", u16),
        ("flags", u16),
        ("compute_ns", u32),
        ("reserved", u32),
        ("value", f64),
        ("weight", f64),
        ("name", ctypes.c_char * 32),
    ]


class DetailsRecord(Record):
    """The caller's arrays go in, their lengths come out."""

    _fields_ = [
        ("struct_size", u32),
        ("flags", u32),
        ("outputs", pointer),
        ("outputs_cap", size_t),
        ("outputs_stride", size_t),
        ("outputs_len", size_t),
        ("members", pointer),
        ("members_cap", size_t),
        ("members_stride", size_t),
        ("members_len", size_t),
        ("missing", pointer),
        ("missing_cap", size_t),
        ("missing_len", size_t),
        ("id_epoch", u64),
        ("id_counter", u64),
        ("feature_hash", u64),
        ("phase_confidence", f64),
        ("expected_net", f64),
        ("features", u32),
        ("rows", u32),
    ]


class ScorerInfo(Record):
    """What a scorer reads and gives."""

    _fields_ = [("struct_size", u32), ("features", u32), ("window", u32), ("outputs", u32), ("generation", u64), ("backend", u32), ("flags", u32)]


def book_slots(rows: int) -> int:
    """Slots of a book with so many rows."""
    return (48 + 32 * max(rows, 1) + 63) // 64


def delta_slots(changes: int) -> int:
    """Slots of a delta with so many changes."""
    return (56 + 16 * changes + 63) // 64

"""The header's numbers. `tests/header.py` holds each against `include/foretick.h`, and looks that none is missing."""

from __future__ import annotations

from enum import IntEnum, IntFlag

ABI_VERSION = 1
DELTA_CHANGES = 60
TRACK_ANY_STREAM = 1
PUBLISH_REPLACE = 1
ROW_SCALED = 1
SCORER_RAW = 1


class Status(IntEnum):
    """What a call answers; OK is 0."""

    OK = 0
    INVALID_ARGUMENT = 1
    NULL_POINTER = 2
    INVALID_HANDLE = 3
    BUSY = 4
    BUFFER_TOO_SMALL = 5
    STRUCT_SIZE = 6
    ALIGNMENT = 7
    SHAPE = 8
    NOT_UTF8 = 9
    NOT_FOUND = 10
    CONFLICT = 11
    LIMIT = 12
    UNSUPPORTED = 13
    WRONG_STATE = 14
    TIMEOUT = 15
    REENTRANT = 16
    POISONED = 17
    FULL = 18
    NOT_INITIALISED = 100
    ABI_MISMATCH = 101
    FORKED = 102
    PANIC = 103
    OUT_OF_MEMORY = 104
    CLOSING = 105
    INTERNAL = 106
    THREAD = 107
    CONFIG_SYNTAX = 200
    CONFIG_KEY = 201
    CONFIG_VALUE = 202
    EVENT_SHAPE = 300
    EVENT_RESERVED = 301
    NOT_FINITE = 302
    RANGE = 303
    UNKNOWN_STREAM = 304
    PRECISION = 305
    MANIFEST = 400
    DIGEST = 401
    MODEL = 402
    OPERATOR = 403
    CONTRACT = 404
    GOLDEN = 405
    SCHEMA_DIFFERS = 406
    SCOPE = 407
    ROLES = 408
    FEATURES_UNAVAILABLE = 409
    EXTERNAL_DATA = 410
    NO_BUNDLE = 411
    NO_PREVIOUS = 412
    NO_PREDICTION = 413
    RUNTIME_MISSING = 500
    RUNTIME_VERSION = 501
    BACKEND = 502
    DEADLINE = 503
    MODEL_OUTPUT = 504
    IO = 600
    CORRUPT = 601
    FORMAT_VERSION = 602
    LOCKED = 603
    DISK_FULL = 604


class Action(IntEnum):
    """What the caller is told to do."""

    NONE = 0
    BUY = 1
    SELL = 2
    HOLD = 3
    EXECUTE = 4
    WAIT = 5
    SKIP = 6
    ABSTAIN = 255


class Signal(IntFlag):
    """Flags of a signal."""

    VALUE = 1
    REPEAT = 2
    OUT_OF_SCOPE = 4
    IN_SAMPLE = 8
    FALLBACK = 16
    DEGRADED = 32


class Reason(IntFlag):
    """Why there is no decision, or what informs beside one."""

    NOT_READY = 1 << 0
    DATA_STALE = 1 << 1
    GAP = 1 << 2
    LATE_EVENT = 1 << 3
    DUPLICATE = 1 << 4
    CROSSED_BOOK = 1 << 5
    BOOK_RESYNC = 1 << 6
    CLOCK_BACK = 1 << 7
    NO_BOOK = 1 << 8
    FEATURE_MISSING = 1 << 16
    OUT_OF_RANGE = 1 << 17
    FEATURE_RANGE = 1 << 18
    NO_MODEL = 1 << 24
    MODEL_OUTPUT = 1 << 25
    DEADLINE = 1 << 26
    QUORUM = 1 << 27
    WARMING = 1 << 28
    MEMBER_FAILED = 1 << 29
    DEVICE_FALLBACK = 1 << 30
    AGREEMENT = 1 << 40
    BUNDLE_STALE = 1 << 41
    OUT_OF_SCOPE = 1 << 42
    IN_SAMPLE = 1 << 43
    DISABLED = 1 << 56
    HOST_VETO = 1 << 57
    QUEUE_FULL = 1 << 58


class Kind(IntEnum):
    """What an event is."""

    MARK = 0
    TRADE = 1
    QUOTE = 2
    BOOK = 3
    DELTA = 4
    BAR = 5
    POOL = 6
    BLOCK = 7
    GAS = 8
    PENDING = 9
    LIQUIDATION = 10
    SCALAR = 11


class Event(IntFlag):
    """Flags of an event."""

    SNAPSHOT = 1
    MORE = 2
    DERIVED = 4
    REORG = 8


class Side(IntEnum):
    """Side of the taker, or of a forced order."""

    UNKNOWN = 0
    BUY = 1
    SELL = 2


class MarkCode(IntEnum):
    """What a mark says; `ALL_TRACKS` stands in its `track`."""

    ADVANCE = 1
    GAP = 2
    RESET = 3
    PREDICT = 4
    ALL_TRACKS = 4294967295


class Phase(IntEnum):
    """Market phase of a step."""

    UNKNOWN = 0
    RANGING = 1
    TRENDING = 2
    VOLATILE = 3


class Rung(IntEnum):
    """Who answered."""

    CHAMPION = 0
    PREVIOUS = 1
    LINEAR = 2
    RULE = 3
    NONE = 255


class Backend(IntFlag):
    """What ran."""

    NATIVE = 1
    ORT = 2
    RTEN = 4
    CUDA = 8
    WHOLE_WINDOW = 16
    PREFIX = 32
    STATEFUL = 64
    CACHED = 128


class Task(IntEnum):
    """What an output is."""

    DIRECTION = 0
    VALUE = 1
    VOLATILITY = 2
    SUCCESS = 3
    DURATION = 4
    RISK = 5


class Describe(IntFlag):
    """Parts of what an engine says of itself."""

    CONFIG = 1
    STREAMS = 2
    LANES = 4
    TRACKS = 8
    SLOTS = 16
    BACKENDS = 32


class BarKnown(IntFlag):
    """Fields of a bar that are known."""

    QUOTE_VOLUME = 1
    TAKER = 2
    TRADES = 4

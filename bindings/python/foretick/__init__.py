"""foretick: market events in, a decision or an abstention with its reasons out, in this process.

A thin layer of ctypes over `include/foretick.h`; threads, cost and errors of a call stand there. Needs libforetick.so.0: named by
`FORETICK_LIBRARY`, beside this package, or where the system finds libraries.

    with foretick.Engine() as engine:
        engine.publish({"direction": engine.open_bundle("models/btc-1m/v1")})
        stream = engine.add_stream("binance_usdm:BTCUSDT")
        lane = engine.open_lane()
        track = lane.open_track("direction", [stream])
        bar = foretick.Bar(stream, known_ns, open_ns=..., interval_ns=..., open=..., high=..., low=..., close=..., volume=...)
        if lane.push(bar).closed:
            print(track.predict().action.name)

Close an engine before the interpreter ends; one that is left open is closed at its end. After `os.fork()` every call of the child answers FORKED.
"""

from . import constants, records
from .amount import amount_from_bytes, amount_parse, amount_to_f64
from .constants import (
    PUBLISH_REPLACE,
    ROW_SCALED,
    SCORER_RAW,
    TRACK_ANY_STREAM,
    Action,
    Backend,
    BarKnown,
    Describe,
    Event,
    Kind,
    MarkCode,
    Phase,
    Reason,
    Rung,
    Side,
    Signal,
    Status,
    Task,
)
from .engine import Bundle, Details, Engine, Lane, Link, ResultMemory, Row, Scorer, Track, build_info, now_ns
from .events import Events
from .native import Error, status_name
from .records import (
    Bar,
    Block,
    Book,
    Delta,
    Flow,
    Gas,
    Level,
    Liquidation,
    Mark,
    Member,
    Output,
    Pending,
    Pool,
    Prediction,
    Quote,
    Scalar,
    Trade,
    book_slots,
    delta_slots,
)

__all__ = [
    "PUBLISH_REPLACE", "ROW_SCALED", "SCORER_RAW", "TRACK_ANY_STREAM",
    "Action", "Backend", "Bar", "BarKnown", "Block", "Book", "Bundle", "Delta", "Describe", "Details", "Engine", "Error", "Event", "Events", "Flow", "Gas",
    "Kind", "Lane", "Level", "Link", "Liquidation", "Mark", "MarkCode", "Member", "Output", "Pending", "Phase", "Pool", "Prediction", "Quote", "Reason",
    "ResultMemory", "Row", "Rung", "Scalar", "Scorer", "Side", "Signal", "Status", "Task", "Track", "Trade", "amount_from_bytes",
    "amount_parse", "amount_to_f64", "book_slots", "build_info", "constants", "delta_slots",
    "now_ns", "records", "status_name",
]  # fmt: skip

"""Reads recorded files into events, one list per stream.

Order: files by sorted path, rows as written, merged by (known_ns, file, row). Nothing is refused
here except rows that are not numbers: order, duplicates and ranges belong to the sampler.
"""

import csv
import gzip
import heapq
import math
import os
import sys
from collections import namedtuple

TRADE, QUOTE, BOOK, BAR = "trade", "quote", "book", "bar"
UNKNOWN, BUY, SELL = 0, 1, 2
MS = 1_000_000
DERIVED_DEPTH = 10

Event = namedtuple("Event", "known file row kind seq data")
Trade = namedtuple("Trade", "price size side")
Quote = namedtuple("Quote", "bid_px bid_qty ask_px ask_qty")  # 0, 0: side absent
Book = namedtuple("Book", "bids asks derived")  # lists of (px, qty), best first
Bar = namedtuple("Bar", "open_ns interval_ns open high low close volume taker_buy")  # taker_buy or None

VENUES = (
    "binance_spot", "binance_usdm", "binance_coinm", "bybit_spot", "bybit_linear", "bybit_inverse",
    "coinbase", "dydx", "sim_a", "sim_b",
)
SCHEMA_WORDS = ("trades", "bbo", "book10", "trade", "quote", "depth", "mark")

CANDLE = "open_time_ms,open,high,low,close,volume"
CANDLE_TAKER = CANDLE + ",quote_volume,num_trades,taker_buy_base,taker_buy_quote"
TRADES = "time_ms,trade_id,side,price,qty"
L2_TRADES = "local_ns,event_ms,trade_ms,trade_id,side,price,qty"
L2_BBO = "local_ns,event_ms,tx_ms,update_id,bid_px,bid_qty,ask_px,ask_qty"
L2_BOOK10 = ",".join(
    ["grid_ns,last_tx_ms,last_id"]
    + [f"{side}_px{i},{side}_qty{i}" for side in ("bid", "ask") for i in range(1, DERIVED_DEPTH + 1)]
)
SKIPPED = {
    "local_ns,event_ms,tx_ms,first_id,last_id,prev_id,kind,price,qty": "depth",
    "local_ns,event_ms,mark_px,index_px,settle_px,funding_rate,next_funding_ms": "mark",
    "open_time_ms,bid_open,bid_high,bid_low,bid_close,bid_size,ask_open,ask_high,ask_low,ask_close,ask_size": "quote bars",
}


class BadInput(Exception):
    pass


def _open(path):
    return gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")


def _venue(name):
    found = [v for v in VENUES if name == v or name.startswith(v + "_")]
    return max(found, key=len) if found else None


def stream_name(path):
    """venue:SYMBOL from the file's name, else the venue from its folder's."""
    stem = os.path.basename(path)
    for end in (".gz", ".csv"):
        stem = stem.removesuffix(end)
    venue = _venue(stem)
    rest = stem[len(venue) + 1 :] if venue else stem
    venue = venue or _venue(os.path.basename(os.path.dirname(os.path.abspath(path))))
    for word in SCHEMA_WORDS:
        if rest.endswith("_" + word):
            rest = rest[: -len(word) - 1]
            break
    return f"{venue}:{rest}" if venue and rest else None


def find_files(inputs):
    found = set()
    for given in inputs:
        if os.path.isdir(given):
            for folder, _, names in os.walk(given):
                found.update(os.path.join(folder, n) for n in names if n.endswith((".csv", ".csv.gz")))
        elif os.path.exists(given):
            found.add(given)
        else:
            raise BadInput(f"no such input: {given}")
    return sorted(found)


def _number(text):
    value = float(text)
    if not math.isfinite(value):
        raise BadInput(f"not a finite number: {text}")
    return value


def _amount(text):
    return _number(text) if text else 0.0


def _rows(path):
    with _open(path) as file:
        reader = csv.reader(file)
        next(reader)
        yield from enumerate(reader)


def _interval(path, given_ms):
    if given_ms:
        return given_ms * MS
    times = [int(row[0]) for _, row in zip(range(100), (r for _, r in _rows(path)))]
    steps = [b - a for a, b in zip(times, times[1:]) if b > a]
    if not steps:
        raise BadInput(f"{path}: no interval can be seen in the first 100 rows")
    return min(steps) * MS


def _candles(path, file, taker, interval_ms):
    interval = _interval(path, interval_ms)
    for n, row in _rows(path):
        prices = [_number(x) for x in row[1:6]]
        buy = _number(row[8]) if taker else None
        opened = int(row[0]) * MS
        yield Event(opened + interval, file, n, BAR, 0, Bar(opened, interval, *prices, buy))


def _trades(path, file, known, seq, scale):
    for n, row in _rows(path):
        side = {"buy": BUY, "sell": SELL}.get(row[-3], UNKNOWN)
        yield Event(
            int(row[known]) * scale, file, n, TRADE, int(row[seq] or 0), Trade(_number(row[-2]), _number(row[-1]), side)
        )


def _quotes(path, file):
    for n, row in _rows(path):
        yield Event(int(row[0]), file, n, QUOTE, int(row[3] or 0), Quote(*(_amount(x) for x in row[4:8])))


def _levels(cells):
    pairs = [(_amount(p), _amount(q)) for p, q in zip(cells[0::2], cells[1::2])]
    while pairs and pairs[-1] == (0.0, 0.0):
        pairs.pop()
    return pairs


def _book10(path, file):
    half = 2 * DERIVED_DEPTH
    for n, row in _rows(path):
        bids, asks = _levels(row[3 : 3 + half]), _levels(row[3 + half : 3 + 2 * half])
        yield Event(int(row[0]), file, n, BOOK, 0, Book(bids, asks, True))


def _reader(path, file, interval_ms):
    with _open(path) as text:
        header = text.readline().strip()
    if header == CANDLE:
        return _candles(path, file, False, interval_ms)
    if header == CANDLE_TAKER:
        return _candles(path, file, True, interval_ms)
    if header == TRADES:
        return _trades(path, file, 0, 1, MS)
    if header == L2_TRADES:
        return _trades(path, file, 0, 3, 1)
    if header == L2_BBO:
        return _quotes(path, file)
    if header == L2_BOOK10:
        return _book10(path, file)
    if header in SKIPPED:
        print(f"skipped {os.path.basename(path)}: {SKIPPED[header]}", file=sys.stderr)
        return None
    raise BadInput(f"{path}: unknown header {header[:80]}")


def read_streams(inputs, only=None, rename=None, interval_ms=None):
    """{stream name: [Event in merge order]}, names sorted. `rename` overrides the name of every file."""
    sources = {}
    for file, path in enumerate(find_files(inputs)):
        name = rename or stream_name(path)
        if name is None:
            raise BadInput(f"{path}: no stream name can be seen; use --stream NAME")
        if only and name != only:
            continue
        reader = _reader(path, file, interval_ms)
        if reader is not None:
            sources.setdefault(name, []).append(reader)
    if not sources:
        raise BadInput("no recorded file" + (f" of stream {only}" if only else ""))
    key = lambda e: (e.known, e.file, e.row)
    return {name: list(heapq.merge(*sources[name], key=key)) for name in sorted(sources)}

"""Steps from events, by bar and by time, as the section Steps of features.md says."""

from collections import Counter

import numpy as np

from recorded import BAR, BOOK, BUY, QUOTE, TRADE, UNKNOWN, BadInput

SILENT_STEPS = 60  # W of baseline25
DEPTH = 10  # N of baseline25
NAN = float("nan")

FIELDS = (
    "time", "open", "high", "low", "close", "volume", "buy", "sell", "unknown", "count",
    "bid", "ask", "depth_bid", "depth_ask", "segment",
)


class Steps:
    """Columns of the steps of one track; NaN in bid, ask, depth_bid, depth_ask where there is none."""

    def __init__(self, rows, counts):
        self.counts = counts
        for i, name in enumerate(FIELDS):
            kind = np.int64 if name in ("time", "count", "segment") else bool if name == "unknown" else np.float64
            setattr(self, name, np.array([r[i] for r in rows], dtype=kind))

    def __len__(self):
        return len(self.time)


class Gate:
    """What is refused: order, duplicates, ranges. `taken` answers whether the event is applied."""

    def __init__(self):
        self.known = None
        self.seq = {}
        self.counts = Counter()

    def taken(self, event):
        why = self._refusal(event)
        if why != "late":
            self.known = event.known
        if why:
            self.counts[why] += 1
            return False
        if event.seq:
            self.seq[event.kind] = event.seq
        return True

    def _refusal(self, event):
        if self.known is not None and event.known < self.known:
            return "late"
        if event.seq and self.seq.get(event.kind) == event.seq:
            return "duplicate"
        return None if _in_range(event) else "range"


def _ordered(levels, sign):
    if any(px <= 0 or qty <= 0 for px, qty in levels):
        return False
    return all(sign * a[0] < sign * b[0] for a, b in zip(levels, levels[1:]))


def _in_range(event):
    d = event.data
    if event.kind == TRADE:
        return d.price > 0 and d.size > 0
    if event.kind == QUOTE:
        sides = ((d.bid_px, d.bid_qty), (d.ask_px, d.ask_qty))
        return all((px == 0 and qty == 0) or (px > 0 and qty > 0) for px, qty in sides)
    if event.kind == BOOK:
        return _ordered(d.bids, -1) and _ordered(d.asks, 1)
    return True


class TopOfBook:
    """Best bid and ask, and the summed sizes of the top levels."""

    def __init__(self, depth):
        self.depth = depth
        self.best = None  # (bid px, bid qty, ask px, ask qty), 0 for a side without a level
        self.sums = None
        self.quote_seen = False

    def apply(self, event):
        """True when the event gave the best bid and ask."""
        d = event.data
        if event.kind == QUOTE:
            self.quote_seen = True
            self.best = tuple(d)
            return True
        self.sums = (sum(q for _, q in d.bids[: self.depth]), sum(q for _, q in d.asks[: self.depth]))
        if d.derived and self.quote_seen:
            return False
        self.best = (d.bids[0] if d.bids else (0.0, 0.0)) + (d.asks[0] if d.asks else (0.0, 0.0))
        return True

    def two_sided(self):
        return self.best is not None and self.best[0] > 0 and self.best[2] > 0

    def row(self):
        bid, ask = (self.best[0], self.best[2]) if self.two_sided() else (NAN, NAN)
        return (bid, ask) + (self.sums if self.sums is not None else (NAN, NAN))

    def price(self, kind):
        if not self.two_sided():
            return None
        bid, bid_qty, ask, ask_qty = self.best
        return (bid + ask) / 2 if kind == "mid" else (bid * ask_qty + ask * bid_qty) / (bid_qty + ask_qty)


def by_bar(events, reset_after=None, depth=DEPTH):
    gate, top, rows, segment, last = Gate(), TopOfBook(depth), [], 0, None
    counts = gate.counts
    for event in events:
        if not gate.taken(event) or event.kind == TRADE:
            continue
        if event.kind in (QUOTE, BOOK):
            top.apply(event)
            continue
        bar = event.data
        if last is not None:
            ahead = bar.open_ns - last
            if ahead <= 0:
                counts["bar not after the last"] += 1
                continue
            if ahead % bar.interval_ns:
                raise BadInput(f"bar at {bar.open_ns}: its distance to the last is no multiple of the interval")
            missing = ahead // bar.interval_ns - 1
            if missing:
                counts["gaps"] += 1
                counts["missing bars"] += missing
                if reset_after is not None and missing >= reset_after:
                    segment += 1
                    top = TopOfBook(depth)
        last = bar.open_ns
        taker = bar.taker_buy is not None
        buy, sell = (bar.taker_buy, bar.volume - bar.taker_buy) if taker else (0.0, 0.0)
        rows.append(
            (event.known, bar.open, bar.high, bar.low, bar.close, bar.volume, buy, sell, not taker, 0)
            + top.row() + (segment,)
        )
    return Steps(rows, counts)


class _Open:
    """The step that is open."""

    def __init__(self):
        self.prices = []
        self.volume = self.buy = self.sell = 0.0
        self.unknown = False
        self.count = self.events = 0

    def add(self, trade):
        self.volume += trade.size
        self.count += 1
        if trade.side == UNKNOWN:
            self.unknown = True
        elif trade.side == BUY:
            self.buy += trade.size
        else:
            self.sell += trade.size


def by_time(events, step_ns, price="trade", silent_steps=SILENT_STEPS, depth=DEPTH):
    """Steps that close at or before the last row's known time."""
    gate = Gate()
    counts = gate.counts
    rows = []
    top, step, last_price, silent, running, segment = TopOfBook(depth), _Open(), None, 0, False, 0
    close = None

    def close_step():
        nonlocal top, step, last_price, silent, running, segment
        if not running and step.prices:
            running, silent = True, 0
        if running:
            silent = 0 if step.events else silent + 1
            if silent > silent_steps:
                top, last_price, running, silent = TopOfBook(depth), None, False, 0
                segment += 1
                counts["restarts"] += 1
            else:
                o, h, l, c = _prices(step.prices, last_price)
                last_price = c
                counts["carried"] += not step.events
                counts["without a trade"] += not step.count
                rows.append(
                    (close, o, h, l, c, step.volume, step.buy, step.sell, step.unknown, step.count)
                    + top.row() + (segment,)
                )
        step = _Open()

    for event in events:
        due = -(-event.known // step_ns) * step_ns
        if close is None:
            close = due
        while close < event.known:
            close_step()
            if not running:  # nothing can be emitted before the next price
                close = max(close, due - step_ns)
            close += step_ns
        if not gate.taken(event):
            continue
        if event.kind == BAR:
            raise BadInput("a schema by time refuses bars")
        step.events += 1
        if event.kind == TRADE:
            step.add(event.data)
            seen = event.data.price if price == "trade" else None
        else:
            gave = top.apply(event)
            seen = top.price(price) if gave and price != "trade" else None
        if seen is not None:
            step.prices.append(seen)

    end = max((e.known for e in events), default=None)
    while close is not None and close <= end:
        close_step()
        close += step_ns
    return Steps(rows, counts)


def _prices(seen, last):
    return (seen[0], max(seen), min(seen), seen[-1]) if seen else (last,) * 4

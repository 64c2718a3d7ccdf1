"""The 25 baseline features of features.md, straight from their definitions, in extended precision.

Every function takes the columns of one segment (from a start or restart) and answers one value per
step; values before a feature's first step are NaN. Nothing is incremental except Wilder's averages
and the two EMAs, whose definition is a recursion.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

NAMES = (
    "price_change", "sma_5", "sma_20", "std_20", "range_20", "volume", "volume_sma_5", "volume_sum_60",
    "volume_ratio_5", "volume_std_20", "spread_ratio", "book_imbalance", "depth_ratio", "bid_volume",
    "ask_volume", "order_flow_ratio_20", "rsi_14", "macd_12_26", "bollinger_position", "stochastic_k_14",
    "williams_r_14", "cci_20", "atr_14", "momentum_10", "roc_10",
)
FIRST = (1, 4, 19, 19, 19, 0, 4, 59, 4, 19, 0, 0, 0, 0, 0, 19, 14, 25, 19, 13, 13, 19, 14, 10, 10)
RECURSIVE = (16, 17, 22)
CONVERGE = 600
TINY = 1e-280

LONG = np.longdouble
EPS = 2.0**-52


def _windows(x, n):
    """(len, n) windows ending at each step; the first n - 1 rows are NaN."""
    out = np.full((len(x), n), np.nan, dtype=LONG)
    if len(x) >= n:
        out[n - 1 :] = sliding_window_view(np.asarray(x, dtype=LONG), n)
    return out


def total(x, n):
    return _windows(x, n).sum(axis=1)


def mean(x, n):
    return total(x, n) / n


def std(x, n):
    w = _windows(x, n)
    m = w.sum(axis=1, keepdims=True) / n
    return np.sqrt(((w - m) ** 2).sum(axis=1) / n)


def highest(x, n):
    return _windows(x, n).max(axis=1)


def lowest(x, n):
    return _windows(x, n).min(axis=1)


def back(x, k):
    out = np.full(len(x), np.nan, dtype=LONG)
    out[k:] = np.asarray(x, dtype=LONG)[: max(len(x) - k, 0)]
    return out


def _wilder(x, n, start):
    """Mean of the n values from `start`, then (13 previous + new) / 14; under TINY it is 0."""
    out = np.full(len(x), np.nan, dtype=LONG)
    at = start + n - 1
    if at >= len(x):
        return out
    value = x[start : at + 1].sum() / n
    for t in range(at, len(x)):
        if t > at:
            value = (value * (n - 1) + x[t]) / n
        if value < TINY:
            value = LONG(0)
        out[t] = value
    return out


def wilder_moves(close, n=14):
    change = np.zeros(len(close), dtype=LONG)
    change[1:] = np.diff(np.asarray(close, dtype=LONG))
    return _wilder(np.maximum(change, 0), n, 1), _wilder(np.maximum(-change, 0), n, 1)


def rsi(close, n=14):
    up, down = wilder_moves(close, n)
    both = up + down
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both == 0, LONG(50), 100 * up / both)


def _ema(x, n, at):
    out = np.full(len(x), np.nan, dtype=LONG)
    if at >= len(x):
        return out
    k = LONG(2) / (n + 1)
    value = x[at - n + 1 : at + 1].sum() / n
    out[at] = value
    for t in range(at + 1, len(x)):
        value = value + k * (x[t] - value)
        out[t] = value
    return out


def macd(close, fast=12, slow=26):
    x = np.asarray(close, dtype=LONG)
    return _ema(x, fast, slow - 1) - _ema(x, slow, slow - 1)


def atr(high, low, close, n=14):
    high, low = np.asarray(high, dtype=LONG), np.asarray(low, dtype=LONG)
    before = back(close, 1)
    true_range = np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))
    return _wilder(true_range, n, 1)


def typical(s):
    return (np.asarray(s.high, dtype=LONG) + s.low + s.close) / 3


def cci_parts(s, n=20):
    w = _windows(typical(s), n)
    m = w.sum(axis=1, keepdims=True) / n
    return typical(s), m[:, 0], np.abs(w - m).sum(axis=1) / n


class Part:
    """The columns of one segment."""

    def __init__(self, steps, mask):
        for name, column in vars(steps).items():
            if isinstance(column, np.ndarray):
                setattr(self, name, column[mask])
        self.n = len(self.close)


def values(s):
    """(n, 25) values; NaN where a definition says missing or the first step is not reached."""
    out = np.full((s.n, len(NAMES)), np.nan, dtype=LONG)
    if s.n == 0:
        return out
    with np.errstate(invalid="ignore", divide="ignore"):
        _fill(out, s)
    for i, first in enumerate(FIRST):
        out[:first, i] = np.nan
    return out


def _fill(out, s):
    close, volume = np.asarray(s.close, dtype=LONG), np.asarray(s.volume, dtype=LONG)
    deviation = std(close, 20)
    flat_20 = highest(close, 20) == lowest(close, 20)

    out[:, 0] = close - back(close, 1)
    out[:, 1] = mean(close, 5)
    out[:, 2] = mean(close, 20)
    out[:, 3] = deviation
    out[:, 4] = highest(close, 20) - lowest(close, 20)
    out[:, 5] = volume
    out[:, 6] = mean(volume, 5)
    out[:, 7] = total(volume, 60)
    out[:, 8] = np.where(highest(volume, 5) == 0, LONG(0), volume / mean(volume, 5))
    out[:, 9] = std(volume, 20)

    bid, ask = np.asarray(s.bid, dtype=LONG), np.asarray(s.ask, dtype=LONG)
    b, a = np.asarray(s.depth_bid, dtype=LONG), np.asarray(s.depth_ask, dtype=LONG)
    out[:, 10] = (ask - bid) / ((bid + ask) / 2)
    out[:, 11] = np.where(b + a == 0, np.nan, (b - a) / (b + a))
    out[:, 12] = np.where(a == 0, np.nan, b / a)
    out[:, 13] = b
    out[:, 14] = a

    buy, both = total(s.buy, 20), total(s.buy, 20) + total(s.sell, 20)
    flow = np.where(both == 0, LONG(0.5), buy / both)
    out[:, 15] = np.where(_windows(s.unknown, 20).any(axis=1), np.nan, flow)

    out[:, 16] = rsi(close)
    out[:, 17] = macd(close)
    lower = mean(close, 20) - 2 * deviation
    out[:, 18] = np.where(flat_20, LONG(0.5), (close - lower) / (4 * deviation))
    top, bottom = highest(s.high, 14), lowest(s.low, 14)
    out[:, 19] = np.where(top == bottom, LONG(50), 100 * (close - bottom) / (top - bottom))
    out[:, 20] = np.where(top == bottom, LONG(-50), -100 * (top - close) / (top - bottom))
    price, middle, spread = cci_parts(s)
    out[:, 21] = np.where(spread <= LONG(1e-12) * middle, LONG(0), (price - middle) / (LONG(0.015) * spread))
    out[:, 22] = atr(s.high, s.low, close)
    out[:, 23] = close - back(close, 10)
    out[:, 24] = np.where(back(close, 10) == 0, np.nan, 100 * (close / back(close, 10) - 1))


def slack(s):
    """(n, 25): k 2^-52 s of the Check paragraph, 0 where nothing is added."""
    out = np.zeros((s.n, len(NAMES)), dtype=LONG)
    if s.n == 0:
        return out
    deviation = std(s.close, 20)
    price, _, spread = cci_parts(s)
    with np.errstate(invalid="ignore", divide="ignore"):
        out[:, 3] = 128 * np.abs(s.close)
        out[:, 9] = 128 * mean(s.volume, 20)
        out[:, 11] = 16
        out[:, 16] = 32 * 100
        out[:, 17] = 32 * np.abs(s.close)
        out[:, 18] = 1024 * np.abs(s.close) / (4 * deviation)
        out[:, (19, 20, 24)] = 4 * 100
        out[:, 21] = 128 * np.abs(price) / (LONG(0.015) * spread)
    out[~np.isfinite(out)] = 0  # flat windows: the page's own value, exactly
    return out * EPS

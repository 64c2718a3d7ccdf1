"""TA-Lib 0.8.2's values of the features that features.md checks against it.

NaN where TA-Lib has none, and where the page's own rule differs from TA-Lib ("this page wins").
"""

import numpy as np
import talib

import definitions as d

CHECKED = (3, 9, 16, 17, 18, 19, 20, 21, 22, 23, 24)


def _f(x):
    return np.ascontiguousarray(x, dtype=np.float64)


def values(s):
    out = np.full((s.n, len(d.NAMES)), np.nan)
    if s.n == 0:
        return out
    close, high, low, volume = _f(s.close), _f(s.high), _f(s.low), _f(s.volume)
    out[:, 3] = talib.STDDEV(close, 20, 1.0)
    out[:, 9] = talib.STDDEV(volume, 20, 1.0)
    out[:, 16] = talib.RSI(close, 14)
    out[:, 17] = talib.MACD(close, 12, 26, 1)[0]
    upper, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        out[:, 18] = (close - lower) / (upper - lower)
    out[:, 19] = talib.STOCHF(high, low, close, 14, 1, 0)[0]
    out[:, 20] = talib.WILLR(high, low, close, 14)
    out[:, 21] = talib.CCI(high, low, close, 20)
    out[:, 22] = talib.ATR(high, low, close, 14)
    out[:, 23] = talib.MOM(close, 10)
    out[:, 24] = talib.ROC(close, 10)
    out[page_wins(s)] = np.nan
    return out


def page_wins(s):
    """Where the page's own rule replaces TA-Lib's value."""
    out = np.zeros((s.n, len(d.NAMES)), dtype=bool)
    up, down = d.wilder_moves(s.close)
    out[:, 16] = (up == 0) & (down == 0)
    out[:, 18] = d.highest(s.close, 20) == d.lowest(s.close, 20)
    flat = d.highest(s.high, 14) == d.lowest(s.low, 14)
    out[:, 19] = out[:, 20] = flat
    _, middle, spread = d.cci_parts(s)
    out[:, 21] = spread <= np.longdouble(1e-12) * middle
    out[:, 22] = d.atr(s.high, s.low, s.close) == 0
    return out

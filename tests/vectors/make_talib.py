"""Makes talib.csv: seeded synthetic bars and TA-Lib 0.8.2's outputs, for tests without Python.

    make_talib.py [OUT.csv]

Columns: open,high,low,close,volume,taker_buy,taker_sell, then outputs; an empty cell is NaN or infinite,
numbers are the shortest text that reads back to the same f64. `macd` is EMA(12) - EMA(26), each seeded at step
25 (talib.MACD with slow 26; the line does not depend on the signal period); `percent_b` is
(close - lower) / (upper - lower) in f64. These are TA-Lib's values: in flat windows features.md wins
(percent_b 0.5 where it is empty here, stochf_k 50, willr -50, cci 0 where the mean deviation is at most 1e-12 of the mean).
Stretches: walks of four volatilities, flat prices with and without volume, monotone runs up and down,
one-sided taker flow. Another TA-Lib differs in the last digits.
"""

import os
import random
import sys

import numpy as np
import talib

SEED = 20240809
WALK, FLAT, UP, DOWN = "walk", "flat", "up", "down"
# kind, steps, size of a move, volume, share of taker buys (None: random)
STRETCHES = (
    (WALK, 140, 0.20, 10.0, None),
    (FLAT, 45, 0.0, 5.0, None),
    (WALK, 80, 0.02, 0.5, None),
    (UP, 40, 0.15, 20.0, 1.0),
    (WALK, 120, 1.50, 2000.0, None),
    (FLAT, 70, 0.0, 0.0, None),
    (WALK, 60, 0.20, 10.0, None),
    (DOWN, 40, 0.15, 20.0, 0.0),
    (WALK, 205, 0.40, 50.0, None),
)


def bars():
    rng, close, out = random.Random(SEED), 100.0, []
    for kind, steps, move, volume, share in STRETCHES:
        for _ in range(steps):
            opened = close
            if kind == WALK:
                close = max(round(close + rng.gauss(0, move), 2), 1.0)
            elif kind != FLAT:
                close = round(close + (move if kind == UP else -move) * rng.uniform(0.1, 2), 2)
            wick = move * (kind == WALK)
            high = round(max(opened, close) + rng.random() * wick, 2)
            low = round(min(opened, close) - rng.random() * wick, 2)
            traded = round(rng.expovariate(1 / volume), 3) if volume and rng.random() > 0.03 else 0.0
            buy = round(traded * (rng.random() if share is None else share), 3)
            out.append((opened, high, low, close, traded, buy, round(traded - buy, 3)))
    return np.array(out)


def outputs(table):
    _, high, low, close, volume = (np.ascontiguousarray(table[:, i]) for i in range(5))
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        percent_b = (close - lower) / (upper - lower)
    return {
        "rsi_14": talib.RSI(close, 14),
        "macd": talib.MACD(close, 12, 26, 1)[0],
        "bb_upper": upper,
        "bb_middle": middle,
        "bb_lower": lower,
        "percent_b": percent_b,
        "stochf_k_14": talib.STOCHF(high, low, close, 14, 1, 0)[0],
        "willr_14": talib.WILLR(high, low, close, 14),
        "cci_20": talib.CCI(high, low, close, 20),
        "atr_14": talib.ATR(high, low, close, 14),
        "mom_10": talib.MOM(close, 10),
        "roc_10": talib.ROC(close, 10),
        "sma_5": talib.SMA(close, 5),
        "sma_20": talib.SMA(close, 20),
        "std_20": talib.STDDEV(close, 20, 1.0),
        "volume_std_20": talib.STDDEV(volume, 20, 1.0),
        "max_20": talib.MAX(close, 20),
        "min_20": talib.MIN(close, 20),
    }


def text(x):
    return "" if not np.isfinite(x) else repr(float(x)).removesuffix(".0")


def main():
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "talib.csv")
    path = sys.argv[1] if len(sys.argv) > 1 else default
    if talib.__version__ != "0.8.2":
        sys.exit(f"error: TA-Lib {talib.__version__}, the vectors are of 0.8.2")
    table = bars()
    out = outputs(table)
    with open(path, "w", newline="") as file:
        file.write(",".join(["open,high,low,close,volume,taker_buy,taker_sell", *out]) + "\n")
        for t, row in enumerate(table):
            file.write(",".join([text(x) for x in row] + [text(column[t]) for column in out.values()]) + "\n")


if __name__ == "__main__":
    main()

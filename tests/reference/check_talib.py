"""Can the tolerances of features.md be met? Worst shares of tolerance on recorded or other rows, of
the definition in extended precision against TA-Lib 0.8.2 (every step), of plain f64 arithmetic against
TA-Lib and the definition (every step), and of the extended precision itself against exact arithmetic
(fractions and 60 digits; windows on each 41st step, recursions on all up to --exact steps).

    check_talib.py [--step-ms N] [--stream NAME] [--exact N] INPUT...
"""

import argparse
import math
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np

import definitions as d
import talib_values
from compare import RELATIVE
from features import add_arguments, tracks
from recorded import BadInput

getcontext().prec = 60


def decimal(x):
    x = Fraction(x)
    return Decimal(x.numerator) / Decimal(x.denominator)


def exact_std(xs):
    m = sum(xs) / len(xs)
    return decimal(sum((x - m) ** 2 for x in xs) / len(xs)).sqrt()


def exact_windows(s, t):
    """{feature: exact value} at step t >= 19 for the features that need windows."""
    c, v, h, l = ([Fraction(float(x)) for x in col[t - 19 : t + 1]] for col in (s.close, s.volume, s.high, s.low))
    out = {3: exact_std(c), 9: exact_std(v), 24: decimal(100 * (c[-1] / c[-11] - 1)) if c[-11] else None}
    if max(c) != min(c):
        deviation = exact_std(c)
        lower = decimal(sum(c) / 20) - 2 * deviation
        out[18] = (decimal(c[-1]) - lower) / (4 * deviation)
    top, bottom = max(h[-14:]), min(l[-14:])
    if top != bottom:
        out[19] = decimal(100 * (c[-1] - bottom) / (top - bottom))
        out[20] = decimal(-100 * (top - c[-1]) / (top - bottom))
    tp = [(a + b + x) / 3 for a, b, x in zip(h, l, c)]
    m = sum(tp) / 20
    spread = sum(abs(x - m) for x in tp) / 20
    if spread > Fraction(1, 10**12) * m:
        out[21] = decimal((tp[-1] - m) / (Fraction(15, 1000) * spread))
    return out


def exact_recursions(s, upto):
    """Decimal columns of 16, 17, 22 for the first `upto` steps of a segment."""
    n = min(s.n, upto)
    c, h, l = ([Decimal(float(x)) for x in col[:n]] for col in (s.close, s.high, s.low))
    out = {16: {}, 17: {}, 22: {}}
    up = down = true_range = None
    change = [Decimal(0)] + [b - a for a, b in zip(c, c[1:])]
    ranges = [Decimal(0)] + [max(h[t] - l[t], abs(h[t] - c[t - 1]), abs(l[t] - c[t - 1])) for t in range(1, n)]
    fast = slow = None
    for t in range(n):
        if t == 14:
            up = sum(max(x, 0) for x in change[1:15]) / 14
            down = sum(max(-x, 0) for x in change[1:15]) / 14
            true_range = sum(ranges[1:15]) / 14
        elif t > 14:
            up = (up * 13 + max(change[t], 0)) / 14
            down = (down * 13 + max(-change[t], 0)) / 14
            true_range = (true_range * 13 + ranges[t]) / 14
        if t >= 14:
            out[16][t] = 100 * up / (up + down) if up + down > Decimal("1e-280") else Decimal(50)
            out[22][t] = true_range
        if t == 25:
            fast, slow = sum(c[14:26]) / 12, sum(c[:26]) / 26
        elif t > 25:
            fast, slow = fast + 2 * (c[t] - fast) / 13, slow + 2 * (c[t] - slow) / 27
        if t >= 25:
            out[17][t] = fast - slow
    return out


def plain(s):
    """f64 arithmetic in the order that features.md describes; NaN where not modelled."""
    out = np.full((s.n, len(d.NAMES)), np.nan)
    c, v, h, l = ([float(x) for x in col] for col in (s.close, s.volume, s.high, s.low))

    def moments(x):
        base = x[0]
        mean = sum([y - base for y in x]) / len(x)
        total = 0.0
        for y in x:
            total += (y - base - mean) ** 2
        return base + mean, mean, math.sqrt(total / len(x))

    up = down = atr = fast = slow = 0.0
    for t in range(s.n):
        if t >= 1:
            change = c[t] - c[t - 1]
            tr = max(h[t] - l[t], abs(h[t] - c[t - 1]), abs(l[t] - c[t - 1]))
            g, f = max(change, 0.0), max(-change, 0.0)
            if t <= 14:
                up, down, atr = up + g, down + f, atr + tr
                if t == 14:
                    up, down, atr = up / 14, down / 14, atr / 14
            else:
                up, down, atr = (up * 13 + g) / 14, (down * 13 + f) / 14, (atr * 13 + tr) / 14
        if t >= 14:
            up, down, atr = (x if x >= d.TINY else 0.0 for x in (up, down, atr))
            out[t, 16], out[t, 22] = (100 * up / (up + down) if up + down else 50.0), atr
        if t == 25:
            fast, slow = sum(c[14:26]) / 12, sum(c[:26]) / 26
        elif t > 25:
            fast, slow = fast + (c[t] - fast) * (2 / 13), slow + (c[t] - slow) * (2 / 27)
        if t >= 25:
            out[t, 17] = fast - slow
        if t >= 10 and c[t - 10]:
            out[t, 24] = 100 * (c[t] / c[t - 10] - 1)
        if t >= 13:
            top, bottom = max(h[t - 13 : t + 1]), min(l[t - 13 : t + 1])
            if top != bottom:
                out[t, 19], out[t, 20] = 100 * (c[t] - bottom) / (top - bottom), -100 * (top - c[t]) / (top - bottom)
        if t < 19:
            continue
        window = c[t - 19 : t + 1]
        middle, _, deviation = moments(window)
        out[t, 3], out[t, 9] = deviation, moments(v[t - 19 : t + 1])[2]
        if deviation:
            out[t, 18] = (c[t] - (middle - 2 * deviation)) / ((middle + 2 * deviation) - (middle - 2 * deviation))
        tp = [(h[i] + l[i] + c[i]) / 3 for i in range(t - 19, t + 1)]
        middle, mean, _ = moments(tp)
        spread = sum([abs(x - tp[0] - mean) for x in tp]) / 20
        if spread > 1e-12 * middle:
            out[t, 21] = (tp[-1] - tp[0] - mean) / (0.015 * spread)
    return out


def share(ours, reference, slack):
    allowed = RELATIVE * np.abs(reference) + slack
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ours == reference, 0.0, np.abs(ours - reference) / allowed).astype(float)


def worst(column):
    column = column[~np.isnan(column)]
    return f"{column.max():.3g}" if len(column) else "-"


def report(name, rows, upto):
    exact = np.where(rows.on, rows.exact, np.nan)
    against = share(exact, rows.talib, rows.slack)
    f64 = np.full_like(rows.talib, np.nan)
    checked = np.zeros_like(rows.talib) * np.nan
    for segment in np.unique(rows.steps.segment):
        mask = rows.steps.segment == segment
        part, at = d.Part(rows.steps, mask), np.flatnonzero(mask)
        f64[mask] = plain(part)
        found = [(t, exact_windows(part, t)) for t in range(19, part.n, 41)]
        cells = [(t, i, v) for t, row in found for i, v in row.items() if v is not None]
        cells += [(t, i, v) for i, col in exact_recursions(part, upto).items() for t, v in col.items()]
        for t, i, v in cells:
            if rows.on[at[t], i]:
                mine = rows.exact[at[t], i]
                high = float(mine)
                error = abs(decimal(high) + decimal(float(mine - high)) - v)
                allowed = decimal(RELATIVE) * abs(v) + decimal(float(rows.slack[at[t], i]))
                checked[at[t], i] = float(error / allowed) if error else 0.0
    f64[~rows.on] = np.nan
    f64_talib, f64_exact = share(f64, rows.talib, rows.slack), share(f64, exact, rows.slack)
    print(f"{name}: {len(rows.time)} steps; worst share of tolerance")
    print(f"  {'feature':20s} {'definition-TA-Lib':>18s} {'steps over 1':>12s} {'f64-TA-Lib':>11s} {'f64-definition':>15s} {'extended-exact':>15s}")
    for i in talib_values.CHECKED:
        over = int((against[:, i] > 1).sum())
        print(
            f"  {d.NAMES[i]:20s} {worst(against[:, i]):>18s} {over:>12d} {worst(f64_talib[:, i]):>11s} "
            f"{worst(f64_exact[:, i]):>15s} {worst(checked[:, i]):>15s}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--exact", type=int, default=20_000, help="steps of the recursions in 60 digits")
    args = parser.parse_args()
    try:
        found = tracks(args)
    except BadInput as why:
        sys.exit(f"error: {why}")
    for name, rows in found.items():
        report(name, rows, args.exact)


if __name__ == "__main__":
    main()

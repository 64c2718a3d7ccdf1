"""Compares rows of `foretick replay --rows ROWS.csv` with the reference, on every step.

    compare.py ROWS.csv INPUT... [--step-ms N] [--stream NAME]

Times and valid_mask must be equal. A value must be within 1e-9 |reference| + k 2^-52 s (features.md,
Check) of TA-Lib 0.8.2 where the page checks against it, and of the definition in extended precision
everywhere. Recursive features have ten times that before step 600 of a start or restart. Where TA-Lib's
own volume_std_20 is off its definition by more than half of that (it carries rounding from a large volume
that left the window), the definition alone is the reference; such steps are counted, 1 % of them is a breach.
Exits 1 at a breach, 2 where there is nothing to compare.
"""

import argparse
import csv
import sys

import numpy as np

from definitions import CONVERGE, NAMES, RECURSIVE
from features import add_arguments, tracks
from recorded import BadInput

RELATIVE = 1e-9
EARLY = 10
INEXACT_IN_TALIB = (9,)
INEXACT_AT_MOST = 0.01


class Breach(Exception):
    pass


def read_rows(path):
    """{track or None: (times, values, masks)}; an empty cell is 0."""
    with open(path, newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        many = header[:1] == ["track"]
        expected = ["time_ns", *NAMES, "valid_mask"]
        if header[many:] != expected:
            raise Breach(f"header is {header}, expected {expected}")
        found = {}
        for n, row in enumerate(reader, start=2):
            if len(row) != len(header):
                raise Breach(f"line {n}: {len(row)} cells, expected {len(header)}")
            found.setdefault(row[0] if many else None, []).append(row[many:])
    out = {}
    for name, rows in found.items():
        values = np.array([[float(x or 0) for x in r[1:-1]] for r in rows])
        out[name] = (np.array([int(r[0]) for r in rows]), values, np.array([int(r[-1]) for r in rows]))
    return out


def pairs(theirs, ours):
    if list(theirs) == [None]:
        if len(ours) != 1:
            raise Breach(f"no column track, but the input has {', '.join(ours)}; use --stream")
        return [(next(iter(ours)), theirs[None])]
    ours_with_steps = [n for n, rows in ours.items() if len(rows.time)]
    if sorted(theirs) != sorted(ours_with_steps):
        raise Breach(f"tracks {sorted(theirs)}, expected {sorted(ours_with_steps)}")
    return [(name, theirs[name]) for name in ours_with_steps]


def check_times(times, rows):
    n = min(len(times), len(rows.time))
    wrong = np.flatnonzero(times[:n] != rows.time[:n])
    if len(wrong):
        t = wrong[0]
        raise Breach(f"step {t}: time_ns {times[t]}, expected {rows.time[t]} ({len(times)} steps, expected {len(rows.time)})")
    if len(times) != len(rows.time):
        raise Breach(f"{len(times)} steps, expected {len(rows.time)}; the first {n} agree in time")


def check_masks(masks, rows):
    wrong = np.flatnonzero(masks != rows.mask)
    if len(wrong):
        t = wrong[0]
        bits = int(masks[t]) ^ int(rows.mask[t])
        names = [NAMES[i] if i < len(NAMES) else f"bit {i}" for i in range(64) if bits >> i & 1]
        raise Breach(
            f"step {t} (time_ns {rows.time[t]}): valid_mask {masks[t]}, expected {rows.mask[t]}; "
            f"differs in {', '.join(names)} ({len(wrong)} steps differ)"
        )


def shares(values, reference, rows):
    """|ours - reference| as a share of what is allowed; NaN where there is no reference."""
    allowed = RELATIVE * np.abs(reference) + rows.slack
    early = rows.age < CONVERGE
    for i in RECURSIVE:
        allowed[early, i] *= EARLY
    error = np.abs(values - reference)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(error == 0, 0, error / allowed)
    share[np.isnan(values) & ~np.isnan(reference)] = np.inf
    return np.where(np.isnan(reference), np.nan, share)


def trusted_talib(rows):
    """TA-Lib's values without those that are off the definition; {feature: how many were left out}."""
    out, left_out = rows.talib.astype(np.longdouble), {}
    off = shares(np.where(rows.on, rows.exact, np.nan), out, rows) > 0.5
    for i in INEXACT_IN_TALIB:
        out[off[:, i], i] = np.nan
        left_out[i] = int(off[:, i].sum())
        if left_out[i] > max(INEXACT_AT_MOST * len(rows.time), 1):
            raise Breach(f"{NAMES[i]}: TA-Lib and the definition differ at {left_out[i]} of {len(rows.time)} steps")
    return out, left_out


def worst(share):
    seen = np.where(np.isnan(share), -1, share)
    at = int(np.argmax(seen)) if len(seen) else 0
    return (float(seen[at]), at) if len(seen) and seen[at] >= 0 else (None, None)


def check_values(values, rows):
    """Prints the table; raises at the first offending step."""
    exact = shares(values, np.where(rows.on, rows.exact, np.nan), rows)
    talib, left_out = trusted_talib(rows)
    against = shares(values, talib, rows)
    print(f"  {'feature':22s} {'rows':>7s}   worst share of tolerance: definition (step)   TA-Lib (step)")
    for i, name in enumerate(NAMES):
        cells = []
        for share in (exact[:, i], against[:, i]):
            value, at = worst(share)
            cells.append("-" if value is None else f"{value:.3g} ({at})")
        note = f"  ({left_out[i]} steps without TA-Lib)" if left_out.get(i) else ""
        print(f"  {i:2d} {name:19s} {int(rows.on[:, i].sum()):7d}   {cells[0]:>24s} {cells[1]:>24s}{note}")
    for what, share, reference in (("definition", exact, rows.exact), ("TA-Lib", against, talib)):
        steps = np.flatnonzero((share > 1).any(axis=1))
        if len(steps):
            t = steps[0]
            i = int(np.flatnonzero(share[t] > 1)[0])
            raise Breach(
                f"step {t} (time_ns {rows.time[t]}): {NAMES[i]} {float(values[t, i])!r}, {what} "
                f"{float(reference[t, i])!r}, share {float(share[t, i]):.3g} ({len(steps)} steps offend)"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", metavar="ROWS.csv")
    add_arguments(parser)
    args = parser.parse_args()
    try:
        ours = tracks(args)
    except BadInput as why:
        print(f"error: {why}", file=sys.stderr)
        sys.exit(2)
    failed = False
    try:
        theirs = read_rows(args.rows)
        if args.stream in theirs:
            theirs = {args.stream: theirs[args.stream]}
        matched = pairs(theirs, ours)
    except Breach as why:
        sys.exit(f"BREACH: {why}")
    if not matched:
        print("error: nothing to compare", file=sys.stderr)
        sys.exit(2)
    for name, (times, values, masks) in matched:
        rows = ours[name]
        print(f"{name}: {len(times)} steps, expected {len(rows.time)}, {dict(rows.counts)}")
        try:
            check_times(times, rows)
            check_masks(masks, rows)
            check_values(values, rows)
            print("  agrees")
        except Breach as why:
            print(f"  BREACH: {why}")
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

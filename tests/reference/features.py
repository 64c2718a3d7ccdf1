"""The reference of `foretick replay --rows`: recorded files to rows of the 25 baseline features.

    features.py [--emit ROWS.csv] [--step-ms N] [--stream NAME] INPUT...

Without --emit it prints what was found. Written from the design only; shares no code with the engine.
"""

import argparse
import csv
import sys

import numpy as np

import definitions
import sampling
import talib_values
from recorded import BAR, BadInput, read_streams

NAMES = definitions.NAMES
LARGEST = np.longdouble(np.finfo(np.float32).max) * (1 + np.longdouble(2) ** -25)  # from here the cast is infinite


class Rows:
    """Every step of one track: values (0 where off), bits, TA-Lib's values (NaN where none), slack."""

    def __init__(self, steps):
        n = len(steps)
        self.steps, self.time, self.counts = steps, steps.time, steps.counts
        exact = np.full((n, len(NAMES)), np.nan, dtype=np.longdouble)
        self.talib = np.full((n, len(NAMES)), np.nan)
        self.slack = np.zeros((n, len(NAMES)), dtype=np.longdouble)
        self.age = np.zeros(n, dtype=np.int64)  # steps since the start or restart
        for segment in np.unique(steps.segment):
            mask = steps.segment == segment
            part = definitions.Part(steps, mask)
            exact[mask] = definitions.values(part)
            self.talib[mask] = talib_values.values(part)
            self.slack[mask] = definitions.slack(part)
            self.age[mask] = np.arange(part.n)
        self.on = np.isfinite(exact) & (np.abs(exact) < LARGEST)
        self.exact = np.where(self.on, exact, 0)
        self.talib[~self.on] = np.nan
        self.mask = (self.on.astype(np.int64) << np.arange(len(NAMES))).sum(axis=1)


def add_arguments(parser):
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument("--step-ms", type=int, help="sample by time; without it, by bar")
    parser.add_argument("--interval-ms", type=int, help="interval of the bars (default: seen in the file)")
    parser.add_argument("--price", choices=("trade", "mid", "micro"), default="trade")
    parser.add_argument("--reset-after", type=int, help="by bar: restart after so many missing bars")
    parser.add_argument("--window", type=int, default=sampling.SILENT_STEPS, help="W, the silent steps that are carried")
    parser.add_argument("--stream", metavar="NAME", help="only this stream")
    parser.add_argument("--rename", metavar="NAME", help="the stream name of every file")


def tracks(args):
    """{stream name: Rows}; streams that give no step are left out."""
    out = {}
    for name, events in read_streams(args.inputs, args.stream, args.rename, args.interval_ms).items():
        if args.step_ms:
            steps = sampling.by_time(events, args.step_ms * 1_000_000, args.price, args.window)
        elif any(e.kind == BAR for e in events):
            steps = sampling.by_bar(events, args.reset_after)
        else:
            raise BadInput(f"{name} has no bars: give --step-ms")
        out[name] = Rows(steps)
    return out


def write(path, found):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        many = len(found) > 1
        out.writerow((["track"] if many else []) + ["time_ns", *NAMES, "valid_mask"])
        for name, rows in found.items():
            exact = rows.exact.astype(np.float64)
            for t in range(len(rows.time)):
                cells = [repr(float(x)) if on else "0" for x, on in zip(exact[t], rows.on[t])]
                out.writerow(([name] if many else []) + [rows.time[t], *cells, rows.mask[t]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--emit", metavar="ROWS.csv", help="write the reference's own rows")
    args = parser.parse_args()
    try:
        found = tracks(args)
    except BadInput as why:
        sys.exit(f"error: {why}")
    for name, rows in found.items():
        span = f"{rows.time[0]}..{rows.time[-1]}" if len(rows.time) else "none"
        kept = {k: int(v) for k, v in rows.counts.items() if v}
        bits = ",".join(f"{i}:{int(n)}" for i, n in enumerate(rows.on.sum(axis=0)))
        print(f"{name}: {len(rows.time)} steps, {span}, {kept}\n  rows with the bit on: {bits}")
    if args.emit:
        write(args.emit, found)


if __name__ == "__main__":
    main()

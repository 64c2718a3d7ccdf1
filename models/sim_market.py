"""The simulated markets of the bundle `sim`: rows through the engine, what came of them, and what is true of them."""

import pathlib
from dataclasses import dataclass

import numpy as np

import engine
import scaling
import windows
from clock import ns_of
from windows import Windows

STEP_NS = 100_000_000
# The pair whose next move also answers the leader's return of some steps ago, which no single row holds.
ECHO_TRACK = "sim_a:SOLUSD"


@dataclass
class Market:
    """Windows in the order of their time, all pairs together: a block of the bootstrap then holds all pairs."""

    windows: Windows
    track: np.ndarray
    time_ns: np.ndarray
    up: np.ndarray
    truth: np.ndarray
    start_ns: int

    def take(self, chosen: np.ndarray | slice) -> "Market":
        """The chosen windows."""
        parts = (self.track[chosen], self.time_ns[chosen], self.up[chosen], self.truth[chosen])
        return Market(self.windows.take(chosen), *parts, self.start_ns)

    def part(self, first: int, last: int) -> "Market":
        """Windows that closed after step `first`, whose outcome was known at step `last` or before."""
        known = self.time_ns + STEP_NS
        after = self.time_ns > self.start_ns + first * STEP_NS
        return self.take(np.flatnonzero(after & (known <= self.start_ns + last * STEP_NS)))

    def has_echo(self) -> np.ndarray:
        """Where the pattern lies in the sequence."""
        return self.track == ECHO_TRACK


def load(market: list[object], shape: dict, schema: pathlib.Path, scratch: pathlib.Path) -> Market:
    """Whole windows of ready rows with their outcome: the sign of price_change one row later in the same track.

    `market` holds --steps, --seed and --start for `simulate`.
    """
    rows = engine.simulated_rows(market, schema)
    moves = scaling.schema_file(scratch, "move", shape, [{"op": "price_change"}])
    moved = engine.simulated_rows(market, moves, scaled=False)
    if (rows.time_ns != moved.time_ns).any() or (rows.track != moved.track).any():
        raise ValueError("two runs of one market gave other steps")
    usable = (rows.position() >= engine.schema_facts(schema)["ready"]) & rows.valid
    up, follows = outcomes(rows, moved.column("price_change"))
    order = np.flatnonzero(usable)[np.argsort(rows.time_ns[usable], kind="stable")]
    cut, numbers = windows.whole(rows.take(order), shape["window"]["rows"], STEP_NS)
    known = follows[order[numbers]]
    at = order[numbers[known]]
    truth = read_truth(market, scratch)
    probability = np.array([truth[key] for key in zip(rows.track[at].tolist(), rows.time_ns[at].tolist())])
    start_ns = ns_of(market[market.index("--start") + 1])
    return Market(cut.take(known), rows.track[at], rows.time_ns[at], up[at], probability, start_ns)


def outcomes(rows: engine.Rows, change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether the price rose in the step after each row, and whether that step is there."""
    up, follows = np.zeros(len(change), bool), np.zeros(len(change), bool)
    for name in np.unique(rows.track):
        own = np.flatnonzero(rows.track == name)
        up[own[:-1]] = change[own[1:]] > 0.0
        follows[own[:-1]] = np.diff(rows.time_ns[own]) == STEP_NS
    return up, follows


def read_truth(market: list[object], scratch: pathlib.Path) -> dict[tuple[str, int], float]:
    """The true probability by stream and close."""
    path = scratch / "truth.csv"
    engine.call("simulate", *market, "--quiet", "--truth", path)
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(",") for line in file.readlines()[1:]]
    return {(stream, int(time)): float(p) for time, stream, p in lines}

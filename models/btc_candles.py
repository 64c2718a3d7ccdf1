"""Recorded one-minute candles of BTCUSDT: spans, windows with their outcomes, and held-out figures. Shared by the recipes of btc-1m*.

Trained until 2023-08-04T23:30 (every label was known before that), scored from 2023-08-05: the embargo is the longest horizon.
What must be chosen by looking at predictions (weights, calibration, thresholds, how long a network is trained) is chosen on the
last part of the training span, by members fitted on the part before; the shipped members are then fitted on the whole span.
"""

import csv
import gzip
import pathlib
from dataclasses import dataclass

import numpy as np

import bundle_writer
import engine
import scaling
import scores
import windows
from bundle_writer import Bundle
from clock import MINUTE_NS, ns_of, text_of
from engine import ready
from toml_text import Raw
from windows import Windows

HORIZONS = (5, 10, 15, 30)
OUTPUTS = tuple(f"up_{h}" for h in HORIZONS)
TRAINED = ("2023-07-18T11:14:00Z", "2023-08-04T23:30:00Z")
TEST_FROM = "2023-08-05T00:00:00Z"
FIRST_SHARE = 0.8
WINDOW = 60
BLOCK_NS = 120 * MINUTE_NS
GOLDEN_MARKET = ["--steps", 1_800_000, "--seed", 20_231_102, "--start", "2023-11-01T00:00:00Z"]
SHAPE = {
    "roles": ["self"],
    "sampler": {"kind": "bar", "interval_ms": 60_000, "price": "trade", "reset_after": 60},
    "window": {"rows": WINDOW},
    "missing": "abstain",
}
POLICY = {
    "kind": "direction", "output": "up_15", "buy_at": 0.55, "sell_at": 0.45, "min_agreement": 0.60, "max_out_of_range": 4,
    "max_data_age_ms": 120_000, "valid_for_ms": 60_000,
}  # fmt: skip


@dataclass
class Labelled:
    """Windows of scaled rows, when they were known, and for each horizon whether the close rose."""

    windows: Windows
    time_ns: np.ndarray
    up: np.ndarray

    def __len__(self) -> int:
        return len(self.time_ns)

    def part(self, first_ns: int, last_ns: int = 1 << 62) -> "Labelled":
        """Windows known from `first_ns`, whose longest label was known before `last_ns`."""
        known = self.time_ns + HORIZONS[-1] * MINUTE_NS
        return self.take((self.time_ns >= first_ns) & (known < last_ns))

    def take(self, chosen: np.ndarray | slice) -> "Labelled":
        """The chosen windows."""
        return Labelled(self.windows.take(chosen), self.time_ns[chosen], self.up[chosen])

    def split(self) -> tuple["Labelled", "Labelled"]:
        """The first 80 % of the time, and the rest; no label of the first reaches into the second."""
        middle = int(self.time_ns[0]) + int(FIRST_SHARE * int(self.time_ns[-1] - self.time_ns[0]))
        return self.part(0, middle), self.part(middle)


def blank_outputs() -> dict[str, dict]:
    """The outputs of both bundles."""
    return {f"up_{h}": {"task": "direction", "horizon": h, "unit": "probability"} for h in HORIZONS}


def gives(tensor: str = "p") -> dict[str, str]:
    """Where a graph with one column a horizon has each output."""
    return {output: f"{tensor}[{column}]" for column, output in enumerate(OUTPUTS)}


def scaled(bundle: Bundle, recorded: pathlib.Path, scratch: pathlib.Path) -> tuple[pathlib.Path, engine.Rows, engine.Rows]:
    """Sets the bundle's stats by the training span; answers the drafted manifest, all scaled rows, and all rows before scaling."""
    until = ns_of(TRAINED[1])
    before = scaling.schema_file(scratch, "cut", SHAPE, scaling.cut(bundle.features))
    unscaled = ready(engine.replayed_rows(recorded, before), before)
    bundle.stats = scaling.Stats.before_scaling(unscaled.names, within(unscaled, until).values)
    drafted = bundle_writer.draft(scratch / "draft", bundle)
    rows = ready(engine.replayed_rows(recorded, drafted), drafted)
    bundle.stats = bundle.stats.with_range(within(rows, until).values)
    return drafted, rows, unscaled


def within(rows: engine.Rows, until_ns: int) -> engine.Rows:
    """Rows known before a time."""
    return rows.take(rows.time_ns < until_ns)


def closes(recorded: pathlib.Path) -> dict[int, float]:
    """Close by the time at which a candle is known."""
    with gzip.open(recorded, "rt", newline="") as file:
        return {int(line["open_time_ms"]) * 1_000_000 + MINUTE_NS: float(line["close"]) for line in csv.DictReader(file)}


def outcomes(times: list[int], close: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Whether the close rose at each horizon, and which outcomes are known."""
    later = np.array([[close.get(time + h * MINUTE_NS, np.nan) for h in HORIZONS] for time in times])
    now = np.array([close[time] for time in times])
    return later > now[:, None], np.isfinite(later)


def labelled(rows: engine.Rows, close: dict[int, float]) -> Labelled:
    """Whole windows whose outcome is known at every horizon."""
    found, numbers = windows.whole(rows, WINDOW, MINUTE_NS)
    times = rows.time_ns[numbers]
    up, known = outcomes(times.tolist(), close)
    whole = known.all(1)
    return Labelled(found.take(whole), times[whole], up[whole])


def fit_lstm(learn: Labelled, sizes, dense, dropout: float, seed: int, epochs: int, say, stop: Labelled | None = None):
    """An LSTM with an output a horizon."""
    # Only here: the rest works without PyTorch.
    import nets

    plan = nets.Plan(seed, epochs, rate=3e-4, decay=1e-2)
    make = lambda: nets.Lstm(learn.windows.rows.shape[1], sizes, len(HORIZONS), dense, dropout)  # noqa: E731
    return nets.fit(make, learn.windows, learn.up, plan, stop and (stop.windows, stop.up), say)


def finish(
    folder: pathlib.Path, bundle: Bundle, recorded: pathlib.Path, seed: int, scratch: pathlib.Path, say
) -> dict[pathlib.Path, Bundle]:
    """Writes the bundle with its figures. Written twice: they are those of the engine running it, and they stand in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unscored = scratch / "unscored"
    bundle_writer.write(unscored, bundle)
    say("scoring the engine's replay of the held-out span")
    bundle.metrics = score(unscored, recorded, bundle.members, seed)
    bundle_writer.write(folder, bundle)
    for name, figures in bundle.metrics.items():
        say(f"{name}: {scores.summary(figures)}")
    return {folder: bundle}


def golden_rows(schema: pathlib.Path, scratch: pathlib.Path) -> engine.Rows:
    """Rows of simulated candles."""
    candles = scratch / "candles.csv"
    engine.call("simulate", *GOLDEN_MARKET, "--quiet", "--candles", candles, "--interval-ms", 60_000, "--pair", "sim_a:BTCUSD")
    return ready(engine.replayed_rows(candles, schema, "--stream", "sim_a:BTCUSD"), schema)


def score(folder: pathlib.Path, recorded: pathlib.Path, members: dict, seed: int) -> dict[str, dict]:
    """Figures of every output over the held-out span, from the engine's own predictions, with the AUC of each member alone."""
    said, _ = engine.replay(folder, recorded)
    close = closes(recorded)
    up, known = outcomes(said["time_ns"].tolist(), close)
    tested = said["time_ns"] >= ns_of(TEST_FROM)
    figures = {}
    for column, (h, output) in enumerate(zip(HORIZONS, OUTPUTS)):
        chosen = tested & known[:, column]
        times, p = said["time_ns"][chosen], said[output][chosen]
        if np.isnan(p).any():
            raise ValueError(f"{output} has no value in a held-out step")
        alone = {f"auc_{name}": said[f"{name}.{output}"][chosen] for name, member in members.items() if output in member.gives}
        span = {"span": [Raw(text_of(times[0])), Raw(text_of(times[-1]))]}
        more = alone if len(members) > 1 else None
        figures[output] = span | scores.metrics(times, p, up[chosen, column], BLOCK_NS, seed + h, more)
    return figures


def thresholds(value: np.ndarray) -> dict[str, float]:
    """BUY and SELL as far from 0.5 as a tenth of the unseen values is."""
    distance = max(round(float(np.quantile(np.abs(value - 0.5), 0.9)), 3), 0.001)
    return {"buy_at": round(0.5 + distance, 3), "sell_at": round(0.5 - distance, 3)}

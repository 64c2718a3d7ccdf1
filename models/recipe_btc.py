"""Recipe of the bundle `btc-1m`: direction of BTCUSDT over 5 to 30 minutes, from one-minute candles.

Trained on the recorded candles until 2023-08-04T23:30 (every label was known before that), scored from 2023-08-05: the
embargo is the longest horizon. Expect next to nothing: candles of one market hardly tell its direction, so all members are
regularised hard, the metrics are given as they are, and nothing is calibrated: the slope that Platt would fit cannot be told
from 0 (`platt_slope` in the provenance).

BUY and SELL stand 0.5 plus and minus the distance that a tenth of the values exceeds when the same members, fitted on the
first 80 % of the training span, predict its last 20 %; the shipped members are then fitted on the whole span.
"""

import csv
import gzip
import pathlib
import tempfile
from dataclasses import dataclass

import numpy as np
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import bundle_writer
import engine
import export
import golden
import scaling
import scores
from bundle_writer import Bundle, Member
from clock import MINUTE_NS, ns_of, text_of
from engine import ready
from toml_text import Raw

HORIZONS = (5, 10, 15, 30)
TRAINED = ("2023-07-18T11:14:00Z", "2023-08-04T23:30:00Z")
TEST_FROM = "2023-08-05T00:00:00Z"
FIRST_SHARE = 0.8
BLOCK_NS = 120 * MINUTE_NS
GOLDEN_MARKET = ["--steps", 1_800_000, "--seed", 20_231_102, "--start", "2023-11-01T00:00:00Z"]
WEIGHTS = {"lr": 0.30, "rf": 0.30, "xgb": 0.40}
SHAPE = {
    "roles": ["self"],
    "sampler": {"kind": "bar", "interval_ms": 60_000, "price": "trade", "reset_after": 60},
    "window": {"rows": 60},
    "missing": "abstain",
}
RELATIVE, ROLLING = ["relative", "zscore"], ["rolling_zscore(240)"]
FEATURES = [
    {"op": "price_change", "scale": RELATIVE},
    {"op": "sma", "period": [5, 20], "scale": RELATIVE},
    {"op": ["std", "range"], "period": 20, "scale": RELATIVE},
    {"op": "volume", "scale": ROLLING},
    {"op": "volume_sma", "period": 5, "scale": ROLLING},
    {"op": "volume_sum", "period": 60, "scale": ROLLING},
    {"op": "volume_ratio", "period": 5, "scale": ["zscore"]},
    {"op": "volume_std", "period": 20, "scale": ROLLING},
    {"op": "rsi", "period": 14, "scale": ["minmax"]},
    {"op": "macd", "fast": 12, "slow": 26, "scale": RELATIVE},
    {"op": "bollinger_position", "period": 20, "width": 2.0, "scale": ["zscore"]},
    {"op": ["stochastic_k", "williams_r"], "period": 14, "scale": ["minmax"]},
    {"op": "cci", "period": 20, "scale": ["zscore"]},
    {"op": "atr", "period": 14, "scale": RELATIVE},
    {"op": "momentum", "period": 10, "scale": RELATIVE},
    {"op": "roc", "period": 10, "scale": ["zscore"]},
]
NOTES = (
    "recorded candles of Binance USDT-margined BTCUSDT; labels: close h minutes later above the close; metrics are the engine's own "
    "replay of the held-out span, intervals by moving-block bootstrap with blocks of 120 minutes and 1000 resamples; buy_at and sell_at "
    "from the last 20 % of the training span predicted by the first 80 %; phase thresholds are the 80 % quantiles of the training span; "
    "no calibration: on those 20 % the 95 % interval of Platt's slope (platt_slope) holds 0 for every output; phase weights were not "
    "tried; importance is the AUC of up_15 lost by the "
    "ensemble when a feature is shuffled on held-out rows"
)


@dataclass
class Labelled:
    """Scaled rows and, for each horizon, whether the close rose."""

    rows: engine.Rows
    up: np.ndarray

    def part(self, first_ns: int, last_ns: int) -> "Labelled":
        """Rows known from `first_ns`, whose longest label was known before `last_ns`."""
        known = self.rows.time_ns + HORIZONS[-1] * MINUTE_NS
        chosen = (self.rows.time_ns >= first_ns) & (known < last_ns)
        return Labelled(self.rows.take(chosen), self.up[chosen])


def train(out: pathlib.Path, recorded: pathlib.Path, seed: int = 7, say=print) -> dict[pathlib.Path, Bundle]:
    """Trains and writes v1 below `out`; answers it by its folder."""
    folder = out / "v1"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        bundle = build(recorded, seed, pathlib.Path(scratch), say)
        # Written twice: the figures are those of the engine running the bundle, and they stand in the bundle.
        unscored = pathlib.Path(scratch) / "unscored"
        bundle_writer.write(unscored, bundle)
        say("scoring the engine's replay of the held-out span")
        bundle.metrics = score(unscored, recorded, seed)
        bundle_writer.write(folder, bundle)
    for name, figures in bundle.metrics.items():
        say(f"{name}: {scores.summary(figures)}")
    return {folder: bundle}


def build(recorded: pathlib.Path, seed: int, scratch: pathlib.Path, say) -> Bundle:
    """The bundle without its metrics."""
    bundle = blank(seed)
    say("stats of the training span")
    until = ns_of(TRAINED[1])
    before = scaling.schema_file(scratch, "cut", SHAPE, scaling.cut(FEATURES))
    unscaled = within(ready(engine.replayed_rows(recorded, before), before), until)
    bundle.stats = scaling.Stats.before_scaling(unscaled.names, unscaled.values)
    drafted = bundle_writer.draft(scratch / "draft", bundle)
    rows = ready(engine.replayed_rows(recorded, drafted), drafted)
    bundle.stats = bundle.stats.with_range(within(rows, until).values)
    bundle.ensemble |= {"phase": phase(unscaled)}
    whole = labelled(rows, closes(recorded))
    learn, test = whole.part(0, until), whole.part(ns_of(TEST_FROM), 1 << 62)
    say("thresholds from the last 20 % of the training span")
    learn_policy(bundle, learn, seed)
    say(f"fitting on {len(learn.up)} rows")
    bundle.members = fit(learn, seed)
    say(f"golden rows, importance on {len(test.up)} rows")
    made = golden_rows(drafted, scratch)
    extremes = np.stack([learn.rows.values.min(0), learn.rows.values.max(0)])
    table = golden.rows(made.values, extremes, [bundle.members["rf"].graph, bundle.members["xgb"].graph])
    bundle.golden = golden.text(made.names, table, bundle.members)
    value = lambda x: bundle_writer.combine(bundle.members, WEIGHTS, "up_15", x)  # noqa: E731
    bundle.importance = golden.importance(made.names, test.rows.values, test.up[:, HORIZONS.index(15)], value, seed)
    return bundle


def blank(seed: int) -> Bundle:
    """What is fixed beforehand."""
    output = lambda h: {"task": "direction", "horizon": h, "unit": "probability"}  # noqa: E731
    trees = {"up_15": "probabilities[1]"}
    return Bundle(
        name="btc-1m", version=1, applies_to=["binance_usdm:BTCUSDT"], trained=TRAINED, shape=SHAPE, schema_name="btc-1m-19",
        features=FEATURES, outputs={f"up_{h}": output(h) for h in HORIZONS},
        members={"lr": Member(b"", lr_gives(), np.asarray), "rf": Member(b"", trees, np.asarray), "xgb": Member(b"", trees, np.asarray)},
        ensemble={"mix": "logit", "quorum": 0.60, "weights": WEIGHTS},
        policy={
            "kind": "direction", "output": "up_15", "buy_at": 0.55, "sell_at": 0.45, "min_agreement": 0.60, "max_out_of_range": 4,
            "max_data_age_ms": 120_000, "valid_for_ms": 60_000,
        },
        provenance=bundle_writer.provenance(
            f"models/train.py btc-1m --seed {seed}", "missing-value directions of forests written back, texts and hit rates dropped", NOTES
        ),
    )  # fmt: skip


def lr_gives() -> dict[str, str]:
    """Where the linear graph has each output."""
    return {f"up_{h}": f"p[{column}]" for column, h in enumerate(HORIZONS)}


def within(rows: engine.Rows, until_ns: int) -> engine.Rows:
    """Rows known before a time."""
    return rows.take(rows.time_ns < until_ns)


def closes(recorded: pathlib.Path) -> dict[int, float]:
    """Close by the time at which a candle is known."""
    with gzip.open(recorded, "rt", newline="") as file:
        return {int(line["open_time_ms"]) * 1_000_000 + MINUTE_NS: float(line["close"]) for line in csv.DictReader(file)}


def labelled(rows: engine.Rows, close: dict[int, float]) -> Labelled:
    """Rows whose close is known at every horizon."""
    times = rows.time_ns.tolist()
    later = np.array([[close.get(time + h * MINUTE_NS, np.nan) for h in HORIZONS] for time in times])
    now = np.array([close[time] for time in times])
    known = np.isfinite(later).all(1)
    return Labelled(rows.take(known), later[known] > now[known, None])


def phase(unscaled: engine.Rows) -> dict[str, float]:
    """80 % quantiles of what the phase is read from; the columns are shares of the close, which cancels in the second."""
    atr = unscaled.column("atr_14").astype(np.float64)
    trend = np.abs(unscaled.column("sma_5").astype(np.float64) - unscaled.column("sma_20")) / atr
    return {"volatile_above": short(np.quantile(atr, 0.8)), "trending_above": short(np.quantile(trend, 0.8))}


def short(number: float) -> float:
    """Three digits."""
    return float(f"{number:.3g}")


def tail(learn: Labelled, seed: int) -> tuple[dict[str, Member], Labelled]:
    """Members fitted on the first 80 % of the training span, and its last 20 %, which they have not seen."""
    first, last = int(learn.rows.time_ns[0]), int(learn.rows.time_ns[-1])
    middle = first + int(FIRST_SHARE * (last - first))
    return fit(learn.part(0, middle), seed), learn.part(middle, 1 << 62)


def thresholds(value: np.ndarray) -> dict[str, float]:
    """BUY and SELL as far from 0.5 as a tenth of the unseen values is."""
    distance = max(round(float(np.quantile(np.abs(value - 0.5), 0.9)), 3), 0.001)
    return {"buy_at": round(0.5 + distance, 3), "sell_at": round(0.5 - distance, 3)}


def learn_policy(bundle: Bundle, learn: Labelled, seed: int) -> None:
    """Sets the thresholds, and notes why there is no calibration."""
    early, late = tail(learn, seed)
    values = {f"up_{h}": bundle_writer.combine(early, WEIGHTS, f"up_{h}", late.rows.values) for h in HORIZONS}
    bundle.policy |= thresholds(values["up_15"])
    slopes = [scores.platt_slope(late.rows.time_ns, p, up, BLOCK_NS, seed) for p, up in zip(values.values(), late.up.T)]
    bundle.provenance["platt_slope"] = dict(zip(values, slopes))


def fit(learn: Labelled, seed: int) -> dict[str, Member]:
    """A logistic regression a horizon, a forest and boosted trees for up_15: small, shrunk, with large leaves."""
    x, up_15 = learn.rows.values, learn.up[:, HORIZONS.index(15)].astype(int)
    wide = x.astype(np.float64)
    linear = [LogisticRegression(C=1e-3, max_iter=1000).fit(wide, learn.up[:, column]) for column in range(len(HORIZONS))]
    forest = RandomForestClassifier(n_estimators=100, max_depth=4, min_samples_leaf=500, random_state=seed, n_jobs=1).fit(x, up_15)
    boosted = xgboost.XGBClassifier(
        n_estimators=60, max_depth=2, learning_rate=0.03, min_child_weight=200, subsample=0.5, colsample_bytree=0.5,
        reg_lambda=50.0, random_state=seed, n_jobs=1, tree_method="hist",
    ).fit(x, up_15)  # fmt: skip
    graph = export.export_logistic_outputs([one.coef_[0] for one in linear], [one.intercept_[0] for one in linear])
    each = lambda rows: np.column_stack([one.predict_proba(rows.astype(np.float64))[:, 1] for one in linear])  # noqa: E731
    trees = {"up_15": "probabilities[1]"}
    return {
        "lr": Member(graph, lr_gives(), each),
        "rf": Member(export.export_sklearn(forest, x.shape[1]), trees, lambda rows: forest.predict_proba(rows)[:, 1:]),
        "xgb": Member(
            export.export_xgboost(boosted, x.shape[1]), trees, lambda rows: boosted.predict_proba(rows)[:, 1:].astype(np.float64)
        ),
    }


def golden_rows(schema: pathlib.Path, scratch: pathlib.Path) -> engine.Rows:
    """Rows of simulated candles."""
    candles = scratch / "candles.csv"
    engine.call("simulate", *GOLDEN_MARKET, "--quiet", "--candles", candles, "--interval-ms", 60_000, "--pair", "sim_a:BTCUSD")
    return ready(engine.replayed_rows(candles, schema, "--stream", "sim_a:BTCUSD"), schema)


def score(folder: pathlib.Path, recorded: pathlib.Path, seed: int) -> dict[str, dict]:
    """Figures of every output over the held-out span, from the engine's own predictions."""
    said, _ = engine.replay(folder, recorded)
    close = closes(recorded)
    figures = {}
    for h in HORIZONS:
        times, p = said["time_ns"], said[f"up_{h}"]
        later = np.array([close.get(time + h * MINUTE_NS, np.nan) for time in times.tolist()])
        now = np.array([close[time] for time in times.tolist()])
        chosen = (times >= ns_of(TEST_FROM)) & np.isfinite(later)
        if np.isnan(p[chosen]).any():
            raise ValueError(f"up_{h} has no value in a held-out step")
        span = {"span": [Raw(text_of(times[chosen][0])), Raw(text_of(times[chosen][-1]))]}
        up = later[chosen] > now[chosen]
        figures[f"up_{h}"] = span | scores.metrics(times[chosen], p[chosen], up, BLOCK_NS, seed + h)
    return figures

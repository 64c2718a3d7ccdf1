"""Recipe of the bundle `sim`: next-step direction in the market simulator, whose true probability is known.

Two versions with one schema, one stats.csv and hence one hash, trained on markets of other seeds and times, so that v2 can be
published on v1's slot. All three pairs train one model, so every feature is free of price units. The markets start before
2024-01-01, where `foretick demo` starts, so that a demo is out of sample.

A version trains on the first `TRAIN` steps of its market and is scored on the last `TEST` ones, a minute later.
"""

import pathlib
import tempfile
from dataclasses import dataclass

import numpy as np
import xgboost
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

STEP_NS = 100_000_000
TRAIN, GAP, TEST = 60_000, 600, 40_000
# A market's path depends on its seed alone, so these are seeds that nobody gives to a demo by chance.
MARKETS = {1: (20_231_201, "2023-12-01T00:00:00Z"), 2: (20_231_215, "2023-12-15T00:00:00Z")}
GOLDEN_MARKET = ["--steps", 4_000, "--seed", 20_231_101, "--start", "2023-11-01T00:00:00Z"]
WEIGHTS = {"lr": 0.5, "xgb": 0.5}
SHAPE = {
    "roles": ["self", "leader"],
    "sampler": {"kind": "time", "interval_ms": 100, "price": "mid"},
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
    {"op": ["spread_ratio", "book_imbalance", "depth_ratio"], "scale": ["zscore"]},
    {"op": ["bid_volume", "ask_volume"], "scale": ROLLING},
    {"op": "order_flow_ratio", "period": 20, "scale": ["zscore"]},
    {"op": "rsi", "period": 14, "scale": ["minmax"]},
    {"op": "macd", "fast": 12, "slow": 26, "scale": RELATIVE},
    {"op": "bollinger_position", "scale": ["zscore"]},
    {"op": ["stochastic_k", "williams_r"], "period": 14, "scale": ["minmax"]},
    {"op": "cci", "period": 20, "scale": ["zscore"]},
    {"op": "atr", "period": 14, "scale": RELATIVE},
    {"op": "momentum", "period": 10, "scale": RELATIVE},
    {"op": "roc", "period": 10, "scale": ["zscore"]},
    {"op": "role_return", "role": "leader", "period": 1, "scale": ["zscore"]},
]
POLICY = {
    "kind": "direction", "output": "up_1", "buy_at": 0.60, "sell_at": 0.40, "min_agreement": 0.60,
    "max_out_of_range": 6, "max_data_age_ms": 1_000, "valid_for_ms": 300,
}  # fmt: skip


@dataclass
class Market:
    """A version's rows with what came of them."""

    rows: engine.Rows
    up: np.ndarray
    truth: np.ndarray
    start_ns: int

    def part(self, first: int, last: int) -> "Market":
        """Rows that closed after step `first`, whose outcome was known at step `last` or before."""
        known = self.rows.time_ns + STEP_NS
        chosen = (self.rows.time_ns > self.start_ns + first * STEP_NS) & (known <= self.start_ns + last * STEP_NS)
        return Market(self.rows.take(chosen), self.up[chosen], self.truth[chosen], self.start_ns)


def train(out: pathlib.Path, say=print) -> dict[pathlib.Path, Bundle]:
    """Trains and writes v1 and v2 below `out`; answers them by folder."""
    built, stats = {}, None
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        for version in MARKETS:
            bundle = build(version, stats, pathlib.Path(scratch) / f"v{version}", say)
            stats = bundle.stats
            folder = out / f"v{version}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            bundle_writer.write(folder, bundle)
            built[folder] = bundle
            say(f"sim v{version}: {scores.summary(bundle.metrics['up_1'])}")
    return built


def build(version: int, stats: scaling.Stats | None, scratch: pathlib.Path, say=print) -> Bundle:
    """One version; `stats` of another version makes both share the schema's hash."""
    bundle = blank(version)
    scratch.mkdir()
    bundle.stats = stats or measure(version, bundle, scratch, say)
    say(f"sim v{version}: rows of {TRAIN + GAP + TEST} steps")
    market = load(version, bundle_writer.draft(scratch / "draft", bundle), scratch)
    learn, test = market.part(0, TRAIN), market.part(TRAIN + GAP, TRAIN + GAP + TEST)
    say(f"sim v{version}: fitting on {len(learn.up)} rows")
    bundle.members = fit(learn.rows.values, learn.up, version)
    say(f"sim v{version}: scoring on {len(test.up)} rows, golden rows")
    bundle.metrics = {"up_1": score(bundle, test, version)}
    made = ready(engine.simulated_rows(GOLDEN_MARKET, scratch / "draft" / "manifest.toml"), scratch / "draft" / "manifest.toml")
    extremes = np.stack([learn.rows.values.min(0), learn.rows.values.max(0)])
    table = golden.rows(made.values, extremes, [bundle.members["xgb"].graph])
    bundle.golden = golden.text(made.names, table, bundle.members)
    fourth = slice(None, None, 4)
    bundle.importance = golden.importance(made.names, test.rows.values[fourth], test.up[fourth], ensemble(bundle), version)
    return bundle


def ensemble(bundle: Bundle):
    """The bundle's value for rows."""
    return lambda rows: bundle_writer.combine(bundle.members, WEIGHTS, "up_1", rows)


def blank(version: int) -> Bundle:
    """What is fixed beforehand."""
    seed, start = MARKETS[version]
    notes = (
        f"market of seed {seed}; scaling parameters and trained range are those of v1's training span; labels are the sign of the "
        "next step's price_change; importance is the AUC lost by the ensemble when a feature is shuffled on held-out rows; "
        "true_auc is that of the simulator's own probability on the held-out rows"
    )
    return Bundle(
        name="sim", version=version, applies_to=["sim_a:*"], trained=(start, text_of(ns_of(start) + TRAIN * STEP_NS)),
        shape=SHAPE, schema_name="sim-26", features=FEATURES,
        outputs={"up_1": {"task": "direction", "horizon": 1, "unit": "probability"}},
        members={"lr": Member(b"", {"up_1": "p[0]"}, np.asarray), "xgb": Member(b"", {"up_1": "probabilities[1]"}, np.asarray)},
        ensemble={"mix": "logit", "quorum": 0.60, "weights": WEIGHTS}, policy=POLICY,
        provenance=bundle_writer.provenance("models/train.py sim", "texts dropped", notes),
    )  # fmt: skip


def arguments(version: int) -> list[object]:
    """The market of a version, for `simulate`."""
    seed, start = MARKETS[version]
    return ["--steps", TRAIN + GAP + TEST, "--seed", seed, "--start", start]


def measure(version: int, bundle: Bundle, scratch: pathlib.Path, say) -> scaling.Stats:
    """Stats of the training span alone."""
    until = ns_of(MARKETS[version][1]) + TRAIN * STEP_NS
    span = arguments(version)
    span[1] = TRAIN
    say(f"sim v{version}: stats of the training span")
    before = scaling.schema_file(scratch, "cut", SHAPE, scaling.cut(FEATURES))
    rows = ready(engine.simulated_rows(span, before), before)
    bundle.stats = scaling.Stats.before_scaling(rows.names, rows.values)
    drafted = bundle_writer.draft(scratch / "first", bundle)
    scaled = ready(engine.simulated_rows(span, drafted), drafted)
    if max(rows.time_ns.max(), scaled.time_ns.max()) > until:
        raise ValueError("stats saw rows from after the training span")
    return bundle.stats.with_range(scaled.values)


def load(version: int, schema: pathlib.Path, scratch: pathlib.Path) -> Market:
    """Ready rows with their outcome: the sign of price_change one row later in the same track."""
    rows = engine.simulated_rows(arguments(version), schema)
    moves = scaling.schema_file(scratch, "move", SHAPE, [{"op": "price_change"}])
    moved = engine.simulated_rows(arguments(version), moves, scaled=False)
    truth = read_truth(version, scratch)
    if (rows.time_ns != moved.time_ns).any() or (rows.track != moved.track).any():
        raise ValueError("two runs of one market gave other steps")
    usable = (rows.position() >= engine.schema_facts(schema)["ready"]) & rows.valid
    up, follows, known = np.zeros(len(usable), bool), np.zeros(len(usable), bool), np.full(len(usable), np.nan)
    for name in np.unique(rows.track):
        own = np.flatnonzero(rows.track == name)
        up[own[:-1]] = moved.column("price_change")[own[1:]] > 0.0
        follows[own[:-1]] = np.diff(rows.time_ns[own]) == STEP_NS
        known[own] = [truth[name, time] for time in rows.time_ns[own].tolist()]
    chosen = usable & follows
    # Ordered by time, so that a block of the bootstrap holds all pairs.
    order = np.flatnonzero(chosen)[np.argsort(rows.time_ns[chosen], kind="stable")]
    return Market(rows.take(order), up[order], known[order], ns_of(MARKETS[version][1]))


def read_truth(version: int, scratch: pathlib.Path) -> dict[tuple[str, int], float]:
    """The true probability by stream and close."""
    path = scratch / "truth.csv"
    engine.call("simulate", *arguments(version), "--quiet", "--truth", path)
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(",") for line in file.readlines()[1:]]
    return {(stream, int(time)): float(p) for time, stream, p in lines}


def fit(x: np.ndarray, up: np.ndarray, seed: int) -> dict[str, Member]:
    """A linear model, which is what the planted edge is, and boosted trees, which find out per pair."""
    linear = LogisticRegression(C=0.1, max_iter=1000).fit(x.astype(np.float64), up)
    boosted = xgboost.XGBClassifier(
        n_estimators=150, max_depth=3, learning_rate=0.1, min_child_weight=100, subsample=0.8, colsample_bytree=0.8,
        reg_lambda=5.0, random_state=seed, n_jobs=1, tree_method="hist",
    ).fit(x, up.astype(int))  # fmt: skip
    return {
        "lr": Member(
            export.export_logistic_outputs(linear.coef_, linear.intercept_),
            {"up_1": "p[0]"},
            lambda rows: linear.predict_proba(rows.astype(np.float64))[:, 1:],
        ),
        "xgb": Member(
            export.export_xgboost(boosted, x.shape[1]),
            {"up_1": "probabilities[1]"},
            lambda rows: boosted.predict_proba(rows)[:, 1:].astype(np.float64),
        ),
    }


def score(bundle: Bundle, test: Market, seed: int) -> dict:
    """Held-out figures of the ensemble; the AUC of each member and of the truth beside them."""
    rows, times = test.rows.values, test.rows.time_ns
    more = {f"auc_{name}": member.predict(rows)[:, 0] for name, member in bundle.members.items()} | {"true_auc": test.truth}
    span = [Raw(text_of(times[0])), Raw(text_of(times[-1]))]
    return {"span": span} | scores.metrics(times, ensemble(bundle)(rows), test.up, MINUTE_NS, seed, more)

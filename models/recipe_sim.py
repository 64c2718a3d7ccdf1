"""Recipe of the bundle `sim`: next-step direction in the market simulator, whose true probability is known.

Two versions with one schema, one stats.csv and hence one hash, trained on markets of other seeds and times, so that v2 can be
published on v1's slot. v1 reads the newest row: a linear model and boosted trees. v2 adds an LSTM and a CNN, which read the
window and so find the part of the edge that lies in the sequence: one pair answers the leader's return of four steps ago.
All three pairs train one model, so every feature is free of price units. The markets start before 2024-01-01, where
`foretick demo` starts, so that a demo is out of sample.

Members are fitted on the first `TRAIN` steps of a market, weighted by the next `TUNE` and scored on the last `TEST`, each a
minute after the part before.
"""

import pathlib
import tempfile

import numpy as np
import xgboost
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import blend
import bundle_writer
import engine
import export
import golden
import scaling
import scores
import sim_market
from bundle_writer import Bundle, Member
from clock import MINUTE_NS, ns_of, text_of
from engine import ready
from sim_market import STEP_NS, Market
from toml_text import Raw

TRAIN, TUNE, TEST = 120_000, 30_000, 40_000
GAP = 600
TUNE_FROM = TRAIN + GAP
TEST_FROM = TUNE_FROM + TUNE + GAP
STEPS = TEST_FROM + TEST
# A market's path depends on its seed alone, so these are seeds that nobody gives to a demo by chance.
MARKETS = {1: (20_231_201, "2023-12-01T00:00:00Z"), 2: (20_231_215, "2023-12-15T00:00:00Z")}
GOLDEN_MARKET = ["--steps", 4_000, "--seed", 20_231_101, "--start", "2023-11-01T00:00:00Z"]
GOLDEN_FOLLOWING = 200
LIBRARIES = {1: bundle_writer.LIBRARIES, 2: ("torch", *bundle_writer.LIBRARIES)}
REPAIRS = {1: "texts dropped", 2: "texts dropped, initial states of zeros and what computes them left out"}
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


def train(out: pathlib.Path, say=print, networks: dict[str, Member] | None = None) -> dict[pathlib.Path, Bundle]:
    """Trains and writes v1 and v2 below `out`; answers them by folder. v2 takes `networks` as they are when given."""
    built, stats = {}, None
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        for version in MARKETS:
            bundle = build(version, stats, pathlib.Path(scratch) / f"v{version}", say, networks)
            stats = bundle.stats
            folder = out / f"v{version}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            bundle_writer.write(folder, bundle)
            built[folder] = bundle
            say(f"sim v{version}: {scores.summary(bundle.metrics['up_1'])}")
    return built


def build(version: int, stats: scaling.Stats | None, scratch: pathlib.Path, say, networks: dict[str, Member] | None) -> Bundle:
    """One version; `stats` of another version makes both share the schema's hash."""
    bundle = blank(version)
    scratch.mkdir()
    bundle.stats = stats or measure(version, bundle, scratch, say)
    say(f"sim v{version}: rows of {STEPS} steps")
    drafted = bundle_writer.draft(scratch / "draft", bundle)
    market = sim_market.load(arguments(version), SHAPE, drafted, scratch)
    learn, tune, test = market.part(0, TRAIN), market.part(TUNE_FROM, TUNE_FROM + TUNE), market.part(TEST_FROM, STEPS)
    say(f"sim v{version}: fitting on {len(learn.up)} windows")
    bundle.members = members(version, learn, say, networks)
    bundle.ensemble["weights"] = weigh(bundle.members, tune)
    say(f"sim v{version}: weights {bundle.ensemble['weights']}; scoring on {len(test.up)} windows")
    bundle.metrics = {"up_1": score(bundle, test, version)}
    say(f"sim v{version}: golden rows, importance")
    newest = learn.windows.newest()
    extremes = np.stack([newest.min(0), newest.max(0)])
    made = golden_rows(drafted)
    table = golden.rows(made.values, extremes, [bundle.members["xgb"].graph], GOLDEN_FOLLOWING)
    bundle.golden = golden.text(made.names, table, bundle.members, SHAPE["window"]["rows"])
    few = test.take(slice(None, None, 24))
    bundle.importance = golden.importance(made.names, few.windows, few.up, ensemble(bundle), version)
    return bundle


def ensemble(bundle: Bundle):
    """The bundle's value for windows."""
    return lambda windows: bundle_writer.combine(bundle.members, bundle.ensemble["weights"], "up_1", windows)


def blank(version: int) -> Bundle:
    """What is fixed beforehand; the first two members stand for all until they are fitted."""
    seed, start = MARKETS[version]
    notes = (
        f"market of seed {seed}; scaling parameters and trained range are those of v1's training span; labels are the sign of the "
        "next step's price_change; weights are those of least loss on a later part of the trained span than the members were fitted "
        "on; importance is the AUC lost by the ensemble when a feature is shuffled on held-out windows; true_auc is that of the "
        f"simulator's own probability on the held-out steps; echo_* are the same figures for {sim_market.ECHO_TRACK} alone, whose next "
        "move also answers the leader's return of four steps ago"
    )
    return Bundle(
        name="sim", version=version, applies_to=["sim_a:*"], trained=(start, text_of(ns_of(start) + (TUNE_FROM + TUNE) * STEP_NS)),
        shape=SHAPE, schema_name="sim-26", features=FEATURES,
        outputs={"up_1": {"task": "direction", "horizon": 1, "unit": "probability"}},
        members={"lr": Member(b"", {"up_1": "p[0]"}, np.asarray), "xgb": Member(b"", {"up_1": "probabilities[1]"}, np.asarray)},
        ensemble={"mix": "logit", "quorum": 0.60, "weights": {"lr": 0.5, "xgb": 0.5}}, policy=POLICY,
        provenance=bundle_writer.provenance("models/train.py sim", REPAIRS[version], notes, LIBRARIES[version]),
    )  # fmt: skip


def arguments(version: int) -> list[object]:
    """The market of a version, for `simulate`."""
    seed, start = MARKETS[version]
    return ["--steps", STEPS, "--seed", seed, "--start", start]


def golden_rows(schema: pathlib.Path) -> engine.Rows:
    """Rows of one pair, so that neighbours follow each other."""
    rows = ready(engine.simulated_rows(GOLDEN_MARKET, schema), schema)
    return rows.take(rows.track == sim_market.ECHO_TRACK)


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


def members(version: int, learn: Market, say, networks: dict[str, Member] | None) -> dict[str, Member]:
    """Members that read the newest row, and for v2 those that read the window."""
    fitted = fit(learn.windows.newest(), learn.up, version)
    if version == 1:
        return fitted
    if networks is None:
        # Only here is PyTorch needed.
        import sim_nets

        networks = sim_nets.fit(learn.windows, learn.up, version, say)
    return fitted | networks


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


def weigh(fitted: dict[str, Member], tune: Market) -> dict[str, float]:
    """Weights of the members on windows that none of them was fitted on."""
    logits = bundle_writer.logits(fitted, "up_1", tune.windows)
    return blend.best_weights(list(fitted), {"up_1": logits}, tune.up[:, None])


def score(bundle: Bundle, test: Market, seed: int) -> dict:
    """Held-out figures of the ensemble; the AUC of each member and of the truth beside them, and all AUCs where the echo is."""
    logits = bundle_writer.logits(bundle.members, "up_1", test.windows)
    p = blend.sigmoid(blend.mixed(logits, bundle.ensemble["weights"]))
    ranked = {f"auc_{name}": logit for name, logit in logits.items()} | {"true_auc": test.truth}

    def figures(part: np.ndarray) -> dict:
        more = {name: one[part] for name, one in ranked.items()}
        return scores.metrics(test.time_ns[part], p[part], test.up[part], MINUTE_NS, seed, more)

    span = [Raw(text_of(test.time_ns[0])), Raw(text_of(test.time_ns[-1]))]
    echo = {f"echo_{name}": figure for name, figure in figures(test.has_echo()).items() if "auc" in name}
    return {"span": span} | figures(np.full(len(p), True)) | echo

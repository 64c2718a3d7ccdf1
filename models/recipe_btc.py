"""Recipe of the bundle `btc-1m`: direction of BTCUSDT over 5 to 30 minutes, from one-minute candles.

Four members: a logistic regression and an LSTM (2 x 64 over 60 minutes) for every horizon, a forest and boosted trees for 15
minutes. Expect next to nothing: candles of one market hardly tell its direction, so all members are regularised hard and the
metrics are given as they are. What is chosen by looking at predictions is chosen on the last 20 % of the training span
(btc_candles.py, blend.py), never on the held-out span. Needs PyTorch (models/requirements-torch.txt).
"""

import pathlib
import tempfile

import numpy as np
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import blend
import btc_candles as candles
import bundle_writer
import engine
import export
import golden
import scores
from btc_candles import HORIZONS, OUTPUTS, SHAPE, TEST_FROM, TRAINED, WINDOW, Labelled
from bundle_writer import Bundle, Member
from clock import ns_of

TREES = {"up_15": "probabilities[1]"}
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
SIZES, DROPOUT = (64, 64), 0.3
NOTES = (
    "recorded candles of Binance USDT-margined BTCUSDT; labels: close h minutes later above the close; metrics are the engine's own "
    "replay of the held-out span, auc_NAME that of a member alone, intervals by moving-block bootstrap with blocks of 120 minutes and "
    "1000 resamples: all are near chance, up_5 below it, up_15 and up_30 a little above, by no margin that would pay for a trade; "
    "phase thresholds are the 80 % quantiles of the training span; weights, weights by phase, calibration, buy_at and sell_at are "
    "chosen on the last 20 % of the training span, predicted by members fitted on the first 80 %, and the LSTM stops on the last 20 % "
    "of those 80 %; all members are then fitted on the whole training span, the LSTM for as many epochs; calibration is Platt's with "
    "a prior (slope 1 +- 0.5, offset 0 +- 0.1), since the 95 % interval of the slope without one (platt_slope) holds 0; importance is "
    "the AUC of up_15 lost by the ensemble when a feature is shuffled on each eighth held-out window"
)


def train(out: pathlib.Path, recorded: pathlib.Path, seed: int = 7, say=print) -> dict[pathlib.Path, Bundle]:
    """Trains and writes v1 below `out`; answers it by its folder."""
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        bundle = build(recorded, seed, pathlib.Path(scratch), say)
        return candles.finish(out / "v1", bundle, recorded, seed, pathlib.Path(scratch), say)


def build(recorded: pathlib.Path, seed: int, scratch: pathlib.Path, say) -> Bundle:
    """The bundle without its metrics."""
    bundle = blank(seed)
    say("rows and stats of the training span")
    drafted, rows, unscaled = candles.scaled(bundle, recorded, scratch)
    whole = candles.labelled(rows, candles.closes(recorded))
    learn, test = whole.part(0, ns_of(TRAINED[1])), whole.part(ns_of(TEST_FROM))
    bundle.ensemble |= {"phase": phase_thresholds(candles.within(unscaled, ns_of(TRAINED[1])))}
    market = lambda part: phases(unscaled, bundle.ensemble["phase"], part.time_ns)  # noqa: E731
    epochs = choose(bundle, learn, market, seed, say)
    say(f"fitting on {len(learn)} windows")
    bundle.members = classical(learn, seed) | network(learn, seed, epochs, say)
    say(f"golden rows, importance on each eighth of {len(test)} windows")
    made = candles.golden_rows(drafted, scratch)
    extremes = np.stack([learn.windows.newest().min(0), learn.windows.newest().max(0)])
    table = golden.rows(made.values, extremes, [bundle.members["rf"].graph, bundle.members["xgb"].graph], 2 * WINDOW)
    bundle.golden = golden.text(made.names, table, bundle.members, WINDOW)
    eighth = test.take(slice(None, None, 8))
    weights = blend.by_row(bundle.ensemble, market(eighth))
    value = lambda x: bundle_writer.combine(bundle.members, weights, "up_15", x)  # noqa: E731
    bundle.importance = golden.importance(made.names, eighth.windows, eighth.up[:, HORIZONS.index(15)], value, seed)
    return bundle


def blank(seed: int) -> Bundle:
    """What is fixed beforehand."""
    repairs = (
        "missing-value directions of forests written back, texts and hit rates dropped, initial states of zeros and what computes "
        "them left out of the LSTM"
    )
    return Bundle(
        name="btc-1m", version=1, applies_to=["binance_usdm:BTCUSDT"], trained=TRAINED, shape=SHAPE, schema_name="btc-1m-19",
        features=FEATURES, outputs=candles.blank_outputs(),
        members={"lr": Member(b"", candles.gives(), np.asarray)},
        ensemble={"mix": "logit", "quorum": 0.60, "weights": {"lr": 1.0}},
        policy=candles.POLICY,
        provenance=bundle_writer.provenance(
            f"models/train.py btc-1m --seed {seed}", repairs, NOTES, (*bundle_writer.LIBRARIES, "torch")
        ),
    )  # fmt: skip


def phase_thresholds(unscaled: engine.Rows) -> dict[str, float]:
    """80 % quantiles of what the phase is read from."""
    volatility, trend = volatility_and_trend(unscaled)
    return {"volatile_above": short(np.quantile(volatility, 0.8)), "trending_above": short(np.quantile(trend, 0.8))}


def volatility_and_trend(unscaled: engine.Rows) -> tuple[np.ndarray, np.ndarray]:
    """atr_14 / close and |sma_5 - sma_20| / atr_14; the columns are shares of the close, which cancels in the second."""
    atr = unscaled.column("atr_14").astype(np.float64)
    return atr, np.abs(unscaled.column("sma_5").astype(np.float64) - unscaled.column("sma_20")) / atr


def phases(unscaled: engine.Rows, at: dict[str, float], time_ns: np.ndarray) -> np.ndarray:
    """The market's phase at each time, as the engine reads it."""
    volatility, trend = volatility_and_trend(unscaled.take(np.isin(unscaled.time_ns, time_ns)))
    return np.where(volatility >= at["volatile_above"], "volatile", np.where(trend >= at["trending_above"], "trending", "ranging"))


def short(number: float) -> float:
    """Three digits."""
    return float(f"{number:.3g}")


def choose(bundle: Bundle, learn: Labelled, market, seed: int, say) -> int:
    """Sets weights, calibration and thresholds by the last 20 % of the training span; answers for how many epochs to train."""
    early, late = learn.split()
    say(f"choosing on {len(late)} windows, by members fitted on {len(early)}")
    epochs = stopped(early, seed, say)
    members = classical(early, seed) | network(early, seed, epochs, say)
    logits = {output: bundle_writer.logits(members, output, late.windows) for output in OUTPUTS}
    phase, names = market(late), list(members)
    weights = blend.best_weights(names, logits, late.up)
    bundle.ensemble |= {"weights": weights} | blend.phase_weights(names, logits, late.up, phase, weights)
    rows = blend.by_row(bundle.ensemble, phase)
    mixed = {output: blend.mixed(given, rows) for output, given in logits.items()}
    bundle.calibration = {name: blend.platt(one, up, h) for (name, one), up, h in zip(mixed.items(), late.up.T, HORIZONS)}
    bundle.policy |= candles.thresholds(blend.calibrated(mixed["up_15"], bundle.calibration["up_15"]))
    slopes = [scores.platt_slope(late.time_ns, blend.sigmoid(one), up, candles.BLOCK_NS, seed) for one, up in zip(mixed.values(), late.up.T)]
    bundle.provenance |= {"platt_slope": dict(zip(OUTPUTS, slopes)), "lstm_epochs": epochs}
    say(f"weights {bundle.ensemble}, calibration {bundle.calibration}")
    return epochs


def classical(learn: Labelled, seed: int) -> dict[str, Member]:
    """A logistic regression a horizon, a forest and boosted trees for up_15: shrunk, with large leaves."""
    x, up_15 = learn.windows.newest(), learn.up[:, HORIZONS.index(15)].astype(int)
    wide = x.astype(np.float64)
    linear = [LogisticRegression(C=1e-3, max_iter=1000).fit(wide, learn.up[:, column]) for column in range(len(HORIZONS))]
    forest = RandomForestClassifier(n_estimators=100, max_depth=8, min_samples_leaf=300, random_state=seed, n_jobs=1).fit(x, up_15)
    boosted = xgboost.XGBClassifier(
        n_estimators=60, max_depth=2, learning_rate=0.03, min_child_weight=200, subsample=0.5, colsample_bytree=0.5,
        reg_lambda=50.0, random_state=seed, n_jobs=1, tree_method="hist",
    ).fit(x, up_15)  # fmt: skip
    graph = export.export_logistic_outputs([one.coef_[0] for one in linear], [one.intercept_[0] for one in linear])
    each = lambda rows: np.column_stack([one.predict_proba(rows.astype(np.float64))[:, 1] for one in linear])  # noqa: E731
    return {
        "lr": Member(graph, candles.gives(), each),
        "rf": Member(export.export_sklearn(forest, x.shape[1]), TREES, lambda rows: forest.predict_proba(rows)[:, 1:]),
        "xgb": Member(
            export.export_xgboost(boosted, x.shape[1]), TREES, lambda rows: boosted.predict_proba(rows)[:, 1:].astype(np.float64)
        ),
    }


def stopped(early: Labelled, seed: int, say) -> int:
    """After how many epochs the LSTM stops getting better on windows that it has not seen."""
    learn, stop = early.split()
    return candles.fit_lstm(learn, SIZES, (), DROPOUT, seed, 20, say, stop).epochs


def network(learn: Labelled, seed: int, epochs: int, say) -> dict[str, Member]:
    """The LSTM for every horizon."""
    net = candles.fit_lstm(learn, SIZES, (), DROPOUT, seed, epochs, say)
    return {"lstm": net.member(candles.gives(), WINDOW, learn.windows.rows.shape[1])}

"""Recipe of the bundle `btc-1m-ohlcv`: the same outputs as btc-1m from bare candles, by one LSTM (128/64/32, dense 16) over 60 x 5.

Prices must be free of the price level, which drifts. Open, high and low are fed as shares of the close, so 60 rows hold the whole
path: a candle opens about where the last one closed. As a share of itself the close would be 1; it is fed as how far it stands
from its own mean over the last four hours, in deviations, which also tells what happened before the window. Volume likewise.
Expect next to nothing, as from btc-1m. Needs PyTorch (models/requirements-torch.txt).
"""

import pathlib
import tempfile

import numpy as np
from threadpoolctl import threadpool_limits

import blend
import btc_candles as candles
import bundle_writer
import golden
import scores
from btc_candles import HORIZONS, OUTPUTS, SHAPE, TEST_FROM, TRAINED, WINDOW, Labelled
from bundle_writer import Bundle, Member
from clock import ns_of

FEATURES = [
    {"op": ["open", "high", "low"], "scale": ["relative", "zscore"]},
    {"op": ["close", "volume"], "scale": ["rolling_zscore(240)"]},
]
SIZES, DENSE, DROPOUT = (128, 64, 32), (16,), 0.3
LIBRARIES = ("torch", "scikit-learn", "onnx", "numpy")
NOTES = (
    "recorded candles of Binance USDT-margined BTCUSDT; labels: close h minutes later above the close; metrics are the engine's own "
    "replay of the held-out span, intervals by moving-block bootstrap with blocks of 120 minutes and 1000 resamples: no output can be "
    "told from chance by a margin that would pay for a trade; calibration, buy_at and sell_at are chosen on the last 20 % of the "
    "training span, predicted by a network trained on the first 80 %, which stops on the last 20 % of those; the shipped network is "
    "trained on the whole training span for as many epochs; calibration is Platt's with a prior (slope 1 +- 0.5, offset 0 +- 0.1), "
    "platt_slope is the slope without one; importance is the AUC of up_15 lost when a feature is shuffled on each eighth held-out window"
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
    drafted, rows, _ = candles.scaled(bundle, recorded, scratch)
    whole = candles.labelled(rows, candles.closes(recorded))
    learn, test = whole.part(0, ns_of(TRAINED[1])), whole.part(ns_of(TEST_FROM))
    epochs = choose(bundle, learn, seed, say)
    say(f"fitting on {len(learn)} windows")
    bundle.members = network(learn, seed, epochs, say)
    say(f"golden rows, importance on each eighth of {len(test)} windows")
    made = candles.golden_rows(drafted, scratch)
    extremes = np.stack([learn.windows.newest().min(0), learn.windows.newest().max(0)])
    bundle.golden = golden.text(made.names, golden.rows(made.values, extremes, [], 4 * WINDOW), bundle.members, WINDOW)
    eighth = test.take(slice(None, None, 8))
    value = lambda x: bundle_writer.combine(bundle.members, {"lstm": 1.0}, "up_15", x)  # noqa: E731
    bundle.importance = golden.importance(made.names, eighth.windows, eighth.up[:, HORIZONS.index(15)], value, seed)
    return bundle


def blank(seed: int) -> Bundle:
    """What is fixed beforehand."""
    repairs = "texts dropped, initial states of zeros and what computes them left out"
    return Bundle(
        name="btc-1m-ohlcv", version=1, applies_to=["binance_usdm:BTCUSDT"], trained=TRAINED, shape=SHAPE, schema_name="btc-1m-ohlcv-5",
        features=FEATURES, outputs=candles.blank_outputs(), members={"lstm": Member(b"", candles.gives(), np.asarray, window=True)},
        ensemble={"mix": "logit", "quorum": 0.60, "weights": {"lstm": 1.0}},
        # Of 5 features, two beyond what training saw are many.
        policy=candles.POLICY | {"max_out_of_range": 1},
        provenance=bundle_writer.provenance(f"models/train.py btc-1m-ohlcv --seed {seed}", repairs, NOTES, LIBRARIES),
    )  # fmt: skip


def choose(bundle: Bundle, learn: Labelled, seed: int, say) -> int:
    """Sets calibration and thresholds by the last 20 % of the training span; answers for how many epochs to train."""
    early, late = learn.split()
    epochs = candles.fit_lstm(early.split()[0], SIZES, DENSE, DROPOUT, seed, 20, say, early.split()[1]).epochs
    say(f"choosing on {len(late)} windows, by {epochs} epochs on {len(early)}")
    members = network(early, seed, epochs, say)
    logits = {output: bundle_writer.logits(members, output, late.windows)["lstm"] for output in OUTPUTS}
    bundle.calibration = {name: blend.platt(one, up, h) for (name, one), up, h in zip(logits.items(), late.up.T, HORIZONS)}
    bundle.policy |= candles.thresholds(blend.calibrated(logits["up_15"], bundle.calibration["up_15"]))
    slopes = [scores.platt_slope(late.time_ns, blend.sigmoid(one), up, candles.BLOCK_NS, seed) for one, up in zip(logits.values(), late.up.T)]
    bundle.provenance |= {"platt_slope": dict(zip(OUTPUTS, slopes)), "lstm_epochs": epochs}
    return epochs


def network(learn: Labelled, seed: int, epochs: int, say) -> dict[str, Member]:
    """The LSTM for every horizon."""
    net = candles.fit_lstm(learn, SIZES, DENSE, DROPOUT, seed, epochs, say)
    return {"lstm": net.member(candles.gives(), WINDOW, learn.windows.rows.shape[1])}

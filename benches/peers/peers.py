"""Times peers that live in Python, one row a call, on the rows of `foretick bench`: writes JSON that `foretick bench --peers` shows
beside its own figures.

    python benches/peers/peers.py target/bench/rows target/bench/models target/bench/peers.json

What is not installed is left out and named in `notes`. `--quick` makes few calls. One thread everywhere; a peer that takes a
compiled model (tl2cgen, lleaves) is given one.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

# Before a library starts threads of its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

# Rows that foretick itself is timed on; those after them were trained on.
ROWS = 2_048
# Steps of a window, by the networks that read one.
WINDOWS = {"lstm": 60, "lstm3": 60, "cnn": 60, "transformer": 60, "transformer_128": 60, "transformer_causal": 60, "stac_lstm_a": 50}
WIDTHS = {"lstm3": 5, "stac_lstm_a": 100, "stac_gbt_a": 60}
NETWORKS = ["lr", "mlp", "rf", "xgb", "lgb", *WINDOWS, "stac_gbt_a"]
BINS_A_DECADE = 20
# Compiled models; removed at the end.
COMPILED = tempfile.TemporaryDirectory(prefix="foretick-peers-")

Call = Callable[[np.ndarray], object]


@dataclass(frozen=True)
class Peer:
    """One library on one model; `make` gives the call that is timed, on an array of one row or window."""

    case: str
    name: str
    package: str
    make: Callable[[], Call]
    # What is not the same as foretick's work.
    differs: str = ""


class Inputs:
    """Rows by width, and the models' files."""

    def __init__(self, rows: Path, models: Path):
        self.folders = (models, rows)
        self.rows_folder = rows

    def file(self, name: str) -> Path:
        """A file of the trained models, else of what foretick has written."""
        found = [folder / name for folder in self.folders if (folder / name).is_file()]
        if not found:
            raise FileNotFoundError(f"{name} is in neither of {', '.join(map(str, self.folders))}")
        return found[0]

    def of(self, case: str) -> list[np.ndarray]:
        """What each call reads."""
        rows = np.load(self.rows_folder / f"rows_{WIDTHS.get(case, 25)}.npy")[:ROWS]
        window = WINDOWS.get(case, 0)
        if window:
            return [np.ascontiguousarray(rows[at : at + window][None]) for at in range(len(rows) - window + 1)]
        return [np.ascontiguousarray(row[None]) for row in rows]


def onnx_runtime(inputs: Inputs, case: str) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(inputs.file(f"{case}.onnx"), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    floats = [output.name for output in session.get_outputs() if output.type == "tensor(float)"]
    return lambda x: session.run(floats, {name: x})


def scikit_learn(inputs: Inputs, case: str) -> Call:
    import joblib

    return joblib.load(inputs.file(f"{case}.joblib")).predict_proba


def xgboost_predict(inputs: Inputs) -> Call:
    import xgboost

    booster = xgboost.Booster({"nthread": 1}, model_file=inputs.file("xgb.json"))
    return booster.inplace_predict


def lightgbm_predict(inputs: Inputs) -> Call:
    import lightgbm

    booster = lightgbm.Booster(model_file=inputs.file("lgb.txt"))
    return lambda x: booster.predict(x, num_threads=1)


def lleaves_predict(inputs: Inputs) -> Call:
    import lleaves

    model = lleaves.Model(model_file=str(inputs.file("lgb.txt")))
    model.compile()
    return lambda x: model.predict(x, n_jobs=1)


def treelite_model(inputs: Inputs, case: str):
    import treelite

    if case == "rf":
        import joblib

        return treelite.sklearn.import_model(joblib.load(inputs.file("rf.joblib")))
    if case == "xgb":
        return treelite.frontend.load_xgboost_model(inputs.file("xgb.json"))
    return treelite.frontend.load_lightgbm_model(inputs.file("lgb.txt"))


def tl2cgen_predict(inputs: Inputs, case: str) -> Call:
    import tl2cgen

    library = Path(COMPILED.name) / f"{case}.so"
    tl2cgen.export_lib(treelite_model(inputs, case), toolchain="gcc", libpath=library, params={"parallel_comp": 8})
    predictor = tl2cgen.Predictor(library, nthread=1)
    return lambda x: predictor.predict(tl2cgen.DMatrix(x, dtype="float32"))


def treelite_predict(inputs: Inputs, case: str) -> Call:
    import treelite

    model = treelite_model(inputs, case)
    return lambda x: treelite.gtil.predict(model, x, nthread=1)


def ta_lib() -> Call:
    """Half of the 25 features as TA-Lib's functions for the newest value give them, from the last 120 steps of a random walk."""
    from talib import stream

    walk = 100.0 + np.cumsum(np.random.default_rng(7).normal(0.0, 0.05, 120 + ROWS))
    steps = iter(range(10**9))

    def features(_: np.ndarray) -> list[object]:
        at = next(steps) % ROWS
        close = walk[at : at + 120]
        high, low = close + 0.05, close - 0.05
        return [
            stream.SMA(close, 5),
            stream.SMA(close, 20),
            stream.STDDEV(close, 20),
            stream.RSI(close, 14),
            stream.MACD(close, 12, 26, 9),
            stream.BBANDS(close, 20),
            stream.STOCH(high, low, close, 14),
            stream.WILLR(high, low, close, 14),
            stream.CCI(high, low, close, 20),
            stream.ATR(high, low, close, 14),
            stream.MOM(close, 10),
            stream.ROC(close, 10),
        ]

    return features


def peers(inputs: Inputs) -> Iterator[Peer]:
    for case in NETWORKS:
        yield Peer(case, "ONNX Runtime, Python", "onnxruntime", lambda case=case: onnx_runtime(inputs, case))
    for case in ("lr", "mlp", "rf"):
        yield Peer(case, "scikit-learn, Python", "scikit-learn", lambda case=case: scikit_learn(inputs, case))
    yield Peer("xgb", "XGBoost, Python", "xgboost-cpu", lambda: xgboost_predict(inputs))
    yield Peer("lgb", "LightGBM, Python", "lightgbm", lambda: lightgbm_predict(inputs))
    yield Peer("lgb", "lleaves, Python", "lleaves", lambda: lleaves_predict(inputs))
    for case in ("rf", "xgb", "lgb"):
        yield Peer(case, "tl2cgen, Python", "tl2cgen", lambda case=case: tl2cgen_predict(inputs, case))
        yield Peer(case, "Treelite, Python", "treelite", lambda case=case: treelite_predict(inputs, case))
    yield Peer("features", "TA-Lib, Python", "TA-Lib", ta_lib, ", 12 functions of its stream interface; foretick computes 25 features and keeps their state")


def durations(call: Call, inputs: list[np.ndarray], calls: int, seconds: float) -> np.ndarray:
    """Durations of single calls, ns: so many, or as many as the time allows."""
    for row in inputs[:20]:
        call(row)
    taken, end = [], perf_counter_ns() + int(seconds * 1e9)
    for number in range(calls):
        row = inputs[number % len(inputs)]
        start = perf_counter_ns()
        call(row)
        now = perf_counter_ns()
        taken.append(now - start)
        if now > end:
            break
    return np.array(taken)


def figures(taken: np.ndarray, empty_ns: int) -> dict[str, object]:
    """The keys of a run of `foretick bench --json`."""
    taken = np.maximum(taken - empty_ns, 1)
    at = lambda quantile: int(np.quantile(taken, quantile, method="higher"))  # noqa: E731
    bins, counts = np.unique(np.floor(np.log10(taken) * BINS_A_DECADE), return_counts=True)
    shares = [[round(float(10 ** ((low + 0.5) / BINS_A_DECADE)), 1), float(count / len(taken))] for low, count in zip(bins, counts)]
    return {
        "p50_ns": at(0.5),
        "p99_ns": at(0.99),
        "p999_ns": at(0.999) if len(taken) >= 20_000 else None,
        "max_ns": int(taken.max()),
        "calls": len(taken),
        "calls_a_second": round(1e9 / float(taken.mean())),
        "shares": shares,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--core", type=int, default=os.cpu_count() - 1)
    parser.add_argument("--only", action="append", help="this case alone; may be repeated")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.core})
    calls, seconds = (500, 1.0) if args.quick else (20_000, 10.0)
    inputs, runs, notes = Inputs(args.rows, args.models), [], {}
    empty_ns = int(np.median(durations(lambda _: None, [np.zeros(1)], 20_000, 5.0)))
    for peer in peers(inputs):
        if args.only and peer.case not in args.only:
            continue
        print(f"{peer.case}: {peer.name}", file=sys.stderr)
        try:
            version = importlib.metadata.version(peer.package)
            taken = durations(peer.make(), inputs.of(peer.case), calls, seconds)
        except Exception as error:  # A peer that cannot run is no reason to time none of the others.
            notes[peer.name] = f"{peer.name}: not timed on {peer.case}: {type(error).__name__}: {error}".splitlines()[0]
            continue
        notes.setdefault(peer.name, f"{peer.name}: {peer.package} {version}{peer.differs}")
        runs.append({"case": peer.case, "condition": "hot", "peer": peer.name, **figures(taken, empty_ns)})
    args.out.write_text(json.dumps({"notes": list(notes.values()), "runs": runs}))


if __name__ == "__main__":
    main()

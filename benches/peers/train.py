"""Trains the benchmark's classical models on its rows: scikit-learn, XGBoost and LightGBM, at the shapes that `foretick bench` times.

    foretick bench --export target/bench/rows
    python benches/peers/train.py target/bench/rows target/bench/models

Each model is kept as ONNX (lr.onnx, ...), which `foretick bench` then takes instead of its seeded one, and in its library's own
form, which peers.py times. What is learnt is whether the price rises in the next step; how well does not matter here.
"""

import sys
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import onnxmltools
import skl2onnx
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as BoostFloats
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

# onnxmltools refuses newer ones for XGBoost.
OPSET = 15
SEED = 7


def main(rows_folder: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.load(rows_folder / "rows_25.npy")
    # Column 0 is price_change: the row after says what came.
    x, y = rows[:-1], (rows[1:, 0] > 0).astype(np.int64)
    sklearn_models(x, y, folder)
    boosted_models(x, y, folder)
    print(f"{len(x)} rows of {x.shape[1]} features; models are in {folder}")


def sklearn_models(x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    """lr, mlp and rf."""
    models = {
        "lr": LogisticRegression(),
        "mlp": MLPClassifier((64, 32), max_iter=20, early_stopping=True, random_state=SEED),
        "rf": RandomForestClassifier(100, max_depth=8, random_state=SEED, n_jobs=1),
    }
    for name, model in models.items():
        model.fit(x, y)
        graph = skl2onnx.convert_sklearn(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], options={"zipmap": False}, target_opset=OPSET)
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
        joblib.dump(model, folder / f"{name}.joblib")


def boosted_models(x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    """xgb and lgb."""
    types = [("X", BoostFloats([None, x.shape[1]]))]
    xgb = xgboost.XGBClassifier(n_estimators=200, max_depth=6, learning_rate=0.05, n_jobs=1, random_state=SEED).fit(x, y)
    xgb.get_booster().save_model(folder / "xgb.json")
    graph = onnxmltools.convert_xgboost(xgb, initial_types=types, target_opset=OPSET)
    (folder / "xgb.onnx").write_bytes(graph.SerializeToString())

    lgb = lightgbm.LGBMClassifier(n_estimators=200, num_leaves=31, learning_rate=0.05, n_jobs=1, random_state=SEED, verbose=-1).fit(x, y)
    lgb.booster_.save_model(folder / "lgb.txt")
    graph = onnxmltools.convert_lightgbm(lgb, initial_types=types, target_opset=OPSET, zipmap=False)
    (folder / "lgb.onnx").write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))

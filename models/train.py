"""Trains the shipped bundles and writes them beside this file.

    python -m venv .venv && .venv/bin/pip install -r models/requirements-torch.txt
    cargo build --release
    .venv/bin/python models/train.py sim                                   # models/sim/v1 and v2
    FORETICK_DATA=... .venv/bin/python models/train.py btc-1m --seed 7     # models/btc-1m/v1
    FORETICK_DATA=... .venv/bin/python models/train.py btc-1m-ohlcv        # models/btc-1m-ohlcv/v1

Features come from foretick itself (FORETICK names the command, else target/release/foretick), so a model is trained on the
very rows that it will see. `sim` needs no data; the others read candles/binance_usdm_1m_2023/BTCUSDT.csv.gz below
FORETICK_DATA. The same libraries, seed, command and kind of processor give the same bytes; `models/check.py` says whether they
do.
"""

import argparse
import importlib.util
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
RECIPES = ("sim", "btc-1m", "btc-1m-ohlcv")


def main() -> int:
    """Trains one recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--seed", type=int, default=7, help="seed of btc-1m and btc-1m-ohlcv; the markets of sim have their own")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the versions, instead of models/RECIPE")
    args = parser.parse_args()
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    for folder in run(args.recipe, args.out or HERE / args.recipe, args.seed, say):
        size = sum(file.stat().st_size for file in folder.iterdir())
        say(f"{folder.parent.name}/{folder.name}: {size} bytes")
    return 0


def run(recipe: str, out: pathlib.Path, seed: int, say, networks: dict | None = None) -> dict:
    """The bundles of a recipe by their folders; `sim` takes `networks` as they are when given, and needs no PyTorch then."""
    # One thread: sums in another order would give other bytes.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if networks is None and not has_torch():
        raise SystemExit(f"{recipe} needs PyTorch: pip install -r models/requirements-torch.txt")
    if recipe == "sim":
        import recipe_sim

        return recipe_sim.train(out, say, networks)
    if recipe == "btc-1m":
        import recipe_btc as chosen
    else:
        import recipe_ohlcv as chosen
    return chosen.train(out, recorded(), seed, say)


def has_torch() -> bool:
    """Networks can be trained here."""
    return importlib.util.find_spec("torch") is not None


def recorded() -> pathlib.Path:
    """The candles of btc-1m and btc-1m-ohlcv."""
    data = os.environ.get("FORETICK_DATA")
    if not data:
        raise SystemExit("btc-1m and btc-1m-ohlcv need FORETICK_DATA, the folder of the recorded data")
    return pathlib.Path(data) / "candles" / "binance_usdm_1m_2023" / "BTCUSDT.csv.gz"


if __name__ == "__main__":
    sys.exit(main())

"""Runs `foretick replay --rows` on recorded files and compares every step with the reference.

Needs FORETICK_DATA (the folder of recorded data) and FORETICK (the command). FORETICK_FULL=1 takes every
file of candles and books; without it a few of each kind. Exits 1 where engine and reference differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

QUICK = [
    ("candles/binance_usdm_1m_2023/BTCUSDT.csv.gz", None, None),
    ("candles/binance_usdm_1m_2023/USDCUSDT.csv.gz", None, None),
    ("candles/binance_spot_1m_takerflow_2025/BTCUSDT.csv.gz", None, None),
    ("candles/binance_spot_triangles_1m_2021/ADABTC.csv.gz", None, None),
    ("bars/coinbase_1m_2018/BTCUSD_trade.csv.gz", None, None),
    ("trades/binance_spot_XRPETH_2019.csv.gz", 1000, None),
    ("l2/20240809", 100, None),
    ("l2/20240809", 1000, None),
    ("l2/20230405", 10, "binance_spot:BTCUSDT"),
    ("l2/20230405", 100, "binance_usdm:BTCUSDT"),
]


def cases(data: Path) -> list[tuple[str, int | None, str | None]]:
    """What to compare: input, step in ms (None by bar), one stream only."""
    if not os.environ.get("FORETICK_FULL"):
        return QUICK
    candles = sorted(path.relative_to(data).as_posix() for path in (data / "candles").glob("*/*.csv.gz"))
    books = [(folder, step, None) for folder in ("l2/20230405", "l2/20240809") for step in (10, 100, 250, 1000)]
    return [(path, None, None) for path in candles] + books + QUICK[4:6]


def check(command: str, data: Path, case: tuple[str, int | None, str | None], rows: Path) -> bool:
    """One replay and one comparison; True where they agree."""
    path, step_ms, stream = case
    step = ["--step-ms", str(step_ms)] if step_ms else []
    replay = [command, "replay", "--quiet", "--strict", "--rows", str(rows), *step, *(["--only", stream] if stream else []), str(data / path)]
    done = subprocess.run(replay, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"FAILED {path}: {done.stderr.strip()}")
        return False
    compare = [sys.executable, str(HERE / "compare.py"), str(rows), str(data / path), *step, *(["--stream", stream] if stream else [])]
    done = subprocess.run(compare, capture_output=True, text=True)
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    with rows.open() as lines:
        count = sum(1 for _ in lines) - 1
    print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {path} step {step_ms or 'bar'} {stream or ''}: {count} steps, {last.strip()}", flush=True)
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n")
    return done.returncode == 0


def main() -> int:
    """Compares all cases."""
    folder = os.environ.get("FORETICK_DATA")
    if not folder:
        print("skipped: FORETICK_DATA is not set, so no recorded data is compared")
        return 0
    command = os.environ.get("FORETICK", "target/debug/foretick")
    with tempfile.TemporaryDirectory() as temporary:
        rows = Path(temporary) / "rows.csv"
        results = [check(command, Path(folder), case, rows) for case in cases(Path(folder))]
    print(f"{sum(results)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

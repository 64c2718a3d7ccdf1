"""The foretick command: what computes features, hashes schemas and runs bundles for the recipes.

No feature is computed in Python. The command is the file named by the environment variable FORETICK, else
target/release/foretick of this repository.
"""

import csv
import json
import os
import pathlib
import subprocess
import tempfile
from dataclasses import dataclass

import numpy as np

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


class Refused(Exception):
    """The command failed; the text is what it said."""


def command() -> str:
    """Path of the command."""
    path = pathlib.Path(os.environ.get("FORETICK", REPOSITORY / "target" / "release" / "foretick"))
    if not path.is_file():
        raise Refused(f"{path.name} is not built: cargo build --release, or name it in FORETICK")
    return str(path)


def call(*args: object) -> dict:
    """Runs a command with --json and gives its answer."""
    done = subprocess.run([command(), "--json", *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    return json.loads(done.stdout.splitlines()[-1])


@dataclass
class Rows:
    """Rows of features: one a track and step, in the order of time."""

    names: list[str]
    track: np.ndarray
    time_ns: np.ndarray
    values: np.ndarray
    valid: np.ndarray

    def take(self, chosen: np.ndarray) -> "Rows":
        """The chosen rows."""
        return Rows(self.names, self.track[chosen], self.time_ns[chosen], self.values[chosen], self.valid[chosen])

    def column(self, name: str) -> np.ndarray:
        """Values of one feature."""
        return self.values[:, self.names.index(name)]

    def position(self) -> np.ndarray:
        """How many rows of the same track stand before each row."""
        position = np.empty(len(self.track), np.int64)
        for name in np.unique(self.track):
            own = self.track == name
            position[own] = np.arange(own.sum())
        return position


def read_rows(path: pathlib.Path, dtype: type = np.float32) -> Rows:
    """Reads a CSV of `--rows`; float32 for scaled rows, float64 for others."""
    with open(path, encoding="utf-8") as file:
        header = file.readline().rstrip("\n").split(",")
    first = header.index("time_ns") + 1
    names = header[first:-1]
    if len(names) > 63:
        raise Refused(f"{len(names)} features: their mask is no longer one number")
    values = np.loadtxt(path, delimiter=",", skiprows=1, usecols=range(first, len(header) - 1), ndmin=2).astype(dtype)
    whole = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(first - 1, len(header) - 1), dtype=np.int64, ndmin=2)
    if first == 2:
        track = np.loadtxt(path, delimiter=",", skiprows=1, usecols=0, dtype="U31", ndmin=1)
    else:
        track = np.full(len(values), "")
    return Rows(names, track, whole[:, 0], values, whole[:, 1] == (1 << len(names)) - 1)


def simulated_rows(market: list[object], schema: pathlib.Path, scaled: bool = True) -> Rows:
    """Rows of a simulated market; `market` holds --steps, --seed and --start."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "rows.csv"
        answer = call("simulate", *market, "--quiet", "--schema", schema, "--rows", out, *(["--scaled"] if scaled else []))
        return whole(answer, read_rows(out, np.float32 if scaled else np.float64))


def replayed_rows(recorded: pathlib.Path, schema: pathlib.Path, *more: object) -> Rows:
    """Scaled rows of a recorded file."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "rows.csv"
        answer = call("replay", recorded, "--quiet", "--strict", "--schema", schema, "--rows", out, "--scaled", *more)
        return whole(answer, read_rows(out))


def whole(answer: dict, rows: Rows) -> Rows:
    """The rows, if nothing was skipped and no state restarted on the way: labels look ahead by counting rows."""
    if answer["skipped"] or answer["restarts"] or answer["missing_bars"]:
        raise Refused(f"the input has holes, which the recipes do not expect: {answer}")
    return rows


def schema_facts(schema: pathlib.Path) -> dict:
    """Hash of a schema, the step from which it is ready, its features."""
    return call("features", "--schema", schema)


def ready(rows: Rows, schema: pathlib.Path) -> Rows:
    """Rows from where the schema is ready and nothing is missing."""
    return rows.take((rows.position() >= schema_facts(schema)["ready"]) & rows.valid)


def replay(bundle: pathlib.Path, recorded: pathlib.Path) -> tuple[dict[str, np.ndarray], Rows]:
    """What a bundle says of a recorded file, by column and step (NaN where it says nothing), and the scaled rows behind it."""
    with tempfile.TemporaryDirectory() as folder:
        out, rows = pathlib.Path(folder) / "predictions.csv", pathlib.Path(folder) / "rows.csv"
        call("replay", recorded, "--quiet", "--strict", "--bundle", bundle, "--out", out, "--rows", rows, "--scaled")
        with open(out, encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        texts = ("track", "action", "reasons")
        columns = {name: np.array([number(line[name]) for line in lines]) for name in lines[0] if name not in texts}
        columns["action"] = np.array([line["action"] for line in lines])
        columns["time_ns"] = np.array([int(line["time_ns"]) for line in lines])
        return columns, read_rows(rows)


def number(cell: str) -> float:
    """A cell; NaN where it is empty."""
    return float(cell) if cell else np.nan

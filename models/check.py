"""Checks the shipped bundles against their recipes: `make models-check`.

    FORETICK_DATA=... .venv/bin/python models/check.py [sim] [btc-1m]

Each recipe is run anew into a temporary folder, and the answer says whether that gives the shipped bytes. Then every held-out
step is computed twice and compared within each member's own tolerance: by the engine from the shipped graphs, and by the
training library from the retrained members, on the engine's scaled rows of the same run. For `btc-1m` the engine replays the
recorded candles. No recording of the simulated market exists, so for `sim` its held-out rows stand in for the golden rows of
a copy of the bundle, which the engine verifies when it opens it. Exit code 1 on a breach; other bytes alone are no breach.
"""

import argparse
import filecmp
import os
import pathlib
import shutil
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass

import numpy as np

import train

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = "{:<14} {:<12} {:>9} {:>12} {:>12}  {}"


@dataclass
class Line:
    """A line of the table."""

    bundle: str
    value: str
    steps: int
    share: float
    breaches: int
    note: str = ""


def main() -> int:
    """Checks the asked bundles, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", metavar="BUNDLE", help="sim, btc-1m; without any: both")
    asked = parser.parse_args().bundles or ["sim", "btc-1m"]
    if unknown := set(asked) - {"sim", "btc-1m"}:
        parser.error(f"no recipe for {', '.join(sorted(unknown))}")
    lines, began = [], time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        if "sim" in asked:
            lines += check_sim(pathlib.Path(scratch), say)
        if "btc-1m" in asked and "FORETICK_DATA" not in os.environ:
            print("btc-1m: skipped, FORETICK_DATA names no recorded data")
        elif "btc-1m" in asked:
            lines += check_btc(pathlib.Path(scratch), say)
    print(COLUMNS.format("bundle", "value", "steps", "worst share", "breaches", ""))
    for line in lines:
        print(COLUMNS.format(line.bundle, line.value, line.steps, f"{line.share:.4f}", line.breaches, line.note))
    return 1 if any(line.breaches or line.steps == 0 for line in lines) else 0


def bytes_note(again: pathlib.Path, shipped: pathlib.Path) -> str:
    """Which files differ from the shipped ones."""
    names = sorted({file.name for folder in (again, shipped) for file in folder.iterdir()})
    _, differ, missing = filecmp.cmpfiles(again, shipped, names, shallow=False)
    return "retrained: " + ("byte-identical" if not differ + missing else "other bytes in " + ", ".join(differ + missing))


def settings(folder: pathlib.Path) -> dict:
    """The shipped manifest."""
    return tomllib.loads((folder / "manifest.toml").read_text())


def check_sim(scratch: pathlib.Path, say) -> list[Line]:
    """Both versions, on the held-out steps of their own markets."""
    import engine
    import golden
    import recipe_sim as recipe

    lines = []
    for again, bundle in train.run("sim", scratch / "sim", 7, say).items():
        shipped = HERE / "sim" / again.name
        held_out = recipe.ns_of(recipe.MARKETS[bundle.version][1]) + (recipe.TRAIN + recipe.GAP) * recipe.STEP_NS
        manifest = shipped / "manifest.toml"
        rows = engine.ready(engine.simulated_rows(recipe.arguments(bundle.version), manifest), manifest)
        rows = rows.take(rows.time_ns > held_out)
        say(f"sim {again.name}: {len(rows.values)} held-out rows through the engine")
        text = golden.text(rows.names, rows.values, bundle.members)
        lines += verified(scratch / f"copy-{again.name}", shipped, text, len(rows.values), bytes_note(again, shipped))
    return lines


def verified(copy: pathlib.Path, shipped: pathlib.Path, golden_text: str, count: int, note: str) -> list[Line]:
    """Has the engine verify a copy of a bundle with other golden rows."""
    import bundle_writer
    import engine

    keys = settings(shipped)
    shutil.copytree(shipped, copy)
    (copy / "golden.csv").write_text(golden_text)
    manifest = (copy / "manifest.toml").read_text()
    manifest = manifest.replace(keys["golden"]["sha256"], bundle_writer.sha256(golden_text.encode()))
    (copy / "manifest.toml").write_text(manifest.replace(f"\nrows = {keys['golden']['rows']}\n", f"\nrows = {count}\n"))
    title = f"{keys['name']} v{keys['version']}"
    try:
        members = engine.call("inspect", copy)["members"]
    except engine.Refused as refused:
        return [Line(title, "all", count, np.inf, 1, f"{note}; {refused}")]
    outputs = {name: "+".join(member["gives"]) for name, member in keys["models"].items()}
    return [
        Line(title, f"{one['name']}.{outputs[one['name']]}", one["golden_checked"], one["golden_worst_share"], 0, note)
        for one in members
    ]


def check_btc(scratch: pathlib.Path, say) -> list[Line]:
    """The engine's replay of the recorded candles against the training libraries."""
    import engine
    import recipe_btc as recipe

    ((again, bundle),) = train.run("btc-1m", scratch / "btc-1m", 7, say).items()
    shipped = HERE / "btc-1m" / again.name
    say("btc-1m: replaying the recorded candles")
    said, rows = engine.replay(shipped, train.recorded())
    tested = rows.time_ns >= recipe.ns_of(recipe.TEST_FROM)
    table, times = rows.values[tested], rows.time_ns[tested]
    ours = said["time_ns"] >= recipe.ns_of(recipe.TEST_FROM)
    if not np.array_equal(said["time_ns"][ours], times):
        return [Line("btc-1m v1", "steps", int(ours.sum()), np.inf, 1, "predictions and rows have other steps")]
    lines = []
    for name, keys in settings(shipped)["models"].items():
        theirs = bundle.members[name].predict(table)
        for column, output in enumerate(bundle.members[name].gives):
            share = np.abs(said[f"{name}.{output}"][ours] - theirs[:, column]) / (
                keys["abs"] + keys["rel"] * np.abs(theirs[:, column])
            )
            # A step where the engine gave nothing compares as false and is a breach too.
            breaches = int((~(share <= 1.0)).sum())
            lines.append(
                Line("btc-1m v1", f"{name}.{output}", len(share), float(share.max()), breaches, bytes_note(again, shipped))
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())

"""Checks the shipped bundles against their recipes: `make models-check`.

    FORETICK_DATA=... .venv/bin/python models/check.py [sim] [btc-1m] [btc-1m-ohlcv]

Each recipe is run anew into a temporary folder, and the answer says whether that gives the shipped bytes. Then every held-out
step is computed twice and compared within each member's own tolerance: by the engine from the shipped graphs, and by the
training library from the retrained members, on the engine's scaled rows of the same run. For `btc-1m` and `btc-1m-ohlcv` the
engine replays the recorded candles. No recording of the simulated market exists, so for `sim` its held-out rows stand in for the
golden rows of a copy of the bundle, which the engine verifies when it opens it. Without PyTorch networks are not retrained:
ONNX Runtime answers for them, from the shipped graph. Exit code 1 on a breach; other bytes alone are no breach.
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
from threadpoolctl import threadpool_limits

import train

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS = "{:<16} {:<12} {:>9} {:>12} {:>12}  {}"


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
    parser.add_argument("bundles", nargs="*", metavar="BUNDLE", help=", ".join(train.RECIPES) + "; without any: all")
    asked = parser.parse_args().bundles or train.RECIPES
    if unknown := set(asked) - set(train.RECIPES):
        parser.error(f"no recipe for {', '.join(sorted(unknown))}")
    lines, began = [], time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        if "sim" in asked:
            lines += check_sim(pathlib.Path(scratch), say)
        for name in [name for name in asked if name != "sim"]:
            if "FORETICK_DATA" in os.environ:
                lines += check_btc(name, pathlib.Path(scratch), say)
            else:
                print(f"{name}: skipped, FORETICK_DATA names no recorded data")
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

    kept = None if train.has_torch() else onnx_members(HERE / "sim" / "v2")
    lines = []
    for again, bundle in train.run("sim", scratch / "sim", 7, say, kept).items():
        shipped = HERE / "sim" / again.name
        held_out = recipe.ns_of(recipe.MARKETS[bundle.version][1]) + recipe.TEST_FROM * recipe.STEP_NS
        manifest = shipped / "manifest.toml"
        rows = engine.ready(engine.simulated_rows(recipe.arguments(bundle.version), manifest), manifest)
        rows = rows.take(rows.time_ns > held_out)
        # Windows are cut from the rows as they stand: one pair after the other.
        rows = rows.take(np.argsort(rows.track, kind="stable"))
        say(f"sim {again.name}: {len(rows.values)} held-out rows through the engine")
        members, notes = comparable(bundle.members, again, shipped)
        text = golden.text(rows.names, rows.values, members, recipe.SHAPE["window"]["rows"])
        lines += verified(scratch / f"copy-{again.name}", shipped, text, len(rows.values), notes)
    return lines


def verified(copy: pathlib.Path, shipped: pathlib.Path, golden_text: str, count: int, notes: dict[str, str]) -> list[Line]:
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
        return [Line(title, "all", count, np.inf, 1, str(refused))]
    outputs = {name: "+".join(member["gives"]) for name, member in keys["models"].items()}
    return [
        Line(title, f"{one['name']}.{outputs[one['name']]}", one["golden_checked"], one["golden_worst_share"], 0, notes[one["name"]])
        for one in members
    ]


def check_btc(name: str, scratch: pathlib.Path, say) -> list[Line]:
    """The engine's replay of the recorded candles against the training libraries."""
    import btc_candles as candles
    import engine
    import windows

    shipped = HERE / name / "v1"
    say(f"{name}: replaying the recorded candles")
    said, rows = engine.replay(shipped, train.recorded())
    rows = engine.ready(rows, shipped / "manifest.toml")
    found, numbers = windows.whole(rows, candles.WINDOW, candles.MINUTE_NS)
    times = rows.time_ns[numbers]
    tested, ours = times >= candles.ns_of(candles.TEST_FROM), said["time_ns"] >= candles.ns_of(candles.TEST_FROM)
    if not np.array_equal(said["time_ns"][ours], times[tested]):
        return [Line(f"{name} v1", "steps", int(ours.sum()), np.inf, 1, "predictions and rows have other steps")]
    members, notes = retrained(name, scratch, rows, shipped, say)
    lines = []
    for member, keys in settings(shipped)["models"].items():
        theirs = members[member].answer(found.take(tested))
        for column, output in enumerate(members[member].gives):
            share = np.abs(said[f"{member}.{output}"][ours] - theirs[:, column]) / (
                keys["abs"] + keys["rel"] * np.abs(theirs[:, column])
            )
            # A step where the engine gave nothing compares as false and is a breach too.
            breaches = int((~(share <= 1.0)).sum())
            lines.append(Line(f"{name} v1", f"{member}.{output}", len(share), float(share.max()), breaches, notes[member]))
    return lines


def retrained(name: str, scratch: pathlib.Path, rows, shipped: pathlib.Path, say) -> tuple[dict, dict[str, str]]:
    """The members as the recipe fits them, and what is said of each."""
    if not train.has_torch():
        return without_torch(name, onnx_members(shipped), rows, say)
    ((again, bundle),) = train.run(name, scratch / name, 7, say).items()
    return comparable(bundle.members, again, shipped)


def comparable(members: dict, again: pathlib.Path, shipped: pathlib.Path) -> tuple[dict, dict[str, str]]:
    """The members of a bundle that was made again, as the shipped ones can be compared with them, and what is said of each."""
    members, notes = dict(members), dict.fromkeys(members, bytes_note(again, shipped))
    for name, runtime in onnx_members(shipped).items():
        if not train.has_torch():
            notes[name] += "; no PyTorch here: the shipped graph against ONNX Runtime"
        elif members[name].graph == runtime.graph:
            notes[name] += "; against PyTorch"
        else:
            # Another processor may train to other weights, and those say nothing of the shipped ones.
            notes[name] += "; against ONNX Runtime, as PyTorch trained other weights here"
            members[name] = runtime
    return members, notes


def without_torch(name: str, networks: dict, rows, say) -> tuple[dict, dict[str, str]]:
    """The members that other libraries fit, and ONNX Runtime's answers for the networks."""
    notes = dict.fromkeys(networks, "no PyTorch here: against ONNX Runtime")
    if name != "btc-1m":
        return networks, notes
    import btc_candles as candles
    import recipe_btc

    say(f"{name}: fitting all but the network")
    learn = candles.labelled(rows, candles.closes(train.recorded())).part(0, candles.ns_of(candles.TRAINED[1]))
    with threadpool_limits(1):
        members = recipe_btc.classical(learn, 7)
    return members | networks, dict.fromkeys(members, "refitted; no PyTorch here to retrain the bundle") | notes


def onnx_members(shipped: pathlib.Path) -> dict:
    """The shipped networks, with ONNX Runtime's answers."""
    specs = settings(shipped)["models"]
    return {name: onnx_member(shipped, keys) for name, keys in specs.items() if keys["input"] == "window"}


def onnx_member(shipped: pathlib.Path, keys: dict):
    """A member whose answers are those of ONNX Runtime with the shipped graph."""
    import onnxruntime
    from bundle_writer import Member

    graph = (shipped / keys["file"]).read_bytes()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    columns = [int(place.rsplit("[", 1)[1][:-1]) for place in keys["gives"].values()]
    (tensor,) = {place.rsplit("[", 1)[0] for place in keys["gives"].values()}
    ask = lambda part: session.run([tensor], {session.get_inputs()[0].name: part.values()})[0][:, columns]  # noqa: E731
    answers = lambda found: np.concatenate([ask(part) for part in found.parts()]).astype(np.float64)  # noqa: E731
    return Member(graph, keys["gives"], answers, abs=keys["abs"], rel=keys["rel"], window=True)


if __name__ == "__main__":
    sys.exit(main())

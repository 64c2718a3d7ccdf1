"""From fitted members to a bundle's folder: files, hashes, manifest. The same members give the same bytes."""

import hashlib
import importlib.metadata
import pathlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import engine
import toml_text
from scaling import Stats
from toml_text import Raw
from windows import Windows

NO_HASH = "0" * 64
MOST_BYTES = 4 << 20
LIBRARIES = ("scikit-learn", "xgboost-cpu", "onnx", "skl2onnx", "onnxmltools", "numpy")


@dataclass
class Member:
    """A model: its graph, and the training library's own answer for scaled rows or windows, a column a given output."""

    graph: bytes
    gives: dict[str, str]
    predict: Callable[[np.ndarray], np.ndarray] | Callable[[Windows], np.ndarray]
    abs: float = 1e-6
    rel: float = 1e-5
    window: bool = False

    def answer(self, table: np.ndarray | Windows) -> np.ndarray:
        """Its answer; a member that reads rows takes the newest of each window."""
        if isinstance(table, Windows) and not self.window:
            return self.predict(table.newest())
        return self.predict(table)


@dataclass
class Bundle:
    """All that a manifest says."""

    name: str
    version: int
    applies_to: list[str]
    trained: tuple[str, str]
    shape: dict
    schema_name: str
    features: list[dict]
    outputs: dict[str, dict]
    members: dict[str, Member]
    ensemble: dict
    policy: dict
    calibration: dict[str, dict] = field(default_factory=dict)
    stats: Stats | None = None
    golden: str = ""
    importance: str = ""
    metrics: dict[str, dict] = field(default_factory=dict)
    provenance: dict = field(default_factory=dict)


def manifest(bundle: Bundle, schema_hash: str = NO_HASH) -> str:
    """The text of manifest.toml; hashes are those of the bundle's own parts."""
    shape, text = bundle.shape, toml_text.table
    top = {"format": 1, "name": bundle.name, "version": bundle.version, "applies_to": bundle.applies_to, "roles": shape["roles"]}
    top |= {"trained_from": Raw(bundle.trained[0]), "trained_until": Raw(bundle.trained[1]), "max_age": "none"}
    stats = {"file": "stats.csv", "sha256": sha256(bundle.stats.text().encode())}
    schema = {"name": bundle.schema_name, "hash": f"sha256:{schema_hash}", "stats": stats, "missing": shape["missing"]}
    members = {name: member_keys(name, member) for name, member in bundle.members.items()}
    golden = {"file": "golden.csv", "sha256": sha256(bundle.golden.encode()), "rows": max(bundle.golden.count("\n") - 1, 1)}
    parts = [text("", top), text("sampler", shape["sampler"]), text("window", shape["window"])]
    parts += [text("schema", schema | {"features": bundle.features}, "features"), text("outputs", bundle.outputs)]
    parts += [text("models", members), text("ensemble", bundle.ensemble)]
    parts += [text("calibration", bundle.calibration)] if bundle.calibration else []
    parts += [text("policy", bundle.policy), text("golden", golden)]
    parts += [text(f"metrics.{output}", figures) for output, figures in bundle.metrics.items()]
    return "\n".join(parts + [text("provenance", bundle.provenance)])


def member_keys(name: str, member: Member) -> dict:
    """A member's line in the manifest."""
    keys = {"file": f"{name}.onnx", "sha256": sha256(member.graph), "input": "window" if member.window else "row"}
    keys |= {"state": "none"} if member.window else {}
    keys |= {"form": "probability", "gives": member.gives, "abs": member.abs, "rel": member.rel, "backend": "default"}
    # Only a foreign backend may need to be stopped.
    return keys | ({"deadline_us": 2_000} if member.window else {})


def sha256(content: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def draft(folder: pathlib.Path, bundle: Bundle) -> pathlib.Path:
    """A manifest with its stats and nothing else: enough for the engine to scale rows and to hash the schema."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stats.csv").write_text(bundle.stats.text())
    path = folder / "manifest.toml"
    path.write_text(manifest(bundle))
    return path


def write(folder: pathlib.Path, bundle: Bundle) -> dict:
    """Writes the folder under another name, has the engine verify it, and gives it its name; answers what `inspect` says."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    schema_hash = engine.schema_facts(draft(part, bundle))["hash"]
    files = {f"{name}.onnx": member.graph for name, member in bundle.members.items()}
    files |= {"golden.csv": bundle.golden.encode(), "importance.csv": bundle.importance.encode()}
    files["manifest.toml"] = manifest(bundle, schema_hash).encode()
    for name, content in files.items():
        (part / name).write_bytes(content)
    size = sum(file.stat().st_size for file in part.iterdir())
    if size > MOST_BYTES:
        raise ValueError(f"{folder.name}: {size} bytes, a shipped bundle has at most {MOST_BYTES}")
    description = engine.call("inspect", part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return description


def provenance(recipe: str, repairs: str, notes: str, libraries: tuple[str, ...] = LIBRARIES) -> dict:
    """How the bundle came about; `repairs` says what models/export.py changed in the exporters' graphs."""
    libraries = {name: version(name) for name in libraries}
    repairs = f"exported by models/export.py: {repairs}"
    return {"recipe": recipe, "libraries": libraries, "exporters": repairs, "importance": "importance.csv", "notes": notes}


def version(library: str) -> str:
    """A library's version, without a build's name; "none" where it is not installed."""
    try:
        return importlib.metadata.version(library).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return "none"


def logits(members: dict[str, Member], output: str, table: np.ndarray | Windows) -> dict[str, np.ndarray]:
    """Each member's logit for an output, clipped to +-16 as the engine does."""
    found = {}
    for name, member in members.items():
        if output in member.gives:
            p = member.answer(table)[:, list(member.gives).index(output)]
            with np.errstate(divide="ignore"):
                found[name] = np.clip(np.log(p) - np.log1p(-p), -16.0, 16.0)
    return found


def combine(members: dict[str, Member], weights: dict[str, float], output: str, table: np.ndarray | Windows) -> np.ndarray:
    """The ensemble with mix = "logit" for one output, to choose thresholds and to score the recipes."""
    given = logits(members, output, table)
    score = sum(weights[name] * one for name, one in given.items()) / sum(weights[name] for name in given)
    return 1.0 / (1.0 + np.exp(-score))

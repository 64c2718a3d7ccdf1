"""Scaling parameters and trained range of a schema, from the engine's own rows of the training span.

`mean`, `std`, `min` and `max` describe a feature before its first `zscore` or `minmax` (a feature without one: as it is
fed to the models), `low` and `high` are its 0.1 % and 99.9 % quantiles as fed.
"""

import pathlib
from dataclasses import dataclass

import numpy as np

import toml_text

COLUMNS = ("mean", "std", "min", "max", "low", "high")


@dataclass
class Stats:
    """One line a feature, in the order of the schema."""

    names: list[str]
    table: np.ndarray

    @classmethod
    def before_scaling(cls, names: list[str], values: np.ndarray) -> "Stats":
        """From rows of the cut schema; the trained range is not known yet."""
        wide = values.astype(np.float64)
        parts = [wide.mean(0), wide.std(0), wide.min(0), wide.max(0), np.zeros(len(names)), np.zeros(len(names))]
        return cls(names, np.column_stack(parts))

    def with_range(self, scaled: np.ndarray) -> "Stats":
        """The same with the trained range of scaled rows."""
        low, high = np.quantile(scaled.astype(np.float64), [0.001, 0.999], axis=0)
        return Stats(self.names, np.column_stack([self.table[:, :4], low, high]))

    def text(self) -> str:
        """The text of stats.csv."""
        lines = [",".join(("name",) + COLUMNS)]
        for name, numbers in zip(self.names, self.table):
            lines.append(",".join([name] + [repr(float(number)) for number in numbers]))
        return "\n".join(lines) + "\n"


def cut(features: list[dict]) -> list[dict]:
    """The features with their scales cut before the first that needs stats."""
    short = []
    for feature in features:
        scales = feature.get("scale", [])
        needing = [at for at, scale in enumerate(scales) if scale in ("zscore", "minmax")]
        short.append(feature | {"scale": scales[: needing[0]] if needing else scales})
    return short


def schema_file(folder: pathlib.Path, name: str, shape: dict, features: list[dict]) -> pathlib.Path:
    """Writes a schema file: `shape` holds roles, sampler and window of a bundle."""
    text = toml_text.table("", {"roles": shape["roles"]})
    text += toml_text.table("sampler", shape["sampler"]) + toml_text.table("window", shape["window"])
    text += toml_text.table("schema", {"missing": shape["missing"], "features": features}, "features")
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path

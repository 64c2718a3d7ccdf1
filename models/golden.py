"""Golden rows of a bundle, and what each feature is worth to it.

Rows are made by the simulator through the bundle's schema: first some that follow each other, if a member reads windows, then
rows from everywhere; then, for trees, each k-th threshold of the graph and its two float32 neighbours; then the extremes of the
training span. No recorded row is among them. What is expected is what the training library itself says (networks in float64,
the others in their own precision); the graph only tells where its thresholds are. A member that reads windows is asked from the
first row on that ends one.
"""

import numpy as np
import onnx

from windows import Windows, of_table

ROWS = 512
THRESHOLDS = 60


def thresholds(graph: bytes) -> list[tuple[int, np.float32]]:
    """Feature and value of every split of a graph of trees, sorted, each once."""
    found = set()
    for node in onnx.load_from_string(graph).graph.node:
        attrs = {attr.name: attr for attr in node.attribute}
        if "nodes_modes" in attrs:
            splits = zip(attrs["nodes_featureids"].ints, attrs["nodes_values"].floats, attrs["nodes_modes"].strings)
            found.update((feature, np.float32(value)) for feature, value, mode in splits if mode != b"LEAF")
    return sorted(found)


def spread(count: int, most: int) -> np.ndarray:
    """Up to `most` places, spread over `count`."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)) if count else np.array([], int)


def rows(simulated: np.ndarray, extremes: np.ndarray, graphs: list[bytes], following: int = 0) -> np.ndarray:
    """ROWS rows; `extremes` holds the least and greatest scaled value of each feature in training, the first `following` rows
    follow each other."""
    splits = [split for graph in graphs for split in picked(thresholds(graph), THRESHOLDS // max(len(graphs), 1))]
    replaced = [(feature, near) for feature, value in splits for near in neighbours(value)]
    replaced += [(feature, value) for value_row in extremes for feature, value in enumerate(value_row)]
    plain = ROWS - len(replaced) - len(extremes)
    if plain < following:
        raise ValueError(f"{plain} golden rows are plain, {following} must follow each other")
    table = np.vstack([simulated[:following], simulated[following:][spread(len(simulated) - following, plain - following)]])
    bases = simulated[spread(len(simulated) - 1, len(replaced)) + 1].copy()
    for row, (feature, value) in zip(bases, replaced):
        row[feature] = value
    whole = np.vstack([table, bases, extremes]).astype(np.float32)
    if len(whole) != ROWS or not np.isfinite(whole).all():
        raise ValueError(f"{len(whole)} golden rows instead of {ROWS}: the simulator gave too few")
    return whole


def picked(splits: list, most: int) -> list:
    """Each k-th split."""
    return [splits[at] for at in spread(len(splits), most)]


def neighbours(value: np.float32) -> tuple[np.float32, ...]:
    """A value between its float32 neighbours."""
    return np.nextafter(value, np.float32(-np.inf)), value, np.nextafter(value, np.float32(np.inf))


def text(names: list[str], table: np.ndarray, members: dict, size: int = 1) -> str:
    """The text of golden.csv; `size` is the window of the members that read one."""
    columns = [f"{name}.{output}" for name, member in members.items() for output in member.gives]
    answers = np.column_stack([expected(member, table, size) for member in members.values()])
    lines = [",".join(names + columns)]
    for row, answer in zip(table, answers):
        lines.append(",".join([str(cell) for cell in row] + ["" if np.isnan(cell) else repr(float(cell)) for cell in answer]))
    return "\n".join(lines) + "\n"


def expected(member, table: np.ndarray, size: int) -> np.ndarray:
    """A member's answer for each row of the table; NaN, which is not checked, where a window would begin before the table."""
    if not member.window:
        return member.predict(table)
    answers = member.predict(of_table(table, size))
    return np.vstack([np.full((size - 1, answers.shape[1]), np.nan), answers])


def importance(names: list[str], table: np.ndarray | Windows, y: np.ndarray, score, seed: int, repeats: int = 5) -> str:
    """The text of importance.csv: how much AUC is lost when a feature's held-out values are shuffled, whole windows of it at once."""
    from scores import auc

    rng = np.random.default_rng(seed)
    whole = auc(score(table), y)
    lines = ["feature,auc_lost,deviation"]
    for at, name in enumerate(names):
        lost = []
        for _ in range(repeats):
            lost.append(whole - auc(score(shuffled(table, at, rng.permutation(len(table)))), y))
        lines.append(f"{name},{np.mean(lost):.6f},{np.std(lost):.6f}")
    return "\n".join(lines) + "\n"


def shuffled(table: np.ndarray | Windows, feature: int, order: np.ndarray) -> np.ndarray | Windows:
    """The same rows or windows with one feature in another order."""
    if isinstance(table, Windows):
        return table.swap(feature, order)
    table = table.copy()
    table[:, feature] = table[order, feature]
    return table

"""How good probabilities are, with intervals that respect that neighbours in time are alike."""

import numpy as np
from sklearn.linear_model import LogisticRegression

RESAMPLES = 1000


def auc(p: np.ndarray, y: np.ndarray) -> float:
    """Probability that a row that rose scores above one that did not; ties count half."""
    return Ranking(p, y).auc(np.ones(len(y), np.int64))


class Ranking:
    """Rows sorted by score once, so that each resample costs one pass."""

    def __init__(self, p: np.ndarray, y: np.ndarray):
        self.order = np.argsort(p, kind="stable")
        ranked = p[self.order]
        self.starts = np.concatenate([[0], np.flatnonzero(np.diff(ranked)) + 1])
        self.up = y[self.order].astype(bool)

    def auc(self, counts: np.ndarray) -> float:
        """The AUC when row i is there counts[i] times."""
        counts = counts[self.order]
        up = np.add.reduceat(np.where(self.up, counts, 0), self.starts).astype(np.float64)
        down = np.add.reduceat(np.where(self.up, 0, counts), self.starts).astype(np.float64)
        below = np.cumsum(down) - down
        return float((up * (below + 0.5 * down)).sum() / (up.sum() * down.sum()))


def block_counts(time_ns: np.ndarray, block_ns: int, rng: np.random.Generator) -> np.ndarray:
    """One resample of a moving-block bootstrap: how often each row is drawn. Rows are in the order of time."""
    first, last = int(time_ns[0]), int(time_ns[-1])
    draws = -(-(last - first + 1) // block_ns)
    begins = rng.integers(first, max(last - block_ns + 1, first) + 1, draws)
    steps = np.zeros(len(time_ns) + 1, np.int64)
    np.add.at(steps, np.searchsorted(time_ns, begins), 1)
    np.add.at(steps, np.searchsorted(time_ns, begins + block_ns), -1)
    return np.cumsum(steps[:-1])


def metrics(time_ns: np.ndarray, p: np.ndarray, y: np.ndarray, block_ns: int, seed: int, more: dict | None = None) -> dict:
    """base_rate, auc, accuracy and brier, each with its 95 % interval; `more` names further scores whose AUC is asked for."""
    columns = {"base_rate": y.astype(float), "accuracy": ((p > 0.5) == y).astype(float), "brier": (p - y) ** 2}
    rankings = {"auc": Ranking(p, y)} | {name: Ranking(other, y) for name, other in (more or {}).items()}
    ones = np.ones(len(y), np.int64)

    def figures(counts: np.ndarray) -> dict:
        means = {name: float(column @ counts / counts.sum()) for name, column in columns.items()}
        return means | {name: ranking.auc(counts) for name, ranking in rankings.items()}

    rng = np.random.default_rng(seed)
    drawn = [figures(block_counts(time_ns, block_ns, rng)) for _ in range(RESAMPLES)]
    out = {}
    for name, figure in figures(ones).items():
        low, high = np.quantile([one[name] for one in drawn], [0.025, 0.975])
        out[name] = [round(figure, 5), round(float(low), 5), round(float(high), 5)]
    return {name: out[name] for name in ("base_rate", "auc", "accuracy", "brier", *(more or {}))}


def platt_slope(time_ns: np.ndarray, p: np.ndarray, y: np.ndarray, block_ns: int, seed: int) -> list[float]:
    """Slope a of Platt's p' = sigmoid(a logit(p) + b), with its 95 % interval: 1 is calibrated, 0 is no skill, below is worse."""
    logits = (np.log(p) - np.log1p(-p))[:, None]

    def slope(counts: np.ndarray) -> float:
        return float(LogisticRegression(C=np.inf).fit(logits, y, sample_weight=counts).coef_[0, 0])

    rng = np.random.default_rng(seed)
    drawn = [slope(block_counts(time_ns, block_ns, rng)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [round(slope(np.ones(len(y))), 2), round(float(low), 2), round(float(high), 2)]


def summary(figures: dict) -> str:
    """Figures with their intervals, for people."""
    lists = {name: figure for name, figure in figures.items() if name != "span"}
    return ", ".join(f"{name} {value} ({low} to {high})" for name, (value, low, high) in lists.items())

"""What is chosen from the members' answers on rows that they have not seen: weights, weights by market phase, calibration.

All of it is chosen with caution, since answers on a few thousand overlapping outcomes say little: weights are tenths and no
member has less than one, a phase's weights go half the way, and calibration begins at "as it is".
"""

import itertools

import numpy as np

PHASES = ("ranging", "trending", "volatile")
# Steps of a phase on which weights may be chosen.
LEAST_STEPS = 500
# Before the data is asked: slope 1 +- 0.5, offset 0 +- 0.1.
SLOPE, SLOPE_DEVIATION, OFFSET_DEVIATION = 1.0, 0.5, 0.1


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """Probability of a logit."""
    return 1.0 / (1.0 + np.exp(-logit))


def mixed(logits: dict[str, np.ndarray], weights: dict[str, float]) -> np.ndarray:
    """The members' weighted mean logit."""
    return sum(weights[name] * one for name, one in logits.items()) / sum(weights[name] for name in logits)


def log_loss(logit: np.ndarray, up: np.ndarray) -> float:
    """Mean loss in nats."""
    return float(np.mean(np.logaddexp(0.0, logit) - up * logit))


def best_weights(members: list[str], logits: dict[str, dict[str, np.ndarray]], up: np.ndarray) -> dict[str, float]:
    """Tenths with the least log loss, averaged over the outputs; `up` has a column for each output of `logits`."""
    tenths = (split for split in itertools.product(range(1, 11), repeat=len(members)) if sum(split) == 10)

    def loss(split: tuple[int, ...]) -> float:
        weights = dict(zip(members, split))
        return float(np.mean([log_loss(mixed(given, weights), up[:, at]) for at, given in enumerate(logits.values())]))

    return {name: tenth / 10 for name, tenth in zip(members, min(tenths, key=loss))}


def phase_weights(
    members: list[str], logits: dict[str, dict[str, np.ndarray]], up: np.ndarray, phase: np.ndarray, weights: dict[str, float]
) -> dict[str, dict[str, float]]:
    """For each phase with enough steps, half way from `weights` to the best of its steps."""
    chosen = {}
    for name in PHASES:
        steps = phase == name
        if steps.sum() >= LEAST_STEPS:
            own = {output: {member: one[steps] for member, one in given.items()} for output, given in logits.items()}
            best = best_weights(members, own, up[steps])
            chosen[name] = {member: round((weights[member] + best[member]) / 2, 2) for member in members}
    return chosen


def by_row(ensemble: dict, phase: np.ndarray) -> dict[str, np.ndarray]:
    """Each member's weight in each row, as the engine takes it from the market's phase."""
    tables = [ensemble.get(name, ensemble["weights"]) for name in phase]
    return {member: np.array([table[member] for table in tables]) for member in ensemble["weights"]}


def platt(logit: np.ndarray, up: np.ndarray, horizon: int) -> dict:
    """Platt's calibration, as the most likely slope and offset under their prior.

    An outcome over `horizon` steps overlaps its neighbours, so each counts as 1 / horizon. What the data alone would say is in
    scores.platt_slope. A slope that is not above 0 would turn the ensemble round: then there is no calibration.
    """
    prior, precision = np.array([SLOPE, 0.0]), np.array([SLOPE_DEVIATION, OFFSET_DEVIATION]) ** -2.0
    x, found = np.column_stack([logit, np.ones(len(logit))]), prior.copy()
    for _ in range(50):
        p = sigmoid(x @ found)
        gradient = x.T @ (p - up) / horizon + precision * (found - prior)
        curvature = (x * (p * (1.0 - p))[:, None]).T @ x / horizon + np.diag(precision)
        found = found - np.linalg.solve(curvature, gradient)
    a, b = (round(float(one), 3) for one in found)
    return {"method": "platt", "a": a, "b": b} if a > 0.0 else {"method": "none"}


def calibrated(logit: np.ndarray, method: dict) -> np.ndarray:
    """The probability as the engine gives it."""
    return sigmoid(method["a"] * logit + method["b"]) if method["method"] == "platt" else sigmoid(logit)

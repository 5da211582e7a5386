"""Calibration in time: log-odds made probabilities by what came after the rows that were learned from.

How far the log-odds may be spread is learned from days after those that were learned from: the slope of
Platt's (1999) logistic line, below 1 for a model that is too sure of itself. How high they are on
average is that of the last day whose outcome is known: an earlier model's level is not that of the last.
Where later days show no rising risk the slope is 0: everybody gets the overall share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS = 50


def slope_of(pairs: Sequence[tuple[Floats, NDArray[np.bool_]]]) -> float | None:
    """Return the slope from pairs of log-odds and outcomes, one per later day; None without them.

    The mean of the slopes of the days, each weighted by its rows, so that a level that moves from day to
    day is not taken for a spread.
    """
    told = [(odds, y) for odds, y in pairs if 0 < y.sum() < len(y)]
    if not told:
        return None
    slopes = [_line(*_ordered(odds, y))[0] for odds, y in told]
    return max(0.0, float(np.average(slopes, weights=[len(y) for _, y in told])))


def level_of(odds: Floats, y: NDArray[np.bool_], slope: float) -> float:
    """Return the intercept with which the mean probability is the share that churned."""
    odds, targets = _ordered(odds, y)
    share, low, high = float(targets.mean()), -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        if float(apply(slope * odds + middle, None).mean()) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def apply(odds: Floats, line: dict[str, float] | None) -> Floats:
    """Return probabilities; without a line those that the log-odds themselves say."""
    moved = odds if line is None else line["slope"] * odds + line["intercept"]
    result: Floats = 1 / (1 + np.exp(-np.clip(moved, -35, 35)))
    return result


def _ordered(odds: Floats, y: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return log-odds and targets in an order that values decide, so that sums do not depend on names."""
    order = np.lexsort((y, odds))
    return odds[order], _softened(y[order])


def _softened(y: NDArray[np.bool_]) -> Floats:
    """Return Platt's targets: short of 0 and 1 by what a uniform prior would, so that no line is infinite."""
    churned = float(y.sum())
    high, low = (churned + 1) / (churned + 2), 1 / (len(y) - churned + 2)
    return np.where(y, high, low)


def _line(odds: Floats, targets: Floats) -> tuple[float, float]:
    """Return the most likely line by Newton's method with halved steps."""
    centre, scale = float(odds.mean()), float(odds.std()) or 1.0
    x = (odds - centre) / scale
    a, b = 1.0, float(np.log(targets.mean() / (1 - targets.mean())))

    def loss(a: float, b: float) -> float:
        line = a * x + b
        return float((np.logaddexp(0.0, line) - targets * line).sum())

    for _ in range(_STEPS):
        chance = apply(a * x + b, None)
        weight = np.maximum(chance * (1 - chance), 1e-12)
        pull = chance - targets
        gradient = np.array([float(pull @ x), float(pull.sum())])
        cross = float(weight @ x)
        curve = np.array([[float(weight @ (x * x)) + 1e-9, cross], [cross, float(weight.sum()) + 1e-9]])
        step = np.linalg.solve(curve, gradient)
        now, size = loss(a, b), 1.0
        while loss(a - size * step[0], b - size * step[1]) > now and size > 1e-6:
            size /= 2
        a, b = a - size * float(step[0]), b - size * float(step[1])
        if float(np.abs(step).max()) * size < 1e-12:
            break
    return a / scale, b - a * centre / scale

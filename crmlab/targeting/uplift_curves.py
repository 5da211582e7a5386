"""How well a score ranks customers by what contacting them changes: Qini, AUUC, uplift of the top share.

Pure functions on arrays, one element per customer of an experiment: ``outcome`` (0 and 1, or money),
``treated`` (whether contacted) and ``score`` (high first). ``propensity`` is the probability of being
contacted, one number or one per customer; without it, it is the share of those contacted. It weighs
customers, so that experiments with different shares can be looked at together.

The Qini curve is that of Radcliffe (2007, Direct Marketing Analytics Journal 1:14–21): outcomes of the
contacted among the best customers, less those of their controls scaled to as many customers. Here it is
divided by the number of customers, so that its end is the average effect. Customers with equal scores
enter together, so that no order of rows decides. A random order gives the straight line to that end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import polars as pl

from crmlab.errors import DataError
from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

DRAWS = 400
"""Bootstrap samples behind an interval."""
_POINTS = 100
"""Steps of a curve that is shown."""


@dataclass(frozen=True)
class UpliftCurve:
    """How a score does on one experiment.

    ``points``: ``share`` of customers contacted, best first; ``qini``, the gain in the mean outcome of
    everybody with ``low`` and ``high``; ``random``, what a random order gains. ``qini_coefficient`` is the
    area between the two (0 for a random order), ``auuc`` the area below the curve, ``average`` the effect
    on everybody, ``customers`` and ``treated`` how many it rests on. Intervals are 95 %, by bootstrap
    within the arms; they are those of this score, not of learning it anew.
    """

    points: pl.DataFrame
    qini_coefficient: Estimate
    auuc: Estimate
    average: Estimate
    customers: int
    treated: int


def uplift_curve(
    outcome: ArrayLike,
    treated: ArrayLike,
    score: ArrayLike,
    propensity: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> UpliftCurve:
    """Return the Qini curve of a score with its interval; raise DataError where an arm is empty."""
    import numpy as np

    data = _Experiment.of(outcome, treated, score, propensity)
    grid = np.linspace(0, 1, _POINTS + 1)
    curve, total, area = data.curve(data.weights, grid)
    drawn = [data.curve(weights, grid) for weights in data.resampled(draws, seed)]
    curves = np.array([each[0] for each in drawn])
    totals, areas = np.array([each[1] for each in drawn]), np.array([each[2] for each in drawn])
    low, high = np.quantile(curves, (0.025, 0.975), axis=0)
    points = pl.DataFrame({"share": grid, "qini": curve, "low": low, "high": high, "random": grid * total})
    return UpliftCurve(
        points,
        _estimate(area - total / 2, areas - totals / 2),
        _estimate(area, areas),
        _estimate(total, totals),
        len(data.outcome),
        int(data.treated.sum()),
    )


def uplift_at(
    outcome: ArrayLike,
    treated: ArrayLike,
    score: ArrayLike,
    share: float,
    propensity: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """Return the effect on the best ``share`` of customers by score: uplift@k, and its interval.

    The interval is that of the linearised difference of two weighted means (Särndal, Swensson & Wretman
    1992, Model Assisted Survey Sampling, 5.7), for this score, not for learning it anew. Who scores as
    high as the last of them is among them. Raises ValueError unless 0 < ``share`` <= 1; NaN where an arm
    has nobody there.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must be above 0 and at most 1, for example 0.3.")
    data = _Experiment.of(outcome, treated, score, propensity)
    last = int(data.ends[data.ends + 1 >= share * len(data.outcome)][0])
    return data.effect(0, last + 1, confidence)


def uplift_by_bin(
    outcome: ArrayLike,
    treated: ArrayLike,
    score: ArrayLike,
    bins: int = 10,
    propensity: ArrayLike | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Return the effect in bins of customers, the best score first.

    ``bin`` (from 1), ``customers``, ``treated``, ``uplift``, ``low``, ``high`` as of :func:`uplift_at`.
    Customers with equal scores are in one bin, so that there may be fewer bins than asked for.
    """
    import numpy as np

    data = _Experiment.of(outcome, treated, score, propensity)
    n = len(data.outcome)
    wanted = [int(data.ends[data.ends + 1 >= n * place / bins - 1e-9][0]) + 1 for place in range(1, bins + 1)]
    rows: list[tuple[float, ...]] = []
    start = 0
    for end in dict.fromkeys(wanted):
        effect = data.effect(start, end, confidence)
        inside = int(np.count_nonzero(data.treated[start:end]))
        rows.append((len(rows) + 1, end - start, inside, *effect))
        start = end
    schema: dict[str, Any] = {
        **dict.fromkeys(("bin", "customers", "treated"), pl.Int64),
        **dict.fromkeys(("uplift", "low", "high"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True)
class _Experiment:
    """The customers of an experiment, best score first; ``ends`` are the last places of equal scores."""

    outcome: Floats
    treated: NDArray[np.bool_]
    weights: Floats
    ends: NDArray[np.int64]

    @classmethod
    def of(
        cls, outcome: ArrayLike, treated: ArrayLike, score: ArrayLike, propensity: ArrayLike | None
    ) -> _Experiment:
        import numpy as np

        y, rank = np.asarray(outcome, dtype=np.float64), np.asarray(score, dtype=np.float64)
        arm = np.asarray(treated).astype(np.bool_)
        if not len(y) == len(arm) == len(rank):
            raise DataError(
                f"outcome, treated and score have {len(y)}, {len(arm)} and {len(rank)} elements; "
                "give one of each per customer."
            )
        if np.isnan(y).any() or np.isnan(rank).any():
            raise DataError("An outcome or a score is NaN; leave those customers out, and count them.")
        if arm.all() or not arm.any():
            raise DataError("One arm has no customers; uplift needs customers contacted and held out.")
        share = np.broadcast_to(np.asarray(arm.mean() if propensity is None else propensity), y.shape)
        if ((share <= 0) | (share >= 1)).any():
            raise DataError("A propensity is not between 0 and 1; leave out customers who had no chance.")
        # A full order, so that the bootstrap draws the same customers whatever the order of the rows.
        order = np.lexsort((share, y, arm, -rank))
        y, arm, rank, share = y[order], arm[order], rank[order], share[order]
        ends = np.flatnonzero(np.append(rank[1:] != rank[:-1], True))
        return cls(y, arm, np.where(arm, 1 / share, 1 / (1 - share)), ends)

    def curve(self, weights: Floats, grid: Floats) -> tuple[Floats, float, float]:
        """Return the curve at shares of customers, its end, and the area below it."""
        import numpy as np

        on, off = np.where(self.treated, weights, 0.0), np.where(self.treated, 0.0, weights)
        sums = [np.cumsum(each)[self.ends] for each in (on, off, on * self.outcome, off * self.outcome)]
        n_on, n_off, y_on, y_off = sums
        usable = (n_on > 0) & (n_off > 0)
        gain = (y_on - y_off * n_on / np.where(usable, n_off, 1.0)) / (n_on[-1] or 1.0)
        depth = (n_on + n_off) / (n_on[-1] + n_off[-1])
        x, y = np.append(0.0, depth[usable]), np.append(0.0, gain[usable])
        return np.interp(grid, x, y), float(y[-1]), float(np.trapezoid(y, x))

    def effect(self, start: int, end: int, confidence: float) -> Estimate:
        """Return the difference of the weighted means between two places, and its interval."""
        treated = self.treated[start:end]
        if treated.all() or not treated.any():
            return UNKNOWN
        value = variance = 0.0
        for arm, sign in ((treated, 1), (~treated, -1)):
            y, weights = self.outcome[start:end][arm], self.weights[start:end][arm]
            mean = float(weights @ y / weights.sum())
            value += sign * mean
            variance += float((weights * (y - mean)) @ (weights * (y - mean))) / float(weights.sum()) ** 2
        reach = z_value(confidence) * sqrt(variance)
        return Estimate(value, value - reach, value + reach)

    def resampled(self, draws: int, seed: int) -> Iterator[Floats]:
        """Give the weights of customers drawn with replacement within their arms, so many times."""
        import numpy as np

        rng = np.random.default_rng(seed)
        places = [np.flatnonzero(self.treated), np.flatnonzero(~self.treated)]
        for _ in range(draws):
            weights = np.empty_like(self.weights)
            for arm in places:
                times = np.bincount(rng.integers(0, len(arm), len(arm)), minlength=len(arm))
                weights[arm] = times * self.weights[arm]
            yield weights


def _estimate(value: float, drawn: ArrayLike) -> Estimate:
    import numpy as np

    low, high = np.quantile(np.asarray(drawn, dtype=np.float64), (0.025, 0.975))
    return Estimate(float(value), float(low), float(high))

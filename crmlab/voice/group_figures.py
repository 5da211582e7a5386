"""The figures of a group of answers: NPS, CSAT, share of positive texts."""

from __future__ import annotations

from math import erfc, sqrt
from typing import Literal

from crmlab.intervals import wilson
from crmlab.satisfaction import nps_interval
from crmlab.segments.separation import Estimate
from crmlab.view.numbers import percent, signed

Metric = Literal["nps", "csat", "positive"]


def figure(metric: Metric, n: int, good: int, bad: int) -> Estimate:
    """Return the figure of ``n`` answers with its interval: adjusted Wald for NPS, Wilson for shares."""
    if metric == "nps":
        return Estimate(100 * (good - bad) / n, *nps_interval(good, bad, n))
    return Estimate(good / n, *wilson(good, n))


def chance(metric: Metric, own: tuple[int, ...], rest: tuple[int, ...]) -> float:
    """Return how likely two groups differ so by chance: a z-test with the variance of both together."""
    n = own[0] + rest[0]
    good, bad = (own[1] + rest[1]) / n, (own[2] + rest[2]) / n
    if metric == "nps":
        variance = good + bad - (good - bad) ** 2
        apart = (own[1] - own[2]) / own[0] - (rest[1] - rest[2]) / rest[0]
    else:
        variance = good * (1 - good)
        apart = own[1] / own[0] - rest[1] / rest[0]
    spread = sqrt(variance * (1 / own[0] + 1 / rest[0]))
    return erfc(abs(apart) / spread / sqrt(2)) if spread else 1.0


def written(metric: str, value: float) -> str:
    """Write a figure: points of NPS with their sign, else percent."""
    return _points(value, 0) if metric == "nps" else percent(value)


def _points(value: float, decimals: int) -> str:
    """Write points with their sign; what rounds to nothing has none."""
    return signed(value, decimals) if round(value, decimals) else f"{0:.{decimals}f}"


def apart(metric: str, value: float | None) -> str | None:
    """Write a difference in points, of NPS or of percent."""
    return None if value is None else _points(value if metric == "nps" else 100 * value, 1)


def between(metric: str, low: float | None, high: float | None, *, of_difference: bool = False) -> str | None:
    """Write the ends of the interval of a figure, or of a difference; None where there is none."""
    if low is None or high is None:
        return None
    if of_difference:
        return f"{apart(metric, low)} – {apart(metric, high)}"
    return f"{written(metric, low)} – {written(metric, high)}"

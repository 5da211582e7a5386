"""How sure a figure is: intervals for shares, ratios and the Gini coefficient."""

from __future__ import annotations

from math import nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class Interval(NamedTuple):
    """The two ends of an interval; both NaN where nothing was observed."""

    low: float
    high: float


def z_value(confidence: float) -> float:
    """Return how many standard errors a two-sided normal interval of that confidence reaches."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1, for example 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """Return the score interval of a share, both ends within 0–1 (Wilson 1927, JASA 22:209–212).

    Without observations (``n`` = 0) both ends are NaN. Raises ValueError unless
    0 <= ``successes`` <= ``n``.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes among {n} observations: successes must lie between 0 and n.")
    z = z_value(confidence)
    if n == 0:
        return Interval(nan, nan)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # The ends are exactly 0 and 1 there; floating point misses them by a hair.
    low = 0.0 if successes == 0 else centre - reach
    high = 1.0 if successes == n else centre + reach
    return Interval(low, high)


def gini_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of the Gini coefficient of non-negative values, within 0–1.

    The linearised variance of Langel & Tillé (2013, JRSS A 176:521–540, eq. 13) for independent
    observations. Both ends are NaN for fewer than two values, or where they sum to zero.
    """
    import numpy as np

    data = np.sort(np.asarray(values, dtype=np.float64))
    n, total = len(data), float(data.sum())
    if n < 2 or total <= 0:
        return Interval(nan, nan)
    rank = np.arange(1, n + 1)
    below = np.cumsum(data)
    coefficient = float((2 * rank - n - 1) @ data) / (n * total)
    influence = 2 * (rank * data - below) + total - n * data - coefficient * (total + n * data)
    reach = z_value(confidence) * float(np.sqrt(n * influence.var(ddof=1))) / (n * total)
    return Interval(max(0.0, coefficient - reach), min(1.0, coefficient + reach))


def share_of_total(part: ArrayLike, whole: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of sum(``part``) / sum(``whole``), within 0–1, without resampling.

    The linearised variance of a ratio (Cochran 1977, Sampling Techniques, ch. 6), good from a few
    dozen observations on. Both ends are NaN where ``whole`` does not sum to a positive number.
    """
    import numpy as np

    upper, lower = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    total = float(lower.sum())
    if total <= 0:
        return Interval(nan, nan)
    ratio = float(upper.sum()) / total
    reach = z_value(confidence) * float(np.sqrt(np.square(upper - ratio * lower).sum())) / total
    return Interval(max(0.0, ratio - reach), min(1.0, ratio + reach))

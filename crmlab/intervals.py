"""How sure a figure is: intervals for shares, means, and whatever can be computed by resampling."""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_CELLS_AT_ONCE = 2_000_000


class Interval(NamedTuple):
    """The two ends of an interval; both NaN where nothing was observed."""

    low: float
    high: float


def z_value(confidence: float) -> float:
    """Return how many standard errors a two-sided normal interval of that confidence reaches."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; it must lie between 0 and 1, for example 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
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


def bootstrap(
    statistic: Statistic, n: int, *, seed: int = 0, resamples: int = 1000, confidence: float = 0.95
) -> Interval:
    """Return the percentile interval of a statistic over resampled observations (Efron 1979).

    ``statistic`` takes weights of shape (resamples, ``n``), which say how often each of the ``n``
    observations was drawn, and returns one number per row: see :func:`mean_of`, :func:`ratio_of` and
    :func:`gini_of`. Resamples for which it is NaN are left out. The same seed gives the same
    interval. Without observations both ends are NaN.
    """
    import numpy as np

    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; it must be at least 1, usually 1,000.")
    tail = NormalDist().cdf(-z_value(confidence))
    if n == 0:
        return Interval(nan, nan)
    random = np.random.default_rng(seed)
    batch = max(1, min(resamples, _CELLS_AT_ONCE // n))
    found = []
    for begin in range(0, resamples, batch):
        rows = min(batch, resamples - begin)
        drawn = random.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        weights = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        found.append(statistic(weights.astype(np.float64)))
    values = np.concatenate(found)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return Interval(nan, nan)
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def mean_of(values: ArrayLike) -> Statistic:
    """Return the weighted mean of ``values`` as a statistic for :func:`bootstrap`."""
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    return ratio_of(data, np.ones_like(data))


def ratio_of(part: ArrayLike, whole: ArrayLike) -> Statistic:
    """Return sum of ``part`` over sum of ``whole``, for example a segment's share of revenue."""
    import numpy as np

    upper, lower = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _divided(weights @ upper, weights @ lower)

    return statistic


def gini_of(values: ArrayLike) -> Statistic:
    """Return the Gini coefficient of ``values``, from 0 (all equal) to nearly 1 (one has all).

    It is one minus twice the area under the Lorenz curve; NaN where the sum is not positive.
    """
    import numpy as np

    data = np.asarray(values, dtype=np.float64)
    order = np.argsort(data, kind="stable")
    ascending = data[order]

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sorted_weights = weights[:, order]
        held = np.cumsum(sorted_weights * ascending, axis=1)
        before = held - sorted_weights * ascending
        total = np.where(held[:, -1] > 0, held[:, -1], nan)
        area = ((held + before) * sorted_weights).sum(axis=1) / 2
        return 1 - 2 * _divided(area, total * sorted_weights.sum(axis=1))

    return statistic


def _divided(upper: NDArray[Any], lower: NDArray[Any]) -> NDArray[np.float64]:
    import numpy as np

    known = (lower != 0) & ~np.isnan(lower)
    quotient: NDArray[np.float64] = np.divide(upper, lower, out=np.full(len(upper), nan), where=known)
    return quotient


def share_of_total(part: ArrayLike, whole: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of sum(``part``) / sum(``whole``), within 0–1, without resampling.

    The linearised variance of a ratio (Cochran 1977, Sampling Techniques, ch. 6); it agrees with
    the bootstrap of :func:`ratio_of` from a few dozen observations on, at a thousandth of its cost.
    Both ends are NaN where ``whole`` does not sum to a positive number.
    """
    import numpy as np

    upper, lower = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    total = float(lower.sum())
    if total <= 0:
        return Interval(nan, nan)
    ratio = float(upper.sum()) / total
    reach = z_value(confidence) * float(np.sqrt(np.square(upper - ratio * lower).sum())) / total
    return Interval(max(0.0, ratio - reach), min(1.0, ratio + reach))

"""How well a number ranks who will do something before who will not: the area under the ROC curve."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def auc(score: ArrayLike, truth: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the probability that a case of truth ranks above another; equal scores count half.

    The interval is that of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837–845), within 0–1, by
    the midranks of Sun & Xu (2014, IEEE Signal Processing Letters 21:1389–1393). All NaN where either
    side has nobody; without interval where one has a single case.
    """
    import numpy as np

    happened = np.asarray(truth, dtype=bool)
    if happened.all() or not happened.any():
        return UNKNOWN
    value, low, high = _with_interval(*_placements(score, happened), confidence)
    return Estimate(value, max(low, 0.0), min(high, 1.0))  # in this order NaN stays NaN


def auc_difference(
    first: ArrayLike, second: ArrayLike, truth: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """Return the area of the first score minus that of the second on the same cases, as :func:`auc` does."""
    import numpy as np

    happened = np.asarray(truth, dtype=bool)
    if happened.all() or not happened.any():
        return UNKNOWN
    (one, others), (two, rest) = _placements(first, happened), _placements(second, happened)
    return _with_interval(one - two, others - rest, confidence)


def _placements(score: ArrayLike, happened: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return, per case of either side, the share of the other side that is ranked properly against it."""
    import numpy as np
    from scipy.stats import rankdata

    values = np.asarray(score, dtype=np.float64)
    cases, others = values[happened], values[~happened]
    ranks = rankdata(values)
    below = (ranks[happened] - rankdata(cases)) / len(others)
    above = 1 - (ranks[~happened] - rankdata(others)) / len(cases)
    return below, above


def _with_interval(cases: Floats, others: Floats, confidence: float) -> Estimate:
    value = float(cases.mean())
    if len(cases) < 2 or len(others) < 2:
        return Estimate(value, nan, nan)
    variance = float(cases.var(ddof=1)) / len(cases) + float(others.var(ddof=1)) / len(others)
    reach = z_value(confidence) * variance**0.5
    return Estimate(value, value - reach, value + reach)

"""How well a number ranks customers by another: Spearman's correlation, and what the top ones make."""

from __future__ import annotations

from math import atanh, inf, isnan, nan, sqrt, tanh
from typing import TYPE_CHECKING

from crmlab.intervals import z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def spearman(first: ArrayLike, second: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return Spearman's rank correlation and its interval; equal values share their mean rank.

    The interval is Fisher's with the variance of Bonett & Wright (2000, Psychometrika 65:23–28). All NaN
    for fewer than four pairs or where either side is constant.
    """
    import numpy as np
    from scipy.stats import rankdata

    one, other = rankdata(first), rankdata(second)
    n = len(one)
    if n < 4 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return UNKNOWN
    value = float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))
    centre = atanh(value) if abs(value) < 1 else inf * value
    reach = z_value(confidence) * sqrt((1 + value**2 / 2) / (n - 3))
    return Estimate(value, tanh(centre - reach), tanh(centre + reach))


def share_of_top(score: ArrayLike, outcome: ArrayLike, top: float = 0.1) -> float:
    """Return the share of the total ``outcome`` of the ``top`` part of customers by ``score``.

    Customers of one score count as if drawn by lot, so a constant score gives exactly ``top``. NaN where
    there is no outcome.
    """
    import numpy as np

    scores, outcomes = np.asarray(score, dtype=np.float64), np.asarray(outcome, dtype=np.float64)
    total = float(outcomes.sum())
    if not len(scores) or total <= 0:
        return nan
    places = top * len(scores)
    line = np.sort(scores)[::-1][min(int(places), len(scores) - 1)]
    if isnan(line):
        return nan
    above, on = scores > line, scores == line
    left = (places - above.sum()) / on.sum()
    return float(outcomes[above].sum() + left * outcomes[on].sum()) / total

"""How well scores tell the customers who leave from those who stay: measures of ranking, with intervals.

``y`` is 1 for a customer who left and 0 for one who stayed, ``p`` the score (higher: more likely to
leave); both have one value per customer, in the same order. Customers with the same score count in
expectation over every order among them, so that the order of rows changes nothing. Intervals are 95 %
unless ``confidence`` says otherwise. Where nobody or everybody left there is no ranking to judge: every
end is NaN, and :func:`reason` says why. ValueError where the arrays differ in length, ``y`` is not
0 or 1, or ``p`` is not finite.
"""

from __future__ import annotations

from math import ceil, exp, floor, log, nan, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from crmlab.intervals import wilson, z_value
from crmlab.segments.separation import UNKNOWN, Estimate
from crmlab.view.numbers import count
from crmlab.view.texts import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from crmlab.labels import Text

    Array = np.ndarray[Any, np.dtype[Any]]


_ROUNDING = 1e-9
"""A sum of fractions of customers that is this near to a whole number is that number."""
_NOTHING = 1e-15
"""A variance below it is rounding."""


class Ranking(NamedTuple):
    """Who left (``lost``) and who stayed (``stayed``) per distinct score, the highest score first.

    ``place`` says for each customer which of these scores is theirs.
    """

    lost: Array
    stayed: Array
    place: Array


def checked(y: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    """Return outcomes and scores as arrays of float64; ValueError says what is wrong with them."""
    import numpy as np

    outcomes, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if outcomes.ndim != 1 or outcomes.shape != scores.shape:
        raise ValueError(
            f"y has the shape {outcomes.shape} and p {scores.shape}; give one value per customer in each."
        )
    if not ((outcomes == 0) | (outcomes == 1)).all():
        raise ValueError("y must be 1 for a customer who left and 0 for one who stayed; it has other values.")
    if not np.isfinite(scores).all():
        raise ValueError("p has values that are missing or infinite; leave out customers without a score.")
    return outcomes, scores


def probabilities(y: ArrayLike, p: ArrayLike) -> tuple[Array, Array]:
    """Return checked outcomes and scores; ValueError where a score is no probability."""
    outcomes, chances = checked(y, p)
    if ((chances < 0) | (chances > 1)).any():
        raise ValueError("p has values outside 0–1; this measure is for probabilities, not for ranks.")
    return outcomes, chances


def ranking(y: ArrayLike, p: ArrayLike) -> Ranking:
    """Count who left and who stayed per distinct score, the highest first."""
    import numpy as np

    outcomes, scores = checked(y, p)
    distinct, place = np.unique(-scores, return_inverse=True)
    everybody = np.bincount(place, minlength=len(distinct))
    lost = np.bincount(place, weights=outcomes, minlength=len(distinct))
    return Ranking(lost, everybody - lost, place)


def reason(y: ArrayLike) -> Text | None:
    """Say why outcomes allow no measure of ranking: only one kind of customer; None where they do."""
    import numpy as np

    outcomes = np.asarray(y, dtype=np.float64)
    if not len(outcomes):
        return say("churn_metrics_nobody")
    if outcomes.all():
        return say("churn_metrics_all_lost", n=count(len(outcomes)))
    return None if outcomes.any() else say("churn_metrics_none_lost", n=count(len(outcomes)))


def auc(y: ArrayLike, p: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the area under the ROC curve: how often one who left scores above one who stayed.

    The variance is that of DeLong, DeLong & Clarke-Pearson (1988, Biometrics 44:837–845), by ranks as in
    Sun & Xu (2014, IEEE Signal Processing Letters 21:1389–1393); the interval is Student's in the logit,
    with Welch's degrees of freedom: within 0–1, and wide enough where few left. In simulations it held the
    truth in 93–96 % of cases from 12 customers who left on. Where the two kinds do not overlap, or there
    are one or two of a kind, that variance is 0 or unknown, and the score interval of Newcombe (2006,
    Statistics in Medicine 25:559–573, method 5) takes its place.
    """
    ranked = ranking(y, p)
    m, n = float(ranked.lost.sum()), float(ranked.stayed.sum())
    if not m or not n:
        return UNKNOWN
    of_lost, of_stayed = _placements(ranked)
    area = float(ranked.lost @ of_lost) / m
    parts = _variance(of_lost, ranked.lost), _variance(of_stayed, ranked.stayed)
    if min(m, n) < 3 or not 0 < area < 1 or sum(parts) < _NOTHING:
        return Estimate(area, *_newcombe(area, m, n, z_value(confidence)))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (n - 1))
    return _in_logit(area, sqrt(sum(parts)), freedom, confidence)


def auc_difference(y: ArrayLike, p: ArrayLike, other: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return by how much the AUC of the scores ``p`` is above that of ``other`` on the same customers.

    Paired, after DeLong, DeLong & Clarke-Pearson (1988). NaN with fewer than two customers of a kind.
    """
    outcomes, _ = checked(y, p)
    lost = outcomes == 1
    m, n = int(lost.sum()), int((~lost).sum())
    if min(m, n) < 2:
        return UNKNOWN
    parts = []
    for scores in (p, other):
        ranked = ranking(outcomes, scores)
        of_lost, of_stayed = _placements(ranked)
        parts.append((of_lost[ranked.place[lost]], of_stayed[ranked.place[~lost]]))
    (lost_a, stayed_a), (lost_b, stayed_b) = parts
    above = lost_a - lost_b
    reach = z_value(confidence) * sqrt(above.var(ddof=1) / m + (stayed_a - stayed_b).var(ddof=1) / n)
    value = float(above.mean())
    return Estimate(value, max(-1.0, value - reach), min(1.0, value + reach))


def average_precision(y: ArrayLike, p: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the area under the precision-recall curve, as a step sum over distinct scores (PR-AUC).

    A ranking without skill has the share of those who left. The variance is that of the infinitesimal
    jackknife (Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 6), the
    interval stands in the logit as in Boyd, Eng & Page (2013, ECML PKDD, 451–466), Student's with as many
    degrees of freedom as customers left, less one. In simulations it held the truth in 93–97 % of cases
    from 12 customers who left on.
    Where all who left come first, or a single one left, it is the Wilson interval of a share of so many.
    """
    import numpy as np

    ranked = ranking(y, p)
    m, n = float(ranked.lost.sum()), float(ranked.stayed.sum())
    if not m or not n:
        return UNKNOWN
    hits = np.cumsum(ranked.lost)
    named = hits + np.cumsum(ranked.stayed)
    precision = hits / named
    value = float(ranked.lost @ precision) / m
    if value >= 1 or m < 2:
        ends = (
            wilson(floor(value * m), int(m), confidence).low,
            wilson(ceil(value * m), int(m), confidence).high,
        )
        return Estimate(value, *ends)
    # How much the value moves with the weight of one customer, for one who left and one who stayed.
    below = (ranked.lost / named)[::-1].cumsum()[::-1]
    diluted = (ranked.lost * precision / named)[::-1].cumsum()[::-1]
    pull_lost, pull_stayed = (precision + below - diluted - value) / m, -diluted / m
    variance = float(ranked.lost @ pull_lost**2 + ranked.stayed @ pull_stayed**2)
    return _in_logit(value, sqrt(variance), m - 1, confidence)


def hits_at(y: ArrayLike, p: ArrayLike, k: int) -> float:
    """Return how many of the ``k`` customers with the highest scores left, in expectation over ties."""
    import numpy as np

    ranked = ranking(y, p)
    sizes = np.cumsum(ranked.lost + ranked.stayed)
    return float(np.interp(k, np.append(0, sizes), np.append(0, np.cumsum(ranked.lost))))


def precision_at(y: ArrayLike, p: ArrayLike, capacity: int, confidence: float = 0.95) -> Estimate:
    """Return the share of those who left among the ``capacity`` customers with the highest scores.

    The list holds everybody where there are no more customers than that. Wilson interval; where ties
    make the expected number of hits a fraction, from the whole numbers on both sides of it.
    NaN without customers. ValueError where ``capacity`` is below 1.
    """
    k = min(_whole(capacity), len(checked(y, p)[0]))
    if not k:
        return UNKNOWN
    hits = hits_at(y, p, k)
    least, most = floor(hits + _ROUNDING), min(k, ceil(hits - _ROUNDING))
    return Estimate(hits / k, wilson(least, k, confidence).low, wilson(most, k, confidence).high)


def lift_at(y: ArrayLike, p: ArrayLike, share: float = 0.1, confidence: float = 0.95) -> Estimate:
    """Return how many times as often the ``share`` of customers with the highest scores left as all did.

    1 is what a list drawn by lot has. The list has a whole number of customers, rounded up. The interval is
    that of the ratio between the listed and the others (Katz et al. 1978, Biometrics 34:469–474,
    with 1/2 added to the counts of those who left where one of them is 0: Walter 1975, Biometrika
    62:371–374), carried over exactly. ValueError unless 0 < ``share`` <= 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; it must lie above 0 and not above 1, for example 0.1.")
    outcomes, _ = checked(y, p)
    n, lost = len(outcomes), float(outcomes.sum())
    if not 0 < lost < n:
        return UNKNOWN
    k = max(1, ceil(share * n - 1e-9))
    if k == n:
        return Estimate(1.0, 1.0, 1.0)
    hits = hits_at(y, p, k)
    value = (hits / k) / (lost / n)
    half = 0.0 if 0 < hits < lost else 0.5
    inside, outside = hits + half, lost - hits + half
    spread = sqrt(max(0.0, 1 / inside - 1 / (k + half) + 1 / outside - 1 / (n - k + half)))
    odds, reach = inside / outside, z_value(confidence) * spread
    low, high = (n / k * odds * factor / (1 + odds * factor) for factor in (exp(-reach), exp(reach)))
    return Estimate(value, min(low, value), max(high, value))


def brier(y: ArrayLike, p: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean squared distance of probability and outcome (Brier 1950): 0 is perfect.

    ``p`` must be probabilities: ValueError where one lies outside 0–1. The interval is that of a mean.
    NaN without customers.
    """
    outcomes, chances = probabilities(y, p)
    n = len(outcomes)
    if not n:
        return UNKNOWN
    loss = (chances - outcomes) ** 2
    value = float(loss.mean())
    reach = z_value(confidence) * float(loss.std(ddof=1)) / sqrt(n) if n > 1 else 1.0
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def brier_skill(y: ArrayLike, p: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return by what share the Brier score lies below that of giving everybody the overall share.

    1 is perfect, 0 no better than the share alone, below 0 worse. The interval is that of a ratio of
    means. NaN where nobody or everybody left.
    """
    outcomes, chances = probabilities(y, p)
    n = len(outcomes)
    if n < 2 or not 0 < outcomes.sum() < n:
        return UNKNOWN
    loss, plain = (chances - outcomes) ** 2, (outcomes - outcomes.mean()) ** 2
    ratio = float(loss.mean() / plain.mean())
    reach = z_value(confidence) * float((loss - ratio * plain).std(ddof=1)) / (sqrt(n) * float(plain.mean()))
    return Estimate(1 - ratio, 1 - ratio - reach, min(1.0, 1 - ratio + reach))


def _placements(ranked: Ranking) -> tuple[Array, Array]:
    """Return per score the share of stayers below it, and the share of those who left above it; ties half."""
    lost, stayed = ranked.lost, ranked.stayed
    below = stayed.sum() - stayed.cumsum() + stayed / 2
    above = lost.cumsum() - lost / 2
    return below / stayed.sum(), above / lost.sum()


def _variance(values: Array, weights: Array) -> float:
    """Return the variance of the mean of values that occur ``weights`` times; NaN for a single one."""
    n = float(weights.sum())
    if n < 2:
        return nan
    mean = float(weights @ values) / n
    return float(weights @ (values - mean) ** 2) / (n - 1) / n


def _in_logit(value: float, error: float, freedom: float, confidence: float) -> Estimate:
    """Return an interval that is Student's in the logit of a value within 0–1."""
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, 0.5 + confidence / 2)) * error / (value * (1 - value))
    centre = log(value / (1 - value))
    return Estimate(value, *(1 / (1 + exp(-max(-700.0, end))) for end in (centre - reach, centre + reach)))


def _newcombe(area: float, m: float, n: float, z: float) -> tuple[float, float]:
    """Return the ends at which the area lies just ``z`` standard errors away, by bisection."""
    mean = (m + n) / 2

    def far(true: float) -> bool:
        spread = 2 * mean - 1 - (3 * mean - 3) / ((2 - true) * (1 + true))
        return abs(area - true) > z * sqrt(true * (1 - true) * spread / (m * n))

    ends = []
    for outside in (0.0, 1.0):
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if far(middle) else (middle, outside)
        ends.append(inside)
    return ends[0], ends[1]


def _whole(capacity: int) -> int:
    if capacity < 1:
        raise ValueError(f"capacity is {capacity}; give how many customers can be contacted, 1 or more.")
    return int(capacity)

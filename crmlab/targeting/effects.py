"""What contacting customers changes: differences between two arms that chance made, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, inf, nan, sqrt
from typing import TYPE_CHECKING

from crmlab.intervals import Interval, wilson, z_value
from crmlab.segments.separation import UNKNOWN, Estimate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def difference_of_rates(
    treated_successes: int, treated: int, control_successes: int, control: int, confidence: float = 0.95
) -> Estimate:
    """Return the rate of the treated less that of the control group, and its interval.

    The hybrid score interval, method 10 of Newcombe (1998, Statistics in Medicine 17:873–890): it stays
    within −1 to 1 and holds for rates near zero, which win-back rates are. All NaN where an arm is empty.
    """
    if not treated or not control:
        return UNKNOWN
    p, q = treated_successes / treated, control_successes / control
    one = wilson(treated_successes, treated, confidence)
    other = wilson(control_successes, control, confidence)
    value = p - q
    return Estimate(
        value,
        value - sqrt((p - one.low) ** 2 + (other.high - q) ** 2),
        value + sqrt((one.high - p) ** 2 + (q - other.low) ** 2),
    )


def difference_of_means(treated: ArrayLike, control: ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean of the treated less that of the control group, and its interval (Welch 1947).

    Arrays of one number per customer. All NaN where an arm has fewer than two customers; where nobody
    differs from anybody the interval is the value.
    """
    import numpy as np
    from scipy.special import stdtrit

    one, other = np.asarray(treated, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if min(len(one), len(other)) < 2:
        return UNKNOWN
    value = float(one.mean() - other.mean())
    parts = (float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other))
    variance = sum(parts)
    if variance == 0:
        return Estimate(value, value, value)
    freedom = variance**2 / (parts[0] ** 2 / (len(one) - 1) + parts[1] ** 2 / (len(other) - 1))
    reach = float(stdtrit(freedom, 0.5 + confidence / 2)) * sqrt(variance)
    return Estimate(value, value - reach, value + reach)


def weighted_sum(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """Return Σ weight × estimate of independent estimates, and its interval.

    The interval recovers the variance from the ends of each one (MOVER: Zou & Donner 2008, Statistics in
    Medicine 27:1693–1702), so that lopsided intervals stay lopsided. Weights are 0 or more; NaN without any.
    """
    if not estimates:
        return UNKNOWN
    pairs = list(zip(weights, estimates, strict=True))
    value = sum(w * each.value for w, each in pairs)
    below = sqrt(sum((w * (each.value - each.low)) ** 2 for w, each in pairs))
    above = sqrt(sum((w * (each.high - each.value)) ** 2 for w, each in pairs))
    return Estimate(value, value - below, value + above)


def cost_of_one(cost: float, gained: Estimate) -> Estimate:
    """Return what one more costs: ``cost`` by what was gained, and its interval.

    The cost is known, so the set of Fieller (1954, JRSS B 16:175–185) is what the ends of the gain say. Where
    the gain may be nothing, the upper end is infinite; the value is NaN where nothing was gained.
    """
    value = cost / gained.value if gained.value > 0 else nan
    low = cost / gained.high if gained.high > 0 else nan
    return Estimate(value, low, cost / gained.low if gained.low > 0 else inf)


def ratio_mismatch(treated: int, control: int, planned: float) -> float:
    """Return how likely arms so far from the planned share of treated are by chance (χ², one degree).

    A value below 0.001 says that customers got lost in one of the arms, so that the arms are not alike
    (Fabijan et al. 2019, KDD, "Diagnosing sample ratio mismatch in online controlled experiments").
    Raises ValueError unless 0 < ``planned`` < 1.
    """
    from scipy.special import chdtrc

    if not 0 < planned < 1:
        raise ValueError(f"planned is {planned}; it must lie between 0 and 1, for example 0.8.")
    n = treated + control
    if not n:
        return nan
    expected = (n * planned, n * (1 - planned))
    statistic = (treated - expected[0]) ** 2 / expected[0] + (control - expected[1]) ** 2 / expected[1]
    return float(chdtrc(1, statistic))


def standardised_difference(
    treated: ArrayLike, control: ArrayLike, confidence: float = 0.95
) -> tuple[float, Interval]:
    """Return the difference of means in units of the pooled standard deviation, and its interval.

    Beyond ±0.1 arms are called unlike (Austin 2009, Statistics in Medicine 28:3083–3107). NaN where an arm
    has fewer than two customers; 0 where nobody differs, infinite where nobody does within the arms.
    """
    import numpy as np

    one, other = np.asarray(treated, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if min(len(one), len(other)) < 2:
        return nan, Interval(nan, nan)
    spread = sqrt((float(one.var(ddof=1)) + float(other.var(ddof=1))) / 2)
    difference = float(one.mean() - other.mean())
    if not spread:
        value = copysign(inf, difference) if difference else 0.0
        return value, Interval(value, value)
    value, n = difference / spread, len(one) + len(other)
    reach = z_value(confidence) * sqrt(1 / len(one) + 1 / len(other) + value**2 / (2 * n))
    return value, Interval(value - reach, value + reach)

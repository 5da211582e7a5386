"""How many customers an experiment needs, and how small an effect it can still show.

Rates: the normal approximation with the pooled variance under no effect (Fleiss, Levin & Paik 2003,
Statistical Methods for Rates and Proportions, 4.2, without continuity correction), for arms of any sizes.
Means: the noncentral t distribution with equal variances. Both are two-sided.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf, isfinite, sqrt
from statistics import NormalDist
from typing import NamedTuple

from crmlab.errors import ParamsError
from crmlab.intervals import z_value

POWER, CONFIDENCE = 0.8, 0.95
"""What is usual: a true effect is shown in four of five experiments, none in one of twenty."""

_MOST = 10**12
"""Customers beyond which no experiment is planned."""
_NORMAL = NormalDist()


class Arms(NamedTuple):
    """How many customers are contacted, and how many are held out."""

    treated: int
    control: int

    @property
    def total(self) -> int:
        """Both arms together."""
        return self.treated + self.control


def power_of_rates(arms: Arms, base_rate: float, uplift: float, confidence: float = CONFIDENCE) -> float:
    """Return how likely an experiment shows a true difference of rates ``base_rate`` → plus ``uplift``."""
    _check_rates(base_rate, uplift)
    if min(arms) < 1:
        return 0.0
    p, q = base_rate + uplift, base_rate
    pooled = (arms.treated * p + arms.control * q) / arms.total
    null = sqrt(pooled * (1 - pooled) * (1 / arms.treated + 1 / arms.control))
    true = sqrt(p * (1 - p) / arms.treated + q * (1 - q) / arms.control)
    if not true:
        return 1.0 if uplift else 0.0
    return _NORMAL.cdf((abs(uplift) - z_value(confidence) * null) / true)


def size_for_rates(
    base_rate: float,
    uplift: float,
    control_share: float = 0.5,
    power: float = POWER,
    confidence: float = CONFIDENCE,
) -> Arms:
    """Return the smallest arms that show a difference of rates with the wanted ``power``.

    Raises ParamsError where a rate or share is none, or the uplift is 0.
    """
    _check_rates(base_rate, uplift)
    _check(control_share, power, confidence, uplift)
    return _smallest(lambda arms: power_of_rates(arms, base_rate, uplift, confidence), control_share, power)


def detectable_rate(
    arms: Arms, base_rate: float, power: float = POWER, confidence: float = CONFIDENCE
) -> float:
    """Return the smallest gain in rate that these arms show with ``power``; NaN where none is."""
    _check_rates(base_rate, 0)
    _check_power(power, confidence)
    most = 1 - base_rate
    if power_of_rates(arms, base_rate, most, confidence) < power:
        return float("nan")
    return _root(lambda gain: power_of_rates(arms, base_rate, gain, confidence) - power, most)


def power_of_means(arms: Arms, difference: float, deviation: float, confidence: float = CONFIDENCE) -> float:
    """Return how likely an experiment shows a true difference of means of one standard ``deviation`` each."""
    from scipy.stats import nct, t

    if deviation <= 0:
        raise ParamsError(f"The standard deviation is {deviation}; it must be above 0.")
    freedom = arms.total - 2
    if min(arms) < 1 or freedom < 1:
        return 0.0
    shift = abs(difference) / (deviation * sqrt(1 / arms.treated + 1 / arms.control))
    limit = float(t.ppf(0.5 + confidence / 2, freedom))
    return float(nct.sf(limit, freedom, shift))


def size_for_means(
    difference: float,
    deviation: float,
    control_share: float = 0.5,
    power: float = POWER,
    confidence: float = CONFIDENCE,
) -> Arms:
    """Return the smallest arms that show a difference of means with the wanted ``power``."""
    _check(control_share, power, confidence, difference)
    return _smallest(
        lambda arms: power_of_means(arms, difference, deviation, confidence), control_share, power
    )


def detectable_mean(
    arms: Arms, deviation: float, power: float = POWER, confidence: float = CONFIDENCE
) -> float:
    """Return the smallest difference of means shown with ``power``; infinite for empty arms."""
    _check_power(power, confidence)
    if power_of_means(arms, 0, deviation, confidence) == 0:
        return inf
    most = deviation * 1e-3
    while power_of_means(arms, most, deviation, confidence) < power:
        most *= 2
    return _root(lambda gain: power_of_means(arms, gain, deviation, confidence) - power, most)


def _smallest(power_of: Callable[[Arms], float], control_share: float, power: float) -> Arms:
    """Return the least number of customers whose arms have the power, by doubling and halving."""

    def arms(total: int) -> Arms:
        control = max(1, round(total * control_share))
        return Arms(max(1, total - control), control)

    high = 4
    while power_of(arms(high)) < power:
        high *= 2
        if high > _MOST:
            raise ParamsError("The effect is too small for any experiment; plan for a larger one.")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(arms(middle)) >= power else (middle, high)
    # Arms of a few customers grow by turns; both are at least what their share of the total asks for.
    return Arms(ceil(high * (1 - control_share) - 1e-9), ceil(high * control_share - 1e-9))


def _root(above: Callable[[float], float], most: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(above, 0.0, most, xtol=1e-12 * max(1.0, most), rtol=1e-10))


def _check_rates(base_rate: float, uplift: float) -> None:
    if not 0 <= base_rate <= 1 or not 0 <= base_rate + uplift <= 1:
        raise ParamsError(
            f"The base rate is {base_rate} and the uplift {uplift}; both rates must lie within 0–1, "
            "for example 0.05 and 0.02."
        )


def _check(control_share: float, power: float, confidence: float, effect: float) -> None:
    if not 0 < control_share < 1:
        raise ParamsError(f"control_share is {control_share}; it must lie between 0 and 1, for example 0.15.")
    _check_power(power, confidence)
    if not isfinite(effect) or not effect:
        raise ParamsError(
            f"The effect to show is {effect:g}, which no experiment shows; give the smallest worth having."
        )


def _check_power(power: float, confidence: float) -> None:
    # So often a test finds an effect to one side where there is none: less is no power.
    chance = (1 - confidence) / 2
    if not chance < power < 1:
        raise ParamsError(f"power is {power}; it must lie between {chance:g} and 1, for example 0.8.")

"""Rates of complaints per orders, with exact intervals."""

from __future__ import annotations

from math import nan

from crmlab.intervals import Interval, wilson
from crmlab.segments.separation import UNKNOWN, Estimate

PER = 1000
"""Orders that a rate is given for."""


def poisson_interval(events: int, confidence: float = 0.95) -> Interval:
    """Return the exact interval of the mean of a Poisson count (Garwood 1936, Biometrika 28:437–442).

    Raises ValueError for a negative count.
    """
    from scipy.special import gammaincinv

    if events < 0:
        raise ValueError(f"events is {events}; a count is 0 or more.")
    tail = (1 - confidence) / 2
    low = float(gammaincinv(events, tail)) if events else 0.0
    return Interval(low, float(gammaincinv(events + 1, 1 - tail)))


def rate(complaints: int, orders: int) -> Estimate:
    """Return complaints per 1,000 orders with their exact 95 % interval; NaN without orders."""
    if not orders:
        return Estimate(nan, nan, nan)
    low, high = poisson_interval(complaints)
    return Estimate(*(PER * value / orders for value in (complaints, low, high)))


def ratio_of_rates(events: int, exposure: float, other_events: int, other_exposure: float) -> Estimate:
    """Return a rate as a multiple of another with its 95 % interval; NaN where it cannot be told.

    Given their sum, the first of two Poisson counts is binomial (Przyborowski & Wilenski 1940,
    Biometrika 31:313–323); the ends are those of Wilson's interval of its share.
    """
    together = events + other_events
    if not together or not exposure or not other_exposure or not other_events:
        return UNKNOWN
    scale = other_exposure / exposure
    shares = (events / together, *wilson(events, together))
    return Estimate(*(share / (1 - share) * scale if share < 1 else nan for share in shares))

"""Who the customers really are: hidden segment, purchase rate, lifetime, spending; and the season."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from crmlab.data.samples.draws import Bools, Draws, Floats, Ints, weighted
from crmlab.data.samples.parameters import (
    DAYS,
    DRIVERS,
    ENGLISH,
    FIRST_DAY,
    MONTHS,
    NEVER_BOUGHT,
    OWN_SHARE,
    PEAKS,
    QUIET,
    QUIET_MULTIPLIER,
    SEGMENTS,
    WEEKDAYS,
)


@dataclass(frozen=True)
class Lives:
    """One value per customer; days and durations in days from the first of the period.

    ``registered`` whole day; ``begins`` day of the first order (``DAYS`` for who never bought);
    ``ends`` when the customer leaves for good, possibly after the period; ``rate`` purchases per
    day while alive, averaged over a year; ``spend_rate`` the ν of the amounts; ``own`` customers ×
    drivers, the lasting part of each experience.
    """

    segment: Ints
    registered: Ints
    begins: Ints
    ends: Floats
    rate: Floats
    churn_rate: Floats
    spend_rate: Floats
    english: Bools
    own: Floats

    @property
    def size(self) -> int:
        """Number of customers."""
        return len(self.segment)

    @property
    def bought(self) -> Bools:
        """Who bought at least once."""
        return self.begins < DAYS


def of_segments(name: str) -> Floats:
    """Return one parameter of all segments, in their order."""
    return np.array([getattr(segment, name) for segment in SEGMENTS], dtype=float)


def draw_lives(customers: int, draws: Draws) -> Lives:
    """Draw the hidden truth of so many customers."""
    rng = draws["lives"]
    segment = weighted(rng, of_segments("share"), customers)
    r, alpha, s, beta, q, gamma = (
        of_segments(name)[segment] for name in ("r", "alpha", "s", "beta", "q", "gamma")
    )
    # Customers come in over the whole period, more of them in the beginning.
    registered = np.floor((DAYS - 31) * rng.beta(0.9, 1.6, customers)).astype(np.int64)
    delay = np.where(rng.random(customers) < 0.8, 0, rng.integers(1, 15, customers))
    begins = np.where(rng.random(customers) < NEVER_BOUGHT, DAYS, registered + delay)
    churn_rate = rng.gamma(s, 1 / beta)
    lifetime = rng.exponential(1 / np.maximum(churn_rate, 1e-12))
    return Lives(
        segment=segment,
        registered=registered,
        begins=begins,
        ends=begins + lifetime,
        rate=rng.gamma(r, 1 / alpha),
        churn_rate=churn_rate,
        spend_rate=rng.gamma(q, 1 / gamma),
        english=rng.random(customers) < ENGLISH,
        own=rng.standard_normal((customers, len(DRIVERS))) * np.sqrt(OWN_SHARE),
    )


@cache
def season() -> Floats:
    """Return the multiplier of the purchase rate for each day; each year averages to 1."""
    days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
    raw = np.array([_multiplier(day) for day in days])
    years = np.array([day.year for day in days])
    for year in np.unique(years):
        raw[years == year] /= raw[years == year].mean()
    return raw


@cache
def elapsed() -> Floats:
    """Return the time that purchases go by, at the beginning of each day and at the end of the last."""
    return np.concatenate([[0.0], np.cumsum(season())])


def in_season(days: Floats | Ints) -> Floats:
    """Turn days of the calendar into the time that purchases go by."""
    return np.interp(days, np.arange(DAYS + 1), elapsed())


def in_calendar(times: Floats) -> Floats:
    """Turn the time that purchases go by into days of the calendar."""
    return np.interp(times, elapsed(), np.arange(DAYS + 1))


def _multiplier(day: date) -> float:
    multiplier = WEEKDAYS[day.weekday()] * MONTHS[day.month - 1]
    for first, last, factor in PEAKS:
        if first <= f"{day:%m-%d}" <= last:
            multiplier *= factor
    if any(first <= day <= last for first, last in QUIET):
        multiplier *= QUIET_MULTIPLIER
    return multiplier

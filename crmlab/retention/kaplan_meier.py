"""Kaplan–Meier: the share that is still there after so many days, when not everybody's end is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from crmlab.intervals import wilson, z_value
from crmlab.segments.separation import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """The share that has not seen the event after each day, with 95 % intervals.

    ``days`` are the distinct days with an event; ``at_risk`` who was under observation just before,
    ``events`` who had it that day, ``survival`` the share after it. ``customers`` and ``ended`` count all
    durations and those whose end was seen.
    """

    days: Ints
    at_risk: Ints
    events: Ints
    survival: Floats
    customers: int
    ended: int
    _durations: Ints = field(repr=False)
    _spells: _Spells | None = field(repr=False, default=None)

    def watched(self, day: int) -> int:
        """Return how many were under observation on a day: their durations are no shorter."""
        import numpy as np

        return self.customers - int(np.searchsorted(self._durations, day, side="left"))

    def at(self, days: Sequence[int], fewest: int = 1) -> list[Estimate]:
        """Return the share still there after each day; NaN where fewer than ``fewest`` are watched.

        Once nobody is left the share stays 0.
        """
        return [self._estimate(int(day), fewest) for day in days]

    def reached(self, days: Sequence[int], fewest: int = 1) -> list[Estimate]:
        """Return the share that has had the event by each day: one minus :meth:`at`."""
        return [Estimate(1 - value, 1 - high, 1 - low) for value, low, high in self.at(days, fewest)]

    def quantile(self, share: float = 0.5, fewest: int = 1) -> Estimate:
        """Return the first day after which at most ``share`` are left, with its interval.

        The interval are the days whose own interval holds ``share`` (Brookmeyer & Crowley 1982, Biometrics
        38:29–41). What is not reached while ``fewest`` are watched is NaN.
        """
        found = [nan, nan, nan]
        for day, estimate in zip(self.days.tolist(), self.at(self.days.tolist(), fewest), strict=True):
            for place, end in enumerate(estimate):
                if found[place] != found[place] and end <= share:
                    found[place] = float(day)
        return Estimate(*found)

    def last(self, fewest: int = 1) -> int:
        """Return the last day on which ``fewest`` were under observation."""
        place = self.customers - max(fewest, 1)
        return int(self._durations[place]) if place >= 0 else 0

    def _estimate(self, day: int, fewest: int) -> Estimate:
        import numpy as np

        if self.customers < max(fewest, 1):
            return Estimate(nan, nan, nan)
        place = int(np.searchsorted(self.days, day, side="right")) - 1
        share = 1.0 if place < 0 else float(self.survival[place])
        if share <= 0:
            before = self._estimate(int(self.days[place]) - 1, 1)
            return Estimate(0.0, 0.0, before.high * wilson(0, int(self.at_risk[place])).high)
        watched = self.watched(day)
        if watched < max(fewest, 1):
            return Estimate(nan, nan, nan)
        if place < 0:  # nobody of so many: there is no variance to go by
            return Estimate(1.0, 1 - wilson(0, watched).high, 1.0)
        return _log_log(share, self._variance(place))

    def _variance(self, place: int) -> float:
        """Return the variance of the logarithm of the share after the event at ``place``."""
        if self._spells is not None:
            return self._spells.variance(self, place)
        at, gone = self.at_risk[: place + 1].astype(float), self.events[: place + 1].astype(float)
        return float((gone / (at * (at - gone))).sum())


@dataclass(frozen=True, eq=False)
class _Spells:
    """The durations of which one customer may have several, so that they are not independent."""

    durations: Ints
    observed: NDArray[np.bool_]
    customer: Ints

    def variance(self, curve: KaplanMeier, place: int) -> float:
        """Return the infinitesimal-jackknife variance, summed within customers."""
        import numpy as np

        days, day = curve.days[: place + 1], curve.days[place]
        left = (curve.at_risk - curve.events)[: place + 1].astype(float)
        hazard = np.concatenate(
            [[0.0], np.cumsum(curve.events[: place + 1] / curve.at_risk[: place + 1] / left)]
        )
        until = np.searchsorted(days, np.minimum(self.durations, day), side="right")
        share = -hazard[until]
        own = self.observed & (self.durations <= day)
        share[own] += 1 / left[until[own] - 1]
        return float(np.square(np.bincount(self.customer, share)).sum())


def kaplan_meier(
    durations: ArrayLike,
    observed: ArrayLike,
    *,
    customer: ArrayLike | None = None,
) -> KaplanMeier:
    """Return the product-limit estimate of Kaplan & Meier (1958, JASA 53:457–481).

    ``durations`` are whole days (n,) until the event, or until sight was lost where ``observed`` is false.
    The variance is Greenwood's, the interval that of
    log(−log S), which stays within 0–1 (Kalbfleisch & Prentice 2002, section 1.4). ``customer`` numbers
    whose spell each is, from 0: where one has several the variance is the infinitesimal jackknife,
    summed within customers (Lin & Wei 1989, JASA 84:1074–1078). Raises ValueError for negative durations.
    """
    import numpy as np

    ends = np.asarray(durations, dtype=np.int64)
    seen = np.asarray(observed, dtype=bool)
    if len(ends) and ends.min() < 0:
        raise ValueError("durations must be 0 days or more.")
    whose = None if customer is None else np.asarray(customer, dtype=np.int64)
    # An event on the very day of the beginning would come before anybody is at risk: it counts for day 1.
    ends = np.where(seen & (ends == 0), 1, ends)
    by_end = np.sort(ends)
    days, events = np.unique(ends[seen], return_counts=True)
    at_risk = len(ends) - np.searchsorted(by_end, days, side="left")
    survival = np.cumprod(1 - events / at_risk).astype(np.float64)
    if len(days) and survival[-1] < 1e-12:
        survival[-1] = 0.0
    spells = None if whose is None else _Spells(ends, seen, whose)
    return KaplanMeier(
        days,
        at_risk.astype(np.int64),
        events.astype(np.int64),
        survival,
        len(ends),
        int(seen.sum()),
        by_end,
        spells,
    )


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Return the difference of two independent shares with its interval.

    The method of Newcombe (1998, Statistics in Medicine 17:873–890, method 10) with the ends of each.
    """
    value = one.value - other.value
    low = value - ((one.value - one.low) ** 2 + (other.high - other.value) ** 2) ** 0.5
    high = value + ((one.high - one.value) ** 2 + (other.value - other.low) ** 2) ** 0.5
    return Estimate(value, low, high)


def _log_log(share: float, variance: float) -> Estimate:
    import numpy as np

    reach = z_value(0.95) * np.sqrt(max(variance, 0.0)) / abs(np.log(share))
    low, high = (float(share ** np.exp(sign * reach)) for sign in (1, -1))
    return Estimate(share, low, high)

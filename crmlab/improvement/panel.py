"""A metric as a series of periods counted from a measure's start, raw and at one mix."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

PERIOD_DAYS = {"week": 7, "month": 30}
HISTORY_DAYS = 730
"""A line through more than two years before the start says little of what comes next."""


@dataclass(frozen=True, eq=False)
class Series:
    """One group: numerators and denominators, periods × strata; 0 where nothing was observed."""

    num: Floats
    den: Floats

    @cached_property
    def size(self) -> Floats:
        """The denominator of each period."""
        return self.den.sum(axis=1)  # type: ignore[no-any-return]

    @cached_property
    def raw(self) -> Floats:
        """The figure of each period; NaN without a denominator."""
        return _ratio(self.num.sum(axis=1), self.size)

    def expected(self, before: Flags) -> Floats:
        """Return what each period would have by its mix alone, if every stratum were as before.

        ``before`` says which periods are; a stratum not seen then counts as the mean of all.
        """
        import numpy as np

        num, den = self.num[before].sum(axis=0), self.den[before].sum(axis=0)
        mean = num.sum() / den.sum() if den.sum() else np.nan
        rates = np.where(den > 0, num / np.where(den > 0, den, 1), mean)
        return _ratio(self.den @ rates, self.size)

    def adjusted(self, after: Flags) -> Floats:
        """Return the figure of each period restated to the mix of the periods ``after``.

        Indirect standardisation: what a period's own mix explains, by the strata as they were before, is
        taken out, and what the mix afterwards explains is put in. Between before and after that is
        post-stratification of the before to the mix of the after.
        """
        expected = self.expected(~after)
        weights = self.size[after]
        target = float((expected[after][weights > 0] @ weights[weights > 0]) / weights.sum())
        return self.raw - expected + target


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of the same periods: the measure's ``own``, and those of groups that it left alone.

    ``time`` counts periods of ``days`` days from ``start``: −1 is the last before it.
    """

    start: date
    days: int
    time: Floats
    own: Series
    others: dict[str, Series]

    @property
    def after(self) -> Flags:
        """Which periods are after the start."""
        return self.time >= 0

    @property
    def window(self) -> Flags:
        """Which periods the figure before is that of: the last with data, as many as there are after."""
        import numpy as np

        held = np.flatnonzero(~self.after & (self.own.size > 0))
        chosen = np.zeros(len(self.time), dtype=np.bool_)
        chosen[held[-max(int(np.count_nonzero(self.after)), 1) :]] = True
        return chosen

    @property
    def first_days(self) -> list[date]:
        """The first day of each period."""
        return [self.start + timedelta(days=int(place) * self.days) for place in self.time]

    def until(self, place: int, last: int) -> Panel:
        """Return the panel as if the measure had begun ``place`` periods from its start, up to ``last``."""
        kept = self.time <= last
        cut = {
            name: Series(each.num[kept], each.den[kept])
            for name, each in {"": self.own, **self.others}.items()
        }
        own = cut.pop("")
        start = self.start + timedelta(days=place * self.days)
        return Panel(start, self.days, self.time[kept] - place, own, cut)


def panel(
    rows: pl.DataFrame,
    own: str,
    others: tuple[str, ...],
    start: date,
    last: date,
    days: int,
    window_days: int,
) -> Panel:
    """Put rows (``day``, ``num``, ``den``, ``group``, ``stratum``) into whole periods.

    From the first whole period with rows, at most two years before ``start``, to the last whole one by the
    day ``last`` and within ``window_days`` of the start. Periods are complete or left out: a week of three
    days is no low week.
    """
    import numpy as np
    import polars as pl

    place = ((pl.col("day") - pl.lit(start)).dt.total_days()).floordiv(days)
    placed = rows.with_columns(place=place)
    begin = rows["day"].min()
    assert isinstance(begin, date)
    first = max(-(-(begin - start).days // days), -(HISTORY_DAYS // days))
    final = min(((last - start).days + 1) // days, window_days // days) - 1
    first = min(first, 0)
    length = max(final - first + 1, 0)
    strata = sorted(set(placed["stratum"].to_list()))
    summed = (
        placed.filter(pl.col("place").is_between(first, final))
        .group_by("group", "stratum", "place")
        .agg(pl.col("num").sum(), pl.col("den").sum())
        .sort("group", "stratum", "place")
    )
    series = {}
    for group in (own, *others):
        part = summed.filter(pl.col("group") == group)
        at = (part["place"] - first).to_numpy()
        column = np.array([strata.index(name) for name in part["stratum"]], dtype=np.int64)
        num, den = np.zeros((length, len(strata))), np.zeros((length, len(strata)))
        num[at, column], den[at, column] = part["num"].to_numpy(), part["den"].to_numpy()
        series[group] = Series(num, den)
    return Panel(start, days, np.arange(first, final + 1, dtype=np.float64), series.pop(own), series)


def _ratio(num: Floats, den: Floats) -> Floats:
    import numpy as np

    ratio: Floats = np.where(den > 0, num / np.where(den > 0, den, 1), np.nan)
    return ratio

"""Business hours: how long the desk was open between two points in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.convert import local_day_number, to_utc
from crmlab.labels import Text
from crmlab.view.texts import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.complaints.settings import ComplaintParams

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_HOUR = 3.6e9
"""Microseconds."""


@dataclass(frozen=True)
class BusinessHours:
    """A desk that is open from ``opens`` to ``closes`` (seconds after midnight) on working days.

    It opens and closes by the clock on the wall in ``time_zone``; a day on which clocks change is an hour
    longer or shorter where the desk is open then. With ``holidays`` ``"china"`` the public
    holidays of mainland China are off and the make-up workdays (调休) are worked, as announced by the State
    Council for each year and kept in the package chinese_calendar; in a year that it does not know the days
    of the week alone decide, and :meth:`unknown_years` names it.
    """

    opens: int
    closes: int
    workdays: tuple[int, ...]
    holidays: Literal["china", "none"]
    time_zone: str

    @classmethod
    def of(cls, params: ComplaintParams, time_zone: str) -> BusinessHours:
        """Return the hours that a study sets."""
        opens, closes = _seconds(params.opens), _seconds(params.closes)
        return cls(opens, closes, params.workdays, params.holidays, time_zone)

    def is_worked(self, day: date) -> bool:
        """Say whether a day is worked."""
        official = self._official.get(day)
        return day.isoweekday() in self.workdays if official is None else official

    def between(self, begin: pl.Series, end: pl.Series) -> Floats:
        """Return the open hours between points in time (n,) in UTC; NaN where one is null."""
        import numpy as np

        moments = pl.DataFrame({"begin": begin, "end": end})
        days = moments.select(local_day_number(pl.all(), self.time_zone))
        known = days.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
        hours = np.full(len(known), np.nan)
        if not known.any():
            return hours
        given, at = days.filter(pl.Series(known)), moments.filter(pl.Series(known))
        first = int(given.min().min_horizontal()[0])
        opens, lengths = self._days(first, int(given.max().max_horizontal()[0]))
        before = np.concatenate([[0], np.cumsum(lengths)])
        spent = []
        for name in ("begin", "end"):
            place = given[name].to_numpy() - first
            since = at[name].dt.epoch("us").to_numpy() - opens[place]
            spent.append(before[place] + np.clip(since, 0, lengths[place]))
        hours[known] = (spent[1] - spent[0]) / _HOUR
        return hours

    def unknown_years(self, begin: date, end: date) -> list[int]:
        """Return the years of a period whose public holidays are not known."""
        if self.holidays == "none":
            return []
        known = {day.year for day in self._official}
        return [year for year in range(begin.year, end.year + 1) if year not in known]

    def explain(self, begin: date, end: date) -> Text:
        """Return the hours in words, with the years of a period in which holidays are not known."""
        days_zh = "、".join(f"周{'一二三四五六日'[day - 1]}" for day in sorted(set(self.workdays)))
        names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        days_en = ", ".join(names[day - 1] for day in sorted(set(self.workdays)))
        said = say(
            "complaints_hours",
            days=Text(days_zh, days_en),
            opens=_clock(self.opens),
            closes=_clock(self.closes),
            holidays=say(
                "complaints_holidays_china" if self.holidays == "china" else "complaints_holidays_none"
            ),
        )
        unknown = self.unknown_years(begin, end)
        if not unknown:
            return said
        years = Text("、".join(map(str, unknown)), ", ".join(map(str, unknown)))
        lacking = say("complaints_years_unknown", years=years)
        return Text(said.zh + lacking.zh, f"{said.en} {lacking.en}")

    @cached_property
    def _official(self) -> dict[date, bool]:
        """Day → worked or not, where the State Council says so against the days of the week."""
        if self.holidays == "none":
            return {}
        from chinese_calendar import constants

        return dict.fromkeys(constants.holidays, False) | dict.fromkeys(constants.workdays, True)

    def _days(self, first: int, last: int) -> tuple[Ints, Ints]:
        """Return when the desk opens on each day from ``first`` to ``last``, and for how long, in µs."""
        import numpy as np

        day = pl.int_range(first, last + 1, eager=True).cast(pl.Int32).cast(pl.Date).alias("day")
        midnight = pl.col("day").cast(pl.Datetime("us"))
        bounds = day.to_frame().select(
            to_utc(midnight + pl.duration(seconds=seconds), self.time_zone).dt.epoch("us").alias(name)
            for name, seconds in (("opens", self.opens), ("closes", self.closes))
        )
        opens, closes = (bounds[name].to_numpy() for name in bounds.columns)
        worked = np.array([self.is_worked(each) for each in day])
        return opens, np.where(worked, closes - opens, 0)


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return (int(hour) * 60 + int(minute)) * 60


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"

"""Business hours: how long the desk was open between two points in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.data.convert import local_day_number
from crmlab.labels import Text
from crmlab.view.texts import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crmlab.complaints.settings import ComplaintParams

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_EPOCH = date(1970, 1, 1)
_DAY = 86_400


@dataclass(frozen=True)
class BusinessHours:
    """A desk that is open from ``opens`` to ``closes`` (seconds after midnight) on working days.

    Hours are those of the clock on the wall in ``time_zone``. With ``holidays`` ``"china"`` the public
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

    @property
    def hours_a_day(self) -> float:
        """Hours of a working day."""
        return (self.closes - self.opens) / 3600

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
        given, wall = days.filter(pl.Series(known)), moments.filter(pl.Series(known))
        first = int(given.min().min_horizontal()[0])
        opened = self._opened(first, int(given.max().max_horizontal()[0]))
        spent = []
        for name in ("begin", "end"):
            place = given[name].to_numpy() - first
            local = pl.col(name).dt.convert_time_zone(self.time_zone)
            since = wall.select(
                (local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute()) * 60
                + local.dt.second()
                + local.dt.microsecond() / 1e6
            ).to_series()
            today = np.clip(since.to_numpy() - self.opens, 0, self.closes - self.opens)
            spent.append(opened[place] + today * (opened[place + 1] > opened[place]))
        hours[known] = (spent[1] - spent[0]) / 3600
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

    def _opened(self, first: int, last: int) -> Ints:
        """Return the open seconds before each day from ``first`` to the day after ``last``."""
        import numpy as np

        worked = [self.is_worked(_EPOCH + timedelta(days=day)) for day in range(first, last + 1)]
        return np.concatenate([[0], np.cumsum(np.array(worked) * (self.closes - self.opens))]).astype(
            np.int64
        )


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return (int(hour) * 60 + int(minute)) * 60


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"

"""Calendar periods as numbers: days, weeks that begin on Monday, months, quarters."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import polars as pl

from crmlab.summary import day_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Every = Literal["day", "week", "month", "quarter"]

_EPOCH = date(1970, 1, 1)
_MONDAY = 3
"""1970-01-01 was a Thursday."""
_MONTHS: dict[Every, int] = {"month": 1, "quarter": 3}
LENGTH: dict[Every, float] = {"day": 1, "week": 7, "month": 365.25 / 12, "quarter": 365.25 / 4}
"""Days in a period, on average."""


def period_of(days: Ints, every: Every) -> Ints:
    """Return the number of the period in which each day lies; consecutive periods differ by one."""
    if every == "day":
        return days
    if every == "week":
        return (days + _MONDAY) // 7
    dates = pl.Series(days, dtype=pl.Int64).cast(pl.Int32).cast(pl.Date)
    months = dates.dt.year().cast(pl.Int64) * 12 + dates.dt.month().cast(pl.Int64) - 1
    found: Ints = (months // _MONTHS[every]).to_numpy()
    return found


def first_day(period: int, every: Every) -> date:
    """Return the day on which a period begins."""
    if every == "day":
        return _EPOCH + timedelta(days=period)
    if every == "week":
        return _EPOCH + timedelta(days=7 * period - _MONDAY)
    year, month = divmod(period * _MONTHS[every], 12)
    return date(year, month + 1, 1)


def last_complete(as_of: date, every: Every) -> int:
    """Return the last period that has ended by a day, that day included."""
    import numpy as np

    return int(period_of(np.array([day_number(as_of) + 1]), every)[0]) - 1


def named(period: int, every: Every) -> str:
    """Write a period: 2024-03, 2024 Q1, or the first day of a week."""
    begins = first_day(period, every)
    if every == "month":
        return f"{begins:%Y-%m}"
    return f"{begins.year} Q{(begins.month + 2) // 3}" if every == "quarter" else f"{begins}"

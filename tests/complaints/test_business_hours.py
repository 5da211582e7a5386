"""Business hours against examples that can be counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.complaints.business_hours import BusinessHours
from crmlab.complaints.settings import ComplaintParams

CHINA = ZoneInfo("Asia/Shanghai")
DESK = BusinessHours.of(ComplaintParams(), "Asia/Shanghai")


def hours(begin: str, end: str, desk: BusinessHours = DESK) -> float:
    moments = [
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(desk.time_zone)).astimezone(UTC)
        for text in (begin, end)
    ]
    first, last = (pl.Series([moment], dtype=pl.Datetime("us", "UTC")) for moment in moments)
    return float(desk.between(first, last)[0])


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2024-05-20 10:00", "2024-05-20 12:30", 2.5),  # within one Monday
        ("2024-05-20 07:00", "2024-05-20 09:00", 0.0),  # before the desk opens
        ("2024-05-20 17:00", "2024-05-21 10:00", 2.0),  # over a night
        ("2024-05-24 17:00", "2024-05-27 10:00", 2.0),  # over a weekend
        ("2024-05-25 11:00", "2024-05-26 15:00", 0.0),  # within a weekend
        # Spring Festival 2024: off from 10 to 17 February; Sunday 4 and Sunday 18 are worked in return.
        ("2024-02-09 17:00", "2024-02-18 10:00", 2.0),
        ("2024-02-03 12:00", "2024-02-05 09:00", 9.0),
        # National Day 2023: off from 29 September to 6 October; Saturday 7 and Sunday 8 October are worked.
        ("2023-09-28 17:30", "2023-10-08 09:30", 0.5 + 9 + 0.5),
    ],
)
def test_hand_examples(begin: str, end: str, expected: float) -> None:
    assert hours(begin, end) == pytest.approx(expected)


def test_without_holidays_the_days_of_the_week_decide() -> None:
    desk = BusinessHours.of(ComplaintParams(holidays="none"), "Asia/Shanghai")
    assert hours("2024-02-09 17:00", "2024-02-18 10:00", desk) == pytest.approx(1 + 5 * 9)


def test_a_desk_that_never_closes_counts_every_hour() -> None:
    never = ComplaintParams(opens="00:00", closes="24:00", workdays=(1, 2, 3, 4, 5, 6, 7), holidays="none")
    desk = BusinessHours.of(never, "Asia/Shanghai")
    assert hours("2024-02-09 17:00", "2024-02-18 10:30", desk) == pytest.approx(8 * 24 + 17.5)


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [("2024-03-09 12:00", "2024-03-11 12:00", 47), ("2024-11-02 12:00", "2024-11-04 12:00", 49)],
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(begin: str, end: str, expected: float) -> None:
    never = ComplaintParams(opens="00:00", closes="24:00", workdays=(1, 2, 3, 4, 5, 6, 7), holidays="none")
    assert hours(begin, end, BusinessHours.of(never, "America/New_York")) == pytest.approx(expected)
    daily = ComplaintParams(workdays=(1, 2, 3, 4, 5, 6, 7), holidays="none")
    assert hours(begin, end, BusinessHours.of(daily, "America/New_York")) == pytest.approx(18)


def test_a_null_has_no_hours() -> None:
    moments = pl.Series([None, datetime(2024, 5, 20, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
    found = DESK.between(moments, moments)
    assert found[0] != found[0]
    assert found[1] == 0.0


def test_a_year_that_is_not_known_is_named_and_goes_by_the_week() -> None:
    assert DESK.unknown_years(date(2023, 5, 1), date(2024, 5, 1)) == []
    assert DESK.unknown_years(date(2024, 5, 1), date(2090, 1, 1))[-1] == 2090
    assert DESK.is_worked(date(2090, 1, 2))  # a Monday
    for text in DESK.explain(date(2090, 1, 1), date(2090, 6, 1)):
        assert "2090" in text


def test_a_day_without_hours_is_refused() -> None:
    with pytest.raises(ValueError, match=r"closes \(09:00\) must be later than opens \(18:00\)"):
        ComplaintParams(opens="18:00", closes="09:00")
    with pytest.raises(ValueError, match="HH:MM"):
        ComplaintParams(opens="9 Uhr")


_MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2024, 12, 30))


def _by_minutes(begin: datetime, end: datetime) -> float:
    """Count the open minutes one by one."""
    minutes, moment = 0, begin
    while moment < end:
        local = moment.astimezone(CHINA)
        minutes += DESK.is_worked(local.date()) and 9 <= local.hour < 18
        moment += timedelta(minutes=1)
    return minutes / 60


@given(_MOMENTS, st.integers(0, 60 * 24 * 5))
def test_it_equals_the_open_minutes_counted_one_by_one(begin: datetime, minutes: int) -> None:
    first = begin.replace(second=0, microsecond=0, tzinfo=UTC)
    last = first + timedelta(minutes=minutes)
    moments = [pl.Series([moment], dtype=pl.Datetime("us", "UTC")) for moment in (first, last)]
    assert DESK.between(*moments)[0] == pytest.approx(_by_minutes(first, last))


@given(_MOMENTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_parts_add_up(begin: datetime, one: int, other: int) -> None:
    first = begin.replace(tzinfo=UTC)
    times = [first, first + timedelta(seconds=one), first + timedelta(seconds=one + other)]
    a, b, c = (pl.Series([moment], dtype=pl.Datetime("us", "UTC")) for moment in times)
    assert DESK.between(a, b)[0] + DESK.between(b, c)[0] == pytest.approx(DESK.between(a, c)[0])

"""When a schedule is due: cron's five fields, time zones, changes of clocks."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.scheduling.expression import Expression


def due(at: str, timezone: str, start: str, days: int) -> list[str]:
    """Return the due times of some days as texts without seconds."""
    after = datetime.fromisoformat(start)
    found = Expression(at, timezone).between(after, after + timedelta(days=days))
    return [moment.isoformat(timespec="minutes") for moment in found]


def test_due_times_are_those_of_the_time_zone() -> None:
    assert due("0 2 * * *", "Asia/Shanghai", "2024-06-01T00:00:00+00:00", 2) == [
        "2024-06-02T02:00+08:00",
        "2024-06-03T02:00+08:00",
    ]


def test_either_day_will_do_where_both_are_given() -> None:
    assert [day[8:10] for day in due("0 0 15 * MON", "UTC", "2024-07-01T00:00:00+00:00", 21)] == [
        *("08", "15", "22")
    ]
    assert [day[8:10] for day in due("0 0 */7 * 1", "UTC", "2024-07-01T00:00:00+00:00", 30)] == [
        *("08", "15", "22", "29")
    ]


def test_a_skipped_time_is_due_after_the_change_and_a_doubled_one_once() -> None:
    spring = due("30 2 * * *", "America/New_York", "2024-03-09T12:00:00+00:00", 2)
    assert spring == ["2024-03-10T03:00-04:00", "2024-03-11T02:30-04:00"]
    autumn = due("30 1 * * *", "America/New_York", "2024-11-02T12:00:00+00:00", 2)
    assert autumn == ["2024-11-03T01:30-04:00", "2024-11-04T01:30-05:00"]


MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC))
ZONES = st.sampled_from(["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Sydney", "UTC"])
TIMES = st.sampled_from(["0 2 * * *", "30 1 * * *", "*/20 * * * *", "0 8-20/4 * * 1-5", "15 3 1,15 * 1"])


@given(TIMES, ZONES, MOMENTS)
@settings(max_examples=40)
def test_the_last_due_time_is_the_last_of_those_before(at: str, timezone: str, now: datetime) -> None:
    expression = Expression(at, timezone)
    before = list(expression.between(now - timedelta(days=33), now))
    assert expression.last(now) == before[-1] <= now
    assert all(earlier < later for earlier, later in itertools.pairwise(before))
    following = next(expression.between(now, now + timedelta(days=33)))
    assert following > now
    assert list(expression.between(before[-1], following)) == [following]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("", "five fields"),
        ("0 2 * *", "five fields"),
        ("0 2 * * * *", "five fields"),
        ("0 2 * * *; rm", "five fields"),
        ("0 2 L * *", "five fields"),
        ("0 2 * * 5L", "five fields"),
        ("0 2 * * 1#2", "five fields"),
        ("5/10 * * * *", "five fields"),
        ("0 2 * * *\n* * * * * true", "five fields"),
        ("60 2 * * *", "Bad minute"),
        ("0 2 * * DAY", "Bad day-of-week"),
        ("0 2 30 2 *", "Bad day-of-month"),
        ("@reboot", "five fields"),
    ],
)
def test_what_no_cron_takes_is_refused(at: str, why: str) -> None:
    with pytest.raises(ParamsError, match=why):
        Expression(at, "UTC")


def test_a_time_zone_must_be_one() -> None:
    with pytest.raises(ParamsError, match="Did you mean 'Asia/Shanghai'"):
        Expression("0 2 * * *", "Asia/Shanghay")


def test_names_of_times_are_written_out() -> None:
    assert Expression(" @daily ", "UTC").text == "0 0 * * *"

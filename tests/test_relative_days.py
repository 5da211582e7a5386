"""A day that is said by its distance becomes that day, once, in the study's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.params import json_schema, prepare, read_study
from crmlab.relative_days import RELATIVE_DAYS, relative_day, with_fixed_days

DATA = [{"source": "files", "files": {"orders": {"path": "orders.csv"}}}]
NIGHT = datetime(2024, 3, 3, 18, 30, tzinfo=UTC)
"""Sunday evening in Greenwich, Monday in Shanghai."""


@pytest.mark.parametrize(
    ("word", "shanghai", "greenwich"),
    [
        ("today", "2024-03-04", "2024-03-03"),
        ("yesterday", "2024-03-03", "2024-03-02"),
        ("end_of_last_week", "2024-03-03", "2024-02-25"),
        ("end_of_last_month", "2024-02-29", "2024-02-29"),
    ],
)
def test_days_are_counted_in_the_time_zone(word: str, shanghai: str, greenwich: str) -> None:
    assert relative_day(word, NIGHT, "Asia/Shanghai").isoformat() == shanghai
    assert relative_day(word, NIGHT, "UTC").isoformat() == greenwich


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_ends_are_the_last_before_today(moment: datetime) -> None:
    today = relative_day("today", moment, "America/New_York")
    week = relative_day("end_of_last_week", moment, "America/New_York")
    month = relative_day("end_of_last_month", moment, "America/New_York")
    assert week.isoweekday() == 7
    assert timedelta(1) <= today - week <= timedelta(7)
    assert month < today
    assert (month + timedelta(1)).day == 1
    assert (today.year, today.month) == ((month + timedelta(1)).year, (month + timedelta(1)).month)
    assert relative_day("yesterday", moment, "America/New_York") == today - timedelta(1)


def test_a_study_counts_from_the_moment_that_it_is_due() -> None:
    due = "2024-03-04T02:00:00+08:00"
    study, _ = prepare({"data": DATA, "as_of": "yesterday", "due": due}, Path())
    assert study.as_of == date(2024, 3, 3)
    assert study.settings()["as_of"] == "2024-03-03"
    assert study.settings()["due"] == due
    again, _ = prepare(study.settings(), Path())
    assert again == study


def test_reports_count_in_their_own_time_zone() -> None:
    values: dict[str, Any] = {
        "data": DATA,
        "as_of": "today",
        "due": NIGHT.isoformat(),
        "reports": {
            "segmentation": None,
            "feedback": {"as_of": "yesterday"},
            "value": {"as_of": "today", "timezone": "UTC"},
        },
    }
    study, _ = prepare(values, Path())
    assert study.as_of == date(2024, 3, 4)
    assert study.for_report("segmentation").as_of == date(2024, 3, 4)
    assert study.for_report("feedback").as_of == date(2024, 3, 3)
    assert study.for_report("value").as_of == date(2024, 3, 3)
    assert values["reports"]["feedback"] == {"as_of": "yesterday"}


def test_without_a_due_moment_the_run_itself_is_the_moment() -> None:
    assert with_fixed_days({"as_of": "today", "timezone": "Asia/Shanghai"}, NIGHT)["as_of"] == "2024-03-04"
    assert with_fixed_days({"as_of": "2024-01-01"}, NIGHT) == {"as_of": "2024-01-01"}
    study, _ = prepare({"data": DATA, "as_of": "yesterday", "timezone": "UTC"}, Path())
    assert abs(study.as_of - datetime.now(UTC).date()) <= timedelta(2)


def test_overrides_may_be_relative(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("data: [{source: files, files: {orders: {path: o.csv}}}]\nas_of: 2020-01-01\n")
    study, _ = read_study(path, ["as_of=end_of_last_month", "due=2024-03-04T02:00:00+08:00"])
    assert study.as_of == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"as_of": "tomorrow"}, r"as_of: write a day as YYYY-MM-DD.*or one of today, yesterday, end_of"),
        ({"as_of": "yesterday", "timezone": "Mars"}, "timezone: no time zone of that name"),
        ({"as_of": "yesterday", "due": "soon"}, r"due: write a moment with its time zone.*given: 'soon'"),
        ({"as_of": "yesterday", "due": "2024-03-04T02:00:00"}, "due: write a moment with its time zone"),
        ({"as_of": "2024-03-04", "reports": {"value": {"due": None}}}, "cannot differ between reports"),
    ],
)
def test_what_is_no_day_and_no_moment_is_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        prepare({"data": DATA, **changes}, Path())


def test_editors_know_the_words() -> None:
    schema = json_schema()["properties"]["as_of"]
    assert {"enum": list(RELATIVE_DAYS)} in schema["anyOf"]

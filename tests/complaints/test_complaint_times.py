"""Waits by Kaplan–Meier: the truth is found, and open complaints matter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from crmlab.complaints.business_hours import BusinessHours
from crmlab.complaints.log import Log, prepared
from crmlab.complaints.settings import ComplaintParams
from crmlab.complaints.waiting import curve_of, hours_until, times
from crmlab.data.samples.parameters import RESOLUTION_HOURS, RESOLUTION_SIGMA
from crmlab.retention.kaplan_meier import kaplan_meier

DESK = BusinessHours.of(ComplaintParams(), "Asia/Shanghai")
MOMENT = pl.Datetime("us", "UTC")
SEEDS = 200


def waits(seed: int, median: float, n: int = 150, days: int = 30) -> tuple[Any, Any]:
    """Draw complaints over some days, looked at when these are over: hours, and whether the end was seen."""
    rng = np.random.default_rng(seed)
    hours = median * np.exp(RESOLUTION_SIGMA * rng.standard_normal(n))
    age = rng.uniform(0, 24 * days, n)
    return np.minimum(hours, age), hours <= age


@pytest.mark.parametrize("median", list(RESOLUTION_HOURS.values()))
def test_the_interval_of_the_median_covers_as_often_as_it_says(median: float) -> None:
    # 96 hours before the change and 40 since; 19 of 20 intervals shall hold the truth, give or take
    # three standard errors of the number that do.
    found = [hours_until(curve_of(*waits(seed, median)), 0.5) for seed in range(SEEDS)]
    covered = sum(each.low <= median <= each.high for each in found)
    assert abs(covered / SEEDS - 0.95) < 3 * (0.95 * 0.05 / SEEDS) ** 0.5


def test_the_interval_of_the_90th_percentile_covers_too() -> None:
    truth = 40 * np.exp(RESOLUTION_SIGMA * 1.2815515655446004)
    found = [hours_until(curve_of(*waits(seed, 40.0)), 0.1) for seed in range(SEEDS)]
    covered = sum(each.low <= truth and not each.high < truth for each in found)
    assert abs(covered / SEEDS - 0.95) < 3 * (0.95 * 0.05 / SEEDS) ** 0.5


def test_leaving_open_complaints_out_would_make_a_slow_desk_look_fast() -> None:
    drawn = [waits(seed, 96.0, n=300, days=10) for seed in range(40)]
    censored = np.mean([hours_until(curve_of(hours, seen), 0.5).value for hours, seen in drawn])
    dropped = np.mean([np.median(hours[seen]) for hours, seen in drawn])
    assert censored == pytest.approx(96, rel=0.05)
    assert dropped < 0.8 * 96


@pytest.mark.parametrize("left", [0.5, 0.1])
def test_it_is_the_quantile_of_the_curve(left: float) -> None:
    hours, seen = waits(3, 40.0, n=60)
    minutes = np.ceil(hours * 60).astype(int)
    expected = kaplan_meier(minutes, seen).quantile(left)
    assert hours_until(curve_of(hours, seen), left)[:2] == pytest.approx([x / 60 for x in expected[:2]])


def test_too_few_to_tell_is_null() -> None:
    log = pl.DataFrame(
        {"resolution_seen": [True, False, None], "resolution_calendar": [3.0, 9.0, 1.0]},
        schema_overrides={"resolution_seen": pl.Boolean},
    )
    row = times(log, "resolution", "calendar", fewest=5)
    assert (row["complaints"], row["open"], row["unknown"]) == (2, 1, 1)
    assert row["median"] is None
    assert times(log, "resolution", "calendar")["median"] == 3.0


@pytest.fixture
def log_of() -> Callable[..., Log]:
    """Return a function that makes a log of complaints opened on Monday, 2024-05-20, 10:00 in Shanghai."""

    def make(*rows: dict[str, Any]) -> Log:
        opened = datetime(2024, 5, 20, 2, tzinfo=UTC)
        frame = pl.DataFrame(
            [
                {
                    "complaint_id": f"p{number}",
                    "opened_at": opened,
                    **{
                        name: opened + timedelta(hours=value) if name.endswith("_at") else value
                        for name, value in row.items()
                    },
                }
                for number, row in enumerate(rows)
            ],
            infer_schema_length=None,
        )
        cast = {name: MOMENT for name in frame.columns if name.endswith("_at")}
        return prepared(frame.cast(cast), DESK, date(2024, 5, 22))  # type: ignore[arg-type]

    return make


def test_hours_on_both_clocks_with_pauses(log_of: Callable[..., Log]) -> None:
    log = log_of(
        {"resolved_at": 24},  # 8 open hours on Monday, 1 on Tuesday
        {"resolved_at": 24, "waiting_from_at": 2, "waiting_until_at": 5},  # 3 of the 9 hours
        {"resolved_at": 24, "waiting_from_at": 2},  # waited for the customer until it was resolved
        {"resolved_at": 24, "waiting_from_at": 2, "waiting_until_at": 90},  # no longer than that
        {"resolved_at": 24, "paused_hours": 18.0},  # three quarters of the time, nobody says when
        {},  # open: 14 hours to midnight, 48 more until the as-of day is over
    ).frame
    assert log["resolution_calendar"].to_list() == pytest.approx([24.0] * 5 + [62.0])
    assert log["resolution_business"].to_list() == pytest.approx([9, 6, 2, 2, 2.25, 26])
    assert log["resolution_seen"].to_list() == [True] * 5 + [False]


def test_what_is_open_and_what_cannot_be_told(log_of: Callable[..., Log]) -> None:
    log = log_of(
        {"stage": "closed"},  # done, nobody knows when
        {"stage": "investigating"},
        {"stage": "closed", "closed_at": 5},
        {"stage": "resolved", "resolved_at": 5, "reopened_at": 9},  # open again
        {"stage": "closed", "resolved_at": 5, "reopened_at": 9, "closed_at": 30},
        {"stage": "resolved", "resolved_at": 30, "reopened_at": 9},  # its last resolution
    ).frame
    assert log["is_open"].to_list() == [False, True, False, True, False, False]
    assert log["resolution_seen"].to_list() == [None, False, True, False, True, True]
    assert log["resolution_calendar"].to_list()[2:] == pytest.approx([5, 62, 30, 30])

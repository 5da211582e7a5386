"""Cohort matrices by hand, blanks and hidden cells, intervals, and that they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.retention import Retention
from crmlab.retention.periods import first_day, last_complete, named, period_of
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {"privacy": {"smallest_group": 1}}
ORDERS = (
    "customer_id,ordered_at,amount\n"
    "ann,2024-01-05,100\nann,2024-01-20,20\nann,2024-02-05,50\nann,2024-04-06,30\n"
    "bob,2024-01-31,80\nbob,2024-02-10,-10\nbob,2024-04-01,40\nbob,2024-04-02,5\n"
    "cai,2024-01-15,60\n"
    "dan,2024-02-01,10\ndan,2024-03-01,10\ndan,2024-04-02,10\n"
    "eve,2024-05-20,7\neve,2024-05-01,-3\n"
)


def _cell(frame: pl.DataFrame, cohort: str, age: int) -> dict[str, Any]:
    return frame.row(by_predicate=(pl.col("cohort") == cohort) & (pl.col("age") == age), named=True)


def test_months_by_hand(make_lab: MakeLab) -> None:
    cohorts = Retention(make_lab({"orders": ORDERS}, as_of="2024-05-31", **OPEN)).cohorts("month", ages=4)
    assert cohorts is not None
    january = cohorts.summary.filter(cohort="2024-01")
    assert january["customers"].to_list() == [3] * 5
    assert january["active"].to_list() == [3, 1, 0, 2, 0]
    assert january["retention"].to_list() == [1, 1 / 3, 0, 2 / 3, 0]
    assert january.select("retention_low", "retention_high").row(3) == wilson(2, 3)
    # A refund lowers the month in which it was paid back, and makes nobody active.
    assert january["revenue_retention"].to_list() == pytest.approx([1, 40 / 260, 0, 75 / 260, 0])
    assert january["cumulated_revenue"].to_list() == pytest.approx(
        [260 / 3, 300 / 3, 300 / 3, 375 / 3, 375 / 3]
    )
    february = cohorts.summary.filter(cohort="2024-02")
    assert february["complete"].to_list() == [True, True, True, True, False]
    assert february["active"].to_list() == [1, 1, 1, 0, None]
    # Eve's refund before her first paid order is of a purchase before the records; her month counts 7.
    assert _cell(cohorts.summary, "2024-05", 0)["cumulated_revenue"] == 7.0
    # Nobody came in March and April: there is no row of nobody.
    assert cohorts.summary["cohort"].unique().sort().to_list() == ["2024-01", "2024-02", "2024-05"]


def test_intervals_of_revenue_by_hand(make_lab: MakeLab) -> None:
    cohorts = Retention(make_lab({"orders": ORDERS}, as_of="2024-05-31", **OPEN)).cohorts("month", ages=4)
    assert cohorts is not None
    cell = _cell(cohorts.summary, "2024-01", 3)
    first, later = pl.Series([120.0, 80.0, 60.0]), pl.Series([30.0, 45.0, 0.0])
    ratio = 75 / 260
    reach = 1.959964 * float(((later - ratio * first) ** 2).sum()) ** 0.5 / 260
    assert cell["revenue_retention_high"] == pytest.approx(ratio + reach, rel=1e-5)
    so_far = pl.Series([200.0, 115.0, 60.0])
    assert cell["cumulated_revenue_low"] == pytest.approx(
        float(so_far.mean() - 1.959964 * so_far.std() / 3**0.5),  # type: ignore[operator]
        rel=1e-5,
    )


def test_rolling_counts_who_comes_later_and_leaves_the_recent_blank(make_lab: MakeLab) -> None:
    cohorts = Retention(make_lab({"orders": ORDERS}, as_of="2024-06-30", **OPEN)).cohorts("month", ages=5)
    assert cohorts is not None
    # The gaps are 15, 16, 61, 61, 1, 29, 32 days: nine in ten take at most 61, two months and a bit.
    assert cohorts.follow_up == 3
    january = cohorts.summary.filter(cohort="2024-01")
    assert january["rolling"].to_list() == [1, 2 / 3, 2 / 3, None, None, None]
    assert cohorts.average.filter(age=1)["rolling"].item() == 3 / 4


def test_the_average_weighs_by_customers(make_lab: MakeLab) -> None:
    cohorts = Retention(make_lab({"orders": ORDERS}, as_of="2024-05-31", **OPEN)).cohorts("month", ages=4)
    assert cohorts is not None
    row = cohorts.average.filter(age=1).row(0, named=True)
    assert (row["cohorts"], row["customers"], row["active"]) == (2, 4, 2)
    assert (row["retention"], row["retention_low"], row["retention_high"]) == (0.5, *wilson(2, 4))
    assert cohorts.average.filter(age=4)["customers"].item() == 3


@pytest.mark.parametrize(
    ("every", "day", "name"),
    [
        ("day", date(2024, 3, 1), "2024-03-01"),
        ("week", date(2024, 3, 3), "2024-02-26"),
        ("month", date(2024, 3, 31), "2024-03"),
        ("quarter", date(2024, 3, 31), "2024 Q1"),
    ],
)
def test_periods_by_hand(every: Any, day: date, name: str) -> None:
    number = pl.Series([day]).cast(pl.Int32).cast(pl.Int64).to_numpy()
    assert named(int(period_of(number, every)[0]), every) == name
    assert named(last_complete(day, every), every) == name  # each is the last day of its period


@given(st.dates(date(1999, 1, 1), date(2040, 12, 31)), st.sampled_from(["day", "week", "month", "quarter"]))
def test_a_day_lies_in_its_period(day: date, every: Any) -> None:
    number = pl.Series([day]).cast(pl.Int32).cast(pl.Int64).to_numpy()
    period = int(period_of(number, every)[0])
    assert first_day(period, every) <= day < first_day(period + 1, every)
    ends = day == first_day(period + 1, every) - timedelta(days=1)
    assert last_complete(day, every) == (period if ends else period - 1)


@pytest.mark.parametrize("every", ["day", "week", "quarter"])
def test_other_periods_count_the_same_customers(make_lab: MakeLab, every: Any) -> None:
    cohorts = Retention(make_lab({"orders": ORDERS}, as_of="2024-06-30", **OPEN)).cohorts(every, ages=200)
    assert cohorts is not None
    assert cohorts.summary.filter(age=0)["customers"].sum() == 5
    # Every day with a purchase is counted once in days, every quarter once in quarters.
    assert cohorts.summary["active"].sum() == {"day": 12, "week": 11, "quarter": 8}[every]


def _many(months: int = 6, size: int = 40) -> str:
    """Cohorts of ``size``, of whom the first ``size // age`` buy at each age, and 2 in the first at age 3."""
    rows = ["customer_id,ordered_at,amount"]
    for month in range(1, months + 1):
        for age in range(months + 1 - month):
            n = 2 if (month, age) == (1, 3) else size // (age + 1)
            rows += [f"m{month}c{i:03d},2024-{month + age:02d}-10,10" for i in range(n)]
    return "\n".join(rows) + "\n"


def test_small_cells_are_hidden_with_what_would_give_them_away(make_lab: MakeLab) -> None:
    cohorts = Retention(make_lab({"orders": _many()}, as_of="2024-06-30")).cohorts("month")
    assert cohorts is not None
    third = cohorts.summary.filter(pl.col("age") == 3, pl.col("complete"))
    assert third["active"].to_list()[0] is None
    assert third["active"].null_count() == 2  # the total of the column is in the average
    assert third["cumulated_revenue"].null_count() == 2
    assert cohorts.average.filter(age=3)["active"].item() == 2 + 10 + 10
    assert cohorts.summary.filter(pl.col("age") == 1, pl.col("complete"))["active"].null_count() == 0


def test_a_small_cohort_is_left_out_and_hides_no_other(make_lab: MakeLab) -> None:
    text = _many(5) + "late,2024-06-02,10\n"
    cohorts = Retention(make_lab({"orders": text}, as_of="2024-06-30")).cohorts("month")
    assert cohorts is not None
    assert cohorts.summary.filter(age=0)["customers"].to_list() == [40] * 5
    assert cohorts.average.filter(age=0)["customers"].item() == 200
    assert cohorts.left_out == 1
    assert "1 批" in cohorts.table().payload()["note"]  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", ["bounded", "rolling", "revenue", "cumulated"])
def test_it_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str, kind: Any) -> None:
    retention = Retention(make_lab({"orders": _many()}, as_of="2024-06-30", language=language))
    chart = retention.cohort_chart(kind, "month")
    check_chart(chart, language, without=("m1c000",))
    cells = next(rows for rows in chart.to_dict()["datasets"].values() if "cohort" in rows[0])
    assert len({row["cohort"] for row in cells}) == 7
    assert ("*" in {row["text"] for row in cells}) == (kind != "rolling")
    table = retention.cohort_table("month").payload()
    assert len(table["rows"]) == 5
    by_cohort = retention.cohorts("month").cohort_table().payload()  # type: ignore[union-attr]
    assert len(by_cohort["rows"]) == 6
    assert retention.cohort_note("month").plain().strip()


def test_records_that_begin_in_the_middle_are_told(make_lab: MakeLab) -> None:
    rows = [f"old{i},2024-01-{i % 28 + 1:02d},5" for i in range(60)] + [
        f"new{i},2024-{i % 4 + 2:02d}-15,5" for i in range(20)
    ]
    text = "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"
    retention = Retention(make_lab({"orders": text}))
    note = retention.note()
    assert note is not None
    assert "60" in note.plain()
    # It is said once, and not again in every section.
    parts = (retention.cohort_note("month"), retention.second_purchase.note(), retention.lapse.note())
    assert not any("60" in part.plain() for part in parts)
    # Customers of before are not compared with new ones.
    assert "老客户" in retention.second_purchase.note().plain()
    assert "老客户" in retention.cohort_note("month").plain()
    assert Retention(make_lab({"orders": _many()})).note() is None


def test_without_orders_it_says_so(make_lab: MakeLab) -> None:
    retention = Retention(make_lab({"customers": "customer_id,city\nann,北京\n"}))
    assert retention.cohorts() is None
    for shown in (retention.cohort_chart(), retention.cohort_table(), retention.cohort_note()):
        assert isinstance(shown, Note)
        assert "data" in shown.plain()


def test_wrong_settings_are_refused(make_lab: MakeLab) -> None:
    retention = Retention(make_lab({"orders": ORDERS}))
    with pytest.raises(ParamsError, match="every is 'year'"):
        retention.cohorts("year")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="ages"):
        retention.cohorts("month", 0)
    with pytest.raises(ParamsError, match="kind is 'sums'"):
        retention.cohort_chart("sums")  # type: ignore[arg-type]


def test_first_and_last_age_are_told_of_the_same_cohorts(make_lab: MakeLab) -> None:
    # The first cohort stays as it is: 8 of 10 buy in each month. The 10 of May, seen for one month, do not.
    rows = [f"a{i},2024-{m:02d}-15,5" for i in range(10) for m in range(1, 7) if m == 1 or i < 8]
    rows += [f"b{i},2024-05-15,5" for i in range(10)]
    orders = "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"
    cohorts = Retention(make_lab({"orders": orders}, **OPEN)).cohorts("month")
    assert cohorts is not None
    assert cohorts.average["retention"][1] == pytest.approx(0.4)  # of all 20
    for text in cohorts.title():
        assert text.count("80.0%") == 2
        assert "40.0%" not in text
    assert cohorts.comparable("retention", 1, 5) == 0.8
    hidden = Retention(make_lab({"orders": orders}, privacy={"smallest_group": 5})).cohorts("month")
    assert hidden is not None
    assert hidden.comparable("retention", 1, 5) is None  # two of the ten did not buy

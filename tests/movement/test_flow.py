"""Who comes, stays, returns and goes, by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmlab.errors import ParamsError
from crmlab.intervals import wilson
from crmlab.lab import Lab
from crmlab.movement.flow import Flow
from crmlab.view.findings import Note
from tests.movement.histories import EVERYBODY, many

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {"privacy": {"smallest_group": 1}}
ORDERS = (
    "customer_id,ordered_at,amount\n"
    "ann,2024-01-05,5\nann,2024-02-05,5\nann,2024-02-06,5\nann,2024-05-01,5\n"  # stays, goes, comes back
    "bob,2024-02-10,5\nbob,2024-03-10,5\nbob,2024-03-11,-5\n"
    "cai,2024-01-31,5\ncai,2024-05-31,-9\n"  # a refund is no purchase
    "dan,2024-05-15,5\neve,2024-06-20,5\n"
)


def test_months_by_hand(make_lab: MakeLab) -> None:
    flow = Flow(make_lab({"orders": ORDERS}, as_of="2024-06-15", **OPEN))
    columns = ["period", "complete", "new", "returning", "resurrected", "dormant", "active"]
    assert flow.summary.select(columns).rows() == [
        ("2024-02", True, 1, 1, 0, 1, 2),
        ("2024-03", True, 0, 1, 0, 1, 1),
        ("2024-04", True, 0, 0, 0, 1, 0),
        ("2024-05", True, 1, 0, 1, 0, 2),
        ("2024-06", False, 0, 0, 0, 2, 0),
    ]
    assert flow.summary.select("kept", "kept_low", "kept_high").rows()[:3] == [
        (1 / 2, *wilson(1, 2)),
        (1 / 2, *wilson(1, 2)),
        (0.0, *wilson(0, 1)),
    ]
    assert flow.summary["kept"][3] is None  # nobody bought in April, so there is no share


def test_quarters_by_hand(make_lab: MakeLab) -> None:
    flow = Flow(make_lab({"orders": ORDERS}, as_of="2024-06-30", **OPEN), "quarter")
    assert flow.summary.select("period", "complete", "new", "returning", "dormant").rows() == [
        ("2024 Q2", True, 2, 1, 2)
    ]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_it_is_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    flow = Flow(make_lab({"orders": ORDERS}, as_of="2024-06-15", language=language, **OPEN))
    chart = flow.chart()
    check_chart(chart, language, without=EVERYBODY)
    data = next(rows for rows in chart.to_dict()["datasets"].values() if "value" in rows[0])
    assert {row["period"] for row in data if row["customers"]} == {
        *("2024-02", "2024-03", "2024-04", "2024-05", "2024-06*")
    }
    assert sum(row["value"] for row in data) == 7 - 2 - 5  # all who bought less all who stopped
    table = flow.table().payload()
    assert table["rows"][-1][0] == "2024-06*"
    assert "*" in table["note"]


def test_small_groups_are_hidden_with_what_would_give_them_away(make_lab: MakeLab) -> None:
    plain = Flow(make_lab(many(), **OPEN)).summary
    shown = Flow(make_lab(many(), privacy={"smallest_group": 3})).summary
    few = [
        any(0 < n < 3 for n in row)
        for row in plain.select("returning", "new", "resurrected", "dormant").rows()
    ]
    assert 0 < sum(few) < plain.height
    hidden = shown["active"].is_null().to_list()
    assert all(hid for hid, small in zip(hidden, few, strict=True) if small)
    assert sum(hidden) >= 2
    assert shown["kept"].is_null().to_list() == hidden


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 300)), min_size=1, max_size=30))
def test_the_kinds_add_up(make_lab: MakeLab, orders: list[tuple[int, int]]) -> None:
    lines = "".join(f"c{who},{date(2023, 8, 20) + timedelta(days=day)},1\n" for who, day in orders)
    lab = make_lab({"orders": f"customer_id,ordered_at,amount\n{lines}"}, **OPEN)
    rows = Flow(lab, periods=99).summary.rows(named=True)
    months = {(f"c{who}", f"{date(2023, 8, 20) + timedelta(days=day):%Y-%m}") for who, day in orders}
    months = {(who, month) for who, month in months if month <= "2024-06"}
    before = {who for who, month in months if month == min((month for _, month in months), default="")}
    for row in rows:
        active = {who for who, month in months if month == row["period"]}
        assert row["new"] + row["returning"] + row["resurrected"] == row["active"] == len(active)
        assert row["returning"] == len(active & before)
        assert row["dormant"] == len(before - active)
        before = active


@pytest.mark.parametrize("rows", ["", "a,2024-06-30,5\n"])
def test_one_period_is_no_flow(make_lab: MakeLab, rows: str) -> None:
    flow = Flow(make_lab({"orders": f"customer_id,ordered_at,amount\n{rows}"}))
    assert isinstance(flow.chart(), Note)
    assert isinstance(flow.table(), Note)


def test_periods_that_are_none(make_lab: MakeLab) -> None:
    lab = make_lab({"orders": ORDERS})
    with pytest.raises(ParamsError, match="every is month or quarter"):
        Flow(lab, "week")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="at least 1"):
        Flow(lab, periods=0)

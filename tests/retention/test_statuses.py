"""Stays in a status, replayed every 30 days, and the steps of the lifecycle, by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from crmlab.lab import Lab
from crmlab.retention import Retention
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
AS_OF = date(2024, 6, 30)
OPEN: dict[str, Any] = {
    "privacy": {"smallest_group": 1},
    "classifiers": {"status": {"dormant_after_days": 45, "lost_after_days": 80}},
}


def _orders(*purchases: tuple[str, int]) -> dict[str, str]:
    """Return orders by customer and days before the as-of day."""
    rows = [f"{who},{AS_OF - timedelta(days=ago)},5" for who, ago in purchases]
    return {"orders": "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"}


def test_stays_by_hand(make_lab: MakeLab) -> None:
    # Replays 180, 150, … 0 days ago. Ann is active at 120 and 90, dormant at 60, lost from 30 on.
    # Bob is active from 30 on. Cai was active when the replays begin, so nobody saw it begin; he is
    # dormant at 120, lost at 90 and 60, active at 30 and dormant at 0.
    lab = make_lab(_orders(("ann", 121), ("bob", 31), ("cai", 181), ("cai", 50)), as_of=f"{AS_OF}", **OPEN)
    statuses = Retention(lab).statuses
    assert [(AS_OF - day).days for day in statuses.days] == [180, 150, 120, 90, 60, 30, 0]
    active = statuses.curves["active"]
    assert (active.customers, active.ended) == (3, 2)
    assert active.days.tolist() == [30, 60]
    assert active.survival.tolist() == pytest.approx([2 / 3, 0])  # Bob's is censored at 30
    rows = {row["label"]: row for row in statuses.summary.iter_rows(named=True)}
    assert (rows["dormant"]["stays"], rows["dormant"]["ended"], rows["dormant"]["days"]) == (3, 2, 30)
    assert (rows["dormant"]["next"], rows["dormant"]["next_share"]) == ("lost", 1.0)
    assert (rows["lost"]["stays"], rows["lost"]["ended"], rows["lost"]["next"]) == (2, 1, "active")
    assert {result.as_of for result in lab.results.values()} == {AS_OF}  # replays are dropped


def test_too_short_records_say_so(make_lab: MakeLab) -> None:
    statuses = Retention(make_lab(_orders(("ann", 80)), as_of=f"{AS_OF}", **OPEN)).statuses
    assert statuses.days == []
    assert isinstance(statuses.chart(), Note)


def test_steps_by_hand(make_lab: MakeLab) -> None:
    customers = "customer_id,registered_on\n" + "".join(
        f"{who},{AS_OF - timedelta(days=ago)}\n"
        for who, ago in (("ann", 200), ("bob", 150), ("cai", 120), ("dan", 100))
    )
    tables = _orders(("ann", 180), ("ann", 150), ("bob", 100), ("cai", 120)) | {"customers": customers}
    stages = Retention(make_lab(tables, as_of=f"{AS_OF}", **OPEN)).stages()
    # Ann waited 20 days, Bob 50, Dan still waits after 100; Cai registered with the first order.
    new = stages.curves["new"]
    assert (new.customers, new.days.tolist(), new.ended) == (3, [20, 50], 2)
    rows = {row["stage"]: row for row in stages.summary.iter_rows(named=True)}
    assert rows["new"]["days"] == 50
    assert rows["new"]["share"] is None  # nobody is seen for 180 days
    # The funnel's median is of those who went on, and shorter.
    assert stages.funnel is not None
    assert stages.funnel.summary.filter(stage="new")["days"].item() < 50
    # Existing from the 91st day with a second order: Ann after 91 days; Bob and Cai have one order.
    assert (rows["existing"]["customers"], rows["existing"]["went"]) == (3, 1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_they_are_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    bought = [(f"c{i:02d}", 300 - 3 * i) for i in range(80)] + [(f"c{i:02d}", 150 - i) for i in range(40)]
    customers = "customer_id,registered_on\n" + "".join(
        f"c{i:02d},{AS_OF - timedelta(days=302 - 2 * i)}\n" for i in range(90)
    )
    tables = _orders(*bought) | {"customers": customers}
    settings = OPEN | {"privacy": {"smallest_group": 5}, "language": language}
    retention = Retention(make_lab(tables, as_of=f"{AS_OF}", **settings))
    for part in (retention.statuses, retention.stages()):
        check_chart(part.chart(), language, without=("c00",))
        assert part.table().payload()["rows"]
        assert part.note().plain().strip()
    check_chart(retention.stages().funnel_chart(), language)
    assert retention.stages().funnel_table().payload()["rows"]
    assert {"status_survival", "stage_times"} <= set(retention.saved_tables())


def test_without_its_data_the_lifecycle_says_so(make_lab: MakeLab) -> None:
    feedback = {"feedback": "feedback_id,text\n1,好\n"}
    stages = Retention(make_lab(feedback)).stages()
    for shown in (
        stages.chart(),
        stages.table(),
        stages.funnel_chart(),
        stages.funnel_table(),
        stages.note(),
    ):
        assert isinstance(shown, Note)
        assert "付款订单" in shown.plain()

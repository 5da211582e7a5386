"""Stays in a status, to the day and replayed every 30 days, and the steps of the lifecycle, by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import polars as pl
import pytest

from crmlab.lab import Lab
from crmlab.retention import Retention
from crmlab.retention.kaplan_meier import kaplan_meier
from crmlab.retention.purchases import read_purchases
from crmlab.retention.statuses import StatusSurvival
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


def _replayed(lab: Lab) -> StatusSurvival:
    return StatusSurvival(lab, read_purchases(lab))


def test_replayed_stays_by_hand(make_lab: MakeLab) -> None:
    # Replays 180, 150, … 0 days ago. Ann is active at 120 and 90, dormant at 60, lost from 30 on.
    # Bob is active from 30 on. Cai was active when the replays begin, so nobody saw it begin; he is
    # dormant at 120, lost at 90 and 60, active at 30 and dormant at 0.
    lab = make_lab(_orders(("ann", 121), ("bob", 31), ("cai", 181), ("cai", 50)), as_of=f"{AS_OF}", **OPEN)
    statuses = _replayed(lab)
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
    lab = make_lab(_orders(("ann", 80)), as_of=f"{AS_OF}", **OPEN)
    assert _replayed(lab).days == []
    assert isinstance(_replayed(lab).chart(), Note)
    nobody = Retention(make_lab({"feedback": "feedback_id,text\n1,好\n"})).statuses
    assert isinstance(nobody.chart(), Note)
    assert isinstance(nobody.table(), Note)


@pytest.mark.parametrize(
    "status",
    [
        {"dormant_after_days": 20, "lost_after_days": 45},
        {"dormant_after_days": 0, "lost_after_days": 3},
        {"method": "population_gap", "lost_multiple": 1.01},
    ],
)
def test_stays_are_those_of_every_day(make_lab: MakeLab, status: dict[str, Any]) -> None:
    # The classifier, asked on each day in turn, says the same.
    draw = random.Random(7)
    bought = [(f"c{i}", draw.randrange(100)) for i in range(12) for _ in range(draw.randrange(1, 7))]
    settings = OPEN | {"classifiers": {"status": status}}
    lab = make_lab(_orders(*bought), as_of=f"{AS_OF}", **settings)
    expected: dict[str, list[tuple[int, bool]]] = {"active": [], "dormant": [], "lost": []}
    onward: dict[str, Counter[str]] = {label: Counter() for label in expected}
    labels: dict[str, list[str]] = {}
    for ago in range(100, -1, -1):
        then = lab.classify("status", as_of=AS_OF - timedelta(days=ago))
        for customer, label in then.labels.select("customer_id", "label").iter_rows():
            if label in expected:
                labels.setdefault(customer, []).append(label)
    for days in labels.values():
        runs = [(label, len(list(run))) for label, run in groupby(days)]
        for place, (label, length) in enumerate(runs):
            ended = place < len(runs) - 1
            expected[label].append((length if ended else length - 1, ended))
            if ended:
                onward[label][runs[place + 1][0]] += 1
    statuses = Retention(lab).statuses
    for label, stays in expected.items():
        curve = statuses.curves.get(label)
        assert curve is not None or not stays
        if curve is not None:
            truth = kaplan_meier(*zip(*stays, strict=True))
            assert (curve.customers, curve.ended) == (truth.customers, truth.ended), label
            assert curve.days.tolist() == truth.days.tolist(), label
            assert curve.survival.tolist() == pytest.approx(truth.survival.tolist()), label
        row = statuses.summary.row(by_predicate=pl.col("label") == label, named=True)
        if row["next"] is not None:
            assert row["next_share"] == onward[label][row["next"]] / onward[label].total()
            assert onward[label][row["next"]] == max(onward[label].values())


def test_a_status_by_touches_has_no_limits_in_orders(make_lab: MakeLab) -> None:
    settings = OPEN | {"classifiers": {"status": {"evidence": "touches"}}}
    retention = Retention(make_lab(_orders(("ann", 200), ("ann", 30)), as_of=f"{AS_OF}", **settings))
    assert retention.lapse.curve is None
    assert "status" in retention.lapse.note().plain()
    assert len(retention.statuses.days) == 7  # replayed, for silence in orders does not tell


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


def test_steps_of_other_stages_by_hand(make_lab: MakeLab, check_chart: Callable[..., None]) -> None:
    # Everybody is known for 10 days before the first order. Half buy again after 20 days, and so grow,
    # the others after 40; with no order more, growth ends 90 days on.
    customers, bought = "customer_id,registered_on\n", []
    for i in range(12):
        customers += f"c{i},{AS_OF - timedelta(days=310)}\n"
        bought += [(f"c{i}", 300), (f"c{i}", 280 if i % 2 else 260), (f"c{i}", 30)]
    lab = make_lab(_orders(*bought) | {"customers": customers}, as_of=f"{AS_OF}", **OPEN)
    retention = Retention(lab)
    stages = retention.stages("lifecycle-stages")
    assert stages is retention.stages("lifecycle-stages")
    assert stages.curves["acquisition"].days.tolist() == [10]
    assert stages.curves["development"].days.tolist() == [20, 40]
    assert stages.curves["development"].events.tolist() == [6, 6]
    assert stages.summary["stage"].to_list()[:2] == ["acquisition", "development"]
    check_chart(stages.chart(), "zh")
    check_chart(stages.funnel_chart(), "zh")
    assert retention.saved_tables()["stage_times"]["scheme"].unique().to_list() == ["lifecycle-stages"]


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

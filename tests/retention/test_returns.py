"""Second purchase, lapse and reactivation by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from crmlab.lab import Lab
from crmlab.labels import Text
from crmlab.retention import Retention
from crmlab.retention.curves import sentence
from crmlab.view.findings import Note

MakeLab = Callable[..., Lab]
OPEN: dict[str, Any] = {
    "privacy": {"smallest_group": 1},
    "classifiers": {"status": {"dormant_after_days": 30, "lost_after_days": 60}},
}
ORDERS = (
    "customer_id,ordered_at,amount\n"
    "ann,2024-01-01,5\nann,2024-01-01,5\nann,2024-01-11,5\nann,2024-03-31,5\n"  # 10, 80 days; dormant, lost
    "bob,2024-01-01,5\nbob,2024-02-10,5\n"  # 40 days, dormant once, and again since
    "cai,2024-01-01,5\ncai,2024-06-20,-5\n"  # never again; a refund is no purchase
    "dan,2024-06-10,5\n"  # 20 days so far
)


@pytest.fixture
def retention(make_lab: MakeLab) -> Retention:
    return Retention(make_lab({"orders": ORDERS}, as_of="2024-06-30", **OPEN))


def test_second_purchase(retention: Retention) -> None:
    curve = retention.second_purchase.curves["all"]
    assert (curve.customers, curve.ended) == (4, 2)
    assert curve.days.tolist() == [10, 40]
    assert curve.at_risk.tolist() == [4, 2]  # Dan is seen for 20 days only
    assert retention.second_purchase.by(30).value == 1 / 4
    assert retention.second_purchase.by(60).value == 1 - 3 / 4 / 2
    halves = retention.second_purchase.curves
    assert (halves["earlier"].customers, halves["later"].customers) == (3, 1)


def test_lapse(retention: Retention) -> None:
    curve = retention.lapse.curve
    assert curve is not None
    # Lost on the 61st day of silence: Ann after 11 January, though she came back; Bob after 10 February.
    assert curve.days.tolist() == [61, 71, 101]
    assert (curve.customers, curve.ended) == (4, 3)
    assert curve.survival.tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    status = retention.lab.classify("status").labels.filter(label="lost")["customer_id"].to_list()
    assert status == ["ann", "bob", "cai"]


def test_a_silence_of_just_the_limit_is_none(make_lab: MakeLab) -> None:
    orders = (
        "customer_id,ordered_at,amount\n"
        "ann,2024-01-01,5\nann,2024-03-02,5\nbob,2024-01-01,5\nbob,2024-03-03,5\n"
    )
    retention = Retention(make_lab({"orders": orders}, as_of="2024-03-03", **OPEN))
    # After 61 days of silence Ann bought on the same day on which she would have been lost; Bob a day later.
    assert retention.lapse.curve is not None
    assert retention.lapse.curve.ended == 1
    at = make_lab({"orders": orders}, as_of="2024-03-02", **OPEN).classify("status")
    assert at.labels.filter(label="lost")["customer_id"].to_list() == ["bob"]


def test_reactivation(retention: Retention) -> None:
    curve = retention.reactivation.curve
    assert curve is not None
    # Ann on day 31 after 11 January, back 49 days later, and again since 1 May; Bob back after 9 days, then
    # since 12 March; Cai since 1 February. Dan is not dormant yet.
    assert (curve.customers, curve.ended) == (5, 2)
    assert curve.days.tolist() == [9, 49]
    assert retention.reactivation.by_days["share"].to_list()[:2] == pytest.approx([1 / 5, 1 - 4 / 5 * 3 / 4])
    rows = retention.reactivation.summary
    assert rows["episodes"].to_list() == [5, 2, None, None]
    assert rows["dormant_now"].to_list() == [1, 2, 0, 0]
    # Both came back more than 30 days ago: Ann fell silent again, and so did Bob.
    assert retention.reactivation.stayed[0].value == 0
    assert retention.reactivation.stayed[1] == 2


def test_who_came_back_lately_cannot_be_judged(make_lab: MakeLab) -> None:
    orders = "customer_id,ordered_at,amount\n" + "".join(
        f"{who},2024-01-01,5\n{who},2024-03-01,5\n{extra}"
        for who, extra in (("ann", "ann,2024-03-20,5\n"), ("bob", ""))
    )
    early = Retention(make_lab({"orders": orders}, as_of="2024-03-25", **OPEN)).reactivation.stayed
    assert early[1] == 0  # Ann bought again, but to count her and not Bob would flatter
    late = Retention(make_lab({"orders": orders}, as_of="2024-04-30", **OPEN)).reactivation.stayed
    assert (late[0].value, late[1]) == (0.5, 2)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_they_are_shown(make_lab: MakeLab, check_chart: Callable[..., None], language: str) -> None:
    rows = [
        f"c{i:02d},2024-0{1 + i % 3}-{1 + i % 28:02d},5\nc{i:02d},2024-0{2 + i % 4}-{1 + i % 27:02d},5"
        for i in range(60)
    ]
    orders = "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"
    settings = OPEN | {"privacy": {"smallest_group": 5}, "language": language}
    retention = Retention(make_lab({"orders": orders}, as_of="2024-06-30", **settings))
    for part in (retention.second_purchase, retention.lapse, retention.reactivation):
        check_chart(part.chart(), language, without=("c00",))
        assert part.table().payload()["rows"]
        assert part.note().plain().endswith({"zh": "。", "en": "."}[language])
    assert len(retention.figures().payload()["figures"]) >= 3
    assert len(retention.findings()) >= 3
    saved = retention.saved_tables()
    assert {"retention_cohorts", "second_purchase", "lapse", "reactivation"} <= set(saved)
    assert all("customer_id" not in frame.columns for frame in saved.values())


def test_small_groups_are_not_told(make_lab: MakeLab) -> None:
    settings = OPEN | {"privacy": {"smallest_group": 5}}
    retention = Retention(make_lab({"orders": ORDERS}, as_of="2024-06-30", **settings))
    assert retention.second_purchase.summary["share"].is_null().all()
    assert retention.reactivation.summary.select(pl.col("share", "dormant_now").null_count()).row(0)[0] == 4
    for part in (retention.second_purchase, retention.lapse, retention.reactivation):
        assert isinstance(part.chart(), Note)


def test_without_paid_orders_they_say_so(make_lab: MakeLab) -> None:
    retention = Retention(make_lab({"customers": "customer_id,city\nann,北京\n"}))
    for part in (
        retention.second_purchase,
        retention.lapse,
        retention.reactivation,
        retention.statuses,
        retention.contracts(),
    ):
        for shown in (part.chart(), part.table(), part.note()):
            assert isinstance(shown, Note)
            assert len(shown.plain()) > 10
    assert len(retention.findings()) == 1
    assert retention.saved_tables() == {}
    assert retention.figures().payload()["figures"] == []


def test_the_lapsed_who_buy_again(retention: Retention) -> None:
    # Ann lapsed 61 days after her second purchase and was back 19 days later; Bob and Cai are not back.
    curve = retention.lapse.returned
    assert curve is not None
    assert (curve.customers, curve.ended, curve.days.tolist()) == (3, 1, [19])
    said = retention.lapse.comeback()
    assert said is not None
    assert "33.3%" in said.zh
    assert any(said.zh.rstrip("。") in finding.zh for finding in retention.findings())
    assert "界限偏紧" not in said.zh


def test_a_limit_that_most_return_from_is_called_tight(make_lab: MakeLab) -> None:
    rows = [f"c{i},2024-{month}-01,5" for i in range(20) for month in ("01", "04", "06")]
    orders = "customer_id,ordered_at,amount\n" + "\n".join(rows) + "\n"
    retention = Retention(make_lab({"orders": orders}, as_of="2024-06-30", **OPEN))
    assert "界限偏紧" in retention.lapse.note().plain()
    # Nobody can lapse sooner than day 61, and all do then: no median, but what happened.
    assert "第 61 天" in retention.lapse.note().plain()


def test_what_several_parts_remark_is_said_once() -> None:
    remark, other = Text("没有订单", "No orders"), Text("没有合同", "No contracts")
    shown = Retention.together(Note(sentence(remark)), Note(remark), Note(other), None, "chart", "chart")
    assert [part if isinstance(part, str) else part.plain() for part in shown.parts] == [
        "没有订单。", "没有合同", "chart", "chart",
    ]  # fmt: skip


def test_orders_after_the_as_of_day_change_nothing(make_lab: MakeLab) -> None:
    later = ORDERS + "dan,2024-07-01,5\ncai,2024-08-01,5\nnew,2024-07-02,5\nbob,2024-07-03,-2\n"
    told = []
    for orders in (ORDERS, later):
        parts = Retention(make_lab({"orders": orders}, as_of="2024-06-30", **OPEN))
        cohorts = parts.cohorts("month")
        assert cohorts is not None
        told.append(
            [cohorts.summary, cohorts.average]
            + [
                each.summary
                for each in (parts.second_purchase, parts.lapse, parts.reactivation, parts.statuses)
            ]
        )
    for before, after in zip(*told, strict=True):
        assert before.equals(after)

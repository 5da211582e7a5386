"""Why customers leave: on the generated company, on baskets, and where there is too little to say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from crmlab.churn.reasons import ChurnReasons
from crmlab.churn.snapshots import Design
from crmlab.churn.traits import traits
from crmlab.view.findings import Note
from crmlab.view.tables import Table

if TYPE_CHECKING:
    from crmlab.lab import Lab

SETTINGS: dict[str, Any] = {"data": [{"source": "sample"}]}


@pytest.fixture(scope="module")
def company() -> Lab:
    import crmlab

    return crmlab.open("segmentation", as_of="2024-12-31", language="en", **SETTINGS)


@pytest.fixture(scope="module")
def reasons(company: Lab) -> ChurnReasons:
    return ChurnReasons(company)


def test_who_is_at_risk_and_who_is_lost(reasons: ChurnReasons, company: Lab) -> None:
    assert reasons.day == date(2024, 10, 2)
    orders = company.tables["orders"].filter(pl.col("amount_hundredths") > 0)
    days = {customer: set() for customer in orders["customer_id"].drop_nulls().unique()}  # type: ignore[var-annotated]
    for customer, day in orders.select("customer_id", "day").drop_nulls().iter_rows():
        days[customer].add(date(1970, 1, 1) + timedelta(days=day))
    today = reasons.day
    at_risk = {c for c, on in days.items() if any(today - timedelta(days=365) < day <= today for day in on)}
    back = {c for c, on in days.items() if any(today < day <= date(2024, 12, 31) for day in on)}
    assert set(reasons.customers["customer_id"]) == at_risk
    assert set(reasons.customers.filter("lost")["customer_id"]) == at_risk - back


def test_the_lead_time_does_not_count(company: Lab) -> None:
    later = ChurnReasons(company, Design(window_days=60, lead_days=30))
    assert later.day == date(2024, 10, 2)
    assert later.customers["lost"].sum() > ChurnReasons(company).customers["lost"].sum()


def test_traits_know_nothing_of_what_came_later(reasons: ChurnReasons) -> None:
    import crmlab

    then = crmlab.open("segmentation", as_of=str(reasons.day), language="en", **SETTINGS)
    known = traits(then, reasons.customers["customer_id"], reasons.day, 365)
    assert known.frame.equals(reasons.known.frame)
    assert known.traits == reasons.known.traits


def test_all_three_kinds_of_traits_are_there(reasons: ChurnReasons) -> None:
    assert set(reasons.summary["group"]) == {"behaviour", "complaints", "feedback"}
    traits_found = set(reasons.summary["trait"])
    assert {"complaint", "feedback", "negative", "order_count:low", "order_count:high"} <= traits_found
    assert any(name.startswith("aspect:") for name in traits_found)
    assert any(name.startswith("complaint:") for name in traits_found)
    smallest = reasons.lab.study.privacy.smallest_group
    assert reasons.summary.select(pl.min_horizontal("customers", "others").min()).item() >= smallest
    # What feedback says is compared among those who wrote.
    wrote = reasons.summary.filter(pl.col("trait") == "negative")
    assert wrote.select(pl.col("customers") + pl.col("others")).item() < reasons.customers.height


def test_thirds_are_counted_by_hand(reasons: ChurnReasons, company: Lab) -> None:
    counts = company.features("order_count", as_of=reasons.day).join(
        reasons.customers, on="customer_id", maintain_order="right"
    )["order_count"]
    low = sorted(counts)[(len(counts) - 1) // 3]
    trait = next(trait for trait in reasons.known.traits if trait.id == "order_count:low")
    assert trait.text.en == f"paid orders: {low} or less"
    assert trait.text.zh == f"付款订单数不超过 {low}"
    assert reasons.known.frame["order_count:low"].to_list() == [count <= low for count in counts]


def test_the_company_leaves_by_recency_and_frequency_alone(reasons: ChurnReasons) -> None:
    # Its customers buy and leave by a Pareto/NBD process: complaints and feedback do nothing by themselves.
    voiced = reasons.summary.filter(pl.col("group") != "behaviour")
    assert voiced.filter(pl.col("q") <= 0.05).height >= 3
    assert voiced.filter(pl.col("alike_q") <= 0.05).is_empty()
    first = reasons.summary.row(0, named=True)
    assert first["trait"] == "days_since_last_order:high"
    assert first["low"] > 1


def test_it_is_told_in_both_languages(company: Lab, check_chart: Callable[..., None]) -> None:
    import crmlab

    for language in ("zh", "en"):
        lab = company if language == "en" else crmlab.open("segmentation", as_of="2024-12-31", **SETTINGS)
        told = ChurnReasons(lab)
        check_chart(told.chart(), language)
        table, note = told.table(), told.note()
        assert isinstance(table, Table)
        assert table.frame.height == told.summary.height
        said = note.plain()
        assert ("not cause" if language == "en" else "关联而非因果") in said
        assert f"{told.summary.height}" in said
        assert f"{told.customers.height:,}" in said
        assert "nan" not in said.lower()


def test_too_few_customers_are_a_note(make_lab: Callable[..., Any], shop: dict[str, str]) -> None:
    few = ChurnReasons(make_lab(shop, language="en"))
    for shown in (few.chart(), few.table(), few.note()):
        assert isinstance(shown, Note)
        assert "a contrast takes at least 30 of each" in shown.plain()
    assert few.summary.is_empty()
    assert "log_odds" in few.summary.columns


def test_no_orders_are_a_note(make_lab: Callable[..., Any], shop: dict[str, str]) -> None:
    without = ChurnReasons(make_lab({"customers": shop["customers"]}, language="en"))
    assert "no table of orders" in without.note().plain()
    assert without.summary.is_empty()


def test_orders_alone_are_enough(make_lab: Callable[..., Any]) -> None:
    rows = ["order_id,customer_id,ordered_at,amount"]
    for customer in range(120):
        stays = customer % 3 > 0
        for order in range(1 + (customer % 5) * stays):
            rows.append(
                f"{customer}-{order},c{customer:03},2024-0{1 + order % 3}-{1 + order:02},{20 + customer}"
            )
        if stays:
            rows.append(f"{customer}-x,c{customer:03},2024-06-15,30")
    told = ChurnReasons(make_lab({"orders": "\n".join(rows) + "\n"}, language="en"))
    assert told.customers["lost"].sum() == 40
    assert set(told.summary["group"]) == {"behaviour"}
    low = told.summary.filter(pl.col("trait") == "order_count:low").row(0, named=True)
    assert low["low"] > 0

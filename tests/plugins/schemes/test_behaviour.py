"""Behaviour: by the last touch of any kind; prospects apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from crmlab.estimators import Estimator
from crmlab.testing import parametrize_with_checks
from crmlab_plugins.schemes.behaviour import Behaviour

COLUMNS = {
    **dict.fromkeys(
        ("order_count", "refund_count", "days_since_last_order", "days_since_last_touch"), pl.Int64
    ),
    "last_touch": pl.String,
    "last_touch_channel": pl.String,
    "days_since_registration": pl.Int64,
    "touch_count": pl.Int64,
}


def _table(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Make customers from what they did; whoever has no count of touches is not on the list either."""
    frame = pl.DataFrame([(*row, 0) for row in rows], schema=COLUMNS, orient="row")
    return frame.with_columns(customer_id=pl.format("c{}", pl.int_range(pl.len())))


PEOPLE = _table(
    (2, 0, 300, 10, "complaint", "微信", 400),
    (2, 0, 100, 100, "order", "门店", 400),
    (1, 0, 300, 200, "contact", "短信", None),
    (0, 0, None, 500, "interaction", "电话", 600),
    (None, None, None, None, None, None, 1),
    (None, None, None, None, None, None, None),
    (0, 1, None, None, None, None, 9),
    (0, 1, None, 20, "feedback", None, 9),
)


def test_classes() -> None:
    behaviour = Behaviour().fit(PEOPLE)
    expected = ["active", "silent", "churned", *["potential"] * 3, "unclassified", "active"]
    assert behaviour.predict(PEOPLE).to_list() == expected
    assert [label.zh for label in behaviour.scheme.labels] == ["活跃客户", "潜在客户", "沉默客户", "流失客户"]
    assert behaviour.confidence(PEOPLE)[3:5].to_list() == [1.0, 1.0]


def test_by_orders_the_limits_are_those_of_status() -> None:
    by_orders = Behaviour(evidence="orders").fit(PEOPLE)
    expected = ["churned", "silent", "churned", *["potential"] * 3, "unclassified", "unclassified"]
    assert by_orders.predict(PEOPLE).to_list() == expected
    assert by_orders.explain(PEOPLE).row(0) == (
        "距最近一次购买 300 天，超过流失界限 180 天；最近一次往来：投诉，微信",
        "300 days since the last order, beyond the 180-day limit for churned; last touch: complaint, 微信",
    )


def test_reasons_name_the_last_touch_and_its_channel() -> None:
    assert Behaviour().fit(PEOPLE).explain(PEOPLE).rows()[1:7] == [
        (
            "距最近一次往来（购买，门店）100 天，超过沉默界限 90 天，未超过流失界限 180 天",
            "100 days since the last touch (order, 门店), beyond the 90-day limit for silent, "
            "within the 180-day limit for churned",
        ),
        (
            "距最近一次往来（响应活动，短信）200 天，超过流失界限 180 天",
            "200 days since the last touch (campaign response, 短信), beyond the 180-day limit for churned",
        ),
        (
            "从未购买，最近一次往来（互动，电话）在 500 天前",
            "never bought; last touch (interaction, 电话) 500 days ago",
        ),
        ("从未购买，在 1 天前登记", "never bought; registered 1 day ago"),
        ("从未购买，已在客户名单中", "never bought; on the list of customers"),
        ("缺少付款订单或其他往来", "missing: paid orders or other touches"),
    ]


def test_an_order_of_nothing_puts_nobody_on_a_list() -> None:
    unlisted = PEOPLE[5:6].with_columns(touch_count=pl.lit(None, pl.Int64))
    behaviour = Behaviour().fit(PEOPLE)
    assert behaviour.predict(unlisted).to_list() == ["potential"]
    assert behaviour.explain(unlisted).row(0) == (
        "从未购买，没有登记或往来记录",
        "never bought; no registration or touch on record",
    )


@parametrize_with_checks([Behaviour(method="own_gap", lost_multiple=3)])
def test_contract(estimator: Estimator, check: Callable[[Estimator], None]) -> None:
    check(estimator)

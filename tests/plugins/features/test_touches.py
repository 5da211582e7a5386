"""Touches: what customers did, and nothing that the company did alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import polars as pl

from crmlab.summary import day_number
from crmlab_plugins.features.touches import Touches

TODAY = date(2024, 6, 30)
AT = day_number(TODAY)
EVENT = {"customer_id": pl.String, "day": pl.Int64, "channel": pl.String}


def _built(**tables: pl.DataFrame) -> dict[str, dict[str, Any]]:
    lazy = {name: nw.from_native(table.lazy()) for name, table in tables.items()}
    frame = Touches().build(lazy, TODAY).to_native().collect()
    assert set(frame.columns) == {"customer_id", *Touches.produces}
    return {row.pop("customer_id"): row for row in frame.to_dicts()}


def _events(*rows: tuple[str | None, int | None, str | None]) -> pl.DataFrame:
    """Rows of customer, days ago, channel."""
    known = [(who, None if ago is None else AT - ago, channel) for who, ago, channel in rows]
    return pl.DataFrame(known, schema=EVENT, orient="row")


def _orders(*rows: tuple[str, int, int]) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "day": pl.Int64, "amount_hundredths": pl.Int64}
    return pl.DataFrame([(who, AT - ago, amount) for who, ago, amount in rows], schema=schema, orient="row")


def test_every_kind_of_touch_counts() -> None:
    found = _built(
        orders=_orders(("a", 50, 100), ("a", 5, -100), ("a", 4, 0)),
        complaints=_events(("a", 40, "微信"), (None, 1, "微信")),
        feedback=_events(("a", 30, None), ("b", None, "app"), ("b", 20, "app")),
    )
    assert found["a"] == {
        "touch_count": 3,
        "days_since_last_touch": 30,
        "days_since_first_touch": 50,
        "last_touch": "feedback",
        "last_touch_channel": None,
        "days_since_registration": None,
    }
    assert (found["b"]["touch_count"], found["b"]["last_touch_channel"]) == (1, "app")


def test_what_the_company_began_is_no_touch() -> None:
    calls = _events(("a", 9, "电话"), ("b", 8, "电话"), ("c", 7, "电话"))
    directed = calls.with_columns(direction=pl.Series(["inbound", "outbound", None]))
    assert list(_built(interactions=directed)) == ["a"]
    assert set(_built(interactions=calls)) == {"a", "b", "c"}


def test_a_campaign_counts_from_the_answer_on() -> None:
    sent = _events(("a", 30, "短信"), ("b", 30, "短信"), ("c", 30, "邮件")).with_columns(
        opened_day=pl.Series([AT - 29, None, AT - 28]), responded_day=pl.Series([AT - 20, None, AT + 2])
    )
    found = _built(contacts=sent)
    assert set(found) == {"a", "c"}
    assert (
        found["a"] | {"days_since_last_touch": 20, "days_since_first_touch": 29, "touch_count": 1}
        == found["a"]
    )
    assert found["c"]["days_since_last_touch"] == 28
    assert _built(contacts=sent.drop("opened_day", "responded_day")) == {}


def test_of_one_day_the_order_is_the_last_touch() -> None:
    orders = _orders(("a", 3, 100))
    found = _built(
        orders=orders, interactions=_events(("a", 3, "电话")), complaints=_events(("a", 3, "邮件"))
    )
    assert (found["a"]["last_touch"], found["a"]["touch_count"]) == ("order", 3)


def test_listed_customers_have_no_touch_but_a_registration() -> None:
    customers = pl.DataFrame({"customer_id": ["x", "y", "z"], "day": [AT - 9, None, AT + 1]})
    found = _built(customers=customers, feedback=_events(("x", 2, None)))
    assert set(found) == {"x", "y"}
    assert (found["x"]["days_since_registration"], found["x"]["touch_count"]) == (9, 1)
    assert (found["y"]["days_since_registration"], found["y"]["touch_count"]) == (None, 0)
    assert _built(customers=customers)["x"]["days_since_last_touch"] is None
    assert _built(customers=customers.drop("day"))["z"]["touch_count"] == 0

"""The touches of a customer: whatever the customer did that the company has a record of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import narwhals as nw

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number

KINDS: dict[str, Text] = {
    "order": Text("购买", "order"),
    "complaint": Text("投诉", "complaint"),
    "feedback": Text("反馈", "feedback"),
    "interaction": Text("互动", "interaction"),
    "contact": Text("响应活动", "campaign response"),
}
"""What a touch can be; of several on one day the first of these is the last touch."""

_TABLES = {
    "order": "orders",
    "complaint": "complaints",
    "feedback": "feedback",
    "interaction": "interactions",
    "contact": "contacts",
}
_ANSWERS = ("opened_day", "clicked_day", "responded_day")


class Touches(Feature):
    """When a customer last gave a sign of life, how, and how often.

    A touch is what the customer did: a paid order, an interaction that the customer began, feedback
    given, a complaint opened, a campaign contact opened, clicked or answered (one touch a contact).
    What the company did alone is none. An interaction without a direction counts only where the
    table has no such column. ``last_touch`` is one of :data:`KINDS`, ``last_touch_channel`` the
    channel as the table has it. Customers without a touch have a count of 0 and nulls.
    """

    title: ClassVar[Text] = Text("客户往来", "Touches")
    optional_tables: ClassVar[tuple[str, ...]] = (*_TABLES.values(), "customers")
    produces: ClassVar[tuple[str, ...]] = (
        "touch_count",
        "days_since_last_touch",
        "days_since_first_touch",
        "last_touch",
        "last_touch_channel",
        "days_since_registration",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "touch_count": Measure("往来次数", "touches", "count"),
        "days_since_last_touch": Measure("距最近一次往来的天数", "days since the last touch", "days"),
        "days_since_first_touch": Measure("距首次往来的天数", "days since the first touch", "days"),
        "last_touch": Measure("最近一次往来的方式", "kind of the last touch", "text"),
        "last_touch_channel": Measure("最近一次往来的渠道", "channel of the last touch", "text"),
        "days_since_registration": Measure("距登记的天数", "days since registration", "days"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for everybody with a touch or in the customers table."""
        today = day_number(as_of)
        rows = [
            _rows(kind, tables[table], today)
            for kind, table in _TABLES.items()
            if table in tables and _names_customers(tables[table])
        ]
        registered = _registered(tables["customers"], today) if "customers" in tables else None
        if not rows:
            assert registered is not None, "the caller gives at least one of the optional tables"
            return _untouched(registered)
        touched = _touched(nw.concat(rows), today)
        if registered is None:
            return touched.with_columns(days_since_registration=nw.lit(None, nw.Int64))
        everybody = nw.concat([touched.select("customer_id"), registered.select("customer_id")]).unique()
        joined = everybody.join(touched, on="customer_id", how="left").join(
            registered, on="customer_id", how="left"
        )
        return joined.with_columns(touch_count=nw.col("touch_count").fill_null(0))


def _touched(rows: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Return one row per customer: the last touch, with what all of them give."""
    one = nw.col("one")
    ranked = rows.with_columns(one=nw.lit(1, nw.Int64)).with_columns(
        at=one.cum_sum().over("customer_id", order_by=["day", "place", "channel"]).cast(nw.Int64),
        touch_count=one.sum().over("customer_id").cast(nw.Int64),
        first=nw.col("began").min().over("customer_id").cast(nw.Int64),
    )
    return ranked.filter(nw.col("at") == nw.col("touch_count")).select(
        "customer_id",
        "touch_count",
        days_since_last_touch=today - nw.col("day"),
        days_since_first_touch=today - nw.col("first"),
        last_touch=nw.col("last_touch"),
        last_touch_channel=nw.when(nw.col("channel") != "").then(nw.col("channel")),
    )


def _untouched(registered: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the customers of a study that has no table of touches."""
    days, words = nw.lit(None, nw.Int64), nw.lit(None, nw.String)
    return registered.with_columns(
        touch_count=nw.lit(0, nw.Int64),
        days_since_last_touch=days,
        days_since_first_touch=days,
        last_touch=words,
        last_touch_channel=words,
    )


def _rows(kind: str, table: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Return the touches of one kind; ``began`` differs from ``day`` where one touch has several days.

    Of touches on one day, that with the greatest ``place`` is the last.
    """
    names = table.collect_schema().names()
    if kind == "contact":
        table = _answered(table, [name for name in _ANSWERS if name in names], today)
    else:
        table = table.with_columns(began=nw.col("day"))
    if kind == "order":
        table = table.filter(nw.col("amount_hundredths") > 0)
    elif kind == "interaction" and "direction" in names:
        table = table.filter(nw.col("direction") == "inbound")
    known = table.filter(~nw.col("customer_id").is_null(), ~nw.col("day").is_null(), nw.col("day") <= today)
    channel = nw.col("channel").fill_null("") if "channel" in names else nw.lit("", nw.String)
    return known.select(
        "customer_id",
        nw.col("day", "began").cast(nw.Int64),
        place=nw.lit(-list(KINDS).index(kind), nw.Int64),
        last_touch=nw.lit(kind, nw.String),
        channel=channel,
    )


def _answered(contacts: nw.LazyFrame[Any], answers: list[str], today: int) -> nw.LazyFrame[Any]:
    """Return contacts with the first and the last day on which the customer answered, null for none."""
    if not answers:
        return contacts.with_columns(day=nw.lit(None, nw.Int64), began=nw.lit(None, nw.Int64))
    known = [nw.when(nw.col(name) <= today).then(nw.col(name)) for name in answers]
    return contacts.with_columns(day=nw.max_horizontal(*known), began=nw.min_horizontal(*known))


def _registered(customers: nw.LazyFrame[Any], today: int) -> nw.LazyFrame[Any]:
    """Return everybody who was listed by then, with the days since."""
    if "day" not in customers.collect_schema().names():
        return customers.select("customer_id", days_since_registration=nw.lit(None, nw.Int64))
    listed = customers.filter(nw.col("day").is_null() | (nw.col("day") <= today))
    return listed.select("customer_id", days_since_registration=today - nw.col("day"))


def _names_customers(table: nw.LazyFrame[Any]) -> bool:
    return {"customer_id", "day"} <= set(table.collect_schema().names())

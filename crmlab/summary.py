"""The customer summary: orders → one row per customer as of a day.

Written once, as narwhals functions over a mergeable state per customer, so that the same code
serves a full run, one more batch of orders, and a replay at many days:

* :func:`lift` turns paid orders, refunds and zero amounts into a state per customer,
* :func:`combine` merges the states of disjoint batches of orders,
* :func:`finish` turns a state into features as of a day.

The dialect keeps the results bit-identical on every engine: days are Int64 days since 1970-01-01
in the study's time zone, money is Int64 hundredths, every aggregate is cast to Int64, and numbers
stay integers until one last division of two integer columns.

Policy: an order with a positive amount is paid and counts; a negative amount is a refund, which
lowers the total spend and counts as no order; a zero amount counts as neither.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw

HUNDREDTHS = 100
"""Money is kept in hundredths of the currency unit."""

_EPOCH = date(1970, 1, 1)
_ADDED = ("order_count", "refund_count", "zero_count", "spend_hundredths")


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return (day - _EPOCH).days


def until(orders: nw.LazyFrame[Any], as_of: date) -> nw.LazyFrame[Any]:
    """Keep the orders of ``as_of`` and before."""
    return orders.filter(nw.col("day") <= day_number(as_of))


def lift(orders: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Turn orders into a state per customer.

    ``orders`` has ``customer_id`` (String), ``day`` and ``amount_hundredths`` (Int64), none null.
    """
    amount, day = nw.col("amount_hundredths"), nw.col("day")
    paid = amount > 0
    rows = orders.select(
        nw.col("customer_id"),
        order_count=_one(paid),
        refund_count=_one(amount < 0),
        zero_count=_one(amount == 0),
        spend_hundredths=amount,
        first_day=nw.when(paid).then(day),
        last_day=nw.when(paid).then(day),
    )
    return _merge(rows)


def combine(*states: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Merge the states of disjoint batches of orders into one."""
    return _merge(nw.concat(list(states)))


def finish(state: nw.LazyFrame[Any], as_of: date) -> nw.LazyFrame[Any]:
    """Turn a state into features as of a day; days are whole, money is in currency units."""
    count, spend = nw.col("order_count"), nw.col("spend_hundredths")
    first, last = nw.col("first_day"), nw.col("last_day")
    today = day_number(as_of)
    # A full column, not a literal: polars divides by a literal through its reciprocal, which is one
    # ulp off for one amount in seven.
    hundred = count * 0 + HUNDREDTHS
    return state.select(
        nw.col("customer_id"),
        order_count=count,
        refund_count=nw.col("refund_count"),
        total_spend=spend / hundred,
        days_since_last_order=today - last,
        days_since_first_order=today - first,
        average_order_value=nw.when(count > 0).then(spend / (count * hundred)),
        average_days_between_orders=nw.when(count > 1).then((last - first) / (count - 1)),
    )


def gaps(orders: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return one row per gap between two consecutive days with a paid order.

    Columns ``customer_id``, ``day`` (the later day) and ``gap_days`` (Int64, at least 1).
    """
    days = orders.filter(nw.col("amount_hundredths") > 0).select("customer_id", "day").unique()
    before = nw.col("day").shift(1).over("customer_id", order_by="day")
    return (
        days.with_columns(before=before)
        .filter(~nw.col("before").is_null())
        .select("customer_id", "day", gap_days=nw.col("day") - nw.col("before"))
    )


def gap_percentiles(orders: nw.LazyFrame[Any], percent: int) -> nw.LazyFrame[Any]:
    """Return each customer's own gap percentile and that of all gaps together.

    The percentile is the order statistic of rank ``ceil(percent · n / 100)``: exact, in whole
    days. Columns ``customer_id``, ``order_gap_count``, ``own_gap_days``, ``population_gap_days``.
    """
    rows = gaps(orders)
    one = nw.col("everyone")
    ranked = rows.with_columns(everyone=nw.lit(1, nw.Int64)).with_columns(
        place=one.cum_sum().over("customer_id", order_by=["gap_days", "day"]),
        order_gap_count=one.sum().over("customer_id").cast(nw.Int64),
    )
    at = (nw.col("order_gap_count") * percent + 99) // 100
    own = ranked.filter(nw.col("place") == at).select(
        "customer_id", "order_gap_count", own_gap_days=nw.col("gap_days")
    )
    customers = orders.filter(nw.col("amount_hundredths") > 0).select("customer_id").unique()
    return (
        customers.with_columns(everyone=nw.lit(1, nw.Int64))
        .join(own, on="customer_id", how="left")
        .join(_population(rows, percent), on="everyone", how="left")
        .select(
            "customer_id",
            order_gap_count=nw.col("order_gap_count").fill_null(0),
            own_gap_days=nw.col("own_gap_days"),
            population_gap_days=nw.col("population_gap_days"),
        )
    )


def _population(rows: nw.LazyFrame[Any], percent: int) -> nw.LazyFrame[Any]:
    counts = rows.group_by("gap_days").agg(n=nw.len().cast(nw.Int64))
    counts = counts.with_columns(everyone=nw.lit(1, nw.Int64))
    counts = counts.with_columns(
        below=nw.col("n").cum_sum().over("everyone", order_by="gap_days"),
        total=nw.col("n").sum().over("everyone"),
    )
    reached = nw.col("below") >= (nw.col("total") * percent + 99) // 100
    smallest = nw.col("gap_days").min().cast(nw.Int64).alias("population_gap_days")
    return counts.filter(reached).group_by("everyone").agg(smallest)


def _merge(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    return rows.group_by("customer_id").agg(
        *[nw.col(name).sum().cast(nw.Int64) for name in _ADDED],
        nw.col("first_day").min().cast(nw.Int64),
        nw.col("last_day").max().cast(nw.Int64),
    )


def _one(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))

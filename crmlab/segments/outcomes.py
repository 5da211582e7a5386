"""What customers did in the days after a day: the yardstick of whatever was said of them on it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from crmlab.errors import ParamsError
from crmlab.summary import HUNDREDTHS, day_number

if TYPE_CHECKING:
    from crmlab.lab import Lab


def outcomes(lab: Lab, after: date, days: int) -> pl.DataFrame:
    """Return what everybody known on ``after`` did in the ``days`` days that follow it.

    One row per customer, sorted: ``customer_id``, ``next_spend`` (Float64, currency units, net of
    refunds), ``next_orders`` (Int64, paid orders), ``next_category`` (String, the category of most
    lines, ties by name; null without lines). Raises ParamsError where the days end after the study's own.
    """
    end = after + timedelta(days=days)
    if days < 1 or end > lab.study.as_of:
        raise ParamsError(
            f"The {days} days after {after} end on {end}, the study's as_of is {lab.study.as_of}: what came "
            "later is not read. Look from an earlier day, or over fewer days."
        )
    orders = lab.tables["orders"].filter(pl.col("day") > day_number(after), pl.col("day") <= day_number(end))
    spent = orders.group_by("customer_id").agg(
        hundredths=pl.col("amount_hundredths").sum(),
        next_orders=(pl.col("amount_hundredths") > 0).sum().cast(pl.Int64),
    )
    everybody = lab.features("order_count", as_of=after).select("customer_id")
    done = everybody.join(spent, on="customer_id", how="left", maintain_order="left").select(
        "customer_id",
        next_spend=pl.col("hundredths").fill_null(0) / pl.lit(HUNDREDTHS),
        next_orders=pl.col("next_orders").fill_null(0),
    )
    return done.join(_categories(lab, orders), on="customer_id", how="left", maintain_order="left")


def _categories(lab: Lab, orders: pl.DataFrame) -> pl.DataFrame:
    """Return the category that each customer bought most lines of."""
    if "order_lines" not in lab.tables:
        return pl.DataFrame(schema={"customer_id": pl.String, "next_category": pl.String})
    paid = orders.filter(pl.col("amount_hundredths") > 0).select("order_id", "customer_id")
    lines = lab.tables["order_lines"].select("order_id", "category").drop_nulls()
    return (
        lines.join(paid, on="order_id")
        .group_by("customer_id", "category")
        .len()
        .sort("customer_id", "len", "category", descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", next_category="category")
    )

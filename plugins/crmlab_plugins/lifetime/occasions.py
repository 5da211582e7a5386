"""Purchases as uses of set occasions: in which of the periods since the first purchase a customer bought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import narwhals as nw

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by

if TYPE_CHECKING:
    import polars as pl


class Occasions(Feature):
    """Whole periods of ``period_days`` since the first purchase, and in how many of them there was another.

    The period that runs is not counted. Customers without a paid order have no row.
    """

    title: ClassVar[Text] = Text("购买时段", "Purchase occasions")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = (
        "occasion_count",
        "used_occasion_count",
        "last_used_occasion",
        "occasion_days",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "occasion_count": Measure("首购后的完整时段数", "whole periods since the first purchase", "count"),
        "used_occasion_count": Measure("有购买的时段数", "periods with a purchase", "count"),
        "last_used_occasion": Measure("最近有购买的时段序号", "number of the last period with one", "count"),
        "occasion_days": Measure("每个时段的天数", "days of a period", "days"),
    }
    period_days: int = 30

    def _check_params(self) -> None:
        if self.period_days < 1:
            raise ParamsError(f"period_days is {self.period_days}; it must be 1 or more, for example 30.")

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer with a paid order."""
        today = day_number(as_of)
        orders = known_by(tables["orders"], today).filter(nw.col("amount_hundredths") > 0)
        return _used(orders, today, self.period_days)


def occasions(orders: pl.LazyFrame, today: int, period_days: int) -> pl.LazyFrame:
    """Return the columns of :class:`Occasions` from paid orders up to day number ``today``, in polars."""
    native: pl.LazyFrame = _used(nw.from_native(orders), today, period_days).to_native()
    return native


def _used(orders: nw.LazyFrame[Any], today: int, period_days: int) -> nw.LazyFrame[Any]:
    first = orders.group_by(KEY).agg(first=nw.col("day").min().cast(nw.Int64))
    since = nw.col("day") - nw.col("first")
    whole = (today - nw.col("first")) // period_days
    # Day 1 to period_days after the first purchase are the first occasion.
    at = (since + period_days - 1) // period_days
    bought = orders.select(KEY, "day").join(first, on=KEY, how="left").select(KEY, at=at, whole=whole)
    used = bought.filter((nw.col("at") > 0) & (nw.col("at") <= nw.col("whole"))).select(KEY, "at").unique()
    counted = used.group_by(KEY).agg(
        used_occasion_count=nw.len().cast(nw.Int64), last_used_occasion=nw.col("at").max().cast(nw.Int64)
    )
    return first.join(counted, on=KEY, how="left").select(
        KEY,
        whole.cast(nw.Int64).alias("occasion_count"),
        nw.col("used_occasion_count", "last_used_occasion").fill_null(0),
        occasion_days=nw.lit(period_days, nw.Int64),
    )

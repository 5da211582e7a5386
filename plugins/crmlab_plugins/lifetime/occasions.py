"""Purchases as uses of set occasions: in which of the periods since the first purchase a customer bought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, known_by

if TYPE_CHECKING:
    import narwhals as nw


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
        import narwhals as nw

        today = day_number(as_of)
        orders = known_by(tables["orders"], today).filter(pl.col("amount_hundredths") > 0)
        return nw.from_native(occasions(orders, today, self.period_days))


def occasions(orders: pl.LazyFrame, today: int, period_days: int) -> pl.LazyFrame:
    """Return the columns of :class:`Occasions` from paid orders up to day number ``today``."""
    since = pl.col("day") - pl.col("day").min()
    # Day 1 to period_days after the first purchase are the first occasion.
    at = (since + period_days - 1) // period_days
    whole = (today - pl.col("day").min()) // period_days
    used = at.filter((at > 0) & (at <= whole))
    return orders.group_by(KEY).agg(
        occasion_count=whole.cast(pl.Int64),
        used_occasion_count=used.n_unique().cast(pl.Int64),
        last_used_occasion=used.max().fill_null(0).cast(pl.Int64),
        occasion_days=pl.lit(period_days, pl.Int64),
    )

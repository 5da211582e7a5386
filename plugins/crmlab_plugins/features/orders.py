"""Features from orders: the customer summary and the gaps between orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import narwhals as nw


class OrderSummary(Feature):
    """Count, spend, first and last paid order per customer as of a day."""

    title: ClassVar[Text] = Text("订单汇总", "Order summary")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = (
        "order_count",
        "refund_count",
        "total_spend",
        "days_since_last_order",
        "days_since_first_order",
        "average_order_value",
        "average_days_between_orders",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "order_count": Measure("付款订单数", "paid orders", "count"),
        "refund_count": Measure("退款数", "refunds", "count"),
        "total_spend": Measure("累计消费", "total spend", "currency"),
        "days_since_last_order": Measure("距最近一次购买的天数", "days since the last order", "days"),
        "days_since_first_order": Measure("距首次购买的天数", "days since the first order", "days"),
        "average_order_value": Measure("平均每单金额", "average order value", "currency"),
        "average_days_between_orders": Measure("平均购买间隔", "average days between orders", "days"),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return the customer summary of :mod:`crmlab.summary`."""
        from crmlab import summary

        return summary.finish(summary.lift(summary.until(tables["orders"], as_of)), as_of)


class OrderGaps(Feature):
    """A percentile of the days between orders: the customer's own and everybody's."""

    title: ClassVar[Text] = Text("购买间隔", "Days between orders")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = ("order_gap_count", "own_gap_days", "population_gap_days")
    measures: ClassVar[Mapping[str, Measure]] = {
        "order_gap_count": Measure("购买间隔个数", "gaps between orders", "count"),
        "own_gap_days": Measure("自己的购买间隔", "own gap between orders", "days"),
        "population_gap_days": Measure("全体客户的购买间隔", "gap between orders of all customers", "days"),
    }
    percent: int = 90

    def _check_params(self) -> None:
        if not 1 <= self.percent <= 100:
            raise ParamsError(f"percent is {self.percent}; it must be from 1 to 100, for example 90.")

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return the exact percentiles of :func:`crmlab.summary.gap_percentiles`."""
        from crmlab import summary

        return summary.gap_percentiles(summary.until(tables["orders"], as_of), self.percent)

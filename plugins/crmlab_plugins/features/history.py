"""Features from a look back: what was known some time ago, and what customers did since then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab_plugins.features.baskets import Basket, main_categories
from crmlab_plugins.features.orders import OrderSummary
from crmlab_plugins.features.rows import nobody

if TYPE_CHECKING:
    import narwhals as nw

EARLIER = "earlier_"
_CATEGORY = "main_category"


class RecentHistory(Feature):
    """Customer summary and main category as of ``days`` days before the as-of day, and what was bought since.

    A rule that is learned from the first can be judged by the second, and nothing later than the
    as-of day is used. The ``earlier_…`` columns are null for customers without any order back then,
    ``earlier_main_category`` for those without a category too;
    ``recent_spend`` (net of refunds, currency units) and ``recent_orders`` (paid) are 0 where nothing
    came since.
    """

    title: ClassVar[Text] = Text(
        "回看：此前的情况与此后的购买", "Look back: as it was, and what was bought since"
    )
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    optional_tables: ClassVar[tuple[str, ...]] = ("order_lines",)
    produces: ClassVar[tuple[str, ...]] = (
        *(EARLIER + column for column in OrderSummary.produces),
        EARLIER + _CATEGORY,
        "recent_spend",
        "recent_orders",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        **{
            EARLIER + column: Measure(f"回看时的{measure.zh}", f"{measure.en} at the look back", measure.unit)
            for column, measure in (*OrderSummary.measures.items(), (_CATEGORY, Basket.measures[_CATEGORY]))
        },
        "recent_spend": Measure("近期消费", "recent spend", "currency"),
        "recent_orders": Measure("近期付款订单数", "recent paid orders", "count"),
    }
    days: int = 90

    def _check_params(self) -> None:
        if self.days < 1:
            raise ParamsError(f"days is {self.days}; it must be 1 or more, for example 90.")

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return the summary as of ``as_of`` − ``days``, and that of the days since."""
        import narwhals as nw

        from crmlab import summary

        self._check_params()
        back = as_of - timedelta(days=self.days)
        orders = summary.until(tables["orders"], as_of)
        earlier = summary.finish(summary.lift(summary.until(orders, back)), back)
        since = summary.lift(orders.filter(nw.col("day") > summary.day_number(back)))
        recent = summary.finish(since, as_of).select(
            "customer_id", recent_spend=nw.col("total_spend"), recent_orders=nw.col("order_count")
        )
        renamed = earlier.select(
            "customer_id", *(nw.col(column).alias(EARLIER + column) for column in OrderSummary.produces)
        )
        everybody = orders.select("customer_id").unique()
        return (
            everybody.join(renamed, on="customer_id", how="left")
            .join(self._category(tables, back), on="customer_id", how="left")
            .join(recent, on="customer_id", how="left")
            .with_columns(nw.col("recent_spend").fill_null(0.0), nw.col("recent_orders").fill_null(0))
        )

    def _category(self, tables: Mapping[str, nw.LazyFrame[Any]], back: date) -> nw.LazyFrame[Any]:
        """Return the main category of each customer by a day; of nobody where there are no lines."""
        import narwhals as nw

        from crmlab import summary

        if "order_lines" not in tables:
            return nobody(tables["orders"], {"customer_id": nw.String, EARLIER + _CATEGORY: nw.String})
        baskets = main_categories(tables, summary.day_number(back))
        return baskets.select("customer_id", nw.col(_CATEGORY).alias(EARLIER + _CATEGORY))

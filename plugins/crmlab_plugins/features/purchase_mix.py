"""Features from order lines: the category that a customer spends most on, and its part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab_plugins.features.rows import main_of

if TYPE_CHECKING:
    import narwhals as nw


class PurchaseMix(Feature):
    """How the money that a customer paid is spread over categories.

    Lines of paid orders with a category and a positive amount count; money, not the number of lines,
    so that an order split in two changes nothing. Of categories with equal money the first by name is
    taken. Without order lines, or without categories, all are null.
    """

    title: ClassVar[Text] = Text("购买品类构成", "Purchase mix")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    optional_tables: ClassVar[tuple[str, ...]] = ("order_lines",)
    produces: ClassVar[tuple[str, ...]] = (
        "top_category",
        "top_category_share",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "top_category": Measure("消费最多的品类", "category of most spend", "text"),
        "top_category_share": Measure(
            "消费最多的品类占消费的比例", "share of the category of most spend", "share"
        ),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer with a line that counts."""
        import narwhals as nw

        from crmlab.summary import until

        amount, category = nw.col("amount_hundredths"), nw.col("category")
        orders = until(tables["orders"], as_of).filter(amount > 0).select("order_id", "customer_id")
        lines = tables.get("order_lines")
        if lines is None or "category" not in lines.collect_schema():
            return orders.select(
                nw.col("customer_id"),
                top_category=nw.lit(None, nw.String),
                top_category_share=nw.lit(None, nw.Float64),
            ).unique()
        sums = (
            lines.select("order_id", "category", "amount_hundredths")
            .filter(~category.is_null() & (amount > 0))
            .join(orders, on="order_id", how="inner")
            .group_by("customer_id", "category")
            .agg(money=amount.sum().cast(nw.Int64))
        )
        total = nw.col("money").sum().cast(nw.Int64)
        return main_of(sums, "category", "money", total=total).select(
            "customer_id", top_category=category, top_category_share=nw.col("most") / nw.col("total")
        )

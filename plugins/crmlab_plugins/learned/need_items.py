"""Items that tell needs: what customers say they care for, and what they mainly buy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import narwhals as nw

ASPECTS: dict[str, tuple[str, ...]] = {
    "quality": ("质量", "品质", "做工", "quality"),
    "service": ("服务", "客服", "态度", "service", "staff"),
    "delivery": ("配送", "物流", "快递", "送货", "发货", "delivery", "shipping"),
    "price": ("价格", "实惠", "便宜", "性价比", "优惠", "price", "cheap", "value for money"),
    "packaging": ("包装", "packag"),
}
"""Aspect → the words by which an answer names it."""
QUESTIONS = ("原因", "看重", "重视", "在意", "多选", "reason", "why", "important", "matter", "care")
"""Words of questions that ask for needs."""
_JOINT = "┋"
_NAMES = {"quality": "质量", "service": "服务", "delivery": "配送", "price": "价格", "packaging": "包装"}


class NeedItems(Feature):
    """Which aspects a customer names as reasons, and the category of most of their spend.

    ``cares_for_…`` is true where an answer of the customer to a question for reasons, or to one with
    several choices (joined by ┋), names the aspect; false where such questions were answered without
    naming it; null where none was answered. Open texts are left to annotators, and ratings of
    satisfaction are no needs. ``need_category`` is the category with the largest spend in paid
    orders, the first by name of equals. All by the as-of day; answers without a date are left out.

    ``questions`` and ``words`` replace the words that questions for needs, and answers, are known by.
    """

    title: ClassVar[Text] = Text("需求题项", "Items that tell needs")
    optional_tables: ClassVar[tuple[str, ...]] = ("orders", "order_lines", "feedback")
    produces: ClassVar[tuple[str, ...]] = (*(f"cares_for_{aspect}" for aspect in ASPECTS), "need_category")
    measures: ClassVar[Mapping[str, Measure]] = {
        **{
            f"cares_for_{name}": Measure(f"看重{_NAMES[name]}", f"cares for {name}", "boolean")
            for name in ASPECTS
        },
        "need_category": Measure("花费最多的品类", "category of most spend", "text"),
    }

    questions: tuple[str, ...] = QUESTIONS
    words: dict[str, tuple[str, ...]] | None = None

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return the items of everybody who ordered or answered."""
        import narwhals as nw

        from crmlab.summary import day_number

        today = day_number(as_of)
        said = _collected(tables.get("feedback"), today)
        orders = _collected(tables.get("orders"), today)
        lines = _collected(tables.get("order_lines"), None)
        cares, bought = self._cares(said), _main_category(orders, lines)
        joined = cares.join(bought, on="customer_id", how="full", coalesce=True).sort("customer_id")
        frame: nw.LazyFrame[Any] = nw.from_native(joined.select("customer_id", *self.produces).lazy())
        return frame

    def _cares(self, said: pl.DataFrame) -> pl.DataFrame:
        names = [f"cares_for_{aspect}" for aspect in ASPECTS]
        if not {"question", "answer", "customer_id"} <= set(said.columns):
            return pl.DataFrame(schema={"customer_id": pl.String, **dict.fromkeys(names, pl.Boolean)})
        answer = pl.col("answer").cast(pl.String).str.to_lowercase()
        question = pl.col("question").cast(pl.String).str.to_lowercase().fill_null("")
        asks = question.str.contains(_any(self.questions)) | answer.str.contains(_JOINT, literal=True)
        given = self.words or {}
        return (
            said.drop_nulls(["customer_id", "answer"])
            .filter(asks)
            .group_by("customer_id")
            .agg(
                answer.str.contains(_any(given.get(aspect, words))).any().alias(f"cares_for_{aspect}")
                for aspect, words in ASPECTS.items()
            )
            .sort("customer_id")
        )


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word.lower()) for word in words) or "$^"


def _collected(table: nw.LazyFrame[Any] | None, today: int | None) -> pl.DataFrame:
    """Return the rows of a table by a day; none where there is no table."""
    if table is None:
        return pl.DataFrame()
    native: pl.LazyFrame = table.to_native()
    return native.filter(pl.col("day") <= today).collect() if today is not None else native.collect()


def _main_category(orders: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    if not orders.width or "category" not in lines.columns:
        return pl.DataFrame(schema={"customer_id": pl.String, "need_category": pl.String})
    paid = orders.filter(pl.col("amount_hundredths") > 0).select("order_id", "customer_id")
    return (
        lines.select("order_id", "category", spend="amount_hundredths")
        .drop_nulls("category")
        .join(paid, on="order_id")
        .group_by("customer_id", "category")
        .agg(pl.col("spend").sum())
        .sort("customer_id", "spend", "category", descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", need_category="category")
    )

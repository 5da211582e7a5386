"""Items that tell needs: what customers say they care for, and what they mainly buy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by, main_of, nobody

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
        today = day_number(as_of)
        any_table = next(iter(tables.values()))
        cares = nobody(any_table, {KEY: nw.String, **dict.fromkeys(_CARES, nw.Int64)})
        bought = nobody(any_table, {KEY: nw.String, "need_category": nw.String})
        if "feedback" in tables:
            said = known_by(tables["feedback"], today)
            if {"question", "answer"} <= set(said.collect_schema().names()):
                cares = self._cares(said)
        if {"orders", "order_lines"} <= set(tables):
            bought = _main_category(known_by(tables["orders"], today), tables["order_lines"])
        people = nw.concat([cares.select(KEY), bought.select(KEY)]).unique()
        joined = people.join(cares, on=KEY, how="left").join(bought, on=KEY, how="left")
        return joined.select(KEY, *((nw.col(name) > 0).alias(name) for name in _CARES), "need_category")

    def _cares(self, said: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Return 1 or 0 per customer and aspect."""
        given = said.filter(~nw.col("answer").is_null()).select(
            KEY, nw.col("question", "answer").cast(nw.String)
        )
        told = by_batches(given, self._told, {KEY: pl.String, **dict.fromkeys(_CARES, pl.Int64)})
        return told.group_by(KEY).agg(nw.col(name).max().cast(nw.Int64) for name in _CARES)

    def _told(self, said: pl.DataFrame) -> pl.DataFrame:
        """Tell the aspects of each answer to a question for needs; other answers are left out."""
        answer = pl.col("answer").str.to_lowercase()
        question = pl.col("question").str.to_lowercase().fill_null("")
        asks = question.str.contains(_any(self.questions)) | answer.str.contains(_JOINT, literal=True)
        given = self.words or {}
        return said.filter(asks).select(
            KEY,
            *(
                answer.str.contains(_any(given.get(aspect, words))).cast(pl.Int64).alias(name)
                for name, (aspect, words) in zip(_CARES, ASPECTS.items(), strict=True)
            ),
        )


_CARES = tuple(f"cares_for_{aspect}" for aspect in ASPECTS)


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word.lower()) for word in words) or "$^"


def _main_category(orders: nw.LazyFrame[Any], lines: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    if "category" not in lines.collect_schema().names():
        return nobody(orders, {KEY: nw.String, "need_category": nw.String})
    paid = orders.filter(nw.col("amount_hundredths") > 0).select("order_id", KEY)
    told = lines.select("order_id", nw.col("category").cast(nw.String), "amount_hundredths")
    spend = nw.col("amount_hundredths").sum().cast(nw.Int64)
    sums = (
        told.filter(~nw.col("category").is_null())
        .join(paid, on="order_id", how="inner")
        .group_by(KEY, "category")
        .agg(spend=spend)
    )
    return main_of(sums, "category", "spend").select(KEY, need_category=nw.col("category"))

"""What is in the baskets: services, repeated articles, breadth, main category."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

import narwhals as nw
import polars as pl

from crmlab.engines import by_batches
from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.rows import KEY, known_by, main_of, optional


class Basket(Feature):
    """Shares of services, of articles bought again and of the main category, per customer.

    Counted are lines with a positive amount of paid orders. A line is a service where ``item_type``
    says so; where it says nothing, where the category or the product holds one of ``service_words``
    and none of ``goods_words`` ("免安装", "tool kit"). ``repeat_share`` is the share of purchases of
    an article that the customer had bought in an earlier order: of n orders of one article n - 1
    repeat. An article is a product id or name; lines without either count for no repetition.
    """

    title: ClassVar[Text] = Text("购物篮构成", "Basket")
    tables: ClassVar[tuple[str, ...]] = ("orders", "order_lines")
    produces: ClassVar[tuple[str, ...]] = (
        "line_count",
        "service_share",
        "product_purchase_count",
        "repeat_share",
        "category_count",
        "main_category",
        "main_category_share",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        "line_count": Measure("购买明细行数", "order lines", "count"),
        "service_share": Measure("服务类占比", "share of services", "share"),
        "product_purchase_count": Measure("有商品信息的购买次数", "purchases with a known article", "count"),
        "repeat_share": Measure("重复购买同一商品的占比", "share of articles bought again", "share"),
        "category_count": Measure("购买品类数", "categories bought", "count"),
        "main_category": Measure("主要品类", "main category", "text"),
        "main_category_share": Measure("主要品类占比", "share of the main category", "share"),
    }

    service_words: tuple[str, ...] = (
        *("服务", "安装", "维修", "修理", "保养", "养护", "清洗", "咨询", "培训", "课程", "上门", "租赁"),
        *("service", "repair", "installation", "maintenance", "consulting", "training", "rental", "warranty"),
    )
    goods_words: tuple[str, ...] = (
        *("免安装", "易安装", "工具", "用品", "配件", "清洗剂", "清洗机", "保养油"),
        *("tool", "kit", "part", "accessory"),
    )

    def _check_params(self) -> None:
        if any(not word.strip() for word in (*self.service_words, *self.goods_words)):
            raise ParamsError("service_words and goods_words must hold no empty word: it is in every name.")

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row for every customer with a line that counts."""
        lines = self._lines(tables, day_number(as_of))
        counted = lines.group_by(KEY).agg(
            line_count=nw.len().cast(nw.Int64), services=nw.col("service").sum().cast(nw.Int64)
        )
        for part in (_repeats(lines), _categories(lines)):
            counted = counted.join(part, on=KEY, how="left")
        share = nw.col("services") / nw.col("line_count")
        return counted.with_columns(service_share=share).select(KEY, *self.produces)

    def _lines(self, tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> nw.LazyFrame[Any]:
        """Return customer, order, category, article and whether it is a service (1 or 0) of each line."""
        given = _bought(tables, today, "category", "product", "product_id", "item_type")
        schema = dict.fromkeys((KEY, "order_id", "category", "article"), pl.String) | {"service": pl.Int64}
        return by_batches(given, self._told, schema)

    def _told(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Tell the article of each line, and a service from goods: engines differ in what words are."""
        named = pl.concat_str("category", "product", separator="\n", ignore_nulls=True)
        names = ["category", "product"]
        # Each name once: there are many more lines than articles.
        told = (
            lines.select(names)
            .unique()
            .with_columns(by_name=holds(named, self.service_words) & ~holds(named, self.goods_words))
        )
        return lines.join(told, on=names, how="left", nulls_equal=True).select(
            KEY,
            "order_id",
            "category",
            article=pl.coalesce("product_id", "product"),
            service=pl.coalesce(pl.col("item_type") == "service", "by_name").cast(pl.Int64),
        )


def main_categories(tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> nw.LazyFrame[Any]:
    """Return ``main_category`` of each customer as :class:`Basket` does, and what it rests on."""
    return _categories(_bought(tables, today, "category"))


def holds(texts: pl.Expr, words: tuple[str, ...]) -> pl.Expr:
    """Say which texts hold one of the words; Latin ones as whole words, also in the plural."""
    if not words:
        return pl.lit(value=False)
    latin = [_escaped(word) for word in words if word.isascii()]
    han = [_escaped(word) for word in words if not word.isascii()]
    patterns = [rf"\b(?:{'|'.join(latin)})s?\b"] * bool(latin) + han
    return texts.str.contains(f"(?i){'|'.join(patterns)}").fill_null(value=False)


def _escaped(word: str) -> str:
    import re

    return re.escape(word.strip())


def _bought(tables: Mapping[str, nw.LazyFrame[Any]], today: int, *columns: str) -> nw.LazyFrame[Any]:
    """Return customer, order and the text columns of each line that counts."""
    paid = known_by(tables["orders"], today).filter(nw.col("amount_hundredths") > 0)
    lines = optional(tables["order_lines"], *columns).filter(nw.col("amount_hundredths") > 0)
    texts = lines.select("order_id", nw.col(*columns).cast(nw.String))
    return texts.join(paid.select("order_id", KEY), on="order_id", how="inner")


def _repeats(lines: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    bought = lines.filter(~nw.col("article").is_null()).select(KEY, "order_id", "article").unique()
    times = bought.group_by(KEY, "article").agg(times=nw.len().cast(nw.Int64))
    counted = times.group_by(KEY).agg(
        product_purchase_count=nw.col("times").sum().cast(nw.Int64), articles=nw.len().cast(nw.Int64)
    )
    again = nw.col("product_purchase_count") - nw.col("articles")
    return counted.with_columns(repeat_share=again / nw.col("product_purchase_count"))


def _categories(lines: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return the categories per customer; of equally frequent ones the first in the alphabet is the main."""
    named = lines.filter(~nw.col("category").is_null())
    bought = named.group_by(KEY, "category").agg(lines=nw.len().cast(nw.Int64))
    counted = main_of(
        bought,
        "category",
        "lines",
        category_count=nw.len().cast(nw.Int64),
        all_lines=nw.col("lines").sum().cast(nw.Int64),
    )
    return counted.with_columns(
        main_category=nw.col("category"), main_category_share=nw.col("most") / nw.col("all_lines")
    )

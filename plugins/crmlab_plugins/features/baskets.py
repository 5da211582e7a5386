"""What is in the baskets: services, repeated articles, breadth, main category."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from crmlab.errors import ParamsError
from crmlab.estimators import Feature
from crmlab.labels import Measure, Text
from crmlab.summary import day_number
from crmlab_plugins.features.native import KEY, known_by, native, optional

if TYPE_CHECKING:
    import narwhals as nw


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
        import narwhals as nw

        lines = self._lines(tables, day_number(as_of))
        answer = _counts(lines).join(_repeats(lines), on=KEY, how="left")
        return nw.from_native(answer.join(_categories(lines), on=KEY, how="left").select(KEY, *self.produces))

    def _lines(self, tables: Mapping[str, nw.LazyFrame[Any]], today: int) -> pl.LazyFrame:
        paid = known_by(tables["orders"], today).filter(pl.col("amount_hundredths") > 0)
        lines = optional(native(tables["order_lines"]), "category", "product", "product_id", "item_type")
        named = pl.concat_str("category", "product", separator="\n", ignore_nulls=True)
        return (
            lines.filter(pl.col("amount_hundredths") > 0)
            .select("order_id", "category", "product", "product_id", "item_type")
            .join(paid.select("order_id", KEY), on="order_id")
            .select(
                KEY,
                "order_id",
                category="category",
                article=pl.coalesce("product_id", "product"),
                service=pl.coalesce(
                    pl.col("item_type") == "service",
                    holds(named, self.service_words) & ~holds(named, self.goods_words),
                ),
            )
        )


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


def _counts(lines: pl.LazyFrame) -> pl.LazyFrame:
    counted = lines.group_by(KEY).agg(
        line_count=pl.len().cast(pl.Int64), services=pl.col("service").sum().cast(pl.Int64)
    )
    return counted.with_columns(service_share=pl.col("services") / pl.col("line_count"))


def _repeats(lines: pl.LazyFrame) -> pl.LazyFrame:
    bought = lines.filter(pl.col("article").is_not_null()).select(KEY, "order_id", "article").unique()
    times = bought.group_by(KEY, "article").agg(times=pl.len().cast(pl.Int64))
    counted = times.group_by(KEY).agg(
        product_purchase_count=pl.col("times").sum(), articles=pl.len().cast(pl.Int64)
    )
    again = pl.col("product_purchase_count") - pl.col("articles")
    return counted.with_columns(repeat_share=again / pl.col("product_purchase_count"))


def _categories(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Return the categories per customer; of equally frequent ones the first in the alphabet is the main."""
    named = lines.filter(pl.col("category").is_not_null())
    bought = named.group_by(KEY, "category").agg(lines=pl.len().cast(pl.Int64))
    ordered = bought.sort(KEY, "lines", "category", descending=[False, True, False])
    counted = ordered.group_by(KEY).agg(
        category_count=pl.len().cast(pl.Int64),
        main_category=pl.col("category").first(),
        most=pl.col("lines").first(),
        all_lines=pl.col("lines").sum(),
    )
    return counted.with_columns(main_category_share=pl.col("most") / pl.col("all_lines"))

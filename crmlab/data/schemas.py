"""The canonical tables: columns, types, rules, and their names in both languages.

``aliases`` in a column's metadata are headers that real exports use; they are matched after
trimming and case-folding. Schema files must not postpone annotations: dataframely reads them.
"""
# ruff: noqa: N805  # dataframely makes rules class methods

from datetime import date
from typing import Any

import dataframely as dy
import polars as pl

from crmlab.labels import Text
from crmlab.satisfaction import SCALES

FIRST_PLAUSIBLE_DAY = date(1990, 1, 1)


def _named(zh: str, en: str, *aliases: str) -> dict[str, Any]:
    return {"text": Text(zh, en), "aliases": (zh, en, *aliases)}


class _Table(dy.Schema):
    row = dy.UInt32(nullable=False, metadata=_named("行", "Row"))
    """Position in what the source delivered, from 0."""


class Customers(_Table):
    """One row per customer; further columns of the source are kept as they are."""

    customer_id = dy.String(
        nullable=False, metadata=_named("客户编号", "Customer ID", "客户ID", "编号", "会员号")
    )

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No customer appears twice."""
        return pl.col("customer_id").is_unique()


class Orders(_Table):
    """One row per order, refund or cancellation; amounts in hundredths of the currency unit."""

    order_id = dy.String(nullable=False, metadata=_named("订单号", "Order ID", "订单编号"))
    customer_id = dy.String(nullable=False, metadata=_named("客户编号", "Customer ID", "客户ID", "会员号"))
    ordered_at = dy.Datetime(
        nullable=False,
        time_unit="us",
        time_zone="UTC",
        metadata=_named("下单时间", "Order time", "购买时间", "订单日期", "Order date", "order_date"),
    )
    day = dy.Int64(nullable=False, metadata=_named("下单日", "Order day"))
    amount_hundredths = dy.Int64(
        nullable=False, metadata=_named("金额", "Amount", "消费金额", "订单金额", "实付金额", "total")
    )

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No order appears twice."""
        return pl.col("order_id").is_unique()

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No order is older than trade by computer."""
        return pl.col("ordered_at").dt.date() >= FIRST_PLAUSIBLE_DAY


class OrderLines(_Table):
    """One row per line of an order; the category is what a profile counts."""

    order_id = dy.String(nullable=False, metadata=_named("订单号", "Order ID"))
    category = dy.String(nullable=True, metadata=_named("品类", "Category", "商品类别"))
    amount_hundredths = dy.Int64(
        nullable=False, metadata=_named("金额", "Amount", "消费金额", "订单金额", "实付金额", "total")
    )


class Feedback(_Table):
    """One row per piece of feedback: a text, a score on a stated scale, or both."""

    feedback_id = dy.String(nullable=False, metadata=_named("反馈编号", "Feedback ID"))
    customer_id = dy.String(nullable=True, metadata=_named("客户编号", "Customer ID"))
    given_on = dy.Date(
        nullable=True,
        metadata=_named(
            "反馈日期",
            "Feedback date",
            "feedback_date",
            "评论时间",
            "评论日期",
            "评价时间",
            "日期",
            "date",
            "created_at",
        ),
    )
    text = dy.String(nullable=True, metadata=_named("反馈内容", "Feedback text", "评论", "内容", "comment"))
    score = dy.Float64(nullable=True, metadata=_named("评分", "Score", "打分", "rating"))
    scale = dy.String(nullable=True, metadata=_named("评分量表", "Scale"))
    channel = dy.String(nullable=True, metadata=_named("渠道", "Channel"))
    category = dy.String(nullable=True, metadata=_named("对象", "Subject"))
    language = dy.String(nullable=True, metadata=_named("语言", "Language"))

    @dy.rule()
    def unique_id(cls) -> pl.Expr:
        """No feedback appears twice."""
        return pl.col("feedback_id").is_unique()

    @dy.rule()
    def says_something(cls) -> pl.Expr:
        """A row carries a text or a score."""
        has_text = pl.col("text").str.strip_chars().str.len_chars() > 0
        return has_text.fill_null(value=False) | pl.col("score").is_not_null()

    @dy.rule()
    def known_scale(cls) -> pl.Expr:
        """A score states the scale that it was given on, and is a whole number of it."""
        score, scale = pl.col("score"), pl.col("scale")
        on_scale = pl.any_horizontal(
            (scale == name) & score.is_between(lowest, highest) for name, (lowest, highest) in SCALES.items()
        )
        return score.is_null() | (on_scale.fill_null(value=False) & (score == score.round()))

    @dy.rule()
    def plausible_date(cls) -> pl.Expr:
        """No feedback is older than the web."""
        return pl.col("given_on").is_null() | (pl.col("given_on") >= FIRST_PLAUSIBLE_DAY)


TABLES: dict[str, type[dy.Schema]] = {
    "customers": Customers,
    "orders": Orders,
    "order_lines": OrderLines,
    "feedback": Feedback,
}

TABLE_NAMES: dict[str, Text] = {
    "customers": Text("客户", "Customers"),
    "orders": Text("订单", "Orders"),
    "order_lines": Text("订单明细", "Order lines"),
    "feedback": Text("客户反馈", "Feedback"),
}

REASONS: dict[str, Text] = {
    "unreadable": Text("无法识别的值", "unreadable value"),
    "nullability": Text("必填项为空", "required value is missing"),
    "exact_duplicate": Text("完全重复的行", "exact duplicate row"),
    "unique_id": Text("编号重复但内容不同", "same id, different content"),
    "plausible_date": Text("日期早于 1990 年", "date before 1990"),
    "known_scale": Text("评分超出量表或量表未知", "score off its scale, or scale unknown"),
    "says_something": Text("既无文字也无评分", "neither text nor score"),
}

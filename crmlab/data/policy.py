"""What counts as a sale: refunds, cancellations, unfinished orders, zero amounts, repeated lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from crmlab.labels import Text

if TYPE_CHECKING:
    import polars as pl

Choice = Literal["exclude", "keep"]

_CURRENCIES = {
    "人民币": "CNY",
    "rmb": "CNY",
    "元": "CNY",
    "¥": "CNY",
    "￥": "CNY",
    "美元": "USD",
    "$": "USD",
    "港币": "HKD",
    "日元": "JPY",
    "欧元": "EUR",
    "€": "EUR",
    "英镑": "GBP",
    "£": "GBP",
}

_SIGNS = {
    "¥": ("CNY", "JPY"),
    "元": ("CNY", "HKD", "TWD", "MOP", "SGD"),
    "$": ("USD", "HKD", "AUD", "CAD", "SGD", "NZD", "TWD", "MOP"),
    "€": ("EUR",),
    "£": ("GBP",),
}
"""Sign at an amount → the currencies that it may stand for, the usual one first."""


class Policy(BaseModel):
    """How orders and order lines that are no plain sale are treated; a report states it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)

    refunds: Literal["net", "exclude"] = "net"
    """Negative amounts: reduce what the customer spent, or are left out. 负金额：冲减消费额，或不计。"""
    cancellations: Choice = "exclude"
    """Orders whose status is cancelled. 已取消的订单。"""
    pending: Choice = "exclude"
    """Orders whose status says that they are not completed yet. 尚未成交的订单。"""
    zero_amounts: Choice = "keep"
    """Amounts of zero; where kept they count as no purchase. 零金额：保留时也不算一次购买。"""
    repeated_lines: Choice = "keep"
    """Order lines that equal an earlier one in every column. 与前面某行完全相同的明细行。"""

    def reasons(self, table: pl.DataFrame, amount: pl.Series, currency: str | None) -> pl.Series:
        """Say for each row of orders or order lines why it is left out; null where it counts.

        ``amount`` is the amount before it was rounded to hundredths, in currency units.
        """
        import polars as pl

        checks = [pl.when(self._left_out_status("cancelled", table)).then(pl.lit("cancelled"))]
        checks.append(pl.when(self._left_out_status("pending", table)).then(pl.lit("pending")))
        returned = pl.lit("status" in table.columns) & (_status(table) == "refunded") & (pl.lit(amount) > 0)
        checks.append(pl.when(returned).then(pl.lit("refund")))
        if self.refunds == "exclude":
            checks.append(pl.when(pl.lit(amount) < 0).then(pl.lit("refund")))
        if self.zero_amounts == "exclude":
            checks.append(pl.when(pl.lit(amount) == 0).then(pl.lit("zero_amount")))
        if currency and "currency" in table.columns:
            given = pl.col("currency").str.strip_chars().str.to_lowercase()
            code = given.replace(_CURRENCIES).str.to_uppercase()
            checks.insert(0, pl.when(code != currency).then(pl.lit("other_currency")))
        return table.select(pl.coalesce(*checks).cast(pl.String).alias("reason")).to_series()

    def text(self) -> Text:
        """Say the policy in words."""
        said = [
            _REFUNDS[self.refunds],
            *(_CHOICES[name][getattr(self, name)] for name in _CHOICES),
        ]
        return Text("；".join(text.zh for text in said) + "。", "; ".join(text.en for text in said) + ".")

    def _left_out_status(self, status: str, table: pl.DataFrame) -> pl.Expr:
        import polars as pl

        choice = {"cancelled": self.cancellations, "pending": self.pending}[status]
        return pl.lit(choice == "exclude") & (_status(table) == status)


def signed_currency(amount: pl.Expr, currency: str | None) -> pl.Expr:
    """Return the currency that the sign at a written amount stands for; null where it has none.

    A sign that may stand for ``currency``, the study's, does.
    """
    sign = amount.str.extract(r"([¥￥$＄€£￡元])").replace({"￥": "¥", "＄": "$", "￡": "£"})
    meant = {sign: currency if currency in codes else codes[0] for sign, codes in _SIGNS.items()}
    return sign.replace(meant)


def _status(table: pl.DataFrame) -> pl.Expr:
    import polars as pl

    return pl.col("status") if "status" in table.columns else pl.lit(None, pl.String)


_REFUNDS = {
    "net": Text(
        "退款（负金额）冲减消费额，不算一次购买，状态为已退款的订单不计",
        "refunds (negative amounts) reduce what was spent and count as no purchase, "
        "and orders marked as refunded are left out",
    ),
    "exclude": Text("退款（负金额与已退款订单）一律不计", "refunds and refunded orders are left out"),
}
_CHOICES = {
    "cancellations": {
        "exclude": Text("已取消的订单不计", "cancelled orders are left out"),
        "keep": Text("已取消的订单照常计入", "cancelled orders count like others"),
    },
    "pending": {
        "exclude": Text("未成交的订单不计", "orders not yet completed are left out"),
        "keep": Text("未成交的订单照常计入", "orders not yet completed count like others"),
    },
    "zero_amounts": {
        "exclude": Text("零金额不计", "zero amounts are left out"),
        "keep": Text("零金额保留，但不算一次购买", "zero amounts stay, and count as no purchase"),
    },
    "repeated_lines": {
        "exclude": Text("完全重复的明细行只计一次", "repeated order lines count once"),
        "keep": Text("完全重复的明细行各计一次", "repeated order lines count each time"),
    },
}

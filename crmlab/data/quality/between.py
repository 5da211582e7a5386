"""Consistency between tables: nobody's orders, lines of no order, totals that differ."""

from __future__ import annotations

import polars as pl

from crmlab.data.quality.facts import Facts
from crmlab.data.quality.rule import Rule, Severity
from crmlab.labels import Text

_OF_CUSTOMERS: dict[str, tuple[Text, Severity]] = {
    "orders": (Text("订单", "orders"), "error"),
    "interactions": (Text("互动记录", "interactions"), "warning"),
    "feedback": (Text("反馈", "feedback"), "warning"),
    "complaints": (Text("投诉", "complaints"), "warning"),
    "contacts": (Text("活动触达", "campaign contacts"), "warning"),
    "identities": (Text("客户标识", "identities"), "warning"),
}
_OF_ORDERS = {
    "order_lines": Text("订单明细", "order lines"),
    "feedback": Text("反馈", "feedback"),
    "complaints": Text("投诉", "complaints"),
}
_OF_CAMPAIGNS = {
    "contacts": Text("活动触达", "campaign contacts"),
    "orders": Text("订单", "orders"),
    "interactions": Text("互动记录", "interactions"),
}


def _unknown(table: str, of: str, column: str, name: Text, severity: Severity) -> Rule:
    parent = _PARENTS[of]

    def violated(facts: Facts) -> pl.Expr:
        return ~pl.col(column).is_in(facts.known(of).implode())

    return Rule(
        id=f"unknown_{column.removesuffix('_id')}",
        table=table,
        dimension="consistency",
        title=Text(f"{name.zh}的{parent.zh}查无此号", f"{name.en.capitalize()} of an unknown {parent.en}"),
        advice=Text(
            f"补齐{parent.zh}表，或统一两边的编号写法（前导零、空格、大小写）。",
            f"Complete the table of {parent.en}s, or write ids alike on both sides (zeros, spaces, case).",
        ),
        needs=(column,),
        also=(of,),
        violated=violated,
        shows=(column,),
        severity=severity,
    )


_PARENTS = {
    "customers": Text("客户", "customer"),
    "orders": Text("订单", "order"),
    "campaigns": Text("活动", "campaign"),
}


def _total_differs(facts: Facts) -> pl.Expr:
    lines = facts.table("order_lines").group_by("order_id").agg(total=pl.col("amount_hundredths").sum())
    orders = facts.table("orders").join(lines, on="order_id", how="left", maintain_order="left")
    return pl.lit((orders["total"] - orders["amount_hundredths"]).abs() > 1)


RULES: tuple[Rule, ...] = (
    *(
        _unknown(table, "customers", "customer_id", name, severity)
        for table, (name, severity) in _OF_CUSTOMERS.items()
    ),
    *(_unknown(table, "orders", "order_id", name, "warning") for table, name in _OF_ORDERS.items()),
    *(_unknown(table, "campaigns", "campaign_id", name, "warning") for table, name in _OF_CAMPAIGNS.items()),
    Rule(
        id="order_total",
        table="orders",
        dimension="consistency",
        title=Text("订单金额不等于明细合计", "Order amount differs from the sum of its lines"),
        advice=Text(
            "运费与整单折扣会造成差异；没有这些时，检查明细是否导全。",
            "Shipping and discounts explain it; without them see whether all lines were exported.",
        ),
        needs=("order_id", "amount_hundredths"),
        also=("order_lines",),
        violated=_total_differs,
        shows=("amount_hundredths",),
        severity="notice",
        max_share=0.2,
    ),
)

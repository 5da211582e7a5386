"""Features from orders of periods: spend and orders of the last days, purchase days, their pace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from crmlab.estimators import Feature
from crmlab.labels import Measure, Text

if TYPE_CHECKING:
    import narwhals as nw

_MONTH = 30
"""Days of a month here, counted back from the as-of day, so that months are equally long."""
_PERIODS = {
    "last_90_days": (0, 90),
    "previous_90_days": (90, 180),
    "last_180_days": (0, 180),
    "previous_180_days": (180, 360),
    "last_365_days": (0, 365),
}
"""Name → days back at which a period begins and ends, the as-of day being day 0 of the first."""
_IN_WORDS = {
    "last_90_days": Text("近 90 天", "in the last 90 days"),
    "previous_90_days": Text("之前 90 天（91–180 天前）", "in the 90 days before these"),
    "last_180_days": Text("近 180 天", "in the last 180 days"),
    "previous_180_days": Text("之前 180 天（181–360 天前）", "in the 180 days before these"),
    "last_365_days": Text("近 365 天", "in the last 365 days"),
}


class OrderPeriods(Feature):
    """Spend and paid orders of the last days, and how often a customer buys.

    Money is net of refunds, which count on their own day; refunds and zero amounts are no orders, as
    in :mod:`crmlab.summary`. ``spend_last_90_days`` covers the as-of day and the 89 before it,
    ``spend_previous_90_days`` the 90 before these.

    * ``spend_growth``: spend of the last 180 days less that of the 180 before.
    * ``purchase_days``: days with a paid order, so that two orders of one day are one purchase.
    * ``active_months``: months of 30 days, counted back from the as-of day, with a paid order.
    * ``purchases_per_month``: purchase days after the first per 30 days since the first, null on the
      first day. The first is left out: it begins the time, and counting it makes everybody new look
      like a frequent buyer.
    """

    title: ClassVar[Text] = Text("分期订单指标", "Orders by period")
    tables: ClassVar[tuple[str, ...]] = ("orders",)
    produces: ClassVar[tuple[str, ...]] = (
        *(f"spend_{period}" for period in _PERIODS),
        *(f"orders_{period}" for period in _PERIODS),
        "spend_growth",
        "purchase_days",
        "active_months",
        "purchases_per_month",
    )
    measures: ClassVar[Mapping[str, Measure]] = {
        **{
            f"spend_{period}": Measure(f"{text.zh}消费", f"spend {text.en}", "currency")
            for period, text in _IN_WORDS.items()
        },
        **{
            f"orders_{period}": Measure(f"{text.zh}付款订单数", f"paid orders {text.en}", "count")
            for period, text in _IN_WORDS.items()
        },
        "spend_growth": Measure("近 180 天消费较之前 180 天的增减", "change in 180-day spend", "currency"),
        "purchase_days": Measure("购买天数", "days with a purchase", "count"),
        "active_months": Measure(
            "有购买的月数（每月按 30 天计）", "months of 30 days with a purchase", "count"
        ),
        "purchases_per_month": Measure(
            "首购之后每 30 天的购买次数", "purchases per 30 days since the first", "rate"
        ),
    }

    def build(self, tables: Mapping[str, nw.LazyFrame[Any]], as_of: date) -> nw.LazyFrame[Any]:
        """Return one row per customer with an order, refund or zero amount until ``as_of``."""
        import narwhals as nw

        from crmlab.summary import HUNDREDTHS, day_number, until

        orders = until(tables["orders"], as_of)
        amount, day, today = nw.col("amount_hundredths"), nw.col("day"), day_number(as_of)
        paid = amount > 0
        added: dict[str, nw.Expr] = {}
        for name, (start, end) in _PERIODS.items():
            inside = (day <= today - start) & (day > today - end)
            added[f"spend_{name}"] = nw.when(inside).then(amount).otherwise(nw.lit(0, nw.Int64))
            added[f"orders_{name}"] = _one(inside & paid)
        sums = (
            orders.select("customer_id", **added)
            .group_by("customer_id")
            .agg(*[nw.col(name).sum().cast(nw.Int64) for name in added])
        )
        days = orders.filter(paid).select("customer_id", "day").unique()
        paces = days.group_by("customer_id").agg(
            purchase_days=nw.len().cast(nw.Int64), first_day=day.min().cast(nw.Int64)
        )
        months = days.select("customer_id", month=(today - day) // _MONTH).unique()
        months = months.group_by("customer_id").agg(active_months=nw.len().cast(nw.Int64))
        joined = sums.join(paces, on="customer_id", how="left").join(months, on="customer_id", how="left")
        count, since = nw.col("purchase_days"), today - nw.col("first_day")
        # A full column, not a literal, for the division: see crmlab.summary.finish.
        hundred = nw.col("orders_last_90_days") * 0 + HUNDREDTHS
        growth = nw.col("spend_last_180_days") - nw.col("spend_previous_180_days")
        return joined.select(
            "customer_id",
            *[(nw.col(f"spend_{name}") / hundred).alias(f"spend_{name}") for name in _PERIODS],
            *[nw.col(f"orders_{name}") for name in _PERIODS],
            spend_growth=growth / hundred,
            purchase_days=count.fill_null(0),
            active_months=nw.col("active_months").fill_null(0),
            purchases_per_month=nw.when(since > 0).then((count - 1) * _MONTH / since),
        )


def _one(condition: nw.Expr) -> nw.Expr:
    import narwhals as nw

    return nw.when(condition).then(nw.lit(1, nw.Int64)).otherwise(nw.lit(0, nw.Int64))
